"""Stands between the supervisor and a program that needs more than a plain spawn: a user, limits, sockets, a cgroup.

:func:`main` runs in an interpreter of its own (``python -I -S``), which is the very process that becomes the program.
It looks users up itself, since such a question may take long to answer (LDAP) and the supervisor must not wait. When it
fails it says so on the report's descriptor; when it succeeds the exec closes that.
"""

from __future__ import annotations

import marshal
import os

from ncolony.posix import limits
from ncolony.posix.execs import find, why, why_not_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from typing import Any

    from ncolony.posix.limits import Limits
else:
    import _signal as signal  # the same functions and numbers without enum, which takes longer than all the rest

FAILED = 125


def main(argv: Sequence[str]) -> None:
    """Become the program. ``argv``: see handing.py."""
    report = int(argv[0])
    os.set_inheritable(report, False)
    try:
        env = _exact_environment()  # which the user it becomes may not be allowed to read
        given = _more(argv[5])
        if given["cgroup"]:
            _enter(given["cgroup"])
        if given["files"] is not None:
            limits.lower_files(given["files"])
        _hand_over(given["sockets"], env)
        if given["watchdog"]:
            env[b"WATCHDOG_PID"] = b"%d" % os.getpid()
        if given["limits"]:
            limits.take_rights(given["limits"])
        _become(argv[1], argv[2], argv[3], argv[4])
        _execute(list(argv[6:]), env, given["limits"])
    except MemoryError:
        os.write(report, b"its limits leave no room to execute it: as, data or stack is too low")
    except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor has to hear it
        os.write(report, (str(error) or repr(error)).encode("utf-8", "replace")[:4000])
    os._exit(FAILED)


def _more(text: str) -> dict[str, Any]:
    if not text:
        return {"limits": {}, "sockets": [], "watchdog": False, "files": None, "cgroup": ""}
    read: dict[str, Any] = marshal.loads(bytes.fromhex(text))  # noqa: S302 - the supervisor, this same Python, wrote it
    return read


def _enter(cgroup: str) -> None:
    try:
        with open(f"{cgroup}/cgroup.procs", "wb", buffering=0) as file:
            file.write(b"0")  # whoever writes it
    except OSError as error:
        raise OSError(f"cannot enter the cgroup {cgroup!r}: {error.strerror}") from None


def _hand_over(sockets: list[tuple[str, str, str]], env: dict[bytes, bytes]) -> None:
    """Give the files of sockets to their owners, and say in ``env`` which descriptors are whose.

    That takes this process's pid, which will be the program's: so nobody but the launcher could write it.
    """
    for _, path, owner in sockets:
        if owner:
            _own(path, owner)
    if sockets:
        env[b"LISTEN_PID"] = b"%d" % os.getpid()
        env[b"LISTEN_FDS"] = b"%d" % len(sockets)
        env[b"LISTEN_FDNAMES"] = ":".join(name for name, _, _ in sockets).encode("ascii")


def _own(path: str, owner: str) -> None:
    user, _, group = owner.partition(":")
    uid = _uid(user) if user else -1
    gid = _gid(user, group, None) if group else -1
    try:
        os.chown(path, uid, gid, follow_symlinks=False)
    except OSError as error:
        raise OSError(f"cannot give the socket {path!r} to {owner}: {error.strerror}") from None


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
    else:
        uid = _uid(user)
        try:
            entry = pwd.getpwuid(uid) if user.isdigit() else pwd.getpwnam(user)
        except KeyError:
            entry = None
    gid = _gid(user, group, entry.pw_gid if entry else None)
    groups = os.getgrouplist(entry.pw_name, gid) if entry else [gid]
    return uid, gid, groups


def _uid(user: str) -> int:
    import pwd

    if user.isdigit():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise LookupError(f"no such user: {user!r}") from None


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


def _execute(args: list[str], env: dict[bytes, bytes], bounds: Limits) -> None:
    path = find(args[0], env.get(b"PATH", b"").decode("utf-8", "surrogateescape") if b"PATH" in env else None)
    # The interpreter ignores these two for itself; a program has to find them as they are for everyone.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    limits.settle(bounds)
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
