"""A bench for output: a loop, a pipe to write to as a program would, and files that it goes to."""

import os

import pytest

from ncolony.core.logspec import DROP, FileLog
from ncolony.loop import Loop
from ncolony.posix.filetarget import FileTarget
from ncolony.posix.logfiles import LogFile
from ncolony.posix.pump import Pump
from ncolony.testing import VirtualLoop


@pytest.fixture(autouse=True)
def _nothing_left(nothing_left):
    """Check every test of this folder."""


def rotated(path):
    """Return the files that belong to ``path``, the oldest first, without what is compressed."""
    numbers = sorted(int(one.suffix[1:]) for one in path.parent.glob(path.name + ".*") if one.suffix[1:].isdigit())
    return [path.with_name(f"{path.name}.{number}") for number in reversed(numbers)] + [path] * path.exists()


def joined(path):
    """Return the bytes of all files that belong to ``path``, in order."""
    return b"".join(one.read_bytes() for one in rotated(path))


def names_in(directory):
    """Return what is in a directory."""
    return sorted(one.name for one in directory.iterdir())


def numbered(first, last, width=10):
    """Return numbered lines."""
    return b"".join(b"%0*d\n" % (width - 1, number) for number in range(first, last))


class Program:
    """The writing end of a pump: what a program would hold."""

    def __init__(self, bench, targets):
        read, self.end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.read = read
        self.pump = Pump(bench.loop, read, targets)
        self._bench = bench

    def says(self, data):
        """Write, and let the loop settle."""
        while data:
            data = data[os.write(self.end, data[:65536]) :]
            self._bench.settle()

    def fills(self):
        """Write until the pipe takes no more; return how much that was."""
        done = 0
        try:
            while True:
                done += os.write(self.end, b"x" * 99 + b"\n")
        except BlockingIOError:
            return done

    def close(self):
        """End, and close the pipe."""
        self.pump.close()
        os.close(self.read)
        os.close(self.end)


class Bench:
    """A virtual loop, and whatever was reported."""

    def __init__(self, loop):
        self.loop = loop
        self.reports = []
        self.programs = []

    def settle(self):
        """Let everything happen that is due now."""
        if isinstance(self.loop, VirtualLoop):
            self.loop.settle(100_000)
        else:
            for _ in range(40):
                self.loop.turn(0)

    def file(self, path, **settings):
        """Make a log file."""
        return LogFile(str(path), FileLog(str(path), **settings), self.reports.append, None)

    def target(self, file):
        """Make a stream's way into a file."""
        return FileTarget(self.loop, file, block=file.log.full != DROP, report=self.reports.append)

    def program(self, *targets):
        """Make a program that writes to ``targets``."""
        made = Program(self, targets)
        self.programs.append(made)
        return made

    def logs_to(self, path, **settings):
        """Make a program that has a file of its own."""
        return self.program(self.target(self.file(path, **settings)))

    def close(self):
        """Close all programs."""
        for program in self.programs:
            program.close()


@pytest.fixture
def bench():
    """A bench whose time stands still until it is told to go on."""
    made = Bench(VirtualLoop())
    yield made
    made.close()


@pytest.fixture
def real_bench():
    """A bench on the loop that a colony runs on."""
    made = Bench(Loop())
    yield made
    made.close()
    made.loop.close()
