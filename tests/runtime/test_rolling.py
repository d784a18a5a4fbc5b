"""Reloads over pretended processes and time: what serves meanwhile, and what happens where the new one fails."""

import signal
from functools import partial

import pytest

from ncolony.core import events
from ncolony.core.colonyspec import ColonySpec, GroupRule
from ncolony.core.kept import Kept, fingerprint
from ncolony.core.probespec import NOTIFY, Signs
from ncolony.core.program import Need, ReadyRule, ReloadRule, RestartPolicy
from ncolony.core.sockets import TCP, Socket
from ncolony.core.states import Exited, Instance, Ready, Running, Stopping, Waiting, pid_of
from ncolony.runtime.critical import Critical
from ncolony.runtime.dependencies import Dependencies
from ncolony.runtime.grouping import Groups
from ncolony.testing import Act
from tests.runtime.conftest import Stage, program

OLD, NEW, NEWER = ("old",), ("new",), ("newer",)


class Served(Stage):
    """A colony whose serving processes are counted at every event."""

    def __init__(self):
        super().__init__()
        self.fewest = None
        self.supervisor.observe(self)

    def saw(self, event):
        """Count those that serve."""
        if self.fewest is not None and isinstance(event, events.InstanceChanged):
            self.fewest = min(self.fewest, self.serving)

    @property
    def serving(self):
        """How many slots of web are running, or end a process that served until now."""
        return sum(one.state == "running" for one in self.supervisor.snapshot("web"))

    def begin(self, **more):
        """Have an old version run."""
        self.apply(web(OLD, **more))
        self.loop.advance(5)
        self.fewest = self.serving

    @property
    def alive(self):
        """What the living processes are, in the order of their starts."""
        return [one.launch.args[0] if one.launch else str(one.pid) for one in self.spawner.living]

    def inherit(self, left):
        """Have an earlier supervisor have left processes, by number."""
        self.spawner.survivors = {pid for one in left.values() if (pid := pid_of(one.instance.state))}
        self.supervisor.remember({("web", number): one for number, one in left.items()})

    @property
    def ended(self):
        """How reloads have ended."""
        return [event.why for event in self.observer.events if isinstance(event, events.ReloadEnded)]


def web(args, **more):
    """Describe the program that is reloaded."""
    return program(**{"args": args, "reload": ReloadRule(), **more})


@pytest.fixture
def stage():
    """A supervisor without programs."""
    return Served()


@pytest.mark.parametrize("parallel", [1, 2, 7])
@pytest.mark.parametrize("instances", [1, 3])
def test_a_changed_program_is_replaced_without_a_gap(stage, instances, parallel):
    """At no moment do fewer serve than there should be, and in the end nothing is left over."""
    rule = ReloadRule(max_parallel=parallel)
    stage.begin(instances=instances, reload=rule)
    stage.apply(web(NEW, instances=instances, reload=rule))
    assert stage.alive == ["old"] * instances + ["new"] * min(parallel, instances)
    stage.loop.advance(60)
    assert stage.alive == ["new"] * instances
    assert stage.fewest == instances
    assert set(stage.states) == {("web", number + 1) for number in range(instances)}
    assert stage.ended == [""]
    assert stage.supervisor.about("web") == {}


def test_the_next_old_one_is_stopped_when_the_new_one_has_stayed_ready(stage):
    """Not before min_healthy, nor before drain, whichever is longer."""
    stage.begin(reload=ReloadRule(min_healthy=2.0, drain=5.0))
    stage.apply(web(NEW, reload=ReloadRule(min_healthy=2.0, drain=5.0)))
    stage.loop.advance(4.9)
    assert stage.alive == ["old", "new"]
    stage.loop.advance(0.2)
    assert stage.alive == ["new", "new"]
    stage.loop.advance(4.9)
    assert stage.alive == ["new"]


def test_without_the_key_a_change_restarts_at_once(stage):
    """As it always did."""
    stage.begin(reload=None, instances=2)
    stage.apply(web(NEW, reload=None, instances=2))
    assert stage.alive == ["new", "new"]


def test_an_operator_may_reload_any_program(stage):
    """The same description, new processes; the rule may be the operator's."""
    stage.begin(reload=None, instances=3)
    stage.supervisor.reload("web", why="new certificates", rule=ReloadRule(max_parallel=3))
    stage.loop.advance(1.5)
    assert len(stage.spawner.processes) == 9
    stage.loop.advance(10)
    assert [one.run for one in stage.supervisor.snapshot()] == [2, 2, 2]
    assert stage.fewest == 3


