"""posix_spawn of the C library, called so that other threads of Python go on meanwhile.

Python's own holds the interpreter's lock until the process has become its program, which takes as long as all that the
supervisor itself does for a start; with this, both happen at the same time.

Raises ImportError where Python was built without ``_ctypes``.
"""

from __future__ import annotations

import os
from _ctypes import Array, byref

from ncolony.posix.libc import Int, Integer, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ncolony.posix.plainly import Files

SET_DEFAULTS, SET_MASK, SET_SESSION = 0x04, 0x08, 0x80  # flags of posix_spawn; glibc's and musl's are the same
SIZE = 1024  # bytes: more than any C library's set of signals, attributes or file actions takes
FEW = 32  # file actions that are kept: the thread that starts processes has the same descriptors again and again


class _Byte(Integer):
    _type_ = "b"


class _Text(Integer):
    _type_ = "z"


class _Opaque(Array):  # type: ignore[type-arg]
    _type_ = _Byte
    _length_ = SIZE


class Spawner:
    """Starts processes, each with a session of its own, an empty signal mask, and every signal at its default."""

    def __init__(self) -> None:
        """Look for what is needed in the C library. Raises OSError where it is missing."""
        self._spawn = raw("posix_spawn")
        self._begin, self._add, self._end = (
            raw(f"posix_spawn_file_actions_{name}") for name in ("init", "adddup2", "destroy")
        )
        how = self._attributes = _Opaque()
        _check(raw("posix_spawnattr_init")(byref(how)))
        _check(raw("posix_spawnattr_setflags")(byref(how), SET_DEFAULTS | SET_MASK | SET_SESSION))
        _check(raw("posix_spawnattr_setsigdefault")(byref(how), byref(_Opaque(*[-1] * SIZE))))
        _check(raw("posix_spawnattr_setsigmask")(byref(how), byref(_Opaque())))
        self._kept: dict[tuple[tuple[int, int], ...], _Opaque] = {}
        self._arrays: dict[int, Callable[..., Array[_Text]]] = {}

    def __call__(self, path: str, args: tuple[str, ...], env: Mapping[str, str], files: Files) -> int:
        """Start a process; see plainly.py. Raises OSError, ValueError."""
        pid = Int()
        words = self._texts(args)
        variables = self._texts(_variable(name, value) for name, value in env.items())
        dealt, how = self._dealt(tuple(files)), self._attributes
        _check(self._spawn(byref(pid), _encoded(path), byref(dealt), byref(how), byref(words), byref(variables)))
        return pid.value

    def _texts(self, texts: Iterable[str]) -> Array[_Text]:
        """Return an array of C's with these and a NULL behind them."""
        encoded = [_encoded(text) for text in texts]
        size = 1 << len(encoded).bit_length()  # few kinds of arrays, as each is a type
        kind = self._arrays.get(size)
        if kind is None:
            kind = self._arrays[size] = type("_Texts", (Array,), {"_type_": _Text, "_length_": size})
        return kind(*encoded)

    def _dealt(self, files: tuple[tuple[int, int], ...]) -> _Opaque:
        """Return what has the process get these descriptors under these numbers."""
        found = self._kept.get(files)
        if found is None:
            if len(self._kept) >= FEW:
                for old in self._kept.values():
                    self._end(byref(old))
                self._kept.clear()
            found = _Opaque()
            _check(self._begin(byref(found)))
            for fd, number in files:
                _check(self._add(byref(found), fd, number))
            self._kept[files] = found
        return found


def _variable(name: str, value: str) -> str:
    if not name or "=" in name[1:]:
        raise ValueError("illegal environment variable name")
    return f"{name}={value}"


def _encoded(text: str) -> bytes:
    data = os.fsencode(text)
    if 0 in data:
        raise ValueError("embedded null byte")
    return data


def _check(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))
