"""The supervisor over pretended processes: one inbox, one timer an instance, and the last word is the operator's."""

import ast
import itertools
import pathlib
import random
import signal

import pytest

import ncolony.core
import ncolony.runtime
from ncolony.core.errors import Refused
from ncolony.core.events import CommandRefused, InstanceChanged, ProgramsChanged, Warned
from ncolony.core.kept import Kept
from ncolony.core.logspec import LogSpec
from ncolony.core.program import Need, RestartPolicy, StopPolicy
from ncolony.core.states import DOWN, UP, Backoff, Ended, Instance, Running, Stopping, Waiting
from ncolony.runtime.slots import TURN
from ncolony.testing import Act, VirtualLoop
from tests.runtime.conftest import QUICK, Stage, program

TERM, CONT, KILL = signal.SIGTERM, signal.SIGCONT, signal.SIGKILL
STUBBORN = Act(ignores=frozenset({TERM}))


# Starting and stopping ------------------------------------------------------------------------------------------------


def test_program_is_started_with_what_it_needs(stage):
    """Its environment says who it is; its output goes to its own channel, under its own name."""
    stage.apply(program(env=(("A", "1"),), cwd="/tmp", umask=0o22, uid=5, gid="games", text="{...}"))
    launch = stage.process.launch
    assert launch.env == {
        "HOME": "/",
        "A": "1",
        "NCOLONY_CONFIG": "{...}",
        "NCOLONY_NAME": "web",
        "NCOLONY_INSTANCE": "1",
        "NCOLONY_RUN": "c/web:1/1",
    }
    assert (launch.args, launch.cwd, launch.umask, launch.uid, launch.gid) == (("web",), "/tmp", 0o22, 5, "games")
    (channel,) = stage.channels.channels
    assert (launch.stdout, launch.stderr) == channel.child_fds()
    channel.says(b"hello\n")
    assert stage.sink.lines == [("web", "stdout", b"hello")]


def test_each_run_has_a_mark_of_its_own(stage):
    """So that whatever a run leaves behind can be told from the next."""
    stage.apply(program())
    for _ in range(3):
        stage.loop.advance(2)
        stage.process.end(0)
        stage.loop.settle()
    marks = [process.launch.env["NCOLONY_RUN"] for process in stage.spawner.processes]
    assert marks == [f"c/web:1/{run}" for run in (1, 2, 3, 4)]


def test_output_before_the_end_comes_before_the_news_of_the_end(stage):
    """The last words explain it."""
    heard = []
    stage.observer.saw = heard.append
    stage.sink.write = lambda label, stream, lines: heard.append(lines)
    stage.apply(program())
    stage.channels.channels[0].says(b"last words")
    stage.process.end(1)
    at = heard.index([b"last words"])
    assert isinstance(heard[at + 1].given, Ended)


def test_channel_is_kept_over_runs_and_given_back_with_the_place(stage):
    """What a child left behind writes later is still heard; nothing leaks when the program goes."""
    stage.apply(program())
    stage.process.end(1)
    stage.loop.advance(2)
    assert len(stage.channels.channels) == 1
    stage.remove("web")
    assert not stage.channels.channels[0].open


def test_no_room_for_a_channel_is_a_failed_start(stage):
    """Bug 12: retried like any other, and nothing breaks."""
    stage.channels.refuse = OSError(24, "Too many open files")
    stage.apply(program(restart=QUICK))
    assert stage.state == "backoff"
    assert "cannot make pipes for its output: Too many open files" in str(stage.observer.events)
    stage.channels.refuse = None
    stage.loop.advance(1.0)
    assert stage.state == "running"


def test_autostart_false_waits_to_be_asked(stage):
    """It is there, it is stopped, and a restart starts it."""
    stage.apply(program(autostart=False))
    assert stage.state == "stopped"
    stage.supervisor.restart("web")
    assert stage.state == "running"


def test_autostart_false_that_runs_is_restarted_by_a_change(stage):
    """What somebody started goes on; what nobody started stays stopped."""
    stage.apply(program("web", autostart=False), program("other", autostart=False))
    stage.supervisor.restart("web")
    stage.apply(program("web", autostart=False, cwd="/"), program("other", autostart=False, cwd="/"))
    assert stage.states == {("web", 1): "running", ("other", 1): "stopped"}
    assert stage.process.launch.cwd == "/"