def test_some_instances_alone_may_be_reloaded(stage):
    """Those that are named."""
    stage.begin(instances=3)
    stage.supervisor.reload("web", {2})
    stage.loop.advance(10)
    assert [one.run for one in stage.supervisor.snapshot()] == [1, 2, 1]


def test_a_change_that_needs_no_new_process_reloads_nothing(stage):
    """It counts at once."""
    stage.begin()
    stage.apply(web(OLD, priority=3))
    stage.loop.advance(10)
    assert len(stage.spawner.processes) == 1


ACTS = {
    "cannot be started": (Act(fails="no such file"), {}, "cannot be started: no such file"),
    "ends at once": (Act(status=3, after=0.2), {}, "exited with status 3"),
    "ends before it is ready": (
        Act(status=3, after=0.2),
        {"ready": ReadyRule(after=0.5)},
        "exited with status 3 before it was ready",
    ),
    "is never ready": (Act(), {"ready": ReadyRule(by=Signs(NOTIFY), timeout=8.0)}, "was not ready within 8 s"),
    "takes too long": (
        Act(),
        {"ready": ReadyRule(after=30.0), "reload": ReloadRule(timeout=10.0)},
        "was not ready within 10 s",
    ),
}


@pytest.mark.parametrize("way", ACTS)
def test_a_new_version_that_does_not_come_up_is_taken_back(stage, way):
    """The old processes never notice; what went wrong is told, and stands in the status until the file changes."""
    act, more, words = ACTS[way]
    stage.spawner.acts[NEW] = act
    stage.begin(instances=2)
    old = list(stage.spawner.living)
    stage.apply(web(NEW, instances=2, **more))
    stage.loop.advance(60)
    assert stage.spawner.living == old
    assert stage.fewest == 2
    (why,) = stage.ended
    assert why == f"goes on as it was: web:3, new beside it, {words}"
    assert stage.supervisor.about("web") == {"reload": {"under_way": False, "failed": why}}
    old[0].end(1)
    stage.loop.advance(10)
    assert stage.alive == ["old", "old"], "a restart takes what has proved itself"


def test_what_was_refused_is_tried_again_when_the_file_changes(stage):
    """Also by a change that alone would need no new process; and back to the old one costs nothing."""
    stage.spawner.acts[NEW] = Act(fails="no")
    stage.begin()
    stage.apply(web(NEW))
    stage.loop.advance(5)
    stage.apply(web(OLD))
    stage.loop.advance(5)
    assert (len(stage.spawner.living), stage.supervisor.about("web")) == (1, {})
    stage.apply(web(NEW))
    stage.loop.advance(5)
    del stage.spawner.acts[NEW]
    stage.apply(web(NEW, priority=1))
    stage.loop.advance(10)
    assert stage.alive == ["new"]
    assert stage.supervisor.about("web") == {}


def test_a_stop_by_hand_lets_the_refused_version_start(stage):
    """Nobody is served any more that could lose something."""
    stage.spawner.acts[NEW] = Act(status=3, after=0.2)
    stage.begin()
    stage.apply(web(NEW))
    stage.loop.advance(5)
    stage.supervisor.stop("web")
    stage.loop.settle()
    del stage.spawner.acts[NEW]
    stage.supervisor.start("web")
    stage.loop.settle()
    assert stage.alive == ["new"]


def fails_as_slot(stage, number):
    """Have the new version fail in one slot only."""

    def saw(event):
        if isinstance(event, events.InstanceChanged) and event.slot.number == number and event.after.run == 2:
            for one in stage.spawner.living:
                if one.launch.env["NCOLONY_INSTANCE"] == str(number) and one.launch.args == NEW:
                    stage.loop.call_at(stage.loop.now() + 0.1, partial(one.end, 1))

    stage.observer.saw, before = (lambda event: (before(event), saw(event))), stage.observer.saw


def test_a_slot_that_fails_in_the_middle_is_put_back(stage):
    """The others stay as they are; the surplus goes when it serves again."""
    stage.begin(instances=3)
    fails_as_slot(stage, 2)
    stage.apply(web(NEW, instances=3))
    stage.loop.advance(60)
    described = [stage.supervisor.described("web", number).args for number in (1, 2, 3)]
    assert described == [NEW, OLD, OLD]
    assert sorted(stage.alive) == ["new", "old", "old"]
    (why,) = stage.ended
    assert why == "is not reloaded any further: web:2 exited with status 1; it is put back to what it was"
    assert stage.fewest >= 3


