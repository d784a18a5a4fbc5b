"""Signals by name and number, against the standard library's enumeration, which we do without."""

from __future__ import annotations

import signal

import pytest

from ncolony.core.bare import SIGNAL_NAMES, SIGNALS
from ncolony.core.outcome import signal_name


def test_signals_have_the_names_that_the_standard_library_has() -> None:
    """All of them, and where there are several for one number the same one."""
    assert {name: int(number) for name, number in signal.Signals.__members__.items()} == SIGNALS
    assert {int(number): number.name for number in signal.Signals} == SIGNAL_NAMES


@pytest.mark.parametrize(("number", "name"), [(15, "SIGTERM"), (signal.SIGABRT, "SIGABRT"), (40, "signal 40")])
def test_a_signal_is_told_by_its_name_where_it_has_one(number: int, name: str) -> None:
    """Real-time signals between the first and the last have none."""
    assert signal_name(number) == name
