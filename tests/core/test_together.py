"""What programs are told that are fine alone and not together."""

import json

import pytest

from ncolony.core import together
from ncolony.core.check import check
from ncolony.core.program import Defaults


def programs(**files):
    """Return the programs of these keys; args are added."""
    made = {}
    for name, keys in files.items():
        value = {"args": ["true"], **keys}
        made[name] = check(name, json.dumps(value), value, Defaults()).program
        assert made[name] is not None
    return made


def told(others=(), **files):
    """Return what is found, as (program, sentence)."""
    found = together.problems(programs(**files), others)
    return [(name, str(problem)) for name, several in found.items() for problem in several]


def test_programs_that_do_not_meet_are_fine():
    """Addresses, files and needs of their own."""
    assert told(
        db={"sockets": {"a": "tcp://127.0.0.1:80"}, "log": {"file": "/var/log/{name}.log", "backups": 1}},
        web={"sockets": {"a": "tcp://127.0.0.1:81"}, "log": {"file": "/var/log/{name}.log"}, "needs": {"db": "ready"}},
    ) == []  # fmt: skip


def test_a_need_that_can_never_be_is_told():
    """An unknown name with what was meant; a cycle written out, of all who are in it."""
    assert told(web={"needs": {"dbase": "ready"}}, dbases={}) == [
        ("web", 'needs.dbase: found the unknown program "dbase", wanted the name of a program (did you mean dbases?)')
    ]
    cycle = told(a={"needs": {"b": "ready"}}, b={"needs": {"a": "started"}})
    assert [name for name, _ in cycle] == ["a", "b"]
    assert cycle[0][1] == "needs: found a cycle, a -> b -> a, wanted programs that do not need each other"


def test_a_file_that_cannot_be_used_is_known_by_its_name():
    """Whoever needs its program has made no mistake."""
    assert told(others=["db"], web={"needs": {"db": "ready"}}) == []


def test_one_address_in_two_programs_is_told_unless_they_share_it():
    """Of the second one; names of sockets do not matter."""
    one, shared = {"address": "tcp://127.0.0.1:80"}, {"address": "tcp://127.0.0.1:80", "reuse_port": True}
    for first, second in ((one, one), (one, shared), (shared, one)):
        ((name, words),) = told(a={"sockets": {"x": first}}, b={"sockets": {"y": second}})
        assert name == "b"
        assert words.startswith('sockets["y"]: found "tcp://127.0.0.1:80", which "a" has as well, wanted each address')
    assert told(a={"sockets": {"x": shared}}, b={"sockets": {"y": shared}}) == []


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ({}, {}, False),
        ({"backups": 3}, {"backups": 3}, False),
        ({"backups": 3}, {"backups": 4}, True),
        ({"max_bytes": "1MB"}, {}, True),
        ({"max_age": "1d"}, {}, True),
        ({"format": "json"}, {}, False),
    ],
)
def test_one_file_that_is_rotated_in_two_ways_is_told(first, second, wrong):
    """Whoever came second would have the first one's backups."""
    log = {"file": "/var/log/all.log"}
    found = told(a={"log": {**log, **first}}, b={"log": {**log, **second}})
    assert bool(found) == wrong
    if wrong:
        ((name, words),) = found
        assert (name, 'the file "/var/log/all.log", which "a" has rotated in another way' in words) == ("b", True)


def test_files_are_compared_by_what_they_are_called_in_the_end():
    """`{name}` may make the one file of another program."""
    ((name, _),) = told(a={"log": {"file": "/l/b.log"}}, b={"log": {"file": "/l/{name}.log", "backups": 1}})
    assert name == "b"
    ((name, words),) = told(a={"log": {"stdout": {"file": "/l/a"}, "stderr": {"file": "/l/a", "backups": 1}}})
    assert words == (
        'log: found the file "/l/a", which another target here has rotated in another way, wanted one way to rotate one'
        " file"
    )


@pytest.mark.parametrize(
    ("path", "instances", "meets"),
    [
        ("/l/{instance}", 1, ["1"]),
        ("/l/{instance}", 3, ["1", "2", "3"]),
        ("/l/{stream}", 1, ["stdout", "stderr"]),
        ("/l/3", 3, ["3"]),
    ],
)
def test_files_of_instances_and_streams_are_compared(path, instances, meets):
    """Each by its own name, and by no other."""
    for name in ("0", "1", "2", "3", "4", "stdout", "stderr"):
        found = told(a={"log": {"file": path}, "instances": instances}, b={"log": {"file": f"/l/{name}", "backups": 1}})
        assert bool(found) == (name in meets)
