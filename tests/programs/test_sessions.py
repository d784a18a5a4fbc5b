"""Sessions with real processes: what a shell leaves behind belongs to its run."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from ncolony.core.events import Slot
from ncolony.core.launch import Launch
from ncolony.core.states import Ended, Spawned
from ncolony.loop import Loop
from ncolony.posix.channels import PipeChannels
from ncolony.posix.descriptors import FileLimit
from ncolony.posix.exits import has_pidfds
from ncolony.posix.spawn import PosixSpawner
from ncolony.posix.targets import Targets
from ncolony.programs.sessions import SessionExits, SessionSpawner, members
from ncolony.testing import MemorySink
from tests.conftest import bare

pytestmark = pytest.mark.skipif(not has_pidfds(), reason="this kernel has no pidfds")
DEADLINE = 20.0


class Shell:
    """A shell script in a session of its own."""

    def __init__(self, script):
        self.loop = Loop()
        self.sink = MemorySink()
        self.spawner = PosixSpawner(self.loop, SessionExits(self.loop), FileLimit())
        self.channel = PipeChannels(self.loop, Targets(self.loop, self.sink)).open(Slot("sh"))
        stdout, stderr = self.channel.child_fds()
        self.facts = []
        launch = Launch(1, ("sh", "-c", script), dict(os.environ), stdout, stderr)
        self.process = SessionSpawner(self.spawner).spawn(launch, lambda fact: self.facts.append(bare(fact)))
        self.pid = self.facts[0].pid

    def until(self, there):
        """Turn the loop until ``there()``. Fails after a deadline."""
        end = time.monotonic() + DEADLINE
        while not there():
            assert time.monotonic() < end, f"it did not come in time: {self.facts} {self.sink.lines}"
            self.loop.turn(0.05)

    def said(self, line):
        """Tell whether it wrote this line."""
        return line in self.sink.of("sh")

    def ended(self):
        """Tell whether its end was told."""
        return isinstance(self.facts[-1], Ended)

    def close(self):
        """End the whole session in any case, and give everything back."""
        while not self.ended():
            self.process.signal(signal.SIGKILL, "group")
            self.loop.turn(0.05)
        self.channel.close()
        self.spawner.close()
        self.loop.close()


@pytest.fixture
def shell(nothing_left):
    """Make shells that are closed when the test ends."""
    shells = []

    def make(script):
        shells.append(Shell(script))
        return shells[-1]

    yield make
    for one in shells:
        one.close()


def test_the_end_comes_with_its_status(shell):
    """Where nothing else is there, a session is a process."""
    one = shell("exit 3")
    one.until(one.ended)
    assert one.facts == [Spawned(1, one.pid), Ended(1, 3)]


def test_the_end_waits_for_a_child_in_the_background(shell):
    """While it lives, another run must not start beside it."""
    one = shell("(sleep 0.2; echo last) & exit 4")
    one.until(one.ended)
    one.channel.drain()  # the end may be told in the same turn, before its output is read
    assert one.said(b"last")
    assert one.facts[-1] == Ended(1, 4)


def test_a_signal_reaches_a_child_that_outlives_the_shell(shell):
    """A child that ignores SIGTERM is still there for SIGKILL, though its shell is gone."""
    one = shell("(trap '' TERM; echo ready; while :; do sleep 0.05; done) & wait")
    one.until(lambda: one.said(b"ready"))
    one.process.signal(signal.SIGTERM, "group")
    one.until(lambda: _state(one.pid) == "Z")
    for _ in range(5):
        one.loop.turn(0.02)
    assert not one.ended()
    one.process.signal(signal.SIGKILL, "group")
    one.until(one.ended)
    assert one.facts[-1] == Ended(1, -signal.SIGTERM)


def test_a_signal_reaches_other_groups_of_the_session(shell):
    """``timeout`` and shells with job control put their children into groups of their own."""
    own_group = "import os, time; os.setpgid(0, 0); print('ready', flush=True); time.sleep(1000)"
    one = shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(own_group)} & wait")
    one.until(lambda: one.said(b"ready"))
    one.process.signal(signal.SIGTERM, "group")
    one.until(one.ended)
    assert one.facts[-1] == Ended(1, -signal.SIGTERM)


def test_a_signal_after_the_end_does_nothing(shell):
    """The number may be a stranger's by then."""
    one = shell("exit 0")
    one.until(one.ended)
    one.process.signal(signal.SIGKILL, "group")


def test_a_zombie_is_no_member(shell):
    """A child that nobody reaps does not keep a session alive."""
    never_waits = "import os, time; os.fork() or os._exit(0); print('ready', flush=True); time.sleep(1000)"
    one = shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(never_waits)} & wait")
    one.until(lambda: one.said(b"ready"))
    one.until(lambda: _count(one.pid) == 1)
    one.process.signal(signal.SIGTERM, "group")
    one.until(one.ended)


def _state(pid):
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def _count(session):
    pidfds = list(members(session))
    for pidfd in pidfds:
        os.close(pidfd)
    return len(pidfds)
