"""Groups over pretended processes: restarts for another's sake, without a storm, and one budget."""

import pytest

from ncolony.core.colonyspec import ColonySpec, GroupRule
from ncolony.core.program import TRANSIENT, Need, RestartPolicy
from ncolony.runtime.dependencies import Dependencies
from ncolony.runtime.grouping import Groups
from ncolony.testing import Act
from tests.runtime.conftest import Stage, program


class Grouped(Stage):
    """A supervisor with groups, whose programs all carry the label g."""

    def __init__(self):
        super().__init__()
        self.said, self.finished = [], []
        self.groups = Groups(self.loop, self.supervisor, self.said.append, lambda *end: self.finished.append(end))
        self.supervisor.observe(self.groups)

    def begin(self, rule, *names, **more):
        """Describe the group and its programs."""
        self.supervisor.describe(ColonySpec(groups=(("g", rule),)))
        self.apply(*(program(name, labels=("g",), **more) for name in names))
        self.loop.advance(10)

    def ends(self, name, status=1):
        """Have the process of a program end by itself."""
        for one in self.spawner.living:
            if one.launch.args == (name,):
                one.end(status)
                break
        self.loop.settle()

    @property
    def births(self):
        """How many processes each program has had."""
        names = [one.launch.args[0] for one in self.spawner.processes]
        return {name: names.count(name) for name in dict.fromkeys(names)}


@pytest.fixture
def stage():
    """A supervisor without programs."""
    return Grouped()


@pytest.mark.parametrize("status", [0, 1, -9], ids=["clean", "failed", "signalled"])
@pytest.mark.parametrize(
    ("strategy", "births"),
    [
        ("one_for_one", {"a": 1, "b": 2, "c": 1}),
        ("one_for_all", {"a": 2, "b": 2, "c": 2}),
        ("rest_for_one", {"a": 1, "b": 2, "c": 2}),
    ],
)
def test_who_is_restarted_with_it(stage, strategy, births, status):
    """And nobody twice, however long one waits: a restart for another's sake calls for no more."""
    stage.begin(GroupRule(strategy), "a", "b", "c")
    stage.ends("b", status)
    stage.loop.advance(60)
    assert stage.births == births
    assert set(stage.states.values()) == {"running"}


def test_an_end_as_wanted_concerns_nobody(stage):
    """It is not started again."""
    stage.begin(GroupRule("one_for_all"), "a", "b", restart=RestartPolicy(TRANSIENT))
    stage.ends("a", 0)
    assert stage.births == {"a": 1, "b": 1}
    assert stage.states == {("a", 1): "exited", ("b", 1): "running"}


def test_a_restart_by_hand_concerns_nobody(stage):
    """Whoever wants all of them restarted says so."""
    stage.begin(GroupRule("one_for_all"), "a", "b")
    stage.supervisor.restart("a")
    stage.loop.advance(10)
    assert stage.births == {"a": 2, "b": 1}


def test_who_is_stopped_stays_so_and_who_is_no_member_goes_on(stage):
    """A restart for another's sake starts nobody."""
    stage.begin(GroupRule("one_for_all"), "a", "b", "c")
    stage.apply(program("stranger"))
    stage.supervisor.stop("c")
    stage.loop.settle()
    stage.ends("a")
    stage.loop.advance(10)
    assert stage.births == {"a": 2, "b": 2, "c": 1, "stranger": 1}
    assert stage.states["c", 1] == "stopped"


def test_other_instances_of_the_same_program_are_members_too(stage):
    """All of them, or those with higher numbers."""
    stage.begin(GroupRule("rest_for_one"), "a", instances=3)
    stage.spawner.living[1].end(1)
    stage.loop.advance(10)
    assert [one.run for one in stage.supervisor.snapshot()] == [1, 2, 2]


def test_rest_for_one_goes_by_needs_and_priority(stage):
    """The order of start: those that it needs are not those that come after it."""
    stage.supervisor.observe(Dependencies(stage.loop, stage.supervisor, stage.said.append))
    stage.supervisor.describe(ColonySpec(groups=(("g", GroupRule("rest_for_one")),)))
    stage.apply(
        program("a", labels=("g",), needs=(Need("z", on_loss="ignore"),)),
        program("m", labels=("g",), priority=2000),
        program("z", labels=("g",)),
    )
    stage.loop.advance(10)
    stage.ends("a")
    stage.loop.advance(10)
    assert stage.births == {"a": 2, "m": 2, "z": 1}
    stage.ends("z")
    stage.loop.advance(10)
    assert stage.births == {"a": 3, "m": 3, "z": 2}