def test_unknown_program_is_refused_by_name(stage):
    """With the name that was meant, if there is one like it."""
    stage.apply(program("web"))
    with pytest.raises(Refused, match="there is no program 'wep'; did you mean 'web'"):
        stage.supervisor.restart("wep")
    with pytest.raises(Refused, match=r"there is no program 'x'$"):
        stage.supervisor.restart("x")
    with pytest.raises(Refused, match="no program carries the label 'x'"):
        stage.supervisor.restart_group("x")


# Timers ---------------------------------------------------------------------------------------------------------------


def test_running_program_has_no_timer(stage):
    """Nothing to wait for: no wake-up."""
    stage.apply(program())
    assert stage.loop.timers == []


def test_instance_has_one_timer_at_most(stage):
    """Whatever its story: each state carries its one deadline."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program(restart=QUICK))
    for step in (
        lambda: stage.supervisor.restart("web"),
        lambda: stage.supervisor.hurry(1.0),
        lambda: stage.supervisor.restart("web"),
        lambda: stage.loop.advance(6.0),
        lambda: stage.spawner.living[0].end(3),
        lambda: stage.supervisor.restart("web"),
    ):
        step()
        stage.loop.settle()
        assert len(stage.loop.timers) <= 1


def test_deadline_that_is_no_longer_meant_does_nothing(stage):
    """A stop that was in time leaves no KILL behind for the next run."""
    stage.apply(program())
    stage.supervisor.restart("web")
    stage.loop.advance(60)
    assert [number for process in stage.spawner.processes for number, _ in process.signals] == [TERM, CONT]
    assert stage.state == "running"


# Restarts -------------------------------------------------------------------------------------------------------------


def test_short_runs_are_delayed_ever_longer(stage):
    """The rule of the colony's options, on the clock of the loop."""
    stage.spawner.acts = {("web",): Act(status=1, after=0.5)}
    stage.apply(program(restart=QUICK))
    born = []
    for _ in range(6):
        born.append(stage.loop.now())
        count = len(stage.spawner.processes)
        while len(stage.spawner.processes) == count:
            stage.loop.advance(0.25)
    gaps = [round(later - sooner - 0.5, 2) for sooner, later in itertools.pairwise(born)]
    assert gaps == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_hundred_restarts_at_once_are_one_new_process(stage):
    """Bug 33: a hundred clients ask at the same time; one process is replaced by one."""
    stage.apply(program())
    for _ in range(100):
        stage.supervisor.restart("web")
    stage.loop.settle()
    assert len(stage.spawner.processes) == 2
    assert len(stage.spawner.living) == 1


def test_hundred_restarts_while_it_is_spawning_are_one_process(stage):
    """Bug 33: with the launcher it takes a while until it is known whether the program lives."""
    stage.spawner.acts = {("web",): Act(told_after=1.0)}
    stage.apply(program())
    for _ in range(100):
        stage.supervisor.restart("web")
    stage.loop.advance(5)
    assert len(stage.spawner.processes) == 1
    assert stage.state == "running"


def test_hundred_starts_and_stops_of_hundred_programs_leave_one_process_each(stage):
    """Bug 33: added, removed and restarted at random: in the end those that are described run, once each."""
    chance = random.Random(33)  # noqa: S311 - the same story every time
    names = [f"p{number}" for number in range(100)]
    for name in names:
        stage.spawner.acts[(name,)] = chance.choice([Act(), STUBBORN, Act(told_after=0.3), Act(fails="no")])
    described = {}
    for _ in range(3000):
        name = chance.choice(names)
        described[name] = None if chance.random() < 0.5 else program(name, env=(("N", str(chance.random())),))
        stage.supervisor.apply({name: described[name]})
        if described[name] and chance.random() < 0.5:
            stage.supervisor.restart(name)
        if chance.random() < 0.05:
            stage.loop.advance(chance.random() * 4)
        lives = [process.launch.env["NCOLONY_NAME"] for process in stage.spawner.living]
        assert len(lives) == len(set(lives))
    stage.loop.advance(60)
    wanted = {name for name, one in described.items() if one is not None}
    failing = {name for name in names if stage.spawner.acts[(name,)].fails}
    assert {process.launch.env["NCOLONY_NAME"] for process in stage.spawner.living} == wanted - failing
    assert {name for name, _ in stage.states} == wanted
    for process in stage.spawner.living:
        assert dict(described[process.launch.env["NCOLONY_NAME"]].env)["N"] == process.launch.env["N"]


