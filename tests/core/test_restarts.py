"""The arithmetic of restarts: the whole grid of policies and ends, and the pauses between tries."""

from __future__ import annotations

import math
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.core.program import PERMANENT, TEMPORARY, TRANSIENT, RestartPolicy
from ncolony.core.restarts import (
    Again,
    Done,
    GiveUp,
    after_failure,
    after_failures,
    after_run,
    delay,
    of_a_job,
    overspent,
    shortened,
    spend,
)

if TYPE_CHECKING:
    from ncolony.core.restarts import Verdict

CLEAN, FAILED, SIGNALLED = 0, 1, -SIGKILL
SHORT, LONG = 0.5, 1.0
AT_ONCE, LATER, LEFT = Again(0.0, 0), Again(1.0, 1), Done()


@pytest.mark.parametrize(
    ("policy", "status", "ran_for", "verdict"),
    [
        pytest.param(PERMANENT, CLEAN, SHORT, LATER, id="permanent clean short"),
        pytest.param(PERMANENT, CLEAN, LONG, AT_ONCE, id="permanent clean long"),
        pytest.param(PERMANENT, FAILED, SHORT, LATER, id="permanent failed short"),
        pytest.param(PERMANENT, FAILED, LONG, AT_ONCE, id="permanent failed long"),
        pytest.param(PERMANENT, SIGNALLED, SHORT, LATER, id="permanent signalled short"),
        pytest.param(PERMANENT, SIGNALLED, LONG, AT_ONCE, id="permanent signalled long"),
        pytest.param(TRANSIENT, CLEAN, SHORT, LEFT, id="transient clean short"),
        pytest.param(TRANSIENT, CLEAN, LONG, LEFT, id="transient clean long"),
        pytest.param(TRANSIENT, FAILED, SHORT, LATER, id="transient failed short"),
        pytest.param(TRANSIENT, FAILED, LONG, AT_ONCE, id="transient failed long"),
        pytest.param(TRANSIENT, SIGNALLED, SHORT, LATER, id="transient signalled short"),
        pytest.param(TRANSIENT, SIGNALLED, LONG, AT_ONCE, id="transient signalled long"),
        pytest.param(TEMPORARY, CLEAN, SHORT, LEFT, id="temporary clean short"),
        pytest.param(TEMPORARY, CLEAN, LONG, LEFT, id="temporary clean long"),
        pytest.param(TEMPORARY, FAILED, SHORT, LEFT, id="temporary failed short"),
        pytest.param(TEMPORARY, FAILED, LONG, LEFT, id="temporary failed long"),
        pytest.param(TEMPORARY, SIGNALLED, SHORT, LEFT, id="temporary signalled short"),
        pytest.param(TEMPORARY, SIGNALLED, LONG, LEFT, id="temporary signalled long"),
    ],
)
def test_policy(policy: str, status: int, ran_for: float, verdict: Verdict) -> None:
    """Every policy, every way to end, short and long: a missing row would be a case nobody decided."""
    assert after_run(RestartPolicy(policy=policy), 0, ran_for, status) == verdict


@pytest.mark.parametrize("status", [3, -SIGTERM])
def test_transient_leaves_an_end_that_its_author_calls_normal(status: int) -> None:
    """ok_exits holds exit codes and signals alike; with 0 not among them, 0 is a failure."""
    policy = RestartPolicy(policy=TRANSIENT, ok_exits=(3, -SIGTERM))
    assert after_run(policy, 0, SHORT, status) == Done()
    assert after_run(policy, 0, SHORT, 0) == Again(1.0, 1)


def test_pauses_double_up_to_the_cap() -> None:
    """A program that keeps failing is tried ever more seldom, but never given up on by the pause alone."""
    policy = RestartPolicy(max_delay=60.0)
    assert [delay(policy, attempt) for attempt in range(1, 9)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_the_cap_holds_from_the_first_pause() -> None:
    """Where both are the same, every pause is."""
    assert delay(RestartPolicy(min_delay=5.0, max_delay=5.0), 1) == 5.0


@pytest.mark.parametrize("min_delay", [0.0, 0.001, 1.0, 3600.0])
def test_a_million_failures_overflow_nothing(min_delay: float) -> None:
    """2.0 ** 1024 raises; a program that fails for a year must not take its supervisor along."""
    pause = delay(RestartPolicy(min_delay=min_delay), 10**6)
    assert pause == (3600.0 if min_delay else 0.0)
    assert math.isfinite(pause)


@given(st.floats(0.001, 100), st.floats(100, 1e6), st.integers(1, 10**7))
def test_pauses_never_shrink_and_stay_within_their_bounds(least: float, most: float, attempt: int) -> None:
    """The promise of min_delay and max_delay, for all of them."""
    policy = RestartPolicy(min_delay=least, max_delay=most)
    assert least <= delay(policy, attempt) <= delay(policy, attempt + 1) <= most


def test_attempts_are_counted_to_the_last_one() -> None:
    """`attempts: 3` means three tries, not two and not four."""
    policy = RestartPolicy(attempts=3)
    assert after_failure(policy, 0) == Again(1.0, 1)
    assert after_failure(policy, 1) == Again(2.0, 2)
    assert after_failure(policy, 2) == GiveUp(3)


def test_a_single_attempt_is_never_repeated() -> None:
    """The smallest number of attempts is where such counts go wrong."""
    assert after_failure(RestartPolicy(attempts=1), 0) == GiveUp(1)


def test_short_runs_spend_the_attempts_and_long_ones_do_not() -> None:
    """A service that ran for a day and crashed has all its attempts before it."""
    policy = RestartPolicy(attempts=2)
    assert after_run(policy, 1, SHORT, FAILED) == GiveUp(2)
    assert after_run(policy, 1, LONG, FAILED) == Again(0.0, 0)


def test_no_failure_means_no_pause() -> None:
    """A restart that somebody asked for is not made to wait for a failure that never was."""
    assert after_failures(RestartPolicy(attempts=1), 0) == Again(0.0, 0)


def test_a_long_run_forgives_the_short_ones_before_it() -> None:
    """Bug 56: ten crashes, an hour of health, a crash: the pauses begin anew, with none and then the first."""
    policy, attempt = RestartPolicy(), 0
    pauses = []
    for _ in range(10):
        verdict = after_run(policy, attempt, 0.1, FAILED)
        assert isinstance(verdict, Again)
        attempt = verdict.attempt
        pauses.append(verdict.delay)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]
    assert after_run(policy, attempt, 3600.0, FAILED) == Again(0.0, 0)
    assert after_run(policy, 0, 0.1, FAILED) == Again(1.0, 1)


