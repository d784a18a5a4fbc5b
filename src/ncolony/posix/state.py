"""The state directory: what a supervisor leaves for its successor, and the lock that lets only one have it."""

from __future__ import annotations

import fcntl
import os
import stat

from ncolony.core.errors import ConfigError, Taken
from ncolony.posix.plainfile import read_plain
from ncolony.posix.processes import boot_id
from ncolony.posix.records import NAME, read

NAME_LENGTH = 12
LOCK, COLONY = "lock", "colony"
HANDED_OVER = "NCOLONY_LOCK"
"""The variable that names the descriptor of the lock when a supervisor has become another version of itself."""
_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link",
}  # fmt: skip


def default_state(messages: str) -> str:
    """Return the state directory of a colony that was not given one."""
    return f"{messages}/.ncolony"


class Unusable(Exception):
    """Nothing can be kept; the message says why."""


class State:
    """One state directory, held by this process."""

    def __init__(self, path: str, config: str) -> None:
        """Take the directory at ``path``, and make it if it is not there. ``config``: the directory of programs.

        Raises :class:`Taken` where another supervisor holds it, :class:`ConfigError` where something else is in the
        place of its lock, :class:`Unusable` where it cannot be used at all.
        """
        self.path = path
        try:
            _make(path)
            self._lock = _lock(f"{path}/{LOCK}")
            lost = None if os.path.exists(f"{path}/{COLONY}") else _lost(path, config)
            self.is_new = lost is None and not os.path.exists(f"{path}/{COLONY}")
            """Whether no supervisor has used it before."""
            self.colony = _colony(f"{path}/{COLONY}", self.records, lost)
        except OSError as error:
            words = f"cannot keep anything in {path!r}: {error.strerror}"
            raise Unusable(words) from None
        self.boot = boot_id()

    @property
    def records(self) -> str:
        """Return the path of the file of records."""
        return f"{self.path}/{NAME}"

    @property
    def lock(self) -> int:
        """Return the descriptor that holds the lock."""
        return self._lock

    def renew(self) -> None:
        """Make the directory and its lock anew, if they were deleted; :meth:`renew_name` comes after it.

        Raises :class:`Unusable`, :class:`Taken`, :class:`ConfigError` and OSError.
        """
        from ncolony.posix.renewing import is_lost

        _make(self.path)
        path = f"{self.path}/{LOCK}"
        if is_lost(self._lock, path):
            fd = _lock(path)
            os.dup2(fd, self._lock, inheritable=False)
            os.close(fd)

    def renew_name(self) -> None:
        """Put back the name of the colony, if it was deleted. Raises OSError."""
        if not os.path.exists(f"{self.path}/{COLONY}"):
            _write(f"{self.path}/{COLONY}", self.colony)

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._lock)


def _make(path: str) -> None:
    """Make a directory that is ours alone, or see to it that it is. Raises :class:`Unusable` and OSError."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise Unusable(f"cannot keep anything in {path!r}: it is not a directory")
    if status.st_uid != os.geteuid():
        raise Unusable(f"cannot keep anything in {path!r}: it belongs to user {status.st_uid}")
    if status.st_mode & 0o077:
        os.chmod(path, 0o700)


def _lock(path: str) -> int:
    fd = _handed_over(path)
    if fd is None:
        fd = _open(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "not known"
        os.close(fd)
        folder = os.path.dirname(os.path.dirname(path))
        raise Taken(f"cannot run this colony: another supervisor has it, pid {owner} (lock in {folder!r})") from None
    try:
        os.ftruncate(fd, os.pwrite(fd, b"%d\n" % os.getpid(), 0))  # in this order, as a full disk has no other room
    except OSError:
        pass  # who comes next is refused all the same, without a name
    return fd


def _open(path: str) -> int:
    """Return the open lock. Raises :class:`ConfigError` for what is no plain file: others may lock another one."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError:
        if os.path.lexists(path):
            _check_plain(path, os.lstat(path).st_mode)
        raise
    try:
        _check_plain(path, os.fstat(fd).st_mode)
    except ConfigError:
        os.close(fd)
        raise
    return fd


def _check_plain(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        found = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise ConfigError(
            f"cannot run this colony: {path!r} is {found}, and has to be a plain file; remove it, and the next"
            " supervisor makes one"
        )


def _handed_over(path: str) -> int | None:
    """Return the lock that this process took as an earlier version of itself, or None."""
    given = os.environ.pop(HANDED_OVER, "")
    try:
        fd = int(given)
        if not os.path.samestat(os.fstat(fd), os.stat(path)):
            return None
        os.set_inheritable(fd, False)
    except (ValueError, OSError):
        return None
    return fd


def _lost(path: str, config: str) -> str | None:
    """Return the name of the colony that had this directory before it was deleted. Raises :class:`Taken`."""
    from ncolony.posix.lost import holders, interpreters, orphaned, owner_of_deleted

    owner = owner_of_deleted(f"{path}/{LOCK}", interpreters())
    orphans = orphaned(config) if owner is None else None
    if orphans is not None:  # then it is worth the time to make sure that they are
        owner = owner_of_deleted(f"{path}/{LOCK}", holders())
    if owner is not None:
        raise Taken(
            f"cannot run this colony: another supervisor has it, pid {owner}, whose {path!r} was deleted; SIGTERM to it"
            " stops its programs, SIGKILL leaves them to the next one"
        )
    return orphans


def _colony(path: str, records: str, lost: str | None) -> str:
    """Return the name that marks this colony's processes; it stays the same over all supervisors of the directory.

    Where the file with it is lost or damaged, the records have it, too; ``lost``: the name where both are gone.
    """
    try:
        found = read_plain(path).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if _is_name(found):
        return found
    try:
        noted = read(records)[0].get("colony")
    except OSError:
        noted = lost
    made = noted if isinstance(noted, str) and _is_name(noted) else os.urandom(NAME_LENGTH // 2).hex()
    _write(path, made)
    return made


def _write(path: str, colony: str) -> None:
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(colony + "\n")
    os.replace(f"{path}.new", path)


def _is_name(text: str) -> bool:
    return len(text) == NAME_LENGTH and text.isalnum() and text.isascii()
