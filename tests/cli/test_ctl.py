"""``ncolony ctl``, called as a function: what it does, what it says, and its exit status."""

from __future__ import annotations

import json

import pytest

from ncolony.cli import ctl, ctl_add
from ncolony.core.check import check
from ncolony.core.program import Defaults
from tests.cli.places import files, sent, unprivileged, written

# Deeds --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [["web"], ["--name", "web"], ["--name=web"], ["--na=web"]])
def test_add_takes_the_name_either_way(places, call, name):
    """Old scripts name the program by position; the walkthrough uses the option. Success says nothing."""
    assert call("add", *name, "--cmd=python", "--arg=-m", "--arg=--arg=echo", "--arg", "-v") == (0, "", "")
    assert written(places, "web") == {"args": ["python", "-m", "--arg=echo", "-v"]}


def test_add_knows_an_option_for_every_key(places, call):
    """What a file can say can be said on a command line, by numbers, names and times with units."""
    options = (
        "--env=A=1 --env B=x=y --env-inherit PATH --uid 0 --gid daemon --group a --group b --cwd / --umask 027"
        " --instances 3 --no-autostart --restart transient --ok-exit 0 --ok-exit SIGTERM --threshold 1.5"
        " --min-delay 500ms --max-delay 60 --attempts 4 --stop-signal 2 --stop-timeout 2s --stop-scope process"
    )
    assert call("add", "web", "--cmd", "x", *options.split(), "--extras", '{"mine": 1}') == (0, "", "")
    assert written(places, "web") == {
        "args": ["x"],
        "env": {"A": "1", "B": "x=y"},
        "env_inherit": ["PATH"],
        "uid": 0,
        "gid": "daemon",
        "group": ["a", "b"],
        "cwd": "/",
        "umask": "027",
        "instances": 3,
        "autostart": False,
        "restart": {"policy": "transient", "ok_exits": [0, "SIGTERM"], "threshold": 1.5, "min_delay": "500ms",
                    "max_delay": 60, "attempts": 4},
        "stop": {"signal": 2, "timeout": "2s", "scope": "process"},
        "mine": 1,
    }  # fmt: skip
    text = (places.config / "web").read_text()
    assert check("web", text, json.loads(text), Defaults()).problems == ()


def test_a_policy_alone_is_written_as_one_word(places, call):
    """The short form is the one that people read."""
    call("add", "web", "--cmd", "x", "--restart", "temporary")
    assert written(places, "web")["restart"] == "temporary"


@pytest.mark.parametrize(("words", "value"), [("10m", "10m"), ("90", 90), ("30 2 * * *", "30 2 * * *")])
def test_a_schedule_is_a_period_or_a_cron_line(places, call, words, value):
    """In one word of a shell; one that makes no sense is refused as in a file."""
    assert call("add", "web", "--cmd", "x", "--schedule", words) == (0, "", "")
    assert written(places, "web")["schedule"] == value
    status, _, said = call("add", "web", "--cmd", "x", "--schedule", "30 2 30 2 *")
    assert status != 0
    assert "which never comes" in said


def test_extras_may_be_a_file(places, call, tmp_path):
    """It was the only form once."""
    (tmp_path / "extras.json").write_text('{"mine": {"x": 1}}')
    assert call("add", "web", "--cmd", "x", "--extras", str(tmp_path / "extras.json")) == (0, "", "")
    assert written(places, "web")["mine"] == {"x": 1}


def test_add_warns_and_does_it(places, call):
    """A key near one of ours may be meant."""
    status, out, err = call("add", "web", "--cmd", "x", "--extras", '{"grop": 1}')
    assert (status, out) == (0, "")
    assert err == 'ncolony ctl: note: the key "grop" is not one of ours; did you mean group?\n'
    assert files(places) == ["web"]


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("name", [["web"], ["--name=web"], ["--", "web"]])
def test_remove_removes(places, call, name):
    """By position, as ever, or by option."""
    assert call("remove", *name) == (0, "", "")
    assert files(places) == []


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["restart", "web"], {"type": "RESTART", "name": "web"}),
        (["restart", "--name=web"], {"type": "RESTART", "name": "web"}),
        (["restart-all"], {"type": "RESTART-ALL"}),
        (["restart-group", "front"], {"type": "RESTART-GROUP", "group": "front"}),
        (["restart-group", "--group", "front"], {"type": "RESTART-GROUP", "group": "front"}),
    ],
)
def test_restarts_are_messages(places, call, args, message):
    """The supervisor takes them when it comes to them; success says nothing."""
    assert call(*args) == (0, "", "")
    assert sent(places) == [message]


@pytest.mark.usefixtures("web")
def test_the_directories_may_stand_behind_the_verb(places, capsys):
    """Nobody remembers on which side; what stands behind wins."""
    behind = [f"--conf={places.config}", f"--mess={places.messages}"]
    assert ctl.main(["--config=/nowhere", "restart", "web", *behind]) == 0
    assert capsys.readouterr() == ("", "")
    assert len(sent(places)) == 1


