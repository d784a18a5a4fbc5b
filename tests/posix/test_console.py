# ruff: noqa: PTH123 - system calls are the subject
"""Standard error of the supervisor: whoever reads it, or does not, never makes it wait."""

import os
import socket
from pathlib import Path

import pytest

from ncolony.loop import Loop
from ncolony.posix.console import MAX_BACKLOG, Console, labelled, readable
from ncolony.testing import VirtualLoop


@pytest.fixture
def pipe():
    """A pipe that is read when a test says so."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(read)
    os.close(write)


def descriptors():
    """Return the descriptors that are open."""
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def read_all(fd):
    """Return all that is in a pipe."""
    parts = []
    try:
        while part := os.read(fd, 1 << 20):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def pump(loop, fd):
    """Read until nothing comes any more."""
    parts = [read_all(fd)]
    while parts[-1] or loop.watched:
        loop.turn()
        parts.append(read_all(fd))
    return b"".join(parts)


def test_lines_are_labelled(pipe):
    """Programs' lines by their name, the supervisor's own by ours."""
    console = Console(VirtualLoop(), pipe[1])
    console.write("web", "stdout", [b"one", b"two\x1b"])
    console.say("it runs")
    assert read_all(pipe[0]) == b"web | one\nweb | two\\x1b\nncolony: it runs\n"
    console.close()


def test_reader_that_does_not_read_is_not_waited_for(pipe):
    """Bug 22: a terminal under Ctrl-S, a stuck log collector: the colony goes on; what is kept is bounded."""
    loop = VirtualLoop()
    console = Console(loop, pipe[1])
    for number in range(100_000):
        console.write("web", "stdout", [b"%06d " % number + b"x" * 40])
    assert console._size <= MAX_BACKLOG
    assert loop.watched == [pipe[1]]
    console.close()
    assert loop.watched == []


def test_others_may_wait_for_the_pipe_still(pipe):
    """Ours is opened anew: the descriptor itself may be shared with whoever has started us."""
    console = Console(VirtualLoop(), pipe[1])
    console.write("web", "stdout", [b"x" * 60_000])
    assert os.get_blocking(pipe[1])
    before = descriptors()
    console.close()
    assert len(before - descriptors()) == 1
    console.say("it has ended")
    assert read_all(pipe[0]) == b"web | " + b"x" * 60_000 + b"\nncolony: it has ended\n"


@pytest.fixture
def stream():
    """A socket that is read when a test says so."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    yield theirs.fileno(), ours.fileno()
    ours.close()
    theirs.close()


def test_what_is_no_pipe_is_never_waited_for_either(stream):
    """A socket, as systemd's journal has it: it is asked first, and what does not fit is kept."""
    loop = VirtualLoop()
    console = Console(loop, stream[1])
    for _ in range(100_000):
        console.say("x" * 40)
    assert loop.watched == [stream[1]]
    assert read_all(stream[0]).startswith(b"ncolony: " + b"x" * 40 + b"\n")
    loop.settle(100_000)
    console.close()
    assert loop.watched == []


def test_dropped_lines_are_counted_and_the_rest_is_whole(pipe):
    """Bug 22: every line arrives once and whole, in order, or is counted as dropped; then it goes on as before."""
    loop = VirtualLoop()
    console = Console(loop, pipe[1])
    total = 60_000  # in batches that are larger than what a pipe takes at a time
    for first in range(0, total, 200):
        console.write("web", "stdout", [b"%06d " % number + b"x" * 40 for number in range(first, first + 200)])
    text = pump(loop, pipe[0])
    console.say("done")
    text += read_all(pipe[0])
    lines = text.decode().splitlines()
    assert lines[-1] == "ncolony: done"
    notes = [line for line in lines if "were dropped" in line]
    arrived = [line for line in lines if line.startswith("web | ") and len(line) == 6 + 7 + 40]
    known = {*notes, *arrived}
    others = [line for line in lines[:-1] if line not in known]
    dropped = sum(int(line.split()[1]) for line in notes)
    assert dropped + len(arrived) == total
    assert dropped
    assert arrived == sorted(arrived)
    # One line was cut where the pipe was full, and its rest dropped: it ends there, and counts as dropped.
    assert len(others) <= 1
    assert not any("ncolony" in line for line in others)
    console.close()


def test_reader_that_reads_again_is_served_by_the_loop(pipe):
    """No poll, no timer: the loop tells when there is room."""
    loop = Loop()
    console = Console(loop, pipe[1])
    for _ in range(3000):
        console.say("x" * 100)
    assert loop.deadline() is None
    got = b""
    while console._backlog:
        got += read_all(pipe[0])
        loop.turn(1.0)
    got += read_all(pipe[0])
    assert got == b"ncolony: " + b"\nncolony: ".join([b"x" * 100] * 3000) + b"\n"
    console.close()
    loop.close()


def test_reader_that_is_gone_costs_nothing():
    """`ncolony run | head -1`: EPIPE is no reason to end."""
    read, write = os.pipe()
    loop = VirtualLoop()
    console = Console(loop, write)
    os.close(read)
    for _ in range(1000):
        console.say("x" * 1000)
    assert not console._backlog
    assert loop.watched == []
    console.close()
    os.close(write)


def test_reader_that_leaves_with_the_pipe_full_costs_nothing():
    """The watch for room ends as well."""
    read, write = os.pipe()
    loop = VirtualLoop()
    console = Console(loop, write)
    for _ in range(1000):
        console.say("x" * 1000)
    assert loop.watched == [write]
    os.close(read)
    loop.settle()
    assert loop.watched == []
    console.close()
    os.close(write)


def test_regular_file_is_written_at_once(tmp_path):
    """A file never waits, and cannot be watched for room."""
    with (tmp_path / "log").open("wb") as file:
        console = Console(Loop(), file.fileno())
        for _ in range(10_000):
            console.say("x" * 100)
        console._loop.close()
    assert (tmp_path / "log").stat().st_size == 10_000 * 110


def test_full_disk_is_survived():
    """Bug 23: nobody can be told, and nothing stops."""
    with open("/dev/full", "wb", buffering=0) as file:
        console = Console(VirtualLoop(), file.fileno())
        console.say("x")
        assert not console._backlog


def test_writing_after_close_does_not_watch_again(pipe):
    """What is said during the last moments goes out as far as there is room."""
    loop = VirtualLoop()
    console = Console(loop, pipe[1])
    console.say("x" * 200_000)
    console.close()
    assert loop.watched == []


@pytest.mark.parametrize(
    "odd", [b"", b"tab\there", b"caf\xc3\xa9", b"\xff", b"\x1b[31m", b"return\r", b"\x7f", b"a\rb"]
)
def test_lines_that_are_labelled_together_look_as_those_one_by_one(odd):
    """What is plain goes another way, four times as fast; nobody may see which way a line went."""
    lines = [b"plain", odd, b"plain, too"]
    one_by_one = "".join(f"web | {readable(line)}\n" for line in lines)
    assert labelled("web | ", lines) == one_by_one
    assert labelled("caf\xe9 | ", lines) == one_by_one.replace("web", "caf\xe9")
    assert labelled("web | ", lines[:1]) == "web | plain\n"
    assert labelled("caf\xe9 | ", lines[::2]) == "caf\xe9 | plain\ncaf\xe9 | plain, too\n"
