"""What clients ask, and what they are answered, over real sockets and pretended processes."""

import os
import signal

import pytest

from ncolony.control.verbs import VERBS, Verb
from ncolony.core.program import Need, ReadyRule, RestartPolicy, StopPolicy
from ncolony.core.states import Unhealthy
from ncolony.runtime.dependencies import Dependencies
from ncolony.testing import Act
from tests.control.conftest import program


def states(answer):
    """Return the state of each instance in an answer."""
    return {(one["name"], one["number"]): one["state"] for one in answer["instances"]}


def kind(answer):
    """Return the kind of an error."""
    assert answer["ok"] is False
    return answer["error"]["kind"]


def test_the_supervisor_speaks_first(house):
    """Who it is, and what this client may do."""
    hello = house.caller().hello
    assert (hello["protocol"], hello["pid"], hello["colony"], hello["may"]) == (1, os.getpid(), "c0ffee", "change")


def test_status_tells_what_there_is_to_know(house):
    """Every field of the reference is there, for every state."""
    house.apply(program(labels=("public",), instances=2), program("idle", autostart=False))
    house.loop.advance(5)
    house.companions["web", 2] = {"health": {"ok": True}}
    answer = house.caller().ask("status", id=[1, "x"])
    assert answer["id"] == [1, "x"]
    colony = answer["colony"]
    assert (colony["programs"], colony["states"]) == (2, {"running": 2, "stopped": 1})
    assert colony["stopping"] is False
    web, second, idle = answer["instances"]
    assert {key: web[key] for key in ("name", "number", "of", "state", "want", "held", "pid", "run", "attempt")} == {
        "name": "web", "number": 1, "of": 2, "state": "running", "want": "up", "held": False, "pid": 100, "run": 1,
        "attempt": 0}  # fmt: skip
    assert (web["uptime"], web["labels"], web["restarts"], web["last_end"]) == (5.0, ["public"], 0, None)
    assert second["health"] == {"ok": True}
    assert "health" not in web
    assert (idle["state"], idle["pid"], idle["uptime"], idle["want"]) == ("stopped", None, None, "down")


def test_status_tells_of_ends_and_of_the_next_start(house):
    """How it ended, how long it had lived, how often it came back by itself, when it does next."""
    house.apply(program(restart=RestartPolicy(threshold=2.0, min_delay=4.0)))
    (process,) = house.spawner.processes
    house.loop.advance(3)
    process.end(3)  # long enough: starts at once
    house.loop.advance(1)
    house.spawner.processes[-1].end(-9)
    house.loop.advance(1)
    (one,) = house.caller().ask("status", names=["web"])["instances"]
    assert (one["state"], one["next_start"], one["deadline"], one["restarts"], one["attempt"]) == (
        "backoff", 3.0, 3.0, 1, 1)  # fmt: skip
    assert one["last_end"]["status"] == -9
    assert one["last_end"]["words"] == "was killed by SIGKILL"
    assert one["last_end"]["ran_for"] == 1.0
    assert one["last_end"]["at"].endswith("Z")


def test_status_says_why_it_could_not_be_started(house):
    """And not how an earlier run ended; nor that of old, once it has come to life."""
    house.apply(program(restart=RestartPolicy(threshold=2.0, min_delay=4.0)))
    house.spawner.processes[-1].end(3)
    house.spawner.acts["web",] = Act(fails="no such file")
    house.loop.advance(4)
    (one,) = house.caller().ask("status")["instances"]
    assert (one["state"], one["why"]) == ("backoff", "could not be started: no such file")
    del house.spawner.acts["web",]
    house.loop.advance(60)
    house.spawner.processes[-1].end(4)
    house.loop.advance(1)
    house.spawner.processes[-1].end(5)
    (one,) = house.caller().ask("status")["instances"]
    assert (one["state"], one["why"], one["last_end"]["words"]) == ("backoff", None, "exited with status 5")


