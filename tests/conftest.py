# ruff: noqa: PTH115, PTH123, PTH208 - system calls are the subject
"""What all tests share: a check that nothing of a test is left when it ends."""

import fcntl
import gc
import os
import signal
import time

import pytest

from ncolony.core.record import replace
from ncolony.core.states import Ended

PATIENCE = 2.0  # seconds

# Under nohup, or in the background of a shell, these are ignored, and so they would be by what the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


def descriptors():
    """Return what this process has open, by number."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the listing's own
    return found


def children():
    """Return the children of this process, dead ones too, with their command."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                command, _, rest = file.read().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            found[int(name)] = command
    return found


def leftovers(before, now):
    """Return what ``now()`` has more than ``before``, and keeps."""
    end = time.monotonic() + PATIENCE
    while left := {key: value for key, value in now().items() if before.get(key) != value}:
        if time.monotonic() > end:
            break
        gc.collect()  # an exception's traceback may hold what is closed as soon as it is let go
        time.sleep(0.005)  # a thread may be closing it; see DirectoryWatch.close
    return left


@pytest.fixture
def nothing_left():
    """Fail the test that leaves a child process or an open descriptor behind."""
    open_before, alive_before = descriptors(), children()
    yield
    assert not leftovers(open_before, descriptors), "descriptors left open"
    assert not leftovers(alive_before, children), "child processes left behind"


def bare(fact):
    """Return a fact without what it tells of usage, which is never twice the same."""
    return replace(fact, usage=None) if isinstance(fact, Ended) else fact


@pytest.fixture
def one_at_a_time():
    """Wait until no other worker runs a test with this fixture."""
    with open(__file__, encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
