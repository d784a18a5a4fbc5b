"""The life cycle, behaviour by behaviour. The walks of test_walks.py are thorough; these can be read."""

from __future__ import annotations

from itertools import product
from signal import SIGCONT, SIGINT, SIGKILL, SIGTERM
from typing import TYPE_CHECKING

import pytest

from ncolony.core.errors import ImpossibleInput
from ncolony.core.lifecycle import TABLE, impossible, is_stale, step
from ncolony.core.moves import Moment
from ncolony.core.program import TEMPORARY, TRANSIENT, Need, Program, ReadyRule, RestartPolicy, StopPolicy
from ncolony.core.schedule import Schedule
from ncolony.core.states import (
    DOWN,
    INPUTS,
    STATES,
    UP,
    Await,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Extend,
    Fatal,
    Instance,
    Killing,
    Outdated,
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
)

if TYPE_CHECKING:
    from ncolony.core.states import Input, Output, State

TERM = (Signal(SIGTERM), Signal(SIGCONT))
KILL = (Signal(SIGKILL),)


def program(  # what a test is about stands in its call
    restart: RestartPolicy = RestartPolicy(),  # noqa: B008 (frozen)
    stop: StopPolicy = StopPolicy(),  # noqa: B008 (frozen)
    ready: ReadyRule | None = None,
    needs: tuple[Need, ...] = (),
    schedule: Schedule | None = None,
) -> Program:
    """Return a program like most, but for what is given."""
    return Program("web", ("web",), restart=restart, stop=stop, ready=ready, needs=needs, schedule=schedule)


class Life:
    """One instance, driven by hand."""

    def __init__(self, described: Program | None = None) -> None:
        """Begin stopped, at time 0."""
        self.program = described or program()
        self.instance = Instance()
        self.now = 0.0

    @property
    def state(self) -> State:
        """The state it is in."""
        return self.instance.state

    def give(self, given: Input, at: float | None = None) -> tuple[Output, ...]:
        """Feed one input and return the outputs."""
        if at is not None:
            self.now = at
        self.instance, outputs = step(self.instance, self.program, given, self.now)
        return outputs

    def be_born(self, pid: int = 100) -> tuple[Output, ...]:
        """Start it where it is not on its way yet, and have its process come to life."""
        if not isinstance(self.state, Spawning):
            self.give(Start())
        return self.give(Spawned(self.instance.run, pid))

    def end(self, status: int = 1, at: float | None = None) -> tuple[Output, ...]:
        """Have its process end."""
        return self.give(Ended(self.instance.run, status), at)

    def fail_to_spawn(self, why: str = "no such file: web") -> tuple[Output, ...]:
        """Have no process come to life."""
        return self.give(SpawnFailed(self.instance.run, why))

    def wake(self) -> tuple[Output, ...]:
        """Let the deadline of its state come."""
        deadline = deadline_of(self.state)
        assert deadline is not None
        return self.give(DeadlinePassed(deadline), deadline)


ONE_OF_EACH: dict[type, State] = {
    Stopped: Stopped(),
    Waiting: Waiting(0.0),
    Spawning: Spawning(0.0),
    Starting: Starting(100, 0.0, 60.0),
    Running: Running(100, 0.0),
    Stopping: Stopping(100, 5.0),
    Killing: Killing(100, 5.0),
    Sweeping: Sweeping(5.0, None),
    Backoff: Backoff(1.0),
    Exited: Exited(0),
    Fatal: Fatal("because"),
}
FACTS: dict[type, Input] = {
    Spawned: Spawned(1, 100),
    SpawnFailed: SpawnFailed(1, "no such file"),
    Ended: Ended(1, 0),
    Swept: Swept(1),
    DeadlinePassed: DeadlinePassed(1.0),
}


def life_in(state: State, attempt: int = 0) -> Life:
    """Return a life that has come to ``state``."""
    life = Life()
    life.instance = Instance(state, DOWN if isinstance(state, Stopped) else UP, attempt, run=1)
    return life


# The table ------------------------------------------------------------------------------------------------------------


def test_the_table_has_a_cell_for_every_state_and_input() -> None:
    """A case that nobody thought of has to be seen here, not at night on a server."""
    assert set(TABLE) == set(product(STATES, INPUTS))


def test_one_state_of_each_kind_is_tried() -> None:
    """The tests below go over all states; a new one must not slip through."""
    assert tuple(ONE_OF_EACH) == STATES


@pytest.mark.parametrize(
    ("state", "given"), [place for place, cell in TABLE.items() if cell is impossible], ids=lambda kind: kind.__name__
)
def test_what_cannot_happen_raises_and_says_what_came_when(state: type, given: type) -> None:
    """A bug of ours that is passed over is found last of all; the message must be enough to begin with."""
    instance = Instance(ONE_OF_EACH[state], UP, 0, 1)
    with pytest.raises(ImpossibleInput) as caught:
        step(instance, program(), FACTS[given], 1.0)
    assert str(caught.value) == f"{FACTS[given]!r} came while {instance!r} of 'web'"


def test_only_facts_are_impossible() -> None:
    """A command comes from outside: it can be refused, and must never be able to raise."""
    assert {given for (_, given), cell in TABLE.items() if cell is impossible} == set(FACTS)


