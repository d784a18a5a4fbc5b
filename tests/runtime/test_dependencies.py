"""Needs, before a start and as long as a run lasts, over pretended processes."""

import signal

import pytest

from ncolony.core.events import InstanceChanged
from ncolony.core.kept import Kept
from ncolony.core.program import TEMPORARY, TRANSIENT, Need, ReadyRule, RestartPolicy
from ncolony.core.reloadkeys import ReloadRule
from ncolony.core.states import Backoff, Exited, Instance, Ready, Running, Waiting
from ncolony.runtime.dependencies import PATIENCE, STEADY, Dependencies
from ncolony.testing import Act
from tests.runtime.conftest import QUICK, Stage, program

ONCE = RestartPolicy(TRANSIENT)


class Needy(Stage):
    """A supervisor with somebody who looks after needs."""

    def __init__(self):
        super().__init__()
        self.said = []
        self.needs = Dependencies(self.loop, self.supervisor, self.said.append)
        self.supervisor.observe(self.needs)

    def state_of(self, name, number=1):
        """The state of one slot."""
        return self.states.get((name, number))

    def why(self, name, number=1):
        """What a slot waits for."""
        return self.supervisor.waits_for(name, number)

    def living_of(self, name):
        """The living processes of a program."""
        return [one for one in self.spawner.living if one.launch is None or one.launch.args == (name,)]

    def process_of(self, name):
        """Its only living process."""
        (process,) = self.living_of(name)
        return process

    def births(self, name):
        """How many processes of it there have been."""
        return sum(one.launch is not None and one.launch.args == (name,) for one in self.spawner.processes)

    def ends(self, name, status=1):
        """Have its process end."""
        self.process_of(name).end(status)
        self.loop.settle()


@pytest.fixture
def stage():
    """A supervisor without programs."""
    return Needy()


def needing(name="web", **rules):
    """Describe a program that needs others: by name, the condition and what follows its loss."""
    return program(name, needs=tuple(Need(other, *words.split()) for other, words in rules.items()))


# Before a start -------------------------------------------------------------------------------------------------------


def test_it_starts_when_what_it_needs_is_there(stage):
    """Files come in any order; nothing else has to be said."""
    stage.apply(needing(db="ready"))
    assert stage.states == {("web", 1): "waiting"}
    assert stage.why("web") == "db to be ready: there is no such program"
    stage.apply(program("db"))
    assert stage.why("web") == "db to be ready: db has only just been started"
    stage.loop.advance(STEADY)
    assert stage.state_of("web") == "running"
    assert stage.why("web") == ""


def test_ready_is_what_the_program_itself_says(stage):
    """Alive is not ready: `started` goes by the one, `ready` by the other."""
    stage.apply(
        program("db", ready=ReadyRule(timeout=60.0)), needing("early", db="started"), needing("late", db="ready")
    )
    stage.loop.advance(10)
    assert stage.states == {("db", 1): "starting", ("early", 1): "running", ("late", 1): "waiting"}
    assert stage.why("late") == "db to be ready: db is starting"
    stage.supervisor.learn("db", 1, Ready(1))
    stage.loop.settle()
    assert stage.state_of("late") == "running"


def test_done_is_a_normal_end_of_a_program_that_is_not_started_again(stage):
    """A migration has to be through, and well."""
    stage.spawner.acts[("setup",)] = Act(status=0, after=3.0)
    stage.apply(program("setup", restart=ONCE), needing(setup="done"))
    assert stage.why("web") == "setup to be done: setup is running"
    stage.loop.advance(2.9)
    assert stage.state_of("web") == "waiting"
    stage.loop.advance(0.2)
    assert stage.state_of("web") == "running"


def test_a_failed_end_is_not_done(stage):
    """`temporary` is not started again, however it ended; it counts only where that was well."""
    stage.spawner.acts[("setup",)] = Act(status=3, after=1.0)
    stage.apply(program("setup", restart=RestartPolicy(TEMPORARY)), needing(setup="done"))
    stage.loop.advance(60)
    assert stage.state_of("web") == "waiting"
    assert stage.why("web") == "setup to be done: setup exited with status 3, and is left so"
    assert stage.said == ["setup exited with status 3, and is left so; web cannot start until it is done"]
    stage.spawner.acts[("setup",)] = Act(status=0, after=1.0)
    stage.supervisor.restart("setup")
    stage.loop.advance(1)
    assert stage.state_of("web") == "running"


