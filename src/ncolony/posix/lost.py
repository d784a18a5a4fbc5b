"""Finds a colony again whose state directory was deleted: by what its processes were told, while no supervisor lives.

Looked for only where a state directory is made anew; it costs a look at every process of the system.
"""

from __future__ import annotations

import os

from ncolony.posix.processes import mark_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DELETED = " (deleted)"
LOCK = "lock"


def owner_of_deleted(lock: str, among: Iterable[int]) -> int | None:
    """Return the process, one of these, that has the lock open that was at this path before it was deleted."""
    gone = os.path.realpath(lock) + DELETED
    return next((pid for pid in among if gone in _open_files(pid)), None)


def interpreters() -> Iterator[int]:
    """Return the processes that run Python, or the same executable as we do: supervisors are among them."""
    own = os.readlink("/proc/self/exe")
    for pid in _processes():
        try:
            executable = os.readlink(f"/proc/{pid}/exe")
        except OSError:  # it is gone, or the kernel's, or not ours to look at
            continue
        if executable == own or "py" in os.path.basename(executable):
            yield pid


def holders() -> set[int]:
    """Return the processes that hold a lock as supervisors do. The kernel waits 10 to 20 ms before it tells."""
    try:
        lines = [line.split() for line in _all_of("/proc/locks").splitlines()]
    except OSError:
        return set()
    # Of who waits for a lock there is a line as well, with an arrow behind its number.
    return {int(line[4]) for line in lines if line[1:2] == [b"FLOCK"] and line[3:4] == [b"WRITE"] and line[4].isdigit()}


def orphaned(config: str) -> str | None:
    """Return the name of the colony of this directory of programs that has processes and no supervisor."""
    wanted = b"\0NCOLONY_CONF_DIR=" + os.fsencode(config) + b"\0"
    found: dict[str, int] = {}
    for pid in _processes():
        try:
            if os.getsid(pid) != pid:
                continue
            environ = _all_of(f"/proc/{pid}/environ")
        except OSError:
            continue
        mark = mark_in(environ)
        if mark is not None and wanted in b"\0" + environ:
            name = os.fsdecode(mark.partition(b"/")[0])
            found[name] = found.get(name, 0) + 1
    if found:
        for name in _supervised():
            found.pop(name, None)
    return max(found, key=lambda name: found[name]) if found else None


def _supervised() -> list[str]:
    """Return the names of colonies whose supervisors live and have their state directories."""
    names = []
    for path in (path for pid in holders() for path in _open_files(pid) if path.endswith(f"/{LOCK}")):
        try:
            with open(f"{os.path.dirname(path)}/colony", encoding="utf-8") as file:
                names.append(file.read(64).strip())
        except (OSError, ValueError):
            pass
    return names


def _open_files(pid: int) -> Iterator[str]:
    """Return what a process has open, as far as that can be seen."""
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for fd in fds:
        try:
            yield os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            pass  # it was closed just now


def _all_of(path: str) -> bytes:
    """Return what is in a file, in half the time that a file object takes. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(fd, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