def test_every_cell_says_what_it_does() -> None:
    """docs/states.md is made of these sentences."""
    assert all(cell.__doc__ and cell.__doc__.endswith(".") for cell in TABLE.values())


def test_a_moment_holds_all_that_a_cell_may_look_at() -> None:
    """No cell reads a clock, a file or another instance."""
    assert Moment.__match_args__ == ("instance", "program", "given", "now")


# Starting -------------------------------------------------------------------------------------------------------------


def test_a_start_spawns_the_first_run_and_its_birth_makes_it_running() -> None:
    """The plainest life there is."""
    life = Life()
    assert life.give(Start()) == (Spawn(1),)
    assert life.state == Spawning(0.0)
    assert life.give(Spawned(1, 100), at=0.5) == ()
    assert life.instance == Instance(Running(100, 0.5), UP, 0, 1)


@pytest.mark.parametrize(("state", "word"), [(Starting(100, 0.0, 9.0), "starting"), (Running(100, 0.0), "running")])
def test_a_start_of_what_is_up_is_refused_with_its_state(state: State, word: str) -> None:
    """Who asks gets an answer, and nothing changes."""
    life = life_in(state)
    before = life.instance
    assert life.give(Start()) == (Refuse(f"it is {word} already"),)
    assert life.instance == before


def test_a_hundred_starts_make_one_process() -> None:
    """Bug 33: a hundred clients ask at once: one process, and no answer but that it is being done."""
    life = Life()
    outputs = [output for _ in range(100) for output in life.give(Start())]
    assert outputs == [Spawn(1)]
    life.be_born()
    assert [life.give(Start()) for _ in range(100)] == [(Refuse("it is running already"),)] * 100


@pytest.mark.parametrize("command", [Start(), Restart()])
@pytest.mark.parametrize("state", [Backoff(9.0), Exited(0), Fatal("because"), Stopped()])
def test_asked_for_it_starts_at_once_and_forgets_its_failures(state: State, command: Input) -> None:
    """Somebody has mended something; to wait out an old pause would look like deafness."""
    life = life_in(state, attempt=7)
    assert life.give(command, at=1.0) == (Spawn(2),)
    assert life.instance == Instance(Spawning(1.0), UP, 0, 2)


def test_ten_starts_by_hand_spend_no_attempts() -> None:
    """Bug 61: the limit is for a program that fails by itself, not for people who ask again."""
    life = Life(program(RestartPolicy(policy=TEMPORARY, attempts=2)))
    for _ in range(10):
        life.be_born()
        life.end(1)
        assert life.state == Exited(1)
        assert life.instance.attempt == 0


# Spawning that fails --------------------------------------------------------------------------------------------------


def test_a_failed_spawn_is_tried_again_with_growing_pauses() -> None:
    """Bug 11: a fork that fails for want of processes is a pause and another try, never a crash."""
    life = Life()
    life.give(Start())
    deadlines = []
    for _ in range(4):
        life.fail_to_spawn("fork: resource temporarily unavailable")
        assert isinstance(life.state, Backoff)
        deadlines.append(life.state.deadline)
        assert life.wake() == (Spawn(life.instance.run),)
    assert deadlines == [1.0, 3.0, 7.0, 15.0]
    life.be_born()
    assert isinstance(life.state, Running)


def test_a_spawn_that_fails_too_often_is_given_up_with_its_reason() -> None:
    """What a person needs to know of a dead program is why."""
    life = Life(program(RestartPolicy(attempts=2)))
    life.give(Start())
    life.fail_to_spawn()
    life.wake()
    assert life.fail_to_spawn() == ()
    assert life.instance == Instance(Fatal("no such file: web"), UP, 2, 2)


def test_without_a_least_pause_the_next_try_is_at_once() -> None:
    """min_delay 0 is a wish like any other; it needs no deadline that has passed already."""
    life = Life(program(RestartPolicy(min_delay=0.0)))
    life.give(Start())
    assert life.fail_to_spawn() == (Spawn(2),)
    assert life.instance == Instance(Spawning(0.0), UP, 1, 2)


# Ends -----------------------------------------------------------------------------------------------------------------


def test_a_long_run_is_followed_by_another_at_once() -> None:
    """A service that was killed after a day has to be back now."""
    life = Life()
    life.be_born()
    assert life.end(-SIGKILL, at=1.0) == (Spawn(2),)
    assert life.instance == Instance(Spawning(1.0), UP, 0, 2)


def test_a_short_run_is_followed_by_a_pause() -> None:
    """A program that crashes at once would otherwise eat the machine."""
    life = Life()
    life.be_born()
    assert life.end(at=0.9) == ()
    assert life.instance == Instance(Backoff(1.9), UP, 1, 1)


def test_an_end_as_wanted_is_left_alone_and_keeps_its_status() -> None:
    """`transient` is for work that can be done; how it ended stays to be read."""
    life = Life(program(RestartPolicy(policy=TRANSIENT, ok_exits=(0, 3))))
    life.be_born()
    assert life.end(3) == ()
    assert life.instance == Instance(Exited(3), UP, 0, 1)


