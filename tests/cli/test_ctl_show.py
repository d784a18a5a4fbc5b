"""``ncolony ctl show`` and ``list``."""

from __future__ import annotations

import json

from ncolony import ctllib


def test_show_prints_the_file_for_people_and_notes_beside_it(places, call):
    """The file may be one long line. What is wrong with it goes to stderr, so that the rest can be piped."""
    (places.config / "web").write_text('{"args": ["écho"], "instances": 0, "grop": 1}')
    status, out, err = call("show", "web")
    assert (status, out) == (0, '{\n  "args": [\n    "écho"\n  ],\n  "instances": 0,\n  "grop": 1\n}\n')
    assert 'cannot use "web": instances: found 0, wanted a whole number' in err
    assert "did you mean group?" in err


def test_show_as_json_prints_the_file_as_it_is(places, call):
    """For programs, which want the bytes that the supervisor sees."""
    (places.config / "web").write_text('{"args":["x"]}')
    assert call("show", "web", "--json") == (0, '{"args":["x"]}\n', "")


def test_show_lets_nothing_through_that_a_terminal_obeys(places, call):
    """Whoever may write a file may not, for that, write to an administrator's terminal."""
    (places.config / "web").write_text('{"args": ["\x9b31m"]}')
    assert call("show", "web")[1] == '{\n  "args": [\n    "\\u009b31m"\n  ]\n}\n'


def test_show_prints_a_file_that_is_not_json_as_it_is(places, call):
    """To see what is wrong one has to see it."""
    (places.config / "web").write_text("{oh")
    status, out, err = call("show", "web")
    assert (status, out) == (0, "{oh\n")
    assert err.startswith('ncolony ctl: cannot use "web": found text that is not JSON')


def test_show_fails_where_there_is_nothing_to_show(places, call):
    """A script has to notice."""
    (places.config / "web").mkdir()
    assert call("show", "web") == (
        1, "", 'ncolony ctl: cannot use "web": found a directory, wanted a file with one JSON object\n'
    )  # fmt: skip


def test_list_has_a_line_for_each_program(places, call):
    """Names first, for people and for cut(1); commands as a shell would take them; a note where a file is no use."""
    ctllib.add(places, "web", "python", ["-m", "http.server", "", "it's", "a\x1bb"])
    ctllib.add(places, "longer", "true", [])
    (places.config / "bad").write_text("{}")
    (places.config / "-x").write_text('{"args": ["true"]}')
    status, out, err = call("list")
    lines = out.splitlines()
    assert (status, err, [line.split()[0] for line in lines]) == (0, "", ["-x", "bad", "longer", "web"])
    assert "cannot show" in lines[0]
    assert lines[1] == "bad     cannot be used: args: found no such key, wanted a list of strings, the executable first"
    assert lines[2] == "longer  true"
    assert lines[3].startswith("web     python -m http.server '' 'it'\"'\"'s' ")
    assert "\x1b" not in out


def test_list_as_json_has_an_object_for_each_program(places, call):
    """The same for programs."""
    ctllib.add(places, "web", "true", ["x y"], extras={"grop": 1})
    (places.config / "bad").write_text("{}")
    bad, web = json.loads(call("list", "--json")[1])
    assert (web["name"], web["args"], web["problems"]) == ("web", ["true", "x y"], [])
    assert "group" in web["warnings"][0]
    assert (bad["name"], bad["args"], len(bad["problems"])) == ("bad", None, 1)


def test_list_of_nothing_is_nothing(call):
    """Which is no error."""
    assert call("list") == (0, "", "")
    assert call("list", "--json") == (0, "[]\n", "")
