"""Reads one file of a directory that others write to at any time. Blocks on nothing, reads no more than it may."""

from __future__ import annotations

import os
import stat
from errno import EMFILE, ENFILE, ENOMEM
from time import time

from ncolony.core.parse import MAX_BYTES
from ncolony.core.record import record

SHORTAGES = (EMFILE, ENFILE, ENOMEM)
SETTLED = 1.0  # seconds a file has to lie untouched before a broken text counts as its author's last word


@record
class Content:
    """A file as it was at one moment."""

    data: bytes
    stamp: int
    """Differs when the file has been touched since (its inode, size and times in one number)."""
    modified: float
    """When it was last touched, in seconds on the wall clock; nobody can set that time, unlike that of writing."""
    mode: int = 0
    """Who may do what with it."""


@record
class Unreadable:
    """A file that is there and cannot be read; ``found`` says what it is, in words."""

    found: str
    stamp: int
    passing: bool = False
    """The fault is not the file's but a shortage of ours, which may be over soon."""


@record
class Gone:
    """There is no such file."""


class Partial:
    """Remembers files that break off in the middle, to tell those being written from those left that way."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: dict[str, tuple[int, float]] = {}

    def settled(self, name: str, found: Content, now: float) -> bool:
        """Tell whether a broken file has lain untouched for long enough. ``now``: on the loop's clock."""
        stamp, since = self._seen.get(name, (0, now))
        if stamp != found.stamp:
            since = now
        # By its own time where that is long ago; by ours where the clocks cannot be trusted.
        if time() - found.modified >= SETTLED or now - since >= SETTLED:
            self._seen.pop(name, None)
            return True
        self._seen[name] = (found.stamp, since)
        return False


def read(path: str) -> Content | Unreadable | Gone:
    """Read the file at ``path``, unless it is too large or no file at all."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # non-blocking: it may be a FIFO
    except FileNotFoundError:
        return Gone()
    except OSError as error:
        passing = error.errno in SHORTAGES
        return Unreadable(f"a file that cannot be opened ({error.strerror})", 0 if passing else stamp(path), passing)
    try:
        status = os.fstat(fd)
        unusable = _unusable(status)
        if unusable:
            return Unreadable(unusable, _stamp(status))
        return Content(_read_all(fd), _stamp(status), status.st_ctime, stat.S_IMODE(status.st_mode))
    except OSError as error:
        return Unreadable(f"a file that cannot be read ({error.strerror})", 0)
    finally:
        os.close(fd)


def _unusable(status: os.stat_result) -> str | None:
    """Say why a file is not worth reading, or None."""
    if stat.S_ISDIR(status.st_mode):
        return "a directory"
    if not stat.S_ISREG(status.st_mode):
        return "something that is not a regular file"
    if status.st_size > MAX_BYTES:
        return f"{status.st_size} bytes, more than {MAX_BYTES}"
    return None


def stamp(path: str) -> int:
    """Return the stamp of the file at ``path`` without reading it; 0 where there is none."""
    try:
        return _stamp(os.stat(path))
    except OSError:
        return 0


def _stamp(status: os.stat_result) -> int:
    return hash((status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode))


def _read_all(fd: int) -> bytes:
    parts = []
    left = MAX_BYTES + 1
    while left > 0 and (part := os.read(fd, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
