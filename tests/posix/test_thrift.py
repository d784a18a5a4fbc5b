"""Memory that a burst has left unused goes back to the system."""

import platform
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from ncolony.core.events import PROGRAM_ADDED, AllDescribed, ProgramsChanged
from ncolony.posix import libc, thrift
from ncolony.posix.thrift import MANY, QUIET, Thrift, give_back
from ncolony.testing import VirtualLoop

ADDED = ProgramsChanged(PROGRAM_ADDED, "web", None)


@pytest.fixture
def given(monkeypatch):
    """The moments at which memory was given back, as a list; and the loop and the observer that do it."""
    loop, moments = VirtualLoop(0.0), []
    monkeypatch.setattr(thrift, "give_back", lambda: moments.append(loop.now()))
    return SimpleNamespace(loop=loop, moments=moments, thrift=Thrift(loop))


def test_it_waits_for_the_end_of_a_burst(given):
    """Once, a quiet second after programs were described; not in the middle of it, and never again without events."""
    given.thrift.saw(ADDED)
    given.loop.advance(QUIET / 2)
    given.thrift.saw(AllDescribed())
    given.loop.advance(QUIET / 2)
    assert given.moments == []
    given.loop.advance(QUIET)
    assert given.moments == [2 * QUIET]
    given.loop.advance(100)
    assert given.moments == [2 * QUIET]
    assert given.loop.timers == []


def test_a_restart_now_and_then_is_no_burst(given):
    """A supervisor that sleeps is not woken for an event, but for as many as take memory."""
    for _ in range(MANY - 1):
        given.thrift.saw(AllDescribed())
    assert given.loop.timers == []
    given.thrift.saw(AllDescribed())
    given.loop.advance(QUIET)
    assert len(given.moments) == 1


HOG = """
    from ncolony.posix.thrift import give_back

    def used():
        with open("/proc/self/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))

    kept, gone = [], []
    for number in range(20_000):
        (gone if number % 100 else kept).append(bytes([number % 256]) * 600)
    kept.append(b"x" * 600)  # above all that goes
    gone.clear()
    full = used()
    print(give_back(), full - used())
"""


@pytest.mark.skipif(not platform.libc_ver()[0], reason="the C library is not glibc")
def test_what_was_freed_goes_back():
    """A process that has freed 12 MB between what it keeps is smaller by most of it afterwards."""
    code = textwrap.dedent(HOG)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found[0] == "True"
    assert int(found[1]) > 6000  # kB; pages that hold something stay


def test_a_library_without_it_is_let_be(monkeypatch):
    """Musl has no such function, and some interpreters no way to call one."""

    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(libc, "function", missing)
    assert give_back() is False
