"""What programs around a colony ask of the object that is theirs: all keys, and all mistakes at once."""

from __future__ import annotations

import pytest

from ncolony.core.asked import MAX_LOOKED_AT, a_number_of_periods, a_period, asked
from ncolony.core.errors import ConfigError
from ncolony.core.keyspec import Key, Mismatch

KEYS = (
    Key("period", a_period, 'a time above 0, like 10 or "500ms"', "", ""),
    Key("grace", a_number_of_periods, "a number of periods", "", "", field="patience"),
)


def refusal(given: object) -> str:
    """Return what is said of an object."""
    with pytest.raises(ConfigError) as caught:
        asked({"beat": given}, "beat", KEYS)
    return str(caught.value)


def test_all_keys_are_read_and_others_are_their_authors_own() -> None:
    """Into the fields that they fill."""
    assert asked({"beat": {"period": "10s", "grace": 3, "note": 1}}, "beat", KEYS) == {"period": 10.0, "patience": 3.0}
    assert asked({"other": 1}, "beat", KEYS) is None
    assert asked({"beat": None}, "beat", KEYS) is None


def test_all_mistakes_are_told_at_once() -> None:
    """With the name that was probably meant."""
    assert refusal(7) == "beat: found 7, wanted an object with period, grace"
    assert refusal({}) == (
        'beat.period: found no such key, wanted a time above 0, like 10 or "500ms";'
        " beat.grace: found no such key, wanted a number of periods"
    )
    assert refusal({"perod": 1, "grace": True}) == (
        'beat.period: found no such key, but "perod", wanted a time above 0, like 10 or "500ms";'
        " beat.grace: found true, wanted a number of periods"
    )


def test_what_a_reader_says_itself_counts() -> None:
    """Where in the value, what was found there and what is wanted."""

    def read(_: object) -> object:
        raise Mismatch("a tree", "[1]", "a bush")

    with pytest.raises(ConfigError, match=r"^beat\.x\[1\]: found a bush, wanted a tree$"):
        asked({"beat": {"x": 1}}, "beat", (Key("x", read, "words", "", ""),))


def test_only_some_keys_are_looked_at_for_one_that_is_missing() -> None:
    """An object of a million keys holds nobody up."""
    others = dict.fromkeys((f"other{number}" for number in range(MAX_LOOKED_AT - 1)), 0)
    assert 'but "perio"' in refusal({**others, "perio": 1})
    assert "but" not in refusal({**others, "one more": 0, "perio": 1})


@pytest.mark.parametrize(("value", "seconds"), [(0.001, 0.001), ("1ms", 0.001), ("2m", 120.0)])
def test_a_period_is_a_millisecond_or_more(value: object, seconds: float) -> None:
    """Nothing is done more often than that."""
    assert a_period(value) == seconds


@pytest.mark.parametrize("value", [0, 0.0009, "0s", None])
def test_nothing_less_is_a_period(value: object) -> None:
    """It would be no pause at all."""
    with pytest.raises(Mismatch):
        a_period(value)


@pytest.mark.parametrize("value", [0, 0.5, 3, 10**9])
def test_a_number_of_periods_may_be_none_or_have_a_fraction(value: float) -> None:
    """It is multiplied with a time."""
    assert a_number_of_periods(value) == value


@pytest.mark.parametrize("value", [-0.1, 10**9 + 1, True, "3", None, float("nan")])
def test_what_is_no_number_of_periods_is_refused(value: object) -> None:
    """Rather than guessed at."""
    with pytest.raises(Mismatch):
        a_number_of_periods(value)
