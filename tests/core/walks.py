"""Random walks of one instance over a pretend kernel; any rule that is broken on the way raises."""

from __future__ import annotations

from math import inf
from random import Random
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

from ncolony.core import lifecycle
from ncolony.core.moves import Moment
from ncolony.core.program import PERMANENT, TEMPORARY, TRANSIENT, Need, Program, ReadyRule, RestartPolicy, StopPolicy
from ncolony.core.schedule import Schedule
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
    pid_of,
)
from tests.core.expectation import Expectation
from tests.core.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.moves import Step
    from ncolony.core.states import Input, Output, State
    from tests.core.kernel import Process

    StepFunction = Callable[[Instance, Program, Input, float], Step]
    Table = Mapping[tuple[type, type], Callable[[Moment], Step]]


def step_by(table: Table) -> StepFunction:
    """Return the core's ``step`` as it would be with another table."""

    def step(instance: Instance, program: Program, given: Input, now: float) -> Step:
        return table[type(instance.state), type(given)](Moment(instance, program, given, now))

    return step


class World:
    """An instance, its kernel and what is expected of them, one step after the other."""

    def __init__(self, dice: Random, step: StepFunction = lifecycle.step, program: Program | None = None) -> None:
        """Begin stopped, with a program of chance unless one is given."""
        self.dice = dice
        self.step = step
        self.program = program or some_program(dice)
        self.kernel = Kernel(dice)
        self.expected = Expectation(self.program)
        self.instance = Instance()
        self.deadlines: list[float] = []
        self.exits = 0
        self.waited = False

    # Feeding ----------------------------------------------------------------------------------------------------------

    def feed(self, given: Input) -> None:
        """Do as the runtime does: drop what is stale, step, carry the outputs out; then look whether all is well."""
        now, before = self.kernel.now, self.instance
        if lifecycle.is_stale(before, given):
            assert not isinstance(given, Ended | Swept | Spawned | SpawnFailed), (
                "a fact that nobody will hear again was dropped"
            )
            return
        self.waited = isinstance(before.state, Waiting)
        refused = self._expect(given, before, now)
        self.instance, outputs = self.step(before, self.program, given, now)
        for output in outputs:
            self._carry_out(output, given)
        self._check_answer(given, before, outputs, refused=refused)
        self._check_time(given, before)
        self._check_state()

    def _expect(self, given: Input, before: Instance, now: float) -> bool:
        expected, process = self.expected, self.kernel.process
        state = before.state
        if isinstance(given, Start | Stop | Restart):
            return expected.command(given, self.kernel, before, now) == "refused"
        if isinstance(given, SpawnFailed) and expected.want == UP:
            expected.failed(now)
        elif isinstance(given, Ended):
            self.exits += 1
            expected.ended(given, self.kernel.left, before, now)
        elif isinstance(given, Extend) and process is not None:
            expected.extend(process, given.seconds, before, now)
        elif isinstance(given, Spawned) or isinstance(state, Starting | Running):
            assert process is not None
            self._expect_of_life(given, state, process, now)
        return False

    def _expect_of_life(self, given: Input, state: State, process: Process, now: float) -> None:
        """Expect what follows from what a process that lives, or just began to, is said to be."""
        expected, rule = self.expected, self.program.ready
        if isinstance(given, Spawned):
            expected.born(process, now)
        elif isinstance(given, Unhealthy) and isinstance(state, Running):
            expected.unhealthy(process, now)
        elif isinstance(given, Outdated):
            expected.outdated(process, now)
        elif isinstance(given, Overdue):
            expected.overdue(process, now)
        elif isinstance(given, DeadlinePassed) and rule is not None and rule.after is None:
            expected.unready(process, now)

    def _carry_out(self, output: Output, given: Input) -> None:
        if isinstance(output, Spawn):
            self._check_spawn(output, given)
            self.kernel.spawn(output.run)
        elif isinstance(output, Signal):
            body = self.kernel.body()
            if body is not None and output.number == SIGKILL:
                assert self.kernel.now >= body.kill_by, "SIGKILL before its time"
            self.kernel.signal(output.number, self.program)
        elif isinstance(output, Await):
            assert not self.waited or self._hastens(given), "asked to be told twice"
            self.kernel.later(self.dice.choice((0.0, 0.25, 5.0)), "fact", Unblocked(self.instance.run))
        elif isinstance(output, Warn):
            assert isinstance(given, DeadlinePassed), "a warning at no occasion"
            body = self.kernel.body()
            assert body is not None
            assert body.killed, "called unkillable before anyone tried"

    def _hastens(self, given: Input) -> bool:
        """Tell whether a command wants a run now of what may wait for its time."""
        return self.program.schedule is not None and isinstance(given, Start | Restart)

    # What has to hold -------------------------------------------------------------------------------------------------

    def _check_spawn(self, output: Spawn, given: Input) -> None:
        assert self.expected.want == UP, "a start that nobody wants"
        assert self.expected.settled is None, "a start after the policy said no"
        assert self.kernel.now >= self.expected.earliest, "started again faster than the policy allows"
        assert output.run == self.expected.runs + 1, "run numbers grow by one"
        assert not self._has_to_wait() or isinstance(given, Unblocked), "a start before its time, or what it needs"
        self.expected.runs = output.run

    def _has_to_wait(self) -> bool:
        return bool(self.program.needs) or self.program.schedule is not None

    def _check_answer(self, given: Input, before: Instance, outputs: tuple[Output, ...], *, refused: bool) -> None:
        answers = [output for output in outputs if isinstance(output, Refuse)]
        assert len(answers) == refused, f"{given!r} in {before!r} was answered by {outputs!r}"
        if refused:
            assert self.instance == before, "refused, and something changed all the same"
        if isinstance(before.state, Waiting) and self._hastens(given):
            assert Await() in outputs, "wanted now, and nobody is asked whether it may"
        if isinstance(given, Ready) and isinstance(before.state, Starting):
            assert isinstance(self.instance.state, Running), "ready, and not counted as running"
        if isinstance(before.state, Stopping | Killing | Sweeping) and isinstance(given, DeadlinePassed):
            assert Signal(SIGKILL) in outputs
            hangs = isinstance(before.state, Killing) or (isinstance(before.state, Sweeping) and before.state.killed)
            assert any(isinstance(output, Warn) for output in outputs) == hangs, "hanging, and nobody was told"

    def _check_time(self, given: Input, before: Instance) -> None:
        state = self.instance.state
        if isinstance(given, DeadlinePassed):
            assert state != before.state, "the deadline came and nothing moved"
        if isinstance(state, Starting | Stopping | Killing | Sweeping | Backoff):
            assert self.kernel.now <= state.deadline < inf
            self.deadlines.append(state.deadline)
        if isinstance(state, Stopping | Killing | Sweeping):
            body = self.kernel.body()
            assert body is not None
            due = body.kill_again_at if body.killed else body.kill_by
            assert state.deadline == due, "not the patience that was asked for"
        if isinstance(state, Starting):
            self._check_patience(state.deadline, given, before)

    def _check_patience(self, deadline: float, given: Input, before: Instance) -> None:
        rule = self.program.ready
        assert rule is not None
        if not isinstance(before.state, Starting):
            assert deadline == self.kernel.now + (rule.timeout if rule.after is None else rule.after)
        elif isinstance(given, Extend) and rule.after is None:
            assert deadline == max(before.state.deadline, self.kernel.now + given.seconds)
        else:
            assert deadline == before.state.deadline

    def _check_state(self) -> None:
        instance, expected, process = self.instance, self.expected, self.kernel.process
        assert instance.want == expected.want
        assert instance.attempt == expected.failures
        assert list(instance.recent) == expected.restarts[-(self.program.restart.attempts or 0) - 1 :]
        assert instance.run == expected.runs
        assert pid_of(instance.state) == (process.pid if process else None), "the pid of a process that lives, or none"
        assert isinstance(instance.state, Spawning) == (self.kernel.spawning is not None)
        if process is not None:
            assert process.doomed == process.told == isinstance(instance.state, Stopping | Killing)
            assert process.killed == isinstance(instance.state, Killing)
            if isinstance(instance.state, Running) and self.program.ready is not None:
                assert self._may_be_ready(process)
            if self.program.ready is None:
                assert not isinstance(instance.state, Starting)
        elif self.kernel.left is not None:
            assert isinstance(instance.state, Sweeping)
            assert self.kernel.left.told
            assert instance.state.killed == self.kernel.left.killed
        elif not self.kernel.occupied():
            self._check_rest()

    def _may_be_ready(self, process: Process) -> bool:
        rule = self.program.ready
        assert rule is not None
        return process.ready or (rule.after is not None and self.kernel.now >= process.since + rule.after)

    def _check_rest(self) -> None:
        state, expected = self.instance.state, self.expected
        if expected.settled is not None:
            assert type(state) is expected.settled
        elif isinstance(state, Waiting):
            assert self._has_to_wait()
            assert self.kernel.awaits(self.instance.run), "it waits, and nobody will tell it that the wait is over"
        else:
            assert state == Backoff(expected.earliest), "neither waiting, nor running, nor done"

    # Walking ----------------------------------------------------------------------------------------------------------

    def happen(self) -> None:
        """Let the next thing happen, if there is one: the kernel's, or the state's deadline."""
        deadline = deadline_of(self.instance.state)
        coming = self.kernel.coming
        if deadline is not None and (not coming or deadline < coming[0][0]):
            late = self.dice.choice((0.0, 0.0, 0.0, 0.25))
            self.kernel.now = max(self.kernel.now, min(deadline + late, coming[0][0] if coming else inf))
            self.feed(DeadlinePassed(deadline))
        elif coming:
            given = self.kernel.next()
            if given is not None:
                self.feed(given)

    def move(self) -> None:
        """Take one step of chance."""
        roll = self.dice.random()
        if roll < 0.55:
            self.happen()
        elif roll < 0.85:
            self.feed(self.dice.choice((Start(), Stop(), Restart(), Restart(), Stop(0.25), Stop(60.0))))
        else:
            self.feed(self._noise())

    def _noise(self) -> Input:
        """Return a fact that may come at any time: doubled, late, or from a run that is over."""
        dice = self.dice
        run = max(0, self.instance.run - dice.choice((0, 0, 0, 1)))
        process = self.kernel.process
        old = DeadlinePassed(dice.choice(self.deadlines or [0.0]))
        roll = dice.random()
        if roll < 0.45:
            late = (Outdated(run, "db was lost"), Overdue(run, "it takes too long"))
            return Extend(run, dice.choice((0.0, 1.0, 20.0))) if roll < 0.15 else dice.choice(late)
        if process is not None and process.run == run and dice.random() < 0.5:
            return Unhealthy(run, "no answer") if dice.random() < 0.5 or not process.ready else Ready(run)
        others: list[Input] = [old if lifecycle.is_stale(self.instance, old) else DeadlinePassed(-1.0)]
        if not isinstance(self.instance.state, Waiting):
            others.append(Unblocked(run))
        if process is None or process.run != run:
            others += [Ready(run), Unhealthy(run, "no answer"), Unhealthy(run, "no answer")]
        return dice.choice(others)

    def settle(self) -> None:
        """End the walk with one last wish, and see that it comes true."""
        self.kernel.friendly = True
        wish = self.dice.choice((Start(), Stop(), Restart()))
        self.feed(wish)
        for _ in range(100):
            self.happen()
        # What a process of before the wish did may have been the end of it; the wish is then made again.
        if not isinstance(wish, Stop) and isinstance(self.instance.state, Exited | Fatal):
            self.feed(Start())
            for _ in range(50):
                self.happen()
        assert self.instance.want == (DOWN if isinstance(wish, Stop) else UP)
        assert isinstance(self.instance.state, Stopped if isinstance(wish, Stop) else Running), self.instance
        assert self.exits == self.kernel.births - self.kernel.occupied(), "every end was heard of once"


