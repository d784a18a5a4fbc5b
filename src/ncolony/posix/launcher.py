"""Stands between the supervisor and a program that needs more than a plain spawn: another user or group.

:func:`main` runs in an interpreter of its own (``python -I -S``), which is the very process that becomes the program.
It looks users up itself, since such a question may take long to answer (LDAP) and the supervisor must not wait. When it
fails it says so on the report's descriptor; when it succeeds the exec closes that.
"""

from __future__ import annotations

import os
import signal

from ncolony.posix.execs import find, why, why_not_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 125


def main(argv: Sequence[str]) -> None:
    """Become the program. ``argv``: the report's descriptor, user, group, umask, cwd ("": not given), command line."""
    report = int(argv[0])
    os.set_inheritable(report, False)
    try:
        env = _exact_environment()  # which the user it becomes may not be allowed to read
        _become(argv[1], argv[2], argv[3], argv[4])
        _execute(list(argv[5:]), env)
    except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor has to hear it
        os.write(report, (str(error) or repr(error)).encode("utf-8", "replace")[:4000])
    os._exit(FAILED)


def _become(user: str, group: str, umask: str, cwd: str) -> None:
    if user or group:
        uid, gid, groups = identity(user, group)
        for fd in (1, 2):
            _give(fd, uid, gid)
        take_identity(uid, gid, groups)
    if umask:
        os.umask(int(umask))
    if cwd:
        try:
            os.chdir(cwd)
        except OSError as error:
            raise OSError(why_not_there(error, cwd)) from None


def identity(user: str, group: str) -> tuple[int, int, list[int]]:
    """Return uid, gid and supplementary groups for names or numbers; empty: not given."""
    import pwd

    entry = None
    if not user:
        uid = os.getuid()
    elif user.isdigit():
        uid = int(user)
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            entry = None
    else:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            raise LookupError(f"no such user: {user!r}") from None
        uid = entry.pw_uid
    gid = _gid(user, group, entry.pw_gid if entry else None)
    groups = os.getgrouplist(entry.pw_name, gid) if entry else [gid]
    return uid, gid, groups


def _gid(user: str, group: str, primary: int | None) -> int:
    import grp

    if group.isdigit():
        return int(group)
    if group:
        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            raise LookupError(f"no such group: {group!r}") from None
    if primary is None:
        raise LookupError(f"no such user: {user!r}, so its group is unknown: set gid as well")
    return primary


def take_identity(uid: int, gid: int, groups: list[int]) -> None:
    """Change user and groups for good. Raises :class:`PermissionError` with words for people."""
    if (uid, gid) == (os.geteuid(), os.getegid()) and os.geteuid() != 0:
        return  # nothing to change, and no right to say it again
    try:
        os.setgroups(groups)
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        raise PermissionError(f"cannot become user {uid}, group {gid}: {error.strerror}") from None


def _give(fd: int, uid: int, gid: int) -> None:
    """Make the program the owner of its output pipe, or it could not open /dev/stdout."""
    try:
        os.fchown(fd, uid, gid)
    except OSError:
        pass  # not ours to give; only opening it again is lost


def _execute(args: list[str], env: dict[bytes, bytes]) -> None:
    path = find(args[0], env.get(b"PATH", b"").decode("utf-8", "surrogateescape") if b"PATH" in env else None)
    # The interpreter ignores these two for itself; a program has to find them as they are for everyone.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(path, args, env)
    except OSError as error:
        raise OSError(why(error, path)) from None


def _exact_environment() -> dict[bytes, bytes]:
    """Return the environment as it was given: the interpreter may have added to its own copy (LC_CTYPE)."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")[:-1]
    except OSError:
        return dict(os.environb)
    return dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)
