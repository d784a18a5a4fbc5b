"""What the journal keeps of an event: a small object for JSON, with the time on the wall clock.

Its fields are as short as its lines are many::

    {"t": 1764032462.18, "p": "web", "n": 1, "k": "end", "r": 12, "status": 1, "ran": 0.52, "next": {…}, "last": […]}

=========  =======================================================================================
``k``      and what else is in it
=========  =======================================================================================
start      a process came to life: ``pid``
ready      it is ready to serve; ``how``: by itself, or by having lived long enough
fail       it could not be started: ``why``, ``next``
end        it ended: ``status``, ``core``, ``oom``, ``ran`` (s), ``user``, ``system`` (s), ``peak`` (bytes), ``left``,
           ``next``, ``last`` (its last lines)
stop       it was told to end: ``cause`` (asked, replaced, unhealthy, not-ready, outdated, overdue), ``why``
kill       it did not, and got SIGKILL
signal     somebody had a signal sent to it: ``signal``, ``why``
asked      somebody wanted a start: ``what``, ``why``
wait       its start waits for something
swept      nothing is left of what it had left behind: ``next``
taken      an earlier supervisor left it so: ``state``, ``pid``
changed    its description is another: ``fields``, ``restart``
removed    it is described no more
warning    ``what``
reloaded   a reload is over: ``why`` it did not come to its end, if so
=========  =======================================================================================

``p``, ``n`` and ``r`` are program, instance and run. ``next`` says what follows: ``state``, and in a backoff ``in``
(seconds) and ``attempt``.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.states import (
    Backoff,
    DeadlinePassed,
    Ended,
    Fatal,
    Killing,
    Outdated,
    Overdue,
    Restart,
    Running,
    Spawned,
    SpawnFailed,
    Spawning,
    Start,
    Starting,
    Stop,
    Stopping,
    Swept,
    Unhealthy,
    Waiting,
    name_of,
    pid_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.events import Event, InstanceChanged

    Entry = dict[str, object]

ASKED, REPLACED, UNHEALTHY, NOT_READY, OUTDATED = "asked", "replaced", "unhealthy", "not-ready", "outdated"
OVERDUE = "overdue"


def entry_of(event: Event) -> Entry | None:
    """Return what is worth keeping of an event, without the time and the last lines; None: nothing."""
    if isinstance(event, events.InstanceChanged):
        found = _change(event)
        return found and {"p": event.slot.program, "n": event.slot.number, **found, "r": _run(event)}
    if isinstance(event, events.InstanceTakenOver):
        state = event.instance.state
        entry = {"k": "taken", "state": name_of(state), "pid": pid_of(state), "r": event.instance.run}
        return {"p": event.slot.program, "n": event.slot.number, **entry}
    if isinstance(event, events.Warned):
        return {"p": event.slot.program, "n": event.slot.number, "k": "warning", "what": event.what}
    if isinstance(event, events.Signalled):
        entry = {"k": "signal", "signal": event.signal, "why": event.why}
        return {"p": event.slot.program, "n": event.slot.number, **entry}
    if isinstance(event, events.ProgramsChanged | events.ReloadEnded):
        return _program(event)
    return None


def _run(event: InstanceChanged) -> int:
    """Return the run that is told of: an end is of the run that ended, also where the next one begins at once."""
    given = event.given
    return given.run if isinstance(given, Ended | SpawnFailed) else event.after.run


def _program(event: events.ProgramsChanged | events.ReloadEnded) -> Entry | None:
    if isinstance(event, events.ReloadEnded):
        return {"p": event.program, "k": "reloaded", "why": event.why}
    if event.kind == events.PROGRAM_REMOVED:
        return {"p": event.name, "k": "removed"}
    if event.kind == events.PROGRAM_CHANGED and event.fields:
        return {"p": event.name, "k": "changed", "fields": list(event.fields), "restart": event.restart}
    return None


def _change(event: InstanceChanged) -> Entry | None:
    given = event.given
    if isinstance(given, Ended):
        return _end(event, given)
    if isinstance(given, SpawnFailed):
        return {"k": "fail", "why": given.why, "next": _next(event)}
    if isinstance(given, Swept):
        return {"k": "swept", "next": _next(event)}
    if isinstance(given, Spawned):
        return {"k": "start", "pid": given.pid}
    return _moved(event)


def _moved(event: InstanceChanged) -> Entry | None:
    """Return what is worth keeping of a change that no process told of."""
    given, state, before = event.given, event.after.state, event.before.state
    if isinstance(state, Stopping) and not isinstance(before, Stopping):
        return {"k": "stop", **_cause(event)}
    if isinstance(state, Killing) and not isinstance(before, Killing):
        return {"k": "kill"}
    if isinstance(state, Running) and isinstance(before, Starting):
        return {"k": "ready", "how": "lived" if isinstance(given, DeadlinePassed) else "said"}
    if isinstance(state, Waiting) and not isinstance(before, Waiting):
        return {"k": "wait"}
    if isinstance(given, Start | Restart | Stop) and (given.why or not isinstance(state, Spawning)):
        return {"k": "asked", "what": type(given).__name__.lower(), "why": given.why}
    return None


def _cause(event: InstanceChanged) -> Entry:
    given = event.given
    if isinstance(given, Unhealthy):
        return {"cause": UNHEALTHY, "why": given.why}
    if isinstance(given, Outdated):
        return {"cause": OUTDATED, "why": given.why}
    if isinstance(given, Overdue):
        return {"cause": OVERDUE, "why": given.why}
    if isinstance(given, DeadlinePassed):
        return {"cause": NOT_READY, "why": ""}
    why = given.why if isinstance(given, Stop | Restart) else ""
    return {"cause": REPLACED if isinstance(given, Restart) else ASKED, "why": why}


def _end(event: InstanceChanged, ended: Ended) -> Entry:
    entry: Entry = {"k": "end", "status": ended.status}
    if isinstance(event.before.state, Running | Starting):
        entry["ran"] = round(event.at - event.before.state.since, 3)
    if isinstance(event.before.state, Starting):
        entry["early"] = True
    for name in ("core", "oom", "left"):
        if getattr(ended, name):
            entry[name] = True
    if ended.usage is not None:
        entry.update(user=round(ended.usage.user, 3), system=round(ended.usage.system, 3))
        if ended.usage.peak:
            entry["peak"] = ended.usage.peak
    entry["next"] = _next(event)
    return entry


def _next(event: InstanceChanged) -> Entry:
    state = event.after.state
    entry: Entry = {"state": name_of(state)}
    if isinstance(state, Backoff):
        entry.update({"in": round(state.deadline - event.at, 3), "attempt": event.after.attempt + 1})
    if isinstance(state, Fatal):
        entry.update(why=state.why, attempt=event.after.attempt)
    return entry
