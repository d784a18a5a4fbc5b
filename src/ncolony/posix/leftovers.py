"""Every process below this one, found through the kernel's lists of children and signalled without hitting a stranger.

Complete only for PID 1 and for a subreaper: elsewhere, what loses its parent goes to somebody else.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Sequence
else:
    import _signal as signal  # the same functions and numbers without enum, 0.9 MB


def signal_all(numbers: Sequence[int]) -> None:
    """Send signals to every process below this one; PID 1 sends them to all there are, in one go."""
    if os.getpid() == 1:
        for number in numbers:
            _everybody(number)
        return
    ours = {os.getpid()}
    for pid in list(_below(os.getpid())):
        _signal_if_below(pid, ours, numbers)


def has_children() -> bool:
    """Tell whether there is a child, alive or not yet reaped."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _everybody(number: int) -> None:
    try:
        os.kill(-1, number)
    except (ProcessLookupError, PermissionError):
        pass


def _signal_if_below(pid: int, ours: set[int], numbers: Sequence[int]) -> None:
    """Signal ``pid`` and add it to ``ours``, if its parent is one of them: else its number has got a new owner."""
    try:
        pidfd = os.pidfd_open(pid)
    except (AttributeError, OSError):
        pidfd = -1  # gone; or no pidfds here, and a look at the parent right before has to do
    try:
        if _parent(pid) not in ours:
            return
        ours.add(pid)
        for number in numbers:
            if pidfd >= 0:
                signal.pidfd_send_signal(pidfd, number)
            else:
                os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def _below(root: int) -> Iterator[int]:
    """Yield the descendants of ``root``, parents before children."""
    known = _children_of_all() if _listed(root) is None else None
    waiting = [root]
    while waiting:
        parent = waiting.pop()
        children = (_listed(parent) or []) if known is None else known.get(parent, [])
        yield from children
        waiting += children


def _listed(pid: int) -> list[int] | None:
    """Return the children the kernel lists for all threads of ``pid``; None where it keeps no such lists."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    except OSError:
        return None
    return found


def _children_of_all() -> dict[int, list[int]]:
    """Return who has which children, by a look at every process: for kernels without lists of children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        parent = _parent(int(name)) if name.isdigit() else None
        if parent is not None:
            children.setdefault(parent, []).append(int(name))
    return children


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None