def test_what_is_permanent_is_never_done_and_says_so(stage):
    """A mistake of its author; it must not look like a slow start."""
    stage.apply(program("setup"), needing(setup="done"))
    assert stage.why("web") == "setup to be done: setup is permanent, and never done"


@pytest.mark.parametrize("condition", ["started", "ready"])
def test_a_need_that_fails_at_once_never_counts(stage, condition):
    """It lives for a moment at every try (process-compose#274)."""
    stage.spawner.acts[("db",)] = Act(status=1, after=STEADY - 0.01)
    stage.apply(program("db", restart=QUICK), needing(db=condition))
    stage.loop.advance(600)
    assert stage.births("db") > 50
    assert stage.births("web") == 0


def test_a_need_that_gave_up_is_named_with_its_reason(stage):
    """Who looks at what does not start learns what to mend (dinit#249)."""
    stage.spawner.acts[("db",)] = Act(status=1)
    stage.apply(program("db", restart=RestartPolicy(attempts=1)), needing(db="ready"))
    assert stage.why("web") == "db to be ready: db is fatal: exited with status 1"
    assert stage.said == ["db is fatal: exited with status 1; web cannot start until it is ready"]
    del stage.spawner.acts["db",]
    stage.supervisor.restart("db")
    stage.loop.advance(STEADY)
    assert stage.state_of("web") == "running"


def test_of_many_that_cannot_start_some_are_named(stage):
    """A line has an end."""
    stage.spawner.acts[("db",)] = Act(status=0, after=5.0)
    names = [f"p{number:02}" for number in range(12)]
    stage.apply(
        program("db", restart=ONCE), needing("other", db="done"), *(needing(name, db="ready") for name in names)
    )
    stage.loop.advance(6)
    (line,) = stage.said
    some = ", ".join(names[:10])
    assert line == f"db exited with status 0, and is left so; {some} and 2 more cannot start until it is ready"
    assert stage.state_of("other") == "running"


def test_all_that_is_missing_is_told(stage):
    """Each with its own reason."""
    stage.apply(needing(db="ready", dbs="started"), program("db", autostart=False))
    assert stage.why("web") == (
        "db to be ready: db is stopped; dbs to be started: there is no such program (did you mean db?)"
    )


def test_a_condition_holds_when_all_wanted_instances_fulfil_it(stage):
    """One of three is not the service."""
    stage.apply(program("db", instances=3, ready=ReadyRule()), needing(db="ready"))
    for number in (1, 3):
        stage.supervisor.learn("db", number, Ready(1))
    stage.loop.advance(1)
    assert stage.why("web") == "db to be ready: db:2 is starting"
    stage.supervisor.learn("db", 2, Ready(1))
    stage.loop.settle()
    assert stage.state_of("web") == "running"


def test_all_instances_of_who_needs_it_wait_and_start(stage):
    """Nobody is forgotten."""
    stage.apply(program("web", instances=3, needs=(Need("db"),)))
    stage.apply(program("db"))
    stage.loop.advance(STEADY)
    assert [stage.state_of("web", number) for number in (1, 2, 3)] == ["running"] * 3


def test_those_that_can_start_at_the_same_time_start_by_priority(stage):
    """Lower numbers first; the name decides nothing before that."""
    lazy = [program(name, needs=(Need("db"),), priority=number) for name, number in (("a", 3), ("b", 1), ("c", 2))]
    stage.apply(*lazy, program("db"))
    stage.loop.advance(STEADY)
    assert [one.launch.args[0] for one in stage.spawner.processes] == ["db", "b", "c", "a"]


def test_a_hundred_restarts_while_waiting_make_one_process(stage):
    """Bug 35: no wedge, no duplicate (process-compose#530)."""
    stage.apply(needing(db="ready"))
    for _ in range(100):
        stage.supervisor.restart("web")
        stage.loop.advance(0.01)
    stage.apply(program("db"))
    for _ in range(100):
        stage.supervisor.restart("web")
        stage.loop.advance(0.01)
    stage.loop.advance(1)
    assert stage.state_of("web") == "running"
    assert len(stage.living_of("web")) == 1


def test_stopped_while_it_waits_it_stays_stopped(stage):
    """Whatever becomes of what it needed."""
    stage.apply(needing(db="ready"))
    stage.supervisor.stop("web")
    stage.apply(program("db"))
    stage.loop.advance(10)
    assert stage.states == {("web", 1): "stopped", ("db", 1): "running"}


