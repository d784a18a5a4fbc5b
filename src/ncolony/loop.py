"""The native event loop: epoll and a heap of deadlines, nothing else.

It runs a colony by itself (:meth:`Loop.run`), or inside another loop: its own descriptor (:meth:`Loop.fileno`) can be
read whenever something in it is ready, so a host adds that one descriptor and one timer and calls :meth:`Loop.turn`.
"""

from __future__ import annotations

from select import EPOLLIN, EPOLLOUT, epoll
from time import monotonic

from ncolony.core.bare import heapify, heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 86400.0  # seconds to wait at a time: epoll takes no more than 24 days
MANY = 64  # cancelled timers that may lie in the heap before it is swept


class Timer:
    """A call that is going to be made."""

    __slots__ = ("_loop", "call", "when")

    def __init__(self, loop: Loop, when: float, call: Callable[[], None]) -> None:
        """Remember what to call, and when."""
        self.when = when
        self.call: Callable[[], None] | None = call
        self._loop = loop

    def cancel(self) -> None:
        """Do not make the call. Harmless when it was made or cancelled already."""
        if self.call is not None:
            self.call = None
            self._loop.forget_one()


class Loop:
    """Time and readiness for one colony. Not thread-safe: everything happens on the thread that runs it."""

    def __init__(self) -> None:
        """Open the epoll."""
        self._poll = epoll()
        self._calls: dict[int, Callable[[], object]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._cancelled = 0
        self._serial = 0
        self._turned = float("-inf")
        self._running = False
        self.now = monotonic

    def fileno(self) -> int:
        """Return a descriptor that is readable whenever :meth:`turn` has something to do now, deadlines apart."""
        return self._poll.fileno()

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call once, not before ``when``; calls with equal times are made in the order they were asked for.

        A time in the past counts as now, so that it does not come before what has been due for longer.
        """
        when = max(when, self._turned)
        timer = Timer(self, when, call)
        self._serial += 1
        heappush(self._timers, (when, self._serial, timer))
        return timer

    def call_soon(self, call: Callable[[], None]) -> Timer:
        """Call once in the next turn."""
        return self.call_at(self.now(), call)

    def forget_one(self) -> None:
        """Take note of a cancelled timer, and sweep them when they are many (for :meth:`Timer.cancel`)."""
        self._cancelled += 1
        if self._cancelled > MANY and self._cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].call is not None]
            heapify(self._timers)
            self._cancelled = 0

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call whenever ``fd`` can be read. Raises KeyError where it is watched already."""
        self._register(fd, EPOLLIN, call)

    def watch_writes(self, fd: int, call: Callable[[], object]) -> None:
        """Call whenever ``fd`` can be written. Raises KeyError where it is watched already."""
        self._register(fd, EPOLLOUT, call)

    def _register(self, fd: int, events: int, call: Callable[[], object]) -> None:
        if fd in self._calls:
            raise KeyError(fd)
        self._poll.register(fd, events)
        self._calls[fd] = call

    def unwatch(self, fd: int) -> None:
        """Stop watching. Has to be done before the descriptor is closed. Raises KeyError where it is not watched."""
        del self._calls[fd]
        self._poll.unregister(fd)

    def deadline(self) -> float | None:
        """Return when the next timer is due, or None."""
        timers = self._timers
        while timers and timers[0][2].call is None:
            heappop(timers)
            self._cancelled -= 1
        return timers[0][0] if timers else None

    def turn(self, timeout: float | None = 0.0) -> None:
        """Wait for something, at most ``timeout`` seconds (None: until it comes), and make the calls it asks for."""
        due = self.deadline()
        if due is not None:
            left = max(0.0, due - self.now())
            timeout = min(LONGEST, left if timeout is None else min(timeout, left))
        calls = self._calls
        ready = [(fd, calls[fd]) for fd, _ in self._poll.poll(timeout)]
        for fd, call in ready:
            # A call made earlier in this turn may have closed this descriptor, or reused its number.
            if calls.get(fd) is call:
                call()
        self._make_due_calls()

    def _make_due_calls(self) -> None:
        now = self._turned = self.now()
        last = self._serial  # timers made by these calls wait for the next turn, so no call can starve the rest
        timers = self._timers
        while timers and timers[0][0] <= now and timers[0][1] <= last:
            _, _, timer = heappop(timers)
            call, timer.call = timer.call, None
            if call is None:
                self._cancelled -= 1
            else:
                call()
            timers = self._timers

    def run(self, bug: Callable[[], None] | None = None) -> None:
        """Turn until :meth:`stop` is called; ``bug`` is called while an exception is handled (None: it is raised)."""
        self._running = True
        while self._running:
            try:
                self.turn(None)
            except Exception:
                if bug is None:
                    raise
                bug()

    def stop(self) -> None:
        """End :meth:`run` after this turn."""
        self._running = False

    def close(self) -> None:
        """Give the epoll back. What is still watched stays open."""
        self._timers.clear()
        self._calls.clear()
        self._poll.close()
