"""The ``limits`` key: every form that a limit may take, and every way to get it wrong."""

from __future__ import annotations

import json

import pytest

from ncolony.core.check import Checked, check
from ncolony.core.kept import fingerprint
from ncolony.core.limits import BEST_EFFORT, IDLE, REALTIME, UNLIMITED, IoPriority, Limit, Limits
from ncolony.core.program import Defaults, Program


def checked(**limits: object) -> Checked:
    """Check a program with these limits."""
    value: dict[str, object] = {"args": ["web"], "limits": limits}
    return check("web", json.dumps(value), value, Defaults())


@pytest.mark.parametrize(
    ("key", "value", "held"),
    [
        ("nofile", 4096, Limit(4096, 4096)),
        ("nofile", "unlimited", Limit(UNLIMITED, UNLIMITED)),
        ("nofile", {"soft": 10, "hard": "unlimited"}, Limit(10, UNLIMITED)),
        ("nofile", {"soft": 10}, Limit(10)),
        ("nofile", {"hard": 10}, Limit(None, 10)),
        ("nproc", 0, Limit(0, 0)),
        ("as", "1GiB", Limit(2**30, 2**30)),
        ("core", {"soft": 0, "hard": "10MB"}, Limit(0, 10**7)),
        ("cpu", "5m", Limit(300, 300)),
        ("cpu", 1, Limit(1, 1)),
        ("nofile", {"soft": 10, "hard": 10}, Limit(10, 10)),
        ("rttime", "200ms", Limit(200_000, 200_000)),
        ("rttime", 3, Limit(3_000_000, 3_000_000)),
        ("nice", -20, -20),
        ("oom_score_adj", -1000, -1000),
        ("cpu_affinity", [3, 0, 3], (0, 3)),
        ("io", "idle", IoPriority(IDLE)),
        ("io", {"class": "idle"}, IoPriority(IDLE)),
        ("io", {"class": "best-effort", "level": 7}, IoPriority(BEST_EFFORT, 7)),
        ("io", "realtime", IoPriority(REALTIME, 4)),
    ],
)
def test_a_good_limit_is_held(key: str, value: object, held: object) -> None:
    """In the record that becomes the launcher's orders."""
    program = checked(**{key: value}).program
    assert program is not None
    assert program.limits == Limits(**{"as_" if key == "as" else key: held})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["as", "core", "data", "fsize", "memlock", "msgqueue", "rss", "stack"])
def test_limits_in_bytes(name: str) -> None:
    """Of the name that setrlimit(2) has for each."""
    program = checked(**{name: "1kB"}).program
    assert program is not None
    assert program.limits == Limits(**{"as_" if name == "as" else name: Limit(1000, 1000)})


@pytest.mark.parametrize("name", ["nofile", "nproc", "rtprio", "sigpending"])
def test_limits_in_numbers(name: str) -> None:
    """Up to what the system can count to."""
    program = checked(**{name: 2**62}).program
    assert program is not None
    assert program.limits == Limits(**{name: Limit(2**62, 2**62)})
    assert checked(**{name: 2**62 + 1}).program is None


@pytest.mark.parametrize(
    ("name", "least", "most"), [("nice", -20, 19), ("oom_score_adj", -1000, 1000), ("cpu_affinity", 0, 8191)]
)
def test_what_stands_at_the_ends_is_taken_and_what_is_beyond_is_not(name: str, least: int, most: int) -> None:
    """As the kernel has it."""

    def takes(value: int) -> bool:
        return checked(**{name: [value] if name == "cpu_affinity" else value}).program is not None

    assert takes(least)
    assert takes(most)
    assert not takes(least - 1)
    assert not takes(most + 1)


def test_the_first_level_of_a_class_is_0() -> None:
    """And the last 7."""
    program = checked(io={"class": "best-effort", "level": 0}).program
    assert program is not None
    assert program.limits.io == IoPriority(BEST_EFFORT, 0)


