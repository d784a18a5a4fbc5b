"""When output came: never too few bytes, and hardly too many."""

import random

import pytest

from ncolony.posix.times import GRAIN, KEPT, MOST, Times

BEGAN = 1_795_000_000.0


def test_what_came_since_a_time_is_told_to_the_second():
    """In the second that is asked for, and later; nothing that is older than that."""
    kept = Times()
    for after, size in enumerate((10, 20, 30)):
        kept.add(size, BEGAN + 10 * after)
        kept.add(1, BEGAN + 10 * after + 0.25)
    assert [kept.since(BEGAN + after) for after in (-5, 0, 0.9, 1.1, 10, 19, 20.5, 21, 99)] == [
        63, 63, 63, 52, 52, 31, 31, 0, 0,
    ]  # fmt: skip


def test_nothing_came_before_anything_came():
    """There is no time to begin with."""
    assert Times().since(0) == 0


def test_a_second_counts_once_however_much_comes_in_it():
    """A chatty program takes no more room than a quiet one."""
    kept = Times()
    for _ in range(10_000):
        kept.add(100, BEGAN)
    assert len(kept._marks) == 16
    kept.add(5, BEGAN + 1)
    assert kept.since(BEGAN + 1) == 5


@pytest.mark.parametrize("size", [1, 50, 2000])
def test_for_days_it_takes_little_and_leaves_nothing_out(size):
    """All that came since is told, and of what came before that 4 KB at most."""
    chance, kept, came = random.Random(size), Times(), []  # noqa: S311 - the same each time
    now = BEGAN
    for _ in range(3000):
        now += chance.choice((1, 2, 60))
        kept.add(size, now)
        came.append(now)
        assert len(kept._marks) <= MOST * 16
    tail = came[-KEPT // size :]
    for when in chance.sample(tail, 30):
        exact = sum(one >= when for one in came) * size
        assert exact <= kept.since(when)
        assert kept.since(when) - exact <= max(GRAIN, size)


def test_a_clock_that_is_set_back_leaves_nothing_out():
    """Then more is told than was asked for."""
    kept = Times()
    kept.add(10, BEGAN)
    kept.add(20, BEGAN - 3600)
    assert kept.since(BEGAN - 3600) == 30
    assert kept.since(BEGAN) == 30
