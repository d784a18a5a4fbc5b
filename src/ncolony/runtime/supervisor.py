"""The supervisor: what doors and clients ask for, and the programs that are described.

What happens in the slots of programs is in slots.py; what an earlier supervisor left is taken over here.
"""

from __future__ import annotations

from errno import EAGAIN

from ncolony.core import events
from ncolony.core.errors import NoSuch, Refused
from ncolony.core.kept import fingerprint
from ncolony.core.names import nearest
from ncolony.core.plan import Add, Change, plan
from ncolony.core.program import PIPE
from ncolony.core.record import replace
from ncolony.core.snapshot import view
from ncolony.core.states import DOWN, UP, Restart, Running, Start, Stop, Sweeping, Waiting, pid_of
from ncolony.runtime import stopping
from ncolony.runtime.place import Place
from ncolony.runtime.slots import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ncolony.core.colonyspec import ColonySpec
    from ncolony.core.kept import Kept
    from ncolony.core.plan import Remove
    from ncolony.core.program import Program
    from ncolony.core.reloadkeys import ReloadRule
    from ncolony.core.snapshot import InstanceView
    from ncolony.core.states import Input
    from ncolony.ports import Channels, Gate, Listeners, Loop, Observer, Outfitter, Spawner
    from ncolony.runtime.rolling import Rolls