def test_status_says_what_a_process_was_ended_for(house):
    """Its signal alone would not tell an operator what to look at."""
    house.apply(program(restart=RestartPolicy(threshold=2.0, min_delay=4.0)))
    house.loop.turn()
    house.supervisor.learn("web", 1, Unhealthy(1, "HTTP 500"))
    house.spawner.processes[-1].end(-15)
    (one,) = house.caller().ask("status")["instances"]
    assert (one["state"], one["why"]) == ("backoff", "unhealthy: HTTP 500")


def test_a_name_that_is_not_known_may_be_that_of_a_file_with_a_mistake(house):
    """Whoever asks about a program whose file was never any good is told where to look."""
    house.apply(program())
    assert house.caller().ask("why", names=["bad"])["error"]["message"] == "there is no program or label 'bad'"
    house.wrong = ["cannot use 'conf/bad': args: found 5"]
    told = house.caller().ask("start", names=["bad"])["error"]["message"]
    assert told.endswith("; there are files that cannot be used, `ncolony why` lists them")


def test_status_says_why_it_was_given_up(house):
    """In words."""
    house.spawner.acts["web",] = Act(fails="no such file")
    house.apply(program(restart=RestartPolicy(attempts=1)))
    (one,) = house.caller().ask("status")["instances"]
    assert (one["state"], one["why"]) == ("fatal", "no such file")


def test_the_memory_of_slots_goes_with_them(house):
    """Programs that come and go leave nothing behind."""
    for number in range(50):
        name = f"job-{number}"
        house.apply(program(name, instances=3))
        house.apply(program(name, instances=1))
        house.remove(name)
    house.loop.advance(10)
    assert house.control.story._facts == {}


def test_stop_is_answered_when_it_is_stopped(house):
    """Not before; and it stays so until it is started by hand."""
    house.spawner.acts["web",] = Act(ignores=frozenset({signal.SIGTERM}))
    house.apply(program(stop=StopPolicy(timeout=5.0)))
    caller = house.caller()
    caller.send({"verb": "stop", "names": ["web"], "id": 1})
    house.loop.advance(4)
    assert caller.lines() == []
    house.loop.advance(2)
    (answer,) = caller.lines()
    assert (answer["id"], answer["ok"], states(answer)) == (1, True, {("web", 1): "stopped"})
    assert caller.ask("status")["instances"][0]["held"] is True
    again = caller.ask("stop", names=["web"])
    assert again["instances"][0]["already"] is True


def test_several_are_stopped_in_order_of_their_needs(house):
    """What needs a database still has it while it stops; the answer comes when both are down."""
    house.supervisor.observe(Dependencies(house.loop, house.supervisor, house.said.append))
    house.spawner.acts["web",] = Act(ignores=frozenset({signal.SIGTERM}))
    house.apply(program("db"), program("web", needs=(Need("db"),)))
    house.loop.advance(1)
    caller = house.caller()
    caller.send({"verb": "stop", "all": True, "id": 1})
    house.loop.advance(4)
    assert house.states == {("db", 1): "running", ("web", 1): "stopping"}
    assert caller.lines() == []
    house.loop.advance(2)
    (answer,) = caller.lines()
    assert (answer["ok"], states(answer)) == (True, {("db", 1): "stopped", ("web", 1): "stopped"})


def test_without_waiting_the_answer_comes_at_once(house):
    """It says how things stood before."""
    house.apply(program())
    answer = house.caller().ask("stop", all=True, wait=False)
    assert states(answer) == {("web", 1): "running"}
    assert house.state == "stopped"


def test_a_stop_that_is_late_is_told_with_its_state(house):
    """It goes on all the same."""
    house.spawner.acts["web",] = Act(ignores=frozenset({signal.SIGTERM}))
    house.apply(program())
    caller = house.caller()
    caller.send({"verb": "stop", "names": ["web"], "wait": 2})
    house.loop.advance(3)
    (answer,) = caller.lines()
    assert kind(answer) == "timeout"
    assert "'web' is still stopping" in answer["error"]["message"]
    house.loop.advance(3)
    assert house.state == "stopped"
    assert caller.lines() == []


