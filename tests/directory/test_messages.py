# ruff: noqa: PTH208 - system calls are the subject
"""The directory of messages: taken in order, each once, and put aside with the reason when it is no use."""

import json
import os
import socket

import pytest

from ncolony.core.states import Ended, Restart
from ncolony.directory.messages import Messages, RestartAll, RestartGroup, RestartOne
from ncolony.testing import Act

RESTART_WEB = {"type": "RESTART", "name": "web"}


@pytest.fixture
def three(colony):
    """A colony of three programs."""
    colony.open()
    colony.write("web", {"args": ["web"], "group": ["front", "all"]})
    colony.write("api", {"args": ["api"], "group": ["all"]})
    colony.write("db", {"args": ["db"]})
    return colony


def replaced(colony, before):
    """Return the programs that have another process."""
    return {name for name, pid in colony.pids.items() if before[name] != pid}


def test_restart_gives_one_program_a_new_process(three):
    """And no other; the message is gone when it is done."""
    before = three.pids
    three.send("1", RESTART_WEB)
    assert replaced(three, before) == {"web"}
    assert three.waiting() == []
    assert three.said == []


def test_restart_group_restarts_all_that_carry_the_label(three):
    """By label, not by name."""
    before = three.pids
    three.send("1", {"type": "RESTART-GROUP", "group": "all"})
    assert replaced(three, before) == {"web", "api"}
    before = three.pids
    three.send("2", {"type": "RESTART-GROUP", "group": "front"})
    assert replaced(three, before) == {"web"}


def test_restart_all_restarts_all(three):
    """Every program."""
    before = three.pids
    three.send("1", {"type": "RESTART-ALL"})
    assert replaced(three, before) == {"web", "api", "db"}


def test_restart_starts_what_is_not_running(colony):
    """A program with autostart false runs when somebody asks for it."""
    colony.open()
    colony.write("web", {"args": ["web"], "autostart": False})
    assert colony.running == {}
    colony.send("1", RESTART_WEB)
    assert colony.running == {"web": ["web"]}


def test_messages_are_taken_in_the_order_of_their_names(tmp_path):
    """Whatever the order in which the directory lists them."""
    taken = []
    for name in ("b", "a", "10", "9"):
        (tmp_path / name).write_text(json.dumps({"type": "RESTART", "name": name}))
    messages = Messages(str(tmp_path), taken.append, lambda _: None)
    assert messages.take(0.0) is True
    assert taken == [RestartOne(name) for name in ("10", "9", "a", "b")]
    assert os.listdir(tmp_path) == []


def test_kinds_of_messages(tmp_path):
    """Keys that are not asked for are passed over: older senders wrote more."""
    taken = []
    for name, value in enumerate([
        {"type": "RESTART", "name": "x", "more": 1},
        {"type": "RESTART-GROUP", "group": "g"},
        {"type": "RESTART-ALL"},
    ]):  # fmt: skip
        (tmp_path / str(name)).write_text(json.dumps(value))
    Messages(str(tmp_path), taken.append, lambda _: None).take(0.0)
    assert taken == [RestartOne("x"), RestartGroup("g"), RestartAll()]


def test_messages_from_before_the_start_are_about_processes_that_are_new_enough(colony):
    """What lies there from before asks for processes younger than itself; all are."""
    colony.add("web")
    (colony.messages / "1").write_text(json.dumps(RESTART_WEB))
    colony.open()
    assert len(colony.spawner.processes) == 1
    assert colony.waiting() == []


# Bad input ------------------------------------------------------------------------------------------------------------


def write(text):
    """Make a file of some text."""
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


def sparse(path):
    """Make a file of 100 MB that takes no room."""
    path.touch()
    os.truncate(path, 100_000_000)


def bound_socket(path):
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


BAD = {
    "not JSON": (write("nonsense"), "text that is not JSON"),
    "not an object": (write("[]"), "found [], wanted one JSON object"),
    "no type": (write("{}"), "type: found no such key, wanted one of RESTART, RESTART-GROUP, RESTART-ALL"),
    "type of another type": (write('{"type": 1}'), "type: found 1, wanted one of RESTART"),
    "unknown type": (write('{"type": "START"}'), 'type: found "START", wanted one of RESTART'),
    "nearly a type": (write('{"type": "restart-al"}'), "(did you mean RESTART-ALL?)"),
    "no name": (write('{"type": "RESTART"}'), "name: found no such key, wanted a name"),
    "no group": (write('{"type": "RESTART-GROUP"}'), "group: found no such key, wanted a name"),
    "name of another type": (write('{"type": "RESTART", "name": ["web"]}'), 'name: found ["web"], wanted a name'),
    "empty name": (write('{"type": "RESTART", "name": ""}'), 'name: found "", wanted a name'),
    "unknown program": (write('{"type": "RESTART", "name": "wep"}'), "there is no program 'wep'; did you mean 'web'?"),
    "unknown group": (write('{"type": "RESTART-GROUP", "group": "x"}'), "no program carries the label 'x'"),
    "not UTF-8": (write(b'{"type": "\xff"}'), "bytes that are not UTF-8"),
    "half-written": (write('{"type": "RESTART", '), "text that is not JSON"),
    "empty": (write(""), "an empty file"),
    "100 MB": (sparse, "found 100000000 bytes, more than 1048576"),
    "a directory": (lambda path: path.mkdir(), "found a directory, wanted a file with one JSON object"),
    "a FIFO": (os.mkfifo, "found something that is not a regular file"),
    "a socket": (bound_socket, "found a file that cannot be opened"),
    "a link to itself": (lambda path: path.symlink_to("1"), "found a file that cannot be opened"),
}


