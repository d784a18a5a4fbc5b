"""A second pipe between a chatty program's pipe and its file.

A splice to a file holds the pipe that it takes from locked until all of the piece is written, and the program, which
wants to write the next one, waits or spins all the while. From pipe to pipe no byte is copied: a piece changes hands in
a moment, and while it is written to the file the program fills its own pipe again. That makes output faster by half,
at less processor time for both.

What is in here has left the program's pipe and is not in its file: so it has to be held by the keeper, or a kill of the
supervisor would lose it. Between two turns there is nothing in it, unless nothing could be written.
"""

from __future__ import annotations

import os
from fcntl import F_SETPIPE_SZ, fcntl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 1 << 18  # bytes that go through at a time
UNKNOWN = 1 << 62
_NONBLOCK = getattr(os, "SPLICE_F_NONBLOCK", 2)


class Basin:
    """The second pipe of one stream."""

    __slots__ = ("fd", "held", "left")

    def __init__(self, fd: int, held: Callable[[], bool]) -> None:
        """Go through the pipe ``fd``, open for both and never waiting, while ``held`` says that a keeper has it too."""
        self.fd = fd
        self.held = held
        self.left = UNKNOWN
        """How many bytes are in it; :data:`UNKNOWN`: perhaps none."""

    def fill(self, pipe: int) -> None:
        """Take a piece from ``pipe``, when this is empty. BlockingIOError: there is nothing."""
        self.left = os.splice(pipe, self.fd, PIECE, flags=_NONBLOCK)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)


def new_basin_fd() -> int:
    """Make a pipe that can hold a piece, open for both. Raises OSError."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        both = os.open(f"/proc/self/fd/{read}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(read)
        os.close(write)
    try:
        fcntl(both, F_SETPIPE_SZ, PIECE)
    except OSError:  # more than a user may have in all pipes; a small one is no gain
        os.close(both)
        raise
    return both