def test_needs_that_change_count_from_the_next_start_on(stage):
    """What waits starts when it needs nothing any more; what runs is left alone."""
    stage.apply(needing(db="ready"), program("other"))
    stage.apply(program("web"), needing("other", db="ready"))
    assert stage.states == {("web", 1): "running", ("other", 1): "running"}
    stage.supervisor.restart("other")
    stage.loop.settle()
    assert stage.state_of("other") == "waiting"


# Loss -----------------------------------------------------------------------------------------------------------------


def test_by_default_it_is_stopped_and_comes_back_by_itself(stage):
    """Bug 58: what is needed fails and is started again; what needs it runs within a second of that (systemd#18856)."""
    stage.apply(program("db", restart=QUICK), needing(db="ready"))
    stage.loop.advance(0.5)
    stage.ends("db")
    assert stage.states == {("db", 1): "backoff", ("web", 1): "waiting"}
    assert stage.why("web") == "db to be ready: db is backoff"
    stage.loop.advance(1.0)
    assert stage.state_of("db") == "running"
    stage.loop.advance(0.9)
    assert stage.state_of("web") == "running"
    assert stage.births("web") == 2


def test_the_reason_of_the_stop_is_told(stage):
    """Else it looks like a whim."""
    stage.apply(program("db"), needing(db="ready"))
    stage.loop.advance(5)
    stage.ends("db")
    (given,) = [
        event.given
        for event in stage.observer.events
        if isinstance(event, InstanceChanged) and event.slot.program == "web" and event.after.state is not None
        and type(event.given).__name__ == "Outdated"
    ]  # fmt: skip
    assert given.why == "db is ready no more"


def test_restart_runs_on_and_is_restarted_when_it_is_back(stage):
    """For who can do something meanwhile, and needs new connections afterwards."""
    stage.apply(program("db", restart=QUICK), needing(db="ready restart"))
    stage.loop.advance(0.5)
    before = stage.process_of("web")
    stage.ends("db")
    assert before.alive
    stage.loop.advance(1.0 + STEADY)
    assert not before.alive
    assert stage.process_of("web").run == 2
    stage.loop.advance(60)
    assert stage.births("web") == 2


def test_ignore_is_for_the_start_alone(stage):
    """Nothing happens."""
    stage.apply(program("db", restart=QUICK), needing(db="ready ignore"))
    stage.loop.advance(0.5)
    stage.ends("db")
    stage.loop.advance(60)
    assert stage.births("web") == 1


def test_each_way_of_losing_it_is_a_loss(stage):
    """Stopped by an operator, restarted by one, removed."""
    stage.apply(program("db"), needing(db="started"))
    stage.loop.advance(1)
    stage.supervisor.stop("db")
    stage.loop.settle()
    assert stage.state_of("web") == "waiting"
    assert stage.why("web") == "db to be started: db is stopped"
    stage.supervisor.start("db")
    stage.loop.advance(1)
    assert stage.births("web") == 2
    stage.supervisor.restart("db")
    stage.loop.advance(1)
    assert stage.births("web") == 3
    stage.remove("db")
    assert stage.state_of("web") == "waiting"
    stage.apply(program("db"))
    stage.loop.advance(1)
    assert stage.births("web") == 4


def test_a_loss_goes_down_the_chain_and_the_return_up(stage):
    """Each waits for the one before it."""
    stage.apply(program("db", restart=QUICK), needing("app", db="ready"), needing("web", app="ready"))
    stage.loop.advance(0.8)
    assert set(stage.states.values()) == {"running"}
    stage.ends("db")
    stage.loop.advance(0.1)
    assert stage.states == {("db", 1): "backoff", ("app", 1): "waiting", ("web", 1): "waiting"}
    stage.loop.advance(1.0 + 2 * STEADY)
    assert set(stage.states.values()) == {"running"}
    assert stage.births("web") == 2


def test_lost_while_it_comes_to_life_it_is_stopped_once_it_is(stage):
    """There is no process yet that could be stopped."""
    stage.spawner.acts[("web",)] = Act(told_after=1.0)
    stage.apply(program("db", restart=RestartPolicy(min_delay=10.0)), needing(db="ready"))
    stage.loop.advance(STEADY)
    assert stage.state_of("web") == "spawning"
    stage.ends("db")
    stage.loop.advance(1.0)
    assert stage.state_of("web") == "waiting"