def test_a_slot_that_fails_in_a_reload_by_hand_goes_on_by_its_policy(stage):
    """There is nothing to put it back to."""
    stage.begin(instances=2)
    process = stage.spawner.living[0]
    stage.supervisor.reload("web")
    stage.loop.advance(1.2)
    assert process not in stage.spawner.living
    stage.spawner.living[-1].end(1)
    stage.loop.advance(30)
    assert stage.ended == ["is not reloaded any further: web:1 exited with status 1"]
    assert [one.state for one in stage.supervisor.snapshot()] == ["running", "running"]


@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5, 4.5, 6.5])
def test_a_change_in_the_middle_of_a_reload_is_what_comes_out(stage, moment):
    """At whatever step it comes; nobody runs the version in between for long, and nobody is missed."""
    stage.begin(instances=3)
    stage.apply(web(NEW, instances=3))
    stage.loop.advance(moment)
    stage.apply(web(NEWER, instances=3))
    stage.loop.advance(60)
    assert stage.alive == ["newer"] * 3
    assert stage.fewest == 3
    assert set(stage.states) == {("web", 1), ("web", 2), ("web", 3)}


@pytest.mark.parametrize("instances", [1, 2, 5])
@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5, 4.5])
def test_a_scale_in_the_middle_of_a_reload_counts(stage, instances, moment):
    """There are as many in the end as the file says, all of them new."""
    stage.begin(instances=3)
    stage.apply(web(NEW, instances=3))
    stage.loop.advance(moment)
    stage.apply(web(NEW, instances=instances))
    stage.loop.advance(60)
    assert stage.alive == ["new"] * instances
    assert set(stage.states.values()) == {"running"}
    assert not [event for event in stage.observer.events if isinstance(event, events.CommandRefused)]


@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5, 4.5])
@pytest.mark.parametrize("way", ["stop", "remove", "shut down"])
def test_whoever_ends_the_program_ends_the_reload(stage, way, moment):
    """No process is left, and none comes later."""
    stage.begin(instances=3)
    stage.apply(web(NEW, instances=3))
    stage.loop.advance(moment)
    if way == "stop":
        stage.supervisor.stop("web")
    elif way == "remove":
        stage.remove("web")
    else:
        stage.shut_down()
    stage.loop.advance(90)
    assert stage.spawner.living == []
    assert not stage.supervisor.is_reloading("web")
    if way == "stop":
        stage.supervisor.start("web")
        stage.loop.settle()
        assert stage.alive == ["new"] * 3


def test_the_key_taken_away_in_the_middle_restarts_the_rest(stage):
    """As a change without it does."""
    stage.begin(instances=3)
    stage.apply(web(NEW, instances=3))
    stage.loop.advance(1.5)
    stage.apply(web(NEW, instances=3, reload=None))
    stage.loop.advance(1)
    assert stage.alive == ["new"] * 3


def test_what_does_not_serve_is_replaced_first_and_what_is_stopped_stays_so(stage):
    """A crashing one gets the new version as soon as that has proved itself; a stopped one at its next start."""
    stage.begin(instances=3, restart=RestartPolicy(threshold=1000, min_delay=1000))
    stage.spawner.living[1].end(1)
    stage.supervisor.stop("web", 3)
    stage.loop.settle()
    stage.apply(web(NEW, instances=3, restart=RestartPolicy(threshold=1000, min_delay=1000)))
    stage.loop.advance(1.1)
    assert stage.alive == ["old", "new", "new"]
    stage.loop.advance(10)
    assert stage.states == {("web", 1): "running", ("web", 2): "running", ("web", 3): "stopped"}
    stage.supervisor.start("web", 3)
    stage.loop.settle()
    assert stage.alive == ["new"] * 3


def test_where_nothing_serves_there_is_nothing_to_spare(stage):
    """All start at once."""
    stage.spawner.acts[OLD] = Act(fails="no such file")
    stage.begin(instances=2)
    stage.apply(web(NEW, instances=2))
    assert stage.alive == ["new"] * 2


def test_who_needs_it_loses_nothing(stage):
    """Enough of it serve all the time."""
    stage.supervisor.observe(Dependencies(stage.loop, stage.supervisor, lambda _: None))
    stage.begin(instances=2)
    stage.apply(program("app", needs=(Need("web"),)))
    stage.loop.advance(5)
    stage.apply(web(NEW, instances=2))
    stage.loop.advance(60)
    assert stage.alive == ["app", "new", "new"]
    stage.spawner.living[-1].end(1)
    stage.loop.advance(0)
    assert "app" not in stage.alive, "afterwards a loss is a loss"


