"""Reloads: the processes of a program are replaced one after the other, and there are never fewer than there should be.

A slot never has two processes, so new ones come to life in surplus slots, with numbers beyond the program's instances.
Once those are ready and have stayed so, slot after slot is restarted; at the end the surplus is stopped. Where a new
process fails, the old ones go on: nothing is stopped before its successor has proved itself. docs/decisions/0014 says
why. Imported for the first reload.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.kept import fingerprint
from ncolony.core.program import ReloadRule
from ncolony.core.states import UP, Stopped
from ncolony.runtime.newcomers import give, own, serves, sockets_of
from ncolony.runtime.roll import Roll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ncolony.core.events import Event
    from ncolony.core.program import Program
    from ncolony.core.sockets import Socket
    from ncolony.runtime.place import Place
    from ncolony.runtime.slots import Slots

    Surplus = Callable[[Program, int], Place]
    LetGo = Callable[[Place, str], None]


NOT_ALL = "has processes that are as they were before"


class Rolls:
    """The reloads of a colony (an Observer): those under way, and what became of those that failed."""

    def __init__(self, slots: Slots, surplus: Surplus, let_go: LetGo) -> None:
        """``surplus`` makes a surplus slot, or finds what is left there from before; ``let_go`` ends one."""
        self.slots, self.surplus, self.let_go = slots, surplus, let_go
        self._rolls: dict[str, Roll] = {}
        self._refused: dict[str, tuple[Program, str]] = {}
        """By program: the description that is not in use everywhere, and why."""
        self._cut_short: dict[str, tuple[Program, ...]] = {}
        """By program: the descriptions that were in use when everything was to be stopped in the middle of a reload."""
        slots.observers.append(self)
        slots.sockets_besides = self.sockets_besides

    def begin(self, program: Program, places: Sequence[Place], why: str, rule: ReloadRule | None = None) -> None:
        """Replace the processes of places. Where none of them serves, there is nothing to spare: all at once."""
        refused = self._refused.get(program.name)
        self.end(program.name, "another one begins")
        places = [place for place in places if not place.leaving]
        if not any(serves(place) for place in places):
            for place in places:
                give(place, program)
            if refused is not None and any(place.program is not program for place in own(self.slots, program)):
                self._refused[program.name] = program, refused[1]  # only some were asked for
            for place in places:
                if place.instance.want == UP:
                    self.slots.renew(place, why)
            return
        roll = self._rolls[program.name] = Roll(self, program, rule or program.reload or ReloadRule(), why)
        roll.replace(places)

    def settle(self, program: Program, surplus: Sequence[Place]) -> None:
        """End what is left of an earlier supervisor's reload, once all others serve, or have had their time to."""
        if program.name in self._rolls:
            self._rolls[program.name].take_in(surplus)
        else:
            roll = self._rolls[program.name] = Roll(self, program, program.reload or ReloadRule(), "")
            roll.settle(surplus)

    def describe(self, program: Program, places: Sequence[Place], why: str) -> None:
        """Take note of a new description, of which ``places`` have processes of an older one perhaps."""
        self._refused.pop(program.name, None)
        roll = self._rolls.get(program.name)
        if roll is not None:
            roll.describe(program, why)
            return
        old = []
        for place in places:
            if place.instance.want == UP and place.meaning != fingerprint(program):
                old.append(place)
            else:
                give(place, program)
        if old:
            self.begin(program, old, why)

    def concerns(self, name: str) -> bool:
        """Tell whether slots of a program may differ in what they are described as."""
        return name in self._rolls or name in self._refused

    def is_under_way(self, name: str) -> bool:
        """Tell whether a program is being reloaded."""
        return name in self._rolls

    def on_trial(self, name: str, number: int) -> bool:
        """Tell whether a slot has, or is to get, a new process that has not proved itself: its end is dealt with."""
        roll = self._rolls.get(name)
        return roll is not None and roll.tries(number)

    def end(self, name: str, why: str) -> None:
        """Leave off: whatever has been replaced by now stays so."""
        self._refused.pop(name, None)
        roll = self._rolls.pop(name, None)
        if roll is not None:
            roll.leave_off()
            self._tell_end(name, why)

    def end_all(self) -> None:
        """Leave off with all of them; whoever asks stops everything."""
        for name in list(self._rolls):
            roll = self._rolls.pop(name)
            self._cut_short[name] = tuple(roll.descriptions())
            roll.rest()
            self._tell_end(name, "the colony is being stopped")

    def sockets_besides(self, name: str) -> Collection[Socket]:
        """Return the sockets that slots of a program need by any description of theirs, or when they are put back."""
        if name in self._rolls:
            return sockets_of(self._rolls[name].descriptions())
        if name in self._refused:
            return sockets_of(place.program for place in own(self.slots, self._refused[name][0]))
        return sockets_of(self._cut_short.get(name, ()))

    def _tell_end(self, name: str, why: str) -> None:
        self.slots.tell(events.ReloadEnded(name, f"is not reloaded any further: {why}"))

    def over(self, program: Program, why: str, *, refused: bool) -> None:
        """Take note that a reload is over, and tell why it did not come to its end, if so."""
        del self._rolls[program.name]
        if refused:
            self._refused[program.name] = program, why or NOT_ALL
        self.slots.tell(events.ReloadEnded(program.name, why))
        if self.slots.listeners is not None:
            self.slots.listeners.trim(program.name, sockets_of(place.program for place in own(self.slots, program)))

    def saw(self, event: Event) -> None:
        """Pass changes on to the reloads that they concern."""
        if not isinstance(event, events.InstanceChanged):
            return
        name = event.slot.program
        if name in self._rolls:
            self._rolls[name].saw(event)
        elif name in self._refused and isinstance(event.after.state, Stopped):
            # Stopped by hand: nobody is served by the old one any more, so the next start takes the new one.
            place = self.slots.places.get((name, event.slot.number))
            if place is not None:
                self.slots.loop.call_at(self.slots.loop.now(), lambda: self._take_refused(place))

    def _take_refused(self, place: Place) -> None:
        refused = self._refused.get(place.program.name)
        if refused is not None and isinstance(place.instance.state, Stopped):
            give(place, refused[0])

    def about(self, name: str) -> Mapping[str, object]:
        """Return what a status should say of a program; empty where there is nothing."""
        if name in self._rolls:
            return {"reload": {"under_way": True, "waiting_for": self._rolls[name].waits_for()}}
        return {"reload": {"under_way": False, "failed": self._refused[name][1]}} if name in self._refused else {}
