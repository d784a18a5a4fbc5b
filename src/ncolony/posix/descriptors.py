"""The supervisor's own descriptors: none may reach a program, and there have to be enough of them."""

from __future__ import annotations

import fcntl
import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_PRIVATE = 3
STAND_INS = 4  # what any process may get: its output, its errors, a way to report for the launcher and one for itself
ABOVE = 8  # above the numbers that any of these gets in the process before the last one is dealt


def open_standard() -> None:
    """Open what is closed of descriptors 0, 1 and 2 on /dev/null, so that no other file takes their numbers."""
    fd = os.open(os.devnull, os.O_RDWR)
    while fd < FIRST_PRIVATE:
        os.set_inheritable(fd, True)
        fd = os.open(os.devnull, os.O_RDWR)
    os.close(fd)


def keep_private() -> None:
    """See to it that no descriptor which this process was itself started with is passed on to programs."""
    for fd in _open_descriptors():
        if fd >= FIRST_PRIVATE:
            try:
                os.set_inheritable(fd, False)
            except OSError:
                continue  # it was the listing's own


def _open_descriptors() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return range(FIRST_PRIVATE, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4096))


class FileLimit:
    """The limit on open descriptors: as high as it goes for the supervisor, untouched for programs.

    Those get it by being started under it, and posix_spawn hands on no descriptor whose number is above the limit at
    that moment. So some low numbers are kept, to stand in for high ones.
    """

    def __init__(self) -> None:
        """Raise the soft limit to the hard one."""
        self.soft, self.hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.raised = False
        """The limit is not that of programs, so it is changed around each start."""
        self._kept: list[int] = []
        self._lent: list[int] = []
        if self.soft != self.hard:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.hard, self.hard))
                self.raised = True
                null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                self._kept = [fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, ABOVE) for _ in range(STAND_INS)]
                os.close(null)
            except (OSError, ValueError):
                pass  # then the limit stays; spawning says so when it is reached

    def close(self) -> None:
        """Give back what is kept."""
        for fd in self._kept:
            os.close(fd)
        self._kept = []

    def stand_in(self, fd: int) -> int:
        """Return a descriptor for the same file that can be handed on, until :meth:`give_back`."""
        if fd < self.soft or not self._kept:
            return fd
        self._lent.append(os.dup2(fd, self._kept.pop(), inheritable=False))
        return self._lent[-1]

    def give_back(self, null: int) -> None:
        """Have the stand-ins stand for nothing again, which is ``null``: a file held open may be somebody's end."""
        while self._lent:
            self._kept.append(os.dup2(null, self._lent.pop(), inheritable=False))

    def __enter__(self) -> None:
        """Put the limit back to what it was, for a process that is started now."""
        if self.raised:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.soft, self.hard))

    def __exit__(self, *_: object) -> None:
        """Raise it again."""
        if self.raised:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.hard, self.hard))