def test_start_is_answered_when_it_is_ready(house):
    """Running is what was asked for."""
    house.apply(program(autostart=False, ready=ReadyRule(after=3.0)))
    caller = house.caller()
    caller.send({"verb": "start", "names": ["web"]})
    house.loop.advance(2)
    assert caller.lines() == []
    house.loop.advance(2)
    (answer,) = caller.lines()
    assert states(answer) == {("web", 1): "running"}


@pytest.mark.parametrize(
    ("act", "more", "words"),
    [
        (Act(fails="no such file"), {}, "no such file; next start in 1 s (attempt 2)"),
        (Act(fails="no such file"), {"restart": RestartPolicy(attempts=1)}, "no such file; given up after 1 attempt"),
        (Act(status=3, after=1.0), {"ready": ReadyRule(after=5.0)}, "exited with status 3 before it was ready; next"),
        (Act(), {"ready": ReadyRule(timeout=5.0)}, "was not ready in time"),
    ],
)
@pytest.mark.parametrize("verb", ["start", "restart"])
def test_a_start_that_fails_says_why(house, verb, act, more, words):
    """At the first attempt, and what happens next."""
    house.spawner.acts["web",] = act
    house.apply(program(autostart=False, **more))
    caller = house.caller()
    caller.send({"verb": verb, "names": ["web"]})
    house.loop.advance(10)
    (answer,) = caller.lines()
    assert kind(answer) == "failed"
    assert answer["error"]["message"].startswith(f"cannot {verb}: 'web' {words}")
    assert answer["instances"][0]["error"].startswith(words)


def test_what_somebody_else_undoes_is_told(house):
    """Nobody waits for what does not come any more."""
    house.apply(program(ready=ReadyRule(timeout=50.0)))
    one, other = house.caller(), house.caller()
    one.send({"verb": "start", "names": ["web"]})
    other.send({"verb": "stop", "names": ["web"]})
    (answer,) = one.lines()
    assert (kind(answer), answer["instances"][0]["error"]) == ("failed", "was stopped meanwhile")
    assert other.lines()[0]["ok"]


def test_a_program_that_is_removed_while_it_is_waited_for_ends_the_wait(house):
    """With words."""
    house.apply(program(ready=ReadyRule(timeout=50.0)))
    caller = house.caller()
    caller.send({"verb": "start", "names": ["web"]})
    house.remove("web")
    (answer,) = caller.lines()
    assert kind(answer) == "failed"


def test_restart_is_answered_with_the_new_process(house):
    """Younger than the request."""
    house.apply(program(), program("db"))
    caller = house.caller()
    answer = caller.ask("restart", names=["db", "web"])
    assert {(one["name"], one["run"], one["pid"]) for one in answer["instances"]} == {("web", 2, 102), ("db", 2, 103)}


