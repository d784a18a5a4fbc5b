"""The supervisor: one inbox through which everything goes, and one timer an instance.

Programs, commands and facts become inputs; the core decides; outputs are carried out over the ports. Facts that an
output produces wait their turn in the inbox, so nothing is ever entered twice.
"""

from __future__ import annotations

from collections import deque

from ncolony.core import events
from ncolony.core.errors import ImpossibleInput, OSFailure, Refused
from ncolony.core.kept import fingerprint
from ncolony.core.launch import Launch
from ncolony.core.lifecycle import is_stale, step
from ncolony.core.names import nearest
from ncolony.core.plan import Add, Change, plan
from ncolony.core.snapshot import view
from ncolony.core.states import (
    DOWN,
    UP,
    DeadlinePassed,
    Ended,
    Instance,
    Refuse,
    Restart,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
    Spawning,
    Start,
    Stop,
    Stopped,
    Sweeping,
    Swept,
    Warn,
    deadline_of,
    pid_of,
)
from ncolony.runtime.launching import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ncolony.core.events import Event
    from ncolony.core.kept import Kept
    from ncolony.core.plan import Remove
    from ncolony.core.program import Program
    from ncolony.core.snapshot import InstanceView
    from ncolony.core.states import Input, Output
    from ncolony.ports import Channel, Channels, Fact, Listeners, Loop, Observer, Process, Spawner, Timer

TURN = 0.02  # seconds of work before the loop gets a turn, so that a storm of starts delays nothing else
PAUSE = 0.001  # seconds without work after which it must have had one