def test_the_last_attempt_ends_fatal_and_says_how_the_run_ended() -> None:
    """`fatal` with no reason sends people to the log of a day ago."""
    life = Life(program(RestartPolicy(attempts=1)))
    life.be_born()
    life.give(Ended(1, -6, core=True))
    assert life.state == Fatal("was killed by SIGABRT (core dumped)")


def test_ten_crashes_and_an_hour_of_health_begin_anew() -> None:
    """Bug 56: the pause after the next crash is the first one again, not the eleventh."""
    life = Life()
    life.give(Start())
    for _ in range(10):
        life.be_born()
        life.end()
        life.wake()
    assert life.instance.attempt == 10
    life.be_born()
    assert life.end(at=life.now + 3600.0) == (Spawn(12),)
    life.be_born()
    life.end(at=life.now + 0.5)
    assert life.instance == Instance(Backoff(life.now + 1.0), UP, 1, 12)


# Stopping -------------------------------------------------------------------------------------------------------------


def test_a_stop_sends_the_signal_and_then_cont() -> None:
    """Bug 38: a process stopped by SIGSTOP sees SIGTERM only once it goes on."""
    life = Life()
    life.be_born()
    assert life.give(Stop(), at=2.0) == (Signal(SIGTERM), Signal(SIGCONT))
    assert life.instance == Instance(Stopping(100, 7.0), DOWN, 0, 1)
    assert life.end(-SIGTERM) == ()
    assert life.instance == Instance(Stopped(), DOWN, 0, 1)


def test_a_stop_sends_the_signal_that_the_program_wants() -> None:
    """Many servers take SIGTERM for now and SIGINT or SIGQUIT for gently."""
    life = Life(program(stop=StopPolicy(signal=SIGINT)))
    life.be_born()
    assert life.give(Stop())[0] == Signal(SIGINT)


def test_stop_while_spawning_ends_the_child_once_born() -> None:
    """Bug 34: the process cannot be signalled before there is one, and must not be forgotten either."""
    life = Life()
    life.give(Start())
    assert life.give(Stop()) == ()
    assert life.instance == Instance(Spawning(0.0), DOWN, 0, 1)
    assert life.be_born() == TERM
    assert life.state == Stopping(100, 5.0)
    life.end(-SIGTERM)
    assert life.state == Stopped()


def test_stop_while_spawning_ends_stopped_where_there_was_no_child() -> None:
    """Bug 34: a spawn that fails after the stop is not tried again."""
    life = Life()
    life.give(Start())
    life.give(Stop())
    assert life.fail_to_spawn() == ()
    assert life.state == Stopped()


def test_stop_during_backoff_ends_stopped_with_no_later_spawn() -> None:
    """Bug 34: the deadline of the pause may be on its way already; it has to count for nothing."""
    life = Life()
    life.be_born()
    life.end()
    deadline = deadline_of(life.state)
    assert deadline is not None
    assert life.give(Stop()) == ()
    assert life.instance == Instance(Stopped(), DOWN, 1, 1)
    assert is_stale(life.instance, DeadlinePassed(deadline))


@pytest.mark.parametrize("state", ONE_OF_EACH.values(), ids=lambda state: type(state).__name__)
def test_stop_in_every_state_ends_stopped_with_no_later_spawn(state: State) -> None:
    """Bug 34: whatever it is doing, a stop is a stop, and the last thing to happen."""
    life = life_in(state)
    outputs = list(life.give(Stop()))
    if isinstance(life.state, Spawning):
        outputs += life.be_born()
    if isinstance(life.state, Stopping):
        outputs += life.wake()
    if isinstance(life.state, Killing):
        outputs += life.end(-SIGKILL)
    if isinstance(life.state, Sweeping):
        outputs += life.give(Swept(1))
    assert life.instance.want == DOWN
    assert life.state == Stopped()
    assert not [output for output in outputs if isinstance(output, Spawn | Await)]


def test_a_stop_of_what_is_stopped_is_refused() -> None:
    """Who asks learns that there was nothing to do."""
    assert Life().give(Stop()) == (Refuse("it is not running"),)


def test_stop_while_stopping_sends_nothing_again_and_puts_nothing_off() -> None:
    """Bug 36: asking twice must neither double the signal nor give the process more time."""
    life = Life()
    life.be_born()
    life.give(Stop())
    assert life.give(Stop(), at=3.0) == ()
    assert life.instance == Instance(Stopping(100, 5.0), DOWN, 0, 1)


@pytest.mark.parametrize(("within", "deadline"), [(1.0, 4.0), (0.0, 3.0), (2.0, 5.0), (60.0, 5.0)])
def test_hurry_never_lengthens(within: float, deadline: float) -> None:
    """Bug 36: at shutdown everybody gets less time; whoever has less already keeps that."""
    life = Life()
    life.be_born()
    life.give(Stop())
    assert life.give(Stop(within), at=3.0) == ()
    assert life.instance == Instance(Stopping(100, deadline, hurried=True), DOWN, 0, 1)


