"""Random walks over the table, and the proof that they would notice a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ncolony.core import lifecycle
from ncolony.core.record import replace
from ncolony.core.states import (
    INPUTS,
    STATES,
    Backoff,
    Ended,
    Exited,
    Killing,
    Restart,
    Running,
    Stop,
    Stopped,
    Stopping,
)
from tests.core.walks import step_by, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.moves import Moment, Step
    from ncolony.core.program import Program
    from ncolony.core.states import Input, Instance, State
    from tests.core.walks import Table

    Cell = Callable[[Moment], Step]
    Place = tuple[type[State], type[Input]]

TABLE = lifecycle.TABLE
LIVE = [place for place, cell in TABLE.items() if cell is not lifecycle.impossible]
ENOUGH = 3000
"""Walks in which a mistake has to show; nearly all show within two hundred."""


def breaks(table: Table) -> bool:
    """Tell whether a walk breaks a rule with this table."""
    step = step_by(table)
    for seed in range(ENOUGH):
        try:
            walk(seed, step)
        except Exception:  # noqa: BLE001 (whatever the mistake leads to)
            return True
    return False


def neighbours(place: Place) -> list[Cell]:
    """Return every other cell of the same row and column, and the one that does nothing."""
    state, given = place
    row = [TABLE[state, other] for other in INPUTS]
    column = [TABLE[other, given] for other in STATES]
    cells = dict.fromkeys((lifecycle.stay, *row, *column))
    return [cell for cell in cells if cell not in (TABLE[place], lifecycle.impossible)]


def called(place: Place) -> str:
    """Return the cell's place in words."""
    return f"{place[0].__name__}-{place[1].__name__}"


@pytest.mark.parametrize("block", range(6))
def test_no_walk_breaks_a_rule(block: int) -> None:
    """Never two processes, never a signal to a stranger, no exit lost: whatever happens in whatever order."""
    for seed in range(block * 500, (block + 1) * 500):
        walk(seed)


def test_the_walks_come_to_every_cell_that_can_be_reached() -> None:
    """A cell that no walk enters is not tested by them, whatever the number of walks."""
    seen: set[tuple[type, type]] = set()

    def noting(instance: Instance, program: Program, given: Input, now: float) -> Step:
        seen.add((type(instance.state), type(given)))
        return lifecycle.step(instance, program, given, now)

    for seed in range(ENOUGH):
        walk(seed, noting)
    assert seen == set(LIVE)


@pytest.mark.parametrize("place", LIVE, ids=called)
def test_a_walk_notices_when_a_cell_is_replaced_by_a_neighbour(place: Place) -> None:
    """A table that could be wrong unnoticed proves nothing. No cell is exempt."""
    unnoticed = [cell.__name__ for cell in neighbours(place) if not breaks({**TABLE, place: cell})]
    assert unnoticed == []


def test_a_walk_finds_no_fault_with_the_table_as_it_is() -> None:
    """Else the test above would prove nothing."""
    assert not breaks(TABLE)


def leave_it(at: Moment) -> Step:
    """Take every end for a good one."""
    assert isinstance(at.given, Ended)
    return replace(at.instance, state=Exited(at.given.status), attempt=0), ()


def settle_down(at: Moment) -> Step:
    """Come to rest after an end, whatever is wanted."""
    return replace(at.instance, state=Stopped()), ()


@pytest.mark.parametrize(
    ("place", "cell"),
    [
        pytest.param((Running, Ended), leave_it, id="no new run after an end"),
        pytest.param((Backoff, Stop), lifecycle.stay, id="stop in backoff ignored"),
        pytest.param((Stopping, Restart), lifecycle.start, id="restart while stopping starts at once"),
        pytest.param((Killing, Ended), settle_down, id="stopped after a kill though wanted up"),
    ],
)
def test_a_walk_notices_the_classical_mistakes(place: Place, cell: Cell) -> None:
    """These four were made by supervisors that people use."""
    assert breaks({**TABLE, place: cell})
