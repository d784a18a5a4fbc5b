"""Writes a file whole: beside its place first, under a name that supervisors ignore; a rename makes it count."""

from __future__ import annotations

import os
from itertools import count
from time import time_ns

_counted = count()


def unique() -> str:
    """Return a name that nobody else makes; those made later sort later, as long as the clock does not go back."""
    return f"{time_ns():020d}.{os.getpid():07d}.{next(_counted):06d}"


def write_beside(path: str, data: bytes, *, durable: bool, mode: int = 0o644) -> str:
    """Write what is to take the place of the file at ``path``, and return the path of that. Raises OSError.

    It gets the mode of what is there, and its owner as far as we may give files away; where nothing is there, ``mode``
    less the umask.
    """
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name}.{unique()}.new")
    before = _version(path)
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if before else mode)
    try:
        with open(fd, "wb") as file:
            _keep_access(fd, before)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(fd)
    except BaseException:
        os.unlink(beside)
        raise
    return beside


def _version(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _keep_access(fd: int, before: os.stat_result | None) -> None:
    """Let those read a new version who could read the one ``before``, and nobody else: it may hold secrets."""
    if before is not None:
        root = os.geteuid() == 0
        if root or before.st_gid in os.getgroups():
            os.fchown(fd, before.st_uid if root else -1, before.st_gid)
        os.fchmod(fd, before.st_mode & 0o777)
