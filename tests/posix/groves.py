"""Runs with real processes whose trees are looked after."""

import ctypes
import os
import signal
import uuid
from pathlib import Path

from ncolony.core.events import Slot
from ncolony.core.kept import Kept
from ncolony.core.launch import Launch
from ncolony.core.states import UP, Ended, Instance, Running, Spawned
from ncolony.loop import Loop
from ncolony.posix.channels import PipeChannels
from ncolony.posix.descriptors import FileLimit
from ncolony.posix.exits import PidfdExits, SigchldExits
from ncolony.posix.processes import ticks_now
from ncolony.posix.sigchld import ChildSignal
from ncolony.posix.spawn import PosixSpawner
from ncolony.posix.targets import Targets
from ncolony.posix.trees import Trees
from ncolony.testing import MemorySink
from tests.conftest import bare
from tests.posix.conftest import PATH, turn_until

PR_SET_CHILD_SUBREAPER = 36
COLONY = uuid.uuid4().hex  # our own: other test runs on this machine look for theirs in all its processes
# Nothing of it can be told from a stranger's but by what the test is about: it prints its pid into a file and waits.
DAEMON = "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000' </dev/null >/dev/null 2>&1 &"


class Run:
    """One run, and what was told of it."""

    def __init__(self, grove, script, scope, run, more):
        self.facts = []
        self.grove = grove
        env = {"PATH": PATH, "NCOLONY_RUN": f"{grove.colony}/web:1/{run}"}
        stdout, stderr = grove.channel.child_fds()
        given = {"args": ("sh", "-c", script), "env": env, "scope": scope, "cwd": str(grove.folder), **more}
        launch = Launch(run=run, stdout=stdout, stderr=stderr, **given)
        self.process = grove.spawner.spawn(launch, lambda fact: self.facts.append(bare(fact)))
        grove.runs.append(self)

    @property
    def pid(self):
        """Its first process."""
        return self.facts[0].pid

    def kinds(self):
        """Return what kinds of facts were told."""
        return [type(fact) for fact in self.facts]

    def until(self, *kinds):
        """Wait until exactly these facts were told."""
        self.grove.until(lambda: len(self.facts) >= len(kinds))
        assert self.kinds() == list(kinds)
        return self


class Grove:
    """A spawner with trees, on a loop."""

    def __init__(self, folder, kind=PidfdExits, colony=COLONY, cgroups=None):
        self.folder = folder
        self.loop = Loop()
        self.exits = kind(self.loop)
        self.theirs = set()
        self.colony = colony
        self.trees = Trees(self.loop, self.exits, colony, self.theirs.__contains__, cgroups)
        self.signal = ChildSignal(self.loop, self.trees.look_soon)
        self.spawner = PosixSpawner(self.loop, self.exits, FileLimit(), self.trees)
        self.sink = MemorySink()
        self.channel = PipeChannels(self.loop, Targets(self.loop, self.sink)).open(Slot("web"))
        self.runs = []

    def run(self, script, scope="tree", run=1, **more):
        """Start a script of the shell."""
        return Run(self, script, scope, run, more)

    def adopt(self, pid, facts, scope="tree"):
        """Take run 7 over, of an earlier supervisor."""
        kept = Kept("web", 1, Instance(Running(pid or 2, 0.0), UP, 0, 7), 0, ticks_now())
        return self.spawner.adopt("web:1/7", kept, pid, lambda fact: facts.append(bare(fact)), scope)

    def until(self, there):
        """Turn the loop until it is there."""
        turn_until(self.loop, there)

    def pid_in(self, name):
        """Wait for a file with a pid, and return that."""
        path = self.folder / name
        self.until(path.exists)
        return int(path.read_text())

    def close(self):
        """End what lives."""
        for run in self.runs:
            if run.kinds()[-1:] in ([Spawned], []) or run.facts[-1] == Ended(run.facts[-1].run, None, left=True):
                run.process.signal(signal.SIGKILL, "tree")
        self.until(lambda: not self.exits.known)
        self.signal.close()
        self.trees.strays.close()
        self.channel.close()
        self.spawner.close()
        if isinstance(self.exits, SigchldExits):
            self.exits.close()
        self.loop.close()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)  # which it had taken for good


def state(pid):
    """Return the letter of a process's state; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


class Parent:
    """Runs scripts with a mark, each in a session of its own."""

    def __init__(self):
        self._in, write = os.pipe()
        read, self._out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
                while script := os.read(read, 4096).decode():
                    env = {"PATH": PATH, "NCOLONY_RUN": f"{COLONY}/web:1/7"}
                    args = ["sh", "-c", script]
                    pid = os.posix_spawn("/bin/sh", args, env, setsid=True, setsigdef=[signal.SIGCHLD])
                    os.write(write, str(pid).encode())
            finally:
                os._exit(0)
        os.close(read)
        os.close(write)

    def start(self, script):
        """Start a script, and return its pid."""
        os.write(self._out, script.encode())
        return int(os.read(self._in, 32))

    def close(self):
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._in)
        os.close(self._out)
