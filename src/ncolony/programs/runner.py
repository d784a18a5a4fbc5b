"""Carries out a schedule over the ports: one inbox, one timer. Knows neither Twisted nor the system."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ncolony.core.events import Slot
from ncolony.core.launch import Launch
from ncolony.core.states import DeadlinePassed, Ended, Spawn, Spawned, SpawnFailed, Stop
from ncolony.programs.schedule import Over, Say, begin, deadline_of, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Channel, Channels, Fact, Loop, Process, Timer
    from ncolony.programs.schedule import Input, Job, Output, Schedule

    SpawnProcess = Callable[[Launch, Callable[[Fact], None]], Process]
    Tell = Callable[[Say], None]


class Runner:
    """Runs one job."""

    def __init__(self, loop: Loop, spawn: SpawnProcess, channels: Channels, job: Job, tell: Tell) -> None:
        """Make ready; ``spawn`` is a Spawner's, and ``tell`` takes what people should know. See :meth:`start`."""
        self._loop, self._spawn_process, self._channels, self._job, self._tell = loop, spawn, channels, job, tell
        self._env: dict[str, str] = {}
        self._schedule: Schedule = begin(loop.now())
        self._inbox: deque[Input] = deque()
        self._draining = False
        self._timer: Timer | None = None
        self._armed: float | None = None
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._stopped: Callable[[], None] | None = None

    def start(self, env: dict[str, str]) -> None:
        """Start the first run in the next turn of the loop, and then one every period; each gets ``env``."""
        self._env = env
        self._schedule = begin(self._loop.now())
        self._arm()

    def stop(self, stopped: Callable[[], None]) -> None:
        """Start no more runs, end what runs, and call ``stopped`` when nothing does."""
        self._stopped = stopped
        self._feed(Stop())

    def _feed(self, given: Input) -> None:
        self._inbox.append(given)
        if self._draining:
            return
        self._draining = True
        try:
            while self._inbox:
                self._take(self._inbox.popleft())
        finally:
            self._draining = False

    def _learn(self, fact: Fact) -> None:
        if isinstance(fact, Spawned | SpawnFailed | Ended):  # nothing else is asked for
            self._feed(fact)

    def _take(self, given: Input) -> None:
        if isinstance(given, DeadlinePassed) and given.deadline != deadline_of(self._schedule):
            return
        if isinstance(given, Ended) and self._channel is not None:
            self._process = None
            self._channel.drain()  # what it said comes before the news of its end
        self._schedule, outputs = step(self._schedule, self._job, given, self._loop.now())
        self._arm()
        for output in outputs:
            self._carry_out(output)
        if isinstance(self._schedule.state, Over):
            self._close()

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped()

    def _arm(self) -> None:
        deadline = deadline_of(self._schedule)
        if deadline == self._armed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed = deadline
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, lambda: self._feed(DeadlinePassed(deadline)))

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, Say):
            self._tell(output)
        elif isinstance(output, Spawn):
            self._spawn(output.run)
        elif self._process is not None:
            self._process.signal(output.number, "group")

    def _spawn(self, run: int) -> None:
        try:
            if self._channel is None:
                self._channel = self._channels.open(Slot(self._job.args[0]))
            stdout, stderr = self._channel.child_fds()
        except OSError as error:
            self._feed(SpawnFailed(run, f"cannot make pipes for its output: {error.strerror}"))
            return
        launch = Launch(run=run, args=self._job.args, env=self._env, stdout=stdout, stderr=stderr)
        self._process = self._spawn_process(launch, self._learn)