@pytest.mark.parametrize(("within", "deadline"), [(1.0, 1.0), (60.0, 5.0)])
def test_a_first_stop_in_a_hurry_is_bounded_by_the_programs_own_patience(within: float, deadline: float) -> None:
    """`within` shortens; it is no way to give a process longer than its author wants."""
    life = Life()
    life.be_born()
    assert life.give(Stop(within)) == TERM
    assert life.state == Stopping(100, deadline, hurried=True)


def test_who_asks_for_more_time_gets_it() -> None:
    """A database that recovers, or writes everything to disk, says how long it will take."""
    life = Life(program(ready=ReadyRule(timeout=10.0)))
    life.be_born()
    assert life.give(Extend(1, 30.0), at=8.0) == ()
    assert life.state == Starting(100, 0.0, 38.0)
    life.give(Extend(1, 1.0), at=9.0)
    assert life.state == Starting(100, 0.0, 38.0), "what it has already is not taken away"
    life.give(Ready(1), at=20.0)
    life.give(Extend(1, 5.0))
    assert life.state == Running(100, 0.0)
    life.give(Stop(), at=50.0)
    life.give(Extend(1, 60.0), at=54.0)
    assert life.state == Stopping(100, 114.0)


def test_more_time_is_not_for_who_has_none_to_give() -> None:
    """Bug 64: a colony that has eight seconds to stop ends in eight, whatever a program asks for."""
    life = Life()
    life.be_born()
    life.give(Stop(8.0))
    life.give(Extend(1, 60.0), at=1.0)
    assert life.state == Stopping(100, 5.0, hurried=True)
    life = Life()
    life.be_born()
    life.give(Stop())
    life.give(Extend(1, 60.0), at=1.0)
    life.give(Stop(2.0), at=2.0)
    life.give(Extend(1, 60.0), at=3.0)
    assert life.state == Stopping(100, 4.0, hurried=True)


def test_being_alive_long_enough_is_no_wait_that_can_be_longer() -> None:
    """The deadline of `after` is when it is ready, not when patience ends."""
    life = Life(program(ready=ReadyRule(after=2.0)))
    life.be_born()
    life.give(Extend(1, 60.0), at=1.0)
    assert life.state == Starting(100, 0.0, 2.0)


def test_stop_while_killing_changes_the_wish_and_nothing_else() -> None:
    """Bug 36: SIGKILL is the end of escalation; a second stop cannot go back to SIGTERM."""
    life = life_in(Killing(100, 5.0))
    assert life.give(Stop(0.0)) == ()
    assert life.instance == Instance(Killing(100, 5.0), DOWN, 0, 1)


def test_a_process_that_ignores_the_stop_signal_is_killed_when_its_time_is_over() -> None:
    """Bug 37: `trap '' TERM` must be gone at the stop timeout."""
    life = Life()
    life.be_born()
    life.give(Stop(), at=1.0)
    assert life.wake() == KILL
    assert life.now == 6.0
    assert life.state == Killing(100, 11.0)
    life.end(-SIGKILL)
    assert life.instance == Instance(Stopped(), DOWN, 0, 1)


def test_with_no_patience_at_all_sigkill_still_gets_a_second() -> None:
    """A stop timeout of 0 asks for a quick end, not for a false alarm about an unkillable process."""
    life = Life(program(stop=StopPolicy(timeout=0.0)))
    life.be_born()
    life.give(Stop())
    life.wake()
    assert life.state == Killing(100, 1.0)


def test_an_unkillable_process_is_reported_and_killed_again_until_it_goes() -> None:
    """Bug 39: a process that hangs in the kernel holds its slot, and somebody has to hear of it."""
    life = Life()
    life.be_born()
    life.give(Stop())
    life.wake()
    for deadline in (15.0, 20.0):
        assert life.wake() == (Warn("does not die of SIGKILL: it hangs in the kernel"), Signal(SIGKILL))
        assert life.state == Killing(100, deadline)
    life.end(-SIGKILL)
    assert life.state == Stopped()


# Restarting -----------------------------------------------------------------------------------------------------------


def test_a_restart_stops_the_process_and_starts_the_next_when_it_is_gone() -> None:
    """Never two at a time, and no pause for a restart that was asked for."""
    life = Life()
    life.be_born()
    assert life.give(Restart()) == TERM
    assert life.instance == Instance(Stopping(100, 5.0), UP, 0, 1)
    assert life.end(-SIGTERM) == (Spawn(2),)
    assert life.instance == Instance(Spawning(0.0), UP, 0, 2)


def test_a_restart_of_a_process_that_ignores_the_signal_starts_after_the_kill() -> None:
    """Bug 37: the escalation is the same on the way to a new run."""
    life = Life()
    life.be_born()
    life.give(Restart())
    assert life.wake() == KILL
    assert life.end(-SIGKILL) == (Spawn(2),)


@pytest.mark.parametrize("state", [Stopping(100, 5.0), Killing(100, 5.0)])
@pytest.mark.parametrize("command", [Start(), Restart()])
def test_a_start_or_restart_while_stopping_waits_for_the_end(state: State, command: Input) -> None:
    """The slot is free when its process is gone, not when somebody is impatient."""
    life = life_in(state)
    life.give(Stop())
    assert life.give(command) == ()
    assert (life.state, life.instance.want) == (state, UP)
    assert life.end(-SIGTERM) == (Spawn(2),)


