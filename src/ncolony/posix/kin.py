"""Who descends from whom, read from /proc, and signals that cannot hit a stranger.

A pid that was read somewhere may mean another process by the time it is used. So a process is named by its pid and its
start time; a signal goes through a pidfd that was opened before the two were compared.
"""

from __future__ import annotations

import os
import stat

from ncolony.core.bare import signal
from ncolony.core.record import record
from ncolony.posix.processes import mark_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PR_SET_CHILD_SUBREAPER = 36
INODE = 64  # bits
ONE_THREAD = 3  # links of /proc/PID/task: two, and one for each thread


@record
class Kin:
    """A process, as it was found."""

    pid: int
    ended: bool
    """It has ended, and is not reaped yet."""
    parent: int
    group: int
    session: int
    born: int
    """In clock ticks after boot."""


def look_at(pid: int) -> Kin | None:
    """Return what there is to know of a process; None: there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read(1024)
    except OSError:
        return None
    # The second field is the command in parentheses, and may hold anything; the rest begins after the last one.
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 20:  # noqa: PLR2004 - cut short: it is going at this moment
        return None
    return Kin(pid, fields[0] in b"ZX", int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def children_of(pid: int) -> list[int]:
    """Return the children that the kernel lists for all threads of a process."""
    return [child for thread in threads_of(pid) for child in children_of_thread(pid, thread)]


def threads_of(pid: int) -> list[int]:
    """Return the threads of a process; none where it is gone."""
    tasks = f"/proc/{pid}/task"
    try:
        if os.stat(tasks).st_nlink == ONE_THREAD:
            return [pid]
        return [int(thread) for thread in os.listdir(tasks)]
    except OSError:
        return []


def children_of_thread(pid: int, thread: int) -> list[int]:
    """Return the children that the kernel lists for one thread."""
    try:
        fd = os.open(f"/proc/{pid}/task/{thread}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []  # gone
    data = b""
    try:
        while piece := os.read(fd, 65536):  # a file object would ask three more questions first
            data += piece
    except OSError:
        pass  # it went meanwhile
    finally:
        os.close(fd)
    return [int(word) for word in data.split()]


class Families:
    """Looks descendants up: in the kernel's lists, or where it has none (CONFIG_PROC_CHILDREN) by looking at all."""

    def __init__(self) -> None:
        """Find out which."""
        self.listed = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
        """The kernel has lists, of each thread."""

    def adopted(self) -> list[int]:
        """Return the children of this process that are not known to be those of its other threads."""
        pid = os.getpid()
        return children_of_thread(pid, pid) if self.listed else self.children(pid)

    def children(self, pid: int) -> list[int]:
        """Return the children of a process."""
        return children_of(pid) if self.listed else _of_all().get(pid, [])

    def lists(self, pid: int) -> dict[int, list[int]]:
        """Return the children of a process in lists with numbers of their own, in each those that came first first."""
        if self.listed:
            return {thread: children_of_thread(pid, thread) for thread in threads_of(pid)}
        return {child: [child] for child in self.children(pid)}  # found in no order, so none stands behind another

    def below(self, roots: Mapping[int, int]) -> dict[int, Kin]:
        """Return the processes ``roots`` and all that descend from them, parents before their children.

        ``roots``: pids with start times, of which 0 need not be compared.
        """
        everybody = None if self.listed else _of_all()
        found: dict[int, Kin] = {}
        waiting = list(roots)
        for pid in waiting:
            kin = look_at(pid) if pid not in found else None
            if kin is None or roots.get(pid, 0) not in (0, kin.born):
                continue
            found[pid] = kin
            # A list may grow while it is gone through.
            waiting += children_of(pid) if everybody is None else everybody.get(pid, [])
        return found


def _of_all() -> dict[int, list[int]]:
    """Return who has which children, by a look at every process."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        kin = look_at(int(name)) if name.isdigit() else None
        if kin is not None:
            children.setdefault(kin.parent, []).append(kin.pid)
    return children


def send(kin: Kin, number: int, told: int | None = None) -> None:
    """Send a signal to a process, if it is still the one that was found and not in the group that is ``told`` already.

    One that has left that group meanwhile may have done so before, and then nobody has told it.
    """
    try:
        pidfd = os.pidfd_open(kin.pid)
    except (AttributeError, OSError):
        pidfd = -1  # gone; or no pidfds here, and the comparison right before has to do
    try:
        now = look_at(kin.pid)
        if now is None or now.born != kin.born or now.group == told:
            return
        if pidfd >= 0:
            signal.pidfd_send_signal(pidfd, number)
        else:
            os.kill(kin.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone, or of a user that is not ours to signal
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def mark_of(pid: int) -> bytes:
    """Return the NCOLONY_RUN that a process was started with; empty where it has none or cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return mark_in(file.readall()) or b""
    except OSError:
        return b""


def pipe(path: str | int) -> int | None:
    """Return a number that no other file has than the pipe behind a path or descriptor; None where it is no pipe."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev << INODE | status.st_ino if stat.S_ISFIFO(status.st_mode) else None


def ancestors() -> list[int]:
    """Return who is above this process, nearest first."""
    found = []
    kin = look_at(os.getpid())
    while kin is not None and kin.parent > 0:
        found.append(kin.parent)
        kin = look_at(kin.parent)
    return found


def why_no_subreaper() -> str:
    """Have the orphans among our descendants adopted by us; return why that cannot be, or nothing."""
    if os.getpid() == 1:
        return ""
    try:
        from ncolony.posix.libc import function
    except ImportError:
        return "this Python is without ctypes"
    try:
        function("prctl")(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except OSError as error:
        return error.strerror or str(error)
    return ""
