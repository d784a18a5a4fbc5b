"""The ports: what the runtime asks of the world, and what the world asks of the runtime.

Only type checkers import this module; at run time nothing pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol  # noqa: TID253 - see above

from ncolony.core.events import Event, Slot
from ncolony.core.kept import Kept
from ncolony.core.launch import Launch, Outfit
from ncolony.core.logspec import LogSpec
from ncolony.core.probespec import Probe, Reports
from ncolony.core.program import GROUP, Program
from ncolony.core.sockets import Socket
from ncolony.core.states import Ended, Ready, Spawned, SpawnFailed, Swept

Fact = Spawned | SpawnFailed | Ready | Ended | Swept


class Timer(Protocol):
    """A call that is going to be made."""

    def cancel(self) -> None:
        """Do not make it. Harmless when it was made or cancelled already."""


class Loop(Protocol):
    """Time and readiness."""

    def now(self) -> float:
        """Return seconds on a clock that never jumps."""

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call once, not before ``when``."""

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call whenever ``fd`` can be read."""

    def watch_writes(self, fd: int, call: Callable[[], object]) -> None:
        """Call whenever ``fd`` can be written."""

    def unwatch(self, fd: int) -> None:
        """Stop that. Has to be done before the descriptor is closed."""


class Process(Protocol):
    """A process that was asked for."""

    def signal(self, number: int, scope: str) -> None:
        """Send a signal to its tree, to its group or to it alone; nothing happens when all that is gone."""


class Channel(Protocol):
    """Where the output of one slot goes, over all its runs."""

    def child_fds(self) -> tuple[int, int]:
        """Return the descriptors of what becomes the next process's stdout and stderr: pipes, opened anew for it."""

    def began(self, run: int, pid: int) -> None:
        """Take note of whose output it is from now on; ``pid`` 0: it is not known yet."""

    def describe(self, slot: Slot, log: LogSpec) -> None:
        """Carry another name, and go elsewhere, from now on."""

    def drain(self) -> None:
        """Take in all that a process wrote before it ended, its unfinished last line too."""

    def tail(self, stream: str, size: int) -> bytes:
        """Return the last bytes of ``stdout`` or ``stderr``, at most 64 KB; what shares its pipe is among them."""

    def since(self, stream: str, when: float) -> int:
        """Return how many of the last bytes have come since a time in seconds since the epoch; never too few.

        What came earlier in the same second is among them, and perhaps up to 4 KB from before that.
        """

    def listen(self, hear: Callable[[str, bytes], bool] | None) -> None:
        """Have ``hear`` get what is written, by stream, until it returns true; None: nobody listens any more."""

    def last_words(self, size: int) -> bytes:
        """Return the last bytes of the latest run: of stderr where it said anything there, else of stdout."""

    def close(self) -> None:
        """Drain, and give everything back."""


class Channels(Protocol):
    """Makes channels."""

    def holds(self, slot: Slot) -> bool:
        """Tell whether an earlier supervisor left output of this slot that a channel has to be opened for."""

    def open(self, slot: Slot, log: LogSpec = LogSpec(), left: Kept | None = None) -> Channel:  # noqa: B008 - frozen
        """Make the channel of a slot, or take over the one that the process of ``left`` writes to, if it lives.

        Raises OSError where the system has no room for it.
        """


class Spawner(Protocol):
    """Starts processes."""

    def spawn(self, launch: Launch, tell: Callable[[Fact], None]) -> Process:
        """Start one, and ``tell`` what becomes of it: Spawned or SpawnFailed, and after Spawned one Ended.

        Where that says that something is left, one Swept follows. Facts may be told before this returns.
        """

    def adopt(
        self, name: str, kept: Kept, pid: int | None, tell: Callable[[Fact], None], scope: str = GROUP
    ) -> Process:
        """Take over the process ``pid`` of a run that an earlier supervisor started, and ``tell`` its end.

        ``name``: of the run, as NAME:NUMBER/RUN. Where ``pid`` is not that process any more, it has ended; where it is
        None, that is known, and only Swept is told. ``scope``: as in a program's ``stop``, what of it is looked after.
        """

    def variables(self, env_files: tuple[str, ...]) -> Mapping[str, str]:
        """Return what files of variables hold. Raises OSFailure."""

    def put(self, pid: int, mark: str, data: bytes) -> None:
        """Write all of ``data``, at most 4096 bytes, to the standard input of a run's process, or nothing.

        ``mark``: what the run has in NCOLONY_RUN. Raises OSError.
        """


class Listeners(Protocol):
    """Listens for programs, so that their sockets outlive their processes."""

    def open(self, program: Program, besides: Collection[Socket] = ()) -> tuple[int, ...]:
        """Return the descriptors of a program's sockets, bound now where they are not yet.

        What it had before and names no more is given up, unless it is among ``besides``: other slots of it, or this one
        if it fails, need that. Raises OSFailure.
        """

    def trim(self, name: str, wanted: Collection[Socket]) -> None:
        """Give up what a program has beyond ``wanted``. Harmless where it has none."""

    def take_over(self, program: Program, run: str, born: int, pid: int | None) -> None:
        """Get a program's sockets back that an earlier supervisor had, from its process ``pid`` where there is one.

        ``run`` and ``born`` tell that process from a stranger.
        """

    def close(self, name: str) -> None:
        """Close the sockets of a program that is no more. Harmless where it has none."""


