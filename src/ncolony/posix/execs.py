"""Finds executables as a shell does, and says in words why one could not be executed."""

from __future__ import annotations

import errno
import os

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
SHEBANG_LENGTH = 256  # as much of a first line as the kernel looks at


class CannotExecute(Exception):
    """There will be no process; the message says why."""


def find(name: str, path: str | None) -> str:
    """Return the file that ``name`` stands for, looked up on ``path`` where it has no slash.

    Relative names are relative to the current directory. Raises :class:`CannotExecute`.
    """
    if "/" in name:
        return name
    found = None
    for directory in (DEFAULT_PATH if path is None else path).split(":"):
        candidate = f"{directory}/{name}" if directory else name
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
        if found is None and os.path.exists(candidate):
            found = candidate
    if found is not None:
        raise CannotExecute(why(OSError(errno.EACCES, ""), found))
    message = f"no such file: {name!r} is not on its PATH ({path})" if path is not None else f"no such file: {name!r}"
    raise CannotExecute(message)


def why(error: OSError, path: str) -> str:
    """Say why ``path`` could not be executed."""
    if error.errno == errno.ENOENT:
        return _missing(path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return _forbidden(path)
    words = {
        errno.ENOEXEC: f"bad executable format: {path!r} is neither a program for this machine nor a script with '#!'",
        errno.E2BIG: "E2BIG: its arguments and environment are too long for the system",
        errno.ENOTDIR: f"no such file: {path!r} leads through something that is not a directory",
        errno.ETXTBSY: f"{path!r} is open for writing",
        errno.EAGAIN: "EAGAIN: no more processes are allowed (a limit of the user, the container or the system)",
        errno.EMFILE: "EMFILE: the supervisor has as many open files as its limit allows",
        errno.ENOMEM: "ENOMEM: no memory",
    }
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    return words.get(error.errno or 0) or f"{name}: {path!r}: {error.strerror}"


def why_not_there(error: OSError, directory: str) -> str:
    """Say why ``directory`` could not become the working directory."""
    if error.errno == errno.ENOENT:
        return f"bad cwd: there is no directory {directory!r}"
    if error.errno == errno.ENOTDIR:
        return f"bad cwd: {directory!r} is not a directory"
    return f"bad cwd: {directory!r}: {error.strerror}"


def _missing(path: str) -> str:
    """The file is not there, or what has to run it is not."""
    if not os.path.exists(path):
        return f"no such file: {path!r}"
    interpreter = _interpreter(path)
    if interpreter is None:
        return f"bad interpreter: the loader that {path!r} was built for is not on this system"
    hint = " (its first line ends in a carriage return)" if interpreter.endswith("\r") else ""
    return f"bad interpreter: {path!r} wants {interpreter!r}, which does not exist{hint}"


def _forbidden(path: str) -> str:
    if not os.access(path, os.F_OK):
        return f"no permission to reach {path!r}"
    if not os.path.isfile(path):
        return f"not executable: {path!r} is {'a directory' if os.path.isdir(path) else 'not a regular file'}"
    if os.statvfs(path).f_flag & os.ST_NOEXEC:  # first, as access() takes it for missing permission
        return f"not executable: {path!r} is on a file system that is mounted noexec"
    if not os.access(path, os.X_OK):
        return f"not executable: {path!r} lacks the permission to be executed"
    interpreter = _interpreter(path)
    if interpreter is not None and not os.access(interpreter, os.X_OK):
        return f"bad interpreter: {path!r} wants {interpreter!r}, which cannot be executed"
    return f"no permission to execute {path!r}"


def _interpreter(path: str) -> str | None:
    """Return what a script's first line names, or None where it is no script."""
    try:
        with open(path, "rb") as file:
            line = file.read(SHEBANG_LENGTH).split(b"\n")[0]
    except OSError:
        return None
    words = line[2:].strip(b" \t").split(b" ") if line.startswith(b"#!") else [b""]
    return os.fsdecode(words[0]) or None
