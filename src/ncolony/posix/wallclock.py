"""The time of day, and calls at moments of it (the WallClock port).

One timerfd on the wall clock is armed for the next moment: the kernel knows when the clock is set and when the machine
wakes up, and tells (TFD_TIMER_CANCEL_ON_SET), so nobody has to look. Python has timerfd from 3.13 on, so it is reached
through ctypes. Where there is none a timer of the loop stands in: it is right as long as nobody sets the clock, and
one that was set counts when that timer comes.
"""

from __future__ import annotations

import os
from errno import ECANCELED
from time import localtime, time

from ncolony.core.bare import heappop, heappush
from ncolony.core.errors import OSFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop
    from ncolony.ports import Timer as LoopTimer

CLOCK_REALTIME = 0
TFD_TIMER_ABSTIME = 1
TFD_TIMER_CANCEL_ON_SET = 2
SLEWED = 1.0  # seconds; a clock that is set right little by little is not far from the other one
LONGEST = 1 << 34  # seconds; later moments are as good as never


class Timer:
    """A call that is going to be made."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        """Remember what to call."""
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Do not make it."""
        self.call = None


class Alarm:
    """A timerfd on the wall clock."""

    def __init__(self) -> None:
        """Make one. Raises OSError, or AttributeError where the system has none."""
        import ctypes

        self._ctypes = ctypes
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def arm(self, when: float) -> bool:
        """Become readable at ``when``, or when the clock is set; false where it has just been set."""
        seconds = max(0, int(when))
        nano = max(1, int((when - seconds) * 1e9))  # 0 and 0 would disarm it
        spec = (self._ctypes.c_long * 4)(0, 0, seconds, nano)
        flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
        done = self._libc.timerfd_settime(self.fd, flags, spec, None)
        return done == 0 or self._ctypes.get_errno() != ECANCELED

    def read(self) -> bool:
        """Take note that it is readable; false where that is because the clock was set."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return True
        except OSError as error:
            return error.errno != ECANCELED
        return True

    def close(self) -> None:
        """Give it back."""
        os.close(self.fd)


def timerfd() -> Alarm | None:
    """Return an alarm of the kernel; None: there is none."""
    try:
        return Alarm()
    except (OSError, AttributeError, ImportError):
        return None


def offset_of(zone: str) -> Callable[[float], int]:
    """Return what tells by how many seconds a zone is ahead of UTC. Raises OSFailure for an unknown zone."""
    if not zone:
        return lambda moment: localtime(moment).tm_gmtoff
    if zone == "UTC":
        return lambda _: 0
    # Only for those who name a zone.
    from datetime import datetime
    from zoneinfo import ZoneInfo

    try:
        found = ZoneInfo(zone)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise OSFailure(f"cannot use the time zone {zone!r}: {error}") from None
    except KeyError:
        why = "this system does not know it; install its tzdata, or the Python package of that name"
        raise OSFailure(f"cannot use the time zone {zone!r}: {why}") from None

    def ahead(moment: float) -> int:
        there = datetime.fromtimestamp(moment, found).utcoffset()
        return 0 if there is None else int(there.total_seconds())

    return ahead


class WallClock:
    """The wall clock of this machine."""

    def __init__(self, loop: Loop, alarm: Callable[[], Alarm | None] = timerfd) -> None:
        """Make calls on ``loop``, woken by what ``alarm`` makes."""
        self._loop = loop
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._on_set: list[Callable[[], None]] = []
        self._armed: float | None = None
        self._stand_in: LoopTimer | None = None
        self._alarm = alarm()
        if self._alarm is not None:
            loop.watch(self._alarm.fd, self._wake)
        self.now = time
        self.offset = offset_of

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call once when the clock shows ``when`` or more."""
        timer = Timer(call)
        self._serial += 1
        heappush(self._heap, (when, self._serial, timer))
        self._arm()
        return timer

    def on_set(self, call: Callable[[], None]) -> None:
        """Call whenever the clock was set, or the machine has slept."""
        self._on_set.append(call)

    def close(self) -> None:
        """Make no more calls."""
        self._heap = []
        if self._stand_in is not None:
            self._stand_in.cancel()
        if self._alarm is not None:
            self._loop.unwatch(self._alarm.fd)
            self._alarm.close()
            self._alarm = None

    def _arm(self) -> None:
        heap = self._heap
        while heap and heap[0][2].call is None:
            heappop(heap)
        when = min(heap[0][0], LONGEST) if heap else None
        if when is None or when == self._armed:
            return
        self._armed = when
        if self._alarm is not None:
            if not self._alarm.arm(when):
                self._loop.call_at(self._loop.now(), self._was_set)
            return
        if self._stand_in is not None:
            self._stand_in.cancel()
        self._stand_in = self._loop.call_at(self._loop.now() + max(0.0, when - self.now()), self._ring)

    def _ring(self) -> None:
        """Make the calls that are due; where none is, the clock was set back, which nothing else has told."""
        if self._armed is not None and self.now() < self._armed - SLEWED:
            self._armed = None
            self._was_set()
        else:
            self._make_calls()

    def _wake(self) -> None:
        if self._alarm is not None and not self._alarm.read():
            self._was_set()
        else:
            self._make_calls()

    def _was_set(self) -> None:
        for call in self._on_set:
            call()
        self._make_calls()

    def _make_calls(self) -> None:
        """Make the calls that are due, and wait for the next."""
        now, last, self._armed = self.now(), self._serial, None
        while self._heap and self._heap[0][0] <= now and self._heap[0][1] <= last:
            call = heappop(self._heap)[2].call
            if call is not None:
                call()
        self._arm()