def test_lost_between_the_opening_of_the_gate_and_the_start_it_is_lost(stage):
    """Both are on their way already when the first is dealt with."""
    stage.apply(program("db", ready=ReadyRule(), restart=RestartPolicy(min_delay=10.0)), needing(db="ready"))
    slots = stage.supervisor._slots
    before = slots.hold()
    stage.supervisor.learn("db", 1, Ready(1))
    stage.process_of("db").end(1)
    slots.release(before)
    stage.loop.advance(1)
    assert stage.states == {("db", 1): "backoff", ("web", 1): "waiting"}
    assert stage.births("web") == 1


def test_lost_while_it_comes_to_life_and_is_described_anew_it_is_lost(stage):
    """Its file is gone for a moment meanwhile: that is no reason to forget what it was started without."""
    stage.spawner.acts[("web",)] = Act(told_after=9.0)
    stage.apply(program("db", restart=ONCE), needing(db="ready"))
    stage.loop.advance(STEADY)
    assert stage.state_of("web") == "spawning"
    stage.ends("db", 0)
    stage.remove("web")
    stage.apply(needing(db="ready"))
    stage.loop.advance(9.0)
    assert stage.states == {("db", 1): "exited", ("web", 1): "waiting"}


def test_a_need_that_is_new_in_a_reload_stops_no_old_process(stage):
    """It knows nothing of the need: it would be started again at once, and be stopped again, as fast as that goes."""
    stage.apply(program("web", reload=ReloadRule()))
    stage.loop.advance(5)
    stage.apply(program("db"))
    stage.spawner.acts["new",] = Act(fails="no such file")
    stage.apply(program("web", args=("new",), needs=(Need("db"),), reload=ReloadRule()))
    stage.loop.advance(5)
    stage.ends("web")
    stage.loop.advance(5)
    stage.supervisor.stop("db")
    stage.loop.advance(5)
    assert stage.state_of("web") == "running"
    assert stage.births("web") == 2


def test_after_a_reload_that_failed_it_needs_what_it_needed_before(stage):
    """The old description holds, whole: its processes are stopped for the sake of what they were started for."""
    stage.apply(program("db", restart=ONCE), program("cache"), program("web", needs=(Need("db"),), reload=ReloadRule()))
    stage.loop.advance(5)
    stage.spawner.acts["new",] = Act(fails="no such file")
    stage.apply(program("web", args=("new",), needs=(Need("cache"),), reload=ReloadRule()))
    stage.loop.advance(5)
    stage.supervisor.stop("cache")
    stage.loop.advance(5)
    assert (stage.state_of("web"), stage.births("web")) == ("running", 1)
    assert list(stage.needs.about("web", 1)["needs"]) == ["db"]
    stage.ends("db", 0)
    stage.loop.advance(1)
    assert stage.why("web") == "db to be ready: db exited with status 0, and is left so"
    stage.supervisor.start("cache")
    del stage.spawner.acts["new",]
    stage.supervisor.reload("web")
    stage.loop.advance(1)
    assert (stage.state_of("web"), stage.process_of("new").run) == ("running", 2)


def test_put_back_to_what_it_was_it_does_not_wait_for_what_is_new(stage):
    """It is lost in the middle of the reload: the new one would wait for ever, and the old one never needed it."""
    rule = ReloadRule(min_healthy=2.0, timeout=10.0)
    stage.apply(program("db", restart=ONCE), program("web", reload=rule))
    stage.loop.advance(5)
    stage.apply(program("web", args=("new",), needs=(Need("db", "started", "ignore"),), reload=rule))
    stage.loop.advance(1)
    stage.ends("db", 0)
    stage.loop.advance(2)
    assert (stage.state_of("web", 1), stage.state_of("web", 2)) == ("waiting", "running")
    stage.loop.advance(15)
    assert (stage.state_of("web"), stage.births("web")) == ("running", 2)


def test_a_cycle_of_a_description_that_failed_holds_nobody_back(stage):
    """What starts again is what it was before, and that is in no cycle."""
    stage.apply(program("cache"), program("web", needs=(Need("cache"),), reload=ReloadRule(timeout=5.0)))
    stage.apply(program("db", needs=(Need("web", "started", "ignore"),)))
    stage.loop.advance(5)
    stage.apply(program("web", args=("new",), needs=(Need("cache"), Need("db")), reload=ReloadRule(timeout=5.0)))
    stage.loop.advance(10)
    stage.ends("web")
    stage.loop.advance(1)
    assert (stage.state_of("web"), stage.births("web")) == ("running", 2)


