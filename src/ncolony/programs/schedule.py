"""One command, run again and again: what to do when. Pure: no clock, no process, no log; runner.py carries it out.

The rules. The first run starts at once; the starts after it are counted from that moment, whole periods apart, however
long runs take. There are never two runs at a time: a start that comes while a run lives is skipped, and the line about
that run's end says so. After its timeout a run gets SIGTERM, and SIGCONT so that a paused one hears it; after the grace
SIGKILL, repeated until it is gone. Asked to stop, it starts nothing more and ends what runs; the patience is then
:data:`STOP_PATIENCE` at most, because whoever asked has little of it: a colony kills its programs after 5 seconds
unless told otherwise, and a scheduler that is killed leaves its command behind.
"""

# ruff: noqa: S101 - assert tells the type checker what the table has seen to

from __future__ import annotations

from math import floor
from signal import SIGCONT, SIGKILL, SIGTERM
from typing import TYPE_CHECKING

from ncolony.core.errors import ImpossibleInput
from ncolony.core.outcome import in_words
from ncolony.core.record import record, replace
from ncolony.core.states import DeadlinePassed, Ended, Signal, Spawn, Spawned, SpawnFailed, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_PATIENCE = 3.0
KILL_AGAIN = 1.0
INFO, WARN, ERROR = "info", "warn", "error"


@record
class Job:
    """What was asked for. Times in seconds; without a timeout, a run may take as long as it likes."""

    args: tuple[str, ...]
    every: float
    timeout: float | None
    grace: float


# States: `deadline`, where there is one, is when it wants to be woken -------------------------------------------------


@record
class Waiting:
    """No run; the next starts at the deadline."""

    deadline: float


@record
class Spawning:
    """A run was asked for; whether it came to life is not known yet."""


@record
class Running:
    """A run lives; its timeout ends at the deadline."""

    since: float
    deadline: float | None


@record
class Ending:
    """The run was told to end; at the deadline comes SIGKILL."""

    since: float
    deadline: float


@record
class Killing:
    """The run got SIGKILL; at the deadline it gets it again. ``said``: that it does not help."""

    since: float
    deadline: float
    said: bool


@record
class Over:
    """No run, and none to come."""


State = Waiting | Spawning | Running | Ending | Killing | Over
Input = Stop | Spawned | SpawnFailed | Ended | DeadlinePassed


@record
class Say:
    """Tell people something."""

    line: str
    level: str = INFO


Output = Spawn | Signal | Say


@record
class Schedule:
    """Where a job stands."""

    state: State
    origin: float
    """When the first run was due."""
    beat: int = 0
    """The number of the latest start, or of the one waited for; beat n is n periods after the origin."""
    run: int = 0
    stopping: bool = False


Step = tuple[Schedule, tuple[Output, ...]]


@record
class Moment:
    """All that a cell may look at."""

    schedule: Schedule
    job: Job
    given: Input
    now: float


def begin(now: float) -> Schedule:
    """Return a schedule whose first start is due now."""
    return Schedule(Waiting(now), now)


def step(schedule: Schedule, job: Job, given: Input, now: float) -> Step:
    """Return the schedule after ``given``, and the outputs to carry out in order.

    Raises :class:`ImpossibleInput` for a fact that cannot happen in this state.
    """
    return TABLE[type(schedule.state), type(given)](Moment(schedule, job, given, now))


def deadline_of(schedule: Schedule) -> float | None:
    """Return the moment at which it wants to be woken, or None."""
    return getattr(schedule.state, "deadline", None)


# Cells ----------------------------------------------------------------------------------------------------------------


def start(at: Moment) -> Step:
    """Ask for a run. Where we were woken too late for one or more starts, this is the latest of them."""
    schedule = at.schedule
    beat = max(schedule.beat, _beat_after(at) - 1)
    late = beat - schedule.beat
    said = (Say(f"{_name(at)} starts late: {_skipped(late)}", WARN),) if late else ()
    run = schedule.run + 1
    return replace(schedule, state=Spawning(), beat=beat, run=run), (*said, Spawn(run))


def alive(at: Moment) -> Step:
    """Give it its time; end it where we were asked to stop meanwhile."""
    if at.schedule.stopping:
        return _end(at, at.now, min(at.job.grace, STOP_PATIENCE))
    deadline = None if at.job.timeout is None else at.now + at.job.timeout
    return _to(at, Running(at.now, deadline))


def stillborn(at: Moment) -> Step:
    """Say why there is no run, and try again when the next one is due."""
    assert isinstance(at.given, SpawnFailed)
    return _settle(at, f"cannot start {_name(at)}: {at.given.why}", ERROR)


def ended(at: Moment) -> Step:
    """Say how the run ended, and wait for the next."""
    assert isinstance(at.given, Ended)
    assert isinstance(at.schedule.state, Running | Ending | Killing)
    lived = at.now - at.schedule.state.since
    line = f"{_name(at)} {in_words(at.given.status, core=at.given.core)} after {_seconds(lived)}"
    return _settle(at, line, WARN if at.given.status != 0 and not at.schedule.stopping else INFO)


