"""A colony put together on a loop: supervisor, door, processes, pid files. Both hosts run this one."""

from __future__ import annotations

import os
import sys

from ncolony import __version__
from ncolony.core.bare import SIGKILL
from ncolony.core.record import record
from ncolony.core.words import Narrator
from ncolony.directory.door import Door, Places
from ncolony.hosts import upgrade as upgrading
from ncolony.hosts.companions import Companions, World
from ncolony.hosts.control import Control
from ncolony.hosts.kernel import Kernel
from ncolony.hosts.memory import release, remember, settle
from ncolony.hosts.reserving import Reserving
from ncolony.hosts.sockets import Sockets
from ncolony.posix import kept_exits
from ncolony.posix.channels import PipeChannels
from ncolony.posix.descriptors import FileLimit, keep_private
from ncolony.posix.exits import PidfdExits, SigchldExits, has_pidfds
from ncolony.posix.handing import REPORTING
from ncolony.posix.keeping import PIPES, SOCKETS, Keeping
from ncolony.posix.oom import Spared
from ncolony.posix.sigchld import ChildSignal
from ncolony.posix.spawn import PosixSpawner
from ncolony.posix.state import HANDED_OVER
from ncolony.posix.targets import Targets
from ncolony.posix.thrift import Thrift
from ncolony.posix.trees import Trees
from ncolony.posix.witness import Witness
from ncolony.runtime.launching import inherited
from ncolony.runtime.supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from ncolony.core.events import Event
    from ncolony.core.program import Defaults
    from ncolony.hosts.guard import Guard
    from ncolony.hosts.settings import Settings
    from ncolony.loop import Loop
    from ncolony.ports import LogSink, Observer


class Log:
    """Tells people what happens (the Observer port)."""

    def __init__(self, say: Callable[[str], None], note: Callable[[Event, str | None], None] = lambda *_: None) -> None:
        """Tell it to ``say``, line by line, and each event with its line, if it has one, to ``note``."""
        self._say, self._note = say, note
        self._narrator = Narrator()

    def saw(self, event: Event) -> None:
        """Say it, if it is worth a line."""
        line = self._narrator.line(event)
        if line is not None:
            self._say(line)
        self._note(event, line)


@record
class Hosting:
    """What a colony asks of the host that it runs in."""

    end: Callable[[], None]
    """Stop the colony and end, as if the host had been told to."""
    leave: Callable[[], None] | None = None
    """End and leave the programs to a successor, when another version is asked for; None: this process becomes it."""
    theirs: Callable[[int], bool] | None = None
    """Tells which children of this process somebody else has started, and reaps."""
    unheard: Callable[[], Iterable[int]] = tuple
    """Hands out the signals that have come and were not answered yet."""