def test_a_surplus_process_that_goes_before_another_serves_is_lost(stage):
    """An earlier supervisor's reload has left it, and it served in the place of the only one that should be there."""
    kept = {
        ("db", 1): Kept("db", 1, Instance(Backoff(1e9), "up", 3, 4), 0),
        ("db", 2): Kept("db", 2, Instance(Running(50, 1.0), "up", 0, 4), 0),
    }
    stage.spawner.survivors.add(50)
    stage.supervisor.remember(kept)
    stage.apply(program("db", restart=RestartPolicy(min_delay=1e6, max_delay=1e9)))
    stage.supervisor.described_all()
    stage.supervisor.let_go_surplus("db")
    stage.apply(needing(db="ready"))
    stage.loop.advance(1)
    assert stage.states == {("db", 1): "backoff", ("db", 2): "running", ("web", 1): "running"}
    stage.loop.advance(100)
    assert stage.states == {("db", 1): "backoff", ("web", 1): "waiting"}


def test_described_anew_with_a_need_that_holds_it_starts_as_it_is_now(stage):
    """It waited for another one; no process of the description before is started only to be replaced."""
    stage.apply(program("db"), needing(nobody="ready"))
    stage.loop.advance(1)
    stage.apply(program("web", args=("new",), needs=(Need("db", "ready"),)))
    assert stage.state_of("web") == "running"
    assert (stage.births("web"), stage.births("new")) == (0, 1)


def test_a_stop_by_an_operator_is_the_last_word(stage):
    """The return of what it needed is no reason to start what somebody stopped."""
    stage.apply(program("db"), needing(db="ready restart"))
    stage.loop.advance(5)
    stage.supervisor.stop("web")
    stage.ends("db")
    stage.loop.advance(60)
    assert stage.state_of("web") == "stopped"


def test_more_instances_are_no_loss_and_fewer_are_none(stage):
    """Nothing that was there has gone, or was to go."""
    stage.apply(program("db"), needing(db="ready"))
    stage.loop.advance(1)
    stage.apply(program("db", instances=3))
    stage.loop.advance(1)
    stage.apply(program("db", instances=2))
    stage.loop.advance(1)
    assert stage.births("web") == 1
    stage.living_of("db")[1].end(1)
    stage.loop.settle()
    assert stage.state_of("web") == "waiting"


def test_a_colony_that_stops_loses_nothing(stage):
    """Nobody is started again on the way down."""
    stage.apply(program("db"), needing(db="ready restart"), needing("app", db="ready"))
    stage.loop.advance(1)
    stage.shut_down()
    stage.loop.advance(10)
    assert stage.closed
    assert stage.births("web") == 1


# Mistakes -------------------------------------------------------------------------------------------------------------


def test_a_cycle_is_told_once_by_name_and_disturbs_nobody(stage):
    """Those in it wait; all others go on."""
    stage.apply(needing("a", b="ready"), needing("b", c="ready"), program("other"))
    stage.apply(needing("c", a="ready"))
    stage.loop.advance(10)
    assert stage.state_of("other") == "running"
    (line,) = stage.said
    assert line == (
        "cannot start a, b, c: what is needed goes in a cycle, c -> a -> b -> c; "
        "what runs of it goes on, and so do all others"
    )
    assert stage.why("a") == "the end of a cycle of needs, a -> b -> c -> a"
    stage.apply(program("c"))
    stage.loop.advance(2)
    assert {stage.state_of(name) for name in "abc"} == {"running"}
    stage.apply(needing("c", a="ready"))
    assert len(stage.said) == 2


def test_what_runs_in_a_new_cycle_goes_on_as_it_was(stage):
    """A bad edge is no reason to stop what works, nor is the loss of one who cannot be started again."""
    stage.apply(program("a"), needing("b", a="ready"))
    stage.loop.advance(1)
    stage.apply(needing("a", b="ready"))
    stage.loop.advance(1)
    assert stage.states == {("a", 1): "running", ("b", 1): "running"}
    stage.ends("a")
    stage.loop.advance(1)
    assert stage.states == {("a", 1): "waiting", ("b", 1): "running"}