Take = Callable[[str, int, str, bytes], None]
"""Takes output: program, number, ``stdout`` or ``stderr``, and bytes; none where a process has ended."""


class Outputs(Protocol):
    """Lets people follow what programs write, wherever that goes."""

    def follow(self, wants: Callable[[str, int], bool], take: Take) -> Callable[[], None]:
        """Have ``take`` called with all that slots write which are wanted, by program and number.

        Which are is asked once for each. Returns what ends it.
        """

    def written(self) -> Iterator[tuple[str, int, str, int, int, int]]:
        """Return how much each slot has written, since its output is read here, by program, number and stream.

        Bytes in all, and the bytes and lines of them that log files could not take and that were dropped.
        """


class LogSink(Protocol):
    """Takes programs' output."""

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:
        """Take whole lines, without their line ends."""

    def put(self, to: str, text: str) -> None:
        """Take lines of text that are ready to be shown; ``to``: stderr or stdout."""


class Gate(Protocol):
    """Holds starts back."""

    def waits_for(self, program: Program, number: int) -> str:
        """Say what a start of this slot still waits for; empty: nothing that this gate knows of.

        Whoever has a gate calls :meth:`Supervisor.reconsider` when the answer may have changed.
        """


class WallClock(Protocol):
    """The time of day: it may be set, and goes on while the machine sleeps."""

    def now(self) -> float:
        """Return Unix time."""

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call once when the clock shows ``when`` or more, however it came to."""

    def on_set(self, call: Callable[[], None]) -> None:
        """Call whenever the clock was set, or the machine has slept, as far as the system can tell."""

    def offset(self, zone: str) -> Callable[[float], int]:
        """Return what tells by how many seconds a zone is ahead of UTC at a moment; empty: the system's zone.

        Raises OSFailure where the system does not know the zone.
        """

    def close(self) -> None:
        """Make no more calls."""


class Moments(Protocol):
    """Keeps a moment on the wall clock for slots, so that it outlives this process and the machine's."""

    def of(self, name: str, number: int) -> float | None:
        """Return what was kept for a slot, by whomever; None: nothing."""

    def keep(self, name: str, number: int, moment: float) -> None:
        """Keep a moment, in place of the one before."""

    def forget(self, name: str, number: int | None = None) -> None:
        """Keep nothing of a slot any more, or of all of a program's."""

    def names(self) -> set[str]:
        """Return the programs of which something is kept."""

    def close(self) -> None:
        """Let go of the file; it stays."""


class Outfitter(Protocol):
    """Gives processes what they report by."""

    def outfit(self, program: Program, number: int, run: int) -> Outfit:
        """Return what the process of a run is to get. Raises OSFailure."""

    def spawned(self, program: Program, number: int) -> None:
        """Take note that the process has it by now, or that there is none."""

    def described(self, name: str) -> None:
        """Take note that slots of a program go on with their processes, and are described anew since a moment ago."""

    def hand_over(self) -> None:
        """Have the program that this process executes next get what is open."""

    def take_back(self) -> None:
        """Undo that, as nothing was executed."""


class Trial(Protocol):
    """Finds out whether one run of a program is well, time and again; never twice at a time."""

    def begin(self, done: Callable[[str], None]) -> None:
        """Try once, and call ``done`` with what is wrong, or nothing where all is well; perhaps before this returns."""

    def cancel(self) -> None:
        """Give up what was begun; ``done`` is not called any more. Harmless where nothing was."""

    def output(self) -> str:
        """Return the end of what the latest try has shown, for people; mostly nothing."""


class Prober(Protocol):
    """Makes trials."""

    def prepare(self, probe: Probe, program: Program, number: int, run: int) -> Trial:
        """Make the trial of a run."""

    def chance(self) -> float:
        """Return a number from 0 to 1."""


class Reporting(Protocol):
    """Takes in what processes report themselves, on a notify socket or another descriptor."""

    def outfit(self, program: Program, number: int, run: int, reports: Reports) -> Outfit:
        """Return what the process of a run is to get. Raises OSFailure."""

    def spawned(self, name: str, number: int) -> None:
        """Close what was only opened to be handed on."""

    def alive(self, program: Program, number: int, run: int, pid: int, *, taken_over: bool = False) -> None:
        """Take note of whose process ``pid`` is. ``taken_over``: an earlier supervisor has outfitted it."""

    def ended(self, name: str, number: int) -> None:
        """Take note that it is gone."""

    def forget(self, name: str, number: int) -> None:
        """Close what was kept for the next process of a slot."""

    def hand_over(self) -> None:
        """Have the program that this process executes next get what is open."""

    def take_back(self) -> None:
        """Undo that, as nothing was executed."""

    def close(self) -> None:
        """Give everything back."""


class Observer(Protocol):
    """Looks on."""

    def saw(self, event: Event) -> None:
        """Take note of an event.

        Called in the middle of a change: an answer to it goes through the supervisor's inbox (``learn``, ``restart``),
        which waits its turn; nothing else of the colony may be touched.
        """


class Companion(Observer, Protocol):
    """Looks after one concern of all programs that ask for it: readiness, health, dependencies, schedules."""

    def about(self, name: str, number: int) -> Mapping[str, object]:
        """Return what a status should say of a slot, as plain JSON values; empty where there is nothing."""

    def close(self) -> None:
        """Give everything back; the colony is stopped, or left to a successor."""
