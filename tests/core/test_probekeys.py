"""The `ready` and `health` keys: what they mean, and what is refused with which words."""

from __future__ import annotations

import pytest

from ncolony.core.check import check
from ncolony.core.kept import fingerprint
from ncolony.core.plan import plan
from ncolony.core.probekeys import HEALTH_KEYS, READY_KEYS
from ncolony.core.probespec import FD, LOG, NOTIFY, Beat, Exec, HealthRule, Http, Reports, Signs, Tcp
from ncolony.core.program import Defaults, Program, ReadyRule


def checked(**keys: object) -> Program:
    """Return the program that a file with these keys is."""
    found = check("web", "{}", {"args": ["web"], **keys}, Defaults())
    assert found.program is not None, found.problems
    return found.program


def problems(**keys: object) -> list[str]:
    """Return what is wrong with a file."""
    found = check("web", "{}", {"args": ["web"], **keys}, Defaults())
    assert found.program is None
    return [f"{problem.key}: {problem.found}: {problem.wanted}" for problem in found.problems]


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("notify", ReadyRule(by=Signs("notify"))),
        ({"notify": True, "timeout": "2m"}, ReadyRule(by=Signs("notify"), timeout=120.0)),
        ({"after": "1500ms"}, ReadyRule(after=1.5)),
        ({"after": 0}, ReadyRule(after=0.0)),
        ({"fd": 3}, ReadyRule(by=Signs("fd", fd=3))),
        ({"log": "listening on .*:80$"}, ReadyRule(by=Signs("log", pattern="listening on .*:80$"))),
        ({"tcp": 8080, "period": 0.25}, ReadyRule(by=Tcp("127.0.0.1", 8080), period=0.25)),
        ({"tcp": "localhost:80"}, ReadyRule(by=Tcp("127.0.0.1", 80))),
        ({"tcp": "192.0.2.7:80"}, ReadyRule(by=Tcp("192.0.2.7", 80))),
        ({"tcp": "[0::1]:80"}, ReadyRule(by=Tcp("::1", 80))),
        ({"tcp": "/run/web.sock"}, ReadyRule(by=Tcp("/run/web.sock"))),
        ({"tcp": 1}, ReadyRule(by=Tcp("127.0.0.1", 1))),
        ({"tcp": "localhost:1"}, ReadyRule(by=Tcp("127.0.0.1", 1))),
        ({"tcp": "localhost:65535"}, ReadyRule(by=Tcp("127.0.0.1", 65535))),
        ({"tcp": "/" + "x" * 106}, ReadyRule(by=Tcp("/" + "x" * 106))),
        ({"log": "x" * 1000}, ReadyRule(by=Signs("log", pattern="x" * 1000))),
        (
            {"http": "http://localhost/" + "x" * 1983},
            ReadyRule(by=Http(Tcp("127.0.0.1", 80), "/" + "x" * 1983, "localhost")),
        ),
        ({"http": "http://localhost"}, ReadyRule(by=Http(Tcp("127.0.0.1", 80), "/", "localhost"))),
        ({"http": "http://[::1]:81/a?b=c"}, ReadyRule(by=Http(Tcp("::1", 81), "/a?b=c", "[::1]:81"))),
        ({"http": "http://127.0.0.1?x"}, ReadyRule(by=Http(Tcp("127.0.0.1", 80), "/?x", "127.0.0.1"))),
        ({"exec": ["check", "-q"]}, ReadyRule(by=Exec(("check", "-q")))),
    ],
)
def test_ready_says_by_what(value: object, rule: ReadyRule) -> None:
    """Each way, and its short forms."""
    assert checked(ready=value).ready == rule


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ({"tcp": 80}, HealthRule(Tcp("127.0.0.1", 80), jitter=1.0)),
        ({"tcp": 80, "period": 1}, HealthRule(Tcp("127.0.0.1", 80), period=1.0, timeout=0.5, jitter=0.1)),
        (
            {"exec": ["x"], "period": 60, "timeout": 5, "failures": 2, "successes": 3, "grace": 9, "jitter": 0},
            HealthRule(Exec(("x",)), 0.0, 60.0, 5.0, 2, 3, 9.0, 0.0),
        ),
        ({"beat": "beats"}, HealthRule(Beat("beats"), failures=1, jitter=1.0)),
        ({"beat": "/b", "grace": "3s", "failures": 2}, HealthRule(Beat("/b"), failures=2, grace=3.0, jitter=1.0)),
        ({"watchdog": 9}, HealthRule(watchdog=9.0)),
        ({"watchdog": "30s", "grace": 5}, HealthRule(watchdog=30.0, grace=5.0)),
    ],
)
def test_health_has_the_defaults_of_kubernetes(value: object, rule: HealthRule) -> None:
    """Every 10 s, 1 s for the answer, three failures; a beat that is late enough is late once."""
    assert checked(health=value).health == rule


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Tcp("127.0.0.1", 80), "127.0.0.1:80"),
        (Tcp("::1", 80), "[::1]:80"),
        (Tcp("/run/a:b.sock"), "/run/a:b.sock"),
        (Http(Tcp("::1", 81), "/a?b", "[::1]:81"), "http://[::1]:81/a?b"),
        (Exec(("check", "-q", "a\nb")), "check -q a b"),
        (Exec(("x" * 1000,)), "x" * 80),
        (Beat("beats"), "beats"),
    ],
)
def test_a_probe_is_told_as_people_write_it(probe: object, words: str) -> None:
    """In one line: it stands in the log when it fails."""
    assert str(probe) == words


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({}, "ready: none of them: exactly one of after, notify, fd, log, tcp, http, exec"),
        ({"tcp": 80, "fd": 3}, "ready: fd and tcp together: exactly one of "),
        ({"tpc": 80, "notify": True}, 'ready: the unknown key "tpc": one of after, '),
        (7, 'ready: 7: "notify", or an object with one of '),
        ({"notify": False}, "ready.notify: false: true"),
        ({"tcp": "example.org:80"}, 'ready.tcp: "example.org:80": a port, an address'),
        ({"tcp": "127.0.0.1"}, "ready.tcp: "),
        ({"tcp": "[::1:80"}, 'ready.tcp: "[::1:80": '),
        ({"tcp": "::1]:80"}, 'ready.tcp: "::1]:80": '),
        ({"tcp": True}, "ready.tcp: true: "),
        ({"tcp": 0}, "ready.tcp: 0: "),
        ({"tcp": 65536}, "ready.tcp: 65536: "),
        ({"tcp": "localhost:0"}, 'ready.tcp: "localhost:0": '),
        ({"tcp": "localhost:65536"}, 'ready.tcp: "localhost:65536": '),
        ({"tcp": "/" + "x" * 107}, "ready.tcp: "),
        ({"http": "https://localhost/"}, 'ready.http: "https://localhost/": an http:// URL; for https let a command'),
        ({"http": "http://user@localhost/"}, "ready.http: "),
        ({"http": "http://localhost/a b"}, "ready.http: "),
        ({"http": "http://localhost/a\r\nX: y"}, "ready.http: "),
        ({"http": "http://example.org/"}, "ready.http: "),
        ({"http": "http://localhost/" + "x" * 2000}, "ready.http: 2017 of them: at most 2000 characters"),
        ({"fd": 2}, "ready.fd: 2: a descriptor from 3 to 255"),
        ({"log": "a(b"}, "ready.log: "),
        ({"log": "x" * 1001}, "ready.log: 1001 of them: at most 1000 characters"),
        ({"exec": []}, "ready.exec: []: "),
        ({"exec": "check"}, "ready.exec: "),
        ({"after": 1, "timeout": 9}, "ready.timeout: 9.0: this key to be left out"),
        ({"notify": True, "period": 1}, "ready.period: 1.0: this key to be left out"),
        ({"tcp": 80, "timeout": 0}, "ready.timeout: 0: a time above 0"),
    ],
)
def test_what_ready_cannot_be_is_refused(value: object, found: str) -> None:
    """With what was found and what is wanted."""
    (problem,) = problems(ready=value)
    assert problem.startswith(found)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("notify", 'health: "notify": an object with one of '),
        ({"tcp": 80, "timeout": 10}, "health.timeout: 10 s: a time below the period, 10 s"),
        ({"tcp": 80, "jitter": 10}, "health.jitter: 10 s: a time below the period, 10 s"),
        ({"watchdog": 9, "failures": 2}, "health.failures: 2: this key to be left out"),
        *(
            ({"watchdog": 9, name: 2}, f"health.{name}: 2.0: this key to be left out: it is for checks that are made")
            for name in ("period", "timeout", "jitter")
        ),
        ({"watchdog": 9, "successes": 2}, "health.successes: 2: this key to be left out"),
        ({"beat": "x", "timeout": 1}, "health.timeout: 1.0: this key to be left out: looking at a file takes no time"),
        ({"tcp": 80, "period": 0}, "health.period: 0: a time above 0"),
        ({"tcp": 80, "failures": 0}, "health.failures: 0: a whole number from 1 up"),
        ({"log": "x"}, 'health: the unknown key "log": '),
    ],
)
def test_what_health_cannot_be_is_refused(value: object, found: str) -> None:
    """A check that takes longer than its period would meet the next one."""
    assert problems(health=value)[0].startswith(found)


