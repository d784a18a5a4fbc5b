"""Finds a colony again whose state directory was deleted: by what its processes were told, while no supervisor lives.

Looked for only where a state directory is made anew; it costs a look at every process of the system.
"""

from __future__ import annotations

import os

from ncolony.posix.processes import mark_in

DELETED = " (deleted)"


def owner_of_deleted(lock: str) -> int | None:
    """Return the process that holds the lock that was at this path before it was deleted."""
    gone = os.path.realpath(lock) + DELETED
    return next((pid for pid, path in _locks() if path == gone), None)


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
    for _, path in _locks():
        try:
            with open(f"{os.path.dirname(path)}/colony", encoding="ascii") as file:
                names.append(file.read(64).strip())
        except (OSError, ValueError):
            pass
    return names


def _locks() -> list[tuple[int, str]]:
    """Return the locks of supervisors: who holds them, and where they are."""
    found = []
    try:
        with open("/proc/locks", "rb") as file:
            holders = {int(line.split()[4]) for line in file if b" FLOCK " in line and b" WRITE " in line}
    except (OSError, ValueError, IndexError):
        return []
    for pid in holders:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                path = os.readlink(f"/proc/{pid}/fd/{fd}")
                if path.endswith(("/lock", "/lock" + DELETED)):
                    found.append((pid, path))
        except OSError:
            pass
    return found


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
