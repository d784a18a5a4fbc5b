"""The pipes that programs write to, and the ways to open one anew."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ncolony.posix.pump import Pump

STREAMS = ("stdout", "stderr")
BASIN = ".basin"  # what the second pipe of a stream is kept as, behind the stream's name


class Stream:
    """One stream of one slot."""

    __slots__ = ("_spare", "_write", "basin", "pump", "read")
    pump: Pump
    basin: int
    """The second pipe of a program that writes much, which its pump closes; -1: it has none."""

    def __init__(self, read: int = -1) -> None:
        """Read the pipe ``read``, which is open for both, or a new one. Raises OSError."""
        self.basin = -1
        self.read, self._spare, self._write = (read, -1, -1) if read >= 0 else _new_pipe()

    @property
    def child_fd(self) -> int:
        """The descriptor of what a process gets; it is opened anew for it, where there is /proc."""
        return self.read if self._write < 0 else self._write

    def to_keep(self) -> int:
        """Return a descriptor for the keeper: to read only, so that it can tell when nobody else has the pipe.

        Raises OSError; FileNotFoundError where /proc is missing.
        """
        if self._spare >= 0:
            spare, self._spare = self._spare, -1
            return spare
        return to_read(self.read)

    def unkept(self) -> None:
        """Close what no keeper has taken."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def close(self) -> None:
        """Give the descriptors back."""
        self.unkept()
        os.close(self.read)
        if self._write >= 0:
            os.close(self._write)


def to_read(pipe: int) -> int:
    """Return the pipe opened anew, to read only. Raises OSError; FileNotFoundError where /proc is missing."""
    return os.open(f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def reopened(kept: Mapping[str, int]) -> dict[str, int]:
    """Open pipes for both of which copies were kept, and close the copies. Raises OSError, and closes none then."""
    found: dict[str, int] = {}
    try:
        for name, fd in kept.items():
            found[name] = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        for fd in found.values():
            os.close(fd)
        raise
    for fd in kept.values():
        os.close(fd)
    return found


def pipes_of(pid: int) -> dict[str, int]:
    """Open the pipes anew that a live process writes its output to. Both streams may be one pipe by its own choice."""
    found: dict[str, int] = {}
    seen = set()
    for number, name in enumerate(STREAMS, 1):
        path = f"/proc/{pid}/fd/{number}"
        try:
            status = os.stat(path)
            if stat.S_ISFIFO(status.st_mode) and status.st_ino not in seen:
                found[name] = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                seen.add(status.st_ino)
        except OSError:
            continue
    return found


def _new_pipe() -> tuple[int, int, int]:
    """Make a pipe: one descriptor open for both and one to read (and -1), or where /proc is missing its two ends."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        both = os.open(f"/proc/self/fd/{read}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        os.set_blocking(read, False)
        return read, -1, write
    except OSError:
        os.close(read)
        os.close(write)
        raise
    os.close(write)
    return both, read, -1
