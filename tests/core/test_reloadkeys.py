"""How long a reload may take, by what a program says."""

from __future__ import annotations

from signal import SIGHUP

import pytest

from ncolony.core.check import check
from ncolony.core.program import Defaults, Program, ReadyRule, ReloadRule, StopPolicy
from ncolony.core.reloadkeys import PATIENCE, a_reload, own_time


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (True, ReloadRule()),
        ({}, ReloadRule()),
        (False, None),
        (
            {"max_parallel": 2, "min_healthy": "5s", "timeout": "2m", "drain": 0.5, "signal": "HUP"},
            ReloadRule(2, 5.0, 120.0, 0.5, SIGHUP),
        ),
    ],
)
def test_the_key_says_how(value: object, rule: ReloadRule | None) -> None:
    """True is all the defaults; false is as if nothing was said."""
    assert a_reload(value) == rule


def test_all_that_is_wrong_in_the_key_is_told() -> None:
    """With where it stands in the file."""
    value = {"args": ["web"], "reload": {"max_parallel": 0, "timeout": 0, "drian": 1}}
    assert [(problem.key, problem.found) for problem in check("web", "", value, Defaults()).problems] == [
        ("reload.max_parallel", "0"),
        ("reload.timeout", "0"),
        ("reload", 'the unknown key "drian"'),
    ]
    (problem,) = check("web", "", {"args": ["web"], "reload": 2}, Defaults()).problems
    assert (problem.key, problem.found) == ("reload", "2")


@pytest.mark.parametrize(
    ("ready", "rule", "seconds"),
    [
        pytest.param(None, ReloadRule(), 4 * (5 + PATIENCE + 1), id="nothing is said"),
        pytest.param(ReadyRule(after=2.0), ReloadRule(), 4 * (5 + 2 + 1), id="ready after a time"),
        pytest.param(ReadyRule(timeout=30.0), ReloadRule(), 4 * (5 + 30 + 1), id="says that it is ready"),
        pytest.param(ReadyRule(timeout=30.0), ReloadRule(timeout=7.0), 4 * (5 + 7 + 1), id="a time of its own"),
        pytest.param(None, ReloadRule(max_parallel=2), 3 * (5 + PATIENCE + 1), id="two at a time"),
        pytest.param(None, ReloadRule(max_parallel=3, drain=9.0), 2 * (5 + PATIENCE + 9), id="a long drain"),
    ],
)
def test_a_reload_may_take_as_long_as_all_its_rounds(ready: ReadyRule | None, rule: ReloadRule, seconds: float) -> None:
    """One more than there are, as the first new process comes before the first old one goes."""
    program = Program("web", ("web",), instances=3, stop=StopPolicy(timeout=5.0), ready=ready)
    assert own_time(program, rule) == seconds
