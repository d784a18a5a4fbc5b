"""How long a reload may take, by what a program says."""

from __future__ import annotations

import pytest

from ncolony.core.program import Program, ReadyRule, ReloadRule, StopPolicy
from ncolony.core.reloadkeys import PATIENCE, own_time


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