@pytest.mark.parametrize("kind", BAD)
def test_message_that_cannot_be_used_is_put_aside_with_the_reason(three, kind):
    """Said once, out of the way, and the next one is served."""
    make, words = BAD[kind]
    before = three.pids
    make(three.messages / "1")
    three.loop.settle()
    three.loop.advance(2)
    (said,) = three.said
    assert said.startswith(f"cannot use the message {str(three.messages / '1')!r}: ")
    assert words in said
    aside = three.messages / ".rejected"
    assert sorted(path.name for path in aside.iterdir()) == ["1", "1.reason"]
    assert words in (aside / "1.reason").read_text()
    assert three.pids == before
    three.send("2", RESTART_WEB)
    assert replaced(three, before) == {"web"}
    assert len(three.said) == 1


def test_bad_message_does_not_hold_up_those_after_it(three):
    """In the same look."""
    before = three.pids
    (three.messages / "1").write_text("[]")
    (three.messages / "2").write_text(json.dumps(RESTART_WEB))
    three.loop.settle()
    assert replaced(three, before) == {"web"}
    assert sorted(three.rejected) == ["1", "1.reason"]


def test_half_written_message_is_taken_when_it_is_finished(three):
    """Written in place, as by a shell's `>`."""
    before = three.pids
    text = json.dumps(RESTART_WEB)
    with (three.messages / "1").open("w") as file:
        for letter in text:
            assert three.pids == before
            file.write(letter)
            file.flush()
            three.door.look_again()
            three.loop.advance(0.01)
    three.loop.settle()
    assert replaced(three, before) == {"web"}
    assert three.rejected == {}


def test_message_being_written_is_not_visible_yet(three):
    """NAME.new until it is renamed; hidden files are nobody's message."""
    before = three.pids
    for name in ("1.new", ".1", "1~", "1.tmp"):
        (three.messages / name).write_text(json.dumps(RESTART_WEB))
    three.loop.advance(30)
    assert three.pids == before
    assert three.rejected == {}


def test_message_that_cannot_be_deleted_is_handled_once_only(tmp_path, monkeypatch):
    """Or a program would be restarted again and again, as fast as the machine can."""
    taken, said = [], []

    def refuse(path):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("ncolony.directory.messages.os.unlink", refuse)
    (tmp_path / "1").write_text(json.dumps(RESTART_WEB))
    messages = Messages(str(tmp_path), taken.append, said.append)
    for now in range(10):
        messages.take(float(now))
    assert taken == [RestartOne("web")]
    (line,) = said
    assert line.startswith("cannot delete the message")
    assert "which is done" in line
    (tmp_path / "1").write_text(json.dumps({"type": "RESTART-ALL"}))
    messages.take(20.0)
    assert taken == [RestartOne("web"), RestartAll()]


def test_bad_message_that_cannot_be_put_aside_is_told_once_and_left(tmp_path):
    """It is said where it is, not where it is not."""
    said = []
    (tmp_path / ".rejected").write_text("in the way")
    (tmp_path / "1").write_text("[]")
    messages = Messages(str(tmp_path), lambda _: None, said.append)
    for now in range(10):
        messages.take(float(now))
    (line,) = said
    assert "cannot use the message" in line
    assert "found [], wanted one JSON object" in line
    assert "cannot move it" in line
    assert "it is in" not in line
    assert (tmp_path / "1").exists()


def test_second_bad_message_of_a_name_takes_the_place_of_the_first(three):
    """Nothing piles up, and the reason belongs to the message beside it."""
    three.send("1", "[]")
    three.send("1", "{}")
    three.loop.advance(2)
    assert three.rejected["1"] == "{}"
    assert "type: found no such key" in three.rejected["1.reason"]


def test_longest_name_can_be_put_aside(three):
    """There is no room for more letters after it."""
    name = "x" * 255
    (three.messages / name).write_text("[]")
    three.loop.advance(2)
    assert three.waiting() == []
    assert any("wanted one JSON object" in said for said in three.said)


def test_restart_while_it_stops_is_one_new_process(three):
    """Bug 33: a hundred requests while the old process takes its time: one new process."""
    three.spawner.living[0].act = Act(ignores=frozenset({15}))
    before = three.pids
    for number in range(100):
        (three.messages / f"{number:03d}").write_text(json.dumps(RESTART_WEB))
    three.loop.advance(10)
    assert replaced(three, before) == {"web"}
    assert len(three.spawner.processes) == 4
    assert three.waiting() == []
    given = [event.given for event in three.events.events if hasattr(event, "given")]
    assert [type(one) for one in given if isinstance(one, Restart | Ended)].count(Ended) == 1
