"""The supervisor: what doors, clients and companions ask of a colony.

Who is described and what was taken over is in roster.py, what happens in the places of programs in slots.py.
"""

from __future__ import annotations

from errno import EAGAIN

from ncolony.core import events
from ncolony.core.errors import NoSuch, Refused
from ncolony.core.plan import Add, Change, plan
from ncolony.core.program import PIPE
from ncolony.core.snapshot import view
from ncolony.core.states import UP, Restart, Start, Stop, Waiting, pid_of
from ncolony.runtime import stopping
from ncolony.runtime.roster import Roster
from ncolony.runtime.slots import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ncolony.core.colonyspec import ColonySpec
    from ncolony.core.kept import Kept
    from ncolony.core.program import Program, ReloadRule
    from ncolony.core.snapshot import InstanceView
    from ncolony.core.states import Input
    from ncolony.ports import Channels, Gate, Listeners, Loop, Observer, Outfitter, Spawner
    from ncolony.runtime.place import Place


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
        self._roster = Roster(self._slots, self._say_closed)
        self._places = self._slots.places
        self.began = loop.now()
        """When this supervisor began, on the loop's clock."""
        self.spec: ColonySpec | None = None
        """What holds for the whole colony; None: nothing was said of it yet."""
        self.all_described = False
        """Everything has been read for the first time."""
        self._closed: Callable[[], None] | None = None
        self._tell_the_rest: Callable[[], None] | None = None
        """While shutting down: tells everybody to stop who waits for others to be gone first."""

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
        return self._roster.programs

    def apply(self, wanted: Mapping[str, Program | None]) -> None:
        """Make programs as described; None removes one. Programs not named are left alone."""
        if self._closed is not None:
            return
        for act in plan(self._roster.programs, wanted):
            if isinstance(act, Add):
                self._roster.add(act.program)
            elif isinstance(act, Change):
                self._roster.change(act)
            else:
                self._roster.remove(act)

    def describe(self, spec: ColonySpec) -> None:
        """Make known what holds for the whole colony; companions see to it."""
        self.spec = spec
        self._slots.tell(events.ColonyDescribed(spec))

    def described_all(self) -> None:
        """Make known that everything has been read for the first time."""
        self.all_described = self._roster.all_described = True
        self._slots.tell(events.AllDescribed())

    def start(self, name: str, number: int | None = None, why: str = "") -> None:
        """Start a program, or one instance of it. Raises :class:`NoSuch`, here and below."""
        for place in self._roster.chosen(name, number):
            self._slots.feed(place, Start(why))

    def stop(self, name: str, number: int | None = None, why: str = "", *, hold: bool = True) -> None:
        """Stop a program, or one instance; held, it stays so until it is started, under any supervisor."""
        for place in self._roster.chosen(name, number):
            self._slots.feed(place, Stop(why=why, hold=hold))

    def stop_in_order(self, slots: Iterable[tuple[str, int | None]], why: str = "", *, hold: bool = True) -> None:
        """Stop programs, or instances: those that need others of them first, each when the ones before it are gone."""
        places = [place for name, number in slots for place in self._roster.chosen(name, number)]

        def tell(place: Place) -> None:
            self._slots.feed(place, Stop(why=why, hold=hold or place.instance.held))

        stopping.in_order(self._slots, places, tell)

    def restart(self, name: str, asked_at: float | None = None, number: int | None = None, why: str = "") -> None:
        """Give a program, or one instance, a new process; what was started at ``asked_at`` or later is new enough."""
        for place in self._roster.chosen(name, number):
            if asked_at is None or place.born < asked_at:
                self._slots.feed(place, Restart(why))

    def reload(
        self, name: str, numbers: Collection[int] | None = None, why: str = "", rule: ReloadRule | None = None
    ) -> None:
        """Replace the processes of a program, or of some instances, without a gap; ReloadEnded is told when it is over.

        Where it is being reloaded already, that goes on. ``rule``: in place of the program's own.
        """
        places = [place for place in self._roster.chosen(name, None) if numbers is None or place.number in numbers]
        if not self._roster.rolling().is_under_way(name):
            self._roster.rolling().begin(
                self._roster.programs[name], [one for one in places if one.instance.want == UP], why, rule
            )

    def is_reloading(self, name: str) -> bool:
        """Tell whether a program is being reloaded: it has surplus instances then."""
        return self._roster.rolls is not None and self._roster.rolls.is_under_way(name)

    def on_trial(self, name: str, number: int) -> bool:
        """Tell whether a slot has a new process whose failure is the reload's business, and nobody else's."""
        return self._roster.rolls is not None and self._roster.rolls.on_trial(name, number)

    def about(self, name: str) -> Mapping[str, object]:
        """Return what a status should say of a program's reload; empty where there is nothing."""
        return {} if self._roster.rolls is None else self._roster.rolls.about(name)

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
        living = [place for place in self._roster.chosen(name, number) if pid_of(place.instance.state) is not None]
        for place in living:
            if place.process is not None:
                self._slots.tell(events.Signalled(place.slot(), signal_number, why))
                place.process.signal(signal_number, scope)
        return len(living)

    def send(self, name: str, number: int | None, data: bytes) -> int:
        """Write to the standard input of each instance, or of one, and return how many that were.

        Raises :class:`NoSuch`, and :class:`Refused` where the program has no such input or one does not read.
        """
        places = self._roster.chosen(name, number)
        if self._roster.programs[name].stdin != PIPE:
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

    def since(self, name: str, number: int, stream: str, when: float) -> int:
        """Return how many of the last bytes of a slot's output have come since then, in seconds since the epoch."""
        place = self._places.get((name, number))
        return 0 if place is None or place.channel is None else place.channel.since(stream, when)

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
        for place in list(self._places.values()) if name is None else self._roster.places_of(name):
            if isinstance(place.instance.state, Waiting):
                self._slots.await_turn(place)

    def restart_all(self, asked_at: float | None = None) -> None:
        """Restart every program, but those with a schedule: their next runs are new anyway."""
        self._renew(self._roster.programs, asked_at)

    def restart_group(self, label: str, asked_at: float | None = None) -> None:
        """Restart every program that carries the label, as above. Raises :class:`NoSuch` where none does."""
        names = [name for name, program in self._roster.programs.items() if label in program.labels]
        if not names:
            message = f"no program carries the label {label!r}"
            raise NoSuch(message)
        self._renew(names, asked_at)

    def _renew(self, names: Iterable[str], asked_at: float | None) -> None:
        for name in self._roster.by_priority(names):
            if self._roster.programs[name].schedule is None:
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
        if self._roster.rolls is not None:
            self._roster.rolls.end_all()
        self._tell_the_rest = stopping.within(self._slots, list(self._places.values()), self._roster.part_with, within)
        self._say_closed()

    def hurry(self, within: float) -> None:
        """While shutting down: let no process have more than ``within`` seconds before SIGKILL."""
        if self._tell_the_rest is not None:
            self._tell_the_rest()
        for place in list(self._places.values()):
            self._slots.feed(place, Stop(within, "hurried"))

    def snapshot(self, name: str | None = None) -> tuple[InstanceView, ...]:
        """Return how the instances of one program stand, or those of all."""
        places = self._places.values() if name is None else self._roster.places_of(name)
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

    # What an earlier supervisor left ----------------------------------------------------------------------------------

    def remember(self, kept: Mapping[tuple[str, int], Kept]) -> None:
        """Learn how an earlier supervisor left things; they are taken over program by program as those are described.

        To be called before the first :meth:`apply`.
        """
        self._roster.remember(kept)

    def left_over(self) -> Mapping[tuple[str, int], Kept]:
        """Return what an earlier supervisor left that no program has claimed yet."""
        return self._roster.left_over()

    def let_go(self, program: Program) -> None:
        """Stop what an earlier supervisor left of a program that is described no more."""
        self._roster.let_go(program)

    def let_go_surplus(self, name: str) -> None:
        """Stop what an earlier supervisor left of a program beyond what there should be, once the others serve."""
        self._roster.let_go_surplus(name)

    def _say_closed(self) -> None:
        if self._closed is not None and not self._places:
            closed, self._closed = self._closed, _nothing
            closed()


def _nothing() -> None:
    """Do nothing: it was said before that everything is closed."""
