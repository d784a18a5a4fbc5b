"""The ``sockets`` key: every form of an address, and every way to get it wrong."""

from __future__ import annotations

import json

import pytest

from ncolony.core.check import Checked, check
from ncolony.core.keyspec import Mismatch
from ncolony.core.program import Defaults
from ncolony.core.sockets import (
    MAX_NAME,
    MAX_PATH,
    MAX_SOCKETS,
    SOCKET_KEYS,
    TCP,
    TCP6,
    UDP,
    UDP6,
    UNIX,
    Socket,
    address_of,
    sockets,
)


def checked(value: object) -> Checked:
    """Check a program with these sockets."""
    whole: dict[str, object] = {"args": ["web"], "sockets": value}
    return check("web", json.dumps(whole), whole, Defaults())


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("tcp://127.0.0.1:8080", Socket("it", TCP, "127.0.0.1", 8080)),
        ("tcp://0.0.0.0:65535", Socket("it", TCP, "0.0.0.0", 65535)),  # noqa: S104 - data
        ("udp://192.0.2.1:53", Socket("it", UDP, "192.0.2.1", 53)),
        ("tcp6://[::]:80", Socket("it", TCP6, "::", 80)),
        ("tcp6://[0:0:0:0:0:0:0:1]:80", Socket("it", TCP6, "::1", 80)),
        ("udp6://[2001:DB8::1]:53", Socket("it", UDP6, "2001:db8::1", 53)),
        ("unix:///" + "x" * (MAX_PATH - 1), Socket("it", UNIX, "/" + "x" * (MAX_PATH - 1))),
        ("unix:///run/web.sock", Socket("it", UNIX, "/run/web.sock")),
        ({"address": "tcp://127.0.0.1:1", "backlog": 5, "reuse_port": True},
         Socket("it", TCP, "127.0.0.1", 1, backlog=5, reuse_port=True)),
        ({"address": "tcp6://[::]:1", "v6only": False}, Socket("it", TCP6, "::", 1, v6only=False)),
        ({"address": "unix:///s", "mode": "0660", "owner": "root:web"},
         Socket("it", UNIX, "/s", mode=0o660, owner="root:web")),
        ({"address": "unix:///s", "mode": "600", "owner": ":33"}, Socket("it", UNIX, "/s", mode=0o600, owner=":33")),
    ],
)  # fmt: skip
def test_a_good_address_is_held(value: object, held: Socket) -> None:
    """In one form, so that two ways to write it are one meaning."""
    assert sockets({"it": value}) == (held,)
    assert sockets({"it": address_of(held)})[0].host == held.host


def test_as_many_sockets_are_held_as_there_may_be_with_the_oddest_names() -> None:
    """A name is what stands between the colons of LISTEN_FDNAMES."""
    assert len(sockets({f"s{number}": f"unix:///{number}" for number in range(MAX_SOCKETS)})) == MAX_SOCKETS
    for name in ("!", "~", "x" * 255, "a/b"):
        assert sockets({name: "unix:///s"})[0].name == name


def test_the_defaults_of_keys_and_records_are_the_same() -> None:
    """Two places that say one thing; the reference in docs/ is made of the first."""
    assert Socket("it", TCP, "") == Socket("it", TCP, "", 0, 0o666, "", 4096, reuse_port=False, v6only=True)
    defaults = {key.name: key.default for key in SOCKET_KEYS}
    assert (defaults["mode"], defaults["backlog"]) == ('"0666"', "4096")
    assert (defaults["reuse_port"], defaults["v6only"]) == ("false", "true")


@pytest.mark.parametrize(("backlog", "held"), [(1, True), (2**31 - 1, True), (0, False), (2**31, False)])
def test_a_backlog_is_what_listen_takes(backlog: int, held: bool) -> None:
    """A number above 0 that fits an int."""
    assert (checked({"a": {"address": "tcp://127.0.0.1:1", "backlog": backlog}}).program is not None) == held


@pytest.mark.parametrize(
    ("address", "key", "value", "whose"),
    [
        ("tcp://127.0.0.1:1", "mode", "0600", "a unix socket"),
        ("tcp://127.0.0.1:1", "owner", "web", "a unix socket"),
        ("udp://127.0.0.1:1", "backlog", 5, "a socket that is connected to"),
        ("unix:///s", "reuse_port", True, "a tcp or udp socket"),
        ("tcp://127.0.0.1:1", "v6only", True, "a tcp6 or udp6 socket"),
    ],
)
def test_a_key_of_another_kind_of_socket_is_refused(address: str, key: str, value: object, whose: str) -> None:
    """An option that does nothing is worse than an error."""
    (problem,) = checked({"a": {"address": address, key: value}}).problems
    assert (problem.key, problem.wanted) == (f'sockets["a"].{key}', f"this key to be left out: it is for {whose}")


