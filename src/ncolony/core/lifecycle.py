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

from ncolony.core import restarts
from ncolony.core.bare import SIGKILL
from ncolony.core.errors import ImpossibleInput
from ncolony.core.moves import (
    Moment,
    Step,
    after_failures,
    attempt_of,
    budgeted,
    end,
    follow,
    go_on,
    holds,
    kill_deadline,
    launch,
    living,
    settled,
    spent,
    to,
)
from ncolony.core.outcome import in_words
from ncolony.core.record import replace
from ncolony.core.states import (
    DOWN,
    INPUTS,
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Extend,
    Fatal,
    Input,
    Instance,
    Killing,
    Output,
    Refuse,
    Running,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
    Spawning,
    Starting,
    State,
    Stop,
    Stopped,
    Stopping,
    Sweeping,
    Waiting,
    Warn,
    deadline_of,
    name_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.program import Program


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


# Cells ------------------------------------------------------------------------------------------------------------


def start(at: Moment) -> Step:
    """Begin anew: a run is spawned, and earlier failures are forgotten."""
    return launch(at, attempt=0, recent=())


def again(at: Moment) -> Step:
    """Make the next attempt: a run is spawned, failures so far still count."""
    return launch(at, attempt=at.instance.attempt)


def wish_up(at: Moment) -> Step:
    """Want it up once what is under way is over; earlier failures are forgotten."""
    return to(at, at.instance.state, want=UP, attempt=0, recent=(), held=False)


def hasten(at: Moment) -> Step:
    """Run it now where it waits for its time; where it waits for what it needs alone, it waits on."""
    if at.program.schedule is None:
        return wish_up(at)
    return launch(at, attempt=0, recent=())


def wish_down(at: Moment) -> Step:
    """Want it down once what is under way is over."""
    return to(at, at.instance.state, want=DOWN, held=holds(at))


def down(at: Moment) -> Step:
    """Stop at once: there is no process."""
    return to(at, Stopped(), want=DOWN, held=holds(at))


def refuse_start(at: Moment) -> Step:
    """Refuse: it is up already."""
    return to(at, at.instance.state, Refuse(f"it is {name_of(at.instance.state)} already"))


def refuse_stop(at: Moment) -> Step:
    """Refuse: it is stopped already. Whether an operator wants it so is remembered all the same."""
    return to(at, at.instance.state, Refuse("it is not running"), held=holds(at))


def unblocked(at: Moment) -> Step:
    """Spawn the run that was held back."""
    run = at.instance.run + 1
    return to(at, Spawning(at.now), Spawn(run), run=run)


def alive(at: Moment) -> Step:
    """Count it as starting, or as running where no readiness is asked for; stop it where nobody wants it any more."""
    assert isinstance(at.given, Spawned)
    if at.instance.want == DOWN:
        return end(at, at.given.pid, want=DOWN)
    rule = at.program.ready
    if rule is None:
        return to(at, Running(at.given.pid, at.now))
    patience = rule.timeout if rule.after is None else rule.after
    return to(at, Starting(at.given.pid, at.now, at.now + patience))


def stillborn(at: Moment) -> Step:
    """Try again later, or give up; stop where nobody wants it any more."""
    assert isinstance(at.given, SpawnFailed)
    if at.instance.want == DOWN:
        return to(at, Stopped())
    return go_on(at, after_failures(at, at.instance.attempt + 1), at.given.why)


def ready(at: Moment) -> Step:
    """Count it as running."""
    assert isinstance(at.instance.state, Starting)
    return to(at, Running(at.instance.state.pid, at.instance.state.since))


def patience_over(at: Moment) -> Step:
    """Count it as running if being alive was all that was asked; else it took too long: stop it, and try again."""
    assert isinstance(at.instance.state, Starting)
    assert at.program.ready is not None or at.instance.state.deadline <= at.now
    if at.program.ready is None or at.program.ready.after is not None:
        return ready(at)
    return end(at, at.instance.state.pid, want=UP, attempt=at.instance.attempt + 1, recent=spent(at))


def died_early(at: Moment) -> Step:
    """Try again later, or give up: it ended before it was ready."""
    assert isinstance(at.given, Ended)
    why = in_words(at.given.status, core=at.given.core, oom=at.given.oom)
    return go_on(at, after_failures(at, at.instance.attempt + 1), f"{why} before it was ready")


def ended(at: Moment) -> Step:
    """Do as the restart policy says: another run, now or later, or leave it, or give up."""
    assert isinstance(at.given, Ended)
    assert isinstance(at.instance.state, Running)
    if at.program.schedule is not None:
        # An end that nobody saw, under no supervisor, is taken for a good one: a job twice would be worse.
        good = at.given.status is None or at.given.status in at.program.restart.ok_exits
        verdict = after_failures(at, 0 if good else at.instance.attempt + 1)
    else:
        ran_for = at.now - at.instance.state.since
        verdict = restarts.after_run(at.program.restart, at.instance.attempt, ran_for, at.given.status)
    return go_on(at, verdict, in_words(at.given.status, core=at.given.core, oom=at.given.oom))


def stop(at: Moment) -> Step:
    """Send the stop signal; nobody wants it up any more."""
    return end(at, living(at), want=DOWN, held=holds(at))


def replace_it(at: Moment) -> Step:
    """Send the stop signal; a new run follows when it is gone, and earlier failures are forgotten."""
    return end(at, living(at), want=UP, attempt=0, recent=())


def outdated(at: Moment) -> Step:
    """Send the stop signal; a new run follows when it is gone and what it needs is there."""
    return end(at, living(at), want=UP, attempt=0)


def unhealthy(at: Moment) -> Step:
    """Send the stop signal; a new run follows when it is gone, later where this one was short or has a schedule."""
    assert isinstance(at.instance.state, Running)
    short = at.program.schedule is not None or at.now - at.instance.state.since < at.program.restart.threshold
    attempt = at.instance.attempt + 1 if short else 0
    return end(at, at.instance.state.pid, want=UP, attempt=attempt, recent=spent(at))


def overdue(at: Moment) -> Step:
    """Send the stop signal: the run has failed, and what follows a failure follows when it is gone."""
    return end(at, living(at), want=UP, attempt=at.instance.attempt + 1, recent=spent(at))


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
    return to(at, sooner, want=DOWN, held=holds(at))


def gone(at: Moment) -> Step:
    """Settle: stopped, or the next run, now or after failures later, or give up; all once nothing is left behind."""
    assert isinstance(at.given, Ended)
    state = at.instance.state
    assert isinstance(state, Stopping | Killing)
    why = "was not ready in time, or soon unhealthy"
    verdict, why = budgeted(at, at.instance.recent, after_failures(at, at.instance.attempt), why)
    if at.given.left:
        then = settled(at, verdict, why)
        return to(at, Sweeping(state.deadline, then, isinstance(state, Killing)), attempt=attempt_of(verdict))
    if at.instance.want == DOWN:
        return to(at, Stopped(), attempt=attempt_of(verdict))
    return follow(at, verdict, why)


def start_after(at: Moment) -> Step:
    """Want it up once nothing is left behind; earlier failures are forgotten."""
    assert isinstance(at.instance.state, Sweeping)
    return to(at, replace(at.instance.state, then=None), want=UP, attempt=0, recent=(), held=False)


def swept(at: Moment) -> Step:
    """Settle as its end decided, now that nothing of it is left: stopped, the next run, or a wait for it."""
    assert isinstance(at.instance.state, Sweeping)
    then = at.instance.state.then
    if at.instance.want == DOWN:
        return to(at, Stopped())
    if then is None or (isinstance(then, Backoff) and then.deadline <= at.now):
        return again(at)
    return to(at, then)


def more_time(at: Moment) -> Step:
    """Move the deadline away if that is sooner than it asks for; being alive long enough is no wait to be longer."""
    state = at.instance.state
    assert isinstance(at.given, Extend)
    assert isinstance(state, Starting | Stopping)
    until = at.now + at.given.seconds
    rule = at.program.ready
    fixed = state.hurried if isinstance(state, Stopping) else rule is None or rule.after is not None
    return stay(at) if fixed or until <= state.deadline else to(at, replace(state, deadline=until))


def kill_left(at: Moment) -> Step:
    """Send SIGKILL to what is left behind; say so where it was sent before and has not ended it."""
    state = at.instance.state
    assert isinstance(state, Sweeping)
    outputs: tuple[Output, ...] = (Signal(SIGKILL),)
    if state.killed:
        outputs = (Warn("left processes behind that do not die of SIGKILL: they hang in the kernel"), *outputs)
    return to(at, Sweeping(kill_deadline(at), state.then, killed=True), *outputs)


def kill(at: Moment) -> Step:
    """Send SIGKILL: the stop signal did not end it in time."""
    return to(at, Killing(living(at), kill_deadline(at)), Signal(SIGKILL))


def kill_again(at: Moment) -> Step:
    """Say that SIGKILL has not ended it (it hangs in the kernel), and send it again."""
    outputs = (Warn("does not die of SIGKILL: it hangs in the kernel"), Signal(SIGKILL))
    return to(at, Killing(living(at), kill_deadline(at)), *outputs)


def stay(at: Moment) -> Step:
    """Change nothing."""
    return at.instance, ()


def impossible(at: Moment) -> Step:
    """Raise: this cannot happen."""
    message = f"{at.given!r} came while {at.instance!r} of {at.program.name!r}"
    raise ImpossibleInput(message)


# The table --------------------------------------------------------------------------------------------------------------

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
    (state, given): cell for state, row in _ROWS.items() for given, cell in zip(INPUTS, row, strict=True)
}