def test_stop_after_restart_wins() -> None:
    """The last word counts."""
    life = Life()
    life.be_born()
    life.give(Restart())
    life.give(Stop())
    assert life.end(-SIGTERM) == ()
    assert life.state == Stopped()


def test_removed_and_added_again_while_it_stops_it_runs_in_the_end() -> None:
    """Bug 45: the final state is what the file says, whatever it said in between."""
    life = Life()
    life.be_born()
    life.give(Stop())
    life.give(Start())
    life.give(Stop())
    life.give(Start())
    assert life.end(-SIGTERM) == (Spawn(2),)
    life.be_born(101)
    assert life.state == Running(101, 0.0)


@pytest.mark.parametrize("command", [Start(), Restart()])
def test_a_start_or_restart_while_spawning_is_fulfilled_by_the_process_on_its_way(command: Input) -> None:
    """It will be as new as can be; and a stop before it is taken back."""
    life = Life()
    life.give(Start())
    life.give(Stop())
    assert life.give(command) == ()
    assert life.be_born() == ()
    assert life.instance == Instance(Running(100, 0.0), UP, 0, 1)


def test_a_restart_before_it_is_ready_replaces_it() -> None:
    """A program that hangs while starting is what people restart."""
    life = Life(program(ready=ReadyRule()))
    life.be_born()
    assert life.give(Restart()) == TERM
    assert life.end(-SIGTERM) == (Spawn(2),)


# What is left behind --------------------------------------------------------------------------------------------------


def leave_others(life: Life, status: int = 1, at: float | None = None) -> tuple[Output, ...]:
    """Have its process end, and others that it started live on."""
    return life.give(Ended(life.instance.run, status, left=True), at)


def test_what_a_process_left_behind_is_ended_before_the_next_run() -> None:
    """Bug 5: an orphan that holds the port makes every further start fail."""
    life = Life()
    life.be_born()
    assert leave_others(life, at=9.0) == TERM
    assert life.instance == Instance(Sweeping(14.0, None), UP, 0, 1)
    assert life.give(Swept(1), at=10.0) == (Spawn(2),)


def test_a_pause_goes_on_while_others_are_ended() -> None:
    """The wait for them is no addition to the one that its failure costs, nor does it replace it."""
    for swept_at, state in ((0.75, Backoff(1.5)), (4.0, Spawning(4.0))):
        life = Life()
        life.be_born()
        leave_others(life, at=0.5)
        assert life.instance == Instance(Sweeping(5.5, Backoff(1.5)), UP, 1, 1)
        life.give(Swept(1), at=swept_at)
        assert (life.state, life.instance.attempt) == (state, 1)


def test_a_pause_that_ends_with_those_left_behind_is_over() -> None:
    """At the very moment: nothing is left to wait for."""
    life = Life()
    life.be_born()
    leave_others(life, at=0.5)
    assert life.give(Swept(1), at=1.5) == (Spawn(2),)


def test_others_that_ignore_the_signal_are_killed_and_if_that_fails_reported() -> None:
    """Bug 37 and 39: for those it left behind as for the process itself."""
    life = Life(program(RestartPolicy(policy=TEMPORARY)))
    life.be_born()
    assert leave_others(life, 0) == TERM
    assert life.wake() == KILL
    assert life.state == Sweeping(10.0, Exited(0), killed=True)
    warning = Warn("left processes behind that do not die of SIGKILL: they hang in the kernel")
    assert life.wake() == (warning, Signal(SIGKILL))
    life.give(Swept(1))
    assert life.state == Exited(0)


def test_others_left_by_a_stop_have_had_the_signal_and_keep_its_deadline() -> None:
    """It went to the whole group; the stop takes no longer for them."""
    life = Life()
    life.be_born()
    life.give(Stop())
    assert leave_others(life, -SIGTERM, at=3.0) == ()
    assert life.instance == Instance(Sweeping(5.0, None), DOWN, 0, 1)
    assert life.wake() == KILL
    life.give(Swept(1))
    assert life.state == Stopped()


def test_hurry_reaches_others_until_they_were_sent_sigkill() -> None:
    """Bug 36: after SIGKILL nothing is quicker, and a closer deadline would report them as unkillable too soon."""
    life = Life()
    life.be_born()
    leave_others(life, at=2.0)
    life.give(Stop(1.0))
    assert life.instance == Instance(Sweeping(3.0, None), DOWN, 0, 1)
    life.wake()
    life.give(Stop(0.0))
    assert life.state == Sweeping(8.0, None, killed=True)


@pytest.mark.parametrize("command", [Start(), Restart()])
def test_asked_for_while_others_are_ended_it_starts_right_after(command: Input) -> None:
    """Given up or done a moment ago, it is wanted now; and still there are never two at a time."""
    life = Life(program(RestartPolicy(attempts=1)))
    life.be_born()
    leave_others(life)
    assert life.state == Sweeping(5.0, Fatal("exited with status 1"))
    assert life.give(command) == ()
    assert life.instance == Instance(Sweeping(5.0, None), UP, 0, 1)
    assert life.give(Swept(1)) == (Spawn(2),)