def test_a_hundred_starts_at_once_are_one_process_and_a_hundred_answers(house):
    """Bug 33: whoever asks for a start gets an answer, and nobody gets a second process."""
    house.spawner.acts["web",] = Act(told_after=1.0)
    house.apply(program(autostart=False))
    callers = [house.caller() for _ in range(100)]
    for caller in callers:
        caller.send({"verb": "start", "names": ["web"]})
    house.loop.advance(2)
    assert all(caller.lines()[0]["instances"][0]["pid"] == 100 for caller in callers)
    assert len(house.spawner.processes) == 1


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["web"], ["web:1", "web:2", "web:3"]),
        (["web:2"], ["web:2"]),
        (["web:2", "web:3", "web:2"], ["web:2", "web:3"]),
        (["web:2", "web"], ["web:1", "web:2", "web:3"]),
        (["@public"], ["web:1", "web:2", "web:3", "db:1"]),
        (["public"], ["web:1", "web:2", "web:3", "db:1"]),
        (["d*"], ["db:1", "dc:1"]),
        (["[wd]b", "dc"], ["db:1", "dc:1"]),
        (["odd:1"], ["odd:1:1"]),
    ],
)
def test_names_mean_programs_instances_labels_and_patterns(house, names, meant):
    """What is named twice is done once."""
    house.apply(
        program(instances=3, labels=("public",)), program("db", labels=("public",)), program("dc"), program("odd:1")
    )
    answer = house.caller().ask("stop", names=names)
    assert sorted(f"{one['name']}:{one['number']}" for one in answer["instances"]) == sorted(meant)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["wbe", "web"], "there is no program or label 'wbe'; did you mean 'web'?"),
        (["web:9"], "there is no instance 9 of 'web': it has 2"),
        (["web:0"], "there is no instance 0 of 'web'"),
        (["web:0000000019"], "there is no instance 0000000019 of 'web'"),
        (["web:000000001" + "9" * 400], "there is no instance 00000000199999999999 of 'web'"),
        (["@nobody"], "no program carries the label 'nobody'"),
        (["x*"], "no program's name is like 'x*'"),
        (["..", "a/b/c", "x" * 300, "\u2603"], "there is no program or label '..'; there is no program"),
        ([f"no-{number}" for number in range(500)], "and 490 more"),
    ],
)
def test_where_one_name_is_wrong_nothing_is_done(house, names, words):
    """Bug 69: strange names are told of, and reach nothing."""
    house.apply(program(instances=2))
    answer = house.caller().ask("stop", names=names)
    assert kind(answer) == "no-such"
    assert words in answer["error"]["message"]
    assert set(house.states.values()) == {"running"}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"verb": "stop"}, 'wanted a list of them, or "all": true'),
        ({"verb": "stop", "names": ["web"], "all": True}, "leave one out"),
        ({"verb": "stop", "names": "web"}, 'names: found "web", wanted a list of names'),
        ({"verb": "stop", "names": [3]}, "names[0]: found 3"),
        ({"verb": "stop", "names": [""]}, "names[0]"),
        ({"verb": "stop", "names": ["x" * 501]}, "at most 500 characters"),
        ({"verb": "stop", "names": ["x"] * 1001}, "1001 names"),
        ({"verb": "stop", "names": ["*"] * 101}, "more than 100 patterns"),
        ({"verb": "stop", "nmaes": ["web"]}, "did you mean names?"),
        ({"verb": "stp"}, "did you mean 'stop'?"),
        ({"verb": "x" * 100_000}, "there is no such verb"),
        ({"verb": "signal", "all": True}, "signal: found no such argument"),
        ({"verb": "signal", "all": True, "signal": "FROB"}, 'signal: found "FROB"'),
        ({"verb": "logs", "lines": 1e9}, "lines: found"),
        ({"verb": "logs", "since": "5m"}, 'since: found "5m", wanted seconds since the epoch'),
        ({"verb": "logs", "since": -1}, "since: found -1"),
        ({"verb": "logs", "since": True}, "since: found true"),
        ({"verb": "events", "since": -1}, "since: found -1"),
        ({"verb": "start", "all": True, "why": "a\nb"}, "why: found"),
        ({"verb": "ping", "loud": True}, "it takes no arguments"),
    ],
)
def test_requests_of_no_use_are_told_what_is_wanted(house, request_, words):
    """And the connection goes on."""
    house.apply(program())
    caller = house.caller()
    caller.send(request_)
    (answer,) = caller.lines()
    assert kind(answer) == "usage"
    assert words in answer["error"]["message"]
    assert caller.ask("ping")["ok"]
    assert house.state == "running"


def test_health_tells_what_is_not_well(house):
    """In the words of core/wellness.py; of the programs that are named only; and that the colony is being stopped."""
    house.apply(program(), program("db", stop=StopPolicy(timeout=5.0)))
    house.loop.advance(5)
    caller = house.caller()
    assert (caller.ask("health")["healthy"], caller.ask("health")["troubles"]) == (True, [])
    house.companions["db", 1] = {"health": {"ok": False, "last_error": "connection refused"}}
    answer = caller.ask("health")
    assert (answer["ok"], answer["healthy"], answer["more"]) == (True, False, 0)
    assert answer["troubles"] == ["db is not well: connection refused"]
    assert caller.ask("health", names=["web"])["healthy"]
    assert kind(caller.ask("health", names=["nosuch"])) == "no-such"
    house.supervisor.shut_down(lambda: None)
    assert caller.ask("health", names=["web"])["troubles"][0] == "the colony is being stopped"