MORE = '"unlimited", or an object of `soft` and `hard`'
COUNT = f"a whole number, {MORE}"
SIZE = f'a size, like "10MB", {MORE}'
CLASS = '"idle", "best-effort" or "realtime"'


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"nofile": "many"}, f'limits.nofile: found "many", wanted {COUNT}'),
        ({"nofile": -1}, f"limits.nofile: found -1, wanted {COUNT}"),
        ({"nofile": True}, f"limits.nofile: found true, wanted {COUNT}"),
        ({"nofile": {"soft": "x"}}, f'limits.nofile.soft: found "x", wanted {COUNT}'),
        ({"nofile": {"sotf": 1}},
         'limits.nofile: found the unknown key "sotf", wanted one of soft, hard (did you mean soft?)'),
        ({"nofile": {"soft": 2, "hard": 1}}, 'limits.nofile: found {"soft": 2, "hard": 1}, wanted soft not above hard'),
        ({"nofile": {"soft": "unlimited", "hard": 1}},
         'limits.nofile: found {"soft": "unlimited", "hard": 1}, wanted soft not above hard'),
        ({"core": "ten"}, f'limits.core: found "ten", wanted {SIZE}'),
        ({"cpu": 0.5},
         f'limits.cpu: found 0.5, wanted a time in whole seconds, like 60 or "5m", {MORE}'),
        ({"cpu": 1.5},
         f'limits.cpu: found 1.5, wanted a time in whole seconds, like 60 or "5m", {MORE}'),
        ({"cpu": 0},
         f'limits.cpu: found 0, wanted a time in whole seconds, like 60 or "5m", {MORE}'),
        ({"nice": 20}, "limits.nice: found 20, wanted a whole number from -20 (first in line) to 19"),
        ({"oom_score_adj": -1001},
         "limits.oom_score_adj: found -1001, wanted a whole number from -1000 (never) to 1000 (first)"),
        ({"cpu_affinity": []}, "limits.cpu_affinity: found [], wanted a list of numbers of cpus, like [0, 1]"),
        ({"cpu_affinity": [0, -1]}, "limits.cpu_affinity[1]: found -1, wanted the number of a cpu, from 0 to 8191"),
        ({"io": "slow"},
         f'limits.io: found "slow", wanted {CLASS}, or an object of `class` and `level` (0 first, 7 last)'),
        ({"io": {"level": 1}}, f"limits.io.class: found no such key, wanted {CLASS}"),
        ({"io": {"class": "idle", "level": 1}},
         "limits.io.level: found 1, wanted no level, as the class idle has none"),
        ({"io": {"class": "realtime", "level": 8}}, "limits.io.level: found 8, wanted a whole number from 0 to 7"),
    ],
)  # fmt: skip
def test_a_bad_limit_is_refused_in_words_that_help(limits: dict[str, object], complaint: str) -> None:
    """Where, what was found, what is wanted."""
    assert [str(problem) for problem in checked(**limits).problems] == [complaint]


def test_all_problems_are_told_at_once() -> None:
    """Nobody wants to mend a file once for each of its mistakes."""
    problems = checked(nofile={"soft": "x", "hard": "y"}, nice="high", nofiles=1).problems
    keys = ["limits.nofile.soft", "limits.nofile.hard", "limits.nice", "limits"]
    assert [problem.key for problem in problems] == keys
    assert "did you mean nofile?" in problems[-1].wanted


def test_limits_are_an_object() -> None:
    """There is no one limit that a number could stand for."""
    value: dict[str, object] = {"args": ["web"], "limits": 5}
    (problem,) = check("web", "", value, Defaults()).problems
    assert str(problem) == 'limits: found 5, wanted an object, like {"nofile": 4096, "nice": 5}'


def test_a_key_that_is_left_out_changes_no_fingerprint() -> None:
    """Or a version that knows one key more would restart every process that it takes over."""
    plain = Program("web", ("web",))
    assert fingerprint(plain) == fingerprint(Program("web", ("web",), limits=Limits()))
    assert fingerprint(plain) != fingerprint(Program("web", ("web",), limits=Limits(nice=1)))
