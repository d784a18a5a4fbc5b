"""Events in words: one line each, or none where there is nothing to say.

A program that cannot start says why once, not at every try: the reason of the last failure is remembered for each slot
until it comes to life.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.outcome import in_words, signal_name
from ncolony.core.states import (
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Killing,
    Outdated,
    Overdue,
    Ready,
    Restart,
    Running,
    Spawned,
    SpawnFailed,
    Start,
    Starting,
    Stop,
    Stopped,
    Stopping,
    Sweeping,
    Swept,
    Unhealthy,
    Waiting,
    pid_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.events import (
        CommandRefused,
        Event,
        InstanceChanged,
        ProgramsChanged,
        ReloadEnded,
        Reread,
        Signalled,
        Warned,
    )
    from ncolony.core.states import Instance, State


class Narrator:
    """Tells a colony's story line by line. Knows what it said last of every slot, and nothing else."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._failures: dict[tuple[str, int], str] = {}

    def line(self, event: Event) -> str | None:
        """Return the line for an event, or None where people need not hear of it."""
        if isinstance(event, events.InstanceChanged):
            return self._instance(event)
        if isinstance(event, events.InstanceTakenOver):
            pid = pid_of(event.instance.state)
            return None if pid is None else f"{event.slot} runs on, pid {pid}"
        if isinstance(event, events.ProgramsChanged):
            if event.kind == events.PROGRAM_REMOVED:
                self._failures = {key: why for key, why in self._failures.items() if key[0] != event.name}
            return _program(event)
        return None if isinstance(event, events.ColonyDescribed | events.AllDescribed) else _note(event)

    def _instance(self, event: InstanceChanged) -> str | None:
        key = (event.slot.program, event.slot.number)
        given = event.given
        if isinstance(given, SpawnFailed):
            if self._failures.get(key) == given.why and not isinstance(event.after.state, Fatal):
                return None
            self._failures[key] = given.why
            return f"cannot start {str(event.slot)!r}: {given.why}; {what_next(event)}"
        if isinstance(given, Spawned | Start | Restart):  # who asks for a start gets to hear what came of it
            self._failures.pop(key, None)
        said = _change(event)
        return f"{event.slot} {said}" if said else None


def _note(event: Warned | Signalled | CommandRefused | Reread | ReloadEnded) -> str:
    if isinstance(event, events.ReloadEnded):
        return f"{event.program} {event.why or 'was reloaded'}"
    if isinstance(event, events.Reread):
        return f"{event.slot} has read its configuration anew"
    if isinstance(event, events.Warned):
        return f"{event.slot} {event.what}"
    if isinstance(event, events.Signalled):
        return f"{event.slot} gets {signal_name(event.signal)}{f' ({event.why})' if event.why else ''}"
    return f"cannot {type(event.given).__name__.lower()} {str(event.slot)!r}: {event.why}"


def _change(event: InstanceChanged) -> str | None:
    state, given = event.after.state, event.given
    if isinstance(given, Ended):
        return f"{in_words(given.status, core=given.core, oom=given.oom)}{_lived(event)}; {what_next(event)}"
    if isinstance(given, Swept):
        return f"has nothing left; {what_next(event)}"
    if isinstance(state, Running):
        return f"is ready, pid {state.pid}" if isinstance(given, Ready | DeadlinePassed) else f"runs, pid {state.pid}"
    if isinstance(state, Starting):
        return f"starts, pid {state.pid}"
    return _end_under_way(event)


def _end_under_way(event: InstanceChanged) -> str | None:
    state, before = event.after.state, event.before.state
    if isinstance(state, Killing) and not isinstance(before, Killing):
        return "did not end in time and gets SIGKILL"
    if isinstance(state, Stopping) and not isinstance(before, Stopping):
        return f"is being stopped ({_reason(event)})"
    if isinstance(state, Sweeping) and isinstance(before, Sweeping) and state.killed and not before.killed:
        return "left processes behind that did not end in time and get SIGKILL"
    return None


def _reason(event: InstanceChanged) -> str:
    given = event.given
    if isinstance(given, Unhealthy):
        return f"unhealthy: {given.why}"
    if isinstance(given, DeadlinePassed):
        return "not ready in time"
    if isinstance(given, Outdated | Overdue):
        return given.why
    asked = given.why if isinstance(given, Restart | Stop) else ""
    if isinstance(given, Restart):
        return f"to be started again: {asked}" if asked else "to be started again"
    return asked or "no longer wanted"


def _lived(event: InstanceChanged) -> str:
    state = event.before.state
    if isinstance(state, Running | Starting):
        return f" after {event.at - state.since:.3g} s"
    return ""


_NEXT: dict[type[State], str] = {
    Exited: "left as it is",
    Stopped: "stopped",
    Sweeping: "ending what it left behind first",
    Waiting: "waiting for its next start",
}


def what_next(event: InstanceChanged) -> str:
    """Say what follows a change by itself."""
    state = event.after.state
    if isinstance(state, Backoff):
        return f"next start in {state.deadline - event.at:.3g} s (attempt {event.after.attempt + 1})"
    if isinstance(state, Fatal):
        return _given_up(state, event.after)
    wanted = "starting again" if event.after.want == UP else "stopped"
    return _NEXT.get(type(state), wanted)


def _given_up(state: Fatal, instance: Instance) -> str:
    if instance.recent:  # the reason ends with the budget
        return f"given up: {state.why.rpartition('; ')[2]}"
    return f"given up after {instance.attempt} attempt{'s' * (instance.attempt != 1)}"


def _program(event: ProgramsChanged) -> str | None:
    if event.kind == events.PROGRAM_ADDED:
        started = event.program is not None and event.program.autostart
        return None if started else f"{event.name} is there; it starts when asked (autostart is false)"
    if event.kind == events.PROGRAM_REMOVED:
        return f"{event.name} was removed"
    if not event.fields:
        return None
    replaced = "is being reloaded" if event.program is not None and event.program.reload else "is being replaced"
    what = replaced if event.restart else "goes on running"
    return f"{event.name} was changed ({', '.join(event.fields)}) and {what}"