def test_restart_while_it_stops_starts_it_again(stage):
    """The last word counts: it is wanted up when it is gone."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program())
    stage.remove("web")
    stage.apply(program())
    stage.supervisor.restart("web")
    assert stage.state == "stopping"
    stage.loop.advance(6)
    assert stage.state == "running"
    assert len(stage.spawner.processes) == 2


def test_changed_while_it_is_spawning_runs_as_described(stage):
    """The change came before the word that the old one lives: it is replaced at once."""
    stage.spawner.acts = {("web",): Act(told_after=1.0)}
    stage.apply(program())
    stage.apply(program(cwd="/"))
    stage.loop.advance(5)
    assert stage.process.launch.cwd == "/"
    assert stage.state == "running"


def test_changed_and_removed_while_it_is_spawning_is_gone(stage):
    """Bug 45: the removal came last."""
    stage.spawner.acts = {("web",): Act(told_after=1.0)}
    stage.apply(program())
    stage.apply(program(cwd="/"))
    stage.remove("web")
    stage.loop.advance(5)
    assert stage.states == {}
    assert len(stage.spawner.processes) == 1


def test_process_younger_than_the_request_is_new_enough(stage):
    """A message from before the start must not restart what was only just started."""
    stage.apply(program())
    asked = stage.loop.now()
    stage.loop.advance(1)
    stage.supervisor.restart("web", asked)
    assert len(stage.spawner.processes) == 1
    stage.supervisor.restart("web", stage.loop.now())
    stage.loop.settle()
    assert len(stage.spawner.processes) == 2


# Stopping, in every state ---------------------------------------------------------------------------------------------


def in_backoff(stage):
    """Fail at once."""
    stage.spawner.acts = {("web",): Act(fails="no")}
    stage.apply(program(restart=QUICK))


def in_spawning(stage):
    """Be under way."""
    stage.spawner.acts = {("web",): Act(told_after=2.0)}
    stage.apply(program())


def in_spawning_to_fail(stage):
    """Be under way, and come to nothing."""
    stage.spawner.acts = {("web",): Act(told_after=2.0, fails="no")}
    stage.apply(program(restart=QUICK))


def in_running(stage):
    """Live."""
    stage.apply(program())


def in_stopping(stage):
    """Take time to end, wanted up."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program())
    stage.supervisor.restart("web")


def in_killing(stage):
    """Not even die of KILL at once."""
    stage.spawner.acts = {("web",): Act(ignores=frozenset({TERM, KILL}))}
    stage.apply(program())
    stage.supervisor.restart("web")
    stage.loop.advance(5.5)
    stage.loop.call_at(stage.loop.now() + 2, lambda: stage.spawner.living[0].end(-KILL))


def in_exited(stage):
    """End as wanted."""
    stage.spawner.acts = {("web",): Act(status=0)}
    stage.apply(program(restart=RestartPolicy(policy="temporary")))


def in_fatal(stage):
    """Give up."""
    stage.spawner.acts = {("web",): Act(fails="no")}
    stage.apply(program(restart=RestartPolicy(attempts=1)))


def in_stopped(stage):
    """Never be started."""
    stage.apply(program(autostart=False))


STATES = [
    in_stopped,
    in_spawning,
    in_spawning_to_fail,
    in_running,
    in_stopping,
    in_killing,
    in_backoff,
    in_exited,
    in_fatal,
]


