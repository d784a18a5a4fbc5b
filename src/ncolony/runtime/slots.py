"""The slots of a colony: one inbox through which everything goes, and one timer an instance.

Commands and facts become inputs; the core decides; outputs are carried out over the ports. Facts that an output
produces wait their turn in the inbox, so nothing is ever entered twice.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.bare import deque
from ncolony.core.byslot import BySlot
from ncolony.core.errors import ImpossibleInput, OSFailure
from ncolony.core.kept import fingerprint
from ncolony.core.launch import Launch, Outfit
from ncolony.core.lifecycle import is_stale, step
from ncolony.core.program import PIPE
from ncolony.core.states import (
    UP,
    DeadlinePassed,
    Ended,
    Refuse,
    Restart,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
    Spawning,
    Stopped,
    Swept,
    Unblocked,
    Waiting,
    Warn,
    deadline_of,
)
from ncolony.runtime.launching import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ncolony.core.events import Event
    from ncolony.core.sockets import Socket
    from ncolony.core.states import Input, Output
    from ncolony.ports import Channels, Fact, Gate, Listeners, Loop, Observer, Outfitter, Spawner
    from ncolony.runtime.place import Place

TURN = 0.02  # seconds of work before the loop gets a turn, so that a storm of starts delays nothing else
PAUSE = 0.001  # seconds without work after which it must have had one


class Slots:
    """All places, and what happens in them."""

    def __init__(
        self,
        loop: Loop,
        spawner: Spawner,
        channels: Channels,
        *,
        colony: str,
        inherit: Mapping[str, str],
        observers: Sequence[Observer],
    ) -> None:
        """Begin with none. What the arguments mean stands at the supervisor's."""
        self.loop, self.spawner, self.channels = loop, spawner, channels
        self.listeners: Listeners | None = None
        self.outfitter: Outfitter | None = None
        self.observers = list(observers)
        self.gates: list[Gate] = []
        self.places: BySlot[Place] = BySlot()
        self.emptied: Callable[[Place], None] = _ignore
        """Called when a place that was to be forgotten is stopped."""
        self.sockets_besides: Callable[[str], Collection[Socket]] = _none
        """Returns the sockets that slots of a program need by other descriptions, or may need again."""
        self._colony = colony
        self._inherit = inherit
        self._inbox: deque[tuple[Place, Input]] = deque()
        self._draining = False
        self._busy_since = self._busy_until = float("-inf")

    def feed(self, place: Place, given: Input) -> None:
        """Enter an input; it is dealt with at once, or after those that came before."""
        self._inbox.append((place, given))
        if not self._draining:
            self._drain()

    def hold(self) -> bool:
        """Let inputs wait until :meth:`release`, which is to be given what this returns."""
        before, self._draining = self._draining, True
        return before

    def release(self, before: bool) -> None:  # noqa: FBT001 - what hold returned
        """Deal with what has come meanwhile, unless somebody else is about to."""
        self._draining = before
        if not before:
            self._drain()

    def _drain(self) -> None:
        self._draining = True
        inbox = self._inbox
        now = self.loop.now()
        if now > self._busy_until + PAUSE:
            self._busy_since = now
        try:
            while inbox and now <= self._busy_since + TURN:
                self._take(*inbox.popleft())
                now = self.loop.now()
        finally:
            self._busy_until = now
            self._draining = bool(inbox)
            if inbox:
                self.loop.call_at(now, self._go_on)

    def _go_on(self) -> None:
        self._busy_since = self.loop.now()
        self._drain()

    def _take(self, place: Place, given: Input) -> None:
        before = place.instance
        if self.places.get((place.program.name, place.number)) is not place or is_stale(before, given):
            return
        now = self.loop.now()
        if isinstance(given, Ended | Swept):
            self._part(place, left=isinstance(given, Ended) and given.left)
        after, outputs = step(before, place.program, given, now)
        place.instance = after
        self.arm(place)
        moved = after.state is not before.state
        if moved or after.held != before.held:
            if moved and isinstance(after.state, Spawning) and place.program is not place.meant:
                place.meaning, place.meant = fingerprint(place.program), place.program
            self.tell(events.InstanceChanged(place.slot(), before, after, given, now, place.meaning))
        for output in outputs:
            self._carry_out(place, given, output)
        if isinstance(given, Spawned) and after.want == UP and place.program is not place.meant:
            self._see_if_meant(place)
        if place.leaving and isinstance(after.state, Stopped):
            self.emptied(place)

    def _see_if_meant(self, place: Place) -> None:
        """Replace a process that came to life while its program was described anew."""
        if place.program.schedule is None and place.meaning != fingerprint(place.program):
            self.feed(place, Restart("it was described anew while it came to life"))

    def _part(self, place: Place, *, left: bool) -> None:
        """Let go of a process that is gone, unless others are ``left`` that will get signals through it."""
        if not left:
            place.process = None
        if place.channel is not None:
            place.channel.drain()  # what it said comes before the news of its end

    def arm(self, place: Place) -> None:
        """Set the timer of a place to the deadline of its state."""
        deadline = deadline_of(place.instance.state)
        if deadline == place.armed:
            return
        if place.timer is not None:
            place.timer.cancel()
        place.armed = deadline
        place.timer = None
        if deadline is not None:
            place.timer = self.loop.call_at(deadline, lambda: self._be_due(place, deadline))

    def _be_due(self, place: Place, deadline: float) -> None:
        place.armed = place.timer = None  # so that a deadline at this very moment is armed again
        self.feed(place, DeadlinePassed(deadline))

    def _carry_out(self, place: Place, given: Input, output: Output) -> None:
        if isinstance(output, Spawn):
            self._spawn(place, output.run)
        elif isinstance(output, Signal):
            if place.process is not None:
                place.process.signal(output.number, place.program.stop.scope)
        elif isinstance(output, Refuse):
            # A wish that is fulfilled already is no news: a removed program may be stopped by then.
            if not place.leaving:
                self.tell(events.CommandRefused(place.slot(), given, output.why))
        elif isinstance(output, Warn):
            self.tell(events.Warned(place.slot(), output.what))
        else:  # Await
            self.await_turn(place)

    def await_turn(self, place: Place) -> None:
        """Start what waits for nothing any more."""
        if not self.held_back(place):
            self.feed(place, Unblocked(place.instance.run))

    def renew(self, place: Place, why: str) -> None:
        """Give a place that was described anew another process."""
        self.feed(place, Restart(why))
        self.look_again(place)

    def look_again(self, place: Place) -> None:
        """Start one that waits for something that it needs no more, as it is described now."""
        if isinstance(place.instance.state, Waiting):
            self.await_turn(place)

    def held_back(self, place: Place) -> str:
        """Say what a place waits for; empty: nothing."""
        if not self.gates and not place.program.needs:
            return ""  # it waited under an earlier supervisor, and has been described anew since
        if not self.gates:
            raise ImpossibleInput(f"{place.program.name!r} has to wait, and nothing here can tell until when")
        reasons = (gate.waits_for(place.program, place.number) for gate in self.gates)
        return "; ".join(reason for reason in reasons if reason)

    def mark(self, place: Place, run: int) -> str:
        """Return what a run has in NCOLONY_RUN, and no other has."""
        return f"{self._colony}/{place.run_name(run)}"

    def _spawn(self, place: Place, run: int) -> None:
        program = place.program
        place.born = self.loop.now()
        try:
            listening: tuple[int, ...] = ()
            if self.listeners is not None:
                listening = self.listeners.open(program, self.sockets_besides(program.name))
            read = self.spawner.variables(program.env_files) if program.env_files else None
        except OSFailure as failure:
            self.feed(place, SpawnFailed(run, str(failure)))
            return
        try:
            if place.channel is None:
                place.channel = self.channels.open(place.slot(), program.log)
            stdout, stderr = place.channel.child_fds()
            outfit = _NOTHING if self.outfitter is None else self.outfitter.outfit(program, place.number, run)
        except OSError as error:
            self.feed(place, SpawnFailed(run, f"cannot make pipes for its output: {error.strerror}"))
            return
        except OSFailure as failure:
            self.feed(place, SpawnFailed(run, str(failure)))
            return
        mark = self.mark(place, run)
        launch = Launch(
            run=run,
            args=program.args,
            env=environment(program, place.number, mark, self._inherit, read),
            stdout=stdout,
            stderr=stderr,
            stdin=program.stdin == PIPE,
            cwd=program.cwd,
            umask=program.umask,
            uid=program.uid,
            gid=program.gid,
            scope=program.stop.scope,
            limits=program.limits,
            sockets=program.sockets[: len(listening)],
            listening=listening,
            stored=outfit.stored,
            report=outfit.report,
            watchdog=outfit.watchdog,
        )
        launch.env.update(outfit.env)
        place.channel.began(run, 0)
        place.channel.listen(outfit.hear)
        place.process = self.spawner.spawn(launch, Learner(self, place))
        if self.outfitter is not None:
            self.outfitter.spawned(program, place.number)

    def learn(self, place: Place, fact: Fact) -> None:
        """Take in a fact of a run; whose output it is counts at once, as that does not wait for the inbox."""
        if isinstance(fact, Spawned) and place.channel is not None:
            place.channel.began(fact.run, fact.pid)
        self.feed(place, fact)

    def tell(self, event: Event) -> None:
        """Tell everybody who looks on."""
        for observer in self.observers:
            observer.saw(event)


class Learner:
    """Takes in the facts of the runs of one place: a fifth of what a closure takes, for each process there is."""

    __slots__ = ("_place", "_slots")

    def __init__(self, slots: Slots, place: Place) -> None:
        """Have them go to ``place``."""
        self._slots, self._place = slots, place

    def __call__(self, fact: Fact) -> None:
        """Take one in."""
        self._slots.learn(self._place, fact)


_NOTHING = Outfit()


def _ignore(_: Place) -> None:
    """Do nothing: nobody has to know."""


def _none(_: str) -> Collection[Socket]:
    """Return nothing: there are no reloads yet, and all slots of a program are described alike."""
    return ()
