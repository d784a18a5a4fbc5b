"""A bench for real processes: a loop, a spawner, and channels that write to memory."""

import ctypes
import os
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from ncolony.core.events import Slot
from ncolony.core.launch import Launch
from ncolony.core.states import Ended, Spawned, SpawnFailed
from ncolony.loop import Loop
from ncolony.posix.channels import PipeChannels
from ncolony.posix.descriptors import FileLimit, keep_private
from ncolony.posix.exits import PidfdExits, SigchldExits, has_pidfds
from ncolony.posix.freely import Spawner
from ncolony.posix.spawn import PosixSpawner
from ncolony.posix.targets import Targets
from ncolony.testing import MemorySink
from tests.conftest import bare

OTHER = 54321  # a user that nobody has, and that has no entry in passwd
DEADLINE = 20.0
PATH = "/usr/local/bin:/usr/bin:/bin"


@pytest.fixture(autouse=True)
def _nothing_left(nothing_left):
    """Check every test of this folder."""


def turn_until(loop, there, seconds=DEADLINE):
    """Turn the loop until ``there()``. Fails after a deadline."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come in time"
        loop.turn(0.05)


class Run:
    """One spawn, and what was told of it."""

    def __init__(self, bench, launch):
        self.facts = []
        self.bench = bench
        self.process = bench.spawner.spawn(launch, lambda fact: self.facts.append(bare(fact)))

    @property
    def kinds(self):
        """What kinds of facts were told."""
        return [type(fact) for fact in self.facts]

    @property
    def pid(self):
        """The pid of a process that came to life."""
        assert self.kinds[:1] == [Spawned], self.facts
        return self.facts[0].pid

    @property
    def status(self):
        """How it ended."""
        assert self.kinds == [Spawned, Ended], self.facts
        return self.facts[1].status

    @property
    def failure(self):
        """Why it could not be started."""
        assert self.kinds == [SpawnFailed], self.facts
        return self.facts[0].why

    def born(self):
        """Wait until it is known whether it lives."""
        self.bench.until(lambda: self.facts)
        return self

    def over(self):
        """Wait until it is over, one way or the other."""
        self.bench.until(lambda: {Ended, SpawnFailed} & set(self.kinds))
        return self


class Bench:
    """All that is needed to start processes."""

    def __init__(self, kind=PidfdExits):
        self.loop = Loop()
        self.exits = kind(self.loop)
        self.limit = FileLimit()
        self.spawner = PosixSpawner(self.loop, self.exits, self.limit)
        self.sink = MemorySink()
        self.channels = PipeChannels(self.loop, Targets(self.loop, self.sink))
        self.channel = self.channels.open(Slot("it"))
        self.runs = []
        self.way = {}

    def launch(self, *args, run=1, env=None, **more):
        """Describe a start."""
        stdout, stderr = self.channel.child_fds()
        given = {"PATH": PATH} if env is None else env
        return Launch(run=run, args=args, env=given, stdout=stdout, stderr=stderr, **{**self.way, **more})

    def spawn(self, *args, **more):
        """Start a program."""
        return self.start(self.launch(*args, **more))

    def start(self, launch):
        """Start what was described."""
        run = Run(self, launch)
        self.runs.append(run)
        return run

    def until(self, there, seconds=DEADLINE):
        """Turn the loop until it is there."""
        turn_until(self.loop, there, seconds)

    def says(self, *args, stream="stdout", **more):
        """Return the lines that a program writes until it ends."""
        run = self.spawn(*args, **more).over()
        assert run.kinds == [Spawned, Ended], run.facts
        self.channel.drain()
        lines, self.sink.lines = self.sink.of("it", stream), []
        return [line.decode() for line in lines]

    def close(self):
        """End what lives, and give everything back."""
        for run in self.runs:
            run.born()
            run.process.signal(signal.SIGKILL, "group")
            run.over()
        self.channel.close()
        self.spawner.close()
        if isinstance(self.exits, SigchldExits):
            self.exits.close()
        self.loop.close()


EXITS = [
    pytest.param(
        PidfdExits, id="pidfd", marks=pytest.mark.skipif(not has_pidfds(), reason="this kernel has no pidfds")
    ),
    pytest.param(SigchldExits, id="sigchld"),
]


@pytest.fixture
def file_limit():
    """Put the limit on open files back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(params=EXITS)
def bench(request, file_limit):
    """A bench, with each way to learn of exits."""
    keep_private()
    made = Bench(request.param)
    yield made
    made.close()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it starts programs as another user")

WAYS = [
    pytest.param({}, id="plain"),
    pytest.param({"uid": os.getuid(), "gid": os.getgid()}, id="launched"),
    pytest.param({"uid": OTHER, "gid": OTHER}, id="other-user", marks=as_root),
]


FREELY = "freely"


@pytest.fixture(params=[*WAYS, pytest.param(FREELY, id=FREELY)])
def any_way(request, bench, monkeypatch):
    """A bench that starts programs directly, as a thread would, through the launcher, and as another user."""
    if request.param == FREELY:
        monkeypatch.setattr("ncolony.posix.spawn.spawn", Spawner())
    else:
        bench.way = request.param
    return bench


PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def subreaper():
    """Have the test become one, and not for those after it: their orphans would be ours."""
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def open_path():
    """A directory that every user can reach: tmp_path's parents are for its owner alone."""
    made = Path(tempfile.mkdtemp(prefix="ncolony-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