def test_why_tells_how_things_stand_with_their_history_and_what_is_wrong(house):
    """The newest first; only of what was named."""
    house.apply(program(), program("db"))
    entries = [b'{"p":"web","k":"end"}', b'{"p":"web","k":"start"}']
    house.entries["web"] = [[], entries[:1], [], entries[1:]]
    house.wrong.append("cannot use 'conf/x'")
    caller = house.caller()
    answer = caller.ask("why", names=["web"])
    assert [one["name"] for one in answer["instances"]] == ["web"]
    assert answer["problems"] == ["cannot use 'conf/x'"]
    assert answer["history"] == [{"p": "web", "k": "end"}, {"p": "web", "k": "start"}]
    answer = caller.ask("why")
    assert [one["name"] for one in answer["instances"]] == ["web", "db"]
    assert answer["history"] == []


def test_text_is_sent_to_who_has_a_pipe_for_it(house):
    """All of it or nothing; who has none, or no process, is named."""
    house.apply(program(stdin="pipe", instances=2), program("deaf"))
    caller = house.caller()
    assert caller.ask("send", names=["web"], text="hello\n")["sent"] == 2
    assert caller.ask("send", names=["web:2"], text="you\n")["sent"] == 1
    assert [process.read for process in house.spawner.living if process.launch.args == ("web",)] == [
        b"hello\n",
        b"hello\nyou\n",
    ]
    answer = caller.ask("send", names=["deaf"], text="hello\n")
    assert kind(answer) == "refused"
    assert 'set "stdin": "pipe"' in answer["error"]["message"]
    for text in ("", "x" * 4097, 5):
        assert kind(caller.ask("send", names=["web"], text=text)) == "usage"
    assert kind(caller.ask("send", names=["web"])) == "usage"
    house.supervisor.stop("web")
    house.loop.settle()
    assert kind(caller.ask("send", names=["web"], text="hello\n")) == "failed"


def test_scale_points_to_the_files(house):
    """They say how many there are; anything else would last until the next look at them."""
    house.apply(program())
    answer = house.caller().ask("scale", names=["web"], instances=3)
    assert kind(answer) == "refused"
    assert "conf/web" in answer["error"]["message"]


def test_signals_reach_processes_and_are_counted(house):
    """The process alone, unless more is asked for."""
    house.apply(program(instances=2), program("idle", autostart=False))
    caller = house.caller()
    assert caller.ask("signal", names=["web"], signal="WINCH")["sent"] == 2
    assert caller.ask("signal", names=["web:1"], signal="SIGURG", scope="tree")["sent"] == 1
    assert house.spawner.processes[0].signals == [(signal.SIGWINCH, "process"), (signal.SIGURG, "tree")]
    answer = caller.ask("signal", names=["idle"], signal="HUP")
    assert (kind(answer), answer["sent"]) == ("failed", 0)


def test_while_it_is_shut_down_starts_are_refused(house):
    """Status is still told; the answer to the shutdown comes at the end, and then the connection ends."""
    house.spawner.acts["web",] = Act(ignores=frozenset({signal.SIGTERM}))
    house.apply(program())
    one, other = house.caller(), house.caller()
    one.send({"verb": "shutdown", "within": 3, "id": "bye"})
    assert kind(other.ask("start", names=["web"])) == "refused"
    assert other.ask("status")["colony"]["stopping"] is True
    assert house.asked == [("shutdown", 3.0)]
    assert one.lines() == []
    house.loop.advance(4)
    (answer,) = one.lines()
    assert (answer["id"], answer["ok"], one.over) == ("bye", True, True)