@pytest.mark.parametrize("left", [{"b": "ready"}, {}])
def test_who_waits_for_the_end_of_a_cycle_goes_on_also_where_another_one_was_told(stage, left):
    """One file closes two cycles, of which one is told; what is left of it is the other one, or none."""
    stage.apply(program("a"), needing("b", a="ready"), needing("d", a="ready"), needing("c", b="ready", d="ready"))
    stage.loop.advance(2)
    stage.apply(needing("a", c="ready"))
    stage.ends("d")
    stage.loop.advance(2)
    assert [line.partition(":")[0] for line in stage.said] == ["cannot start a, b, c"]
    assert stage.why("d") == "the end of a cycle of needs, d -> a -> c -> d"
    stage.apply(needing("c", **left))
    stage.loop.settle()
    assert stage.state_of("d") == "running"


def test_what_was_lost_in_a_cycle_is_lost_when_that_ends(stage):
    """It would not have been started again in it, and it is now."""
    stage.apply(program("a"), needing("b", a="ready"))
    stage.loop.advance(1)
    stage.apply(program("a", needs=(Need("b", "ready", "ignore"),)))
    stage.ends("a")
    stage.loop.advance(1)
    assert stage.states == {("a", 1): "waiting", ("b", 1): "running"}
    stage.apply(needing("a", x="ready"))
    stage.loop.advance(1)
    assert stage.states == {("a", 1): "waiting", ("b", 1): "waiting"}


def test_it_cannot_need_itself(stage):
    """The smallest cycle."""
    stage.apply(needing("web", web="started"))
    stage.loop.advance(1)
    assert stage.why("web") == "the end of a cycle of needs, web -> web"


def test_an_unknown_name_is_warned_of_when_all_has_been_read(stage):
    """Before that it may be in the next file; afterwards it gets a moment."""
    stage.apply(needing(db="ready"), program("dba"))
    stage.loop.advance(60)
    assert stage.said == []
    stage.supervisor.described_all()
    assert stage.said == ["web waits for db, and there is no such program (did you mean dba?)"]
    stage.apply(needing("other", late="ready"), needing("more", never="ready"))
    stage.apply(program("late"))
    stage.loop.advance(PATIENCE)
    assert stage.said[1:] == ["more waits for never, and there is no such program"]


# Companions and successors --------------------------------------------------------------------------------------------


def test_status_says_what_is_needed_and_whether_it_is_so(stage):
    """Plain values, for whoever asks."""
    stage.apply(needing(db="ready restart"), program("db"))
    assert stage.needs.about("web", 1) == {"needs": {"db": {"is": "ready", "on_loss": "restart", "holds": False}}}
    stage.loop.advance(1)
    assert stage.needs.about("web", 1)["needs"]["db"]["holds"] is True
    assert stage.needs.about("db", 1) == {}


def test_it_can_come_late(stage):
    """The first program that needs another may come after a year."""
    late = Stage()
    late.apply(program("db"))
    late.loop.advance(5)
    late.supervisor.described_all()
    said = []
    late.supervisor.observe(Dependencies(late.loop, late.supervisor, said.append))
    late.apply(needing(db="ready"), needing("other", nobody="ready"))
    assert late.states == {("db", 1): "running", ("web", 1): "running", ("other", 1): "waiting"}
    late.loop.advance(PATIENCE)
    assert len(said) == 1


def taken_over(stage, **instances):
    """Have a supervisor take slots over, each of run 4."""
    kept = {}
    for number, (name, state) in enumerate(instances.items()):
        kept[name, 1] = Kept(name, 1, Instance(state(50 + number), "up", 0, 4), 0)
        stage.spawner.survivors.add(50 + number)
    stage.supervisor.remember(kept)


def running(pid):
    """A process that has run for long."""
    return Running(pid, 1.0)


def test_taken_over_with_what_it_needs_it_runs_on(stage):
    """An upgrade restarts nobody."""
    taken_over(stage, db=running, web=running)
    stage.apply(needing(db="ready"))
    stage.loop.advance(0.1)
    stage.apply(program("db"))
    stage.supervisor.described_all()
    stage.loop.advance(60)
    assert stage.states == {("db", 1): "running", ("web", 1): "running"}
    assert len(stage.spawner.processes) == 2


def test_what_was_lost_while_no_supervisor_ran_is_lost(stage):
    """Its database died with nobody there to see it."""
    taken_over(stage, db=running, web=running)
    stage.spawner.survivors = {51}
    stage.apply(needing(db="ready"), program("db", restart=RestartPolicy(min_delay=30.0, threshold=1e9)))
    stage.supervisor.described_all()
    stage.loop.advance(2)
    assert stage.states == {("db", 1): "backoff", ("web", 1): "waiting"}