class Colony:
    """One running colony."""

    def __init__(
        self,
        loop: Loop,
        settings: Settings,
        say: Callable[[str], None],
        sink: LogSink,
        hosting: Hosting,
    ) -> None:
        """Make ready to run on ``loop``: ``say`` takes the supervisor's own lines, ``sink`` programs' output."""
        keep_private()
        self._loop, self._say = loop, say
        self.finish: Callable[[int], None] = _nothing
        """Called when a critical program has given up: whoever runs the colony stops it, and exits with this status."""
        self._stop_budget = settings.stop_budget
        self._asked: list[Callable[[str], None]] = []
        """Who waits to hear about an upgrade."""
        self._guard: Guard | None = None
        self._question: int | None = None
        """The process that is asked whether it can take over."""
        exits = PidfdExits(loop) if has_pidfds() else SigchldExits(loop)
        self._exits = exits
        limit = FileLimit()
        self._memory = remember(settings, loop.now(), say)
        self._kernel = Kernel(settings.cgroups, self._memory.colony, exits)
        self.trees = Trees(loop, exits, self._memory.colony, hosting.theirs, self._kernel.cgroups)
        self._child_signal = ChildSignal(loop, self.trees.look_soon)
        self._spawner = PosixSpawner(loop, exits, limit, self.trees)
        self._spawner.kills = self._kernel.kills
        reaper = kept_exits.take(os.environ)
        if reaper is not None:
            self._spawner.witness = Witness(loop, reaper)
        self._targets = Targets(loop, sink, say, exits)
        state = self._memory.state
        self._keeping = None if state is None else Keeping(loop, exits, state, say)
        kept = {PIPES: {}, SOCKETS: {}} if self._keeping is None else self._keeping.recall()
        self._channels = PipeChannels(loop, self._targets, self._memory.partial, self._keeping, kept[PIPES])
        self._sockets = Sockets(say, self._keeping, kept[SOCKETS])
        self._hosting = hosting
        self._control = Control(loop, self._memory.state, say)
        observers: list[Observer] = [
            *self._memory.observers,
            Log(say, self._control.story.tell),
            self._control,
            Thrift(loop),
        ]
        if self._kernel.cgroups is not None:
            observers.append(self._kernel.cgroups)
        if settings.pid is not None:
            from ncolony.posix.pidfiles import PidFiles

            observers.append(PidFiles(settings.pid, say))
        handed_over, inherit = os.environ.pop(REPORTING, ""), inherited(os.environ, settings.config)
        self._supervisor = Supervisor(
            loop,
            self._spawner,
            Reserving(self._channels),
            colony=self._memory.colony,
            inherit=inherit,
            observers=observers,
        )
        self._supervisor.listeners = self._sockets
        self._supervisor.remember(self._memory.kept)
        self._memory.begin_journal(loop, self._supervisor, say)
        world = World(
            loop=loop,
            supervisor=self._supervisor,
            exits=exits,
            say=say,
            state=self._memory.state,
            config=settings.config,
            spawner=self._spawner,
            colony=self._memory.colony,
            inherit=inherit,
            handed_over=handed_over,
            finish=self._end,
            story=self._control.story,
            outputs=self._channels,
            about=lambda name, number: self._companions.about(name, number),  # noqa: PLW0108 - made below
            on_renewal=self._memory.renewals.append,
        )
        self._companions = Companions(world)
        self._supervisor.observe(self._companions)
        self._memory.renewals += [each.renew for each in (self._control, self._keeping) if each is not None]
        self._control.serve(self, self._supervisor, self._channels, self._companions)
        places = Places(settings.config, settings.messages, settings.frequency, settings.defaults())
        self._door = Door(loop, self._supervisor, places, say, self._settle, self.upgrade)
        self._settings = settings

    def be_spared(self) -> None:
        """Have the system kill others when memory runs out, if it permits; for a process that starts only programs."""
        self._spawner.spared = Spared()

    def start(self) -> None:
        """Start the programs and serve the directories."""
        without = f"; no cgroups: {self._kernel.without}" if self._kernel.without else ""
        self._say(f"whole process trees are ended, by {self.trees.method}{without}")
        self._door.open()
        self._control.begin()  # behind the first programs

    def _settle(self, described: Container[str]) -> None:
        """Deal with what an earlier supervisor left of programs that no usable file describes any more."""
        settle(self._supervisor, described, self._say, self._channels.log_left)
        self._channels.settle(described)
        if self._sockets.made is not None:
            self._sockets.made.settle(self._supervisor.programs.values())
        self._supervisor.described_all()
        if self._memory.state is not None:
            from ncolony.hosts.guard import Guard

            state = self._memory.state
            self._guard = Guard(self._loop, state, self._memory.renew, self._say, self._settings.frequency)

    def _end(self, code: int, why: str) -> None:
        """End the colony because a critical program has; a reaper is not to start it again."""
        if self._supervisor.closing:
            return
        self._say(f"{why}; stopping all programs, to exit with status {code}")
        if self._spawner.witness is not None:
            kept_exits.declare_final(self._spawner.witness.fd)
        self.finish(code)

    def look_again(self) -> None:
        """Look at the directories anew."""
        self._door.look_again()

    def stop(self, stopped: Callable[[], None]) -> None:
        """Stop everything, and call ``stopped`` when no process is left."""

        def closed() -> None:
            self._control.close()
            self._companions.close()
            self._targets.close()
            self._child_signal.close()
            self.trees.strays.close()
            self._spawner.close()
            if self._sockets.made is not None:
                self._sockets.made.close_all()
            self._memory.close()
            if self._kernel.cgroups is not None:
                self._kernel.cgroups.close()
            if isinstance(self._exits, SigchldExits):
                self._exits.close()
            stopped()

        def emptied() -> None:
            if self._keeping is None:
                closed()
            else:
                self._keeping.end(closed)

        self._close_doors()
        release(self._supervisor, self._channels.log_left)
        if self._question is not None:
            os.kill(self._question, SIGKILL)
        self._supervisor.shut_down(emptied, self._stop_budget)

    def describe(self) -> dict[str, object]:
        """Say what a status says of this colony beside its programs."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "id": self._memory.colony if self._memory.state else "",
            "host": "native" if self._hosting.leave is None else "reactor",
            "trees": self.trees.method,
            "config": self._settings.config,
            "messages": self._settings.messages,
        }

    def shut_down(self, within: float | None) -> None:
        """Have the host stop everything and end; in the loop's next turn, so that a client may be answered before."""
        if self._supervisor.closing and within is not None:
            self._supervisor.hurry(within)
        else:
            if within is not None:
                self._stop_budget = within if self._stop_budget is None else min(within, self._stop_budget)
            self._loop.call_at(self._loop.now(), self._hosting.end)

    def upgrade(self, answer: Callable[[str], None] = lambda _: None) -> None:
        """Become the version that is installed now, if that one can take over; every program goes on meanwhile.

        ``answer`` is given why not, or nothing just before it happens. Whoever asks meanwhile gets the same answer.
        """
        self._asked.append(answer)
        if len(self._asked) > 1:
            return
        if why := self._obstacle():
            self._cannot(why)
        elif self._hosting.leave is not None:
            self._answer("")
            self._loop.call_at(self._loop.now(), self._hosting.leave)
        elif self._memory.lock is None:
            self._cannot("nothing is kept, so programs could not be taken over; see the first lines")
        else:
            try:
                with self._spawner.spared:
                    self._question = upgrading.ask(self._exits, lambda can: self._upgrade_if(can=can))
            except OSError as error:
                self._cannot(f"{sys.executable!r} cannot be executed: {error.strerror}")

    def _obstacle(self) -> str:
        """Say what stands against an upgrade at this moment, or nothing."""
        if self._supervisor.closing:
            return "the colony is being shut down"
        why = "" if self._guard is None else self._guard.why_not()
        return f"{self._memory.state!r} cannot be used: {why}" if why else ""

    def _answer(self, why_not: str) -> None:
        asked, self._asked = self._asked, []
        for answer in asked:
            answer(why_not)

    def _cannot(self, why: str) -> None:
        self._say(f"cannot upgrade: {why}")
        self._answer(f"cannot upgrade: {why}")

    def _upgrade_if(self, *, can: bool) -> None:
        self._question = None
        if why := self._obstacle():
            self._cannot(why)
            return
        if not can or self._memory.lock is None:
            self._cannot("the version that is installed now cannot take over; this one goes on")
            return
        self._spawner.finish()
        self._say("upgrading: every program goes on")
        self._answer("")
        handed_over = {HANDED_OVER: self._memory.lock}
        if self._spawner.witness is not None:
            handed_over[kept_exits.VARIABLE] = self._spawner.witness.fd
        handed_over |= self._control.hand_over()
        self._channels.keep(self._memory.partial)
        self._targets.close()
        if self._sockets.made is not None:
            self._sockets.made.hand_over()
        if self._supervisor.outfitter is not None:
            self._supervisor.outfitter.hand_over()
        if self._memory.journal is not None:
            self._memory.journal.flush()
        try:
            with self._spawner.spared:
                upgrading.execute(handed_over, self._hosting.unheard)
        except OSError as error:
            if self._sockets.made is not None:
                self._sockets.made.take_back()
            if self._supervisor.outfitter is not None:
                self._supervisor.outfitter.take_back()
            self._say(f"cannot upgrade: {error.strerror}; this version goes on")

    def history(self, name: str, most: int) -> Iterator[list[bytes]]:
        """Return the entries of a program's journal as JSON, the newest first; none where nothing is kept."""
        journal = self._memory.journal
        return iter(()) if journal is None else journal.backwards(name, most)

    def defaults(self) -> Defaults:
        """Return what programs get that do not say otherwise."""
        return self._settings.defaults()

    def problems(self) -> list[str]:
        """Say which files cannot be used, and why."""
        return self._door.problems()

    def leave(self) -> None:
        """Let go of the colony and leave every program running, for a successor."""
        self._spawner.finish()
        self._close_doors()
        self._control.close()
        self._companions.close()
        self._child_signal.close()
        self._channels.keep(self._memory.partial)
        self._targets.close()
        if self._sockets.made is not None:
            self._sockets.made.leave()
        if self._keeping is not None:
            self._keeping.close()
        self._memory.close()

    def _close_doors(self) -> None:
        """Hear of no change any more."""
        self._door.close()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def hurry(self) -> None:
        """While stopping: kill what has not stopped yet."""
        self._supervisor.hurry(0.0)


def _nothing(_: int) -> None:
    """Do nothing: nobody has said yet what to do."""
