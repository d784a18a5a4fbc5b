"""When memory runs out: whom the kernel killed for it, and that it is not the supervisor.

The kernel counts its kills. One that a program died of shows as a death by SIGKILL that nobody here sent, and a counter
that is higher than it was. That makes it probable, no more: the counter may be of the whole machine.
"""

from __future__ import annotations

import os
from time import monotonic

SCORE = "/proc/self/oom_score_adj"
SPARED = -900  # 1000 below zero would mean never, even where the supervisor itself is what fills the memory
EVENTS, MACHINE = "memory.events", "/proc/vmstat"
TOGETHER = 1.0  # seconds within which the deaths of several that were killed at once are learned of
COUNTER = b"oom_kill "


class Kills:
    """Tells of a death by SIGKILL whether the kernel may have done it."""

    def __init__(self, own: str | None = None) -> None:
        """Count from now on. ``own``: the directory of our cgroup (v2), whose counter has all below it, too.

        Where that has no such counter, the whole machine's is taken. The counter of a cgroup v1 has nothing of those
        below it, so it is no use.
        """
        events = f"{own}/{EVENTS}"
        self._path = events if own is not None and os.path.exists(events) else MACHINE
        self._seen = self._count()
        self._left, self._until = 0, 0.0

    def took_one(self) -> bool:
        """Tell whether the kernel has killed somebody since this was asked last; each that it killed counts once.

        Those that nobody asked about at once were others, and explain no later death.
        """
        now, count = monotonic(), self._count()
        if count > self._seen:
            self._left, self._until = count - self._seen, now + TOGETHER
            self._seen = count
        if not self._left or now > self._until:
            return False
        self._left -= 1
        return True

    def _count(self) -> int:
        try:
            with open(self._path, "rb", buffering=0) as file:
                text = b"\n" + file.readall()
        except OSError:
            return 0
        _, found, rest = text.partition(b"\n" + COUNTER)
        return int(rest.split(None, 1)[0]) if found else 0


class Spared:
    """Has the kernel kill others rather than the supervisor, where that is permitted; programs get what it had before.

    To be entered around the start of each: the kernel hands the number down at the fork.
    """

    def __init__(self, score: int | None = SPARED) -> None:
        """Begin, if it is permitted; None: do nothing at all."""
        self._fd = -1
        if score is not None:
            self._begin(score)

    def _begin(self, score: int) -> None:
        self._score = b"%d" % score
        try:
            fd = os.open(SCORE, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return
        before = os.pread(fd, 16, 0)
        try:
            if int(before) > score:
                os.pwrite(fd, self._score, 0)
                self._fd, self._before = fd, before
        except OSError:
            pass  # not permitted
        if self._fd < 0:
            os.close(fd)

    @property
    def active(self) -> bool:
        """Tell whether there is anything to be done around the start of a process."""
        return self._fd >= 0

    def __enter__(self) -> None:
        """Be like others, for a process that is started now."""
        if self._fd >= 0:
            os.pwrite(self._fd, self._before, 0)

    def __exit__(self, *_: object) -> None:
        """Be spared again."""
        if self._fd >= 0:
            os.pwrite(self._fd, self._score, 0)

    def close(self) -> None:
        """Be like others for good."""
        if self._fd >= 0:
            os.pwrite(self._fd, self._before, 0)
            os.close(self._fd)
            self._fd = -1
