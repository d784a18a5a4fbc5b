"""Learns when child processes are gone, and reaps them: those asked about, and no others.

A pidfd becomes readable when its process has ended; nothing is ever polled, and no signal can be lost or merged.
Kernels without pidfds (before 5.3, and some sandboxes) get :class:`SigchldExits`, which looks at each of its processes
when SIGCHLD comes.
"""

from __future__ import annotations

import os
from resource import RUSAGE_SELF, getrusage

from ncolony.core.bare import signal
from ncolony.core.outcome import UNSEEN, Death, Usage
from ncolony.posix.processes import start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import Protocol

    from ncolony.ports import Loop

    Gone = Callable[[Death], None]

    class Exits(Protocol):
        """Watches child processes."""

        def watch(self, pid: int, gone: Gone) -> None:
            """Reap the child ``pid`` once it has ended, and call ``gone`` with how it died.

            Raises OSError where the system has no room to watch one more.
            """

        def adopt(self, pid: int, gone: Gone) -> None:
            """Watch a live process that another one may have started."""

    class Register(Exits, Protocol):
        """An Exits that knows whom it watches."""

        @property
        def known(self) -> Mapping[int, object]:
            """Those who are watched, by pid."""

        def forget(self, pid: int) -> None:
            """Watch it no more."""


KILOBYTE = 1024  # what ru_maxrss counts in, on Linux


def has_pidfds() -> bool:
    """Tell whether this kernel has pidfds."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class PidfdExits:
    """Watches children through pidfds."""

    def __init__(self, loop: Loop) -> None:
        """Watch on ``loop``."""
        self._loop = loop
        self.known: dict[int, int] = {}
        """The pidfds of those who are watched, by pid."""
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:  # inherited; the kernel would reap, and keep no status
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def watch(self, pid: int, gone: Gone) -> None:
        """See :class:`Exits`. The child may have ended already."""
        pidfd = os.pidfd_open(pid)
        try:
            self._loop.watch(pidfd, _Watch(self, pid, gone))
        except OSError:
            os.close(pidfd)
            raise
        self.known[pid] = pidfd

    def adopt(self, pid: int, gone: Gone) -> None:
        """See :class:`Exits`."""
        self.watch(pid, gone)

    def forget(self, pid: int) -> None:
        """See :class:`Register`."""
        pidfd = self.known.pop(pid, -1)
        if pidfd >= 0:
            self._loop.unwatch(pidfd)
            os.close(pidfd)


class _Watch:
    """A look at one child when its pidfd calls for it: a fifth of what a closure takes, for each process there is."""

    __slots__ = ("_exits", "_gone", "_pid")

    def __init__(self, exits: PidfdExits, pid: int, gone: Gone) -> None:
        self._exits, self._pid, self._gone = exits, pid, gone

    def __call__(self) -> None:
        ended = reap(self._pid)
        if ended is not None:
            self._exits.forget(self._pid)
            self._gone(ended)


class SigchldExits:
    """Watches children through SIGCHLD, with one look at each of them when it comes."""

    def __init__(self, loop: Loop) -> None:
        """Watch on ``loop``. Has to be made on the main thread, and after any other user of SIGCHLD."""
        self._children: dict[int, Gone] = {}
        self._adopted: dict[int, int | None] = {}
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = signal.getsignal(signal.SIGCHLD)  # first of all, as we may be called at once
        signal.signal(signal.SIGCHLD, self._caught)
        self._loop = loop
        loop.watch(self._read, self._look)

    def watch(self, pid: int, gone: Gone) -> None:
        """See :class:`Exits`. The child may have ended already, so a look is taken in any case."""
        self._children[pid] = gone
        self._wake()

    def adopt(self, pid: int, gone: Gone) -> None:
        """See :class:`Exits`. No signal tells of a process that is no child, so it is looked at every second."""
        born = self._adopted[pid] = start_time(pid)

        def look() -> None:
            if pid not in self._adopted:
                return
            if start_time(pid) == born:
                self._loop.call_at(self._loop.now() + 1.0, look)
            else:
                self.forget(pid)
                gone(UNSEEN)

        look()

    @property
    def known(self) -> Mapping[int, object]:
        """See :class:`Register`."""
        return {**self._children, **self._adopted}

    def forget(self, pid: int) -> None:
        """See :class:`Register`."""
        self._children.pop(pid, None)
        self._adopted.pop(pid, None)

    def close(self) -> None:
        """Give SIGCHLD back."""
        signal.signal(signal.SIGCHLD, self._before)
        self._loop.unwatch(self._read)
        os.close(self._read)
        os.close(self._write)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._wake()
        if callable(self._before):
            self._before(number, frame)

    def _wake(self) -> None:
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            pass  # a look is due already

    def _look(self) -> None:
        os.read(self._read, 65536)
        try:
            for pid, gone in list(self._children.items()):
                ended = reap(pid) if pid in self._children else None  # a call for another may have forgotten it
                if ended is not None:
                    del self._children[pid]
                    gone(ended)
        except BaseException:
            self._wake()  # no signal will come again for those that were not looked at
            raise


def reap(pid: int) -> Death | None:
    """Reap the child ``pid`` if it has ended, and return how it died. None: it lives."""
    try:
        reaped, wait_status, used = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        # Somebody in this process waits for any child and was quicker; the status is lost, the end is not.
        # Or it was never ours: an earlier supervisor started it.
        return UNSEEN
    if reaped == 0:
        return None
    # A process that was spawned counts the memory of its spawner, which it shared until it became another program.
    peak = used.ru_maxrss if used.ru_maxrss > getrusage(RUSAGE_SELF).ru_maxrss else 0
    usage = Usage(used.ru_utime, used.ru_stime, peak * KILOBYTE)
    return Death(os.waitstatus_to_exitcode(wait_status), os.WCOREDUMP(wait_status), usage)
