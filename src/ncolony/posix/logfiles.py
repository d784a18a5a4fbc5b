"""A file that programs' output goes to, from the pipe by splice.

The kernel takes bytes out of the pipe as it puts them into the file, so that a kill at any moment neither loses nor
doubles one.

The file is where its path is: it is looked at before every write, for the price of one stat. So whatever was moved,
deleted or cut off from outside, the next byte lands at the end of the file that has the name now.

Rotation needs no state but the files. A file that is full gets the rest of its line a byte at a time, two short system
calls each; when its last byte is a line end, it is renamed. As s6-log, it lets a file grow over its limit by a line.
A line that is longer than 64 KB beyond the limit is cut: joined together, the files have all bytes once all the same.

A new file gets mode 0644 less the supervisor's umask and belongs to the supervisor; a file that follows another in a
rotation takes over mode and owner from it. Where others may write to the directory, a program could put a link there
to have us write to a file that it may not: see :func:`open_log`. Directories above it are trusted.
"""

from __future__ import annotations

import os
import stat
from errno import EACCES, EISDIR, ELOOP, ENOENT, EPERM
from time import time

from ncolony.core.logspec import DEFAULT_MAX_BYTES
from ncolony.posix.pump import CHUNK
from ncolony.posix.rotation import is_new_period, shift, take_after, tidy
from ncolony.posix.times import Times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.logspec import FileLog
    from ncolony.posix.rotation import Compressor

PIECE = 4 * CHUNK  # bytes spliced at a time
MAX_OVERRUN = 65536  # bytes over the limit after which a line is cut
STEP = 512  # bytes moved one by one in a turn
NEWLINE = b"\n"

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_TO_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_SPLICES = hasattr(os, "splice")
_NONBLOCK = getattr(os, "SPLICE_F_NONBLOCK", 2)


