"""What a colony remembers for those who ask later: its last events, and of every slot a few facts that are no state.

It looks on all the time, so each event costs one tuple; only who asks pays for text. Memory is bounded: of 4096 events,
and of the slots that there are.
"""

from __future__ import annotations

from time import time

from ncolony.core import events
from ncolony.core.byslot import BySlot
from ncolony.core.outcome import in_words
from ncolony.core.states import (
    INPUTS,
    STATES,
    DeadlinePassed,
    Ended,
    Outdated,
    Restart,
    Running,
    Spawned,
    SpawnFailed,
    Start,
    Starting,
    Stop,
    Stopped,
    Unhealthy,
    name_of,
    pid_of,
)
from ncolony.posix.processes import TICKS, ticks_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from typing_extensions import Unpack

    from ncolony.core.events import Event, InstanceChanged, InstanceTakenOver, Slot
    from ncolony.ports import Loop

    Entry = tuple[float, str, str, int, int, str | None, Unpack[tuple[object, ...]]]
    """When (wall clock), kind, program, instance, of how many, the line in the log, and by kind what else."""

    class Follower(Protocol):
        """Somebody who wants to hear of events."""

        def wake(self) -> None:
            """Take note that there are more."""


SIZE = 4096
STATE, TAKEN_OVER, WARNING, REFUSED, COLONY = "state", "taken-over", "warning", "refused", "colony"
REREAD, RELOADED = "reread", "reloaded"
ENDED, REPLACED = "ended", "replaced"
_CAUSES: dict[type, str] = {Unhealthy: "unhealthy", Outdated: "outdated", DeadlinePassed: "not-ready"}
_NAMES: dict[type, str] = {kind: kind.__name__.lower() for kind in STATES + INPUTS}  # one text each, not one an event


class Facts:
    """What is remembered of one slot."""

    __slots__ = (
        "born", "cause", "last_end", "leaving", "reasons", "restarts", "since", "stopped", "trouble", "unbidden",
    )  # fmt: skip

    def __init__(self, since: float) -> None:
        """Begin with nothing known."""
        self.since = since
        """When it came into its state, by the wall clock."""
        self.born = since
        """When its process came to life, by the loop's clock."""
        self.restarts = 0
        self.cause = ""
        """Why the latest process ends or has ended; empty where somebody stopped it, or there was none."""
        self.trouble = ""
        """What the latest process was ended for, or why there was none, in words; empty where neither is so."""
        self.reasons: dict[str, int] | None = None
        """How many starts have followed such an end, by cause; None: there was none yet."""
        self.last_end: tuple[int | None, str, float, float] | None = None
        """Status, words, when (wall clock), and how long it had run."""
        self.unbidden = False
        """The last run ended by itself, and nobody has given a command since."""
        self.stopped = self.leaving = False

    def count(self) -> None:
        """Take note that a process came to life."""
        self.trouble = ""
        if self.cause:
            self.reasons = self.reasons or {}
            self.reasons[self.cause] = self.reasons.get(self.cause, 0) + 1
            self.cause = ""


