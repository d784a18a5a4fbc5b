"""The contract of the Spawner port, kept by the real one and by the pretended one."""

import os
import signal
import time

import pytest

from ncolony.core.launch import Launch
from ncolony.core.states import Ended, Spawned, SpawnFailed
from ncolony.testing import Act, FakeSpawner, VirtualLoop
from tests.conftest import bare
from tests.posix.conftest import WAYS, Bench

SCRIPTS = {
    "succeeds": "exit 0",
    "exits 3": "exit 3",
    "lives": "exec sleep 1000",
    "ignores TERM": "trap '' TERM; echo; while :; do sleep 1000; done",
}
ACTS = {
    "succeeds": Act(status=0),
    "exits 3": Act(status=3),
    "ignores TERM": Act(ignores=frozenset({signal.SIGTERM})),
    "is missing": Act(fails="no such file: 'is missing'"),
}


class Real:
    """Processes."""

    def __init__(self, way):
        self.bench = Bench()
        self.bench.way = way
        self.started = []

    def spawn(self, name, tell, run=1):
        """Start one of the scripts."""
        args = ("sh", "-c", SCRIPTS[name]) if name in SCRIPTS else (name,)
        process = self.bench.spawner.spawn(self.bench.launch(*args, run=run), lambda fact: tell(bare(fact)))
        self.started.append(process)
        if name == "ignores TERM":  # and has said so
            self.bench.until(lambda: self.bench.sink.lines)
        return process

    def until(self, there):
        """Turn the loop until it is there."""
        self.bench.until(there)

    def turn(self):
        """Give what should not happen the time to happen."""
        for _ in range(5):
            self.bench.loop.turn(0.005)

    def close(self):
        """End what lives."""
        for process in self.started:
            process.signal(signal.SIGKILL, "group")
        self.bench.until(lambda: all(process.pid is None for process in self.started))
        self.bench.close()