def test_all_mistakes_are_told_at_once() -> None:
    """One at a time is a waste of everybody's time."""
    assert len(problems(ready={"tcp": "x", "timeout": -1}, health={"http": "x", "period": -1})) == 4


def test_a_descriptor_for_the_newline_comes_after_the_sockets() -> None:
    """Descriptor 3 is the first socket."""
    sockets = {"a": "tcp://127.0.0.1:80"}
    (problem,) = problems(ready={"fd": 3}, sockets=sockets)
    assert problem == "ready.fd: 3: a descriptor from 4 on: its sockets come first"
    assert checked(ready={"fd": 4}, sockets=sockets).reports == Reports(fd=4)


@pytest.mark.parametrize(
    ("keys", "reports"),
    [
        ({"ready": {"tcp": 80}, "health": {"tcp": 80}}, None),
        ({"ready": "notify"}, Reports(notify=True)),
        ({"ready": {"fd": 5}}, Reports(fd=5)),
        ({"health": {"watchdog": 3}}, Reports(notify=True, watchdog=3.0)),
        ({"ready": {"fd": 5}, "health": {"watchdog": 3}}, Reports(True, 3.0, 5)),
    ],
)
def test_only_what_a_process_is_started_with_costs_a_restart(keys: dict[str, object], reports: Reports | None) -> None:
    """Another URL is looked at from now on; another way to report has to be told to a process when it starts."""
    plain, described = checked(), checked(**keys)
    assert described.reports == reports
    (change,) = plan({"web": plain}, {"web": described})
    assert change.restart == (reports is not None)  # type: ignore[union-attr]
    assert (fingerprint(plain) != fingerprint(described)) == (reports is not None)


def test_the_defaults_are_those_of_the_reference() -> None:
    """Records say them in one place, keys in words in another."""
    defaults = {key.name: key.default for key in HEALTH_KEYS}
    assert HealthRule() == HealthRule(None, 0.0, 10.0, 1.0, 3, 1, 0.0, 0.0)
    assert (defaults["period"], defaults["successes"], defaults["grace"]) == ("10", "1", "0")
    assert (defaults["timeout"].split(",")[0], defaults["failures"].split(";")[0]) == ("1", "3")
    assert (ReadyRule().after, ReadyRule().timeout, ReadyRule().by, ReadyRule().period) == (None, 60.0, None, 1.0)
    defaults = {key.name: key.default for key in READY_KEYS}
    assert (defaults["timeout"], defaults["period"]) == ("60", "1")
    assert Signs("fd") == Signs("fd", 0, "")
    assert Reports() == Reports(False, 0.0, None)
    assert (NOTIFY, FD, LOG) == ("notify", "fd", "log")
