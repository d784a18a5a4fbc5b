"""From the programs that are to those that should be: what is added, replaced, left alone, removed."""

from __future__ import annotations

import json

import pytest

from ncolony.core.check import check
from ncolony.core.keys import KEYS
from ncolony.core.plan import Add, Change, Remove, differing, plan, restarting_fields
from ncolony.core.probespec import Reports
from ncolony.core.program import Defaults, Program
from ncolony.core.record import replace


def program(name: str = "web", **keys: object) -> Program:
    """Return the program that a file of these keys describes."""
    return described(json.dumps({"args": ["web"], **keys}), name)


def described(text: str, name: str = "web") -> Program:
    """Return the program that a file with this text describes."""
    made = check(name, text, json.loads(text), Defaults()).program
    assert made is not None
    return made


BEFORE = program()


def test_a_program_that_was_not_there_is_added() -> None:
    """A new file in conf/."""
    assert plan({}, {"web": BEFORE}) == (Add(BEFORE),)


def test_a_program_that_is_there_no_more_is_removed() -> None:
    """A file that was deleted."""
    assert plan({"web": BEFORE}, {"web": None}) == (Remove("web"),)


def test_what_comes_first_is_said_by_priority_and_then_by_the_order_given() -> None:
    """A low number first, whether it is new or changed."""
    last, first, second = program("a", priority=5000), program("b", priority=-5), program("c")
    changed = replace(second, cwd="/")
    acts = plan({"c": second}, {"a": last, "b": first, "c": changed})
    assert acts == (Add(first), Change(changed, ("cwd",), restart=True), Add(last))


def test_what_a_process_is_given_to_report_by_needs_a_new_one() -> None:
    """No key of its own says that: it follows from `ready` and `health`."""
    changed = replace(BEFORE, reports=Reports(notify=True))
    assert plan({"web": BEFORE}, {"web": changed}) == (Change(changed, ("reports",), restart=True),)


def test_a_process_is_started_with_these_and_nothing_else() -> None:
    """A successor takes a process over where all of them are the same."""
    fields = restarting_fields()
    assert {"args", "env", "env_inherit", "uid", "gid", "cwd", "umask", "extras", "reports"} <= set(fields)
    assert not {"restart", "stop", "priority", "instances", "labels", "autostart", "health", "name", "text"} & set(
        fields
    )
    assert set(fields) <= set(Program.__match_args__)


def test_what_was_never_there_needs_no_removal() -> None:
    """A file that came and went between two looks."""
    assert plan({}, {"web": None}) == ()


def test_what_is_not_named_is_left_alone() -> None:
    """One changed file is planned by itself."""
    assert plan({"web": BEFORE, "db": program("db")}, {"web": BEFORE}) == ()


def test_removals_come_first() -> None:
    """A renamed program must give its port back before its successor asks for it."""
    acts = plan({"a": program("a"), "c": program("c")}, {"b": program("b"), "a": None, "d": program("d"), "c": None})
    assert acts == (Remove("a"), Remove("c"), Add(program("b")), Add(program("d")))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"x": 1,\n  "args": ["web"], "env": {"B": "2", "A": "1"}}\n', id="white space"),
        pytest.param('{"env": {"A": "1", "B": "2"}, "args": ["web"], "x": 1}', id="order of keys"),
        pytest.param('{"args": ["web"], "env": {"A": "\\u0031", "B": "2"}, "x": 1}', id="escapes"),
        pytest.param('{"args": ["web"], "env": {"A": "1", "B": "2"}, "x": 1, "autostart": true}', id="default said"),
    ],
)
def test_another_text_with_the_same_meaning_changes_no_field_and_restarts_nothing(text: str) -> None:
    """A file that was only formatted anew must not cost anybody a connection. Its new text is kept all the same."""
    before = program(env={"A": "1", "B": "2"}, x=1)
    after = described(text)
    assert plan({"web": before}, {"web": after}) == (Change(after, (), restart=False),)


def test_the_same_file_is_nothing_to_do() -> None:
    """Touched, moved over itself, written again: nothing happened."""
    assert plan({"web": BEFORE}, {"web": program()}) == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("args", ["web", "-v"]),
        ("env", {"A": "1"}),
        ("env_inherit", ["PATH"]),
        ("env_inherit", []),
        ("uid", 1000),
        ("gid", "www"),
        ("stdin", "pipe"),
        ("env_files", ["/etc/web.env"]),
        ("cwd", "/srv"),
        ("umask", "077"),
        ("limits", {"nofile": 100}),
        ("sockets", {"web": "tcp://127.0.0.1:80"}),
    ],
)
def test_what_a_process_was_born_with_restarts_it(key: str, value: object) -> None:
    """There is no other way to give a process another command line, environment or user."""
    after = program("web", **{key: value})
    assert plan({"web": BEFORE}, {"web": after}) == (Change(after, (key,), restart=True),)


def test_a_key_of_the_authors_own_restarts_it() -> None:
    """It is the program's configuration: only a new process gets to see it."""
    after = program(port=8080)
    assert plan({"web": BEFORE}, {"web": after}) == (Change(after, ("extras",), restart=True),)
    assert differing(after, program(port=8081)) == ("extras",)
    assert differing(program(a=1, b={"c": 2, "d": 3}), program(b={"d": 3, "c": 2}, a=1)) == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stop", {"signal": "INT"}),
        ("restart", "transient"),
        ("restart", {"attempts": 3}),
        ("group", ["a"]),
        ("instances", 3),
        ("autostart", False),
        ("log", "syslog"),
        ("needs", {"db": "ready"}),
        ("priority", 1),
        ("reload", True),
        ("critical", True),
    ],
)
def test_what_only_the_supervisor_looks_at_restarts_nothing(key: str, value: object) -> None:
    """It holds from the next time it is looked at. The key is named as its author wrote it."""
    after = program("web", **{key: value})
    assert plan({"web": BEFORE}, {"web": after}) == (Change(after, (key,), restart=False),)


def test_one_costly_key_among_others_is_enough() -> None:
    """All keys that differ are named, so that the log says what was changed."""
    after = program(args=["other"], group=["a"])
    assert plan({"web": BEFORE}, {"web": after}) == (Change(after, ("args", "group"), restart=True),)


def test_every_key_is_compared() -> None:
    """A key that plan does not know would be a change that nobody notices."""
    there = {key.name for key in KEYS}
    tried = {"args", "env", "env_inherit", "uid", "gid", "cwd", "umask", "stop", "restart", "group", "instances"}
    more = {"autostart", "critical", "health", "limits", "log", "needs", "priority", "ready", "sockets"}
    more |= {"env_files", "reload", "schedule", "stdin"}
    assert there == tried | more


def test_what_has_a_schedule_is_described_anew_and_never_restarted() -> None:
    """Its next run is as described; one that loses its schedule is replaced like any other."""
    before = program(schedule="1h")
    after = program(schedule="1h", args=["new"])
    assert plan({"web": before}, {"web": after}) == (Change(after, ("args",), restart=False),)
    always = program(args=["new"])
    assert plan({"web": before}, {"web": always}) == (Change(always, ("args", "schedule"), restart=True),)
