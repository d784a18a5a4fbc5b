"""The programs that are described, and the places for their processes: made, described anew, taken over, let go.

What happens in a place is in slots.py; what people and programs ask for in supervisor.py.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.errors import NoSuch
from ncolony.core.kept import fingerprint
from ncolony.core.names import nearest
from ncolony.core.record import replace
from ncolony.core.states import DOWN, UP, Restart, Running, Start, Starting, Stop, Sweeping, Waiting, pid_of
from ncolony.runtime.place import Place, is_outdated
from ncolony.runtime.slots import Learner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ncolony.core.kept import Kept
    from ncolony.core.plan import Change, Remove
    from ncolony.core.program import Program
    from ncolony.runtime.rolling import Rolls
    from ncolony.runtime.slots import Slots


class Roster:
    """Who is described, and what an earlier supervisor left of whom."""

    def __init__(self, slots: Slots, emptied: Callable[[], None]) -> None:
        """Begin with nobody; ``emptied`` is called whenever a place is no more."""
        self._slots = slots
        self._places = slots.places
        self.emptied = emptied
        self.programs: dict[str, Program] = {}
        self.rolls: Rolls | None = None
        """Reloads without a gap; None: there was none yet."""
        self.all_described = False
        """Everything has been read for the first time."""
        self._kept: dict[tuple[str, int], Kept] = {}
        slots.emptied = self.forget

    def add(self, program: Program) -> None:
        """Take a new program in, and start what it asks for."""
        self.programs[program.name] = program
        self._slots.tell(events.ProgramsChanged(events.PROGRAM_ADDED, program.name, program))
        self._fill(program)

    def change(self, act: Change) -> None:
        """Have a program be as it is described by now."""
        program = act.program
        self.programs[program.name] = program
        self._slots.tell(events.ProgramsChanged(events.PROGRAM_CHANGED, program.name, program, act.fields, act.restart))
        mixed = self.rolls is not None and self.rolls.concerns(program.name)
        places = [place for place in self.places_of(program.name) if not place.leaving]
        outdated = {place.number for place in places if is_outdated(place, program)}
        why = f"{', '.join(act.fields)} changed" if act.restart or mixed else _OLDER
        if program.reload is not None and (mixed or act.restart or outdated):
            self.rolling().describe(program, places, why)
        else:
            if mixed:
                self.rolling().end(program.name, "it is described without `reload` now")
            for place in places:
                self._describe(place, program)
                new = mixed and place.meaning == fingerprint(program)
                old = place.number in outdated or (not new and (act.restart or mixed))
                if old and place.instance.want == UP:
                    self._slots.feed(place, Restart(why))
        self._fill(program)

    def _describe(self, place: Place, program: Program) -> None:
        place.program = program
        if place.channel is not None:
            place.channel.describe(place.slot(), program.log)

    def rolling(self) -> Rolls:
        """Return who reloads without a gap, made when first asked for."""
        if self.rolls is None:
            from ncolony.runtime.rolling import Rolls

            self.rolls = Rolls(self._slots, self._surplus, lambda place, why: self.part_with(place, why=why))
        return self.rolls

    def _surplus(self, program: Program, number: int) -> Place:
        """Have a slot beyond those that there should be come to life; it is forgotten as soon as it is stopped."""
        key = (program.name, number)
        place = self._places.get(key) or self._make(program, number)
        place.leaving = True
        if key in self._kept:
            self._take_over(place, self._kept.pop(key), as_it_is=True)
        self._describe(place, program)
        if place.instance.want == DOWN:
            self._slots.feed(place, Start("new beside the old ones, for a reload"))
        elif place.meaning != fingerprint(program) or not isinstance(place.instance.state, Running):
            self._slots.renew(place, "new beside the old ones, for a reload")
        return place

    def let_go_surplus(self, name: str) -> None:
        """Stop what an earlier supervisor left of a program beyond what there should be, once the others serve."""
        left = []
        for key in [key for key in self._kept if key[0] == name]:
            place = self._make(self.programs[name], key[1])
            place.leaving = True
            self._take_over(place, self._kept.pop(key), as_it_is=True)
            if isinstance(place.instance.state, Running) and place.instance.want == UP:
                left.append(place)
            else:
                self.part_with(place, why="a reload was broken off")
        if left:
            self.rolling().settle(self.programs[name], left)

    def remove(self, act: Remove) -> None:
        """Stop a program for good."""
        del self.programs[act.name]
        self._slots.tell(events.ProgramsChanged(events.PROGRAM_REMOVED, act.name, None))
        if self.rolls is not None:
            self.rolls.end(act.name, "it was removed")
        for place in self.places_of(act.name):
            self.part_with(place, why="it was removed")

    def _fill(self, program: Program) -> None:
        """Have as many places as the program has instances: new ones are started, those too many let go."""
        for place in self.places_of(program.name):
            if place.number > program.instances and not place.leaving:  # what leaves was told so, or serves in a reload
                self.part_with(place, why=f"{program.instances} instances are enough")
        taken = []
        for number in range(1, program.instances + 1):
            key = (program.name, number)
            there = self._places.get(key)
            if there is not None and not there.leaving:
                continue
            place = there or self._make(program, number)
            place.leaving = False
            place.program = program
            if key in self._kept:
                self._take_over(place, self._kept.pop(key))
                taken.append(place)
                if place.instance.want == DOWN and program.autostart and not place.instance.held:
                    # It was removed, or all was being stopped, and here it is described.
                    self._slots.feed(place, Start())
            elif program.autostart and place.instance.want == DOWN:
                self._slots.feed(place, Start())
        if program.reload is not None and (old := [place for place in taken if _is_of_another_description(place)]):
            self._reload(program, old)
        if self.all_described and any(name == program.name for name, _ in self._kept):
            self.let_go_surplus(program.name)  # its file could not be used until now

    def _reload(self, program: Program, old: list[Place]) -> None:
        """Have what was taken over replaced; a reload of others that is under way is to be about all of them."""
        if self.rolls is not None and self.rolls.is_under_way(program.name):
            self.rolls.describe(program, old, _ANEW)
        else:
            self.rolling().begin(program, old, _ANEW)

    def _take_over(self, place: Place, kept: Kept, *, as_it_is: bool = False) -> None:
        """Go on where an earlier supervisor left off; ``as_it_is``: whatever it is described as by now."""
        instance = place.instance = replace(kept.instance, number=place.number)
        place.meaning = kept.meaning
        waited = self._slots.hold()  # its end may be told before there is a process to speak of
        try:
            self._adopt(place, kept)
            now_means = fingerprint(place.program)
            self._slots.tell(events.InstanceTakenOver(place.slot(), instance, kept.meaning or now_means, kept.born))
            rolled = as_it_is or place.program.reload is not None or place.program.schedule is not None
            if kept.meaning not in (0, now_means) and instance.want == UP and not rolled:
                self._slots.feed(place, Restart(_ANEW))
            elif instance.want == DOWN and isinstance(instance.state, Starting | Running):
                # It was to be stopped as soon as it was there; the supervisor was killed before that.
                self._slots.feed(place, Stop(why="it was stopped while it came to life", hold=instance.held))
        finally:
            self._slots.release(waited)

    def _adopt(self, place: Place, kept: Kept) -> None:
        pid = pid_of(kept.instance.state)
        if pid is not None or self._slots.channels.holds(place.slot()):
            place.channel = self._slots.channels.open(place.slot(), place.program.log, None if pid is None else kept)
            place.channel.began(kept.instance.run, pid or 0)
        run, scope = place.run_name(kept.instance.run), place.program.stop.scope
        if place.program.sockets and self._slots.listeners is not None:
            self._slots.listeners.take_over(place.program, run, kept.born, pid)
        if pid is not None or isinstance(kept.instance.state, Sweeping):
            place.process = self._slots.spawner.adopt(run, kept, pid, Learner(self._slots, place), scope)
        self._slots.arm(place)
        if isinstance(kept.instance.state, Waiting) and place.program.name in self.programs and not place.leaving:
            self._slots.await_turn(place)  # else it is let go, or begins anew

    def remember(self, kept: Mapping[tuple[str, int], Kept]) -> None:
        """Learn how an earlier supervisor left things; they are taken over program by program as those are described.

        To be called before the first :meth:`apply`.
        """
        self._kept.update(kept)

    def left_over(self) -> Mapping[tuple[str, int], Kept]:
        """Return what an earlier supervisor left that no program has claimed yet."""
        return self._kept

    def let_go(self, program: Program) -> None:
        """Stop what an earlier supervisor left of a program that is described no more."""
        for key in [key for key in self._kept if key[0] == program.name]:
            place = self._make(program, key[1])
            self._take_over(place, self._kept.pop(key), as_it_is=True)
            self.part_with(place, why="it was removed")

    def by_priority(self, names: Iterable[str]) -> list[str]:
        """Return names in the order in which they are started."""
        return sorted(names, key=lambda name: self.programs[name].priority)

    def chosen(self, name: str, number: int | None) -> list[Place]:
        """Return the places that a command is for. Raises :class:`NoSuch`."""
        if name not in self.programs:
            near = nearest(name, list(self.programs))
            message = f"there is no program {name!r}" + (f"; did you mean {near!r}?" if near else "")
            raise NoSuch(message)
        places = [place for place in self.places_of(name) if not place.leaving]
        if number is None:
            return places
        if number > len(places) or number < 1:
            raise NoSuch(f"there is no instance {number} of {name!r}: it has {len(places)}")
        return [places[number - 1]]

    def places_of(self, name: str) -> list[Place]:
        """Return the places of a program, by number; of those that are left over from a reload some may be gone."""
        return list(self._places.of(name).values())

    def _make(self, program: Program, number: int) -> Place:
        place = self._places[program.name, number] = Place(program, number)
        return place

    def part_with(self, place: Place, within: float | None = None, why: str = "the colony stops") -> None:
        """Stop what is in a place, and forget the place then."""
        # Always through the inbox: a start may be waiting there.
        place.leaving = True
        self._slots.feed(place, Stop(within, why))

    def forget(self, place: Place) -> None:
        """Let go of a place that is stopped, and of what belongs to it."""
        if place.channel is not None:
            place.channel.close()
            place.channel = None
        name = place.program.name
        del self._places[name, place.number]
        if self._slots.listeners is not None and name not in self.programs and not self._places.of(name):
            self._slots.listeners.close(name)
        self.emptied()


def _is_of_another_description(place: Place) -> bool:
    """Tell whether an earlier supervisor has started what is in a place from another description."""
    return place.meaning not in (0, fingerprint(place.program)) and place.instance.want == UP


_ANEW = "it was described anew while no supervisor ran"
_OLDER = "its process was started from an older description"
