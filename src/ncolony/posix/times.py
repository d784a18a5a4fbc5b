"""When the last bytes of some output came, to the second, in at most a kilobyte."""

from __future__ import annotations

from time import time

MOST = 64  # marks; when there would be more, neighbours become one
KEPT = 65536  # bytes; of what came before these nobody asks
GRAIN = 4096  # bytes of several seconds that one mark may stand for; so there are half as many marks after that
_SIZE = 16  # bytes of a mark: where it begins, and the first and last second in which something came
_START, _FIRST, _LAST = 8, 12, 16


class Times:
    """Counts bytes, and remembers when they came."""

    __slots__ = ("_marks", "_second", "_total")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._marks = bytearray()
        self._second = -1
        self._total = 0

    def add(self, size: int, now: float | None = None) -> None:
        """Take note that so many bytes have come, just now or at another time."""
        second = int(time() if now is None else now)
        if second != self._second:
            self._second = second
            stamp = max(second, 0).to_bytes(4, "little")
            self._marks += self._total.to_bytes(8, "little") + stamp + stamp
            if len(self._marks) > MOST * _SIZE:
                self._thin_out()
        self._total += size

    def since(self, when: float) -> int:
        """Return how many of the last bytes came at that time, in seconds since the epoch, or later.

        Those are counted too that came earlier in the same second, and of a tail that came in more than 64 seconds up
        to 4 KB that came before that. None is left out, but what came before the first :meth:`add`.
        """
        marks = self._marks
        for at in range(0, len(marks), _SIZE):
            if _number(marks, at + _FIRST, at + _LAST) >= int(when):
                return self._total - _number(marks, at, at + _START)
        return 0

    def _thin_out(self) -> None:
        """Forget what nobody asks for, and make one mark of neighbours with little in them."""
        marks, fewer, begins = self._marks, bytearray(), 0
        last = len(marks) - _SIZE  # that of this second, which goes on
        for at in range(0, last, _SIZE):
            end = _number(marks, at + _SIZE, at + _SIZE + _START)
            if end <= self._total - KEPT:
                continue
            if fewer and end - begins <= GRAIN:
                fewer[-4:] = marks[at + _FIRST : at + _LAST]
            else:
                begins = _number(marks, at, at + _START)
                fewer += marks[at : at + _SIZE]
        self._marks = fewer + marks[last:]


def _number(data: bytearray, start: int, end: int) -> int:
    return int.from_bytes(data[start:end], "little")
