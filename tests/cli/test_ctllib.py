"""The library that changes a colony, by its functions."""

from __future__ import annotations

import os

import pytest

from ncolony import ctllib
from ncolony.core.errors import ConfigError, OSFailure, Refused
from ncolony.ctllib import Places
from tests.cli.places import sent, unprivileged, written

IMPOSSIBLE = ["", "..", "../web", "a/b", "/etc/passwd", ".hidden", "-x", "x.new", "x~", "a\nb", "a\0b", "x" * 201]


# Places -------------------------------------------------------------------------------------------------------------


def test_places_are_made_by_position_or_by_keyword_and_are_a_tuple():
    """Code written for the old library does all three."""
    assert Places("conf", "messages") == Places(messages="messages", config="conf") == ("conf", "messages")
    assert Places("conf", "messages").config == "conf"
    assert Places("conf", "messages").messages == "messages"


def test_places_may_be_strings(places):
    """The old library took strings; paths are a convenience."""
    ctllib.add(Places(str(places.config), str(places.messages)), "web", "true", [])
    assert written(places, "web") == {"args": ["true"]}


@pytest.mark.parametrize("name", IMPOSSIBLE)
@pytest.mark.parametrize(
    "act", [lambda places, name: ctllib.add(places, name, "true", []), ctllib.remove, ctllib.restart, ctllib.read]
)
def test_no_name_leads_out_of_the_directory(places, act, name):
    """Names come from people and from other programs: each is checked before it becomes a path."""
    outside = places.config.parent / "web"
    outside.write_text("{}")
    with pytest.raises(ConfigError):
        act(places, name)
    assert outside.read_text() == "{}"
    assert list(places.config.iterdir()) == list(places.messages.iterdir()) == []


# remove and messages ------------------------------------------------------------------------------------------------


def test_remove_deletes_the_file(places):
    """No message is needed: a program is what there is a file of."""
    ctllib.add(places, "web", "true", [])
    ctllib.remove(places, "web")
    assert list(places.config.iterdir()) == list(places.messages.iterdir()) == []


def test_requests_are_the_messages_that_the_old_library_sent(places):
    """Supervisors of either age take them."""
    ctllib.add(places, "web", "true", [], group=["front"])
    ctllib.restart(places, "web")
    ctllib.restart_all(places)
    ctllib.restartAll(places)
    ctllib.restart_group(places, "front")
    assert sent(places) == [
        {"type": "RESTART", "name": "web"},
        {"type": "RESTART-ALL"},
        {"type": "RESTART-ALL"},
        {"type": "RESTART-GROUP", "group": "front"},
    ]


def test_messages_sort_in_the_order_of_sending(places):
    """Supervisors take them by name."""
    names = [f"p{number}" for number in range(200)]
    for name in names:
        ctllib.add(places, name, "true", [])
    for name in names:
        ctllib.restart(places, name)
    assert [message["name"] for message in sent(places)] == names


@pytest.mark.parametrize("act", [ctllib.remove, ctllib.restart, ctllib.read])
def test_a_program_that_is_not_there_is_refused(places, act):
    """A message nobody can act on would look like success. Who misspelt a name is shown the right one."""
    ctllib.add(places, "web", "true", [])
    with pytest.raises(Refused) as caught:
        act(places, "wbe")
    assert f'there is no program "wbe" in "{places.config}"; did you mean "web"?' in str(caught.value)
    assert list(places.messages.iterdir()) == []


def test_where_no_name_is_near_some_are_shown(places):
    """Whoever has no idea of the names gets one."""
    with pytest.raises(Refused, match="there is none yet"):
        ctllib.restart(places, "nosuch")
    for number in range(6):
        ctllib.add(places, f"program{number}", "true", [])
    with pytest.raises(Refused, match=r'there is "program0", .*, "program4" and more'):
        ctllib.restart(places, "nosuch")


def test_a_link_to_nowhere_is_no_program(places):
    """A supervisor cannot read it either."""
    (places.config / "web").symlink_to("nowhere")
    with pytest.raises(Refused):
        ctllib.restart(places, "web")


