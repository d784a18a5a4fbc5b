"""The verb ``plan``: what texts would change, over real sockets and pretended processes."""

import json

import pytest

from ncolony.control.verbs import MAX_NAMES
from ncolony.core.check import check
from ncolony.core.program import Defaults

WEB = {"args": ["web"]}


def described(house, **files):
    """Have the colony read these objects as files."""
    texts = {name: json.dumps(value) for name, value in files.items()}
    house.supervisor.apply({name: check(name, texts[name], value, Defaults()).program for name, value in files.items()})
    house.loop.settle()


def plan(caller, **files):
    """Ask, and return what each file would change, by name."""
    texts = {name: None if value is None else json.dumps(value) for name, value in files.items()}
    answer = caller.ask("plan", texts=texts)
    assert answer["ok"], answer
    return {act.pop("name"): act for act in answer["acts"]}


def test_each_text_is_compared_with_what_runs(house):
    """By meaning: an older text of the same meaning changes nothing that costs."""
    described(house, web=WEB, db={"args": ["db"], "theirs": 1}, old=WEB, same=WEB)
    caller = house.caller()
    assert plan(
        caller,
        web={"args": ["web", "-v"], "group": ["x"]},
        db={"args": ["db"], "theirs": 2},
        old=None,
        same=WEB,
        new=WEB,
        never=None,
    ) == {
        "web": {"act": "change", "up": 1, "keys": ["args", "group"], "restart": True},
        "db": {"act": "change", "up": 1, "keys": ["extras"], "restart": True},
        "old": {"act": "remove", "up": 1},
        "same": {"act": "none", "up": 1},
        "new": {"act": "add", "up": 0},
        "never": {"act": "none", "up": 0},
    }
    assert plan(caller, web={"args": ["web"], "priority": 5, "autostart": True})["web"] == {
        "act": "change", "up": 1, "keys": ["priority"], "restart": False,
    }  # fmt: skip
    assert house.states == {(name, 1): "running" for name in ("web", "db", "old", "same")}, "something was changed"


def test_what_is_stopped_by_hand_is_not_up(house):
    """A change of it restarts nothing."""
    described(house, web=WEB)
    caller = house.caller()
    caller.ask("stop", names=["web"])
    assert plan(caller, web={"args": ["other"]})["web"]["up"] == 0


def test_a_text_that_cannot_be_used_says_why(house):
    """All that is wrong with it; the others are planned all the same."""
    answer = house.caller().ask(
        "plan", texts={"a": "{", "b": '{"args": [], "umask": 1}', "c": json.dumps(WEB), "d/": "{}"}
    )
    by_name = {act["name"]: act for act in answer["acts"]}
    assert "not JSON" in by_name["a"]["problems"][0]
    assert [words.split(":")[0] for words in by_name["b"]["problems"]] == ["args", "umask"]
    assert by_name["c"]["act"] == "add"
    assert by_name["d/"]["problems"]


def test_the_mark_of_the_present_goes_with_what_is_described(house):
    """So a plan that was made before a change is known for what it is."""
    caller = house.caller()
    first = caller.ask("plan", texts={})
    assert (first["acts"], first["programs"]) == ([], [])
    described(house, web=WEB)
    second = caller.ask("plan", texts={})
    assert (second["programs"], second["current"] != first["current"]) == (["web"], True)
    described(house, web={"args": ["web"], "theirs": 1})
    third = caller.ask("plan", texts={})
    assert third["current"] not in {first["current"], second["current"]}
    house.remove("web")
    house.loop.advance(10)
    assert caller.ask("plan", texts={})["current"] == first["current"]


def test_many_texts_are_answered_in_one_line(house):
    """In slices, so the loop turns meanwhile."""
    texts = {f"job-{number}": json.dumps(WEB) for number in range(MAX_NAMES)}
    answer = house.caller().ask("plan", texts=texts)
    assert {act["act"] for act in answer["acts"]} == {"add"}
    assert len(answer["acts"]) == MAX_NAMES


@pytest.mark.parametrize(
    "arguments",
    [{}, {"texts": []}, {"texts": {"a": 1}}, {"texts": {"a": {}}}, {"texts": dict.fromkeys(map(str, range(1001)))},
     {"texts": {}, "names": ["a"]}],
)  # fmt: skip
def test_what_is_no_use_is_refused(house, arguments):
    """With the kind that says whose fault it is."""
    answer = house.caller().ask("plan", **arguments)
    assert answer["error"]["kind"] == "usage"


@pytest.mark.parametrize(("verb", "word"), [("check", "`ncolony check`"), ("apply", "`ncolony apply`")])
def test_what_works_on_files_is_no_business_of_the_socket(house, verb, word):
    """They say what to use instead."""
    answer = house.caller().ask(verb)
    assert (answer["error"]["kind"], word in answer["error"]["message"]) == ("refused", True)
