"""What operators and companions ask of a supervisor, over pretended processes."""

import json

import pytest

from ncolony.core.errors import NoSuch
from ncolony.core.events import InstanceChanged, InstanceTakenOver
from ncolony.core.kept import Kept, from_plain, to_text
from ncolony.core.program import Need
from ncolony.core.states import DOWN, Instance, Ready, Restart, Stop, Stopped, Waiting
from tests.runtime.conftest import Stage, program


class Door:
    """A gate that a test opens and shuts."""

    def __init__(self):
        self.reason = "db is not there"

    def waits_for(self, program, number):
        """Say what it says of every slot."""
        return self.reason


def test_stopped_by_an_operator_it_stays_so_until_it_is_started(stage):
    """A change of its description is no wish to have it up."""
    stage.apply(program())
    stage.supervisor.stop("web", why="asked for")
    stage.loop.settle()
    stage.apply(program(env=(("A", "1"),)))
    assert stage.state == "stopped"
    stage.supervisor.start("web")
    assert stage.state == "running"


def test_the_reason_of_a_command_is_told(stage):
    """Whoever looks on learns who asked, and for what."""
    stage.apply(program())
    stage.supervisor.restart("web", why="told by ann")
    stage.loop.settle()
    stage.supervisor.stop("web", why="told by bob")
    given = [event.given for event in stage.observer.events if isinstance(event, InstanceChanged)]
    assert Restart("told by ann") in given
    assert Stop(why="told by bob", hold=True) in given


def test_one_instance_can_be_meant(stage):
    """The others go on."""
    stage.apply(program(instances=3))
    stage.supervisor.stop("web", 2)
    stage.loop.settle()
    assert stage.states == {("web", 1): "running", ("web", 2): "stopped", ("web", 3): "running"}


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [("wbe", None, "did you mean 'web'"), ("web", 3, "it has 2"), ("web", 0, "it has 2"), ("other", None, "'other'")],
)
def test_what_is_not_there_is_named(stage, name, number, words):
    """With the nearest name, or with how many there are."""
    stage.apply(program(instances=2))
    for command in (stage.supervisor.start, stage.supervisor.stop):
        with pytest.raises(NoSuch, match=words):
            command(name, number)
    with pytest.raises(NoSuch, match=words):
        stage.supervisor.signal(name, 1, "process", number)


def test_a_signal_reaches_those_that_live(stage):
    """And the answer is how many that were."""
    stage.apply(program(instances=2))
    stage.supervisor.stop("web", 1)
    stage.loop.settle()
    assert stage.supervisor.signal("web", 10, "process") == 1
    assert (10, "process") in stage.spawner.processes[1].signals
    assert (10, "process") not in stage.spawner.processes[0].signals


def test_a_gate_holds_a_start_back_until_it_opens(stage):
    """And says what is waited for."""
    gate = Door()
    stage.supervisor.guard(gate)
    stage.apply(program(needs=(Need("db"),)))
    assert stage.state == "waiting"
    assert stage.supervisor.waits_for("web", 1) == "db is not there"
    stage.supervisor.reconsider("web")
    assert stage.state == "waiting"
    gate.reason = ""
    stage.supervisor.reconsider()
    assert stage.state == "running"
    assert stage.supervisor.waits_for("web", 1) == ""


def test_what_waits_when_the_supervisor_dies_goes_on_waiting(stage):
    """And starts under the successor once the gate opens."""
    gate = Door()
    stage.supervisor.guard(gate)
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(Waiting(1.0), "up", 0, 4), 0)})
    stage.apply(program(needs=(Need("db"),)))
    assert stage.state == "waiting"
    gate.reason = ""
    stage.supervisor.reconsider("web")
    assert stage.process.run == 5


def test_a_companion_s_fact_of_an_earlier_run_or_of_nobody_is_no_news(stage):
    """Facts come when they come."""
    stage.apply(program())
    stage.supervisor.learn("web", 1, Ready(7))
    stage.supervisor.learn("web", 9, Ready(1))
    stage.supervisor.learn("nobody", 1, Ready(1))
    assert stage.state == "running"


def test_the_last_output_of_a_slot_is_at_hand(stage):
    """Of one that is not there it is nothing."""
    stage.apply(program())
    (channel,) = stage.channels.channels
    channel.says(b"one\ntwo\n")
    assert stage.supervisor.tail("web", 1, "stdout", 4) == b"two\n"
    assert stage.supervisor.tail("nobody", 1, "stdout", 4) == b""


def test_held_is_kept_over_the_death_of_the_supervisor():
    """A successor leaves it stopped (supervisord starts such programs again: Supervisor/supervisor#591)."""
    kept = Kept("web", 1, Instance(Stopped(), DOWN, 0, 3, held=True), 0)
    assert from_plain(json.loads(to_text(kept))) == kept
    stage = Stage()
    stage.supervisor.remember({("web", 1): kept})
    stage.apply(program())
    assert stage.state == "stopped"
    assert any(isinstance(event, InstanceTakenOver) for event in stage.observer.events)
    stage.supervisor.start("web")
    assert stage.process.run == 4


def test_the_end_of_the_colony_holds_nobody(stage):
    """Stopped with the colony, everything starts with the next one."""
    stage.apply(program())
    stage.supervisor.stop("web")
    stage.loop.settle()
    stage.shut_down()
    stage.loop.settle()
    assert stage.closed
    changes = [event for event in stage.observer.events if isinstance(event, InstanceChanged)]
    assert not changes[-1].after.held


def test_an_observer_can_leave_again(stage):
    """It hears of nothing any more."""
    seen = []

    class Onlooker:
        def saw(self, event):
            seen.append(event)

    onlooker = Onlooker()
    stage.supervisor.observe(onlooker)
    stage.apply(program())
    before = len(seen)
    assert before
    stage.supervisor.ignore(onlooker)
    stage.supervisor.restart("web")
    stage.loop.settle()
    assert len(seen) == before


def test_files_of_variables_are_read_at_each_start(stage):
    """Over what is inherited, and under what the program's own file says."""
    stage.spawner.env_files["/e"] = {"HOME": "/e", "A": "e", "B": "e"}
    stage.apply(program(env_files=("/e",), env=(("A", "own"),)))
    env = stage.process.launch.env
    assert (env["HOME"], env["A"], env["B"]) == ("/e", "own", "e")
    stage.spawner.env_files["/e"] = {"B": "new"}
    stage.supervisor.restart("web")
    stage.loop.settle()
    assert stage.process.launch.env["B"] == "new"


def test_a_file_of_variables_that_is_not_there_is_why_it_cannot_start(stage):
    """And it is tried again, as after any failure."""
    stage.apply(program(env_files=("/missing",)))
    assert stage.state == "backoff"
    stage.spawner.env_files["/missing"] = {}
    stage.loop.advance(5)
    assert stage.state == "running"
