"""The plain way to start a process: Python's own posix_spawn."""

from __future__ import annotations

import os

from ncolony.core.bare import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Files = Sequence[tuple[int, int]]


def spawn(path: str, args: tuple[str, ...], env: Mapping[str, str], files: Files) -> int:
    """Start a process, and return its pid. ``files``: which descriptors get which numbers. Raises OSError, ValueError.

    It gets a session of its own, an empty signal mask, and every signal at its default.
    """
    dealt = [(os.POSIX_SPAWN_DUP2, *one) for one in files]
    return os.posix_spawn(path, args, env, file_actions=dealt, setsid=True, setsigmask=(), setsigdef=_ALL_SIGNALS)


_ALL_SIGNALS = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
