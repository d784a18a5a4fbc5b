"""Hooks over pretended processes and commands: what they run on, and that nothing they do matters to anybody."""

import pytest

from ncolony.core import hookkeys
from ncolony.core.colonyspec import ColonySpec
from ncolony.core.hookkeys import HookRule
from ncolony.core.program import ReloadRule, RestartPolicy, StopPolicy
from ncolony.core.states import Unhealthy
from ncolony.runtime.hooks import AT_ONCE, MOST_WAITING, Hooks
from ncolony.testing import Act
from tests.runtime.conftest import Stage, program

EVERY = tuple(hookkeys.MEANINGS)


class Command:
    """A command that ends when the test says so."""

    def __init__(self, args, said):
        self.args, self.said = args, said
        self.done, self.cancelled = None, False

    def begin(self, done):
        """Begin."""
        self.done = done

    def cancel(self):
        """Note that it was killed."""
        self.cancelled = True

    def output(self):
        """Say nothing."""
        return ""


class Hooked(Stage):
    """A colony with hooks."""

    def __init__(self):
        super().__init__()
        self.said, self.commands = [], []
        self.hooks = Hooks(self.loop, self.supervisor, self.prepare, self.said.append)
        self.supervisor.observe(self.hooks)

    def prepare(self, _, args, said):
        """Make a command that ends at once, unless the test waits."""
        self.commands.append(Command(args, said))
        return self.commands[-1]

    def describe(self, *rules):
        """Say what hooks there are."""
        self.supervisor.describe(ColonySpec(hooks=rules))

    def heard(self):
        """Return what hooks have run on since the last time, each ended well."""
        self.loop.settle()
        found = []
        while self.commands:
            commands, self.commands = self.commands, []
            for one in commands:
                found.append(one.said)
                one.done("")
            self.loop.settle()
        return found

    def kinds(self):
        """Return the names of those events."""
        return [said["NCOLONY_EVENT"] for said in self.heard()]


@pytest.fixture
def stage():
    """A colony with one hook, on everything."""
    made = Hooked()
    made.describe(HookRule(EVERY, ("tell",)))
    return made


def test_a_life_in_events(stage):
    """Each is told once, with what belongs to it."""
    stage.apply(program(restart=RestartPolicy(threshold=5.0, attempts=2)))
    assert stage.kinds() == ["started", "ready"]
    stage.loop.advance(10)
    stage.process.end(3)
    ended, *rest = stage.heard()
    assert {key: ended[key] for key in sorted(ended)} == {
        "NCOLONY_EVENT": "ended", "NCOLONY_INSTANCE": "1", "NCOLONY_PID": "100", "NCOLONY_PROGRAM": "web",
        "NCOLONY_REASON": "exited with status 3", "NCOLONY_STATUS": "3"}  # fmt: skip
    assert [said["NCOLONY_EVENT"] for said in rest] == ["started", "restarted", "ready"]
    stage.process.end(-9)
    assert stage.kinds() == ["ended", "backoff"]
    stage.loop.advance(1)
    assert stage.kinds() == ["started", "restarted", "ready"]
    stage.process.end(1)
    *_, fatal = stage.heard()
    assert (fatal["NCOLONY_EVENT"], fatal["NCOLONY_REASON"]) == ("fatal", "exited with status 1")


def test_what_somebody_does_is_no_restart_by_itself(stage):
    """A restart by hand is a stop and a start; an unhealthy one is replaced."""
    stage.apply(program())
    stage.heard()
    stage.supervisor.restart("web")
    assert stage.kinds() == ["ended", "started", "ready"]
    stage.loop.advance(5)
    stage.supervisor.learn("web", 1, Unhealthy(2, "no answer"))
    unhealthy, *rest = stage.heard()
    assert (unhealthy["NCOLONY_EVENT"], unhealthy["NCOLONY_REASON"]) == ("unhealthy", "no answer")
    assert [said["NCOLONY_EVENT"] for said in rest] == ["ended", "started", "restarted", "ready"]
    stage.supervisor.stop("web", why="lunch")
    assert stage.kinds() == ["ended", "stopped"]


