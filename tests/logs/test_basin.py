"""The second pipe of a program that writes much: nothing stays in it, and nothing overtakes what is in it."""

import os
import resource
import select
import signal

import pytest

from ncolony.posix.basin import Basin, new_basin_fd
from ncolony.posix.filetarget import MAX_DELAY
from ncolony.posix.pump import CHATTY, CHUNK, Pump
from tests.logs.conftest import numbered

HALF = 1 << 19


class Keeper:
    """What holds a copy of a second pipe, or not."""

    def __init__(self):
        self.there = True
        self.made = []

    def make_basin(self, _):
        """Make a second pipe."""
        fd = new_basin_fd()
        self.made.append(os.dup(fd))
        return Basin(fd, lambda: self.there)

    def close(self):
        """Close the copies."""
        for fd in self.made:
            os.close(fd)


@pytest.fixture
def keeper():
    """A keeper."""
    made = Keeper()
    yield made
    made.close()


@pytest.fixture
def small_files():
    """No file can grow over half a megabyte, until this is called."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))

    def end():
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    yield end
    end()
    signal.signal(signal.SIGXFSZ, handler)


def chatty(bench, keeper, path, **settings):
    """Make a program with a file of its own that gets a second pipe when it writes much."""
    program = bench.program()
    program.pump.close()
    program.pump = Pump(bench.loop, program.read, [bench.target(bench.file(path, **settings))], None, keeper)
    return program


def much(program, first=0, size=2 * CHATTY * CHUNK):
    """Write so much that there is a second pipe; return it."""
    data = numbered(first, first + size // 10)
    program.says(data)
    return data


def is_empty(fd):
    """Tell whether there is nothing in a pipe."""
    return not select.select([fd], [], [], 0)[0]


def test_a_program_that_writes_much_gets_a_second_pipe_that_is_empty_after_each_turn(bench, keeper, tmp_path):
    """Its output is exact, over rotations, and nothing waits anywhere for the next byte."""
    program = chatty(bench, keeper, tmp_path / "log", max_bytes=0)
    program.says(b"a line\n" * 10)
    assert not keeper.made
    data = b"a line\n" * 10 + much(program)
    assert len(keeper.made) == 1
    assert is_empty(keeper.made[0])
    assert (tmp_path / "log").read_bytes() == data
    program.says(b"little\n")
    assert (tmp_path / "log").read_bytes() == data + b"little\n"
    assert program.pump.moved == len(data) + 7


def test_bursts_alone_make_no_second_pipe(bench, keeper, tmp_path):
    """It is for who writes much for long: it takes descriptors."""
    program = chatty(bench, keeper, tmp_path / "log", max_bytes=0)
    for _ in range(2 * CHATTY):
        program.says(b"x" * CHUNK)
        program.says(b"a line\n")
    assert not keeper.made


def test_without_a_keeper_it_is_not_used(bench, keeper, tmp_path):
    """What is in it would be lost with the supervisor."""
    program = chatty(bench, keeper, tmp_path / "log", max_bytes=0)
    much(program)
    keeper.there = False
    basin = program.pump._basin
    basin.fd, fd = -1, basin.fd  # of no use to anybody
    program.says(b"x" * CHUNK)
    assert (tmp_path / "log").read_bytes().endswith(b"x" * CHUNK)
    basin.fd = fd


def test_what_is_stuck_in_it_on_a_full_disk_comes_first_when_there_is_room(bench, keeper, tmp_path, small_files):
    """Policy block: the program waits; nothing is lost, and nothing comes before what was written before it."""
    program = chatty(bench, keeper, tmp_path / "log", max_bytes=0, full="block")
    sent = b""
    number = 0
    while True:
        piece = numbered(number, number + 400)
        try:
            sent += piece[: os.write(program.end, piece)]
        except BlockingIOError:
            bench.settle()
            if program.pump._targets[0].blocked:
                break
            continue
        number += 400
        if len(sent) % 40_000 == 0:
            bench.settle()
    small_files()
    bench.loop.advance(MAX_DELAY)
    bench.settle()
    assert (tmp_path / "log").read_bytes() == sent


def test_what_a_predecessor_left_in_it_comes_first(bench, tmp_path):
    """A kill between the two pipes: the next supervisor gets both, and goes on where it stood."""
    fd = new_basin_fd()
    os.write(fd, b"one\n")
    program = bench.program()
    program.pump.close()
    os.write(program.end, b"two\n")
    target = bench.target(bench.file(tmp_path / "log"))
    program.pump = Pump(bench.loop, program.read, [target], Basin(fd, lambda: True))
    program.pump.drain()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_what_a_predecessor_left_in_it_goes_wherever_output_goes_now(bench, tmp_path):
    """The description has changed meanwhile: nothing is spliced any more, and the order is kept all the same."""
    fd = new_basin_fd()
    os.write(fd, b"one\n")
    program = bench.program()
    program.pump.close()
    os.write(program.end, b"two\n")
    targets = [bench.target(bench.file(tmp_path / name)) for name in ("log", "other")]
    program.pump = Pump(bench.loop, program.read, targets, Basin(fd, lambda: True))
    program.pump.drain()
    for name in ("log", "other"):
        assert (tmp_path / name).read_bytes() == b"one\ntwo\n"


def test_what_a_blocked_target_has_left_in_it_is_counted_at_the_end(bench, tmp_path):
    """There is no later, and the count is exact."""
    fd = new_basin_fd()
    os.write(fd, b"one\n")
    program = bench.program()
    program.pump.close()
    os.write(program.end, b"two\n")
    target = bench.target(bench.file(tmp_path / "missing" / "log", full="block"))
    program.pump = Pump(bench.loop, program.read, [target], Basin(fd, lambda: True))
    program.pump.close()
    assert (target.dropped_bytes, target.dropped_lines) == (8, 2)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
