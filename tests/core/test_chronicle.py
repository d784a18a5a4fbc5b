"""What the journal keeps of each event: entries that another version reads too, so to the letter."""

from __future__ import annotations

from signal import SIGTERM
from typing import TYPE_CHECKING

import pytest

from ncolony.core import events
from ncolony.core.chronicle import entry_of
from ncolony.core.colonyspec import ColonySpec
from ncolony.core.events import InstanceChanged, Slot
from ncolony.core.outcome import Usage
from ncolony.core.states import (
    DOWN,
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Extend,
    Fatal,
    Input,
    Instance,
    Killing,
    Outdated,
    Overdue,
    Ready,
    Restart,
    Running,
    Spawned,
    SpawnFailed,
    Spawning,
    Start,
    Starting,
    State,
    Stop,
    Stopped,
    Stopping,
    Sweeping,
    Swept,
    Unblocked,
    Unhealthy,
    Waiting,
)

if TYPE_CHECKING:
    from ncolony.core.events import Event

WEB = Slot("web", 2, 3)


def change(before: State, given: Input, after: State, *, run: int = 5, attempt: int = 0) -> InstanceChanged:
    """Return a change of the second instance of `web`, at second 100."""
    return InstanceChanged(WEB, Instance(before, UP, 0, 4), Instance(after, UP, attempt, run), given, 100.0)


def kept(event: Event) -> dict[str, object] | None:
    """Return what is kept of an event, without what all entries of that instance have."""
    entry = entry_of(event)
    if entry is None:
        return None
    assert (entry.pop("p"), entry.pop("n")) == ("web", 2)
    return entry


RUNNING, STARTING = Running(9, 90.1234), Starting(9, 90.0, 95.0)
STOPPING, KILLING = Stopping(9, 105.0), Killing(9, 110.0)
NEXT = {"state": "spawning"}


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (change(Spawning(1.0), Spawned(5, 9), RUNNING), {"k": "start", "pid": 9, "r": 5}),
        (change(STARTING, Ready(5), RUNNING), {"k": "ready", "how": "said", "r": 5}),
        (change(STARTING, DeadlinePassed(95.0), RUNNING), {"k": "ready", "how": "lived", "r": 5}),
        (
            change(Spawning(1.0), SpawnFailed(4, "no such file"), Backoff(101.23456), attempt=2),
            {
                "k": "fail",
                "why": "no such file",
                "r": 4,
                "next": {"state": "backoff", "in": 1.235, "attempt": 3},
            },
        ),
        (change(RUNNING, Stop(why="by root"), STOPPING), {"k": "stop", "cause": "asked", "why": "by root", "r": 5}),
        (change(RUNNING, Restart("by me"), STOPPING), {"k": "stop", "cause": "replaced", "why": "by me", "r": 5}),
        (change(RUNNING, Unhealthy(5, "500"), STOPPING), {"k": "stop", "cause": "unhealthy", "why": "500", "r": 5}),
        (change(RUNNING, Outdated(5, "db"), STOPPING), {"k": "stop", "cause": "outdated", "why": "db", "r": 5}),
        (change(RUNNING, Overdue(5, "1 h"), STOPPING), {"k": "stop", "cause": "overdue", "why": "1 h", "r": 5}),
        (change(STARTING, DeadlinePassed(95.0), STOPPING), {"k": "stop", "cause": "not-ready", "why": "", "r": 5}),
        (change(Spawning(1.0), Ready(5), STOPPING), {"k": "stop", "cause": "asked", "why": "", "r": 5}),
        (change(STOPPING, DeadlinePassed(105.0), KILLING), {"k": "kill", "r": 5}),
        (change(STOPPING, Start("by me"), STOPPING), {"k": "asked", "what": "start", "why": "by me", "r": 5}),
        (change(Stopped(), Start("by me"), Spawning(1.0)), {"k": "asked", "what": "start", "why": "by me", "r": 5}),
        (change(Backoff(101.0), Stop(), Stopped()), {"k": "asked", "what": "stop", "why": "", "r": 5}),
        (change(Exited(0), Restart(), Waiting(1.0)), {"k": "wait", "r": 5}),
        (change(Waiting(1.0), Restart(), Waiting(1.0)), {"k": "asked", "what": "restart", "why": "", "r": 5}),
        (
            change(Sweeping(105.0, None), Swept(4), Fatal("exited with status 1"), attempt=3),
            {"k": "swept", "r": 5, "next": {"state": "fatal", "why": "exited with status 1", "attempt": 3}},
        ),
        (events.Warned(WEB, "hangs"), {"k": "warning", "what": "hangs"}),
        (events.Signalled(WEB, SIGTERM, "by me"), {"k": "signal", "signal": SIGTERM, "why": "by me"}),
        (
            events.InstanceTakenOver(WEB, Instance(RUNNING, UP, 0, 5), 0, 0),
            {"k": "taken", "state": "running", "pid": 9, "r": 5},
        ),
        (
            events.InstanceTakenOver(WEB, Instance(Stopped(), DOWN, 0, 5), 0, 0),
            {"k": "taken", "state": "stopped", "pid": None, "r": 5},
        ),
    ],
)
def test_what_is_kept_of_what_happens_to_an_instance(event: Event, entry: dict[str, object]) -> None:
    """Each kind, with all that is in it."""
    assert kept(event) == entry