def test_what_cannot_be_started_and_what_does_not_stop(stage):
    """failed, backoff, killed."""
    stage.spawner.acts["no",] = Act(fails="no such file")
    stage.apply(program(args=("no",)))
    first, second = stage.heard()
    assert (first["NCOLONY_EVENT"], first["NCOLONY_REASON"]) == ("failed", "no such file")
    assert second["NCOLONY_EVENT"] == "backoff"
    stage.spawner.acts["deaf",] = Act(ignores=frozenset({15}))
    stage.apply(program("deaf", args=("deaf",), stop=StopPolicy(timeout=1.0)))
    stage.heard()
    stage.supervisor.stop("deaf")
    stage.loop.advance(1)
    assert stage.kinds()[:3] == ["failed", "backoff", "killed"]


def test_reloads(stage):
    """Both ends; the processes that prove the new version are no news."""
    stage.apply(program(args=("old",), reload=ReloadRule()))
    stage.loop.advance(1)
    stage.heard()
    stage.spawner.acts["new",] = Act(fails="no such file")
    stage.apply(program(args=("new",), reload=ReloadRule()))
    (failed,) = stage.heard()
    assert failed["NCOLONY_EVENT"] == "reload-failed"
    assert failed["NCOLONY_REASON"].startswith("goes on as it was: ")
    stage.apply(program(args=("newer",), reload=ReloadRule()))
    stage.loop.advance(10)
    assert stage.kinds() == ["ended", "started", "ready", "reloaded"]


@pytest.mark.parametrize("meant", ["web", "w*", "@public", "public"])
def test_programs_are_named_as_everywhere(stage, meant):
    """By name, pattern or label."""
    stage.describe(HookRule(("started",), ("tell",), (meant,)))
    stage.apply(program(labels=("public",)), program("db"))
    assert [said["NCOLONY_PROGRAM"] for said in stage.heard()] == ["web"]


def test_a_few_run_at_a_time_and_in_order(stage):
    """The others wait for their turn."""
    stage.describe(HookRule(("started",), ("tell",)))
    stage.apply(*(program(f"p{number}") for number in range(AT_ONCE + 3)))
    assert len(stage.commands) == AT_ONCE
    stage.commands[0].done("exited with status 1")
    stage.loop.settle()
    assert len(stage.commands) == AT_ONCE + 1
    assert stage.said == ["the hook tell on started of p0: exited with status 1"]
    assert stage.states["p6", 1] == "running"


def test_what_comes_while_too_many_wait_is_dropped_counted_and_said(stage):
    """Once when it begins, once when it is over."""
    stage.describe(HookRule(("started",), ("tell",)))
    stage.apply(*(program(f"p{number}") for number in range(MOST_WAITING + AT_ONCE + 50)))
    stage.heard()
    assert stage.hooks.dropped >= 50
    assert stage.said[0].startswith(f"more than {MOST_WAITING} hooks wait")
    assert stage.said[1:] == [f"{stage.hooks.dropped} hooks were not run, as too many waited"]
    assert stage.hooks.run + stage.hooks.dropped == MOST_WAITING + AT_ONCE + 50


def test_one_that_takes_too_long_is_killed(stage):
    """And the next has its turn."""
    stage.describe(HookRule(("started",), ("tell",), timeout=2.0))
    stage.apply(program())
    stage.loop.advance(2)
    assert stage.commands[0].cancelled
    assert stage.said == ["the hook tell on started of web: took longer than 2 s, and was killed"]
    assert (stage.hooks.run, stage.hooks.failed) == (1, 1)


def test_nothing_is_run_while_the_colony_is_being_stopped(stage):
    """And what runs at its end is killed."""
    stage.apply(program())
    stage.loop.settle()
    stage.shut_down()
    stage.loop.settle()
    assert {one.said["NCOLONY_EVENT"] for one in stage.commands} == {"started", "ready"}
    stage.hooks.close()
    assert all(one.cancelled for one in stage.commands)


def test_a_changed_list_counts_at_once(stage):
    """Also an empty one."""
    stage.describe()
    stage.apply(program())
    assert stage.heard() == []
