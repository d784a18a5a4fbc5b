"""From a seed to a history, from a failing one to a short one, and from that to words.

A history is a list of moves, drawn before anything happens; what processes do is drawn from the seed, their slot and
their number. So a history with moves left out is still one, and mostly fails in the same way.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.simulation.machine import Broken, Dice
from tests.simulation.world import World, as_text

NAMES = ("a", "b", "c", "d")
STEPS = 40
PAUSES = (0.0, 0.0, 0.0, 0.02, 0.1, 0.1, 0.3, 0.3, 1.0, 1.0, 5.0, 20.0)


class Plan(NamedTuple):
    """What a history is made of."""

    seed: int
    pool: dict
    may_hide: bool
    moves: list


class Failure(NamedTuple):
    """What went wrong in a history."""

    rule: str
    what: str
    plan: Plan


def some_program(dice: Dice, place: int, taste: dict) -> str:
    """Return the text of a program's file."""
    name, choice = NAMES[place], dice.choice
    conf: dict = {"args": [name, choice(("1", "2"))]}
    conf["restart"] = {
        "policy": choice(("permanent", "permanent", "permanent", "transient", "temporary")),
        "threshold": choice((1, 1, 0.5)),
        "min_delay": choice((1, 0.25, 0.05)),
        "max_delay": choice((2, 8)),
    }
    if dice.random() < 0.2:
        conf["restart"]["attempts"] = choice((1, 3))
    if dice.random() < 0.1:
        conf["restart"]["jitter"] = 0.5
    conf["stop"] = {"timeout": choice((0, 0.5, 1, 5)), "scope": choice(("tree", "tree", "group", "process"))}
    if dice.random() < 0.5:
        conf["ready"] = choice(({"after": 0.5}, {"notify": True, "timeout": 2}, {"notify": True, "timeout": 2}))
    others = [one for one in NAMES if one != name] if taste["cycles"] else list(NAMES[:place])
    if taste["needs"] and others and dice.random() < 0.7:
        conf["needs"] = {
            other: {"is": choice(("started", "ready", "ready", "done")), "on_loss": choice(("stop", "stop", "restart"))}
            for other in dice.sample(others, choice((1, 1, min(2, len(others)))))
        }
    if dice.random() < 0.25:
        conf["instances"] = 2
    if dice.random() < 0.1:
        conf["autostart"] = False
    if dice.random() < 0.2:
        conf["priority"] = choice((1, 5))
    if taste["critical"] and dice.random() < 0.3:
        conf["critical"] = True
    if taste["groups"] and dice.random() < 0.7:
        conf["group"] = ["g"]
    return as_text(conf)


def plan_of(seed: int, steps: int = STEPS) -> Plan:
    """Draw a history."""
    dice = Dice(seed)
    taste = {
        "needs": dice.random() < 0.5,
        "cycles": dice.random() < 0.1,
        "critical": dice.random() < 0.08,
        "groups": dice.random() < 0.25,
        "disk": dice.random() < 0.2,
    }
    pool = {}
    for place, name in enumerate(NAMES):
        texts: list = [some_program(dice, place, taste) for _ in range(dice.choice((1, 2, 3)))]
        pool[name] = [*texts, *texts, None, "{"]
    first = NAMES[: dice.choice((1, 2, 3, 4))]
    moves: list = [("conf", first, 0, 0.0, False), ("boot", None, 1, 0.0, False)]
    moves += [_some_move(dice, taste) for _ in range(steps)]
    return Plan(seed, pool, not taste["disk"], moves)


def _some_move(dice: Dice, taste: dict) -> tuple:
    choice = dice.choice
    name, number = choice(NAMES), choice((1, 1, 1, 2))
    pause = (choice(PAUSES), dice.random() < 0.1)
    roll = dice.random()
    if roll < 0.17:
        return ("ask", choice(("start", "stop", "restart", "restart", "order", "all", "hup", "old")), name,
                choice((None, 1, 2)), *pause)  # fmt: skip
    if roll < 0.33:
        return ("conf", tuple(dice.sample(NAMES, choice((1, 1, 2)))), choice(range(12)), *pause)
    if roll < 0.45:
        return ("die", name, number, choice((0, 1, -9)), *pause)
    if roll < 0.52:
        return ("tell", choice(("ready", "stale", "unhealthy", "extend")), name, number, *pause)
    if roll < 0.64:
        return ("kill", choice((None, None, 1, 3, 6, choice(range(1, 60)))), *pause)
    if roll < 0.81:
        return ("boot", choice((None, None, None, choice(range(1, 60)))), choice((1, 1, 2)), *pause)
    if roll < 0.84:
        return ("upgrade", choice((None, None, choice(range(1, 40)))), *pause)
    if roll < 0.89:
        return ("strangers", choice((1, 5, 20)), choice(range(3)), choice((0.1, 1.0, 10.0)), *pause)
    if roll < 0.91:
        return ("shut_down", choice((None, 0.0, 2.0)), *pause)
    if roll < 0.92:
        return ("hurry", choice((0.0, 1.0)), *pause)
    if roll < 0.95 and taste["disk"]:
        return ("disk", choice((True, False)), *pause)
    if roll < 0.97 and taste["groups"]:
        return ("groups", choice(("one_for_one", "one_for_all", "rest_for_one")), choice((None, 2, 4)), *pause)
    return ("nothing", *pause)


def run(plan: Plan, story: list[str] | None = None) -> Failure | None:
    """Let a history happen; return what went wrong, if anything did."""
    world = World(plan.seed, plan.pool, may_hide=plan.may_hide, story=story)
    try:
        for move in plan.moves:
            world.move(move)
        world.finish()
    except Broken as broken:
        return Failure(broken.rule, str(broken), plan)
    except Exception as error:  # noqa: BLE001 - whatever comes out of a supervisor is a finding
        return Failure(type(error).__name__, f"{type(error).__name__}: {error}", plan)
    finally:
        if world.machine.life is not None:
            world.machine.life.let_go()
    return None


def shrink(failure: Failure, tries: int = 400) -> Failure:
    """Leave out moves as long as the same rule is broken, until none can be left out or ``tries`` are over."""
    best, size = failure, max(1, len(failure.plan.moves) // 2)
    while size and tries > 0:
        at = 0
        while at < len(best.plan.moves) and tries > 0:
            moves = best.plan.moves[:at] + best.plan.moves[at + size :]
            tries -= 1
            again = run(best.plan._replace(moves=moves))
            if again is not None and again.rule == failure.rule:
                best = again
            else:
                at += size
        size //= 2
    return best


def told(failure: Failure) -> str:
    """Return a failing history in words."""
    story: list[str] = []
    run(failure.plan, story)
    used = {name for move in failure.plan.moves if move[0] == "conf" for name in move[1]}
    files = [f"  {name}: {text}" for name in sorted(used) for text in dict.fromkeys(failure.plan.pool[name])]
    return "\n".join([f"seed {failure.plan.seed}: {failure.what}", "files:", *files, "history:", *story])
