"""What a program asks for and this machine does not have: a supervisor here would find out when it is to start.

These are warnings and no more: files may be checked on another machine than the one they are for. What we may not look
at is passed over.
"""

from __future__ import annotations

import os
from errno import EACCES, ENOENT

from ncolony.core.errors import OSFailure
from ncolony.core.logspec import FileLog, path_of
from ncolony.core.sockets import UNIX
from ncolony.posix.execs import CannotExecute, find, why, why_not_there
from ncolony.posix.launcher import identity
from ncolony.runtime.launching import environment, inherited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ncolony.core.colonyspec import ColonySpec
    from ncolony.core.program import Program


def missing(program: Program | None) -> Iterator[str]:
    """Yield what is not there, in a sentence each: ``uid: no such user: 'www'``."""
    if program is None:
        return
    if program.uid is not None or program.gid is not None:
        try:
            identity(_text(program.uid), _text(program.gid))
        except LookupError as error:
            yield f"{'gid' if 'group:' in str(error) else 'uid'}: {error.args[0]}"
    if program.cwd is not None and not os.path.isdir(program.cwd):
        yield f"cwd: {_why_not_there(program.cwd)}"
    elif words := _executable(program):
        yield f"args: {words}"
    if program.schedule is not None and program.schedule.zone:
        yield from _zone(program.schedule.zone)
    for what, path in dict.fromkeys(_files(program)):
        folder = os.path.dirname(path) or "/"
        if _is_missing(folder):
            yield f"{what}: there is no directory {folder!r} for {path!r}"


def _zone(name: str) -> Iterator[str]:
    from ncolony.posix.wallclock import offset_of

    try:
        offset_of(name)
    except OSFailure as failure:
        yield f"schedule.zone: {failure}"


def missing_readers(spec: ColonySpec) -> Iterator[str]:
    """Yield what is not there of the colony's own file."""
    if isinstance(spec.readers, str):
        try:
            identity("0", spec.readers)
        except LookupError as error:
            yield f"readers: {error.args[0]}"


def _text(number_or_name: int | str | None) -> str:
    return "" if number_or_name is None else str(number_or_name)


def _executable(program: Program) -> str:
    """Say why the program's executable could not be executed; empty where it could."""
    path = environment(program, 1, "", inherited(os.environ)).get("PATH")
    try:
        found = find(program.args[0], path)
    except CannotExecute as error:
        return str(error)
    if not found.startswith("/"):
        if program.cwd is None:
            return ""  # relative to wherever the supervisor runs
        found = os.path.normpath(os.path.join(program.cwd, found))
    if _is_missing(found):
        return why(OSError(ENOENT, ""), found)
    if os.path.exists(found) and (os.path.isdir(found) or not os.access(found, os.X_OK)):
        return why(OSError(EACCES, ""), found)
    return ""


def _why_not_there(path: str) -> str:
    try:
        os.listdir(path)
    except OSError as error:
        return why_not_there(error, path)
    return f"bad cwd: {path!r}"


def _files(program: Program) -> Iterator[tuple[str, str]]:
    for stream, targets in (("stdout", program.log.stdout), ("stderr", program.log.stderr)):
        for log in targets:
            if isinstance(log, FileLog):
                yield "log", path_of(log, program.name, 1, stream)
    for socket in program.sockets:
        if socket.kind == UNIX:
            yield "sockets", socket.host


def _is_missing(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