@pytest.mark.parametrize("enter", STATES)
def test_shutdown_ends_every_state_with_no_process(stage, enter):
    """Bug 34: stopped in the end, no later spawn, and `closed` is called once, when the last process is gone."""
    enter(stage)
    before = len(stage.spawner.processes)
    stage.shut_down()
    stage.loop.advance(60)
    assert stage.states == {}
    assert stage.spawner.living == []
    assert len(stage.spawner.processes) == before
    assert len(stage.closed) == 1
    assert stage.loop.timers == []


@pytest.mark.parametrize("enter", STATES)
def test_removal_ends_every_state_with_no_process(stage, enter):
    """Bug 34: the same for a program whose file is gone; its channel is given back."""
    enter(stage)
    before = len(stage.spawner.processes)
    stage.remove("web")
    stage.loop.advance(60)
    assert stage.states == {}
    assert stage.spawner.living == []
    assert len(stage.spawner.processes) == before
    assert not any(channel.open for channel in stage.channels.channels)
    assert not any(isinstance(event, CommandRefused) for event in stage.observer.events)


@pytest.mark.parametrize("enter", STATES)
def test_stop_while_stopping_escalates_once(stage, enter):
    """Bug 36: removing, shutting down and hurrying, one after the other: one TERM a process, no endless signals."""
    enter(stage)
    stage.remove("web")
    stage.shut_down()
    stage.shut_down()
    stage.supervisor.hurry(1.0)
    stage.supervisor.hurry(3.0)
    stage.loop.advance(60)
    assert stage.spawner.living == []
    for process in stage.spawner.processes:
        assert [number for number, _ in process.signals].count(TERM) <= 1


def test_shutdown_stops_all_at_the_same_time(stage):
    """Not one after the other: the slowest decides how long it takes."""
    stage.spawner.acts = {(f"p{number}",): STUBBORN for number in range(50)}
    stage.apply(*(program(f"p{number}") for number in range(50)))
    began = stage.loop.now()
    stage.shut_down()
    stage.loop.advance(60)
    assert stage.closed == [began + 5.0]


def test_shutdown_of_nothing_is_done_at_once(stage):
    """There is nothing to wait for."""
    stage.shut_down()
    assert len(stage.closed) == 1


def test_nothing_is_taken_after_shutdown(stage):
    """Bug 34: a file that comes now starts nothing."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program())
    stage.shut_down()
    stage.apply(program("new"), program("web", cwd="/"))
    stage.supervisor.restart_all()
    stage.loop.advance(60)
    assert len(stage.spawner.processes) == 1
    assert len(stage.closed) == 1


def test_hurry_shortens_every_patience(stage):
    """A second Ctrl-C: KILL now."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program(stop=StopPolicy(timeout=600.0)))
    began = stage.loop.now()
    stage.shut_down()
    stage.loop.advance(2)
    stage.supervisor.hurry(0.0)
    stage.loop.advance(1)
    assert stage.closed == [began + 2.0]


