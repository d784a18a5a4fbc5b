"""What becomes of the other processes when CMD has ended."""

from __future__ import annotations

import os
import shlex
import signal
import time

import pytest

from tests.reaper.reaping import PATIENCE, Reaper, eventually, run, script, shell, state

# A process out of CMD's group and session that says "TERM" and goes, or that does not go.
OBEDIENT = """
import os, signal, sys
os.setsid()
def stop(*_):
    os.write(1, b"asked\\n")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
os.write(1, b"ready %d\\n" % os.getpid())
while True:
    signal.pause()
"""
STUBBORN = OBEDIENT.replace("    sys.exit()\n", "")
DETACH = "import os, sys\nif os.fork(): os._exit(0)\nif os.fork(): os._exit(0)\n"


def leaving(text, status=0):
    """Return a CMD that leaves a process running TEXT and ends once it is told to by a line."""
    return shell(f"{shlex.join(script(text))} & read go; exit {status}")


@pytest.fixture
def told():
    """Return a pipe: its end for a CMD's input, and a function that writes a line to it."""
    read, write = os.pipe()
    yield read, lambda: os.write(write, b"go\n")
    os.close(read)
    os.close(write)


@pytest.fixture(params=["pid 1", "subreaper"])
def place(request):
    """Return how to start a reaper that adopts orphans: the words before it, and its own."""
    return (request.getfixturevalue("pid_one"), []) if request.param == "pid 1" else ((), ["-s"])


def test_what_is_left_gets_a_sigterm_and_is_waited_for(place, told):
    """It may have something to save; only then is the container over."""
    before, options = place
    with Reaper(*options, *leaving(OBEDIENT, 3), before=before, stdin=told[0]) as reaper:
        reaper.hear("ready")
        told[1]()
        assert reaper.rest() == ["asked"]
        assert reaper.status() == 3


def test_what_has_detached_itself_is_found(place, told):
    """A double fork and a session of its own hide nothing from a parent of all."""
    before, options = place
    with Reaper(*options, *leaving(DETACH + OBEDIENT, 3), before=before, stdin=told[0]) as reaper:
        reaper.hear("ready")
        told[1]()
        assert reaper.rest() == ["asked"]
        assert reaper.status() == 3


def test_what_does_not_end_is_killed_when_its_time_is_over(place, told):
    """`docker stop` does not wait for ever either."""
    before, options = place
    with Reaper(*options, "--grace", "0.3", *leaving(STUBBORN, 3), before=before, stdin=told[0]) as reaper:
        reaper.hear("ready")
        told[1]()
        began = time.monotonic()
        assert reaper.rest() == ["asked"]
        assert reaper.status() == 3
        assert 0.25 < time.monotonic() - began < PATIENCE


def test_a_second_signal_hurries(place, told):
    """Who asks twice does not want to wait for the grace."""
    before, options = place
    with Reaper(*options, "--grace", "600", *leaving(STUBBORN), before=before, stdin=told[0]) as reaper:
        reaper.hear("ready")
        told[1]()
        reaper.hear("asked")
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 0


def test_what_is_suspended_ends_too(told):
    """SIGTERM waits for a SIGCONT, so that comes after it."""
    with Reaper("-s", "--grace", "600", *leaving(OBEDIENT), stdin=told[0]) as reaper:
        pid = int(reaper.hear("ready"))
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: state(pid) == "T")
        told[1]()
        assert reaper.rest() == ["asked"]
        assert reaper.status() == 0


def test_what_is_left_ends_after_cmd_was_killed(place):
    """CMD's end is what counts, not how it came about."""
    before, options = place
    with Reaper(*options, *shell(f"{shlex.join(script(OBEDIENT))} & wait $!"), before=before) as reaper:
        reaper.hear("ready")
        reaper.send(signal.SIGTERM)
        assert reaper.rest() == ["asked"]
        assert reaper.status() == 143


def test_generations_are_killed_to_the_last(told):
    """Each SIGKILL orphans the next generation, which comes to the reaper and is looked for again."""
    generations = "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    generations += "for _ in range(30):\n    if os.fork(): break\n    os.setsid()\n"
    generations += "else: os.write(1, b'ready\\n')\nwhile True: signal.pause()"
    with Reaper("-s", "--grace", "0", *leaving(generations), stdin=told[0]) as reaper:
        reaper.hear("ready")
        told[1]()
        assert reaper.rest() == []
        assert reaper.status() == 0


def test_without_leftovers_there_is_no_waiting(place):
    """The usual case costs nothing."""
    before, options = place
    began = time.monotonic()
    assert run(*options, "--grace", "600", "true", before=before) == (0, [])
    assert time.monotonic() - began < PATIENCE


def test_without_s_nobody_else_is_touched():
    """What is not below it for sure is not its to end."""
    with Reaper(*shell("(sleep 60 & echo $!)")) as reaper:
        reaper.hear("ncolony reaper:")
        orphan = int(reaper.line())
        assert reaper.status() == 0
        eventually(lambda: state(orphan) == "S")
