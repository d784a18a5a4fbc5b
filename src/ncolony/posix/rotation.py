"""Rotated files: NAME.1 is the newest, NAME.2 the next.

Every step is one rename, so a kill between any two of them leaves a gap in the numbers at worst, and the next rotation
fills it. Nothing is ever copied.

Old files can be compressed, from NAME.2 on: NAME.1 stays readable for whoever follows it. That is done by a process of
its own at the lowest priority, one at a time for a whole colony, as zlib needs a second for what a program writes in a
tenth of one. It reads and writes descriptors that it is given, so files may go on being renamed meanwhile.
"""

from __future__ import annotations

import os
import stat
import sys

from ncolony.core.bare import deque, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.outcome import Death
    from ncolony.posix.exits import Register

COMPRESSED = ".gz"
UNFINISHED = ".gz.tmp"
FIRST_COMPRESSED = 2

SCRIPT = """\
import os, zlib
os.nice(19)
press = zlib.compressobj(6, zlib.DEFLATED, 31)
def put(data):
    while data:
        data = data[os.write(1, data):]
try:
    while data := os.read(0, 262144):
        put(press.compress(data))
    put(press.flush())
except OSError:
    raise SystemExit(1)
"""


def is_new_period(max_age: float, last: float, now: float) -> bool:
    """Tell whether a multiple of ``max_age`` lies between two times of the wall clock.

    That asks only for the time of the file's last change, which outlives every restart. A clock that is set back asks
    for nothing, one that is set forward for one rotation.
    """
    return now // max_age > last // max_age


def shift(path: str, backups: int) -> None:
    """Make the file at ``path`` its own newest backup; with none to keep, delete it. Raises OSError.

    Only what is above the lowest gap in the numbers stays where it is, so a shift that was cut short is finished.
    """
    if backups == 0:
        os.unlink(path)
        return
    gap = next((number for number in range(1, backups + 1) if not _kinds(path, number)), 0)
    if not gap:
        for oldest in _kinds(path, backups):
            os.unlink(oldest)
        gap = backups
    for number in range(gap - 1, 0, -1):
        for old in _kinds(path, number):
            os.rename(old, f"{path}.{number + 1}{old.removeprefix(f'{path}.{number}')}")
    os.rename(path, f"{path}.1")


def _kinds(path: str, number: int) -> list[str]:
    """Return the names under which a backup is there: one, or two where its compressing was cut short."""
    plain = f"{path}.{number}"
    return [name for name in (plain, plain + COMPRESSED) if os.path.lexists(name)]


def tidy(path: str, backups: int) -> None:
    """Clear away what a supervisor that was killed has left half done. Raises OSError.

    A compressed file appears whole, by a rename; so where both are there, the plain one was about to be deleted.
    """
    if os.path.lexists(path + UNFINISHED):
        os.unlink(path + UNFINISHED)
    for number in range(FIRST_COMPRESSED, backups + 1):
        kinds = _kinds(path, number)
        if len(kinds) > 1:
            os.unlink(kinds[0])


class _Work:
    """One file that is being compressed."""

    __slots__ = ("backups", "identity", "path", "pid")

    def __init__(self, path: str, backups: int) -> None:
        self.path, self.backups = path, backups
        self.identity = (0, 0)
        self.pid = 0


class Compressor:
    """Compresses backups, one at a time, for all files of a colony."""

    def __init__(self, exits: Register, report: Callable[[str], None]) -> None:
        """Learn from ``exits`` when a file is done; tell ``report`` what fails."""
        self._exits = exits
        self._report = report
        self._queue: deque[tuple[str, int]] = deque()
        self._work: _Work | None = None

    @property
    def busy(self) -> bool:
        """Tell whether a file is being compressed."""
        return self._work is not None

    def look(self, path: str, backups: int) -> None:
        """Compress all backups of ``path`` that are not; returns at once."""
        if (path, backups) not in self._queue:
            self._queue.append((path, backups))
        self._next()

    def close(self) -> None:
        """Give up what is being done; the plain file is still there. The next rotation begins anew."""
        self._queue.clear()
        work, self._work = self._work, None
        if work is None:
            return
        os.kill(work.pid, signal.SIGKILL)  # it is not reaped before `exits` has told us
        self._exits.forget(work.pid)
        try:
            os.waitpid(work.pid, 0)  # short: nothing survives SIGKILL here
            os.unlink(work.path + UNFINISHED)
        except OSError:
            pass  # somebody else has reaped it, or cleared it away

    def _next(self) -> None:
        while self._work is None and self._queue:
            path, backups = self._queue.popleft()
            try:
                self._begin(path, backups)
            except OSError as error:
                self._report(f"cannot compress the backups of {path!r}: {error.strerror}")

    def _begin(self, path: str, backups: int) -> None:
        plain = next((f"{path}.{number}" for number in range(backups, FIRST_COMPRESSED - 1, -1)
                      if os.path.lexists(f"{path}.{number}")), None)  # fmt: skip
        if plain is None:
            return
        tidy(path, 0)
        source = os.open(plain, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        made = -1
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            made = os.open(path + UNFINISHED, flags, 0o600)
            work = _Work(path, backups)
            work.identity = (status.st_dev, status.st_ino)
            work.pid = _start(source, made)
            self._work = work
            self._watch(work.pid)
        finally:
            os.close(source)
            if made >= 0:
                os.close(made)

    def _watch(self, pid: int) -> None:
        try:
            self._exits.watch(pid, self._gone)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._work = None
            raise

    def _gone(self, death: Death) -> None:
        work, self._work = self._work, None
        assert work is not None  # noqa: S101 - it is there while its process is
        try:
            if death.status == 0:
                self._put_in_place(work)
                self._queue.append((work.path, work.backups))  # there may be more
            else:
                os.unlink(work.path + UNFINISHED)
                if self._queue or death.status != -signal.SIGKILL:
                    self._report(f"cannot compress a backup of {work.path!r}: it stays as it is")
        except OSError as error:
            self._report(f"cannot compress the backups of {work.path!r}: {error.strerror}")
        self._next()

    def _put_in_place(self, work: _Work) -> None:
        """Give the compressed file the number that its source has by now."""
        for number in range(FIRST_COMPRESSED, work.backups + 1):
            plain = f"{work.path}.{number}"
            try:
                status = os.lstat(plain)
            except FileNotFoundError:
                continue
            if (status.st_dev, status.st_ino) == work.identity:
                take_after(work.path + UNFINISHED, status)
                os.utime(work.path + UNFINISHED, ns=(status.st_atime_ns, status.st_mtime_ns))
                os.rename(work.path + UNFINISHED, plain + COMPRESSED)
                os.unlink(plain)
                return
        os.unlink(work.path + UNFINISHED)  # it was rotated away meanwhile


def take_after(file: str | int, other: os.stat_result) -> None:
    """Give a file the owner and mode of another, as far as we may."""
    try:
        if (other.st_uid, other.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(file, other.st_uid, other.st_gid)
    except OSError:
        pass  # only root may
    os.chmod(file, stat.S_IMODE(other.st_mode) & 0o777)


def _start(source: int, made: int) -> int:
    return os.posix_spawn(
        sys.executable,
        (sys.executable, "-I", "-S", "-c", SCRIPT),
        {},
        file_actions=[
            (os.POSIX_SPAWN_DUP2, source, 0),
            (os.POSIX_SPAWN_DUP2, made, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
        setpgroup=0,
        setsigmask=(),
        setsigdef=(signal.SIGPIPE, signal.SIGTERM, signal.SIGINT),
    )
