"""The verb ``reload``: processes are replaced without a gap, or told by a signal to read their configuration anew."""

from __future__ import annotations

from ncolony.control.commands import give_reason, waits_at_most
from ncolony.control.effects import THERE, Goal, Wait, asked
from ncolony.control.messages import Failure
from ncolony.control.protocol import REFUSED
from ncolony.control.status import targets_of
from ncolony.control.targets import numbers
from ncolony.core import events
from ncolony.core.outcome import in_words
from ncolony.core.probespec import NOTIFY, Signs
from ncolony.core.program import PROCESS, ReloadRule
from ncolony.core.record import replace
from ncolony.core.reloadkeys import own_time
from ncolony.core.states import DOWN, Ended, Running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.control.calls import Call, World
    from ncolony.core.events import Event
    from ncolony.core.program import Program
    from ncolony.core.snapshot import InstanceView


def reload(world: World, call: Call) -> None:
    """Reload what is meant, and answer when it is done, or why it is not going to be."""
    if world.supervisor.closing:
        raise Failure(REFUSED, "cannot reload: the colony is being shut down; what runs is being stopped")
    targets = targets_of(world, call, reading=False)
    described = [world.supervisor.programs[name] for name in targets]
    programs = [program for program in described if program.schedule is None]
    if len(programs) < len(described) and call.arguments.get("all") is not True:
        jobs = ", ".join(repr(program.name) for program in described if program.schedule is not None)
        raise Failure(REFUSED, f"cannot reload {jobs}: what has a schedule is new at its next run anyway")
    wanted = {program.name: set(numbers(program, targets)) for program in programs}
    goals = [goal for program in programs for goal in _goals(world, program, wanted[program.name])]
    wait = None if call.wait is None else Wait(world, call, goals)
    if wait is None:
        call.succeed(instances=[asked(goal) for goal in goals])
    for program in programs:
        _ask(world, call, program, None if targets[program.name] is None else wanted[program.name])
    if wait is not None and call.wait is not None:
        time = max((own_time(program, _rule(call, program)) for program in programs), default=0.0)
        wait.begin(waits_at_most(call, time))


def _rule(call: Call, program: Program) -> ReloadRule:
    rule = program.reload or ReloadRule()
    parallel = call.arguments.get("max_parallel")
    return replace(rule, max_parallel=parallel) if isinstance(parallel, int) else rule


def _is_signalled(world: World, program: Program) -> bool:
    """Tell whether a signal does: not where processes are to get a description that they were not started with."""
    if program.reload is None or program.reload.signal is None or world.supervisor.is_reloading(program.name):
        return False
    views = world.supervisor.snapshot(program.name)
    return all(world.supervisor.described(program.name, view.number) is program for view in views)


def _ask(world: World, call: Call, program: Program, chosen: set[int] | None) -> None:
    why = give_reason(call)
    if not _is_signalled(world, program) or program.reload is None or program.reload.signal is None:
        world.supervisor.reload(program.name, chosen, why, _rule(call, program))
        return
    for number in [None] if chosen is None else sorted(chosen):
        world.supervisor.signal(program.name, program.reload.signal, PROCESS, number, why)


def _goals(world: World, program: Program, chosen: set[int]) -> list[Goal]:
    views = [view for view in world.supervisor.snapshot(program.name) if view.number in chosen]
    serving = any(view.state == "running" for view in views)
    if _is_signalled(world, program):
        return [_goal_of_signal(program, view) for view in views]
    return [_goal(program, view, serving=serving) for view in views]


def _goal(program: Program, view: InstanceView, *, serving: bool) -> Goal:
    """Return the goal of one that is replaced; where none of them serves, that is a restart."""
    if view.want == DOWN:
        return Goal(view, program.instances, up=True, already=True)
    if serving:
        return Goal(view, program.instances, up=True, judge=_judge_reload)
    return Goal(view, program.instances, up=True, run=view.run if view.state == "spawning" else view.run + 1)


def _goal_of_signal(program: Program, view: InstanceView) -> Goal:
    rule = program.ready
    tells = rule is not None and isinstance(rule.by, Signs) and rule.by.kind == NOTIFY
    if not tells or view.state != "running":  # it says nothing, or has none of the old to be rid of
        return Goal(view, program.instances, up=True, already=True)
    return Goal(view, program.instances, up=True, judge=_judge_signal)


def _judge_reload(event: Event) -> str | None:
    return event.why or THERE if isinstance(event, events.ReloadEnded) else None


def _judge_signal(event: Event) -> str | None:
    if isinstance(event, events.Reread):
        return THERE
    if isinstance(event, events.InstanceChanged) and not isinstance(event.after.state, Running):
        given = event.given
        return in_words(given.status) if isinstance(given, Ended) else "was stopped meanwhile"
    return None
