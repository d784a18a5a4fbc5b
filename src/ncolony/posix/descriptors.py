"""The supervisor's own descriptors: none may reach a program, and there have to be enough of them."""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_PRIVATE = 3


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
    """The limit on open descriptors: as high as it goes for the supervisor, untouched for programs."""

    def __init__(self) -> None:
        """Raise the soft limit to the hard one."""
        self.soft, self.hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._raised = False
        if self.soft != self.hard:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.hard, self.hard))
                self._raised = True
            except (OSError, ValueError):
                pass  # then the limit stays; spawning says so when it is reached

    def __enter__(self) -> None:
        """Put the limit back to what it was, for a process that is started now."""
        if self._raised:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.soft, self.hard))

    def __exit__(self, *_: object) -> None:
        """Raise it again."""
        if self._raised:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.hard, self.hard))
