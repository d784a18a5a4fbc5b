"""Reads files of environment variables at the start of a process."""

from __future__ import annotations

import os

from ncolony.core.envlines import BadLine, variables
from ncolony.core.errors import OSFailure

MAX_BYTES = 1 << 20
MAY_BE_MISSING = "-"


def read(paths: tuple[str, ...]) -> dict[str, str]:
    """Return the variables of all files, those of later ones over those of earlier ones.

    A path that begins with ``-`` may be missing. Raises :class:`OSFailure` with words for people.
    """
    found: dict[str, str] = {}
    for path in paths:
        found.update(_read(path.removeprefix(MAY_BE_MISSING), may_be_missing=path.startswith(MAY_BE_MISSING)))
    return found


def _read(path: str, *, may_be_missing: bool) -> dict[str, str]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # non-blocking: it may be a FIFO
        try:
            data = os.read(fd, MAX_BYTES + 1)
        finally:
            os.close(fd)
    except FileNotFoundError:
        if may_be_missing:
            return {}
        raise OSFailure(f"cannot read its env_files {path!r}: there is no such file") from None
    except OSError as error:
        raise OSFailure(f"cannot read its env_files {path!r}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise OSFailure(f"cannot use its env_files {path!r}: found more than {MAX_BYTES} bytes")
    try:
        return variables(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise OSFailure(f"cannot use its env_files {path!r}: bytes that are not UTF-8 at {error.start}") from None
    except BadLine as error:
        raise OSFailure(f"cannot use its env_files {path!r}: {error}") from None