@pytest.mark.parametrize("act", [Act(fails="no"), Act(status=3, after=0.2)], ids=["no start", "early end"])
def test_a_new_version_that_fails_ends_no_colony_and_restarts_no_group(stage, act):
    """Its failure is the reload's business."""
    finished = []
    stage.supervisor.observe(Critical(stage.loop, stage.supervisor, lambda *end: finished.append(end)))
    stage.supervisor.observe(Groups(stage.loop, stage.supervisor, lambda _: None, lambda *end: finished.append(end)))
    stage.supervisor.describe(ColonySpec(groups=(("g", GroupRule("one_for_all")),)))
    more = {"critical": True, "labels": ("g",), "restart": RestartPolicy(attempts=1)}
    stage.begin(**more)
    stage.apply(program("other", labels=("g",)))
    stage.spawner.acts[NEW] = act
    stage.apply(web(NEW, **more))
    stage.loop.advance(30)
    assert stage.alive == ["old", "other"]
    assert len(stage.spawner.processes) == 3
    assert finished == []


def kept(number, version, state, run=5):
    """What an earlier supervisor left of a slot."""
    return Kept("web", number, Instance(state, "up", run=run, number=number), fingerprint(web(version)))


def test_a_change_while_no_supervisor_ran_is_reloaded_too(stage):
    """And a new version that fails leaves what was taken over alone."""
    stage.spawner.acts[NEW] = Act(fails="no such file")
    stage.inherit({number: kept(number, OLD, Running(50 + number, 900.0)) for number in (1, 2)})
    stage.apply(web(NEW, instances=2))
    stage.loop.advance(10)
    assert [one.pid for one in stage.supervisor.snapshot()] == [51, 52]
    stage.apply(web(NEWER, instances=2))
    stage.loop.advance(30)
    assert stage.alive == ["newer"] * 2
    assert stage.ended[-1] == ""


class Doors:
    """Listeners that note what is held (the Listeners port)."""

    def __init__(self):
        self.held = set()

    def open(self, described, besides=()):
        """Hold what is wanted."""
        if described.name != "web":
            return ()
        wanted = {one.name for one in described.sockets}
        self.held = wanted | (self.held & {one.name for one in besides})
        return tuple(range(len(wanted)))

    def trim(self, _, wanted):
        """Give up the rest."""
        self.held &= {one.name for one in wanted}

    def close(self, _):
        """Give up everything."""
        self.held = set()


def at(name):
    """Describe where to listen."""
    return {"sockets": (Socket(name, TCP, "127.0.0.1", 80 + len(name)),)}


@pytest.fixture
def doors(stage):
    """Whoever listens for the programs of the stage."""
    stage.supervisor.listeners = made = Doors()
    return made


def test_old_processes_keep_their_sockets_until_the_last_of_them_is_replaced(stage, doors):
    """Each may end, and be started again with what it had; when the reload is over the old address is closed."""
    stage.begin(instances=2, **at("old"))
    stage.apply(web(NEW, instances=2, reload=ReloadRule(min_healthy=3.0), **at("longer")))
    assert doors.held == {"old", "longer"}
    next(one for one in stage.spawner.living if one.launch.args == OLD).end(0)
    stage.loop.advance(1.1)
    assert stage.alive.count("old") == 2
    assert doors.held == {"old", "longer"}
    stage.loop.advance(30)
    assert stage.alive == ["new"] * 2
    assert doors.held == {"longer"}


@pytest.mark.parametrize("fails", [0.0, 3.0], ids=["beside it", "in its place"])
def test_a_reload_that_fails_leaves_the_old_ones_their_sockets(stage, doors, fails):
    """Also where the only one had been replaced by then; what the new one alone listened on is closed."""
    stage.begin(**at("old"))
    stage.spawner.acts[NEW] = Act(fails="" if fails else "no such file")
    stage.apply(web(NEW, reload=ReloadRule(min_healthy=2.0), **at("longer")))
    stage.loop.advance(1.0)
    stage.spawner.acts[NEW] = Act(fails="no such file")
    stage.loop.advance(10.0)
    assert stage.alive == ["old"]
    assert doors.held == {"old"}
    stage.process.end(0)
    stage.loop.advance(2.0)
    assert stage.alive == ["old"]
    assert doors.held == {"old"}