class LogFile:
    """One file. All calls but ``tail`` raise OSError where the file cannot be written, and can be made again."""

    def __init__(self, path: str, log: FileLog, report: Callable[[str], None], compressor: Compressor | None) -> None:
        """Write to ``path`` as ``log`` says. Nothing is opened before something comes."""
        self.path = path
        self.log = log
        self.splices = _SPLICES
        """Whether it can be spliced to; found out by trying."""
        self.users = 0
        """How many streams it is for. More than one write whole lines."""
        self.writer: object = None
        """Who wrote last."""
        self.times = Times()
        """When what it had from us came."""
        self._report = report
        self._compressor = compressor
        self._fd = -1
        self._identity = (0, 0)
        self._regular = True
        self._due = 0  # the size at which rotation fell due
        self._grown = 0  # the size from which it is tried again after it failed

    def fileno(self) -> int:
        """Return the descriptor, to wait for a file that is none; -1 while it is closed."""
        return self._fd

    def take(self, pipe: int) -> int:
        """Move some bytes from the pipe to the file, and return how many. BlockingIOError: the pipe is empty."""
        status = self._look()
        if self._is_due(status):
            if not self._can_end_here(status):
                moved = self._finish_line(pipe, status.st_size)
                self.times.add(moved)
                return moved
            status = self._rotate(status)
        left = self._limit() - status.st_size
        room = left if 0 < left < PIECE else PIECE
        moved = os.splice(pipe, self._fd, room, offset_dst=status.st_size, flags=_NONBLOCK)
        self.times.add(moved)
        return moved

    def append(self, data: bytes) -> int:
        """Write some bytes from the beginning of ``data``, at least one, and return how many."""
        status = self._look()
        if not self._regular:
            return os.write(self._fd, data)
        end = len(data)
        if self._is_due(status):
            if self._can_end_here(status):
                status = self._rotate(status)
            else:
                end = data.find(NEWLINE) + 1 or end
        room = self._limit() - status.st_size
        if self._limit() and 0 < room < end:
            end = data.find(NEWLINE, room - 1) + 1 or end
        done = os.pwrite(self._fd, data[:end] if end < len(data) else data, status.st_size)
        self.times.add(done)
        return done

    def append_whole(self, data: bytes) -> None:
        """Write all of ``data`` or nothing."""
        size = self._look().st_size
        if not self._regular:
            os.write(self._fd, data)
            return
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], size + done)
        except OSError:
            os.ftruncate(self._fd, size)
            raise
        self.times.add(done)

    def ends_line(self) -> bool:
        """Tell whether whatever comes next stands at the beginning of a line."""
        return self._ends_line(self._look())

    def tail(self, size: int) -> bytes:
        """Return the last bytes of the file, and before them those of the newest backup. Never raises."""
        data = _last_bytes(self.path, size)
        if len(data) < size and self.log.backups:
            data = _last_bytes(f"{self.path}.1", size - len(data)) + data
        return data

    def close(self) -> None:
        """Give the descriptor back; the next call opens the file again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _look(self) -> os.stat_result:
        """Return what the file is now, and open the one that has the name by now."""
        if self._fd >= 0:
            try:
                status = os.stat(self.path)
                if (status.st_dev, status.st_ino) == self._identity:
                    return status
            except FileNotFoundError:
                pass
            self.close()
        return self._open()

    def _open(self) -> os.stat_result:
        self._fd = open_log(self.path)
        status = os.fstat(self._fd)
        self._identity = (status.st_dev, status.st_ino)
        self._regular = stat.S_ISREG(status.st_mode)
        self.splices = _SPLICES and self._regular
        self._due = self._grown = 0
        return status

    def settle(self) -> None:
        """Finish what an earlier supervisor began."""
        try:
            tidy(self.path, self.log.backups)
        except OSError as error:
            self._report(f"cannot tidy the backups of {self.path!r}: {words(error)}")
        self._compress()

    def _limit(self) -> int:
        limit = self.log.max_bytes
        return DEFAULT_MAX_BYTES if limit is None else limit

    def _is_due(self, status: os.stat_result) -> bool:
        size = status.st_size
        if size == 0 or size < self._grown or not self._regular:
            return False
        if 0 < self._limit() <= size:
            return True
        age = self.log.max_age
        return age is not None and is_new_period(age, status.st_mtime, time())

    def _can_end_here(self, status: os.stat_result) -> bool:
        self._due = self._due or status.st_size
        return self._ends_line(status) or status.st_size - self._due >= MAX_OVERRUN

    def _ends_line(self, status: os.stat_result) -> bool:
        size = status.st_size
        return not self._regular or size == 0 or os.pread(self._fd, 1, size - 1) == NEWLINE

    def _finish_line(self, pipe: int, size: int) -> int:
        for moved in range(STEP):
            try:
                if not os.splice(pipe, self._fd, 1, offset_dst=size + moved, flags=_NONBLOCK):
                    return moved
            except BlockingIOError:
                if moved:
                    return moved
                raise
            if os.pread(self._fd, 1, size + moved) == NEWLINE:
                return moved + 1
        return STEP

    def _rotate(self, status: os.stat_result) -> os.stat_result:
        """Begin a new file; where that is not allowed, go on with this one."""
        try:
            shift(self.path, self.log.backups)
        except OSError as error:
            if not self._grown:
                self._report(f"cannot rotate {self.path!r}: {words(error)}; it goes on growing")
            self._grown = status.st_size + max(self._limit() // 16, MAX_OVERRUN)
            return self._look()
        self.close()
        fresh = self._open()
        take_after(self._fd, status)
        self._compress()
        return fresh

    def _compress(self) -> None:
        if self.log.compress and self._compressor is not None:
            self._compressor.look(self.path, self.log.backups)


def open_log(path: str, flags: int = _FLAGS) -> int:
    """Open a file, to write to it and made where there is none. Raises OSError with words for people.

    Where the directory can be written to by others than root and ourselves, links are not followed and what we find
    there has to belong to us, to root or to the directory's owner, and to have one name only.
    """
    directory = os.path.dirname(path)
    try:
        place = os.stat(directory)
    except FileNotFoundError:
        raise FileNotFoundError(ENOENT, f"there is no directory {directory!r}") from None
    trusted = place.st_uid in (0, os.geteuid()) and not place.st_mode & 0o022
    try:
        fd = os.open(path, flags if trusted else flags | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        if error.errno == ELOOP and not trusted:
            raise OSError(ELOOP, f"it is a symbolic link, and others may write to {directory!r}") from None
        raise
    status = os.fstat(fd)
    if not trusted and stat.S_ISREG(status.st_mode):
        owners = (0, os.geteuid(), place.st_uid)
        if status.st_nlink > 1 or status.st_uid not in owners:
            os.close(fd)
            raise PermissionError(EPERM, f"it is a file of others, who may write to {directory!r}")
    return fd


def why_not(path: str, log: FileLog) -> str | None:
    """Return why ``path`` cannot be written as ``log`` says, as far as can be told beforehand, or None."""
    directory = os.path.dirname(path)
    start = f"cannot log to {path!r}: "
    if not os.path.isdir(directory):
        return f"{start}there is no directory {directory!r}"
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None if os.access(directory, os.W_OK | os.X_OK) else f"{start}{os.strerror(EACCES)} to make it"
    except OSError as error:
        return f"{start}{error.strerror}"
    if stat.S_ISDIR(mode):
        return f"{start}{os.strerror(EISDIR)}"
    if log.rotates and not stat.S_ISREG(mode):
        return f"{start}it is no regular file and cannot be rotated; leave out max_bytes and max_age"
    return None if os.access(path, os.W_OK) else f"{start}{os.strerror(EACCES)}"


def words(error: OSError) -> str:
    """Return what an error says, without numbers and paths."""
    return error.strerror or str(error)


def _last_bytes(path: str, size: int) -> bytes:
    try:
        fd = open_log(path, _TO_READ)
    except OSError:
        return b""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return b""
        return os.pread(fd, size, max(0, status.st_size - size))
    except OSError:
        return b""
    finally:
        os.close(fd)
