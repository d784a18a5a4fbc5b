"""The JSON Schemas of files in conf/: valid themselves, complete, and of one mind with the checker."""

from __future__ import annotations

import json
import re
from pathlib import Path
from signal import Signals

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ncolony.core import schema
from ncolony.core.check import check
from ncolony.core.colonykeys import COLONY_KEYS, check_colony
from ncolony.core.keys import KEYS
from ncolony.core.keyspec import Key
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.program import Defaults

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = jsonschema.Draft202012Validator(schema.program())
COLONY = jsonschema.Draft202012Validator(schema.colony())

# What a check finds and no schema can say: two keys together, and what is inside a text that looks right.
BEYOND = re.compile(
    "this key to be left out: (it is for|a time to be|looking)|wanted a time below the period"
    "|wanted (five fields|one of @|a minute|no more than `every`|a `timeout` with it)"
    "|found (true with |it beside )?a `schedule`"
    "|wanted this key to be left out, as|wanted min_delay not above|wanted attempts from 1 to"
    "|wanted soft not above hard|wanted each (target|address) once|wanted a descriptor from"
    "|wanted no rotation|or the descriptor 1 or 2|wanted no level|wanted a regular expression"
    '|found "[^"]*", wanted (a time|a size|a port|an address|an URL|the path of a socket|a path|at most)'
    r"|found [0-9.e+]+, wanted (a user|a signal|a group|a whole number|an exit code|a descriptor|a port|a size)"
    "|found [0-9.e+]+, wanted (the number|a list)|wanted 1 to [0-9]+ bytes of printable text"
)


def problems(value: dict[str, object]) -> list[str]:
    """Return what the checker has against a program's file."""
    try:
        text, parsed = parse(json.dumps(value).encode())
    except NotAnObject as error:
        return [str(error)]
    return [str(problem) for problem in check("web", text, parsed, Defaults()).problems]


@pytest.mark.parametrize("made", [schema.program(), schema.colony()], ids=["program", "colony"])
def test_schemas_are_schemas(made: dict[str, object]) -> None:
    """By the rules of their own dialect; every reference leads somewhere, and every pattern is one."""
    jsonschema.Draft202012Validator.check_schema(made)
    text = json.dumps(made)
    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) <= set(made["$defs"])  # type: ignore[call-overload]


def test_every_key_has_a_schema() -> None:
    """A key that is added without one is told, by its name."""
    assert set(schema.program()["properties"]) == {key.name for key in KEYS}  # type: ignore[call-overload]
    assert set(schema.colony()["properties"]) == {key.name for key in COLONY_KEYS}  # type: ignore[call-overload]
    with pytest.raises(LookupError, match=r"no schema for the key stop\.new"):
        schema.of(Key("new", lambda value: value, "anything", "", ""), "stop")


def test_every_signal_of_this_system_is_known() -> None:
    """By its name, with and without SIG."""
    for one in Signals:
        for name in (one.name, one.name.removeprefix("SIG").lower(), int(one)):
            assert PROGRAM.is_valid({"args": ["web"], "stop": {"signal": name}})


# The checker and the schema -----------------------------------------------------------------------------------------

WORDS = st.sampled_from([
    "", "web", "always", "permanent", "transient", "temporary", "tree", "console", "syslog", "none", "json",
    "notify", "TERM", "sigint", "SIGTERMM", "SIGRTMIN", "1m30s", "500ms", "0s", "1h ", "1.5d", "5 s", "10MB",
    "1GiB", "1kiB", "3 kB", "022", "0o22", "999", "0660", "tcp://127.0.0.1:8080", "tcp://127.0.0.1:0",
    "tcp6://[::1]:80", "tcp://localhost:1", "udp://256.0.0.1:53", "unix:///run/a.sock", "unix://run",
    "unix:///", "/var/log/{name}.log", "/var/log/{nam}.log", "/var/log/", "/a\n", "/a/..", "var/log", "8080",
    "127.0.0.1:80", "localhost:80", "[::1]:80", "[zz]:80", "example.com:80", "http://127.0.0.1:80/x?y",
    "http://localhost", "https://127.0.0.1/", "http://[::1]:8/", "http://a/", "root:www", ":www", "a:", "a b",
    "30 2 * * *", "@daily", "@x", "* * 30 2 *", "Europe/Berlin", "UTC", "skip", "queue",
    "ready", "done", "started", "stop", "ignore", "restart", "unlimited", "idle", "best-effort", "daemon",
    "rfc5424", "stdout", "raw", "drop", "a=b", "A", ".hidden", "db", "db.new", "x/y", "udp:1.2.3.4:514", "(",
    "TERM\n", "10MB\n", "1m\n", "022\n", "db\n",
])  # fmt: skip
NUMBERS = st.sampled_from([
    0, 1, 2, -1, 0.5, 1.0, 3, 19, 20, 59, 60, 64, 65, 100, 255, 256, 1000, 4095, 4096, 65535, 65536, 8192,
    100_000, 100_001, 10**6, 10**6 + 1, 2**31, 2**32 - 2, 2**32, 2**60, 2**62, 2**63, 4e9,
])  # fmt: skip
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=4)