def test_a_stop_of_everything_in_the_middle_closes_nothing_that_somebody_serves_at(stage, doors):
    """Who waits for its clients to end serves on; a new process beside it that comes back takes nothing from it."""
    stage.supervisor.observe(Dependencies(stage.loop, stage.supervisor, lambda _: None))
    stage.spawner.acts[("client",)] = Act(ignores=frozenset({signal.SIGTERM}))
    stage.begin(**at("old"))
    stage.apply(program("client", args=("client",), needs=(Need("web"),)))
    stage.loop.advance(1)
    stage.apply(web(NEW, reload=ReloadRule(min_healthy=30.0), **at("longer")))
    stage.loop.advance(2)
    stage.shut_down()
    new = next(one for one in stage.spawner.living if one.launch.args == NEW)
    new.end(1)
    stage.loop.settle()
    assert sorted(stage.alive) == ["client", "new", "old"]
    assert doors.held == {"old", "longer"}


def test_one_that_is_reloaded_alone_takes_nothing_from_the_others(stage, doors):
    """After a reload that failed, and where nothing serves: all at once, and the rest is still what it was."""
    more = {"instances": 2, "restart": RestartPolicy(attempts=1, threshold=1000)}
    stage.begin(**more, **at("old"))
    stage.spawner.acts[NEW] = Act(fails="no such file")
    stage.apply(web(NEW, **more, **at("longer")))
    stage.loop.advance(5)
    for one in stage.spawner.living:
        one.end(1)
    stage.loop.settle()
    assert set(stage.states.values()) == {"fatal"}
    del stage.spawner.acts[NEW]
    stage.supervisor.reload("web", {2})
    stage.loop.settle()
    assert stage.alive == ["new"]
    assert doors.held == {"old", "longer"}
    assert "goes on as it was" in stage.supervisor.about("web")["reload"]["failed"]
    stage.supervisor.restart("web", number=1)
    stage.loop.settle()
    assert sorted(stage.alive) == ["new", "old"]


def test_a_status_says_that_others_are_as_they_were(stage):
    """One instance was reloaded alone, and well, after a reload of all that failed."""
    stage.begin(instances=2)
    stage.spawner.acts[NEW] = Act(fails="no such file")
    stage.apply(web(NEW, instances=2))
    stage.loop.advance(5)
    del stage.spawner.acts[NEW]
    stage.supervisor.reload("web", {2})
    stage.loop.advance(30)
    assert sorted(stage.alive) == ["new", "old"]
    said = {"under_way": False, "failed": "has processes that are as they were before"}
    assert stage.supervisor.about("web") == {"reload": said}
    stage.supervisor.reload("web")
    stage.loop.advance(30)
    assert stage.alive == ["new"] * 2
    assert stage.supervisor.about("web") == {}


@pytest.mark.parametrize("rule", [ReloadRule(), None], ids=["gapless", "at once"])
def test_what_a_successor_could_not_reload_is_replaced_with_the_next_change(stage, rule):
    """Also by one that would need no new process of those that are as described; until then a status says how it is."""
    stage.spawner.acts[NEW] = Act(fails="no such file")
    stage.inherit({1: kept(1, OLD, Running(51, 900.0))})
    stage.apply(web(NEW))
    stage.loop.advance(10)
    assert [one.pid for one in stage.supervisor.snapshot()] == [51]
    assert "goes on as it was" in stage.supervisor.about("web")["reload"]["failed"]
    del stage.spawner.acts[NEW]
    stage.apply(web(NEW, reload=rule, priority=7))
    stage.loop.advance(10)
    assert stage.alive == ["new"]


def test_what_was_taken_over_is_reloaded_together_with_the_rest(stage):
    """One that had been left as it ended, and is to run again, does not end the reload of those that serve."""
    stage.inherit({1: kept(1, OLD, Running(51, 900.0)), 2: kept(2, OLD, Exited(0))})
    stage.apply(web(OLD, instances=2))
    stage.loop.advance(5)
    stage.apply(web(NEW, instances=2))
    stage.loop.advance(30)
    assert stage.alive == ["new"] * 2
    assert stage.ended == [""]


def test_more_instances_of_which_some_were_left_over_are_reloaded_together(stage):
    """A change makes a surplus process of an earlier supervisor one of those that there should be."""
    stage.inherit({1: kept(1, OLD, Running(51, 900.0)), 2: kept(2, NEWER, Running(52, 900.0))})
    stage.apply(web(OLD))
    stage.loop.advance(5)
    stage.apply(web(NEW, instances=2))
    stage.loop.advance(30)
    assert stage.alive == ["new"] * 2
    assert stage.ended == [""]


