"""A program's standard input as a pipe that whoever is asked can write to.

The supervisor keeps no end of it: the process has it open for reading and writing, so it never sees an end, also while
no supervisor lives; who wants to write opens it anew through the process.
"""

from __future__ import annotations

import os
import stat
from errno import EAGAIN, EPIPE, ESRCH

from ncolony.posix.processes import environment_of


def new() -> int:
    """Return the end that becomes a process's standard input. Raises OSError."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        return os.open(f"/proc/self/fd/{read}", os.O_RDWR | os.O_CLOEXEC)
    finally:
        os.close(read)
        os.close(write)


def put(pid: int, mark: str, data: bytes) -> None:
    """Write ``data`` to the standard input of a process, all of it or nothing.

    ``mark``: of its run, which tells it from a stranger where it is no child of ours. Raises OSError: ESRCH where it is
    gone or another, EPIPE where its input is no pipe any more, EAGAIN where it does not read.
    """
    if not _is_child(pid) and environment_of(pid).get("NCOLONY_RUN") != mark:
        raise OSError(ESRCH, os.strerror(ESRCH))
    path = f"/proc/{pid}/fd/0"
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        raise OSError(EPIPE, os.strerror(EPIPE))
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # A write of at most PIPE_BUF is all or nothing, and the verb takes no more.
        if os.write(fd, data) < len(data):
            raise OSError(EAGAIN, os.strerror(EAGAIN))
    finally:
        os.close(fd)


def _is_child(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1]) == os.getpid()
    except (OSError, IndexError, ValueError):
        return False