def time_is_up(at: Moment) -> Step:
    """Tell the run to end."""
    assert isinstance(at.schedule.state, Running)
    assert at.job.timeout is not None
    said = f"{_name(at)} has run for {_seconds(at.job.timeout)}, its timeout, and gets SIGTERM"
    return _end(at, at.schedule.state.since, at.job.grace, Say(said, WARN))


def kill(at: Moment) -> Step:
    """Kill the run: it was told to end, and did not."""
    assert isinstance(at.schedule.state, Ending)
    said = Say(f"{_name(at)} has not ended in time and gets SIGKILL", WARN)
    return _to(at, Killing(at.schedule.state.since, at.now + KILL_AGAIN, said=False), said, Signal(SIGKILL))


def kill_again(at: Moment) -> Step:
    """Kill it once more, and say once that it does not die."""
    state = at.schedule.state
    assert isinstance(state, Killing)
    said = () if state.said else (Say(f"{_name(at)} does not die of SIGKILL; nothing is started before it has", ERROR),)
    return _to(at, Killing(state.since, at.now + KILL_AGAIN, said=True), *said, Signal(SIGKILL))


def over(at: Moment) -> Step:
    """Start nothing more; nothing runs."""
    return replace(at.schedule, state=Over(), stopping=True), ()


def stop_soon(at: Moment) -> Step:
    """Start nothing more; what runs, or is about to, is on its way out."""
    return replace(at.schedule, stopping=True), ()


def stop_running(at: Moment) -> Step:
    """Start nothing more, and tell the run to end."""
    assert isinstance(at.schedule.state, Running)
    patience = min(at.job.grace, STOP_PATIENCE)
    said = Say(f"stopping: {_name(at)} gets SIGTERM, and SIGKILL after {_seconds(patience)}")
    after, outputs = _end(at, at.schedule.state.since, patience, said)
    return replace(after, stopping=True), outputs


def stop_ending(at: Moment) -> Step:
    """Start nothing more, and have less patience with the run."""
    state = at.schedule.state
    assert isinstance(state, Ending)
    hurried = Ending(state.since, min(state.deadline, at.now + STOP_PATIENCE))
    return replace(at.schedule, state=hurried, stopping=True), ()


def impossible(at: Moment) -> Step:
    """Raise: this cannot happen."""
    raise ImpossibleInput(f"{at.given!r} came while {at.schedule!r}")


# What cells share -----------------------------------------------------------------------------------------------------


def _to(at: Moment, state: State, *outputs: Output) -> Step:
    return replace(at.schedule, state=state), outputs


def _end(at: Moment, since: float, patience: float, *said: Say) -> Step:
    return _to(at, Ending(since, at.now + patience), *said, Signal(SIGTERM), Signal(SIGCONT))


def _settle(at: Moment, line: str, level: str) -> Step:
    schedule = at.schedule
    if schedule.stopping:
        return _to(at, Over(), Say(line, level))
    beat = max(schedule.beat + 1, _beat_after(at))
    due = _due(at, beat)
    missed = beat - schedule.beat - 1
    if missed:
        line, level = f"{line}; {_skipped(missed)}", WARN if level == INFO else level
    if level != INFO:
        line = f"{line}; next start in {_seconds(due - at.now)}"
    return replace(schedule, state=Waiting(due), beat=beat), (Say(line, level),)


def _due(at: Moment, beat: int) -> float:
    return at.schedule.origin + beat * at.job.every


def _beat_after(at: Moment) -> int:
    """Return the first start that is still to come."""
    beat = floor((at.now - at.schedule.origin) / at.job.every) + 1
    return beat if _due(at, beat) > at.now else beat + 1  # the division may have been rounded down


def _name(at: Moment) -> str:
    return repr(at.job.args[0])


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + " s"


def _skipped(count: int) -> str:
    return "1 start was skipped" if count == 1 else f"{count} starts were skipped"


# The table ------------------------------------------------------------------------------------------------------------

_COLUMNS = (Stop, Spawned, SpawnFailed, Ended, DeadlinePassed)
_ = impossible
_ROWS: dict[type[State], tuple[Callable[[Moment], Step], ...]] = {
    #         Stop          Spawned SpawnFailed Ended  DeadlinePassed
    Waiting:  (over,         _,     _,         _,     start),
    Spawning: (stop_soon,    alive, stillborn, _,     _),
    Running:  (stop_running, _,     _,         ended, time_is_up),
    Ending:   (stop_ending,  _,     _,         ended, kill),
    Killing:  (stop_soon,    _,     _,         ended, kill_again),
    Over:     (_,            _,     _,         _,     _),
}  # fmt: skip

TABLE: dict[tuple[type[State], type[Input]], Callable[[Moment], Step]] = {
    (state, given): cell for state, row in _ROWS.items() for given, cell in zip(_COLUMNS, row, strict=True)
}