def test_what_needs_no_messages_does_not_ask_for_them(places, capsys):
    """A person who looks at a directory should not have to know about another."""
    for args in (["add", "web", "--cmd", "x"], ["show", "web"], ["list"], ["remove", "web"]):
        assert ctl.main(["--config", str(places.config), *args]) == 0


# Mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ([], 2, "cannot read the command line: no verb; give one of add, remove, "),
        (["strat"], 2, 'there is no verb "strat"'),
        (["remov", "web"], 2, "did you mean remove?"),
        (["sing"], 2, 'there is no verb "sing"'),
        (["restart"], 2, "cannot restart: NAME is missing"),
        (["restart", "web", "echo"], 2, 'cannot restart: "echo" is one word too many'),
        (["restart", "web", "--name", "web"], 2, "one word too many"),
        (["restart-all", "web"], 2, 'cannot restart-all: "web" is one word too many'),
        (["list", "--jsn"], 2, 'cannot list: there is no option "--jsn"; did you mean --json?'),
        (["restart", "../web"], 2, 'cannot restart "../web": name: found "../web"'),
        (["add", "new"], 2, 'cannot add "new": --cmd is missing; give the executable, --cmd CMD'),
        (["add", "new", "--cmd", "x", "--instances", "many"], 2, 'instances: found "many", wanted a whole number'),
        (["add", "new", "--cmd", "x", "--instances", "9" * 5000], 2, "instances: found "),
        (["add", "new", "--cmd", "x", "--stop-timeout", "²"], 2, "stop.timeout: found "),
        (["add", "new", "--cmd", "x", "--env", "A"], 2, 'env: found "A", wanted NAME=VALUE'),
        (["add", "new", "--cmd", "x", "--arg", "\udcff"], 2, "args"),
        (["add", "new", "--cmd", "x", "--extras", "{"], 2, "the text after --extras: found text that is not JSON"),
        (["add", "new", "--cmd", "x", "--extras", "nosuch"], 2, "No such file or directory; give JSON text"),
        (["add", "new", "--cmd", "x", "--extras", '{"args": 1}'], 2, "args: found it twice"),
        (["add", "new", "--cmd", "x", "--uid", "1", "--extras", '{"uid": 2}'], 2, "uid: found it twice"),
        (["restart", "wbe"], 4, 'there is no program "wbe" in '),
        (["remove", "wbe"], 4, 'did you mean "web"?'),
        (["show", "wbe"], 4, 'cannot show "wbe": there is no program'),
        (["restart-group", "back"], 4, 'cannot restart the group "back": no program in '),
    ],
)
def test_a_mistake_is_told_in_one_line(places, call, args, status, words):
    """What cannot be done, why, and what to do; nothing on stdout, nothing changed."""
    found, out, err = call(*args)
    assert (found, out) == (status, "")
    assert err.startswith("ncolony ctl: cannot ")
    assert err.count("\n") == 1
    assert words in err
    assert (files(places), sent(places)) == (["web"], [])


@pytest.mark.parametrize("given", [[], ["--config="], ["--messages", "m"]])
@pytest.mark.parametrize("verb", ["list", "restart-all"])
def test_a_missing_option_is_named(capsys, given, verb):
    """An empty one, as an unset variable in a script makes it, does not mean the current directory."""
    assert ctl.main([*given, verb]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ncolony ctl: cannot {verb}: --config is missing; ")
    assert said.count("\n") == 1


def test_missing_messages_are_named_where_they_are_needed(places, capsys):
    """Only requests to the supervisor go there."""
    assert ctl.main(["--config", str(places.config), "restart-all"]) == 2
    assert "--messages is missing" in capsys.readouterr().err


@pytest.mark.usefixtures("web")
def test_what_the_system_refuses_is_a_failure(call, small_files):
    """Neither the caller's mistake nor a missing program: a script may want to try again."""
    with small_files(10):
        status, _, err = call("restart", "web")
    assert status == 1
    assert err.startswith('ncolony ctl: cannot restart "web" in "')


@pytest.mark.parametrize("args", [["add", "new", "--cmd", "x"], ["remove", "web"], ["restart", "web"], ["list"]])
@pytest.mark.usefixtures("web")
def test_no_permission_is_one_line_and_status_1(places, call, args):
    """As of every verb that is not allowed; the caller can become another user, or name another directory."""
    for place in places:
        place.chmod(0)
    with unprivileged():
        status, out, err = call(*args)
    for place in places:
        place.chmod(0o700)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "Permission denied; do it as a user who may" in err


# Help ---------------------------------------------------------------------------------------------------------------


def test_help_lists_the_verbs(capsys):
    """With what each does, and the exit statuses."""
    assert ctl.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb}" in out for verb in ctl.VERBS)
    assert "4 no such program" in out


@pytest.mark.parametrize("verb", ctl.VERBS)
def test_every_verb_has_its_own_help(capsys, verb):
    """It needs nothing else on the line, as whoever asks does not know what that would be."""
    assert ctl.main([verb, "-h"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: ncolony ctl {verb}")
    assert "--config DIR" in out


def test_help_on_add_lists_its_options(capsys):
    """All of them."""
    ctl.main(["add", "--help"])
    out = capsys.readouterr().out
    assert all(f"  {option.name} " in out for option in ctl_add.OPTIONS)
