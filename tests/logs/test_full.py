"""A disk that is full: what the program is in for, how much is lost, and that it is said."""

import ctypes
import os
import resource
import signal
from pathlib import Path

import pytest

from ncolony.core.logspec import FileLog
from ncolony.posix.filetarget import FIRST_DELAY, HELD, MAX_DELAY
from tests.logs.conftest import numbered

MEGABYTE = 1 << 20


class Room:
    """A place that takes a megabyte and no more, until there is room again."""

    def __init__(self, path):
        self.path = path
        self.log = path / "log"

    def close(self):
        """Put everything back."""


class SmallDisk(Room):
    """A file system of four megabytes, half a megabyte of which is free."""

    def __init__(self, path):
        super().__init__(path)
        self._libc = ctypes.CDLL(None, use_errno=True)
        if self._libc.mount(b"none", os.fsencode(path), b"tmpfs", 0, b"size=4m"):
            pytest.skip(f"may not mount a small file system: {os.strerror(ctypes.get_errno())}")
        self.words = os.strerror(28)
        self.hog = path / "hog"
        self.hog.write_bytes(b"x" * (MEGABYTE * 7 // 2))

    def make(self):
        """Make room."""
        self.hog.unlink()

    def close(self):
        """Take it away."""
        self._libc.umount2(os.fsencode(self.path), 2)


class SmallFiles(Room):
    """A limit on the size of files, for this process."""

    def __init__(self, path):
        super().__init__(path)
        self.words = os.strerror(27)
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE // 2, self._before[1]))

    def make(self):
        """Make room."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)

    def close(self):
        """Put the limit back."""
        self.make()
        signal.signal(signal.SIGXFSZ, self._handler)


@pytest.fixture(params=[SmallDisk, SmallFiles])
def room(request, tmp_path):
    """Both ways to run out of room."""
    made = request.param(tmp_path)
    yield made
    made.close()


def flood(bench, program, size=MEGABYTE):
    """Write numbered lines, and return them."""
    lines = numbered(0, size // 10)
    program.says(lines)
    return lines


def test_dropping_keeps_the_program_going_and_counts(bench, room):
    """Bug 23: what does not fit is dropped but for the newest 64 KB; a note says how much, once there is room."""
    program = bench.logs_to(room.log, full="drop", max_bytes=0)
    target = program.pump._targets[0]
    lines = flood(bench, program)
    dropped = target.dropped_bytes
    assert dropped > 0
    assert target.dropped_lines == pytest.approx(dropped / 10, abs=1)
    assert bench.reports == [
        f"cannot write to {str(room.log)!r}: {room.words}; what does not fit into 64 KB is dropped"
    ]
    assert program.pump.tail(100) == lines[-100:]  # even now the last words can be told
    room.make()
    bench.loop.advance(MAX_DELAY)
    program.says(b"after\n")
    text = room.log.read_bytes()
    kept, _, rest = text.partition(b"[ncolony: ")
    note, _, newest = rest.partition(b"]\n")
    assert note == f"{dropped} bytes in {target.dropped_lines} lines were dropped: {room.words}".encode()
    assert lines.startswith(kept.removesuffix(b"\n"))
    assert newest.endswith(b"after\n")
    newest = newest.removesuffix(b"after\n")
    assert lines.endswith(newest)
    assert 0 < len(newest) <= HELD
    assert len(lines) - len(newest) - dropped <= len(kept) <= len(lines) - len(newest) - dropped + 1
    assert len(bench.reports) == 2
    assert bench.reports[1].startswith("can write to")
    assert bench.loop.timers == []


def test_what_was_dropped_stays_counted_when_output_goes_elsewhere(bench, room, tmp_path):
    """A counter never goes back."""
    program = bench.logs_to(room.log, full="drop", max_bytes=0)
    lines = flood(bench, program)
    dropped = program.pump.dropped
    assert dropped == (program.pump._targets[0].dropped_bytes, program.pump._targets[0].dropped_lines)
    assert dropped[0] > 0
    assert program.pump.written == len(lines)
    room.make()
    program.pump.retarget([bench.target(bench.file(tmp_path / "other", max_bytes=0))])
    assert program.pump.dropped == dropped
    program.pump.new_run()
    program.says(b"after\n")
    assert (program.pump.moved, program.pump.written) == (6, len(lines) + 6)


def test_a_short_spell_without_room_loses_nothing(bench, room):
    """Sixty-four kilobytes wait in memory, and the file has no seam."""
    program = bench.logs_to(room.log, full="drop", max_bytes=0)
    lines = flood(bench, program, MEGABYTE // 2 + HELD // 2)
    room.make()
    bench.loop.advance(MAX_DELAY)
    assert room.log.read_bytes() == lines
    assert program.pump._targets[0].dropped_bytes == 0


def test_blocking_makes_the_program_wait_and_loses_nothing(bench, room):
    """Bug 23, the other policy: the pipe fills, the program waits, and all is written in the end."""
    program = bench.logs_to(room.log, full="block", max_bytes=0)
    sent = 0
    for _ in range(30):
        sent += program.fills()
        bench.settle()
    assert program.fills() == 0  # it waits
    assert program.pump._targets[0].blocked
    assert bench.reports == [f"cannot write to {str(room.log)!r}: {room.words}; the program waits for it"]
    room.make()
    bench.loop.advance(MAX_DELAY)
    assert room.log.stat().st_size == sent
    assert not program.pump._targets[0].blocked
    assert bench.reports[1:] == [f"can write to {str(room.log)!r} again; nothing was dropped"]


@pytest.mark.parametrize("policy", ["drop", "block"])
def test_a_full_disk_is_tried_again_ever_more_rarely(bench, room, policy):
    """One try after 1 s, then 2, 4, 8, 10, 10 ...: never a loop that only burns time."""
    program = bench.logs_to(room.log, full=policy, max_bytes=0)
    while not bench.loop.timers:
        program.fills()
        bench.settle()
    delays = []
    for _ in range(6):
        (due,) = bench.loop.timers
        delays.append(due - bench.loop.now())
        bench.loop.advance(delays[-1])
        program.fills()
        bench.settle()
    assert delays == [FIRST_DELAY, 2.0, 4.0, 8.0, MAX_DELAY, MAX_DELAY]
    assert len(bench.reports) == 1


def test_a_huge_line_is_dropped_whole(bench, room):
    """Bug 28: what is held in memory is bounded even where there is no line end to cut at."""
    program = bench.logs_to(room.log, full="drop", max_bytes=0)
    target = program.pump._targets[0]
    program.says(b"x" * (2 * MEGABYTE))
    assert len(target._held) <= HELD
    program.says(b"end of it\n")
    room.make()
    bench.loop.advance(MAX_DELAY)
    program.says(b"next\n")
    head, _, rest = room.log.read_bytes().partition(b"\n")
    assert set(head) == {ord("x")}
    assert rest.endswith(b"]\nnext\n")
    assert len(head) + target.dropped_bytes == 2 * MEGABYTE + len("end of it\n")


def test_closing_counts_what_could_not_be_written(bench, room):
    """A program that is removed while the disk is full."""
    program = bench.logs_to(room.log, full="drop", max_bytes=0)
    flood(bench, program)
    target = program.pump._targets[0]
    written = room.log.stat().st_size
    program.pump.close()
    assert written + target.dropped_bytes == MEGABYTE // 10 * 10
    assert "gives up" in bench.reports[-1]
    assert bench.loop.timers == []


def test_a_directory_that_vanishes_is_as_bad_as_a_full_disk(bench, tmp_path):
    """Its output waits, people are told, and it goes on when the directory is back."""
    (tmp_path / "logs").mkdir()
    program = bench.logs_to(tmp_path / "logs" / "log")
    program.says(b"one\n")
    (tmp_path / "logs" / "log").unlink()
    (tmp_path / "logs").rmdir()
    program.says(b"two\n")
    assert "there is no directory" in bench.reports[0]
    (tmp_path / "logs").mkdir()
    bench.loop.advance(FIRST_DELAY)
    program.says(b"three\n")
    assert (tmp_path / "logs" / "log").read_bytes() == b"two\nthree\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("policy", ["drop", "block"])
def test_a_device_without_room(bench, policy):
    """Where splice is not possible the policies are the same."""
    file = bench.file("/dev/full", full=policy)
    program = bench.program(bench.target(file))
    for _ in range(20):
        program.fills()
        bench.settle()
    target = program.pump._targets[0]
    assert bool(target.dropped_bytes) is (policy == "drop")
    assert target.blocked is (policy == "block")
    assert len(target._held) <= HELD
    assert len(bench.reports) == 1


def test_a_full_disk_of_one_program_is_no_matter_to_another(bench, room, tmp_path_factory):
    """Bug 22: the one waits, the other goes on."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "log"
    stuck = bench.logs_to(room.log, full="block", max_bytes=0)
    for _ in range(30):
        stuck.fills()
        bench.settle()
    other = bench.logs_to(elsewhere)
    other.says(b"hello\n")
    assert elsewhere.read_bytes() == b"hello\n"


def test_the_defaults_are_the_documented_ones():
    """A service that hangs because of its log is the worse surprise."""
    assert FileLog("").full == "drop"
