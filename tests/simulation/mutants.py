"""Mistakes to be made on purpose, in the core, the runtime and in taking over: the rules have to find every one.

Each is a small change of the real code, made in this process and taken back afterwards.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

from ncolony.core import kept, lifecycle, restarts
from ncolony.core.record import replace
from ncolony.core.restarts import Again
from ncolony.core.states import (
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Killing,
    Restart,
    Running,
    SpawnFailed,
    Spawning,
    Start,
    Stop,
    Stopping,
    Sweeping,
    Swept,
)
from ncolony.posix import records, recovery
from ncolony.posix.moments import Moments
from ncolony.posix.records import Records
from ncolony.runtime import rolling, roster, slots, supervisor, vital
from ncolony.runtime.checks import Check
from ncolony.runtime.dependencies import Dependencies
from ncolony.runtime.roll import Roll
from ncolony.runtime.roster import Roster
from ncolony.runtime.schedules import Schedules
from ncolony.runtime.slots import Slots
from ncolony.runtime.supervisor import Supervisor
from ncolony.runtime.unwinding import Unwinding
from ncolony.runtime.vital import Vital
from ncolony.runtime.vitals import Vitals
from tests.simulation import health, machine, ports, sockets, world

MUTANTS: dict[str, tuple] = {}


@contextmanager
def made(name: str):
    """Make a mistake for as long as this lasts."""
    undo = []
    try:
        for owner, what, value in MUTANTS[name]:
            if isinstance(owner, dict):
                undo.append((owner.__setitem__, what, owner[what]))
                owner[what] = value
            else:
                before = owner.__dict__[what] if isinstance(owner, type) else getattr(owner, what)
                undo.append((lambda what, before, owner=owner: setattr(owner, what, before), what, before))
                setattr(owner, what, value)
        yield
    finally:
        for put_back, what, before in reversed(undo):
            put_back(what, before)


def _cell(name: str, state: type, given: type, cell) -> None:
    MUTANTS[name] = ((lifecycle.TABLE, (state, given), cell),)


def _other(name: str, owner, what: str, value) -> None:
    MUTANTS[name] = ((owner, what, value),)


def _nothing(*_, **__) -> None:
    """Do nothing."""


def _later(at):
    """Only move the deadline."""
    return replace(at.instance, state=replace(at.instance.state, deadline=at.now + 5.0)), ()


def _none_left(cell):
    return lambda at: cell(replace(at, given=replace(at.given, left=False)))


# The core -------------------------------------------------------------------------------------------------------------

_cell("a running process is not told to stop", Running, Stop, lifecycle.wish_down)
_cell("a stop while it comes to life is forgotten", Spawning, Stop, lifecycle.stay)
_cell("a restart while it comes to life stops it", Spawning, Restart, lifecycle.wish_down)
_cell("no SIGKILL after the stop signal", Stopping, DeadlinePassed, _later)
_cell("no SIGKILL for what is left behind", Sweeping, DeadlinePassed, _later)
_cell("after every end comes a run, at once", Running, Ended, lifecycle.again)
_cell("after a failed start comes another, at once", Spawning, SpawnFailed, lifecycle.again)
_cell("what was stopped is started again", Stopping, Ended, lifecycle.start)
_cell("what was killed is started again", Killing, Ended, lifecycle.start)
_cell("a stop does not end a wait", Backoff, Stop, lifecycle.wish_down)
_cell("what is left after a stop is not waited for", Stopping, Ended, _none_left(lifecycle.gone))
_cell("what is left after SIGKILL is not waited for", Killing, Ended, _none_left(lifecycle.gone))
_cell("what is left after an end is not waited for", Running, Ended, _none_left(lifecycle.ended))
_cell("what is swept is always started again", Sweeping, Swept, lifecycle.again)
_cell("a start in a backoff is ignored", Backoff, Start, lifecycle.stay)
_other("a hold is forgotten at once", lifecycle, "holds", lambda at: False)
_other("stale facts count", slots, "is_stale", lambda instance, given: False)
_other("waits do not grow", restarts, "delay", lambda policy, attempt: policy.min_delay)
_other("nothing is ever given up", restarts, "after_failures", lambda policy, attempt: Again(
    restarts.delay(policy, max(attempt, 1)) if attempt else 0.0, attempt))  # fmt: skip
_other("every end wants another run", restarts, "wants_restart", lambda policy, status: True)
_other("short runs are not counted", restarts, "after_run", lambda policy, attempt, ran_for, status: (
    Again(0.0, 0) if restarts.wants_restart(policy, status) else restarts.Done()))  # fmt: skip

# What is kept ---------------------------------------------------------------------------------------------------------


def _kept(**changes):
    def text(one, to_text=kept.to_text):
        found = json.loads(to_text(one))
        return json.dumps({**found, **{name: value for name, value in changes.items() if name in found}})

    return text


_other("a hold is not kept", records, "to_text", _kept(held=False))
_other("what is wanted is not kept", records, "to_text", _kept(want=UP))
_other("failures are not kept", records, "to_text", _kept(attempt=0))
_other("the number of the run is not kept", records, "to_text", _kept(run=1))
_other("when a process started is not kept", records, "to_text", _kept(born=0))
MUTANTS["all programs mean the same"] = (
    (slots, "fingerprint", lambda program: 1),
    (roster, "fingerprint", lambda program: 1),
)
_other("records are not deleted", Records, "forget", _nothing)
_other("a slow start is taken for a quick one", records, "SLOW", 1e9)


def _record_of_before(self, event, saw=Records.saw):
    saw(self, replace(event, after=event.before) if hasattr(event, "after") else event)


_other("records are one step behind", Records, "saw", _record_of_before)

# The runtime ----------------------------------------------------------------------------------------------------------


def _part(self, place, *, left):
    if not left:
        place.process = None


def _forget(self, place):
    place.channel = None
    del self._places[place.program.name, place.number]
    self.emptied()


def _arm(self, place):
    place.timer = None
    place.armed = None
    Slots_arm(self, place)


def _close_at_once(self, closed, within=None, shut_down=Supervisor.shut_down):
    shut_down(self, _nothing, within)
    closed()


def _adopt_without(what):
    adopt = Roster._adopt

    def without(self, place, one):
        setattr(self._slots, what, _nothing)
        try:
            adopt(self, place, one)
        finally:
            delattr(self._slots, what)

    return without


def _no_stop(self, place, within=None, why=""):
    place.leaving = True


Slots_arm = Slots.arm
_other("last words come after the news of the end", Slots, "_part", _part)
_other("pipes of a removed program stay open", Roster, "forget", _forget)
_other("timers are not cancelled", Slots, "arm", _arm)
MUTANTS["what is changed keeps its process"] = (
    (supervisor, "plan", lambda current, wanted, plan=supervisor.plan: tuple(
        replace(act, restart=False) if hasattr(act, "restart") else act for act in plan(current, wanted))),
    (roster, "is_outdated", lambda *_: False),
)  # fmt: skip
_other("needs hold nobody back", Slots, "held_back", lambda self, place: "")
_other("a lost need concerns nobody", Dependencies, "_judge", _nothing)
_other("nobody hears that a need is met", Supervisor, "reconsider", _nothing)
_other("what is removed is not stopped", Roster, "part_with", _no_stop)
_other("everything is closed before it is", Supervisor, "shut_down", _close_at_once)
_other("those who wait for others are never told to stop", Unwinding, "_follow", _nothing)

# Readiness and health -------------------------------------------------------------------------------------------------


def _never_forgive(self, why, judge=Vital._judge):
    """Count all failures, not those in a row."""
    failures = self._failures
    judge(self, why)
    if not why:
        self._failures = failures


def _no_rest(self):
    """Go on with what is under way."""
    self._check = self._alarm = None


def _ready_at_once(self, at):
    self._phase, self._since = vital.STARTING, at
    self.is_ready()


_other("failures long ago count", Vital, "_judge", _never_forgive)
_other("one failure is enough", Vital, "_judge", lambda self, why: self._give_up(why) if why else None)
_other("nobody is ever given up", Vital, "_give_up", _nothing)
_other("who starts is ready", Vital, "starting", _ready_at_once)
_other("checks go on after a run", Vital, "_rest", _no_rest)
_other("nobody looks whether it calls", Vital, "_listen", _nothing)
_other("a check that is late is waited for", Check, "_be_late", _nothing)
_other("what was taken over is not looked at", Vitals, "_take_up", _nothing)
_other("who has ended is listened to", health.SimReporting, "ended", _nothing)

# Schedules ------------------------------------------------------------------------------------------------------------


def _runs_on(self, seen):
    """Do not replace it."""


def _by_the_wall(self, slot, job):
    """Wait for the next moment of an every by the clock on the wall."""
    job.next = self._loop.now() + job.rule.every
    job.timer = self._clock.call_at(self._clock.now() + job.rule.every, lambda: self._next_of_every(slot, job))
    self._come(slot, job)


def _always_due(self, slot, job):
    """Skip nothing."""
    job.due = True


def _twice(self, slot, job, next_of_every=Schedules._next_of_every):
    next_of_every(self, slot, job)
    job.due = True


_other("a run has no time limit", Schedules, "_limit", _nothing)
_other("a run is never replaced", Schedules, "_replace", _runs_on)
_other("an every goes by the wall", Schedules, "_next_of_every", _by_the_wall)
_other("what was skipped is made up", Schedules, "_skip", _always_due)
_other("every moment is worth two runs", Schedules, "_next_of_every", _twice)
_other("a moment does not come", Schedules, "_come", _nothing)
_other("a clock that was set is not looked at", Schedules, "_look_anew", _nothing)
_other("what has run is not kept", Moments, "keep", _nothing)

# Reloads and sockets --------------------------------------------------------------------------------------------------


def _at_once(self, number, run):
    """Take a new process for ready."""
    return True


def _leave_surplus(self):
    self.rest()


def _settle_without_programs(self, programs=(), settle=sockets.SimListeners.settle):
    settle(self)


_other("old ones go before new ones are ready", Roll, "_is_ready", _at_once)
_other("surplus stays", Roll, "leave_off", _leave_surplus)
_other("a reload restarts all at once", rolling, "serves", lambda place: False)
_other("old ones lose their sockets in a reload", rolling.Rolls, "sockets_besides", lambda self, name: ())
_other("sockets of who is stopped are not taken over", sockets.SimListeners, "settle", _settle_without_programs)
MUTANTS["sockets are not taken over"] = (
    (sockets.SimListeners, "take_over", _nothing),
    (sockets.SimListeners, "settle", _settle_without_programs),
)
MUTANTS["sockets are closed at every end"] = (
    (Slots, "_part", lambda self, place, *, left, part=Slots._part: (
        self.listeners.close(place.program.name), part(self, place, left=left))),
)  # fmt: skip

# Taking over ----------------------------------------------------------------------------------------------------------


def _complete_without_marks(found, now, colony, looks, complete=recovery._complete):
    complete(found, now, colony, replace(looks, marked=lambda colony: {}))


def _youngest_first(self, colony, marked=machine.Machine.marked):
    return {mark: pids[::-1] for mark, pids in marked(self, colony).items()}


def _any_mark(mark, started, born, run):
    at = started()
    return mark is not None or (at is not None and born - 100 <= at <= born + 1)


def _mark_alone(mark, started, born, run, tells=ports.tells_run):
    return mark.decode().partition("/")[2] == run if mark is not None else tells(mark, started, born, run)


_other("deadlines are not taken over", Roster, "_adopt", _adopt_without("arm"))
_other("nobody looks for marks", recovery, "_complete", _complete_without_marks)
_other("the youngest of a run is taken for its first", machine.Machine, "marked", _youngest_first)
_other("who has the pid is the process", ports, "tells_run", lambda mark, started, born, run: True)
_other("any mark will do", ports, "tells_run", _any_mark)
_other("the mark alone tells a process", ports, "tells_run", _mark_alone)
_other("without a mark it is a stranger", ports, "tells_run", lambda mark, started, born, run, tells=ports.tells_run: (
    mark is not None and tells(mark, started, born, run)))  # fmt: skip
_other("a start cut short is begun anew, wanted or not", recovery, "Stopped", lambda: Backoff(0.0))
_other("what is left behind is not taken over", roster, "Sweeping", type("Nobody", (), {}))
_other("what is left over is never settled", world, "settle", _nothing)
_other("nothing is recovered", world, "recover", lambda *_: {})
