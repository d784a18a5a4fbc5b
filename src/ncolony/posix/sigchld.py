"""Hears of SIGCHLD beside whoever else does: of the ends of children that nobody watches yet."""

from __future__ import annotations

import os

from ncolony.core.bare import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from ncolony.ports import Loop


class ChildSignal:
    """Makes a call, on a loop, after SIGCHLD."""

    def __init__(self, loop: Loop, call: Callable[[], None]) -> None:
        """Begin in the loop's first turn: Twisted puts its own handler in place just before that."""
        self._loop, self._call = loop, call
        self._read = self._write = -1
        self._before: Callable[[int, FrameType | None], object] | int | None = None
        self._timer = loop.call_at(loop.now(), self._open)

    def _open(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._loop.watch(self._read, self._ready)
        self._before = signal.getsignal(signal.SIGCHLD)  # first of all, as we may be called at once
        try:
            signal.signal(signal.SIGCHLD, self._caught)
        except ValueError:
            return  # not on the main thread: then such ends are found when something else makes us look
        self._call()  # for those who ended before

    def _caught(self, number: int, frame: FrameType | None) -> None:
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            pass  # a call is due already
        if callable(self._before):
            self._before(number, frame)

    def _ready(self) -> None:
        os.read(self._read, 65536)
        self._call()

    def close(self) -> None:
        """Give everything back."""
        self._timer.cancel()
        if self._read < 0:
            return
        if signal.getsignal(signal.SIGCHLD) == self._caught:
            signal.signal(signal.SIGCHLD, self._before)
        self._loop.unwatch(self._read)
        os.close(self._read)
        os.close(self._write)
        self._read = -1
