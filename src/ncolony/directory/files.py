"""Reads one file of a directory that others write to at any time. Blocks on nothing, reads no more than it may."""

from __future__ import annotations

import os
import stat
from errno import EMFILE, ENFILE, ENOMEM

from ncolony.core.parse import MAX_BYTES
from ncolony.core.record import record

SHORTAGES = (EMFILE, ENFILE, ENOMEM)


@record
class Content:
    """A file as it was at one moment."""

    data: bytes
    stamp: int
    """Differs when the file has been touched since (its inode, size and times in one number)."""
    modified: float
    """When it was last touched, in seconds on the wall clock; nobody can set that time, unlike that of writing."""


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
        return Content(_read_all(fd), _stamp(status), status.st_ctime)
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