def test_hurry_never_lengthens_a_patience(stage):
    """It is to be quicker, not slower."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program())
    began = stage.loop.now()
    stage.shut_down()
    stage.supervisor.hurry(60.0)
    stage.loop.advance(100)
    assert stage.closed == [began + 5.0]


def test_stop_signal_scope_and_timeout_are_the_programs_own(stage):
    """Bug 37: INT to the process alone, and KILL after two seconds if that was ignored."""
    stage.spawner.acts = {("web",): Act(ignores=frozenset({signal.SIGINT}))}
    stage.apply(program(stop=StopPolicy(signal=signal.SIGINT, timeout=2.0, scope="process")))
    stage.remove("web")
    stage.loop.advance(1.9)
    (process,) = stage.spawner.processes
    assert process.signals == [(signal.SIGINT, "process"), (CONT, "process")]
    stage.loop.advance(0.2)
    assert process.signals[2:] == [(KILL, "process")]
    assert process.ended == -KILL


def test_process_that_hangs_in_the_kernel_is_warned_of_and_the_others_go_on(stage):
    """It is said, and tried again; nothing waits for it but itself."""
    stage.spawner.acts = {("web",): Act(ignores=frozenset({TERM, KILL}))}
    stage.apply(program(), program("other"))
    stage.remove("web")
    stage.loop.advance(30)
    assert any(isinstance(event, Warned) for event in stage.observer.events)
    assert stage.states[("other", 1)] == "running"
    assert stage.states[("web", 1)] == "killing"


# Instances ------------------------------------------------------------------------------------------------------------


def numbers(stage):
    """Return the numbers of the living instances."""
    return sorted(int(process.launch.env["NCOLONY_INSTANCE"]) for process in stage.spawner.living)


def test_instances_are_scaled_up_and_down_without_touching_the_rest(stage):
    """The lowest numbers stay."""
    stage.apply(program(instances=2))
    first = {process.pid for process in stage.spawner.living}
    stage.apply(program(instances=5))
    assert numbers(stage) == [1, 2, 3, 4, 5]
    assert first <= {process.pid for process in stage.spawner.living}
    stage.apply(program(instances=2))
    assert numbers(stage) == [1, 2]
    assert first == {process.pid for process in stage.spawner.living}
    assert len(stage.states) == 2


def test_instances_that_leave_are_taken_back_when_they_are_wanted_again(stage):
    """A slot whose process is still stopping gets no second one beside it."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program(instances=3))
    stage.apply(program(instances=1))
    stage.apply(program(instances=3))
    assert len(stage.spawner.living) == 3
    stage.loop.advance(6)
    assert numbers(stage) == [1, 2, 3]
    assert len(stage.spawner.processes) == 5


def test_gap_among_leaving_instances_is_filled(stage):
    """Removed, number 1 is gone already, number 2 still stops; added again: both run, each once."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program(instances=2))
    stage.remove("web")
    stage.spawner.processes[0].end(0)
    stage.loop.settle()
    stage.apply(program(instances=2))
    stage.loop.advance(6)
    assert numbers(stage) == [1, 2]
    assert set(stage.states.values()) == {"running"}


def test_who_leaves_slowly_is_seen_also_behind_a_number_that_is_gone(stage):
    """Of three one stays, number 2 has left, number 3 still stops; when it is gone, nothing is remembered of it."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program(instances=3))
    stage.apply(program(instances=1))
    stage.spawner.processes[1].end(0)
    stage.loop.settle()
    assert [(seen.number, seen.state) for seen in stage.supervisor.snapshot("web")] == [(1, "running"), (3, "stopping")]
    stage.loop.advance(6)
    assert [seen.number for seen in stage.supervisor.snapshot("web")] == [1]
    assert not stage.supervisor._slots.places._highest


def test_output_is_labelled_by_what_people_call_the_slot(stage):
    """Alone it is "web"; with a second it is "web:1"."""
    stage.apply(program())
    stage.apply(program(instances=2))
    assert [channel.label for channel in stage.channels.channels] == ["web:1", "web:2"]
    stage.apply(program(instances=1))
    assert stage.channels.channels[0].label == "web"


def test_instance_that_leaves_keeps_the_description_it_was_started_with(stage):
    """Its stop signal is the one that its program asked for when it ran."""
    stage.spawner.acts = {("web",): STUBBORN}
    stage.apply(program(instances=2))
    stage.apply(program(instances=1))
    stage.apply(program(instances=1, cwd="/"))
    stage.loop.advance(60)
    assert numbers(stage) == [1]
    assert stage.process.launch.cwd == "/"


# The inbox ------------------------------------------------------------------------------------------------------------


class SlowLoop(VirtualLoop):
    """A loop on whose clock every question takes some time."""

    def now(self):
        """Return the time, and let some pass."""
        self._now += STEP
        return self._now


STEP = 0.0002


def test_storm_of_starts_gives_the_loop_its_turns():
    """A thousand programs at once take seconds; signals, exits and timers are heard in between."""
    stage = Stage(SlowLoop())
    turns = []

    def tick():
        turns.append(len(stage.spawner.processes))
        if len(stage.spawner.processes) < 1000:
            stage.loop.call_at(stage.loop._now, tick)

    stage.loop.call_at(stage.loop._now, tick)
    stage.supervisor.apply({f"p{number}": program(f"p{number}") for number in range(1000)})
    while len(stage.spawner.processes) < 1000:
        stage.loop.turn()
    steps = [later - sooner for sooner, later in itertools.pairwise(turns)]
    assert len(steps) > 10
    assert max(steps) <= TURN / STEP


