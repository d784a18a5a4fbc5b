"""From a seed to a history, from a failing one to a short one, and from that to words.

A history is a list of moves, drawn before anything happens; what processes do is drawn from the seed, their slot and
their number. So a history with moves left out is still one, and mostly fails in the same way.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.simulation.machine import Broken, Dice
from tests.simulation.schedules import CRON, NOWHERE
from tests.simulation.world import World, as_text

NAMES = ("a", "b", "c", "d")
STEPS = 40
JUMPS = (90.0, -90.0, 3600.0, -3600.0, 100000.0, -100000.0)  # seconds by which clocks are set
PAUSES = (0.0, 0.0, 0.0, 0.02, 0.1, 0.1, 0.3, 0.3, 1.0, 1.0, 5.0, 20.0)


class Plan(NamedTuple):
    """What a history is made of."""

    seed: int
    pool: dict
    may_hide: bool
    moves: list
    knows_of_sets: bool = True
    """The system tells when its clock is set."""
    jump: float = 0.0
    """By how much the clock is set when all is well already."""


class Failure(NamedTuple):
    """What went wrong in a history."""

    rule: str
    what: str
    plan: Plan


def some_program(dice: Dice, place: int, taste: dict) -> str:
    """Return the text of a program's file."""
    name, choice = NAMES[place], dice.choice
    conf: dict = {"args": [name, choice(("1", "2"))], "restart": _some_restart(dice)}
    conf["stop"] = {"timeout": choice((0, 0.5, 1, 5)), "scope": choice(("tree", "tree", "group", "process"))}
    if dice.random() < 0.5:
        conf["ready"] = choice(READY if taste["health"] else READY[:3])
    if taste["health"] and dice.random() < 0.7:
        conf["health"] = _some_health(dice)
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
    if taste["sockets"] and dice.random() < 0.7:
        conf["sockets"] = {
            port: f"tcp://127.0.0.1:{port[1:]}{place}" for port in dice.sample(("p80", "p81", "p82"), choice((1, 2)))
        }
    if taste["groups"] and dice.random() < 0.7:
        conf["group"] = ["g"]
    if taste["schedules"] and name == NAMES[-1] and dice.random() < 0.8:
        conf["schedule"] = _some_schedule(dice)
        conf["restart"] = {name: conf["restart"][name] for name in ("min_delay", "max_delay")}
    else:
        conf |= _for_those_that_stay(dice, taste)
    return as_text(conf)


def _some_restart(dice: Dice) -> dict:
    choice = dice.choice
    rule = {
        "policy": choice(("permanent", "permanent", "permanent", "transient", "temporary")),
        "threshold": choice((1, 1, 0.5)),
        "min_delay": choice((1, 0.25, 0.05)),
        "max_delay": choice((2, 8)),
    }
    if dice.random() < 0.2:
        rule["attempts"] = choice((1, 3))
    if dice.random() < 0.1:
        rule["jitter"] = 0.5
    return rule


def _for_those_that_stay(dice: Dice, taste: dict) -> dict:
    """Return keys that a program with a schedule cannot have."""
    conf: dict = {}
    if taste["reloads"] and dice.random() < 0.7:
        rules = (True, {"min_healthy": 0}, {"max_parallel": 2, "min_healthy": 0.5}, {"drain": 2})
        conf |= {"reload": dice.choice(rules), "instances": dice.choice((1, 1, 2, 3))}
    if taste["critical"] and dice.random() < 0.3:
        conf["critical"] = True
    return conf


READY = (
    {"after": 0.5},
    {"notify": True, "timeout": 2},
    {"notify": True, "timeout": 2},
    {"tcp": 80, "timeout": 2, "period": 0.3},
)


def _some_health(dice: Dice) -> dict:
    choice = dice.choice
    if dice.random() < 0.3:
        return {"watchdog": choice((2, 10)), "grace": choice((0, 3))}
    return {
        "tcp": 81,
        "period": choice((2, 5, 20)),
        "timeout": choice((0.5, 1)),
        "failures": choice((1, 2, 3)),
        "successes": choice((1, 1, 2)),
        "grace": choice((0, 0, 3)),
    }


def _some_schedule(dice: Dice) -> dict:
    choice = dice.choice
    rule: dict = {"overlap": choice(("skip", "skip", "queue", "replace")), "retries": choice((0, 0, 1, 2))}
    if dice.random() < 0.5:
        rule["every"] = choice((1.5, 5, 20, 20, 60))
        if dice.random() < 0.2:
            rule["jitter"] = 1
    else:
        rule |= {"cron": choice(tuple(CRON)), "zone": choice(("UTC", "UTC", "UTC", "UTC", NOWHERE))}
        rule["catch_up"] = choice((False, True))
    if dice.random() < 0.4:
        rule["timeout"] = choice((0.3, 2, 10))
        if dice.random() < 0.5:
            rule["grace"] = choice((0, 1))
    return rule


def plan_of(seed: int, steps: int = STEPS) -> Plan:
    """Draw a history."""
    dice = Dice(seed)
    taste = {
        "needs": dice.random() < 0.5,
        "cycles": dice.random() < 0.1,
        "critical": dice.random() < 0.08,
        "groups": dice.random() < 0.25,
        "disk": dice.random() < 0.2,
        "health": dice.random() < 0.35,
        "schedules": dice.random() < 0.3,
        "reloads": dice.random() < 0.3,
        "sockets": dice.random() < 0.25,
        "clock": dice.random() < 0.3,
    }
    taste["clock"] |= taste["schedules"]
    taste["cycles"] = taste["cycles"] and not taste["schedules"]
    pool = {}
    for place, name in enumerate(NAMES):
        texts: list = [some_program(dice, place, taste) for _ in range(dice.choice((1, 2, 3)))]
        pool[name] = [*texts, *texts, None, "{"]
    first = NAMES if taste["schedules"] else NAMES[: dice.choice((1, 2, 3, 4))]
    moves: list = [("conf", first, 0, 0.0, False), ("boot", None, 1, 0.0, False)]
    moves += [_some_move(dice, taste) for _ in range(steps)]
    return Plan(
        seed, pool, not taste["disk"], moves, dice.random() < 0.8, dice.choice(JUMPS) if taste["clock"] else 0.0
    )


def _some_move(dice: Dice, taste: dict) -> tuple:
    choice = dice.choice
    name, number = choice(NAMES), choice((1, 1, 1, 2))
    pause = (choice(PAUSES), dice.random() < 0.1)
    roll = dice.random()
    if roll < 0.17:
        return ("ask", choice(("start", "stop", "restart", "reload", "order", "all", "hup", "old")), name,
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
    if roll < 0.95 and (taste["disk"] or taste["clock"]):
        ticks = ("clock", choice(JUMPS), *pause)
        return ("disk", choice((True, False)), *pause) if taste["disk"] else ticks
    if roll < 0.97 and taste["groups"]:
        return ("groups", choice(("one_for_one", "one_for_all", "rest_for_one")), choice((None, 2, 4)), *pause)
    return ("nothing", *pause)


def run(plan: Plan, story: list[str] | None = None) -> Failure | None:
    """Let a history happen; return what went wrong, if anything did."""
    world = World(plan.seed, plan.pool, may_hide=plan.may_hide, story=story)
    world.machine.knows_of_sets = plan.knows_of_sets
    try:
        for move in plan.moves:
            world.move(move)
        world.finish(plan.jump)
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
