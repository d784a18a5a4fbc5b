"""The rules of the life cycle once more: in flat variables and plain words instead of a table.

walks.py compares it with the table after every step, so that a wrong cell cannot hide.
"""

from __future__ import annotations

from binascii import crc32
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from ncolony.core.program import TEMPORARY, TRANSIENT
from ncolony.core.states import (
    DOWN,
    UP,
    Ended,
    Exited,
    Fatal,
    Instance,
    Restart,
    Running,
    Start,
    Starting,
    Stop,
    Stopped,
    Stopping,
)

if TYPE_CHECKING:
    from ncolony.core.program import Program
    from ncolony.core.states import Input
    from tests.core.kernel import Kernel, Process


@dataclass
class Expectation:
    """What ought to be, by the rules and not by the table."""

    program: Program
    want: str = DOWN
    failures: int = 0
    runs: int = 0
    settled: type | None = Stopped
    """The state to rest in while there is no process; None: on the way up."""
    restarts: list[float] = field(default_factory=list)
    """The moments of those that count against a window."""
    earliest: float = 0.0
    """When the next run may begin, and where it waits for that, must."""

    def command(self, given: Input, kernel: Kernel, before: Instance, now: float) -> str | None:
        """Take a command; return "refused" where it has to be."""
        state = type(before.state)
        if isinstance(given, Start) and state in (Starting, Running):
            return "refused"
        if isinstance(given, Stop) and state is Stopped:
            return "refused"
        process = kernel.body()
        if isinstance(given, Stop):
            self.want, self.settled = DOWN, Stopped
            if process is not None:
                self._doom(process, now)
                if given.within is not None:
                    # SIGKILL may be on its way already, and is never put off.
                    process.kill_by = min(process.kill_by, now + given.within)
                    process.hurried |= state in (Starting, Running, Stopping)
            return None
        self.want, self.settled, self.failures, self.earliest = UP, None, 0, now
        self.restarts = []
        if isinstance(given, Restart) and process is not None:
            self._doom(process, now)
        return None

    def _doom(self, process: Process, now: float) -> None:
        process.doomed = True
        if process.kill_by == inf:  # else it has its time already, and may have been given more
            process.kill_by = now + self.program.stop.timeout

    def extend(self, process: Process, seconds: float, before: Instance, now: float) -> None:
        """It asks for more time, which it gets on its way up, or down where nobody is in a hurry."""
        if isinstance(before.state, Stopping) and not process.hurried:
            process.kill_by = max(process.kill_by, now + seconds)

    def born(self, process: Process, now: float) -> None:
        """A process is there."""
        if self.want == DOWN:
            self._doom(process, now)

    def outdated(self, process: Process, now: float) -> None:
        """It has to be replaced for another's sake."""
        self.failures = 0
        self._doom(process, now)

    def overdue(self, process: Process, now: float) -> None:
        """It took longer than its schedule allows."""
        self.failures += 1
        self._spend(now)
        job = self.program.schedule
        if job is not None and job.grace is not None and process.kill_by == inf:
            process.doomed, process.kill_by = True, now + job.grace
        self._doom(process, now)

    def unready(self, process: Process, now: float) -> None:
        """It was not ready in time."""
        self.failures += 1
        self._spend(now)
        self._doom(process, now)

    def unhealthy(self, process: Process, now: float) -> None:
        """It was found to be unhealthy while it ran."""
        long = self.program.schedule is None and now - process.since >= self.program.restart.threshold
        self.failures = 0 if long else self.failures + 1
        self._spend(now)
        self._doom(process, now)

    def failed(self, now: float) -> None:
        """A start came to nothing."""
        self.failures += 1
        self._spend(now)
        self.pause(now)

    def ended(self, given: Ended, left: Process | None, before: Instance, now: float) -> None:
        """A process is gone, and perhaps left others behind."""
        state = before.state
        if left is not None:
            self._doom(left, now)
        if isinstance(state, Running):
            self._ran(given.status, now - state.since, now)
        elif isinstance(state, Starting):
            self.failed(now)
        else:
            self.pause(now)

    def _ran(self, status: int | None, seconds: float, now: float) -> None:
        rule = self.program.restart
        if self.program.schedule is not None:
            self.failures = 0 if status is None or status in rule.ok_exits else self.failures + 1
            self.pause(now)
            return
        good = rule.policy == TEMPORARY or (rule.policy == TRANSIENT and status in rule.ok_exits)
        if good:
            self.failures, self.settled = 0, Exited
        elif seconds >= rule.threshold:
            self.failures = 0
            self._spend(now)
            self.pause(now)
        else:
            self.failed(now)

    def pause(self, now: float) -> None:
        """Decide when the next run may begin after the failures there were."""
        rule = self.program.restart
        if self.program.schedule is not None and self.failures > self.program.schedule.retries:
            self.failures = 0  # it waits for its next time, and begins anew then
        if self.want == DOWN:
            return
        if rule.attempts is not None:
            spent = (
                self.failures >= max(rule.attempts, 1) if rule.window is None else len(self.restarts) > rule.attempts
            )
            if spent:
                self.settled = Fatal
                return
        wait = min(rule.min_delay * 2 ** (self.failures - 1), rule.max_delay) if self.failures else 0.0
        chance = crc32(f"web:1/{self.failures}".encode()) / 2**32
        self.earliest = now + wait * (1 - rule.jitter * chance)

    def _spend(self, now: float) -> None:
        rule = self.program.restart
        if rule.window is not None and rule.attempts is not None:
            self.restarts = [moment for moment in self.restarts if moment > now - rule.window] + [now]