def test_inbox_keeps_its_order(stage):
    """Removed and added again in the same moment: stopped first, then started."""
    stage.apply(program())
    stage.supervisor.apply({"web": None})
    stage.supervisor.apply({"web": program(cwd="/")})
    stage.loop.settle()
    assert stage.path == ["spawning", "running", "stopping", "spawning", "running"]
    assert stage.process.launch.cwd == "/"


def test_facts_of_a_run_that_is_over_are_not_counted(stage):
    """Bug 76: an end that is told twice, or late, belongs to its own run."""
    stage.apply(program())
    first = stage.process
    stage.loop.advance(2)
    first.end(0)
    second = stage.process
    first._tell(Ended(1, 3))
    stage.loop.settle()
    assert stage.process is second
    assert stage.state == "running"


def test_onlookers_see_every_change(stage):
    """Each event begins where the one before it ended."""
    stage.spawner.acts = {("web",): Act(status=1, after=0.2)}
    stage.apply(program(restart=QUICK))
    stage.loop.advance(30)
    stage.remove("web")
    changes = [event for event in stage.observer.events if isinstance(event, InstanceChanged)]
    assert len(changes) > 10
    for sooner, later in itertools.pairwise(changes):
        assert sooner.after.state == later.before.state
    kinds = [event.kind for event in stage.observer.events if isinstance(event, ProgramsChanged)]
    assert kinds == ["added", "removed"]


def test_snapshot_is_what_is(stage):
    """Names, numbers, states, pids."""
    stage.apply(program(instances=2))
    assert [(one.program, one.number, one.state, one.want, one.run) for one in stage.supervisor.snapshot()] == [
        ("web", 1, "running", "up", 1),
        ("web", 2, "running", "up", 1),
    ]
    assert {one.pid for one in stage.supervisor.snapshot()} == {process.pid for process in stage.spawner.living}


# Clocks ---------------------------------------------------------------------------------------------------------------


def test_nothing_below_the_hosts_asks_for_the_time_of_day():
    """Bug 21: what decides has one clock, the loop's; a jump of the wall clock cannot reach it."""
    for package in (ncolony.core, ncolony.runtime):
        for path in pathlib.Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert not {"time", "datetime"} & {name.split(".")[0] for name in names}, path


@pytest.mark.parametrize("jump", [-365 * 86400.0, 365 * 86400.0])
def test_jump_of_the_wall_clock_changes_no_timer(stage, monkeypatch, jump):
    """Bug 21: a year back or forth during backoff and stop: everything comes when it would have come."""
    stage.spawner.acts = {("web",): STUBBORN, ("fails",): Act(fails="no")}
    stage.apply(program(), program("fails", restart=QUICK))
    stage.supervisor.restart("web")
    before = stage.loop.timers
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0 + jump)
    assert stage.loop.timers == before
    stage.loop.advance(0.9)
    assert stage.states == {("web", 1): "stopping", ("fails", 1): "backoff"}
    stage.loop.advance(4.2)
    assert stage.states[("web", 1)] == "running"


# Taking over ----------------------------------------------------------------------------------------------------------


def test_survivor_is_taken_over_and_can_be_stopped(stage):
    """The process of an earlier supervisor is no second-class one."""
    stage.spawner.survivors = {77}
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(Running(77, 0.0), UP, 0, 4), 0, 0)})
    stage.apply(program())
    assert stage.state == "running"
    assert stage.process.pid == 77
    stage.supervisor.restart("web")
    stage.loop.settle()
    assert stage.process.launch.env["NCOLONY_RUN"] == "c/web:1/5"


def test_process_that_died_while_nobody_looked_is_replaced_by_one_that_can_be_stopped(stage):
    """Its end is told at once, within the take-over; what was started then must be the one that gets the signals."""
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(Running(77, -100.0), UP, 0, 4), 0, 0)})
    stage.apply(program(restart=QUICK))
    stage.loop.advance(30)
    assert stage.state == "running"
    new = stage.process
    stage.remove("web")
    stage.loop.settle()
    assert [number for number, _ in new.signals] == [TERM, CONT]
    assert stage.states == {}