def test_an_upgrade_is_answered_with_what_came_of_it(house):
    """Why not; or that it happens."""
    caller = house.caller()
    caller.send({"verb": "upgrade"})
    house.asked[0][1]("cannot upgrade: no")
    assert kind(caller.lines()[0]) == "failed"
    caller.send({"verb": "upgrade"})
    house.asked[1][1]("")
    assert caller.lines()[0]["pid"] == os.getpid()


def test_events_are_told_from_any_point_and_go_on(house):
    """Numbers go up by one; each has the line of the log."""
    house.apply(program())
    caller = house.caller()
    caller.send({"verb": "events", "since": 0, "id": 5})
    before = caller.lines()
    assert [one["event"] for one in before] == [1, 2, 3]
    assert [one["kind"] for one in before] == ["added", "state", "state"]
    assert before[2] | {"at": 0} == {
        "id": 5, "event": 3, "at": 0, "kind": "state", "program": "web", "instance": 1, "of": 1, "before": "spawning",
        "state": "running", "cause": "spawned", "want": "up", "held": False, "pid": 100, "run": 1, "attempt": 0,
        "text": "web runs, pid 100"}  # fmt: skip
    house.spawner.processes[0].end(3)
    after = caller.lines()
    assert [one["event"] for one in after] == list(range(4, 4 + len(after)))
    assert after[0]["status"] == 3
    assert "exited with status 3" in after[0]["text"]


def test_events_without_following_end_with_the_next_number(house):
    """To be asked from there the next time."""
    house.apply(program())
    caller = house.caller()
    caller.send({"verb": "events", "since": 1, "follow": False})
    *parts, last = caller.lines()
    assert [one["event"] for one in parts] == [2, 3]
    assert (last["ok"], last["next"]) == (True, 3)
    assert caller.ask("events", since=99, follow=False) == {"id": None, "ok": True, "next": 3}


def test_events_of_some_programs_only(house):
    """Those that come later too, where a pattern or a label stands for them."""
    house.apply(program(), program("db"))
    caller = house.caller()
    caller.send({"verb": "events", "names": ["d*"]})
    assert caller.lines() == []
    house.apply(program("web", umask=7))
    house.apply(program("dx"))
    assert {one["program"] for one in caller.lines()} == {"dx"}
    assert kind(house.caller().ask("events", names=["nobody"])) == "no-such"


def test_what_is_remembered_no_more_is_a_gap(house):
    """Bug 52: the supervisor keeps the last 4096 events, for nobody in particular."""
    house.apply(program())
    for _ in range(1500):
        house.supervisor.restart("web")
        house.loop.settle()
    last = house.control.story.last
    assert last > 4096 + 3
    caller = house.caller()
    caller.send({"verb": "events", "since": 2, "follow": False})
    gap, *parts, done = caller.lines()
    assert gap == {"id": None, "gap": [3, last - 4096]}
    assert [one["event"] for one in parts] == list(range(last - 4095, last + 1))
    assert done["next"] == last


def test_logs_are_the_last_lines_and_what_comes(house):
    """A line that was begun is told once, when it is whole."""
    house.apply(program())
    (channel,) = house.channels.channels
    channel.says(b"one\ntwo\nthr")
    channel.says(b"oops\n", "stderr")
    caller = house.caller()
    caller.send({"verb": "logs", "names": ["web"], "follow": True, "lines": 1})
    assert [(one["stream"], one["line"]) for one in caller.lines()] == [("stdout", "two"), ("stderr", "oops")]
    channel.says(b"ee\nfour\n\xff\x1b\n")
    found = caller.lines()
    assert [one["line"] for one in found] == ["three", "four", "\\xff\x1b"]
    assert all("at" in one and one["program"] == "web" and one["instance"] == 1 for one in found)
    channel.says(b"last words")
    house.spawner.processes[0].end(0)
    assert [one["line"] for one in caller.lines()] == ["last words"]


