"""Starts processes inside a cgroup: by posix_spawn of the C library itself, as Python's own cannot say in which.

The kernel makes the process there (CLONE_INTO_CGROUP), so there is no moment at which it is outside. This needs glibc
2.39 and Linux 5.7.
"""

from __future__ import annotations

import os

from ncolony.core.bare import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ncolony.posix.plainly import Files

    Buffer = Any  # of ctypes, which is loaded late

SETSIGDEF, SETSIGMASK, SETSID, SETCGROUP = 0x04, 0x08, 0x80, 0x100  # glibc's
ROOM = 1024  # bytes; the C library's own records of a start are smaller


class NotHere(Exception):
    """This C library cannot do it; the message says why."""


class Inside:
    """Starts processes, each in the cgroup that it is to be in."""

    def __init__(self) -> None:
        """Make ready. Raises :class:`NotHere`."""
        try:
            self._start = Start(SETCGROUP)
            self._set_cgroup: Callable[[Buffer, int], int] = self._start.libc.posix_spawnattr_setcgroup_np
        except (ImportError, OSError, AttributeError):
            raise NotHere("this C library cannot start a process in one") from None

    def __call__(self, cgroup: int, path: str, args: tuple[str, ...], env: Mapping[str, str], files: Files) -> int:
        """Start a process in the open directory ``cgroup``; see :class:`Start`."""
        self._set_cgroup(self._start.how, cgroup)
        return self._start(path, args, env, files)


class Start:
    """Starts processes as os.posix_spawn does: in a session of their own, with every signal open and at its default."""

    def __init__(self, more: int = 0) -> None:
        """Make ready. ``more``: flags of posix_spawnattr_setflags."""
        import ctypes

        self.libc = ctypes.PyDLL(None)  # other threads wait: directory and umask are the program's for this moment
        self.how, none, nearly_all = (ctypes.create_string_buffer(ROOM) for _ in range(3))
        self.libc.posix_spawnattr_init(self.how)
        self.libc.sigemptyset(none)
        self.libc.sigemptyset(nearly_all)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            self.libc.sigaddset(nearly_all, int(number))
        self.libc.posix_spawnattr_setsigmask(self.how, none)
        self.libc.posix_spawnattr_setsigdefault(self.how, nearly_all)
        self.libc.posix_spawnattr_setflags(self.how, ctypes.c_short(SETSIGDEF | SETSIGMASK | SETSID | more))

    def __call__(self, path: str, args: tuple[str, ...], env: Mapping[str, str], files: Files) -> int:
        """Start a process and return its pid. ``files``: which descriptors get which numbers.

        Raises OSError, and ValueError for what cannot be handed over.
        """
        import ctypes

        program, argv, envp = (
            _bytes(path),
            _strings(map(_bytes, args)),
            _strings(_entry(name, value) for name, value in env.items()),
        )
        dealt, pid = ctypes.create_string_buffer(ROOM), ctypes.c_int()
        self.libc.posix_spawn_file_actions_init(dealt)
        try:
            for fd, number in files:
                self.libc.posix_spawn_file_actions_adddup2(dealt, fd, number)
            code: int = self.libc.posix_spawn(ctypes.byref(pid), program, dealt, self.how, argv, envp)
        finally:
            self.libc.posix_spawn_file_actions_destroy(dealt)
        if code:
            raise OSError(code, os.strerror(code), path)
        return pid.value


def _strings(words: Iterable[bytes]) -> Buffer:
    import ctypes

    found = [*words, None]
    return (ctypes.c_char_p * len(found))(*found)


def _bytes(text: str) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def _entry(name: str, value: str) -> bytes:
    if not name or "=" in name:
        raise ValueError("illegal environment variable name")
    return _bytes(f"{name}={value}")