class Place:
    """One slot of a program, with what belongs to it outside the core."""

    __slots__ = ("armed", "born", "channel", "instance", "leaving", "meaning", "number", "process", "program", "timer")

    def __init__(self, program: Program, number: int) -> None:
        """Begin stopped."""
        self.program = program
        self.number = number
        self.instance = Instance()
        self.leaving = False
        """To be forgotten as soon as it is stopped."""
        self.meaning = 0
        """What its latest run was started as; see kept.py."""
        self.born = float("-inf")
        """When its latest run was asked for."""
        self.process: Process | None = None
        self.channel: Channel | None = None
        self.timer: Timer | None = None
        self.armed: float | None = None

    def slot(self) -> events.Slot:
        """Return its name for onlookers."""
        return events.Slot(self.program.name, self.number, self.program.instances)


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
        self._loop = loop
        self._spawner = spawner
        self._channels = channels
        self.listeners: Listeners | None = None
        """Opens programs' sockets; None: nobody does."""
        self._colony = colony
        self._inherit = inherit or {}
        self._observers = observers
        self._programs: dict[str, Program] = {}
        self._places: dict[tuple[str, int], Place] = {}
        self._inbox: deque[tuple[Place, Input]] = deque()
        self._draining = False
        self._busy_since = self._busy_until = float("-inf")
        self._closed: Callable[[], None] | None = None
        self._kept: dict[tuple[str, int], Kept] = {}

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

    def restart(self, name: str, asked_at: float | None = None) -> None:
        """Give every instance of a program a new process; what was started at ``asked_at`` or later is new enough.

        Raises :class:`Refused` where there is no such program.
        """
        if name not in self._programs:
            near = nearest(name, list(self._programs))
            message = f"there is no program {name!r}" + (f"; did you mean {near!r}?" if near else "")
            raise Refused(message)
        for place in self._places_of(name):
            if not place.leaving and (asked_at is None or place.born < asked_at):
                self._feed(place, Restart())

    def restart_all(self, asked_at: float | None = None) -> None:
        """Restart every program."""
        for name in self._programs:
            self.restart(name, asked_at)

    def restart_group(self, label: str, asked_at: float | None = None) -> None:
        """Restart every program that carries the label. Raises :class:`Refused` where none does."""
        names = [name for name, program in self._programs.items() if label in program.labels]
        if not names:
            message = f"no program carries the label {label!r}"
            raise Refused(message)
        for name in names:
            self.restart(name, asked_at)

    def shut_down(self, closed: Callable[[], None], within: float | None = None) -> None:
        """Stop everything for good, and call ``closed`` when the last process is gone.

        ``within``: seconds after which whatever still lives gets SIGKILL, however long its own time is.
        """
        self._closed = closed
        for place in list(self._places.values()):
            self._let_go(place, within)
        self._say_closed()

    def hurry(self, within: float) -> None:
        """While shutting down: let no process have more than ``within`` seconds before SIGKILL."""
        for place in list(self._places.values()):
            self._feed(place, Stop(within))

    def snapshot(self) -> tuple[InstanceView, ...]:
        """Return how every instance stands."""
        return tuple(view(name, number, place.instance) for (name, number), place in self._places.items())

    # Programs ---------------------------------------------------------------------------------------------------------

    def _add(self, program: Program) -> None:
        self._programs[program.name] = program
        self._tell(events.ProgramsChanged(events.PROGRAM_ADDED, program.name, program))
        self._fill(program)

    def _change(self, act: Change) -> None:
        program = act.program
        self._programs[program.name] = program
        self._tell(events.ProgramsChanged(events.PROGRAM_CHANGED, program.name, program, act.fields, act.restart))
        for place in self._places_of(program.name):
            if place.leaving:
                continue
            place.program = program
            if place.channel is not None:
                place.channel.describe(place.slot(), program.log)
            if act.restart and place.instance.want == UP:
                self._feed(place, Restart())
        self._fill(program)

    def _remove(self, act: Remove) -> None:
        del self._programs[act.name]
        self._tell(events.ProgramsChanged(events.PROGRAM_REMOVED, act.name, None))
        for place in self._places_of(act.name):
            self._let_go(place)

    def _fill(self, program: Program) -> None:
        """Have as many places as the program has instances: new ones are started, those too many let go."""
        for place in self._places_of(program.name):
            if place.number > program.instances:
                self._let_go(place)
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
                if place.instance.want == DOWN and program.autostart:
                    self._feed(place, Start())  # it was removed, or all was being stopped, and here it is described
            elif program.autostart:
                self._feed(place, Start())

    def _take_over(self, place: Place, kept: Kept) -> None:
        """Go on where an earlier supervisor left off."""
        instance = place.instance = kept.instance
        place.meaning = kept.meaning
        held, self._draining = self._draining, True  # its end may be told before there is a process to speak of
        try:
            self._adopt(place, kept)
        finally:
            self._draining = held
        now_means = fingerprint(place.program)
        self._tell(events.InstanceTakenOver(place.slot(), instance, kept.meaning or now_means, kept.born))
        if kept.meaning not in (0, now_means) and instance.want == UP:
            self._feed(place, Restart())
        if not held:
            self._drain()

    def _adopt(self, place: Place, kept: Kept) -> None:
        pid = pid_of(kept.instance.state)
        if pid is not None:
            place.channel = self._channels.open(place.slot(), place.program.log, pid)
            place.channel.began(kept.instance.run, pid)
        run, scope = _run_name(place, kept.instance.run), place.program.stop.scope
        if place.program.sockets and self.listeners is not None:
            self.listeners.take_over(place.program, run, kept.born, pid)
        if pid is not None or isinstance(kept.instance.state, Sweeping):
            place.process = self._spawner.adopt(run, kept, pid, lambda fact: self._feed(place, fact), scope)
        self._arm(place)

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
            self._let_go(place)

    def _places_of(self, name: str) -> list[Place]:
        found = []
        number = 1
        while (place := self._places.get((name, number))) is not None:
            found.append(place)
            number += 1
        return found

    def _let_go(self, place: Place, within: float | None = None) -> None:
        # Always through the inbox: a start may be waiting there.
        place.leaving = True
        self._feed(place, Stop(within))

    def _forget(self, place: Place) -> None:
        if place.channel is not None:
            place.channel.close()
            place.channel = None
        name = place.program.name
        del self._places[name, place.number]
        if self.listeners is not None and name not in self._programs and all(key[0] != name for key in self._places):
            self.listeners.close(name)

    def _say_closed(self) -> None:
        if self._closed is not None and not self._places:
            closed, self._closed = self._closed, _nothing
            closed()

    # The inbox --------------------------------------------------------------------------------------------------------

    def _feed(self, place: Place, given: Input) -> None:
        self._inbox.append((place, given))
        if not self._draining:
            self._drain()

    def _drain(self) -> None:
        self._draining = True
        inbox = self._inbox
        now = self._loop.now()
        if now > self._busy_until + PAUSE:
            self._busy_since = now
        try:
            while inbox and now <= self._busy_since + TURN:
                self._take(*inbox.popleft())
                now = self._loop.now()
        finally:
            self._busy_until = now
            self._draining = bool(inbox)
            if inbox:
                self._loop.call_at(now, self._go_on)

    def _go_on(self) -> None:
        self._busy_since = self._loop.now()
        self._drain()

    def _take(self, place: Place, given: Input) -> None:
        before = place.instance
        if self._places.get((place.program.name, place.number)) is not place or is_stale(before, given):
            return
        now = self._loop.now()
        if isinstance(given, Ended | Swept):
            self._part(place, left=isinstance(given, Ended) and given.left)
        after, outputs = step(before, place.program, given, now)
        place.instance = after
        self._arm(place)
        if after.state is not before.state:
            if isinstance(after.state, Spawning):
                place.meaning = fingerprint(place.program)
            self._tell(events.InstanceChanged(place.slot(), before, after, given, now, place.meaning))
        for output in outputs:
            self._carry_out(place, given, output)
        if isinstance(given, Spawned) and after.want == UP and place.meaning != fingerprint(place.program):
            self._feed(place, Restart())  # it was described anew while it came to life
        if place.leaving and isinstance(after.state, Stopped):
            self._forget(place)
            self._say_closed()

    def _part(self, place: Place, *, left: bool) -> None:
        """Let go of a process that is gone, unless others are ``left`` that will get signals through it."""
        if not left:
            place.process = None
        if place.channel is not None:
            place.channel.drain()  # what it said comes before the news of its end

    def _arm(self, place: Place) -> None:
        deadline = deadline_of(place.instance.state)
        if deadline == place.armed:
            return
        if place.timer is not None:
            place.timer.cancel()
        place.armed = deadline
        place.timer = None
        if deadline is not None:
            place.timer = self._loop.call_at(deadline, lambda: self._be_due(place, deadline))

    def _be_due(self, place: Place, deadline: float) -> None:
        place.armed = place.timer = None  # so that a deadline at this very moment is armed again
        self._feed(place, DeadlinePassed(deadline))

    def _carry_out(self, place: Place, given: Input, output: Output) -> None:
        if isinstance(output, Spawn):
            self._spawn(place, output.run)
        elif isinstance(output, Signal):
            if place.process is not None:
                place.process.signal(output.number, place.program.stop.scope)
        elif isinstance(output, Refuse):
            # A wish that is fulfilled already is no news: a removed program may be stopped by then.
            if not place.leaving:
                self._tell(events.CommandRefused(place.slot(), given, output.why))
        elif isinstance(output, Warn):
            self._tell(events.Warned(place.slot(), output.what))
        else:
            message = f"{place.program.name!r} has needs, and nothing here can tell when they are there"
            raise ImpossibleInput(message)

    def _spawn(self, place: Place, run: int) -> None:
        program = place.program
        place.born = self._loop.now()
        try:
            listening = self.listeners.open(program) if self.listeners is not None else ()
        except OSFailure as failure:
            self._feed(place, SpawnFailed(run, str(failure)))
            return
        try:
            if place.channel is None:
                place.channel = self._channels.open(place.slot(), program.log)
            stdout, stderr = place.channel.child_fds()
        except OSError as error:
            if place.channel is not None:
                place.channel.spawned()
            self._feed(place, SpawnFailed(run, f"cannot make pipes for its output: {error.strerror}"))
            return
        mark = f"{self._colony}/{_run_name(place, run)}"
        launch = Launch(
            run=run,
            args=program.args,
            env=environment(program, place.number, mark, self._inherit),
            stdout=stdout,
            stderr=stderr,
            cwd=program.cwd,
            umask=program.umask,
            uid=program.uid,
            gid=program.gid,
            scope=program.stop.scope,
            limits=program.limits,
            sockets=program.sockets[: len(listening)],
            listening=listening,
        )
        place.channel.began(run, 0)
        place.process = self._spawner.spawn(launch, lambda fact: self._learn(place, fact))
        place.channel.spawned()

    def _learn(self, place: Place, fact: Fact) -> None:
        """Take in a fact of a run; whose output it is counts at once, as that does not wait for the inbox."""
        if isinstance(fact, Spawned) and place.channel is not None:
            place.channel.began(fact.run, fact.pid)
        self._feed(place, fact)

    def _tell(self, event: Event) -> None:
        for observer in self._observers:
            observer.saw(event)


def _run_name(place: Place, run: int) -> str:
    """Return what tells a run from all others of its colony."""
    return f"{place.program.name}:{place.number}/{run}"


def _nothing() -> None:
    """Do nothing: it was said before that everything is closed."""
