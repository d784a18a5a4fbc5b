"""Sockets that the supervisor holds for programs, and that they are the same ones as long as anybody wants them."""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.errors import OSFailure
from ncolony.core.states import Running, Starting
from tests.simulation.machine import Broken


def place_of(socket) -> tuple[str, str, int]:
    """Return what tells a socket from others, as posix/binding.py does."""
    return socket.kind, socket.host, socket.port


class SimListeners:
    """The Listeners port. What is open when its supervisor is killed the keeper has; an upgrade hands it over."""

    def __init__(self, life) -> None:
        self._life, self._machine = life, life.machine
        self.held: dict[str, dict[tuple, int]] = {}
        self.spare: dict[tuple, int] = dict(self._machine.kept_sockets)
        self._machine.kept_sockets.clear()

    def open(self, program, besides=()) -> tuple[int, ...]:
        if not program.sockets and program.name not in self.held:
            return ()
        self._life.port()
        self._life.rules.sockets.opening(program)
        held = self.held.setdefault(program.name, {})
        wanted = [place_of(socket) for socket in program.sockets]
        self._give_up(held, {*wanted, *map(place_of, besides)})
        for place in wanted:
            if place not in held and place in self.spare:
                held[place] = self.spare.pop(place)
            if place not in held:
                if self._machine.dice.random() < 0.05 and not self._machine.friendly:
                    raise OSFailure("cannot listen: the address is in use")
                held[place] = self._machine.socket()
        return tuple(held[place] for place in wanted)

    def trim(self, name: str, wanted) -> None:
        self._life.port()
        self._give_up(self.held.get(name, {}), set(map(place_of, wanted)))

    def _give_up(self, held, wanted) -> None:
        for place in [place for place in held if place not in wanted]:
            self._machine.sockets.discard(held.pop(place))

    def take_over(self, program, run: str, born: int, pid: int | None) -> None:
        self._life.port()
        held = self.held.setdefault(program.name, {})
        for place in map(place_of, program.sockets):
            if place not in held and place in self.spare:
                held[place] = self.spare.pop(place)

    def close(self, name: str) -> None:
        self._life.port()
        self._life.rules.sockets.closing(name)
        for socket in self.held.pop(name, {}).values():
            self._machine.sockets.discard(socket)

    def settle(self, programs=()) -> None:
        """Close what was kept and is of no program."""
        for program in programs:
            for place in map(place_of, program.sockets):
                if place in self.spare:
                    self.held.setdefault(program.name, {})[place] = self.spare.pop(place)
        for socket in self.spare.values():
            self._machine.sockets.discard(socket)
        self.spare = {}

    def close_all(self) -> None:
        """Close everything."""
        for name in list(self.held):
            self.close(name)
        self.settle()

    def leave(self) -> None:
        """Leave everything to the keeper."""
        self._machine.kept_sockets.update(self.spare)
        for held in self.held.values():
            self._machine.kept_sockets.update(held)


class SocketRules:
    """What has to hold."""

    def __init__(self, rules) -> None:
        self._rules, self._machine = rules, rules.machine
        self._known: dict[str, dict[tuple, int]] = {}
        """By program, what it has been given, and it or a slot of it is still described with."""

    def started(self, key, launch, program) -> None:
        """See that a process gets what it is to get, and the same as those before it."""
        if len(launch.listening) != len(program.sockets):
            raise Broken("sockets", f"{key} gets {len(launch.listening)} sockets of {len(program.sockets)}")
        known = self._known.setdefault(key[0], {})
        for socket, fd in zip(program.sockets, launch.listening, strict=True):
            place = place_of(socket)
            if fd not in self._machine.sockets:
                raise Broken("sockets", f"{key} gets a socket that is closed")
            if known.setdefault(place, fd) != fd:
                raise Broken("sockets", f"{key} gets another socket for {place} than those before it")

    def saw(self, event, _) -> None:
        """Forget what is described no more: it may be closed, and opened anew."""
        if isinstance(event, events.ProgramsChanged):
            gapless = event.program is not None and event.program.reload is not None
            self._forget(event.name, event.program, slots=gapless)
        elif isinstance(event, events.ReloadEnded):
            program = self._rules.life.supervisor.programs.get(event.program)
            self._forget(event.program, program, slots=True, itself=False)
        elif isinstance(event, events.AllDescribed):
            supervisor = self._rules.life.supervisor
            self._known = {name: known for name, known in self._known.items() if name in supervisor.programs}

    def opening(self, program) -> None:
        """What no slot is described with may be given up now."""
        described = self._rules.life.supervisor.programs.get(program.name)
        self._forget(program.name, described, slots=True, itself=False, more=program.sockets)

    def _forget(self, name: str, program, *, slots: bool, itself: bool = True, more=()) -> None:
        """Forget all sockets but those of a program, of its slots that are no surplus, and ``more``."""
        wanted = [*more]
        if program is not None:
            wanted += program.sockets if itself else ()
            places = self._rules.life.supervisor._slots.places
            for number in range(1, program.instances + 1) if slots else ():
                place = places.get((name, number))
                if place is not None and not place.leaving:
                    wanted += place.program.sockets
        kept = set(map(place_of, wanted))
        self._known[name] = {place: fd for place, fd in self._known.get(name, {}).items() if place in kept}

    def closing(self, name: str) -> None:
        """See that nobody has what is going to be closed."""
        supervisor = self._rules.life.supervisor
        if not supervisor.closing and name in supervisor.programs:
            raise Broken("sockets", f"those of {name} are closed, and it is described")
        if any(key[0] == name for key in supervisor._slots.places):
            raise Broken("sockets", f"those of {name} are closed, and it is not gone")
        self._known.pop(name, None)

    def recovered(self) -> None:
        """Another supervisor keeps them all, also where nothing else is left of a program."""

    def check(self, life, places) -> None:
        """See that who runs has its sockets, and that nothing is open twice, or by nobody."""
        held = [fd for one in life.listeners.held.values() for fd in one.values()]
        if {*held, *life.listeners.spare.values()} != self._machine.sockets:
            raise Broken("sockets", f"{self._machine.sockets} are open, and {held} are held")
        for key, place in places.items():
            if isinstance(place.instance.state, Starting | Running):
                known = self._known.get(key[0], {})
                for one, fd in known.items():
                    if life.listeners.held.get(key[0], {}).get(one) != fd:
                        raise Broken("sockets", f"{key} runs, and its socket {one} is not held any more")