def test_a_group_that_dies_all_at_once_is_no_storm(stage):
    """Each comes back once, and the budget counts one restart of the group."""
    stage.begin(GroupRule("one_for_all", attempts=1), *(f"p{number}" for number in range(50)))
    for process in list(stage.spawner.living):
        process.end(1)
    stage.loop.advance(10)
    assert set(stage.births.values()) == {2}
    assert set(stage.states.values()) == {"running"}


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_a_group_over_its_budget_gives_up_with_its_reason(stage, strategy):
    """All members are stopped, and stay so until somebody starts them."""
    stage.begin(GroupRule(strategy, attempts=2, window=60.0), "a", "b")
    for name in ("a", "b", "a"):
        stage.loop.advance(5)
        stage.ends(name)
    stage.loop.advance(5)
    why = "the group g gave up: its members had been restarted 2 times within 60 s"
    assert stage.states == {("a", 1): "stopped", ("b", 1): "stopped"}
    assert stage.said == [f"{why}; they are stopped until somebody starts them"]
    assert stage.groups.about("b", 1) == {"gave_up": why}
    assert stage.finished == []
    stage.supervisor.start("a")
    stage.supervisor.start("b")
    stage.loop.advance(5)
    stage.ends("a")
    stage.loop.advance(5)
    assert set(stage.states.values()) == {"running"}
    assert stage.groups.about("b", 1) == {}


def test_what_was_longer_ago_than_the_window_is_forgotten(stage):
    """A crash an hour is no reason to give up."""
    stage.begin(GroupRule("one_for_one", attempts=1, window=60.0), "a", "b")
    for _ in range(10):
        stage.loop.advance(61)
        stage.ends("a")
    stage.loop.advance(1)
    assert set(stage.states.values()) == {"running"}


def test_one_for_one_counts_each_of_those_that_end_together(stage):
    """Each of them is a restart of its own."""
    stage.begin(GroupRule("one_for_one", attempts=2), "a", "b", "c")
    for process in list(stage.spawner.living):
        process.end(1)
    stage.loop.advance(10)
    assert set(stage.states.values()) == {"stopped"}


def test_a_member_that_pauses_is_stopped_with_its_group(stage):
    """It must not come back alone."""
    stage.spawner.acts[("a",)] = Act(status=1, after=0.1)
    stage.begin(GroupRule("one_for_one", attempts=3), "a", "b", restart=RestartPolicy(min_delay=0.1, max_delay=0.1))
    stage.loop.advance(60)
    assert set(stage.states.values()) == {"stopped"}
    assert stage.births == {"a": 4, "b": 1}


def test_a_critical_member_takes_the_colony_along(stage):
    """It has given up, with its group."""
    stage.begin(GroupRule("one_for_one", attempts=1), "a", "b", critical=True)
    for _ in range(2):
        stage.ends("a")
        stage.loop.advance(5)
    ((status, why),) = stage.finished
    assert status == 1
    assert why == "a is critical: the group g gave up: its members had been restarted 1 time within 60 s"


def test_a_rule_that_is_gone_or_changed_holds_no_more(stage):
    """The file of the colony can be edited while all runs."""
    stage.begin(GroupRule("one_for_all"), "a", "b")
    stage.supervisor.describe(ColonySpec())
    stage.ends("a")
    stage.loop.advance(10)
    assert stage.births == {"a": 2, "b": 1}
    stage.remove("a")
    stage.supervisor.describe(ColonySpec(groups=(("g", GroupRule("one_for_all")),)))
    stage.ends("b")
    stage.loop.advance(10)
    assert stage.births == {"a": 2, "b": 2}


def test_a_colony_that_stops_restarts_nobody(stage):
    """Whatever ends on the way."""
    stage.begin(GroupRule("one_for_all"), "a", "b")
    stage.spawner.living[0].end(1)
    stage.shut_down()
    stage.loop.advance(10)
    assert stage.closed
    stage.groups.close()