def test_limits_of_names_and_paths_are_those_of_the_system() -> None:
    """255 bytes of a name in LISTEN_FDNAMES; 107 of sun_path, and the NUL behind them."""
    assert (MAX_NAME, MAX_PATH) == (255, 107)


def test_sockets_are_sorted_by_name() -> None:
    """The order in an object means nothing, and the program counts on one."""
    assert [one.name for one in sockets({"b": "tcp://127.0.0.1:1", "a": "tcp://127.0.0.1:2"})] == ["a", "b"]
    assert sockets({}) == ()


@pytest.mark.parametrize(
    "address",
    [
        "", "127.0.0.1:80", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:http", "tcp://localhost:80", "tcp://*:80", "tcp://:80", "tcp://1.2.3:80", "tcp://1.2.3.256:80",
        "tcp6://[::1:80", "tcp6://::1]:80", "tcp://1.2.3.04:80", "tcp://[::1]:80", "tcp6://::1:80", "tcp6://[::g]:80", "tcp6://[fe80::1%eth0]:80",
        "tcp6://127.0.0.1:80", "TCP://127.0.0.1:80", "http://127.0.0.1:80", "tcp://127.0.0.1:\u0663", "unix://run/s",
        "unix:/run/s", "unix:///run/", "unix://", "unix:///a\0b", "unix:///a\nb", 80, None, True,
        ["tcp://127.0.0.1:80"],
        "unix:///" + "x" * MAX_PATH,
    ],
)  # fmt: skip
def test_a_bad_address_is_refused(address: object) -> None:
    """No names, no guesses."""
    with pytest.raises(Mismatch):
        sockets({"it": address})
    (problem,) = checked({"it": {"address": address}}).problems
    assert problem.key == 'sockets["it"].address'


ONLY = "wanted this key to be left out: it is for"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("tcp://127.0.0.1:80", 'found "tcp://127.0.0.1:80", wanted an object of addresses, like {"web": "tcp:'),
        ({"a": {"mode": "0600"}}, '["a"].address: found no such key, wanted an address, like'),
        ({"a": {"address": "tcp://127.0.0.1:1", "mode": "0600"}}, f'["a"].mode: found "0600", {ONLY} a unix socket'),
        ({"a": {"address": "unix:///s", "reuse_port": True}}, f'["a"].reuse_port: found true, {ONLY} a tcp or udp'),
        ({"a": {"address": "udp://127.0.0.1:1", "backlog": 1}}, f'["a"].backlog: found 1, {ONLY} a socket that is'),
        ({"a": {"address": "tcp://127.0.0.1:1", "v6only": True}}, f'["a"].v6only: found true, {ONLY} a tcp6 or udp6'),
        ({"a": {"address": "unix:///s", "mode": "rw"}}, '["a"].mode: found "rw", wanted a string of three octal'),
        ({"a": {"address": "unix:///s", "mode": "1777"}}, '["a"].mode: found "1777", wanted a string of three octal'),
        ({"a": {"address": "unix:///s", "mode": "01777"}}, '["a"].mode: found "01777", wanted a string of three'),
        ({"a": {"address": "unix:///s", "owner": "a:"}}, '["a"].owner: found "a:", wanted a user, a user and'),
        ({"a": {"address": "unix:///s", "owner": "a:b:c"}}, '["a"].owner: found "a:b:c", wanted a user, a user and'),
        ({"a": {"address": "unix:///s", "moed": 1}}, '["a"]: found the unknown key "moed", wanted one of address'),
        ({"a:b": "unix:///s"}, 'found "a:b", wanted the name of a socket'),
        ({"": "unix:///s"}, 'found "", wanted the name of a socket'),
        ({"\u00e4": "unix:///s"}, 'found "\\u00e4", wanted the name of a socket'),
        ({"a": "unix:///s", "b": "unix:///s"}, '["b"]: found "unix:///s", wanted each address once; "a" has it'),
        ({f"s{n}": f"unix:///{n}" for n in range(MAX_SOCKETS + 1)}, "found 65 sockets, wanted at most 64 sockets"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_in_words_that_help(value: object, complaint: str) -> None:
    """Where, what was found, what is wanted."""
    (problem,) = checked(value).problems
    assert complaint in str(problem)


def test_all_problems_are_told_at_once() -> None:
    """Of all sockets, and of all keys of each."""
    value = {"a": "tcp://x:1", "b": {"address": "unix:///s", "mode": "rw", "backlog": 0}, "c d": "unix:///t"}
    assert [problem.key for problem in checked(value).problems] == [
        'sockets["a"].address', 'sockets["b"].mode', 'sockets["b"].backlog', "sockets",
    ]  # fmt: skip
