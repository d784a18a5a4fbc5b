"""Exit statuses of orphans, kept for a supervisor that was killed and is back: its reaper writes, it reads.

They share one descriptor, a memfd or a file without a name; NCOLONY_EXITS holds its number. In it are SLOTS records of
RECORD bytes, each the line ``PID STARTTIME WAITSTATUS`` padded with spaces; the n-th goes into slot n modulo SLOTS, so
the newest are there. One more record after them names the protocol, and is where CMD says that its end is meant to be
one. A process is put down *before* it is reaped: who finds its pid gone finds its status here.
"""

from __future__ import annotations

import os

from ncolony.posix.processes import start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

VARIABLE = "NCOLONY_EXITS"
RECORD, SLOTS = 32, 2048
SIZE = RECORD * SLOTS
GOING, FINAL = (f"ncolony-exits 1 {word}".ljust(RECORD - 1).encode() + b"\n" for word in ("going", "final"))
PLACES = ("/tmp", "/var/tmp", "/dev/shm", ".")  # noqa: S108 - the file never has a name there
MOST_READS = 100
CORE_FLAG = 0x80  # in a wait status


def read_exits(fd: int) -> dict[tuple[int, int], int]:
    """Return the wait statuses that are kept, by pid and start time (in clock ticks, field 22 of /proc/PID/stat)."""
    before, now = b"", os.pread(fd, SIZE, 0)
    for _ in range(MOST_READS):  # two that agree hold no record that was half written, short of a storm of deaths
        if before == now:
            break
        before, now = now, os.pread(fd, SIZE, 0)
    kept = {}
    for at in range(0, len(now), RECORD):
        words = now[at : at + RECORD].split()
        if len(words) == 3 and all(word.isdigit() for word in words):  # noqa: PLR2004 - pid, start time, status
            kept[int(words[0]), int(words[1])] = int(words[2])
    return kept


def take(environ: MutableMapping[str, str]) -> int | None:
    """Take the descriptor out of ``environ``, where programs must not find it; None without a reaper that keeps."""
    word = environ.pop(VARIABLE, "")
    try:
        fd = int(word)
        os.set_inheritable(fd, False)
        return fd if os.pread(fd, RECORD, SIZE) in (GOING, FINAL) else None
    except (ValueError, OSError, OverflowError):
        return None  # some other supervisor's, whose descriptor has not come this far


def declare_final(fd: int) -> None:
    """Say that the end which follows is meant, whatever its exit status: the reaper is not to start CMD again."""
    os.pwrite(fd, FINAL, SIZE)


class Keeper:
    """The reaper's side."""

    def __init__(self, fd: int) -> None:
        """Keep in the file ``fd``, of :func:`open_shared`."""
        self.fd = fd
        self._count = 0
        self.expect_more()

    def keep(self, ended: os.waitid_result) -> None:
        """Put down the end of a process that is not reaped yet."""
        began = start_time(ended.si_pid)
        if began is not None:
            self.put_down(ended.si_pid, began, _wait_status(ended))

    def put_down(self, pid: int, began: int, wait_status: int) -> None:
        """Write the next record."""
        record = f"{pid} {began} {wait_status}".ljust(RECORD - 1) + "\n"
        self._write(record.encode(), self._count % SLOTS * RECORD)
        self._count += 1

    def expect_more(self) -> None:
        """Forget that an end was declared final: CMD is being started."""
        self._write(GOING, SIZE)

    def final(self) -> bool:
        """Tell whether CMD has declared its end final."""
        return os.pread(self.fd, RECORD, SIZE) == FINAL

    def _write(self, record: bytes, offset: int) -> None:
        try:
            os.pwrite(self.fd, record, offset)
        except OSError:
            pass  # a full disk under the file that stands in for a memfd: the status is lost, nothing else


def _wait_status(ended: os.waitid_result) -> int:
    """Return what waitpid is going to say of a process that waitid has told of."""
    if ended.si_code == os.CLD_EXITED:
        return ended.si_status << 8
    return ended.si_status | (CORE_FLAG if ended.si_code == os.CLD_DUMPED else 0)


def open_shared() -> int:
    """Open a file to keep exits in. Raises OSError where there is neither a memfd nor a place for a file."""
    try:
        return os.memfd_create("ncolony-exits")
    except (AttributeError, OSError):  # a kernel before 3.17, or a sandbox
        return open_unnamed(PLACES)


def open_unnamed(places: Sequence[str]) -> int:
    """Open a file without a name in the first of these directories that can have one. Raises OSError."""
    failure = OSError()
    for place in places:
        try:
            return os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            failure = error
    raise failure
