"""The life cycle of one instance: the only place where a state changes.

:func:`step` takes an instance, its program, one input and the time, and returns the instance after it and the outputs
to carry out. What it does stands in :data:`TABLE`: one cell for every state and input, none left out; a cell that
cannot happen says so by raising. docs/states.md is drawn from this table.

Three rules keep it small:

* *Want* is apart from *state*: a restart is a stop that is still wanted up, so it needs no flag.
* A state carries its one deadline; the driver keeps one timer an instance and re-arms it after each step.
* Facts carry the run they belong to; :func:`is_stale` tells which ones came too late to count.
"""

from __future__ import annotations

from signal import SIGCONT, SIGKILL

from ncolony.core import restarts
from ncolony.core.errors import ImpossibleInput
from ncolony.core.outcome import in_words
from ncolony.core.record import record, replace
from ncolony.core.states import (
    DOWN,
    UP,
    Await,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Extend,
    Fatal,
    Input,
    Instance,
    Killing,
    Outdated,
    Output,
    Overdue,
    Ready,
    Refuse,
    Restart,
    Running,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
    Spawning,
    Start,
    Starting,
    State,
    Stop,
    Stopped,
    Stopping,
    Sweeping,
    Swept,
    Unblocked,
    Unhealthy,
    Waiting,
    Warn,
    deadline_of,
    name_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.program import Program

Step = tuple[Instance, tuple[Output, ...]]


def step(instance: Instance, program: Program, given: Input, now: float) -> Step:
    """Return the instance after ``given``, and the outputs to carry out in order.

    Raises :class:`ImpossibleInput` for a fact that cannot happen in this state.
    """
    return TABLE[type(instance.state), type(given)](Moment(instance, program, given, now))


def is_stale(instance: Instance, given: Input) -> bool:
    """Tell whether a fact belongs to an earlier run, or a deadline to an earlier state."""
    if isinstance(given, DeadlinePassed):
        return given.deadline != deadline_of(instance.state)
    return getattr(given, "run", instance.run) != instance.run


@record
class Moment:
    """All that a cell may look at."""

    instance: Instance
    program: Program
    given: Input
    now: float


# Cells ------------------------------------------------------------------------------------------------------------


def start(at: Moment) -> Step:
    """Begin anew: a run is spawned, and earlier failures are forgotten."""
    return _launch(at, attempt=0, recent=())


def again(at: Moment) -> Step:
    """Make the next attempt: a run is spawned, failures so far still count."""
    return _launch(at, attempt=at.instance.attempt)


def wish_up(at: Moment) -> Step:
    """Want it up once what is under way is over; earlier failures are forgotten."""
    return _to(at, at.instance.state, want=UP, attempt=0, recent=(), held=False)


def hasten(at: Moment) -> Step:
    """Run it now where it waits for its time; where it waits for what it needs alone, it waits on."""
    if at.program.schedule is None:
        return wish_up(at)
    return _launch(at, attempt=0, recent=())


def wish_down(at: Moment) -> Step:
    """Want it down once what is under way is over."""
    return _to(at, at.instance.state, want=DOWN, held=_hold(at))


def down(at: Moment) -> Step:
    """Stop at once: there is no process."""
    return _to(at, Stopped(), want=DOWN, held=_hold(at))


def refuse_start(at: Moment) -> Step:
    """Refuse: it is up already."""
    return _to(at, at.instance.state, Refuse(f"it is {name_of(at.instance.state)} already"))


def refuse_stop(at: Moment) -> Step:
    """Refuse: it is stopped already. Whether an operator wants it so is remembered all the same."""
    return _to(at, at.instance.state, Refuse("it is not running"), held=_hold(at))


def unblocked(at: Moment) -> Step:
    """Spawn the run that was held back."""
    run = at.instance.run + 1
    return _to(at, Spawning(at.now), Spawn(run), run=run)


def alive(at: Moment) -> Step:
    """Count it as starting, or as running where no readiness is asked for; stop it where nobody wants it any more."""
    assert isinstance(at.given, Spawned)
    if at.instance.want == DOWN:
        return _stop(at, at.given.pid, want=DOWN)
    rule = at.program.ready
    if rule is None:
        return _to(at, Running(at.given.pid, at.now))
    patience = rule.timeout if rule.after is None else rule.after
    return _to(at, Starting(at.given.pid, at.now, at.now + patience))


def stillborn(at: Moment) -> Step:
    """Try again later, or give up; stop where nobody wants it any more."""
    assert isinstance(at.given, SpawnFailed)
    if at.instance.want == DOWN:
        return _to(at, Stopped())
    return _go_on(at, _failures(at, at.instance.attempt + 1), at.given.why)


def ready(at: Moment) -> Step:
    """Count it as running."""
    assert isinstance(at.instance.state, Starting)
    return _to(at, Running(at.instance.state.pid, at.instance.state.since))


def patience_over(at: Moment) -> Step:
    """Count it as running if being alive was all that was asked; else it took too long: stop it, and try again."""
    assert isinstance(at.instance.state, Starting)
    assert at.program.ready is not None or at.instance.state.deadline <= at.now
    if at.program.ready is None or at.program.ready.after is not None:
        return ready(at)
    return _stop(at, at.instance.state.pid, want=UP, attempt=at.instance.attempt + 1, recent=_spent(at))


def died_early(at: Moment) -> Step:
    """Try again later, or give up: it ended before it was ready."""
    assert isinstance(at.given, Ended)
    why = in_words(at.given.status, core=at.given.core, oom=at.given.oom)
    return _go_on(at, _failures(at, at.instance.attempt + 1), f"{why} before it was ready")


def ended(at: Moment) -> Step:
    """Do as the restart policy says: another run, now or later, or leave it, or give up."""
    assert isinstance(at.given, Ended)
    assert isinstance(at.instance.state, Running)
    if at.program.schedule is not None:
        # An end that nobody saw, under no supervisor, is taken for a good one: a job twice would be worse.
        good = at.given.status is None or at.given.status in at.program.restart.ok_exits
        verdict = _failures(at, 0 if good else at.instance.attempt + 1)
    else:
        ran_for = at.now - at.instance.state.since
        verdict = restarts.after_run(at.program.restart, at.instance.attempt, ran_for, at.given.status)
    return _go_on(at, verdict, in_words(at.given.status, core=at.given.core, oom=at.given.oom))


def stop(at: Moment) -> Step:
    """Send the stop signal; nobody wants it up any more."""
    return _stop(at, _pid(at), want=DOWN, held=_hold(at))


def replace_it(at: Moment) -> Step:
    """Send the stop signal; a new run follows when it is gone, and earlier failures are forgotten."""
    return _stop(at, _pid(at), want=UP, attempt=0, recent=())


def outdated(at: Moment) -> Step:
    """Send the stop signal; a new run follows when it is gone and what it needs is there."""
    return _stop(at, _pid(at), want=UP, attempt=0)


def unhealthy(at: Moment) -> Step:
    """Send the stop signal; a new run follows when it is gone, later where this one was short or has a schedule."""
    assert isinstance(at.instance.state, Running)
    short = at.program.schedule is not None or at.now - at.instance.state.since < at.program.restart.threshold
    attempt = at.instance.attempt + 1 if short else 0
    return _stop(at, at.instance.state.pid, want=UP, attempt=attempt, recent=_spent(at))


def overdue(at: Moment) -> Step:
    """Send the stop signal: the run has failed, and what follows a failure follows when it is gone."""
    return _stop(at, _pid(at), want=UP, attempt=at.instance.attempt + 1, recent=_spent(at))


def hurry(at: Moment) -> Step:
    """Want it down; a shorter patience moves the deadline closer, never away."""
    state = at.instance.state
    assert isinstance(at.given, Stop)
    assert isinstance(state, Stopping | Sweeping)
    # After SIGKILL there is nothing to hurry; a closer deadline would only call it unkillable too soon.
    if at.given.within is None or (isinstance(state, Sweeping) and state.killed):
        return wish_down(at)
    deadline = min(state.deadline, at.now + at.given.within)
    sooner = Stopping(state.pid, deadline, True) if isinstance(state, Stopping) else replace(state, deadline=deadline)
    return _to(at, sooner, want=DOWN, held=_hold(at))


def gone(at: Moment) -> Step:
    """Settle: stopped, or the next run, now or after failures later, or give up; all once nothing is left behind."""
    assert isinstance(at.given, Ended)
    state = at.instance.state
    assert isinstance(state, Stopping | Killing)
    verdict = _failures(at, at.instance.attempt)
    why = "was not ready in time, or soon unhealthy"
    if restarts.overspent(at.program.restart, at.instance.recent):
        verdict, why = _over_budget(at, verdict, why)
    if at.given.left:
        then = _after(at, verdict, why)
        return _to(at, Sweeping(state.deadline, then, isinstance(state, Killing)), attempt=_attempt(verdict))
    if at.instance.want == DOWN:
        return _to(at, Stopped(), attempt=_attempt(verdict))
    return _follow(at, verdict, why)


def start_after(at: Moment) -> Step:
    """Want it up once nothing is left behind; earlier failures are forgotten."""
    assert isinstance(at.instance.state, Sweeping)
    return _to(at, replace(at.instance.state, then=None), want=UP, attempt=0, recent=(), held=False)


def swept(at: Moment) -> Step:
    """Settle as its end decided, now that nothing of it is left: stopped, the next run, or a wait for it."""
    assert isinstance(at.instance.state, Sweeping)
    then = at.instance.state.then
    if at.instance.want == DOWN:
        return _to(at, Stopped())
    if then is None or (isinstance(then, Backoff) and then.deadline <= at.now):
        return again(at)
    return _to(at, then)


def more_time(at: Moment) -> Step:
    """Move the deadline away if that is sooner than it asks for; being alive long enough is no wait to be longer."""
    state = at.instance.state
    assert isinstance(at.given, Extend)
    assert isinstance(state, Starting | Stopping)
    until = at.now + at.given.seconds
    rule = at.program.ready
    fixed = state.hurried if isinstance(state, Stopping) else rule is None or rule.after is not None
    return stay(at) if fixed or until <= state.deadline else _to(at, replace(state, deadline=until))


def kill_left(at: Moment) -> Step:
    """Send SIGKILL to what is left behind; say so where it was sent before and has not ended it."""
    state = at.instance.state
    assert isinstance(state, Sweeping)
    outputs: tuple[Output, ...] = (Signal(SIGKILL),)
    if state.killed:
        outputs = (Warn("left processes behind that do not die of SIGKILL: they hang in the kernel"), *outputs)
    return _to(at, Sweeping(_kill_deadline(at), state.then, killed=True), *outputs)


def kill(at: Moment) -> Step:
    """Send SIGKILL: the stop signal did not end it in time."""
    return _to(at, Killing(_pid(at), _kill_deadline(at)), Signal(SIGKILL))


def kill_again(at: Moment) -> Step:
    """Say that SIGKILL has not ended it (it hangs in the kernel), and send it again."""
    outputs = (Warn("does not die of SIGKILL: it hangs in the kernel"), Signal(SIGKILL))
    return _to(at, Killing(_pid(at), _kill_deadline(at)), *outputs)


def stay(at: Moment) -> Step:
    """Change nothing."""
    return at.instance, ()


def impossible(at: Moment) -> Step:
    """Raise: this cannot happen."""
    message = f"{at.given!r} came while {at.instance!r} of {at.program.name!r}"
    raise ImpossibleInput(message)


# What cells share -----------------------------------------------------------------------------------------------------


def _to(at: Moment, state: State, *outputs: Output, **changes: object) -> Step:
    return replace(at.instance, state=state, **changes), outputs


def _hold(at: Moment) -> bool:
    return isinstance(at.given, Stop) and at.given.hold


def _pid(at: Moment) -> int:
    state = at.instance.state
    assert isinstance(state, Starting | Running | Stopping | Killing)
    return state.pid


def _launch(at: Moment, attempt: int, **changes: object) -> Step:
    if at.program.needs or at.program.schedule is not None:
        return _to(at, Waiting(at.now), Await(), want=UP, attempt=attempt, held=False, **changes)
    run = at.instance.run + 1
    return _to(at, Spawning(at.now), Spawn(run), want=UP, attempt=attempt, run=run, held=False, **changes)


def _stop(at: Moment, pid: int, **changes: object) -> Step:
    policy = at.program.stop
    within = at.given.within if isinstance(at.given, Stop) else None
    time = policy.timeout if within is None else min(policy.timeout, within)
    if isinstance(at.given, Overdue) and at.program.schedule is not None and at.program.schedule.grace is not None:
        time = at.program.schedule.grace
    # SIGCONT after it: a process that was stopped (SIGSTOP) would never see the signal.
    return _to(at, Stopping(pid, at.now + time, within is not None), Signal(policy.signal), Signal(SIGCONT), **changes)


def _kill_deadline(at: Moment) -> float:
    # Even with a stop timeout of 0, SIGKILL gets a second before anyone calls a process unkillable.
    return at.now + max(at.program.stop.timeout, 1.0)


def _failures(at: Moment, attempt: int) -> restarts.Verdict:
    """Decide what follows so many failures in a row."""
    job = at.program.schedule
    if job is not None:
        return restarts.of_a_job(at.program.restart, job.retries, attempt)
    return restarts.after_failures(at.program.restart, attempt)


def _spent(at: Moment) -> tuple[float, ...]:
    return restarts.spend(at.program.restart, at.instance.recent, at.now)


def _over_budget(at: Moment, verdict: restarts.Verdict, why: str) -> tuple[restarts.Verdict, str]:
    policy = at.program.restart
    times = "time" if policy.attempts == 1 else "times"
    budget = f"had been restarted {policy.attempts} {times} within {policy.window:g} s"
    return restarts.GiveUp(_attempt(verdict)), f"{why}; {budget}"


def _go_on(at: Moment, verdict: restarts.Verdict, why: str) -> Step:
    """Do what a verdict says after an end by itself: a restart is one of those that the window counts."""
    recent = at.instance.recent
    if isinstance(verdict, restarts.Again):
        recent = _spent(at)
        if restarts.overspent(at.program.restart, recent):
            verdict, why = _over_budget(at, verdict, why)
    return _follow(at, verdict, why, recent=recent)


def _follow(at: Moment, verdict: restarts.Verdict, why: str, **changes: object) -> Step:
    """Do what a verdict says; first of all end what the process left behind."""
    then = _after(at, verdict, why)
    attempt = _attempt(verdict)
    if isinstance(at.given, Ended) and at.given.left:
        policy = at.program.stop
        state = Sweeping(at.now + policy.timeout, then)
        return _to(at, state, Signal(policy.signal), Signal(SIGCONT), attempt=attempt, **changes)
    return _launch(at, attempt, **changes) if then is None else _to(at, then, attempt=attempt, **changes)


def _after(at: Moment, verdict: restarts.Verdict, why: str) -> Backoff | Exited | Fatal | None:
    """Return the state that a verdict leads to; None: the next run."""
    if isinstance(verdict, restarts.Done):
        assert isinstance(at.given, Ended)
        return Exited(at.given.status)
    if isinstance(verdict, restarts.GiveUp):
        return Fatal(why)
    if verdict.delay <= 0:
        return None
    lot = f"{at.program.name}:{at.instance.number}/{verdict.attempt}"
    return Backoff(at.now + restarts.shortened(at.program.restart, verdict.delay, lot))


def _attempt(verdict: restarts.Verdict) -> int:
    return 0 if isinstance(verdict, restarts.Done) else verdict.attempt


# The table --------------------------------------------------------------------------------------------------------------

_COLUMNS = (
    Start, Stop, Restart, Spawned, SpawnFailed, Ready, Ended, Swept, Unhealthy, Outdated, Overdue, Extend,
    DeadlinePassed, Unblocked,
)  # fmt: skip
_ = impossible
_ROWS: dict[type[State], tuple[Callable[[Moment], Step], ...]] = {
    #         Start         Stop         Restart      Spawned Failed     Ready  Ended       Swept  Unhealthy  Outdated  Overdue  Extend     Deadline       Unblocked
    Stopped:  (start,        refuse_stop, start,       _,      _,         stay,  _,          _,     stay,      stay,     stay,    stay,      _,             stay),
    Waiting:  (hasten,       down,        hasten,      _,      _,         stay,  _,          _,     stay,      stay,     stay,    stay,      _,             unblocked),
    Spawning: (wish_up,      wish_down,   wish_up,     alive,  stillborn, stay,  _,          _,     stay,      stay,     stay,    stay,      _,             stay),
    Starting: (refuse_start, stop,        replace_it,  _,      _,         ready, died_early, _,     stay,      outdated, overdue, more_time, patience_over, stay),
    Running:  (refuse_start, stop,        replace_it,  _,      _,         stay,  ended,      _,     unhealthy, outdated, overdue, stay,      _,             stay),
    Stopping: (wish_up,      hurry,       wish_up,     _,      _,         stay,  gone,       _,     stay,      stay,     stay,    more_time, kill,          stay),
    Killing:  (wish_up,      wish_down,   wish_up,     _,      _,         stay,  gone,       _,     stay,      stay,     stay,    stay,      kill_again,    stay),
    Sweeping: (start_after,  hurry,       start_after, _,      _,         stay,  _,          swept, stay,      stay,     stay,    stay,      kill_left,     stay),
    Backoff:  (start,        down,        start,       _,      _,         stay,  _,          _,     stay,      stay,     stay,    stay,      again,         stay),
    Exited:   (start,        down,        start,       _,      _,         stay,  _,          _,     stay,      stay,     stay,    stay,      _,             stay),
    Fatal:    (start,        down,        start,       _,      _,         stay,  _,          _,     stay,      stay,     stay,    stay,      _,             stay),
}  # fmt: skip

TABLE: dict[tuple[type[State], type[Input]], Callable[[Moment], Step]] = {
    (state, given): cell for state, row in _ROWS.items() for given, cell in zip(_COLUMNS, row, strict=True)
}