class Story:
    """The memory of one colony (an Observer), for as long as this supervisor runs."""

    def __init__(self, loop: Loop) -> None:
        """Begin with nothing."""
        self._loop = loop
        self.began = time()
        """By the wall clock."""
        self.last = 0
        """The number of the last event; the first is 1."""
        self._ring: list[Entry] = [(0.0, "", "", 0, 0, None)]  # event N is at N % SIZE; there is no event 0
        self._facts: BySlot[Facts] = BySlot()
        self.followers: dict[Follower, None] = {}
        """Who is to be woken after events."""
        self.texts: dict[int, str] = {}
        """Events that were put into words, for all who want the same."""
        self._calling = False

    def tell(self, event: Event, line: str | None) -> None:
        """Take note of an event, and of the line that people were told."""
        if isinstance(event, events.InstanceChanged):
            self._changed(event, line)
        elif isinstance(event, events.InstanceTakenOver):
            self._taken_over(event, line)
        elif isinstance(event, events.ProgramsChanged):
            self._described(event)
            self._add(event.kind, event.name, line)
        elif isinstance(event, events.ColonyDescribed):
            self._add(COLONY, "", line)
        elif isinstance(event, events.Warned):
            self._add_of(WARNING, event.slot, line)
        elif isinstance(event, events.Reread):
            self._add_of(REREAD, event.slot, line)
        elif isinstance(event, events.ReloadEnded):
            self._add(RELOADED, event.program, line)
        elif isinstance(event, events.CommandRefused):
            self._add_of(REFUSED, event.slot, line, _NAMES[type(event.given)])

    def first(self) -> int:
        """Return the number of the oldest event that is known; one more than the last where none is."""
        return max(1, self.last - SIZE + 1)

    def event(self, number: int) -> Entry:
        """Return an event that is known."""
        return self._ring[number % SIZE]

    def facts(self, program: str, number: int) -> Facts:
        """Return what is known of a slot."""
        return self._facts.get((program, number)) or Facts(self.began)

    def _add(self, kind: str, program: str, line: str | None) -> None:
        self._keep((time(), kind, program, 0, 0, line))

    def _add_of(self, kind: str, slot: Slot, line: str | None, *more: object) -> None:
        self._keep((time(), kind, slot.program, slot.number, slot.of, line, *more))

    def _keep(self, entry: Entry) -> None:
        self.last += 1
        if self.last < SIZE:
            self._ring.append(entry)
        else:
            self._ring[self.last % SIZE] = entry
        if self.followers and not self._calling:  # later: this is in the middle of a change, and more may come
            self._calling = True
            self._loop.call_at(self._loop.now(), self._call)

    def _call(self) -> None:
        self._calling = False
        for follower in list(self.followers):
            follower.wake()

    def _changed(self, event: InstanceChanged, line: str | None) -> None:
        before, after, given, slot = event.before, event.after, event.given, event.slot
        wall = time()
        facts = self._facts.get((slot.program, slot.number)) or self._begin(slot, wall)
        facts.since = wall
        status = None
        if isinstance(given, Ended):
            ran_for = event.at - facts.born
            status = given.status
            facts.last_end = (status, in_words(status, core=given.core, oom=given.oom), wall, ran_for)
            facts.unbidden = isinstance(before.state, Running | Starting)
            if facts.unbidden:
                facts.cause = ENDED
        elif isinstance(given, Spawned):
            facts.born = event.at
            facts.restarts += facts.unbidden
            facts.unbidden = False
            facts.count()
        elif isinstance(given, SpawnFailed):
            facts.trouble = f"could not be started: {given.why}"
        elif isinstance(given, Start | Stop | Restart):
            facts.unbidden = False
            alive = pid_of(before.state) is not None or facts.cause
            facts.cause = REPLACED if isinstance(given, Restart) and alive else ""
        elif isinstance(given, Unhealthy | Outdated | DeadlinePassed) and isinstance(before.state, Running | Starting):
            facts.cause = _CAUSES[type(given)]
            facts.trouble = _trouble(given)
        facts.stopped = isinstance(after.state, Stopped)
        if facts.stopped and (facts.leaving or slot.number > slot.of):
            del self._facts[slot.program, slot.number]
        self._keep((
            wall, STATE, slot.program, slot.number, slot.of, line,
            _NAMES[type(before.state)], _NAMES[type(after.state)], _NAMES[type(given)], after.want,
            after.held, pid_of(after.state), after.run, after.attempt, status,
        ))  # fmt: skip

    def _taken_over(self, event: InstanceTakenOver, line: str | None) -> None:
        slot, state = event.slot, event.instance.state
        facts = self._begin(slot, time())
        facts.born = self._loop.now() - ((ticks_now() - event.born) / TICKS if event.born else 0.0)
        facts.stopped = isinstance(state, Stopped)
        self._add_of(TAKEN_OVER, slot, line, name_of(state), pid_of(state), event.instance.run)

    def _described(self, event: events.ProgramsChanged) -> None:
        leaving = event.kind == events.PROGRAM_REMOVED
        for number, facts in self._facts.of(event.name).items():
            facts.leaving = leaving
            if leaving and facts.stopped:
                del self._facts[event.name, number]

    def _begin(self, slot: Slot, wall: float) -> Facts:
        facts = self._facts[slot.program, slot.number] = Facts(wall)
        return facts


def _trouble(given: Unhealthy | Outdated | DeadlinePassed) -> str:
    if isinstance(given, DeadlinePassed):
        return "was not ready in time"
    return f"unhealthy: {given.why}" if isinstance(given, Unhealthy) else given.why