GOOD: dict[str, list[object]] = {
    "args": [["web", "-p", "80"]],
    "env": [{"A": "1"}],
    "env_inherit": [["PATH"]],
    "uid": ["www-data", 33],
    "group": [["public"]],
    "stdin": ["pipe", "null"],
    "env_files": [["/etc/web.env", "-/etc/more.env"], []],
    "cwd": ["/srv"],
    "umask": ["022"],
    "instances": [2],
    "autostart": [False],
    "restart": [
        "transient",
        {
            "policy": "transient",
            "ok_exits": [0, "TERM"],
            "threshold": "1s",
            "min_delay": 0.5,
            "max_delay": "2m",
            "attempts": 5,
            "window": "10m",
            "jitter": 0.5,
        },
    ],
    "stop": [{"signal": "INT", "timeout": "10s", "scope": "group"}],
    "log": [
        "console",
        None,
        {"console": "json", "to": "stdout"},
        ["syslog", {"file": "/var/log/{name}.log"}],
        {
            "file": "/var/log/web.log",
            "max_bytes": "10MB",
            "backups": 5,
            "max_age": "1d",
            "compress": True,
            "format": "prefix",
            "full": "block",
        },
        {"stdout": {"syslog": "udp:192.0.2.1:514", "facility": "local0", "format": "rfc5424"}, "stderr": "none"},
    ],
    "limits": [
        {
            "as": "1GB",
            "core": 0,
            "cpu": 60,
            "nofile": {"soft": 100, "hard": "unlimited"},
            "nice": 5,
            "rttime": "1s",
            "oom_score_adj": -5,
            "cpu_affinity": [0],
            "io": {"class": "best-effort", "level": 7},
        },
        {"io": "idle"},
    ],
    "sockets": [
        {
            "web": "tcp://127.0.0.1:8080",
            "six": {"address": "tcp6://[::]:80", "v6only": False, "backlog": 5},
            "file": {"address": "unix:///run/web.sock", "mode": "0660", "owner": "root:www-data"},
        }
    ],
    "reload": [True, False, {}, {"max_parallel": 2, "min_healthy": "5s", "timeout": 30, "drain": 0, "signal": "HUP"}],
    "needs": [{"db": "ready", "cache": {"is": "started", "on_loss": "ignore"}}],
    "schedule": [
        "10m",
        60,
        "30 2 * * mon-fri",
        {"every": "1h", "jitter": "5m", "overlap": "queue", "timeout": "30m", "grace": 5, "retries": 3},
        {"cron": "@daily", "zone": "Europe/Berlin", "catch_up": True},
    ],
    "priority": [5],
    "critical": [True],
    "ready": [
        "notify",
        {"after": "1s"},
        {"notify": True, "timeout": "5s"},
        {"fd": 4},
        {"log": "up"},
        {"exec": ["true"]},
        {"tcp": "127.0.0.1:80", "period": "2s"},
        {"tcp": 80},
        {"http": "http://localhost:80/x"},
    ],
    "health": [
        {"http": "http://127.0.0.1:80/", "period": 5, "timeout": 1, "failures": 2, "successes": 1, "grace": 3},
        {"tcp": "[::1]:80", "jitter": 0.5},
        {"exec": ["true"]},
        {"beat": "beats", "grace": "5s"},
        {"watchdog": "5s"},
    ],
}