# Readiness ------------------------------------------------------------------------------------------------------------


def test_with_after_it_is_ready_when_it_has_lived_so_long() -> None:
    """Supervisord's startsecs."""
    life = Life(program(ready=ReadyRule(after=2.0)))
    life.be_born()
    assert life.state == Starting(100, 0.0, 2.0)
    assert life.wake() == ()
    assert life.state == Running(100, 0.0)


def test_a_process_that_says_so_is_ready_at_once() -> None:
    """sd_notify's READY=1; it has run since its birth, not since it was ready."""
    life = Life(program(ready=ReadyRule()))
    life.be_born()
    assert life.state == Starting(100, 0.0, 60.0)
    assert life.give(Ready(1), at=5.0) == ()
    assert life.state == Running(100, 0.0)


def test_saying_so_twice_changes_nothing() -> None:
    """Programs send READY=1 again after a reload."""
    life = Life(program(ready=ReadyRule()))
    life.be_born()
    life.give(Ready(1))
    before = life.instance
    assert life.give(Ready(1), at=9.0) == ()
    assert life.instance == before


def test_not_ready_in_time_it_is_stopped_and_tried_again_after_a_pause() -> None:
    """It counts as a failed start; else a short timeout would spawn as fast as the machine can."""
    life = Life(program(ready=ReadyRule(timeout=0.5)))
    life.be_born()
    assert life.wake() == TERM
    assert life.instance == Instance(Stopping(100, 5.5), UP, 1, 1)
    assert life.end(-SIGTERM) == ()
    assert life.instance == Instance(Backoff(1.5), UP, 1, 1)
    assert life.wake() == (Spawn(2),)


def test_never_ready_and_out_of_attempts_it_is_given_up() -> None:
    """It must not be left running either: nobody uses what is not ready."""
    life = Life(program(RestartPolicy(attempts=1), ready=ReadyRule(timeout=0.5)))
    life.be_born()
    assert life.wake() == TERM
    assert life.end(-SIGTERM) == ()
    assert life.instance == Instance(Fatal("was not ready in time, or soon unhealthy"), UP, 1, 1)


def test_a_restart_while_an_unready_process_is_stopped_forgives_it() -> None:
    """Asked for, the next run starts as soon as the slot is free."""
    life = Life(program(RestartPolicy(attempts=1), ready=ReadyRule(timeout=0.5)))
    life.be_born()
    life.wake()
    life.give(Restart())
    assert life.end(-SIGTERM) == (Spawn(2),)
    assert life.instance.attempt == 0


@pytest.mark.parametrize("policy", [TEMPORARY, TRANSIENT])
def test_an_end_before_it_is_ready_is_a_failed_start_whatever_the_policy(policy: str) -> None:
    """The policy is about programs that came up; this one did not, even where it exited with 0."""
    life = Life(program(RestartPolicy(policy=policy), ready=ReadyRule(after=2.0)))
    life.be_born()
    assert life.end(0, at=1.5) == ()
    assert life.instance == Instance(Backoff(2.5), UP, 1, 1)


def test_given_up_before_it_was_ready_says_so() -> None:
    """'exited with status 0' alone would not look like a failure."""
    life = Life(program(RestartPolicy(attempts=1), ready=ReadyRule(after=2.0)))
    life.be_born()
    life.end(0)
    assert life.state == Fatal("exited with status 0 before it was ready")


def test_a_rule_taken_back_while_it_starts_makes_it_running_at_its_deadline() -> None:
    """A description may change under a state that an older one made."""
    life = Life(program(ready=ReadyRule(timeout=3.0)))
    life.be_born()
    life.program = program()
    assert life.wake() == ()
    assert life.state == Running(100, 0.0)


# Health ---------------------------------------------------------------------------------------------------------------


def test_an_unhealthy_process_is_replaced() -> None:
    """It hangs, so it gets the signal, and SIGKILL when its time is over; after a long run the next comes at once."""
    life = life_in(Running(100, 0.0), attempt=3)
    assert life.give(Unhealthy(1, "no answer"), at=30.0) == TERM
    assert life.instance == Instance(Stopping(100, 35.0), UP, 0, 1)
    assert life.end(-SIGTERM) == (Spawn(2),)


def test_unhealthy_soon_after_its_start_it_waits_like_any_other_failure() -> None:
    """A program that never gets well must not be started over and over."""
    life = life_in(Running(100, 0.0), attempt=1)
    life.give(Unhealthy(1, "no answer"), at=0.5)
    life.end(-SIGTERM)
    assert life.instance == Instance(Backoff(2.5), UP, 2, 1)


def test_how_soon_it_is_unhealthy_counts_from_when_it_was_ready() -> None:
    """A run of the threshold to the moment is a long one, whenever it began."""
    for at, attempt in ((20.9, 2), (21.0, 0)):
        life = life_in(Running(100, 20.0), attempt=1)
        life.give(Unhealthy(1, "no answer"), at=at)
        assert life.instance.attempt == attempt


# Needs ----------------------------------------------------------------------------------------------------------------