def test_a_label_that_no_program_carries_is_refused(places):
    """Files that cannot be used are passed over: they are not what was asked about."""
    ctllib.add(places, "web", "true", [], group=["front"])
    (places.config / "odd").write_text('{"group": 5}')
    (places.config / "bad").write_text("{")
    (places.config / "dir").mkdir()
    (places.config / "-x").write_text("{}")
    with pytest.raises(Refused, match='carries that label; did you mean "front"'):
        ctllib.restart_group(places, "fornt")
    ctllib.restart_group(places, "front")
    assert sent(places) == [{"type": "RESTART-GROUP", "group": "front"}]


# Places that are no use ---------------------------------------------------------------------------------------------

ACTS = {
    "add": lambda places: ctllib.add(places, "web", "true", []),
    "remove": lambda places: ctllib.remove(places, "web"),
    "restart": lambda places: ctllib.restart(places, "web"),
    "restart_group": lambda places: ctllib.restart_group(places, "front"),
    "names": ctllib.names,
    "read": lambda places: ctllib.read(places, "web"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("where", ["missing", "file", "file/below"])
def test_a_directory_of_programs_that_is_none_is_told(tmp_path, places, act, where):
    """The path is what has to be changed, so it is the caller's error, by name."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        act(Places(tmp_path / where, places.messages))
    assert f'there is no directory "{tmp_path / where}"; make it, or name another' in str(caught.value)


@pytest.mark.parametrize("where", ["missing", "file"])
def test_a_directory_of_messages_that_is_none_is_told(tmp_path, places, where):
    """As above."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="there is no directory"):
        ctllib.restart_all(Places(places.config, tmp_path / where))


@pytest.mark.parametrize("act", [*ACTS.values(), ctllib.restart_all], ids=[*ACTS, "restart_all"])
def test_a_directory_without_permission_is_told(places, act):
    """Whoever may not is told so, and that another user may."""
    ctllib.add(places, "web", "true", [], group=["front"])
    for place in places:
        place.chmod(0)
    try:
        with unprivileged(), pytest.raises(OSFailure, match="Permission denied; do it as a user who may"):
            act(places)
    finally:
        for place in places:
            place.chmod(0o700)


# names and read -----------------------------------------------------------------------------------------------------


def test_names_are_those_a_supervisor_looks_at(places):
    """Hidden files and files being written are none of them; files that cannot be used are."""
    for name in ("web", "bad", ".web.1.new", "web.new", "web~", "web.tmp"):
        (places.config / name).write_text("{")
    assert ctllib.names(places) == ["bad", "web"]


def test_read_tells_what_a_file_says_and_what_is_wrong_with_it(places):
    """With the supervisor's own words, so that nobody has to start one to know."""
    (places.config / "web").write_text('{"args": ["true"], "grop": 1}')
    (places.config / "bad").write_text('{"args": 5}')
    (places.config / "half").write_bytes(b"\xff{")
    web, bad, half = (ctllib.read(places, name) for name in ("web", "bad", "half"))
    assert (web.value, web.problems) == ({"args": ["true"], "grop": 1}, ())
    assert "did you mean group?" in web.warnings[0]
    assert (bad.value, [problem.key for problem in bad.problems]) == ({"args": 5}, ["args"])
    assert (half.text, half.value, len(half.problems)) == ("\ufffd{", None, 1)


def test_read_waits_for_no_pipe_and_takes_no_directory(places):
    """Either may lie in a directory that many people write to."""
    (places.config / "dir").mkdir()
    os.mkfifo(places.config / "pipe")
    for name in ("dir", "pipe"):
        described = ctllib.read(places, name)
        assert (described.text, described.value, len(described.problems)) == (None, None, 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("wéb", '"wéb"'), ('a"b', '"a\\"b"'), ("a\x1b[31m\n", '"a\\u001b[31m\\n"'), ("\udcff", '"\\udcff"')],
)
def test_what_is_quoted_is_safe_on_a_terminal(text, shown):
    """Names and paths come from outside, and messages go to people's terminals and logs."""
    assert ctllib.quoted(text) == shown