def test_a_surplus_process_that_is_needed_now_is_replaced_where_it_is_older(stage):
    """Its program was changed back in the middle of a reload, with more instances; then that reload failed."""
    stage.begin()
    stage.apply(web(NEW))
    assert stage.alive == ["old", "new"]
    stage.spawner.acts[OLD] = Act(fails="no such file")
    stage.apply(web(OLD, instances=2))
    stage.loop.advance(10)
    assert stage.alive == ["old", "new"]
    del stage.spawner.acts[OLD]
    stage.apply(web(OLD, instances=2, priority=7))
    stage.loop.advance(10)
    assert stage.alive == ["old", "old"]


def test_a_successor_goes_on_where_a_reload_was_broken_off(stage):
    """The surplus process serves on, and goes when all others are new."""
    left = {
        1: kept(1, OLD, Stopping(51, 1004.0)),
        2: kept(2, OLD, Running(52, 900.0)),
        3: kept(3, NEW, Running(53, 9.0)),
    }
    stage.inherit(left)
    stage.apply(web(NEW, instances=2))
    stage.loop.advance(0.5)
    assert 53 in [one.pid for one in stage.supervisor.snapshot()]
    stage.spawner.processes[0].end(0)
    stage.loop.advance(60)
    assert set(stage.states) == {("web", 1), ("web", 2)}
    assert stage.alive == ["new", "new"]


def test_a_surplus_process_that_ends_is_waited_for_before_another_old_one_goes(stage):
    """It serves in the place of one that is being replaced; else there would be fewer than there should be."""
    stage.begin(instances=3, restart=RestartPolicy(min_delay=5.0, threshold=60.0))
    stage.apply(web(NEW, instances=3, restart=RestartPolicy(min_delay=5.0, threshold=60.0)))
    stage.loop.advance(1.5)
    assert stage.alive == ["old", "old", "new", "new"]
    next(one for one in stage.spawner.living if one.launch.env["NCOLONY_INSTANCE"] == "4").end(0)
    stage.loop.advance(3.0)
    assert stage.alive == ["old", "old", "new"]
    stage.loop.advance(30.0)
    assert stage.alive == ["new"] * 3
    assert stage.ended == [""]


def test_a_successor_that_needs_fewer_surplus_processes_ends_the_others(stage):
    """Its own reload, of the one instance that is left, is under way already when the rest is to be let go."""
    stage.inherit({number: kept(number, OLD, Running(50 + number, 900.0)) for number in (1, 2, 3)})
    stage.apply(web(NEW, instances=1))
    stage.supervisor.described_all()
    stage.supervisor.let_go_surplus("web")
    stage.loop.advance(60)
    assert set(stage.states) == {("web", 1)}
    assert stage.alive == ["new"]


def test_a_surplus_slot_that_waited_is_not_started_by_a_successor(stage):
    """What it waited for is there now, and there are enough others."""
    left = {1: kept(1, OLD, Running(51, 900.0)), 2: kept(2, OLD, Waiting(900.0)), 3: kept(3, OLD, Waiting(900.0))}
    stage.inherit(left)
    stage.apply(web(OLD))
    stage.supervisor.let_go_surplus("web")
    assert stage.states == {("web", 1): "running"}
    assert [one.pid for one in stage.spawner.processes] == [51]


@pytest.mark.parametrize("comes_up", [True, False])
def test_a_successor_ends_surplus_processes_once_the_others_serve(stage, comes_up):
    """Or have had the time that they may take."""
    ready = ReadyRule(by=Signs(NOTIFY), timeout=20.0)
    left = {1: kept(1, OLD, Stopping(51, 1004.0)), 2: kept(2, OLD, Running(52, 9.0)), 3: kept(3, OLD, Running(53, 9.0))}
    stage.inherit(left)
    stage.apply(web(OLD, instances=2, reload=None, ready=ready))
    stage.supervisor.let_go_surplus("web")
    stage.spawner.processes[0].end(0)
    stage.loop.advance(5)
    assert stage.states == {("web", 1): "starting", ("web", 2): "running", ("web", 3): "running"}
    if comes_up:
        stage.supervisor.learn("web", 1, Ready(6))
        stage.loop.advance(0.1)
    else:
        stage.loop.advance(25)
    assert ("web", 3) not in stage.states