@pytest.mark.parametrize("web", ["a-web", "web"])
@pytest.mark.parametrize("words", ["ready", "ready restart"])
def test_what_was_lost_and_is_back_already_was_lost(stage, web, words):
    """It is started again before anybody looks, whatever the order of the files."""
    taken_over(stage, **{"db": running, web: running})
    stage.spawner.survivors = {51}
    for one in sorted((needing(web, db=words), program("db")), key=lambda one: one.name):
        stage.apply(one)
    stage.supervisor.described_all()
    stage.loop.advance(2)
    assert [(one.program, one.state, one.run) for one in stage.supervisor.snapshot()] == sorted(
        [("db", "running", 5), (web, "running", 5)]
    )
    stage.loop.advance(60)
    assert stage.births(web) == 1


def test_lost_right_after_it_was_taken_over_it_is_lost(stage):
    """Before everything has been looked at."""
    taken_over(stage, db=running, web=running)
    stage.apply(needing(db="ready"), program("db"))
    stage.supervisor.described_all()
    (db,) = [one for one in stage.spawner.living if one.pid == 50]
    db.end(1)
    stage.loop.advance(2)
    assert [one.run for one in stage.supervisor.snapshot()] == [5, 5]


def test_what_waited_and_what_was_done_are_taken_over_too(stage):
    """A migration is not made twice, nor waited for."""
    taken_over(stage, setup=lambda _: Exited(0), web=lambda _: Waiting(1.0))
    stage.apply(program("setup", restart=ONCE), needing(setup="done"))
    stage.loop.advance(1)
    assert stage.states == {("setup", 1): "exited", ("web", 1): "running"}


def test_closed_it_leaves_no_timer(stage):
    """Nothing rings after the end."""
    stage.apply(program("db"), needing(db="ready"))
    stage.supervisor.described_all()
    stage.apply(needing("other", nobody="ready"))
    stage.needs.close()
    stage.supervisor.ignore(stage.needs)
    assert stage.loop.timers == []


# Shutting down --------------------------------------------------------------------------------------------------------

DEAF = frozenset({signal.SIGTERM})


def told(stage, name):
    """Tell whether a program's process has been told to stop."""
    return any(number == signal.SIGTERM for one in stage.living_of(name) for number, _ in one.signals)


def test_who_needs_others_stops_first(stage):
    """What needs a database still has it while it writes its last words (circus#237)."""
    stage.spawner.acts[("web",)] = Act(ignores=DEAF)
    stage.apply(program("db"), needing("app", db="ready"), needing("web", app="ready"), program("other"))
    stage.loop.advance(2)
    stage.shut_down()
    stage.loop.settle()
    assert told(stage, "web")
    assert not told(stage, "app")
    assert not stage.living_of("other"), "who needs nobody waits for nobody"
    stage.loop.advance(5)
    assert stage.closed
    order = [
        event.slot.program
        for event in stage.observer.events
        if isinstance(event, InstanceChanged) and type(event.after.state).__name__ == "Stopped"
    ]
    assert order == ["other", "web", "app", "db"]


def test_a_budget_tells_all_at_half_of_it(stage):
    """Bug 64: ten services that want 30 s each, one needing the next, and 8 s for all: signalled in 4, killed by 8."""
    names = [f"p{number}" for number in range(10)]
    for name in names:
        stage.spawner.acts[(name,)] = Act(ignores=DEAF)
    stage.apply(*(needing(name, **({} if name == "p0" else {f"p{int(name[1]) - 1}": "started"})) for name in names))
    stage.loop.advance(10)
    began = stage.loop.now()
    stage.supervisor.shut_down(lambda: stage.closed.append(stage.loop.now()), 8.0)
    stage.loop.advance(3.9)
    assert [name for name in names if told(stage, name)] == ["p9"]
    stage.loop.advance(0.1)
    assert [name for name in names if told(stage, name)] == names
    stage.loop.advance(4)
    assert stage.closed == [began + 8.0]


def test_told_once_more_all_are_told_and_killed(stage):
    """A second ctrl-C waits for nobody."""
    stage.spawner.acts[("web",)] = Act(ignores=DEAF)
    stage.apply(program("db"), needing(db="ready"))
    stage.loop.advance(1)
    stage.shut_down()
    stage.loop.settle()
    assert stage.living_of("db")
    stage.supervisor.hurry(0.0)
    stage.loop.settle()
    assert stage.closed