def test_what_it_needs_is_awaited_before_each_spawn() -> None:
    """A run is numbered when it begins, not when it waits."""
    life = Life(program(needs=(Need("db"),)))
    assert life.give(Start()) == (Await(),)
    assert life.instance == Instance(Waiting(0.0), UP, 0, 0)
    assert life.give(Unblocked(0), at=3.0) == (Spawn(1),)
    assert life.instance == Instance(Spawning(3.0), UP, 0, 1)
    life.be_born()
    assert life.end(at=5.0) == (Await(),)
    assert life.state == Waiting(5.0)


def test_waiting_after_a_pause_keeps_the_count_of_failures() -> None:
    """A need that comes and goes must not turn a failing program into a fresh one."""
    life = Life(program(needs=(Need("db"),)))
    life.give(Start())
    life.give(Unblocked(0))
    life.fail_to_spawn()
    assert life.wake() == (Await(),)
    assert life.give(Unblocked(1)) == (Spawn(2),)
    assert life.instance.attempt == 1


def test_a_hundred_restarts_while_waiting_neither_wedge_it_nor_double_it() -> None:
    """Bug 35: nobody is asked twice to say when the need is there, and one spawn follows."""
    life = Life(program(needs=(Need("db"),)))
    life.give(Start())
    assert [life.give(Restart()) for _ in range(100)] == [()] * 100
    assert life.give(Unblocked(0)) == (Spawn(1),)
    assert is_stale(life.instance, Unblocked(0))


def test_stop_while_waiting_ends_stopped_and_the_need_changes_nothing_more() -> None:
    """Bug 34: the answer may be on its way already."""
    life = Life(program(needs=(Need("db"),)))
    life.give(Start())
    assert life.give(Stop()) == ()
    assert life.give(Unblocked(0)) == ()
    assert life.instance == Instance(Stopped(), DOWN, 0, 0)


def test_outdated_it_is_stopped_and_waits_for_what_it_needs() -> None:
    """What it needs was lost: it comes back by itself, as soon as that does."""
    life = Life(program(needs=(Need("db"),)))
    life.give(Start())
    life.give(Unblocked(0))
    life.be_born()
    assert life.give(Outdated(1, "db is not ready"), at=2.0) == TERM
    assert life.end(-SIGTERM, at=2.5) == (Await(),)
    assert life.instance == Instance(Waiting(2.5), UP, 0, 1)
    assert life.give(Unblocked(1)) == (Spawn(2),)


@pytest.mark.parametrize(
    "state", [state for kind, state in ONE_OF_EACH.items() if kind not in (Starting, Running)], ids=repr
)
def test_outdated_means_nothing_where_nothing_runs_or_it_ends_anyway(state: State) -> None:
    """It starts nobody who was stopped, and hurries nobody who is being stopped."""
    life = life_in(state)
    before = life.instance
    assert life.give(Outdated(1, "db is not ready")) == ()
    assert life.instance == before


# Schedules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, None])
def test_a_run_that_ends_well_waits_for_its_next_time(status: int | None) -> None:
    """However short it was; an end that nobody saw is no reason to do a job twice."""
    life = Life(program(schedule=Schedule(every=60.0, retries=3)))
    assert life.give(Start()) == (Await(),)
    life.give(Unblocked(0))
    life.be_born()
    assert life.give(Ended(1, status), at=0.1) == (Await(),)
    assert life.instance == Instance(Waiting(0.1), UP, 0, 1)


def test_failures_are_retried_and_then_forgotten() -> None:
    """It waits with nothing held against it, and is never given up."""
    life = Life(program(RestartPolicy(min_delay=1.0), schedule=Schedule(every=60.0, retries=2)))
    life.give(Start())
    for attempt, deadline in ((1, 1.0), (2, 3.0)):
        life.give(Unblocked(life.instance.run))
        life.be_born()
        assert life.end() == ()
        assert (life.state, life.instance.attempt) == (Backoff(deadline), attempt)
        life.now = deadline
        assert life.wake() == (Await(),)
    life.give(Unblocked(life.instance.run))
    life.fail_to_spawn()
    assert life.instance == Instance(Waiting(3.0), UP, 0, 3)


@pytest.mark.parametrize(("grace", "deadline"), [(None, 35.0), (0.5, 30.5)])
def test_a_run_that_is_overdue_has_failed(grace: float | None, deadline: float) -> None:
    """It gets the stop signal, and its own grace where it has one."""
    life = Life(program(schedule=Schedule(every=60.0, timeout=30.0, grace=grace, retries=1)))
    life.give(Start())
    life.give(Unblocked(0))
    life.be_born()
    assert life.give(Overdue(1, "too long"), at=30.0) == TERM
    assert life.state == Stopping(100, deadline)
    assert life.end(-SIGTERM) == ()
    assert life.instance == Instance(Backoff(31.0), UP, 1, 1)


@pytest.mark.parametrize("command", [Start(), Restart()])
def test_what_waits_for_its_time_is_wanted_now_by_whoever_starts_it(command: Input) -> None:
    """It asks again whether it may; what waits for its needs alone has asked already."""
    life = Life(program(schedule=Schedule(every=60.0)))
    life.give(Start())
    assert life.give(command, at=5.0) == (Await(),)
    assert life.instance == Instance(Waiting(5.0), UP, 0, 0)


