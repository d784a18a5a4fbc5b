"""Files that are open here and have lost their names: somebody has deleted them, or moved them away."""

from __future__ import annotations

import os
from fcntl import F_GETFL, fcntl

PIECE = 1 << 20  # bytes


def is_lost(fd: int, path: str) -> bool:
    """Tell whether an open file is no longer the one at ``path``."""
    try:
        return not os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return True


def put_back(fd: int, path: str) -> None:
    """Have a copy of an open file at ``path``, and ``fd`` mean that copy, if it is lost. Raises OSError."""
    if not is_lost(fd, path):
        return
    new = f"{path}.new"
    how = fcntl(fd, F_GETFL) & (os.O_ACCMODE | os.O_APPEND)
    copy = os.open(new, how | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(f"/proc/self/fd/{fd}", "rb", buffering=0) as file:
            while piece := file.read(PIECE):
                while piece:
                    piece = piece[os.write(copy, piece) :]
        os.replace(new, path)
        os.dup2(copy, fd, inheritable=False)
    except OSError:
        if os.path.lexists(new):
            os.unlink(new)  # a full disk has no other room
        raise
    finally:
        os.close(copy)
