"""Whether a colony is well: what a health check of a container is told."""

from __future__ import annotations

import pytest

from ncolony.core.snapshot import view
from ncolony.core.states import (
    DOWN,
    UP,
    Backoff,
    Exited,
    Fatal,
    Instance,
    Running,
    Starting,
    State,
    Stopped,
    Waiting,
)
from ncolony.core.wellness import troubles


def found(*states: State, want: str = UP, **known: object) -> tuple[str, ...]:
    """Return what is wrong with a program whose instances are in these states."""
    views = [view("web", number, Instance(state, want)) for number, state in enumerate(states, 1)]
    return troubles(views, lambda *_: known, lambda _: len(states))


@pytest.mark.parametrize("state", [Running(7, 0.0), Exited(0)])
def test_what_runs_or_has_ended_as_wanted_is_well(state: State) -> None:
    """A job that is done is no trouble."""
    assert found(state) == ()
    assert found(state, health={"ok": True}) == ()
    assert found(state, health={"ok": None}) == ()


@pytest.mark.parametrize("state", [Stopped(), Running(7, 0.0), Backoff(9.0), Fatal("x")])
def test_what_nobody_wants_up_is_well(state: State) -> None:
    """An operator has stopped it, and knows."""
    assert found(state, want=DOWN) == ()


def test_all_else_is_told_with_its_state() -> None:
    """A line each, with the number of the instance where there are several, as everywhere else."""
    assert found(Fatal("x"), Running(7, 0.0), Backoff(9.0)) == ("web:1 is fatal", "web:3 is backoff")
    assert found(Fatal("x")) == ("web is fatal",)


def test_what_still_starts_is_told_with_what_it_waits_for() -> None:
    """So that somebody can look why that does not come."""
    starting = Starting(7, 0.0, 60.0)
    assert found(starting, ready={"waiting_for": "tcp 127.0.0.1:80"}) == (
        "web is starting, waiting for tcp 127.0.0.1:80",
    )
    assert found(starting) == ("web is starting",)


def test_what_waits_for_its_time_is_well_and_what_waits_for_more_is_not() -> None:
    """Between two of its runs there is nothing to be there; but its time may have come, or never be known."""
    coming: dict[str, object] = {"next": "2026-11-26T02:30:00+01:00", "due": False}
    assert found(Waiting(0.0), schedule=coming) == ()
    assert found(Waiting(0.0), schedule={**coming, "due": True}) == ("web is waiting",)
    assert found(Waiting(0.0), schedule={"next": None, "due": False}) == ("web is waiting",)
    assert found(Waiting(0.0)) == ("web is waiting",)


def test_what_is_not_well_is_told_with_the_last_error() -> None:
    """It may be replaced soon; until then it is in the way."""
    assert found(Running(7, 0.0), health={"ok": False, "last_error": "refused"}) == ("web is not well: refused",)


def test_one_that_waits_for_its_hour_is_well() -> None:
    """Between two runs of a schedule nothing is wrong; a run that is due and does not come is told."""
    assert found(Waiting(0.0), schedule={"next": 1764032462.0, "due": 0}) == ()
    assert found(Waiting(0.0), schedule={"next": 1764032462.0, "due": 1}) == ("web is waiting",)
    assert found(Waiting(0.0)) == ("web is waiting",)