def test_flapping_just_below_the_threshold_is_never_forgiven() -> None:
    """Bug 56: a program that ends a moment too soon, every time, must not escape its pauses."""
    policy, attempt, pauses = RestartPolicy(max_delay=8.0), 0, []
    for _ in range(6):
        verdict = after_run(policy, attempt, 0.999, FAILED)
        assert isinstance(verdict, Again)
        attempt = verdict.attempt
        pauses.append(verdict.delay)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_with_a_window_the_attempts_in_a_row_do_not_count() -> None:
    """It is another rule, not one more."""
    assert after_failure(RestartPolicy(attempts=2, window=60.0), 5) == Again(32.0, 6)


def test_a_budget_is_so_many_restarts_within_the_window() -> None:
    """The one that is too many ends it; those that are old enough are forgotten."""
    policy = RestartPolicy(attempts=3, window=10.0)
    recent: tuple[float, ...] = ()
    for moment in (0.0, 4.0, 8.0, 12.0, 16.0):
        recent = spend(policy, recent, moment)
        assert not overspent(policy, recent), moment
    assert recent == (8.0, 12.0, 16.0)
    assert overspent(policy, spend(policy, recent, 17.0))


def test_a_restart_as_long_ago_as_the_window_counts_no_more() -> None:
    """Five within a minute, and the first of them a minute ago: there is room for one."""
    assert spend(RestartPolicy(attempts=9, window=10.0), (0.0, 0.5), 10.0) == (0.5, 10.0)


def test_a_lot_may_have_any_name_in_it() -> None:
    """Also one that is no UTF-8, from a directory that somebody else has filled."""
    assert 0.0 < shortened(RestartPolicy(jitter=1.0), 1.0, "web\udcff 1") <= 1.0


@pytest.mark.parametrize(
    ("attempt", "verdict"), [(0, Again(0.0, 0)), (1, Again(1.0, 1)), (2, Again(2.0, 2)), (3, Again(0.0, 0))]
)
def test_a_job_whose_retries_are_spent_waits_for_its_next_time(attempt: int, verdict: Verdict) -> None:
    """With all of them before it again; as one does that has not failed."""
    assert of_a_job(RestartPolicy(), 2, attempt) == verdict


def test_without_a_window_nothing_is_remembered() -> None:
    """A restart a second for a year must take no room."""
    assert spend(RestartPolicy(attempts=3), (1.0,), 2.0) == ()
    assert not overspent(RestartPolicy(attempts=3), (1.0,) * 9)
    assert spend(RestartPolicy(window=3.0), (), 2.0) == ()


@given(st.lists(st.floats(0, 1000)), st.integers(1, 5))
def test_what_is_remembered_is_bounded_by_the_attempts(moments: list[float], attempts: int) -> None:
    """However often it is restarted within the window."""
    policy, recent = RestartPolicy(attempts=attempts, window=1e6), ()
    for moment in moments:
        recent = spend(policy, recent, moment)
        assert len(recent) <= attempts + 1


def test_chance_spreads_the_waits_of_programs_that_failed_together() -> None:
    """Bug 57: five hundred services that crashed at once come back over the whole share, and not at once."""
    policy = RestartPolicy(jitter=0.5)
    waits = [shortened(policy, 10.0, f"p{number}:1/1") for number in range(500)]
    assert all(5.0 < wait <= 10.0 for wait in waits)
    for start in (5.0, 6.0, 7.0, 8.0, 9.0):
        assert 60 < sum(start <= wait < start + 1.0 for wait in waits) < 140
    assert shortened(policy, 10.0, "p7:1/1") == waits[7], "the same for the same lot"
    assert shortened(RestartPolicy(), 10.0, "p7:1/1") == 10.0