class Fake:
    """Pretended processes."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.spawner = FakeSpawner(self.loop, {(name,): act for name, act in ACTS.items()})

    def spawn(self, name, tell, run=1):
        """Start one of the acts."""
        return self.spawner.spawn(Launch(run=run, args=(name,), env={}, stdout=1, stderr=2), tell)

    def until(self, there):
        """Let time pass until it is there."""
        for _ in range(100):
            if there():
                return
            self.loop.advance(0.1)
        raise AssertionError("it did not come")

    def turn(self):
        """Give what should not happen the time to happen."""
        self.loop.advance(1.0)

    def close(self):
        """Do nothing: there is nothing to end."""


class Late(Fake):
    """Pretended processes of which it is known late whether they live, as with the launcher."""

    def __init__(self):
        super().__init__()
        late = {name: Act(act.status, act.after, act.fails, 0.05, act.ignores) for name, act in ACTS.items()}
        self.spawner.acts = {(name,): act for name, act in {**late, "lives": Act(told_after=0.05)}.items()}


STAGES = [
    *[pytest.param(lambda way=way.values[0]: Real(way), id=way.id, marks=way.marks) for way in WAYS],
    pytest.param(Fake, id="fake"),
    pytest.param(Late, id="fake-late"),
]


@pytest.fixture(params=STAGES)
def stage(request, file_limit):
    """Each spawner."""
    made = request.param()
    yield made
    made.close()


def kinds(facts):
    """Return what kinds of facts were told."""
    return [type(fact) for fact in facts]


@pytest.mark.parametrize(("name", "status"), [("succeeds", 0), ("exits 3", 3)])
def test_beginning_and_end_are_told_once_and_in_order(stage, name, status):
    """Spawned with a pid, then Ended with the status, both with the number of the run."""
    facts = []
    stage.spawn(name, facts.append, run=7)
    stage.until(lambda: len(facts) == 2)
    stage.turn()
    assert facts == [Spawned(7, facts[0].pid), Ended(7, status)]
    assert facts[0].pid > 1


def test_failure_is_told_with_its_reason_and_nothing_else(stage):
    """There is no process, so no end; signals go nowhere."""
    facts = []
    process = stage.spawn("is missing", facts.append, run=8)
    stage.until(lambda: facts)
    process.signal(signal.SIGKILL, "group")
    stage.turn()
    assert kinds(facts) == [SpawnFailed]
    assert facts[0].run == 8
    assert facts[0].why.startswith("no such file: 'is missing'")


@pytest.mark.parametrize("scope", ["group", "process"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_signal_ends_it(stage, scope, number):
    """The status is the negative of the signal; the end is told later, not within the call."""
    facts = []
    process = stage.spawn("lives", facts.append)
    stage.until(lambda: facts)
    process.signal(number, scope)
    assert kinds(facts) == [Spawned]
    stage.until(lambda: facts[1:])
    assert facts[1] == Ended(1, -number)


def test_harmless_signals_change_nothing(stage):
    """SIGCONT follows every stop signal."""
    facts = []
    process = stage.spawn("lives", facts.append)
    stage.until(lambda: facts)
    process.signal(signal.SIGCONT, "group")
    process.signal(signal.SIGWINCH, "process")
    stage.turn()
    assert kinds(facts) == [Spawned]


def test_ignored_signal_does_not_end_it_but_kill_does(stage):
    """Bug 37: a program may ignore TERM; nothing ignores KILL."""
    facts = []
    process = stage.spawn("ignores TERM", facts.append)
    stage.until(lambda: facts)
    process.signal(signal.SIGTERM, "process")
    stage.turn()
    assert kinds(facts) == [Spawned]
    process.signal(signal.SIGKILL, "group")
    stage.until(lambda: facts[1:])
    assert facts[1] == Ended(1, -signal.SIGKILL)


def test_stopped_process_meets_its_signals_when_it_is_continued(stage):
    """Bug 38: TERM, then CONT; without CONT it would never end."""
    facts = []
    process = stage.spawn("lives", facts.append)
    stage.until(lambda: facts)
    process.signal(signal.SIGSTOP, "process")
    process.signal(signal.SIGTERM, "group")
    stage.turn()
    process.signal(signal.SIGCONT, "group")
    stage.until(lambda: facts[1:])
    assert facts[1] == Ended(1, -signal.SIGTERM)


def test_stopped_process_is_killed_all_the_same(stage):
    """KILL waits for nobody."""
    facts = []
    process = stage.spawn("lives", facts.append)
    stage.until(lambda: facts)
    process.signal(signal.SIGSTOP, "process")
    process.signal(signal.SIGKILL, "process")
    stage.until(lambda: facts[1:])
    assert facts[1] == Ended(1, -signal.SIGKILL)


def test_signal_after_the_end_goes_nowhere(stage):
    """Its pid may be a stranger's."""
    facts = []
    process = stage.spawn("succeeds", facts.append)
    stage.until(lambda: facts[1:])
    process.signal(signal.SIGKILL, "group")
    process.signal(signal.SIGTERM, "process")
    stage.turn()
    assert kinds(facts) == [Spawned, Ended]


def test_second_signal_changes_no_status(stage):
    """The first that ends it is the one that counts."""
    facts = []
    process = stage.spawn("lives", facts.append)
    stage.until(lambda: facts)
    process.signal(signal.SIGTERM, "process")
    stage.until(lambda: facts[1:])
    process.signal(signal.SIGKILL, "process")
    stage.turn()
    assert facts[1:] == [Ended(1, -signal.SIGTERM)]


def test_runs_are_told_apart(stage):
    """Each has its own ear."""
    told = {number: [] for number in range(5)}
    for number, facts in told.items():
        stage.spawn("exits 3", facts.append, run=number)
    stage.until(lambda: all(len(facts) == 2 for facts in told.values()))
    assert all([fact.run for fact in facts] == [number, number] for number, facts in told.items())
    assert len({facts[0].pid for facts in told.values()}) == 5


def test_real_spawner_is_not_waited_for(file_limit):
    """Asking for a process through the launcher takes no longer than to ask."""
    stage = Real({"uid": os.getuid(), "gid": os.getgid()})
    began = time.process_time()
    facts = []
    stage.spawn("succeeds", facts.append)
    assert time.process_time() - began < 0.1
    assert facts == []
    stage.until(lambda: facts[1:])
    stage.close()
