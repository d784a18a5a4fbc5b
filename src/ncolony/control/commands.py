"""The verbs that change something: what is asked of the supervisor, and when the answer comes."""

from __future__ import annotations

import os

from ncolony.control.calls import needed
from ncolony.control.effects import Goal, Wait, asked
from ncolony.control.messages import Failure
from ncolony.control.protocol import FAILED, REFUSED
from ncolony.control.status import targets_of
from ncolony.control.targets import numbers
from ncolony.core.outcome import signal_name
from ncolony.core.program import PROCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.control.calls import Call, World
    from ncolony.core.program import Program
    from ncolony.core.snapshot import InstanceView

    Ask = Callable[[str, int | None], None]
    Aim = Callable[[InstanceView, int], Goal]


def _rests(world: World, view: InstanceView) -> bool:
    """Tell whether a start lets it wait for its time: one that has a schedule, and does not wait for it yet."""
    program = world.supervisor.programs.get(view.program)
    return program is not None and program.schedule is not None and view.state in ("stopped", "exited", "fatal")


LIVES = ("starting", "running")


def start(world: World, call: Call) -> None:
    """Have programs running."""

    def aim(view: InstanceView, of: int) -> Goal:
        return Goal(view, of, up=True, already=view.state == "running", rests=_rests(world, view))

    def ask(name: str, number: int | None) -> None:
        for one in world.supervisor.snapshot(name):
            # One that lives is what is wanted: to ask again would only be refused, and told in the log.
            if number in (None, one.number) and one.state not in LIVES:
                world.supervisor.start(name, one.number, give_reason(call))

    _command(world, call, aim, ask)


def stop(world: World, call: Call) -> None:
    """Have programs stopped."""
    hold = call.arguments.get("hold", True) is True
    running: list[tuple[str, int]] = []

    def aim(view: InstanceView, of: int) -> Goal:
        return Goal(view, of, up=False, already=view.state == "stopped")

    def ask(name: str, number: int | None) -> None:
        running.extend(
            (name, one.number)
            for one in world.supervisor.snapshot(name)
            if number in (None, one.number) and (one.state != "stopped" or one.held != hold)
        )

    _command(world, call, aim, ask, lambda: world.supervisor.stop_in_order(running, give_reason(call), hold=hold))


def restart(world: World, call: Call) -> None:
    """Have programs running in new processes."""

    def aim(view: InstanceView, of: int) -> Goal:
        run = view.run if view.state == "spawning" else view.run + 1
        return Goal(view, of, up=True, run=run, rests=_rests(world, view))

    def ask(name: str, number: int | None) -> None:
        world.supervisor.restart(name, number=number, why=give_reason(call))

    _command(world, call, aim, ask)


def signal(world: World, call: Call) -> None:
    """Send programs a signal."""
    number, scope = needed(call, "signal"), call.arguments.get("scope", PROCESS)
    assert isinstance(number, int)  # noqa: S101 - their readers have seen to it
    assert isinstance(scope, str)  # noqa: S101
    targets = targets_of(world, call, reading=False)
    sent = 0
    for name, chosen in targets.items():
        for one in [None] if chosen is None else sorted(chosen):
            sent += world.supervisor.signal(name, number, scope, one, give_reason(call))
    if sent:
        call.succeed(sent=sent)
    else:
        call.fail(FAILED, f"cannot send {signal_name(number)}: none of them has a process; start it first", sent=0)


def upgrade(world: World, call: Call) -> None:
    """Become the version that is installed now."""
    if call.wait is None:
        call.succeed(pid=os.getpid())

    def answer(why_not: str) -> None:
        if call.wait is None:
            return
        if why_not:
            call.fail(FAILED, why_not)
        else:
            call.succeed(pid=os.getpid())

    world.upgrade(answer)


def shut_down(world: World, call: Call) -> None:
    """Stop everything and end."""
    within = call.arguments.get("within")
    if call.wait is None:
        call.succeed(pid=os.getpid())
    else:
        world.farewells.append(call)
        call.keep(lambda: world.farewells.remove(call))
    world.shut_down(within if isinstance(within, float) else None)


def _command(world: World, call: Call, aim: Aim, ask: Ask, then: Callable[[], None] | None = None) -> None:
    """Ask for something of all instances that are meant, and answer when it is there.

    ``then`` is called when ``ask`` was for each of them; where there is one, they are dealt with one after the other.
    """
    if world.supervisor.closing:
        raise Failure(REFUSED, f"cannot {call.verb}: the colony is being shut down; what runs is being stopped")
    targets = targets_of(world, call, reading=False)
    programs = [world.supervisor.programs[name] for name in targets]
    goals = [goal for program in programs for goal in _goals(world, program, set(numbers(program, targets)), aim)]
    wait = None if call.wait is None else Wait(world, call, goals)
    if wait is None:
        call.succeed(instances=[asked(goal) for goal in goals])
    for name, chosen in targets.items():
        for number in [None] if chosen is None else sorted(chosen):
            ask(name, number)
    if then is not None:
        then()
    if wait is not None and call.wait is not None:
        wait.begin(waits_at_most(call, _their_own_time(programs, then is not None)))


def waits_at_most(call: Call, their_own: float) -> float:
    """Return for how many seconds an answer is waited for; ``their_own``: what the programs may take by their keys."""
    return (call.wait or 0.0) + (their_own if call.patient else 0.0)


def _goals(world: World, program: Program, wanted: set[int], aim: Aim) -> list[Goal]:
    return [aim(one, program.instances) for one in world.supervisor.snapshot(program.name) if one.number in wanted]


def _their_own_time(programs: list[Program], in_order: bool) -> float:  # noqa: FBT001 - one caller
    """Return how long the slowest of the programs may take to stop and to become ready; ``in_order`` of needs: all."""
    times = [0.0]
    for program in programs:
        rule = program.ready
        ready = 0.0 if rule is None else rule.timeout if rule.after is None else rule.after
        times.append(program.stop.timeout + ready)
    return sum(times) if in_order and any(program.needs for program in programs) else max(times)


def send(world: World, call: Call) -> None:
    """Write to the standard input of programs."""
    text = needed(call, "text")
    assert isinstance(text, str)  # noqa: S101 - its reader has seen to it
    sent = 0
    for name, chosen in targets_of(world, call, reading=False).items():
        for one in [None] if chosen is None else sorted(chosen):
            sent += world.supervisor.send(name, one, text.encode())
    if sent:
        call.succeed(sent=sent)
    else:
        call.fail(FAILED, "cannot send: none of them has a process; start it first", sent=0)


def give_reason(call: Call) -> str:
    """Return why something is asked for, and by whom, for the log."""
    why = call.arguments.get("why")
    return f"{why} (asked for by {call.who})" if isinstance(why, str) and why else f"asked for by {call.who}"
