"""Finds what a program's file asks for and no file system can do: to rotate what is no regular file."""

from __future__ import annotations

import os
import stat

from ncolony.core.logspec import FileLog, path_of
from ncolony.core.parse import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ncolony.core.program import Program


def why_not_rotated(program: Program) -> list[Problem]:
    """Return a problem for each log file that is to be rotated, and is a pipe, a device or a directory by now."""
    return [
        Problem("log", f"{path!r}, which is no regular file and cannot be rotated", "no max_bytes and no max_age")
        for path in dict.fromkeys(_rotated(program))
        if not _may_be_rotated(path)
    ]


def _rotated(program: Program) -> Iterator[str]:
    for stream in ("stdout", "stderr"):
        for log in getattr(program.log, stream):
            if isinstance(log, FileLog) and log.rotates:
                for number in range(1, program.instances + 1):
                    yield path_of(log, program.name, number, stream)


def _may_be_rotated(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True  # there is nothing yet