class Supervisor:
    """Keeps a colony's programs as they are wanted."""

    def __init__(
        self,
        loop: Loop,
        spawner: Spawner,
        channels: Channels,
        *,
        colony: str = "",
        inherit: Mapping[str, str] | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        """Begin with no programs.

        ``colony`` tells this supervisor's runs from those of any other; ``inherit``: what programs get of the
        supervisor's environment.
        """
        self._slots = Slots(loop, spawner, channels, colony=colony, inherit=inherit or {}, observers=observers)
        self._slots.emptied = self._forget
        self._places = self._slots.places
        self.began = loop.now()
        """When this supervisor began, on the loop's clock."""
        self.spec: ColonySpec | None = None
        """What holds for the whole colony; None: nothing was said of it yet."""
        self._programs: dict[str, Program] = {}
        self.all_described = False
        """Everything has been read for the first time."""
        self._closed: Callable[[], None] | None = None
        self._kept: dict[tuple[str, int], Kept] = {}
        self._tell_the_rest: Callable[[], None] | None = None
        """While shutting down: tells everybody to stop who waits for others to be gone first."""
        self._rolls: Rolls | None = None

    @property
    def listeners(self) -> Listeners | None:
        """Who opens programs' sockets; None: nobody does."""
        return self._slots.listeners

    @listeners.setter
    def listeners(self, listeners: Listeners) -> None:
        self._slots.listeners = listeners

    @property
    def outfitter(self) -> Outfitter | None:
        """Who gives processes what they report by; None: nobody does."""
        return self._slots.outfitter

    @outfitter.setter
    def outfitter(self, outfitter: Outfitter) -> None:
        self._slots.outfitter = outfitter

    # What doors and clients ask ---------------------------------------------------------------------------------------

    @property
    def programs(self) -> Mapping[str, Program]:
        """The programs as last described. To be read, never changed."""
        return self._programs

    def apply(self, wanted: Mapping[str, Program | None]) -> None:
        """Make programs as described; None removes one. Programs not named are left alone."""
        if self._closed is not None:
            return
        for act in plan(self._programs, wanted):
            if isinstance(act, Add):
                self._add(act.program)
            elif isinstance(act, Change):
                self._change(act)
            else:
                self._remove(act)

    def describe(self, spec: ColonySpec) -> None:
        """Make known what holds for the whole colony; companions see to it."""
        self.spec = spec
        self._slots.tell(events.ColonyDescribed(spec))

    def described_all(self) -> None:
        """Make known that everything has been read for the first time."""
        self.all_described = True
        self._slots.tell(events.AllDescribed())

    def start(self, name: str, number: int | None = None, why: str = "") -> None:
        """Start a program, or one instance of it. Raises :class:`NoSuch`, here and below."""
        for place in self._chosen(name, number):
            self._slots.feed(place, Start(why))

    def stop(self, name: str, number: int | None = None, why: str = "", *, hold: bool = True) -> None:
        """Stop a program, or one instance; held, it stays so until it is started, under any supervisor."""
        for place in self._chosen(name, number):
            self._slots.feed(place, Stop(why=why, hold=hold))

    def stop_in_order(self, slots: Iterable[tuple[str, int | None]], why: str = "", *, hold: bool = True) -> None:
        """Stop programs, or instances: those that need others of them first, each when the ones before it are gone."""
        places = [place for name, number in slots for place in self._chosen(name, number)]
        stopping.in_order(self._slots, places, lambda place: self._slots.feed(place, Stop(why=why, hold=hold)))

    def restart(self, name: str, asked_at: float | None = None, number: int | None = None, why: str = "") -> None:
        """Give a program, or one instance, a new process; what was started at ``asked_at`` or later is new enough."""
        for place in self._chosen(name, number):
            if asked_at is None or place.born < asked_at:
                self._slots.feed(place, Restart(why))

    def reload(
        self, name: str, numbers: Collection[int] | None = None, why: str = "", rule: ReloadRule | None = None
    ) -> None:
        """Replace the processes of a program, or of some instances, without a gap; ReloadEnded is told when it is over.

        Where it is being reloaded already, that goes on. ``rule``: in place of the program's own.
        """
        places = [place for place in self._chosen(name, None) if numbers is None or place.number in numbers]
        if not self._rolling().is_under_way(name):
            self._rolling().begin(self._programs[name], [one for one in places if one.instance.want == UP], why, rule)

    def is_reloading(self, name: str) -> bool:
        """Tell whether a program is being reloaded: it has surplus instances then."""
        return self._rolls is not None and self._rolls.is_under_way(name)

    def on_trial(self, name: str, number: int) -> bool:
        """Tell whether a slot has a new process whose failure is the reload's business, and nobody else's."""
        return self._rolls is not None and self._rolls.on_trial(name, number)

    def about(self, name: str) -> Mapping[str, object]:
        """Return what a status should say of a program's reload; empty where there is nothing."""
        return {} if self._rolls is None else self._rolls.about(name)

    def described(self, name: str, number: int) -> Program | None:
        """Return what a slot is described as; in a reload, or after one that failed, not all are the same."""
        place = self._places.get((name, number))
        return None if place is None else place.program

    def note_reread(self, name: str, number: int) -> None:
        """Take note that a process says it has read its configuration anew."""
        place = self._places.get((name, number))
        if place is not None:
            self._slots.tell(events.Reread(place.slot()))

    def signal(self, name: str, signal_number: int, scope: str, number: int | None = None, why: str = "") -> int:
        """Send a signal to the process of each instance, or of one, and return how many there were.

        ``scope``: as in a program's ``stop``, who else of its processes gets it.
        """
        living = [place for place in self._chosen(name, number) if pid_of(place.instance.state) is not None]
        for place in living:
            if place.process is not None:
                self._slots.tell(events.Signalled(place.slot(), signal_number, why))
                place.process.signal(signal_number, scope)
        return len(living)

    def send(self, name: str, number: int | None, data: bytes) -> int:
        """Write to the standard input of each instance, or of one, and return how many that were.

        Raises :class:`NoSuch`, and :class:`Refused` where the program has no such input or one does not read.
        """
        places = self._chosen(name, number)
        if self._programs[name].stdin != PIPE:
            raise Refused(f'cannot send to {name!r}: its standard input is /dev/null; set "stdin": "pipe"')
        sent = 0
        for place in places:
            pid = pid_of(place.instance.state)
            if pid is not None:
                try:
                    self._slots.spawner.put(pid, self._slots.mark(place, place.instance.run), data)
                except OSError as error:
                    words = "it does not read what it got before" if error.errno == EAGAIN else error.strerror
                    raise Refused(f"cannot send to {str(place.slot())!r}: {words}") from None
                sent += 1
        return sent

    def learn(self, name: str, number: int, fact: Input) -> None:
        """Take in what a companion has found out of a slot; of one that is gone, or an earlier run, it is no news."""
        place = self._places.get((name, number))
        if place is not None:
            self._slots.feed(place, fact)

    def tail(self, name: str, number: int, stream: str, size: int) -> bytes:
        """Return the last bytes of a slot's output, at most 64 KB; nothing where there is no such slot."""
        place = self._places.get((name, number))
        return b"" if place is None or place.channel is None else place.channel.tail(stream, size)

    def listen(self, name: str, number: int, hear: Callable[[str, bytes], bool] | None) -> None:
        """Have ``hear`` get a slot's output from now on, by stream, until it returns true; None: nobody."""
        place = self._places.get((name, number))
        if place is not None and place.channel is not None:
            place.channel.listen(hear)

    def last_words(self, name: str, number: int, size: int) -> bytes:
        """Return the last bytes of a slot's latest run: of stderr where it said anything there, else of stdout."""
        place = self._places.get((name, number))
        return b"" if place is None or place.channel is None else place.channel.last_words(size)

    def observe(self, observer: Observer) -> None:
        """Tell one more of what happens from now on."""
        self._slots.observers.append(observer)

    def ignore(self, observer: Observer) -> None:
        """Tell it no more."""
        self._slots.observers = [one for one in self._slots.observers if one is not observer]

    def guard(self, gate: Gate) -> None:
        """Ask one more before a start that may have to wait."""
        self._slots.gates.append(gate)

    def reconsider(self, name: str | None = None) -> None:
        """Start what waits for nothing any more, of one program or of all."""
        for place in list(self._places.values()) if name is None else self._places_of(name):
            if isinstance(place.instance.state, Waiting):
                self._slots.await_turn(place)

    def restart_all(self, asked_at: float | None = None) -> None:
        """Restart every program, but those with a schedule: their next runs are new anyway."""
        self._renew(self._programs, asked_at)

    def restart_group(self, label: str, asked_at: float | None = None) -> None:
        """Restart every program that carries the label, as above. Raises :class:`NoSuch` where none does."""
        names = [name for name, program in self._programs.items() if label in program.labels]
        if not names:
            message = f"no program carries the label {label!r}"
            raise NoSuch(message)
        self._renew(names, asked_at)

    def _renew(self, names: Iterable[str], asked_at: float | None) -> None:
        for name in self._by_priority(names):
            if self._programs[name].schedule is None:
                self.restart(name, asked_at)

    @property
    def closing(self) -> bool:
        """Tell whether all is being stopped for good."""
        return self._closed is not None

    def shut_down(self, closed: Callable[[], None], within: float | None = None) -> None:
        """Stop everything for good, and call ``closed`` when the last process is gone.

        ``within``: seconds after which whatever still lives gets SIGKILL, however long its own time is. Programs that
        are needed by others are told when those are gone, at the latest when half of that time is over.
        """
        self._closed = closed
        if self._rolls is not None:
            self._rolls.end_all()
        self._tell_the_rest = stopping.within(self._slots, list(self._places.values()), self._let_go, within)
        self._say_closed()

    def hurry(self, within: float) -> None:
        """While shutting down: let no process have more than ``within`` seconds before SIGKILL."""
        if self._tell_the_rest is not None:
            self._tell_the_rest()
        for place in list(self._places.values()):
            self._slots.feed(place, Stop(within, "hurried"))

    def snapshot(self, name: str | None = None) -> tuple[InstanceView, ...]:
        """Return how the instances of one program stand, or those of all."""
        places = self._places.values() if name is None else self._places_of(name)
        return tuple(
            view(place.program.name, place.number, place.instance, surplus=place.number > place.program.instances)
            for place in places
        )

    def waits_for(self, name: str, number: int) -> str:
        """Say what a slot waits for; empty where it does not wait."""
        place = self._places.get((name, number))
        if place is None or not isinstance(place.instance.state, Waiting):
            return ""
        return self._slots.held_back(place)

    # Programs ---------------------------------------------------------------------------------------------------------

    def _add(self, program: Program) -> None:
        self._programs[program.name] = program
        self._slots.tell(events.ProgramsChanged(events.PROGRAM_ADDED, program.name, program))
        self._fill(program)

    def _change(self, act: Change) -> None:
        program = act.program
        self._programs[program.name] = program
        self._slots.tell(events.ProgramsChanged(events.PROGRAM_CHANGED, program.name, program, act.fields, act.restart))
        why = f"{', '.join(act.fields)} changed"
        mixed = self._rolls is not None and self._rolls.concerns(program.name)
        places = [place for place in self._places_of(program.name) if not place.leaving]
        if program.reload is not None and (mixed or act.restart):
            self._rolling().describe(program, places, why)
        else:
            if mixed:
                self._rolling().end(program.name)
            for place in places:
                self._describe(place, program)
                new = mixed and place.meaning == fingerprint(program)
                if (act.restart or mixed) and not new and place.instance.want == UP:
                    self._slots.feed(place, Restart(why))
        self._fill(program)

    def _describe(self, place: Place, program: Program) -> None:
        place.program = program
        if place.channel is not None:
            place.channel.describe(place.slot(), program.log)

    def _rolling(self) -> Rolls:
        if self._rolls is None:
            from ncolony.runtime.rolling import Rolls

            self._rolls = Rolls(self._slots, self._surplus, lambda place, why: self._let_go(place, why=why))
        return self._rolls

    def _surplus(self, program: Program, number: int) -> Place:
        """Have a slot beyond those that there should be come to life; it is forgotten as soon as it is stopped."""
        key = (program.name, number)
        place = self._places.get(key) or Place(program, number)
        self._places[key] = place
        place.leaving = True
        if key in self._kept:
            self._take_over(place, self._kept.pop(key), surplus=True)
        self._describe(place, program)
        if place.instance.want == DOWN:
            self._slots.feed(place, Start("new beside the old ones, for a reload"))
        elif place.meaning != fingerprint(program) or not isinstance(place.instance.state, Running):
            self._slots.feed(place, Restart("new beside the old ones, for a reload"))
        return place

    def let_go_surplus(self, name: str) -> None:
        """Stop what an earlier supervisor left of a program beyond what there should be, once the others serve."""
        left = []
        for key in [key for key in self._kept if key[0] == name]:
            place = self._places[key] = Place(self._programs[name], key[1])
            place.leaving = True
            self._take_over(place, self._kept.pop(key), surplus=True)
            if isinstance(place.instance.state, Running) and place.instance.want == UP:
                left.append(place)
            else:
                self._let_go(place, why="a reload was broken off")
        if left:
            self._rolling().settle(self._programs[name], left)

    def _remove(self, act: Remove) -> None:
        del self._programs[act.name]
        self._slots.tell(events.ProgramsChanged(events.PROGRAM_REMOVED, act.name, None))
        if self._rolls is not None:
            self._rolls.end(act.name)
        for place in self._places_of(act.name):
            self._let_go(place, why="it was removed")

    def _fill(self, program: Program) -> None:
        """Have as many places as the program has instances: new ones are started, those too many let go."""
        for place in self._places_of(program.name):
            if place.number > program.instances and not place.leaving:  # what leaves was told so, or serves in a reload
                self._let_go(place, why=f"{program.instances} instances are enough")
        for number in range(1, program.instances + 1):
            key = (program.name, number)
            place = self._places.get(key) or Place(program, number)
            if key in self._places and not place.leaving:
                continue
            self._places[key] = place
            place.leaving = False
            place.program = program
            if key in self._kept:
                self._take_over(place, self._kept.pop(key))
                if place.instance.want == DOWN and program.autostart and not place.instance.held:
                    self._slots.feed(
                        place, Start()
                    )  # it was removed, or all was being stopped, and here it is described
            elif program.autostart and place.instance.want == DOWN:
                self._slots.feed(place, Start())
        if program.reload is not None and (old := self._taken_over_old(program)):
            self._rolling().begin(program, old, _ANEW)

    def _taken_over_old(self, program: Program) -> list[Place]:
        """Return the places with processes that an earlier supervisor started from another description."""
        now_means = fingerprint(program)
        return [
            place
            for place in self._places_of(program.name)
            if place.meant is None and place.meaning not in (0, now_means) and place.instance.want == UP
        ]

    def _take_over(self, place: Place, kept: Kept, *, surplus: bool = False) -> None:
        """Go on where an earlier supervisor left off."""
        instance = place.instance = replace(kept.instance, number=place.number)
        place.meaning = kept.meaning
        waited = self._slots.hold()  # its end may be told before there is a process to speak of
        try:
            self._adopt(place, kept)
            now_means = fingerprint(place.program)
            self._slots.tell(events.InstanceTakenOver(place.slot(), instance, kept.meaning or now_means, kept.born))
            rolled = surplus or place.program.reload is not None or place.program.schedule is not None
            if kept.meaning not in (0, now_means) and instance.want == UP and not rolled:
                self._slots.feed(place, Restart(_ANEW))
        finally:
            self._slots.release(waited)

    def _adopt(self, place: Place, kept: Kept) -> None:
        pid = pid_of(kept.instance.state)
        if pid is not None or self._slots.channels.holds(place.slot()):
            place.channel = self._slots.channels.open(place.slot(), place.program.log, pid)
            place.channel.began(kept.instance.run, pid or 0)
        run, scope = place.run_name(kept.instance.run), place.program.stop.scope
        if place.program.sockets and self.listeners is not None:
            self.listeners.take_over(place.program, run, kept.born, pid)
        if pid is not None or isinstance(kept.instance.state, Sweeping):
            place.process = self._slots.spawner.adopt(run, kept, pid, lambda fact: self._slots.feed(place, fact), scope)
        self._slots.arm(place)
        if isinstance(kept.instance.state, Waiting):
            self._slots.await_turn(place)

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
            place = self._places[key] = Place(program, key[1])
            self._take_over(place, self._kept.pop(key))
            self._let_go(place, why="it was removed")

    def _by_priority(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: self._programs[name].priority)

    def _chosen(self, name: str, number: int | None) -> list[Place]:
        """Return the places that a command is for. Raises :class:`NoSuch`."""
        if name not in self._programs:
            near = nearest(name, list(self._programs))
            message = f"there is no program {name!r}" + (f"; did you mean {near!r}?" if near else "")
            raise NoSuch(message)
        places = [place for place in self._places_of(name) if not place.leaving]
        if number is None:
            return places
        if number > len(places) or number < 1:
            raise NoSuch(f"there is no instance {number} of {name!r}: it has {len(places)}")
        return [places[number - 1]]

    def _places_of(self, name: str) -> list[Place]:
        found = []
        number = 1
        while (place := self._places.get((name, number))) is not None:
            found.append(place)
            number += 1
        return found

    def _let_go(self, place: Place, within: float | None = None, why: str = "the colony stops") -> None:
        # Always through the inbox: a start may be waiting there.
        place.leaving = True
        self._slots.feed(place, Stop(within, why))

    def _forget(self, place: Place) -> None:
        if place.channel is not None:
            place.channel.close()
            place.channel = None
        name = place.program.name
        del self._places[name, place.number]
        if self.listeners is not None and name not in self._programs and all(key[0] != name for key in self._places):
            self.listeners.close(name)
        self._say_closed()

    def _say_closed(self) -> None:
        if self._closed is not None and not self._places:
            closed, self._closed = self._closed, _nothing
            closed()


_ANEW = "it was described anew while no supervisor ran"


def _nothing() -> None:
    """Do nothing: it was said before that everything is closed."""