def test_program_that_is_back_when_its_stop_is_taken_over_is_started_again(stage):
    """Removed, the supervisor killed in the middle of the stop, described anew: what counts is the description."""
    stage.spawner.survivors = {77}
    kept = Kept("web", 1, Instance(Stopping(77, stage.loop.now() + 5), DOWN, 0, 4), 0, 0)
    stage.supervisor.remember({("web", 1): kept})
    stage.apply(program())
    assert stage.state == "stopping"
    stage.loop.advance(10)
    assert stage.state == "running"
    assert stage.process.launch.env["NCOLONY_RUN"] == "c/web:1/5"


def test_what_waited_and_was_removed_is_let_go(stage):
    """It needs others, and nobody here looks after needs: nothing is asked of anybody, and nothing is started."""
    stage.supervisor.remember({("web", 2): Kept("web", 2, Instance(Waiting(1.0), "up", 0, 3), 0)})
    stage.supervisor.let_go(program(needs=(Need("db"),)))
    assert stage.states == {}
    assert stage.spawner.processes == []


def test_what_paused_under_another_description_and_was_removed_is_let_go(stage):
    """Of two instances the younger one's description is known: the older one is not started anew by it."""
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(Backoff(1e9), "up", 1, 3), 4711)})
    stage.supervisor.let_go(program(needs=(Need("db"),)))
    assert stage.states == {}
    assert stage.spawner.processes == []


def test_what_waited_and_needs_nothing_by_now_is_started(stage):
    """Its `needs` were removed while no supervisor ran: nobody is there who could tell it until when to wait."""
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(Waiting(0.0), UP, 0, 4), 0)})
    stage.apply(program())
    assert stage.state == "running"


@pytest.mark.parametrize("held", [True, False])
def test_what_was_to_be_stopped_and_came_to_life_meanwhile_is_stopped(stage, held):
    """The supervisor was killed after a stop, and before it knew of the process that it had asked for."""
    stage.spawner.survivors = {77}
    kept = Kept("web", 1, Instance(Running(77, 0.0), DOWN, 0, 4, held=held), 0, 0)
    stage.supervisor.remember({("web", 1): kept})
    stage.apply(program(autostart=False))
    stage.loop.advance(1)
    assert stage.state == "stopped"
    (view,) = stage.supervisor.snapshot()
    assert view.held is held


def test_instances_that_are_too_many_are_stopped_also_where_the_file_was_bad_at_first(stage):
    """Nobody knew how many there should be; as soon as somebody does, the others go."""
    stage.spawner.survivors = {77, 78}
    kept = [Kept("web", number, Instance(Running(76 + number, 0.0), UP, 0, 4), 0, 0) for number in (1, 2)]
    stage.supervisor.remember({(one.program, one.number): one for one in kept})
    stage.supervisor.described_all()
    stage.apply(program())
    stage.loop.advance(100)
    assert stage.states == {("web", 1): "running"}
    assert not stage.supervisor.left_over()


def test_output_goes_where_the_description_says(stage):
    """At the start, and at once when it is changed; the channel knows whose output it is."""
    stage.apply(program(log=LogSpec(stdout=())))
    (channel,) = stage.channels.channels
    assert channel.log == LogSpec(stdout=())
    assert (channel.run, channel.pid) == (1, stage.process.pid)
    before = stage.process
    stage.apply(program())
    assert channel.log == LogSpec()
    assert stage.process is before


def test_storm_of_ends_gives_the_loop_its_turns():
    """A thousand processes that end in the same moment are not all started again before anything else is heard."""
    stage = Stage(SlowLoop())
    stage.apply(*(program(f"p{number}") for number in range(1000)))
    stage.loop.advance(5.0)
    for process in list(stage.spawner.living):
        process.end(1)
    assert len(stage.spawner.living) <= TURN / STEP
    stage.loop.settle()
    assert len(stage.spawner.living) == 1000