def test_logs_without_following_end(house):
    """With how many there were."""
    house.apply(program(instances=2))
    for channel in house.channels.channels:
        channel.says(b"a\nb\nc")
    caller = house.caller()
    caller.send({"verb": "logs", "lines": 2, "stream": "stdout"})
    *parts, last = caller.lines()
    assert [(one["instance"], one["line"]) for one in parts] == [(1, "b"), (1, "c"), (2, "b"), (2, "c")]
    assert last["lines"] == 4


@pytest.mark.parametrize("follow", [False, True])
def test_logs_since_a_time_begin_with_the_line_of_which_something_came_then(house, follow):
    """Whole lines, and no line that was finished before that."""
    house.apply(program())
    (channel,) = house.channels.channels
    for channel.now, data in ((1000.0, b"old\nthe lo"), (2000.0, b"ng line\nnew\n"), (3000.0, b"newest\n")):
        channel.says(data)
    for since, lines in (
        (1000, ["old", "the long line", "new", "newest"]),
        (1001.0, ["the long line", "new", "newest"]),
        (2001, ["newest"]),
        (3001, []),
    ):
        caller = house.caller()
        caller.send({"verb": "logs", "names": ["web"], "since": since, "follow": follow, "lines": 100})
        assert [one["line"] for one in caller.lines() if "line" in one] == lines
    caller = house.caller()
    caller.send({"verb": "logs", "names": ["web"], "since": 1001, "lines": 1})
    assert [one["line"] for one in caller.lines() if "line" in one] == ["newest"]


def test_logs_pass_over_what_a_slow_client_does_not_read(house):
    """The program waits for nobody; what is missing is counted."""
    house.apply(program())
    (channel,) = house.channels.channels
    caller = house.caller()
    caller.send({"verb": "logs", "names": ["web"], "follow": True, "lines": 0})
    for _ in range(200):
        channel.says(b"x" * 9999 + b"\n")
        house.loop.settle()
    found = caller.lines()
    lines = [one for one in found if "line" in one]
    gaps = sum(one["gap"] for one in found if "gap" in one)
    assert gaps > 0
    assert len(lines) * 10_000 + gaps == 200 * 10_000
    channel.says(b"again\n")
    assert caller.lines()[-1]["line"] == "again"


def test_nobody_listens_any_more_when_the_client_has_gone(house):
    """A program's output costs nothing extra then."""
    house.apply(program())
    caller = house.caller()
    caller.send({"verb": "logs", "follow": True})
    assert house.channels._followers
    caller.close()
    assert not house.channels._followers


def test_what_was_asked_for_can_be_called_off(house):
    """A stream ends well; a wait ends, and its effect comes all the same."""
    house.spawner.acts["web",] = Act(ignores=frozenset({signal.SIGTERM}))
    house.apply(program())
    caller = house.caller()
    caller.send({"verb": "events", "id": 1})
    caller.send({"verb": "stop", "names": ["web"], "id": 2})
    caller.lines()
    for identity in (1, 2):
        caller.send({"verb": "cancel", "request": identity, "id": 3})
    answers = [one for one in caller.lines() if "ok" in one]
    assert [(one["id"], one["ok"]) for one in answers] == [(1, True), (3, True), (2, False), (3, True)]
    house.loop.advance(10)
    assert caller.lines() == []
    assert house.state == "stopped"
    assert caller.ask("cancel", request=9)["cancelled"] == 0


def test_a_bug_in_a_verb_is_answered_and_told(house, monkeypatch):
    """The client hears of it, the loop gets to tell of it, and everything goes on."""

    def broken(world, call):
        raise KeyError(call.verb)

    monkeypatch.setitem(VERBS, "ping", Verb(broken))
    caller = house.caller()
    with pytest.raises(KeyError):
        caller.send({"verb": "ping", "id": 8})
    (answer,) = caller.lines()
    assert (answer["id"], kind(answer)) == (8, "failed")
    assert "a bug of NColony" in answer["error"]["message"]
    assert caller.ask("status")["ok"]
