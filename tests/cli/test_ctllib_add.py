"""What ``ctllib.add`` writes, and what it refuses to write."""

from __future__ import annotations

import json

import pytest

from ncolony import ctllib
from ncolony.core.check import check
from ncolony.core.errors import ConfigError
from ncolony.core.program import Defaults
from tests.cli.places import written


def test_add_writes_what_a_supervisor_accepts(places):
    """One example with every key: the supervisor's own check has to find in the file what was given."""
    warnings = ctllib.add(
        places, "web", "python", ["-m", "x"], env={"A": "1"}, uid=0, gid="daemon", extras={"mine": [1]},
        env_inherit=["PATH"], group=["front"], cwd="/", umask="027", instances=3, autostart=False,
        restart={"policy": "transient", "ok_exits": [0, "SIGTERM"], "attempts": 4},
        stop={"signal": "SIGINT", "timeout": "2s"},
    )  # fmt: skip
    text = (places.config / "web").read_text()
    program = check("web", text, json.loads(text), Defaults()).program
    assert warnings == ()
    assert (program.args, program.env, program.env_inherit) == (("python", "-m", "x"), (("A", "1"),), ("PATH",))
    assert (program.uid, program.gid, program.labels, program.umask) == (0, "daemon", ("front",), 0o27)
    assert (program.instances, program.autostart, program.extras) == (3, False, '{"mine":[1]}')
    assert (program.restart.policy, program.restart.ok_exits, program.restart.attempts) == ("transient", (-15, 0), 4)
    assert (program.stop.signal, program.stop.timeout) == (2, 2.0)


def test_add_leaves_out_what_was_not_given(places):
    """An absent key means the default; ``env_inherit`` absent means the whole environment."""
    ctllib.add(places, "web", "true", None)
    assert written(places, "web") == {"args": ["true"]}


@pytest.mark.parametrize("env", [{"A": "1", "B": "x=y"}, ["A=1", "B=x=y"], ("A=1", "B=x=y")])
def test_env_is_a_mapping_or_strings(places, env):
    """The old library wanted strings, its documentation a mapping: both work."""
    ctllib.add(places, "web", "true", [], env=env)
    assert written(places, "web")["env"] == {"A": "1", "B": "x=y"}


def test_an_empty_list_of_inherited_variables_is_kept(places):
    """It means none at all, which is not the same as leaving the key out."""
    ctllib.add(places, "web", "true", [], env_inherit=())
    assert written(places, "web")["env_inherit"] == []


def test_add_replaces_a_program(places):
    """Adding again is how a program is changed."""
    ctllib.add(places, "web", "true", ["old"])
    ctllib.add(places, "web", "true", [])
    assert written(places, "web") == {"args": ["true"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"env": ["FOO"]}, ['env: found "FOO"', "NAME=VALUE"]),
        ({"instances": 0}, ["instances: found 0", "a whole number"]),
        ({"extras": {"health": {}}}, ["health: found none of them", "exactly one of"]),
        ({"extras": {"args": ["x"]}}, ["args: found it twice"]),
        ({"uid": 1, "extras": {"uid": 1}}, ["uid: found it twice"]),
        ({"extras": {"x": float("nan")}}, ["NaN"]),
        ({"extras": {"x": object()}}, ["JSON cannot hold"]),
        ({"extras": {"x": "y" * (1 << 20)}}, ["more than 1048576 bytes"]),
        ({"env_inherit": "PATH"}, ['env_inherit: found "PATH"']),
        ({"env": 5}, ["env: found 5"]),
        ({"umask": "999", "cwd": "", "stop": {"sginal": 9}}, ["umask: ", "cwd: ", "stop: ", "did you mean signal"]),
    ],
)
def test_add_refuses_what_a_supervisor_would_refuse(places, given, words):
    """All problems at once, and before anything is written: the author is here now, and not when the file is read."""
    with pytest.raises(ConfigError) as caught:
        ctllib.add(places, "web", "true", [], **given)
    assert str(caught.value).startswith('cannot add "web": ')
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert list(places.config.iterdir()) == []


@pytest.mark.parametrize("args", ["-v", [5], [b"x"], ["\ud800"]])
def test_add_refuses_arguments_that_are_no_strings(places, args):
    """One string in place of a list is an easy mistake, and would become an argument a letter."""
    with pytest.raises(ConfigError):
        ctllib.add(places, "web", "true", args)


def test_add_warns_of_a_key_that_looks_misspelt(places):
    """The key may be the program's own, so it is written; but its author should know."""
    (warning,) = ctllib.add(places, "web", "true", [], extras={"grop": ["front"]})
    assert "did you mean group?" in warning
    assert written(places, "web")["grop"] == ["front"]
