"""Functions of the C library that Python has no name for.

Without the package ``ctypes``, which takes 1 ms and 0.4 MB more than what it is made of.

Raises ImportError where Python was built without it.
"""

from __future__ import annotations

import os
from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, dlopen, dlsym, get_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Integer = _SimpleCData[int]
else:
    Integer = _SimpleCData


class Int(Integer):
    """C's int."""

    _type_ = "i"


class _Function(CFuncPtr):
    """Takes integers and bytes, returns an int, and leaves ``errno`` for us alone."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = Int


def raw(name: str) -> Callable[..., int]:
    """Return a function of the C library, as it is. Raises OSError without it."""
    return _Function(dlsym(dlopen(None, 0), name))  # type: ignore[arg-type] # None: what is there already


def function(name: str) -> Callable[..., int]:
    """Return a function of the C library, which raises OSError in place of returning -1. Raises OSError without it."""
    call = raw(name)

    def checked(*args: int | bytes) -> int:
        result: int = call(*args)
        if result < 0:
            code = get_errno()
            raise OSError(code, os.strerror(code))
        return result

    return checked
