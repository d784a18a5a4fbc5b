"""Standard input as a pipe: written to through the process, never to a stranger, never waited for."""

import os
import subprocess

import pytest

from ncolony.posix import inlet

MARK = "c0ffee/web:1/1"


@pytest.fixture
def reader():
    """A process that has such an input, and a mark, and reads nothing."""
    fd = inlet.new()
    process = subprocess.Popen(["sleep", "1000"], stdin=fd, env={**os.environ, "NCOLONY_RUN": MARK})
    os.close(fd)
    yield process
    process.kill()
    process.wait()


def test_what_is_written_waits_until_it_is_read(reader):
    """64 KB of it, each piece as a whole; then it is said that nobody reads."""
    for _ in range(16):
        inlet.put(reader.pid, MARK, b"x" * 4096)
    with pytest.raises(BlockingIOError):
        inlet.put(reader.pid, MARK, b"x")


def test_who_has_another_input_gets_nothing():
    """A file, say, or what it was given by somebody else."""
    process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
    try:
        with pytest.raises(BrokenPipeError):
            inlet.put(process.pid, MARK, b"x")
    finally:
        process.kill()
        process.wait()


def test_a_stranger_gets_nothing():
    """Bug 1: the pid may be another's by now, unless it is that of a child."""
    with pytest.raises(ProcessLookupError):
        inlet.put(os.getpid(), MARK, b"x")
    with pytest.raises(ProcessLookupError):
        inlet.put(2**22 + 1, MARK, b"x")
