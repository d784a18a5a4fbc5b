"""The moves that the cells of the life cycle are made of: launching, ending, and what follows an end.

A move takes the :class:`Moment` of a cell and returns the step. Which moves follow which input says lifecycle.py alone.
"""

from __future__ import annotations

from ncolony.core import restarts
from ncolony.core.bare import SIGCONT
from ncolony.core.record import record, replace
from ncolony.core.states import (
    UP,
    Await,
    Backoff,
    Ended,
    Exited,
    Fatal,
    Input,
    Instance,
    Killing,
    Output,
    Overdue,
    Running,
    Signal,
    Spawn,
    Spawning,
    Starting,
    State,
    Stop,
    Stopping,
    Sweeping,
    Waiting,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.program import Program
    from ncolony.core.restarts import Verdict

Step = tuple[Instance, tuple[Output, ...]]


@record
class Moment:
    """All that a cell may look at."""

    instance: Instance
    program: Program
    given: Input
    now: float


def to(at: Moment, state: State, *outputs: Output, **changes: object) -> Step:
    """Return the step into a state, with other changes of the instance."""
    return replace(at.instance, state=state, **changes), outputs


def holds(at: Moment) -> bool:
    """Tell whether an operator wants it down from now on, also under the next supervisor."""
    return isinstance(at.given, Stop) and at.given.hold


def living(at: Moment) -> int:
    """Return the pid of its process, in a state in which one lives."""
    state = at.instance.state
    assert isinstance(state, Starting | Running | Stopping | Killing)
    return state.pid


def launch(at: Moment, attempt: int, **changes: object) -> Step:
    """Spawn the next run; where it needs others or has a schedule, wait for that first."""
    if at.program.needs or at.program.schedule is not None:
        return to(at, Waiting(at.now), Await(), want=UP, attempt=attempt, held=False, **changes)
    run = at.instance.run + 1
    return to(at, Spawning(at.now), Spawn(run), want=UP, attempt=attempt, run=run, held=False, **changes)


def end(at: Moment, pid: int, **changes: object) -> Step:
    """Send the stop signal, with the patience that the program, its schedule or whoever stops it allows."""
    policy = at.program.stop
    within = at.given.within if isinstance(at.given, Stop) else None
    time = policy.timeout if within is None else min(policy.timeout, within)
    if isinstance(at.given, Overdue) and at.program.schedule is not None and at.program.schedule.grace is not None:
        time = at.program.schedule.grace
    # SIGCONT after it: a process that was stopped (SIGSTOP) would never see the signal.
    return to(at, Stopping(pid, at.now + time, within is not None), Signal(policy.signal), Signal(SIGCONT), **changes)


def kill_deadline(at: Moment) -> float:
    """Return how long SIGKILL has to end it before anyone calls it unkillable: a second at least."""
    return at.now + max(at.program.stop.timeout, 1.0)


# What follows an end ----------------------------------------------------------------------------------------------


def after_failures(at: Moment, attempt: int) -> Verdict:
    """Decide what follows so many failures in a row."""
    job = at.program.schedule
    if job is not None:
        return restarts.of_a_job(at.program.restart, job.retries, attempt)
    return restarts.after_failures(at.program.restart, attempt)


def spent(at: Moment) -> tuple[float, ...]:
    """Return the moments of the restarts that its policy's window counts, with one more now."""
    return restarts.spend(at.program.restart, at.instance.recent, at.now)


def budgeted(at: Moment, recent: tuple[float, ...], verdict: Verdict, why: str) -> tuple[Verdict, str]:
    """Return a verdict and its reason; where there were more restarts than the window allows, it is to give up."""
    policy = at.program.restart
    if not restarts.overspent(policy, recent):
        return verdict, why
    times = "time" if policy.attempts == 1 else "times"
    budget = f"had been restarted {policy.attempts} {times} within {policy.window:g} s"
    return restarts.GiveUp(attempt_of(verdict)), f"{why}; {budget}"


def go_on(at: Moment, verdict: Verdict, why: str) -> Step:
    """Do what a verdict says after an end by itself: a restart is one of those that the window counts."""
    recent = at.instance.recent
    if isinstance(verdict, restarts.Again):
        recent = spent(at)
        verdict, why = budgeted(at, recent, verdict, why)
    return follow(at, verdict, why, recent=recent)


def follow(at: Moment, verdict: Verdict, why: str, **changes: object) -> Step:
    """Do what a verdict says; first of all end what the process left behind."""
    then = settled(at, verdict, why)
    attempt = attempt_of(verdict)
    if isinstance(at.given, Ended) and at.given.left:
        policy = at.program.stop
        state = Sweeping(at.now + policy.timeout, then)
        return to(at, state, Signal(policy.signal), Signal(SIGCONT), attempt=attempt, **changes)
    return launch(at, attempt, **changes) if then is None else to(at, then, attempt=attempt, **changes)


def settled(at: Moment, verdict: Verdict, why: str) -> Backoff | Exited | Fatal | None:
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


def attempt_of(verdict: Verdict) -> int:
    """Return how many runs in a row ended too soon, by a verdict."""
    return 0 if isinstance(verdict, restarts.Done) else verdict.attempt