@pytest.mark.parametrize(
    ("before", "given", "entry"),
    [
        (RUNNING, Ended(4, 0), {"status": 0, "ran": 9.877}),
        (STARTING, Ended(4, 1), {"status": 1, "ran": 10.0, "early": True}),
        (STOPPING, Ended(4, -SIGTERM), {"status": -SIGTERM}),
        (KILLING, Ended(4, None), {"status": None}),
        (STOPPING, Ended(4, -6, core=True, left=True, oom=True),
         {"status": -6, "core": True, "left": True, "oom": True}),
        (STOPPING, Ended(4, 0, usage=Usage(1.23456, 0.00049, 7)),
         {"status": 0, "user": 1.235, "system": 0.0, "peak": 7}),
        (STOPPING, Ended(4, 0, usage=Usage(0.0, 2.0006, 0)), {"status": 0, "user": 0.0, "system": 2.001}),
    ],
)  # fmt: skip
def test_an_end_is_of_the_run_that_ended(before: State, given: Ended, entry: dict[str, object]) -> None:
    """Also where the next one begins at once; what is not so, or not known, is left out."""
    assert kept(change(before, given, Spawning(100.0))) == {"k": "end", "r": 4, "next": NEXT, **entry}


@pytest.mark.parametrize(
    "event",
    [
        change(Stopped(), Start(), Spawning(1.0)),
        change(Waiting(1.0), Unblocked(4), Spawning(1.0)),
        change(STOPPING, Extend(5, 9.0), Stopping(9, 109.0)),
        change(KILLING, DeadlinePassed(110.0), Killing(9, 115.0)),
        change(RUNNING, Ready(5), RUNNING),
        events.Reread(WEB),
        events.AllDescribed(),
        events.ColonyDescribed(ColonySpec()),
        events.CommandRefused(WEB, Start(), "it is running already"),
        events.ProgramsChanged("added", "web", None),
        events.ProgramsChanged("changed", "web", None),
        events.ProgramsChanged("added", "web", None, ("args",)),
    ],
)
def test_what_goes_without_saying_is_not_kept(event: Event) -> None:
    """A journal is read by people."""
    assert entry_of(event) is None


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (events.ProgramsChanged("removed", "web", None), {"k": "removed"}),
        (
            events.ProgramsChanged("changed", "web", None, ("args", "env"), restart=True),
            {"k": "changed", "fields": ["args", "env"], "restart": True},
        ),
        (events.ReloadEnded("web", "it was stopped"), {"k": "reloaded", "why": "it was stopped"}),
    ],
)
def test_what_is_kept_of_a_program_as_a_whole(event: Event, entry: dict[str, object]) -> None:
    """It has no number."""
    assert entry_of(event) == {"p": "web", **entry}