# Budgets --------------------------------------------------------------------------------------------------------------


def test_flapping_above_the_threshold_does_not_escape_the_budget() -> None:
    """Bug 56: a run of just more than the threshold forgives the ones before it, but the window remembers."""
    life = Life(program(RestartPolicy(attempts=3, window=60.0)))
    for run in (1, 2, 3):
        life.be_born()
        assert life.end(at=life.now + 1.1) == (Spawn(run + 1),)
    life.be_born()
    assert life.end(at=life.now + 1.1) == ()
    assert life.state == Fatal("exited with status 1; had been restarted 3 times within 60 s")


def test_what_happened_before_the_window_is_forgotten() -> None:
    """A crash a day is no reason to give up after three days."""
    life = Life(program(RestartPolicy(attempts=1, window=60.0)))
    for run in range(1, 10):
        life.be_born()
        assert life.end(at=life.now + 61.0) == (Spawn(run + 1),)


@pytest.mark.parametrize("command", [Start(), Restart()])
def test_a_start_by_hand_gives_the_whole_budget_back(command: Input) -> None:
    """Bug 61: ten starts by hand are never refused, nor do they count."""
    life = Life(program(RestartPolicy(attempts=1, window=1000.0)))
    for _ in range(10):
        life.give(command)
        life.be_born()
        life.end(at=life.now + 2.0)
        life.be_born()
        life.end(at=life.now + 2.0)
        assert isinstance(life.state, Fatal)


def test_ten_restarts_by_hand_spend_nothing() -> None:
    """Bug 61: the limit is for a program that fails by itself."""
    life = Life(program(RestartPolicy(attempts=1, window=1000.0)))
    life.be_born()
    for _ in range(10):
        life.give(Restart())
        life.end(0)
        life.be_born()
        assert isinstance(life.state, Running)
        assert life.instance.recent == ()


def test_unhealthy_and_not_ready_spend_the_budget_as_ends_do() -> None:
    """It is restarted all the same, and would be for ever."""
    life = Life(program(RestartPolicy(attempts=1, window=1000.0)))
    for _ in range(2):
        life.be_born()
        life.give(Unhealthy(life.instance.run, "no answer"), at=life.now + 5.0)
        life.end(-SIGTERM)
    assert life.state == Fatal("was not ready in time, or soon unhealthy; had been restarted 1 time within 1000 s")


def test_a_wait_is_shortened_by_chance_that_repeats() -> None:
    """The same slot at the same attempt waits as long every time: what happened can be done again."""
    deadlines = set()
    for number in (1, 2, 2):
        life = Life(program(RestartPolicy(jitter=1.0)))
        life.instance = Instance(number=number)
        life.be_born()
        life.end()
        assert isinstance(life.state, Backoff)
        assert 0.0 < life.state.deadline < 1.0
        deadlines.add(life.state.deadline)
    assert len(deadlines) == 2


# Stale facts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fact", [Ready(1), Ended(1, 0), Swept(1), Spawned(1, 100), SpawnFailed(1, ""), Unhealthy(1, "")]
)
def test_facts_of_an_earlier_run_are_stale(fact: Input) -> None:
    """Bug 49: READY of the run before must not make the new one ready; bug 76: nor its end end it."""
    assert is_stale(Instance(Starting(101, 0.0, 9.0), UP, 0, run=2), fact)
    assert not is_stale(Instance(Starting(101, 0.0, 9.0), UP, 0, run=1), fact)


def test_late_ready_after_death_is_not_counted() -> None:
    """Bug 49: in the pause after its run, and in the run after that."""
    life = Life(program(ready=ReadyRule()))
    life.be_born()
    life.end()
    assert life.give(Ready(1)) == ()
    assert isinstance(life.state, Backoff)
    life.wake()
    life.be_born(101)
    assert is_stale(life.instance, Ready(1))
    assert not is_stale(life.instance, Ready(2))


def test_two_quick_deaths_are_told_apart_by_their_runs() -> None:
    """Bug 76: every Spawn has a number of its own, and its end carries it."""
    life = Life(program(RestartPolicy(min_delay=0.0)))
    life.be_born()
    assert life.end() == (Spawn(2),)
    assert is_stale(life.instance, Ended(1, 1))
    assert life.be_born(101) == ()
    assert is_stale(life.instance, Ended(1, 1))
    assert life.end() == (Spawn(3),)


def test_a_deadline_is_stale_once_its_state_has_another_or_none() -> None:
    """A timer may have fired just before it was re-armed."""
    life = Life()
    life.be_born()
    life.give(Stop())
    assert not is_stale(life.instance, DeadlinePassed(5.0))
    life.give(Stop(1.0))
    assert is_stale(life.instance, DeadlinePassed(5.0))
    assert not is_stale(life.instance, DeadlinePassed(1.0))
    life.end()
    assert is_stale(life.instance, DeadlinePassed(1.0))


@pytest.mark.parametrize("command", [Start(), Stop(), Restart()])
def test_commands_are_never_stale(command: Input) -> None:
    """They belong to the program, not to a run."""
    assert not is_stale(Instance(run=5), command)