def test_one_that_hangs_in_the_kernel_holds_nobody_up(stage):
    """Bug 39: it is told of, and the others are stopped."""
    stage.spawner.acts[("web",)] = Act(ignores=frozenset({signal.SIGTERM, signal.SIGKILL}))
    stage.apply(program("db"), needing(db="ready"))
    stage.loop.advance(1)
    stage.shut_down()
    stage.loop.advance(9.9)
    assert stage.living_of("db")
    stage.loop.advance(0.2)
    assert not stage.living_of("db")
    stage.process_of("web").end(-9)
    assert stage.closed


def test_a_cycle_is_stopped_like_everything_else(stage):
    """Nobody waits for ever for who waits for him."""
    stage.apply(program("a"), needing("b", a="ready"))
    stage.loop.advance(1)
    stage.apply(needing("a", b="ready"))
    stage.shut_down()
    stage.loop.advance(1)
    assert stage.closed


def test_what_waits_or_pauses_holds_nobody_up(stage):
    """There is nothing to wait for."""
    stage.spawner.acts[("db",)] = Act(status=1)
    stage.apply(program("db"), needing(db="ready"), needing("more", web="ready"))
    stage.shut_down()
    stage.loop.settle()
    assert stage.closed


def test_a_chain_of_hundreds_stops_in_order(stage):
    """However many are told by the end of the one before."""
    names = [f"p{number:03}" for number in range(300)]
    stage.apply(*(needing(name, **({f"p{number - 1:03}": "started ignore"} if number else {}))
                  for number, name in enumerate(names)))  # fmt: skip
    stage.loop.advance(300 * STEADY)
    assert set(stage.states.values()) == {"running"}
    stage.shut_down()
    stage.loop.settle(100_000)
    assert stage.closed
    gone = [one.launch.args[0] for one in stage.spawner.processes if one.ended is not None]
    assert gone == names


def test_several_are_stopped_in_order_and_stay_so(stage):
    """The stop of a group; who is not in it goes on, or waits."""
    stage.spawner.acts[("web",)] = Act(ignores=DEAF)
    stage.apply(program("db"), needing(db="ready"), needing("app", db="ready ignore"))
    stage.loop.advance(1)
    stage.supervisor.stop_in_order([("db", None), ("web", 1)], "told by ann")
    stage.loop.settle()
    assert stage.state_of("db") == "running"
    stage.loop.advance(5)
    assert stage.states == {("db", 1): "stopped", ("web", 1): "stopped", ("app", 1): "running"}


def test_started_again_on_the_way_it_is_not_waited_for(stage):
    """The last word on it is another's; the stop of the rest goes on."""
    stage.spawner.acts[("web",)] = Act(ignores=DEAF)
    stage.apply(program("db"), needing(db="ready"))
    stage.loop.advance(1)
    stage.supervisor.stop_in_order([("db", None), ("web", 1)])
    stage.supervisor.start("web")
    stage.loop.advance(6)
    assert stage.states == {("db", 1): "stopped", ("web", 1): "waiting"}


def test_without_needs_those_of_high_priority_stop_first(stage):
    """Told in reverse, and nobody waits."""
    stage.apply(program("a", priority=1), program("b", priority=3), program("c", priority=2))
    assert [one.launch.args[0] for one in stage.spawner.processes] == ["a", "c", "b"]
    stage.shut_down()
    stage.loop.settle()
    stopping = [
        event.slot.program
        for event in stage.observer.events
        if isinstance(event, InstanceChanged) and type(event.after.state).__name__ == "Stopping"
    ]
    assert stopping == ["b", "c", "a"]


def test_a_stop_within_a_time_leaves_no_timer_behind(stage):
    """All was told long before the half of it was over."""
    stage.apply(program("db"), needing(db="ready"))
    stage.loop.advance(1)
    stage.supervisor.shut_down(lambda: stage.closed.append(True), 60.0)
    stage.loop.advance(1)
    assert stage.closed
    stage.needs.close()
    assert stage.loop.timers == []


def test_two_that_begin_to_need_each_other_at_once(stage):
    """The first look at what is needed is already one at who needs it."""
    stage.apply(program("db"), program("cache"), needing(db="ready"))
    stage.loop.advance(1)
    stage.apply(needing("db", web="ready", cache="ready"), needing(db="ready", cache="started"))
    stage.apply(needing("cache", db="done", web="ready"))
    stage.loop.advance(1)
    assert "cycle" in stage.said[-1] or any("cycle" in line for line in stage.said)