def places_in(value: object, so_far: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the way to everything inside a value, and to itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [so_far, *(place for name, one in inner for place in places_in(one, (*so_far, name)))]


def with_another(value: object, way: tuple[object, ...], other: object) -> object:
    """Return the value with another at one place."""
    if not way:
        return other
    made = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    made[way[0]] = with_another(made[way[0]], way[1:], other)
    return made


ALL_NAMES = sorted({name for examples in GOOD.values() for one in examples
                    for way in places_in(one) for name in way if isinstance(name, str)})  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> dict[str, object]:
    """Make the object of a file with a key or two of ours, most of them spoilt in one place."""
    made: dict[str, object] = {"args": ["web"]}
    for name in draw(st.lists(st.sampled_from(sorted(GOOD)), min_size=1, max_size=2, unique=True)):
        made[name] = draw(st.sampled_from(GOOD[name]))
        for _ in range(draw(st.integers(0, 2))):
            way = draw(st.sampled_from(places_in(made[name])))
            other = draw(SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(ALL_NAMES) | WORDS,
                                                                                   SCALARS, max_size=2))  # fmt: skip
            made[name] = with_another(made[name], way, other)
    return made


def test_the_corpus_has_every_key() -> None:
    """And every example in it is good."""
    assert set(GOOD) | {"gid"} == {key.name for key in KEYS}
    for name, examples in GOOD.items():
        for one in examples:
            assert problems({"args": ["web"], name: one}) == []


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(files())
@example({"args": []})
@example({})
@example({"args": ["a"], "theirs": {"deep": [None]}})
@example({"args": ["a"], "log": {"file": "/a", "console": "json"}})
@example({"args": ["a"], "log": [{"file": "/a"}, {"file": "/a"}]})
@example({"args": ["a"], "ready": {"tcp": 80, "http": "http://localhost/"}})
@example({"args": ["a"], "limits": {"nofile": {"soft": 5, "hard": "unlimited"}, "io": {"class": "idle"}}})
@example({"args": ["a"], "sockets": {"a b": "tcp://127.0.0.1:80"}})
def test_the_schema_and_the_checker_are_of_one_mind(value: dict[str, object]) -> None:
    """What the checker takes the schema takes; what only the checker refuses, no schema could know."""
    found, refused = problems(value), [error.message for error in PROGRAM.iter_errors(value)]
    if not found:
        assert refused == []
    elif not refused:
        assert [words for words in found if not BEYOND.search(words)] == []


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({}, True),
        ({"readers": "adm", "groups": {"web": {"strategy": "one_for_all", "attempts": 5, "window": "1m"}}}, True),
        ({"readers": ""}, False),
        ({"groups": []}, False),
        ({"groups": {"web": {"strategy": "all"}}}, False),
        ({"groups": {"web": "one_for_all"}}, False),
        ({"reader": "adm"}, False),
        ({"metrics": {"file": "/a/b.prom", "every": "1m"}}, True),
        ({"metrics": {"file": "b.prom"}}, False),
        ({"metrics": {"every": 5}}, False),
        ({"metrics": {"file": "/a", "every": 0.5}}, False),
        ({"hooks": {}}, False),
        ({"hooks": [{"on": "fatal", "exec": ["page"]}, {"on": ["ended"], "exec": ["a", ""], "programs": ["*"]}]}, True),
        ({"hooks": [{"on": "fatal", "exec": ["page"], "timeout": "1m"}]}, True),
        ({"hooks": [{"on": [], "exec": ["page"]}]}, False),
        ({"hooks": [{"on": "fatal"}]}, False),
        ({"hooks": [{"on": "fatal", "exec": ["page"], "timeout": 0}]}, False),
    ],
)
def test_the_schema_of_the_colony_agrees_too(value: dict[str, object], good: bool) -> None:
    """It has no keys but ours."""
    assert (check_colony(value)[1] == ()) == COLONY.is_valid(value) == good


def test_examples_in_the_pages_are_valid() -> None:
    """Whatever a reader copies from README.md or docs/ passes in an editor."""
    seen = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for text in re.findall(r"^```json\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            value = json.loads(text)
            if "args" in value:
                assert [error.message for error in PROGRAM.iter_errors(value)] == [], page.name
                seen += 1
    assert seen > 5


def test_a_schema_as_text_is_the_schema() -> None:
    """With a line end, as files have."""
    text = schema.as_text({"type": "object"})
    assert json.loads(text) == {"type": "object"}
    assert text.endswith("}\n")
