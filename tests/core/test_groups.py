"""Groups: whom a strategy restarts, and what calls for it; the whole grid."""

from __future__ import annotations

from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest

from ncolony.core.colonyspec import ONE_FOR_ALL, ONE_FOR_ONE, REST_FOR_ONE
from ncolony.core.groups import is_restart, restarted_too
from ncolony.core.lifecycle import step
from ncolony.core.program import PERMANENT, TEMPORARY, TRANSIENT, Program, ReadyRule, RestartPolicy
from ncolony.core.states import (
    DOWN,
    UP,
    DeadlinePassed,
    Ended,
    Instance,
    Outdated,
    Restart,
    Running,
    SpawnFailed,
    Spawning,
    Starting,
    Stop,
    Stopping,
    Unhealthy,
)

if TYPE_CHECKING:
    from ncolony.core.states import Input, State

A, B1, B2, C = ("a", 1), ("b", 1), ("b", 2), ("c", 1)
MEMBERS = [A, B1, B2, C]
CLEAN, FAILED, SIGNALLED = 0, 1, -SIGKILL
LONG, SHORT = 10.0, 0.5


@pytest.mark.parametrize(
    ("strategy", "ended", "others"),
    [
        pytest.param(ONE_FOR_ONE, [A], [], id="one_for_one first"),
        pytest.param(ONE_FOR_ONE, [C], [], id="one_for_one last"),
        pytest.param(ONE_FOR_ALL, [A], [B1, B2, C], id="one_for_all first"),
        pytest.param(ONE_FOR_ALL, [B2], [A, B1, C], id="one_for_all middle"),
        pytest.param(ONE_FOR_ALL, [C], [A, B1, B2], id="one_for_all last"),
        pytest.param(ONE_FOR_ALL, MEMBERS, [], id="one_for_all all"),
        pytest.param(REST_FOR_ONE, [A], [B1, B2, C], id="rest_for_one first"),
        pytest.param(REST_FOR_ONE, [B1], [B2, C], id="rest_for_one middle"),
        pytest.param(REST_FOR_ONE, [C], [], id="rest_for_one last"),
        pytest.param(REST_FOR_ONE, [C, B1], [B2], id="rest_for_one two"),
        pytest.param(REST_FOR_ONE, [("gone", 1)], [], id="rest_for_one stranger"),
    ],
)
def test_whom_a_strategy_restarts(strategy: str, ended: list[tuple[str, int]], others: list[tuple[str, int]]) -> None:
    """Nobody; all others; those that are started after it. Never one that ended itself."""
    assert restarted_too(strategy, MEMBERS, ended) == others


def change(
    policy: RestartPolicy, state: State, given: Input, ready: ReadyRule | None = None, *, up: bool = True
) -> bool:
    """Tell whether a step of the life cycle calls for the strategy."""
    before = Instance(state, UP if up else DOWN, 0, 1)
    after, _ = step(before, Program("web", ("web",), restart=policy, ready=ready), given, LONG)
    return is_restart(before, after, given)


@pytest.mark.parametrize("left", [False, True], ids=["", "leaving others"])
@pytest.mark.parametrize("since", [0.0, LONG - SHORT], ids=["long", "short"])
@pytest.mark.parametrize(
    ("policy", "status", "calls"),
    [
        pytest.param(PERMANENT, CLEAN, True, id="permanent clean"),
        pytest.param(PERMANENT, FAILED, True, id="permanent failed"),
        pytest.param(PERMANENT, SIGNALLED, True, id="permanent signalled"),
        pytest.param(TRANSIENT, CLEAN, False, id="transient clean"),
        pytest.param(TRANSIENT, FAILED, True, id="transient failed"),
        pytest.param(TRANSIENT, SIGNALLED, True, id="transient signalled"),
        pytest.param(TEMPORARY, CLEAN, False, id="temporary clean"),
        pytest.param(TEMPORARY, FAILED, False, id="temporary failed"),
        pytest.param(TEMPORARY, SIGNALLED, False, id="temporary signalled"),
    ],
)
def test_an_end_that_a_run_follows_calls_for_it(
    policy: str, status: int, calls: bool, since: float, left: bool
) -> None:
    """Every policy, every way to end, now or after a pause, with or without children left behind."""
    assert change(RestartPolicy(policy), Running(100, since), Ended(1, status, left=left)) == calls


def test_an_end_that_is_the_last_calls_for_nothing() -> None:
    """There is no restart that others could join."""
    assert not change(RestartPolicy(attempts=1), Running(100, LONG - SHORT), Ended(1, 1))


def test_a_process_that_has_to_be_replaced_calls_for_it() -> None:
    """Unhealthy, or not ready in time: it failed as if it had ended."""
    assert change(RestartPolicy(), Running(100, 0.0), Unhealthy(1, "no answer"))
    assert change(RestartPolicy(), Starting(100, 0.0, LONG), DeadlinePassed(LONG), ReadyRule())
    assert not change(RestartPolicy(), Starting(100, 0.0, LONG), DeadlinePassed(LONG), ReadyRule(after=LONG))


@pytest.mark.parametrize("given", [Stop(), Restart(), Outdated(1, "another ended")])
def test_what_is_asked_for_calls_for_nothing(given: Input) -> None:
    """Else each restart that a strategy asks for would ask for more: a storm."""
    assert not change(RestartPolicy(), Running(100, 0.0), given)


def test_the_end_of_what_was_stopped_calls_for_nothing() -> None:
    """It comes after such a restart was asked for."""
    assert not change(RestartPolicy(), Stopping(100, 20.0), Ended(1, -15))
    assert not change(RestartPolicy(), Stopping(100, 20.0), Ended(1, -15), up=False)


def test_a_failed_start_calls_for_nothing() -> None:
    """Nothing ran that others could have relied upon."""
    assert not change(RestartPolicy(), Spawning(0.0), SpawnFailed(1, "no such file"))