def some_program(dice: Random) -> Program:
    """Return a program with a policy of chance."""
    schedule = dice.choice((None,) * 5 + (Schedule(every=60.0), Schedule(every=60.0, retries=2, grace=0.5)))
    return Program(
        name="web",
        args=("web",),
        restart=RestartPolicy(
            policy=dice.choice((PERMANENT, PERMANENT, TRANSIENT, TEMPORARY)),
            ok_exits=dice.choice(((0,), (0, 3), (0, -SIGTERM))),
            threshold=dice.choice((1.0, 0.5, 10.0)),
            min_delay=dice.choice((1.0, 0.25, 0.0)),
            max_delay=dice.choice((2.0, 60.0)),
            attempts=dice.choice((None, None, 1, 3)) if schedule is None else None,
            window=dice.choice((None, 5.0, 100.0)),
            jitter=dice.choice((0.0, 0.0, 0.5)),
        ),
        stop=StopPolicy(timeout=dice.choice((5.0, 1.0, 0.0))),
        ready=dice.choice((None, None, ReadyRule(after=2.0), ReadyRule(timeout=3.0))),
        needs=dice.choice(((), (), (Need("db"),))),
        schedule=schedule,
    )


def walk(seed: int, step: StepFunction = lifecycle.step, moves: int = 30) -> World:
    """Walk at random, and come to rest; any rule that is broken on the way raises."""
    world = World(Random(seed), step)  # noqa: S311 (a walk that can be walked again)
    for _ in range(moves):
        world.move()
    world.settle()
    return world
