"""What is told of keys that people have named, and of words that were probably meant."""

from __future__ import annotations

import pytest

from ncolony.core.keyspec import at_name, did_you_mean


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("db", ".db"),
        ("a b", ".a b"),
        ("x" * 100, f".{'x' * 100}"),
        ("x" * 101, f'["{"x" * 56}...]'),
        ("a\nb", '["a\\nb"]'),
    ],
)
def test_a_name_of_peoples_own_is_told_so_that_it_fits_a_line(name: str, at: str) -> None:
    """A name of a megabyte, or one with line feeds, would hide what is wrong."""
    assert at_name(name) == at


def test_a_word_is_likely_meant_where_it_is_near() -> None:
    """Nothing is told where none is, and none of ours is as long as that."""
    assert did_you_mean("stopp", ["start", "stop"]) == " (did you mean stop?)"
    assert did_you_mean("stopp", ["start"]) == ""
    assert did_you_mean("stopp", ["stop"], within=0) == ""
    assert did_you_mean("x" * 100, ["x" * 99]) == f" (did you mean {'x' * 99}?)"
    assert did_you_mean("x" * 101, ["x" * 100]) == ""
