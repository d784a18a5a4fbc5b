"""A pretend operating system for one slot of a program.

It obeys the core's outputs as a real one would: processes fail to come up, come up late, crash, end well, ignore the
stop signal, hang in the kernel after SIGKILL, say that they are ready late or never. Time is a number; nothing waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from signal import SIGABRT, SIGCONT, SIGKILL, SIGSEGV, SIGTERM
from typing import TYPE_CHECKING

from ncolony.core.states import Ended, Ready, Spawned, SpawnFailed, Swept, Unblocked

if TYPE_CHECKING:
    from random import Random

    from ncolony.core.program import Program
    from ncolony.core.states import Input


@dataclass
class Process:
    """A pretend process, with its children: what it will do, and what was done to it."""

    run: int
    pid: int
    since: float
    dies_of_stop_after: float
    """inf: it ignores the stop signal."""
    dies_of_kill_after: float
    ready: bool = False
    """It has said so."""
    doomed: bool = False
    """It has been decided that this process must go."""
    told: bool = False
    """The stop signal has been sent."""
    killed: bool = False
    kill_by: float = inf
    """When SIGKILL must have been sent at the latest."""
    hurried: bool = False
    """Whoever stops it has no more time than was said."""
    kill_again_at: float = inf
    """When it must be sent once more."""


@dataclass
class Kernel:
    """One slot's worth of an operating system. What will happen stands in ``coming``, in order of time."""

    dice: Random
    now: float = 0.0
    process: Process | None = None
    left: Process | None = None
    """What lives on of a process that is gone."""
    spawning: int | None = None
    """The run whose process has been asked for and is not there yet."""
    coming: list[tuple[float, int, str, Input]] = field(default_factory=list)
    friendly: bool = False
    """From now on all processes come up, become ready and live."""
    _order: int = 0
    births: int = 0

    def occupied(self) -> bool:
        """Tell whether a process lives or may come to life."""
        return self.body() is not None or self.spawning is not None

    def body(self) -> Process | None:
        """Return who would get a signal."""
        return self.process or self.left

    def spawn(self, run: int) -> None:
        """Try to make a process."""
        assert not self.occupied(), "a second process for a slot whose first may live"
        self.spawning = run
        pause = self.dice.choice((0.0, 0.0, 0.25, 2.0))
        if not self.friendly and self.dice.random() < 0.25:
            self.later(pause, "fails", SpawnFailed(run, "no such file"))
            return
        self.births += 1
        self.later(pause, "born", Spawned(run, 100 + self.births))

    def born(self, fact: Spawned) -> None:
        """Bring a process to life, with a fate."""
        dice = self.dice
        self.spawning = None
        self.process = Process(
            run=fact.run,
            pid=fact.pid,
            since=self.now,
            dies_of_stop_after=dice.choice((0.0, 0.0, 0.25, 3.0, inf)),
            dies_of_kill_after=dice.choice((0.0, 0.0, 0.25, 7.0)),
        )
        if self.friendly:
            self.later(0.25, "fact", Ready(fact.run))
            return
        if dice.random() < 0.7:
            self.later(dice.choice((0.0, 0.25, 1.0, 9.0)), "fact", Ready(fact.run))
        if dice.random() < 0.6:
            life = dice.choice((0.0, 0.0, 0.25, 0.75, 1.0, 3.0, 30.0))
            self.dies(life, dice.choice((0, 0, 1, 3, -SIGSEGV, -SIGABRT, -SIGTERM)))

    def dies(self, after: float, status: int) -> None:
        """Let the process, or what it left, die ``after`` seconds, unless something else ends it sooner."""
        if after == inf:
            return
        if self.process is not None:
            left = not self.friendly and self.dice.random() < 0.25
            self.later(after, "dies", Ended(self.process.run, status, core=status == -SIGABRT, left=left))
        else:
            assert self.left is not None
            self.later(after, "swept", Swept(self.left.run))

    def leave(self) -> None:
        """Let the process be gone, and its children live on; what it was sent, they were sent too."""
        self.left, self.process = self.process, None
        assert self.left is not None
        self.left.doomed = True
        if self.left.told:
            self.dies(self.left.dies_of_stop_after, 0)
        if self.left.killed:
            self.dies(self.left.dies_of_kill_after, 0)

    def signal(self, number: int, program: Program) -> None:
        """Deliver a signal."""
        process = self.body()
        assert process is not None, f"signal {number} without a live process"
        if number == SIGKILL:
            process.killed = True
            process.kill_again_at = self.now + max(program.stop.timeout, 1.0)
            self.dies(process.dies_of_kill_after, -SIGKILL)
        elif number == program.stop.signal:
            assert process.doomed, "a stop signal that nobody asked for"
            assert not process.told, "the stop signal twice"
            process.told = True
            self.dies(process.dies_of_stop_after, -number)
        else:
            assert number == SIGCONT

    def later(self, after: float, kind: str, fact: Input) -> None:
        """Let ``fact`` happen ``after`` seconds."""
        self._order += 1
        heappush(self.coming, (self.now + after, self._order, kind, fact))

    def next(self) -> Input | None:
        """Take the next thing that happens, if it still can."""
        self.now, _, kind, fact = heappop(self.coming)
        if kind == "born":
            assert isinstance(fact, Spawned)
            self.born(fact)
        elif kind == "fails":
            self.spawning = None
        elif kind == "dies":
            assert isinstance(fact, Ended)
            if self.process is None or self.process.run != fact.run:
                return None  # something else was quicker
            if fact.left:
                self.leave()
            self.process = None
        elif kind == "swept":
            assert isinstance(fact, Swept)
            if self.left is None or self.left.run != fact.run:
                return None
            self.left = None
        elif isinstance(fact, Ready) and self.process is not None and self.process.run == fact.run:
            self.process.ready = True
        return fact

    def awaits(self, run: int) -> bool:
        """Tell whether somebody will say that what the program needs is there."""
        return any(fact == Unblocked(run) for *_, fact in self.coming)
