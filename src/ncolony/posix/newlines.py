"""Readiness as s6 has it: a process writes a newline to a descriptor that it was given.

The descriptor is a pipe that the process has open for both directions, so that it does not die of SIGPIPE while there
is no supervisor; the next one opens the pipe anew through the process.
"""

from __future__ import annotations

import os
import stat

from ncolony.core.errors import OSFailure
from ncolony.posix.binding import up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop

    Slot = tuple[str, int]

CHUNK = 4096


class Newlines:
    """The pipes of all processes that have one."""

    def __init__(self, loop: Loop) -> None:
        """Read on ``loop``."""
        self._loop = loop
        self._read: dict[Slot, int] = {}
        self._handed: dict[Slot, int] = {}

    def make(self, slot: Slot, ready: Callable[[], None]) -> int:
        """Return the descriptor that the next process of a slot gets; ``ready`` is called at the first newline.

        Raises OSFailure.
        """
        self.drop(slot)
        try:
            read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            os.close(write)
            try:
                both = os.open(f"/proc/self/fd/{read}", os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                os.close(read)
                raise
        except OSError as error:
            raise OSFailure(f"cannot make the pipe that it reports its readiness through: {error.strerror}") from None
        self._watch(slot, read, ready)
        self._handed[slot] = up(both)
        return self._handed[slot]

    def spawned(self, slot: Slot) -> None:
        """Close what was only opened to be handed on."""
        fd = self._handed.pop(slot, -1)
        if fd >= 0:
            os.close(fd)

    def take_over(self, slot: Slot, pid: int, number: int, ready: Callable[[], None]) -> None:
        """Open the pipe anew that process ``pid`` has as descriptor ``number``.

        Where it has none any more it has closed it, which it does when it is ready.
        """
        path = f"/proc/{pid}/fd/{number}"
        try:
            if stat.S_ISFIFO(os.stat(path).st_mode):
                self._watch(slot, os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC), ready)
                return
        except PermissionError:
            return  # then its time to be ready decides
        except OSError:
            pass
        ready()

    def _watch(self, slot: Slot, fd: int, ready: Callable[[], None]) -> None:
        def look() -> None:
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return
            if b"\n" in data:
                self.drop(slot)
                ready()

        self._read[slot] = fd
        self._loop.watch(fd, look)

    def drop(self, slot: Slot) -> None:
        """Read no more."""
        self.spawned(slot)
        fd = self._read.pop(slot, -1)
        if fd >= 0:
            self._loop.unwatch(fd)
            os.close(fd)

    def close(self) -> None:
        """Give everything back."""
        for slot in list(self._read):
            self.drop(slot)
