"""Names of slots, as people read and write them."""

from __future__ import annotations

import pytest

from ncolony.core.events import (
    PROGRAM_ADDED,
    PROGRAM_CHANGED,
    PROGRAM_REMOVED,
    InstanceChanged,
    ProgramsChanged,
    ReloadEnded,
    Slot,
)
from ncolony.core.states import Instance, Start


@pytest.mark.parametrize(
    ("slot", "name", "surplus"),
    [
        (Slot("web"), "web", False),
        (Slot("web", 1, 3), "web:1", False),
        (Slot("web", 3, 3), "web:3", False),
        (Slot("web", 2, 1), "web:2", True),
        (Slot("web", 4, 3), "web:4", True),
        (Slot("web", 1, 0), "web:1", True),
    ],
)
def test_a_slot_is_called_by_its_program_alone_where_there_is_but_one(slot: Slot, name: str, surplus: bool) -> None:
    """And one more than there should be has its number, so that two are never called the same."""
    assert (str(slot), slot.is_surplus) == (name, surplus)


def test_what_is_not_told_is_nothing() -> None:
    """The least that an event says."""
    nobody = Instance()
    assert InstanceChanged(Slot("web"), nobody, nobody, Start(), 0.0).meaning == 0
    assert ReloadEnded("web").why == ""
    assert not ProgramsChanged(PROGRAM_ADDED, "web", None).restart


def test_the_kinds_of_changes_are_told_to_clients() -> None:
    """They stand in what a subscription streams."""
    assert (PROGRAM_ADDED, PROGRAM_CHANGED, PROGRAM_REMOVED) == ("added", "changed", "removed")
