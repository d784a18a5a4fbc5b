"""The verb reload: when it answers, and with what."""

import pytest

from ncolony.core.probespec import NOTIFY, Signs
from ncolony.core.program import ReadyRule, ReloadRule
from ncolony.core.states import Ready
from ncolony.testing import Act
from tests.control.conftest import program

KEYED = {"reload": ReloadRule(signal=1), "ready": ReadyRule(by=Signs(NOTIFY))}


def test_the_answer_comes_when_all_is_new(house):
    """With how each instance stands then."""
    house.apply(program(instances=2), program("idle", autostart=False))
    house.loop.advance(5)
    caller = house.caller()
    caller.send({"verb": "reload", "names": ["web", "idle"], "why": "new certificates"})
    house.loop.advance(2)
    assert caller.lines() == []
    house.loop.advance(5)
    (answer,) = caller.lines()
    assert answer["ok"]
    rows = {(one["name"], one["number"]): (one["state"], one["run"], one["already"]) for one in answer["instances"]}
    assert rows == {
        ("web", 1): ("running", 2, False),
        ("web", 2): ("running", 2, False),
        ("idle", 1): ("stopped", 0, True),
    }


def test_some_instances_and_more_at_a_time(house):
    """As the request says."""
    house.apply(program(instances=4))
    house.loop.advance(5)
    caller = house.caller()
    caller.send({"verb": "reload", "names": ["web:2", "web:3"], "max_parallel": 2})
    house.loop.advance(0.5)
    assert len(house.spawner.living) == 6
    house.loop.advance(3)
    (answer,) = caller.lines()
    assert [(one["number"], one["run"]) for one in answer["instances"]] == [(2, 2), (3, 2)]


def test_what_went_wrong_is_the_answer(house):
    """In the words that the log has; the status tells it too where a description was refused."""
    house.apply(program())
    house.loop.advance(5)
    house.spawner.acts["web",] = Act(fails="no such file")
    caller = house.caller()
    answer = caller.ask("reload", names=["web"])
    assert answer["error"]["kind"] == "failed"
    words = "'web' goes on as it was: web:2, new beside it, cannot be started: no such file"
    assert answer["error"]["message"] == f"cannot reload: {words}"
    assert answer["instances"][0]["state"] == "running"
    house.apply(program(reload=ReloadRule(), env=(("A", "b"),)))
    house.loop.advance(1)
    (one,) = caller.ask("status", names=["web"])["instances"]
    assert one["reload"]["failed"].startswith("goes on as it was")
    assert "reload" not in caller.ask("status", names=["web"])["colony"]


def test_a_reload_that_is_under_way_is_waited_for(house):
    """Two who ask get one reload; a third hears that it takes too long for it."""
    house.apply(program())
    house.loop.advance(5)
    callers = [house.caller() for _ in range(3)]
    for caller, wait in zip(callers, (True, True, 0.5), strict=True):
        caller.send({"verb": "reload", "names": ["web"], "wait": wait})
    house.loop.advance(1)
    (late,) = callers[2].lines()
    assert (late["error"]["kind"], "that goes on" in late["error"]["message"]) == ("timeout", True)
    (one,) = house.caller().ask("status")["instances"]
    assert one["reload"]["under_way"]
    house.loop.advance(5)
    assert [caller.lines()[0]["ok"] for caller in callers[:2]] == [True, True]
    assert len(house.spawner.processes) == 3


def test_where_nothing_serves_it_is_a_restart(house):
    """Answered when it is up."""
    house.spawner.acts["web",] = Act(fails="no such file")
    house.apply(program())
    del house.spawner.acts["web",]
    answer = house.caller().ask("reload", names=["web"])
    assert (answer["ok"], answer["instances"][0]["state"]) == (True, "running")


def test_who_does_not_wait_is_answered_at_once(house):
    """And it is done all the same."""
    house.apply(program())
    house.loop.advance(5)
    assert house.caller().ask("reload", names=["web"], wait=False)["ok"]
    house.loop.advance(5)
    assert [one.run for one in house.supervisor.snapshot()] == [2]


def test_a_signal_instead_is_answered_when_the_process_says_that_it_is_ready_again(house):
    """No process is replaced."""
    house.spawner.acts["web",] = Act(ignores=frozenset({1}))
    house.apply(program(**KEYED))
    house.supervisor.learn("web", 1, Ready(1))
    house.loop.settle()
    caller = house.caller()
    caller.send({"verb": "reload", "names": ["web"]})
    assert (house.process.signals, caller.lines()) == ([(1, "process")], [])
    house.supervisor.note_reread("web", 1)
    assert caller.lines()[0]["ok"]
    assert len(house.spawner.processes) == 1


def test_a_process_that_dies_of_the_signal_is_told_of(house):
    """It is what came of it."""
    house.apply(program(**KEYED))
    house.supervisor.learn("web", 1, Ready(1))
    house.loop.settle()
    caller = house.caller()
    caller.send({"verb": "reload", "names": ["web"]})
    (answer,) = caller.lines()
    assert answer["error"]["message"] == "cannot reload: 'web' was killed by SIGHUP"


def test_a_process_that_does_not_tell_is_not_waited_for(house):
    """The signal is all that can be known."""
    house.apply(program(reload=ReloadRule(signal=1)))
    house.loop.settle()
    assert house.caller().ask("reload", names=["web"])["ok"]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({}, "usage"),
        ({"names": ["wbe"]}, "no-such"),
        ({"names": ["web:2"]}, "no-such"),
        ({"names": ["web"], "max_parallel": 0}, "usage"),
        ({"names": ["web"], "max_parallel": "2"}, "usage"),
        ({"names": ["web"], "signal": "HUP"}, "usage"),
    ],
)
def test_requests_of_no_use(house, arguments, kind):
    """Are refused whole, before anything is done."""
    house.apply(program())
    house.loop.advance(5)
    assert house.caller().ask("reload", **arguments)["error"]["kind"] == kind
    house.loop.advance(5)
    assert len(house.spawner.processes) == 1


def test_nothing_is_reloaded_while_the_colony_is_being_stopped(house):
    """And who waits for a reload then hears what became of it."""
    house.apply(program())
    house.loop.advance(5)
    waiting = house.caller()
    waiting.send({"verb": "reload", "names": ["web"]})
    house.supervisor.shut_down(lambda: None)
    assert house.caller().ask("reload", names=["web"])["error"]["kind"] == "refused"
    (answer,) = waiting.lines()
    assert answer["error"]["message"].endswith("is not reloaded any further: the colony is being stopped")


def test_a_program_that_goes_in_the_middle_of_a_reload(house):
    """Whoever waits hears of it at once."""
    house.apply(program())
    house.loop.advance(5)
    waiting = house.caller()
    waiting.send({"verb": "reload", "names": ["web"]})
    house.remove("web")
    (answer,) = waiting.lines()
    assert answer["error"]["message"].endswith("'web' is not reloaded any further: it was removed")
