"""Gets listening sockets back from a process that an earlier supervisor had handed them to (pidfd_getfd).

The kernel allows that to root, and to others where they may trace the process. A descriptor that was closed or moved is
looked for among the first of the process's others; each is taken by its address, never by its number alone.
"""

from __future__ import annotations

import os
from errno import EBADF

from ncolony.posix.binding import place_of_fd
from ncolony.posix.processes import is_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.posix.binding import Place

PIDFD_GETFD = 438  # on every machine
LOOKED_AT = 256  # of its descriptors: servers listen first and take connections after that
CLOSED = "it has closed it"


def regain(pid: int, run: str, born: int, wanted: set[Place]) -> tuple[dict[Place, int], str]:
    """Return copies of the sockets at ``wanted`` that a process has, and why others were not got.

    Nothing is taken from a process that is not this run; see is_run.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except (OSError, AttributeError):
        return {}, "it is gone, or this system cannot tell"
    try:
        if not is_run(pid, born, run):
            return {}, "it is gone"
        return _search(pid, pidfd, wanted)
    finally:
        os.close(pidfd)


def _search(pid: int, pidfd: int, wanted: set[Place]) -> tuple[dict[Place, int], str]:
    found: dict[Place, int] = {}
    for number in _sockets(pid):
        try:
            fd = _copy(pidfd, number)
        except OSError as error:
            if error.errno == EBADF:
                continue
            return found, error.strerror or str(error)
        place = place_of_fd(fd)
        if place in wanted and place not in found:
            found[place] = fd
        else:
            os.close(fd)
        if len(found) == len(wanted):
            break
    return found, CLOSED


def _sockets(pid: int) -> list[int]:
    """Return the first descriptors of a process that are sockets."""
    folder = f"/proc/{pid}/fd"
    try:
        numbers = sorted(int(name) for name in os.listdir(folder))[:LOOKED_AT]
    except OSError:
        return list(range(3, LOOKED_AT))  # the answer to the first says why
    return [number for number in numbers if _is_socket(f"{folder}/{number}")]


def _is_socket(path: str) -> bool:
    try:
        return os.readlink(path).startswith("socket:")
    except OSError:
        return False


def _copy(pidfd: int, number: int) -> int:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd
