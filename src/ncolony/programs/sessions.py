"""Processes with all that they started: a run lasts, and is signalled, as a whole session.

A shell that is told to end does so at once, and leaves its children behind; so a process counts as ended when nothing
else of its session lives. Until then it is left unreaped, which keeps its number, the session's and the group's, from
being given to a stranger. What has made a session of its own (a daemon) has left on purpose, and is no part of this.
Needs pidfds, and /proc to find the members: without /proc, a process stands for itself and its group.
"""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

from ncolony.core.errors import ImpossibleInput
from ncolony.posix.exits import reap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ncolony.core.launch import Launch
    from ncolony.ports import Fact, Loop
    from ncolony.posix.exits import Gone
    from ncolony.posix.spawn import Child, PosixSpawner


class SessionExits:
    """Learns when the sessions of child processes are gone (an Exits, as posix/exits.py has them)."""

    def __init__(self, loop: Loop) -> None:
        """Watch on ``loop``."""
        self._loop = loop

    def watch(self, pid: int, gone: Gone) -> None:
        """Reap the child ``pid`` once it and all of its session have ended, and call ``gone`` with how it ended."""
        self._await(os.pidfd_open(pid), pid, gone)

    def adopt(self, pid: int, gone: Gone) -> None:
        """Watch a process that another one may have started, in the same way."""
        self.watch(pid, gone)

    def _await(self, pidfd: int, pid: int, gone: Gone) -> None:
        def look() -> None:
            self._loop.unwatch(pidfd)
            os.close(pidfd)
            self._go_on(pid, gone)

        try:
            self._loop.watch(pidfd, look)
        except OSError:
            os.close(pidfd)
            raise

    def _go_on(self, pid: int, gone: Gone) -> None:
        # One of those left is enough to wait for: when it is gone, the others are looked up anew.
        for other in members(pid):
            try:
                self._await(other, pid, gone)
            except OSError:
                continue  # no room to watch it
            return
        ended = reap(pid)
        if ended is None:
            raise ImpossibleInput(f"process {pid} has ended, and there is nothing to reap")
        gone(ended)


class SessionProcess:
    """A process that is signalled with all of its session."""

    def __init__(self, child: Child) -> None:
        """Signal what ``child`` started, too."""
        self._child = child

    def signal(self, number: int, scope: str) -> None:
        """Send a signal to the group, at one blow, and to the members of the session that are in other groups."""
        session = self._child.pid
        if session is None:
            return
        self._child.signal(number, scope)
        for pidfd in members(session, outside_its_group=True):
            try:
                signal.pidfd_send_signal(pidfd, number)
            except (ProcessLookupError, PermissionError):
                pass  # gone meanwhile, or of a user that is not ours to signal
            finally:
                os.close(pidfd)


class SessionSpawner:
    """Starts processes that are signalled with all of their session."""

    def __init__(self, inner: PosixSpawner) -> None:
        """Start them through ``inner``, which gives each a session of its own."""
        self._inner = inner

    def spawn(self, launch: Launch, tell: Callable[[Fact], None]) -> SessionProcess:
        """Start one, and ``tell`` what becomes of it."""
        return SessionProcess(self._inner.spawn(launch, tell))


def members(session: int, *, outside_its_group: bool = False) -> Iterator[int]:
    """Yield a pidfd, for the caller to close, of each living process of a session but its leader."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if not name.isdigit() or int(name) == session or not _belongs(name, session, outside_its_group):
            continue
        try:
            pidfd = os.pidfd_open(int(name))
        except OSError:
            continue  # gone meanwhile
        # Looked at once more: the number may have passed to another process before it was held.
        if _belongs(name, session, outside_its_group) and not _has_ended(pidfd):
            yield pidfd
        else:
            os.close(pidfd)


def _belongs(pid: str, session: int, outside_its_group: bool) -> bool:  # noqa: FBT001 - as members() has it
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return False
    # pid (name) state parent group session …; the name may have blanks and parentheses in it
    _, _, group, its_session = text.rpartition(b")")[2].split()[:4]
    return int(its_session) == session and not (outside_its_group and int(group) == session)


def _has_ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))
