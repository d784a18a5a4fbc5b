"""Verified fakes of the ports, for tests of whatever is built on them.

Each keeps the same promises as the real thing: the tests of NColony run one contract on both. Time is virtual, and no
process is ever started::

    loop = VirtualLoop()
    spawner = FakeSpawner(loop, {("worker",): Act(status=3, after=10.0)})
    sink = MemorySink()
    supervisor = Supervisor(loop, spawner, FakeChannels(sink))
    supervisor.apply({"worker": Program("worker", ("worker",))})
    loop.advance(10.0)
    assert spawner.processes[0].ended == 3
"""

from __future__ import annotations

import itertools
import select
import signal
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from ncolony.core.errors import OSFailure
from ncolony.core.logspec import LogSpec
from ncolony.core.program import GROUP
from ncolony.core.states import Ended, Spawned, SpawnFailed, Swept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ncolony.core.events import Event, Slot
    from ncolony.core.kept import Kept
    from ncolony.core.launch import Launch
    from ncolony.ports import Fact, LogSink, Take

    Follower = tuple[Callable[[str, int], bool], Take]

__all__ = [
    "Act",
    "FakeChannel",
    "FakeChannels",
    "FakeProcess",
    "FakeSpawner",
    "FakeTimer",
    "MemoryObserver",
    "MemorySink",
    "VirtualLoop",
]

# Time and readiness ---------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class FakeTimer:
    """A call that a :class:`VirtualLoop` is going to make."""

    when: float
    serial: int
    call: Callable[[], None] | None

    def cancel(self) -> None:
        """Do not make it. Harmless when it was made or cancelled already."""
        self.call = None


class VirtualLoop:
    """The Loop port with a clock that moves when a test says so. Descriptors are real; nothing is ever waited for."""

    def __init__(self, now: float = 1000.0) -> None:
        """Begin at ``now``."""
        self._now = now
        self._serial = 0
        self._timers: list[FakeTimer] = []
        self._watched: dict[int, tuple[int, Callable[[], object]]] = {}

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def call_at(self, when: float, call: Callable[[], None]) -> FakeTimer:
        """Call once, not before ``when``; calls with equal times are made in the order they were asked for."""
        self._serial += 1
        timer = FakeTimer(max(when, self._now), self._serial, call)
        self._timers.append(timer)
        return timer

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call whenever ``fd`` can be read. Raises KeyError where it is watched already."""
        self._watch(fd, select.POLLIN, call)

    def watch_writes(self, fd: int, call: Callable[[], object]) -> None:
        """Call whenever ``fd`` can be written. Raises KeyError where it is watched already."""
        self._watch(fd, select.POLLOUT, call)

    def unwatch(self, fd: int) -> None:
        """Stop that. Raises KeyError where it is not watched."""
        del self._watched[fd]

    @property
    def timers(self) -> list[float]:
        """When the calls are due that have not been made yet, in order."""
        return [timer.when for timer in self._pending()]

    @property
    def watched(self) -> list[int]:
        """The descriptors that are watched."""
        return sorted(self._watched)

    def turn(self) -> None:
        """Make the calls that are due now; time stands still. Calls that these ask for wait for the next turn."""
        for fd, watched in self._ready():
            if self._watched.get(fd) is watched:
                watched[1]()
        last = self._serial
        for timer in self._pending():
            if timer.when <= self._now and timer.serial <= last:
                self._make(timer)

    def settle(self, turns: int = 1000) -> None:
        """Turn until there is nothing to do now. Raises AssertionError where that takes more than ``turns``."""
        for _ in range(turns):
            if not self._ready() and not any(when <= self._now for when in self.timers):
                return
            self.turn()
        raise AssertionError(f"still busy after {turns} turns")

    def advance(self, seconds: float) -> None:
        """Let time pass, and make every call that falls due at its own time."""
        end = self._now + seconds
        self.settle()
        while (due := next(iter(self.timers), end + 1)) <= end:
            self._now = due
            self.settle()
        self._now = end

    def _watch(self, fd: int, mask: int, call: Callable[[], object]) -> None:
        if fd in self._watched:
            raise KeyError(f"descriptor {fd} is watched already")
        self._watched[fd] = (mask, call)

    def _pending(self) -> list[FakeTimer]:
        self._timers = [timer for timer in self._timers if timer.call is not None]
        return sorted(self._timers, key=lambda timer: (timer.when, timer.serial))

    def _make(self, timer: FakeTimer) -> None:
        call, timer.call = timer.call, None
        if call is not None:
            call()

    def _ready(self) -> list[tuple[int, tuple[int, Callable[[], object]]]]:
        if not self._watched:
            return []
        poll = select.poll()
        for fd, (mask, _) in self._watched.items():
            poll.register(fd, mask)
        return [(fd, self._watched[fd]) for fd, _ in poll.poll(0)]


# Processes ------------------------------------------------------------------------------------------------------------

_HARMLESS = frozenset((signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH))
_HALTING = frozenset((signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))


@dataclass(frozen=True)
class Act:
    """What a pretended program does."""

    status: int | None = None
    """How it ends by itself; None: it lives until a signal ends it."""
    after: float = 0.0
    """Seconds until then."""
    fails: str = ""
    """Why it cannot be started, if it cannot."""
    told_after: float | None = None
    """Seconds until it is known whether it lives; None: at once, before ``spawn`` returns."""
    ignores: frozenset[int] = frozenset()
    """Signals that do not end it."""


class FakeProcess:
    """A process that a :class:`FakeSpawner` pretends to have started (the Process port)."""

    def __init__(self, loop: VirtualLoop, run: int, act: Act, pid: int, tell: Callable[[Fact], None]) -> None:
        """Prepare; what becomes of it is told to ``tell``. See :meth:`begin`."""
        self._loop = loop
        self._tell = tell
        self._halted = False
        self._pending: list[int] = []
        self._end: FakeTimer | None = None
        self.run = run
        self.launch: Launch | None = None
        """What it was started with; None: an earlier supervisor did."""
        self.act = act
        self.pid = pid
        self.alive = False
        self.read = b""
        """What was written to its standard input."""
        self.ended: int | None = None
        """Its status, once its end has been told."""
        self.signals: list[tuple[int, str]] = []
        """The signals that reached it, with their scope."""

    def begin(self, launch: Launch) -> None:
        """Start, and tell whether it lives, at once or as late as its act says."""
        self.launch = launch
        if self.act.told_after is None:
            self._come_to_life()
        else:
            self._loop.call_at(self._loop.now() + self.act.told_after, self._come_to_life)

    def _come_to_life(self) -> None:
        if self.act.fails:
            self._tell(SpawnFailed(self.run, self.act.fails))
            return
        self.live()
        self._tell(Spawned(self.run, self.pid))

    def live(self) -> None:
        """Live until its act is over."""
        self.alive = True
        if self.act.status is not None:
            status = self.act.status
            self._loop.call_at(self._loop.now() + self.act.after, lambda: self.end(status))

    def signal(self, number: int, scope: str) -> None:
        """Send a signal; nothing happens when it is gone."""
        if not self.alive:
            return
        self.signals.append((number, scope))
        if number == signal.SIGCONT:
            self._halted = False
            held, self._pending = self._pending, []
            for one in held:
                self._meet(one)
        elif number in _HALTING:
            self._halted = True
        elif self._halted and number != signal.SIGKILL:
            self._pending.append(number)
        else:
            self._meet(number)

    def end(self, status: int | None, *, core: bool = False) -> None:
        """End now, and tell it at once."""
        if self.alive:
            self.alive = False
            self.ended = status
            self._tell(Ended(self.run, status, core))

    def _meet(self, number: int) -> None:
        if number not in self.act.ignores and number not in _HARMLESS and self._end is None:
            self._end = self._loop.call_at(self._loop.now(), lambda: self.end(-number))


class FakeSpawner:
    """Pretends to start processes (the Spawner port)."""

    def __init__(self, loop: VirtualLoop, acts: Mapping[tuple[str, ...], Act] | None = None) -> None:
        """Play ``acts``, by command line; a program that is not in there lives until a signal ends it."""
        self._loop = loop
        self._pids = itertools.count(100)
        self.acts = dict(acts or {})
        self.processes: list[FakeProcess] = []
        """All that were ever asked for, in order."""
        self.env_files: dict[str, Mapping[str, str]] = {}
        """What files of variables hold."""
        self.survivors: set[int] = set()
        """The pids of processes that an earlier supervisor left alive."""

    @property
    def living(self) -> list[FakeProcess]:
        """Those that live."""
        return [process for process in self.processes if process.alive]

    def spawn(self, launch: Launch, tell: Callable[[Fact], None]) -> FakeProcess:
        """Start one, and ``tell`` what becomes of it: Spawned or SpawnFailed, and after Spawned one Ended."""
        act = self.acts.get(launch.args, Act())
        process = FakeProcess(self._loop, launch.run, act, next(self._pids), tell)
        self.processes.append(process)
        process.begin(launch)
        return process

    def variables(self, env_files: tuple[str, ...]) -> Mapping[str, str]:
        """Return what files of variables hold that are none. Raises OSFailure for one that is not in ``env_files``."""
        missing = [path for path in env_files if path not in self.env_files]
        if missing:
            raise OSFailure(f"cannot read its env_files {missing[0]!r}: there is no such file")
        return {name: value for path in env_files for name, value in self.env_files[path].items()}

    def put(self, pid: int, mark: str, data: bytes) -> None:  # noqa: ARG002 - as the port has it
        """Have a process that lives read something. Raises OSError."""
        found = next((process for process in self.living if process.pid == pid), None)
        if found is None:
            raise ProcessLookupError
        found.read += data

    def adopt(
        self,
        name: str,  # noqa: ARG002 - as the port has it
        kept: Kept,
        pid: int | None,
        tell: Callable[[Fact], None],
        scope: str = GROUP,  # noqa: ARG002
    ) -> FakeProcess:
        """Take over a process that an earlier supervisor started: it lives if ``pid`` is one of the survivors."""
        process = FakeProcess(self._loop, kept.instance.run, Act(), pid or 0, tell)
        self.processes.append(process)
        if pid in self.survivors:
            process.live()
        elif pid is None:
            tell(Swept(kept.instance.run))
        else:
            tell(Ended(kept.instance.run, None))
        return process


# Output ---------------------------------------------------------------------------------------------------------------


class MemorySink:
    """Keeps programs' output (the LogSink port)."""

    def __init__(self) -> None:
        """Begin with none."""
        self.lines: list[tuple[str, str, bytes]] = []
        """Label, stream and line, as they came."""
        self.text = ""
        """What was ready to be shown."""

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:
        """Take whole lines, without their line ends."""
        self.lines += [(label, stream, line) for line in lines]

    def put(self, to: str, text: str) -> None:  # noqa: ARG002 - the port's signature
        """Take lines of text that are ready to be shown."""
        self.text += text

    def of(self, label: str, stream: str = "stdout") -> list[bytes]:
        """Return the lines of one stream."""
        return [line for one, other, line in self.lines if (one, other) == (label, stream)]


class FakeChannel:
    """Where the output of a pretended process goes (the Channel port)."""

    def __init__(
        self, sink: LogSink, slot: Slot, log: LogSpec, fds: tuple[int, int], followers: Sequence[Follower] = ()
    ) -> None:
        """Pass lines on to ``sink``, and everything to ``followers``."""
        self._sink, self._slot, self._followers = sink, slot, followers
        self._fds = fds
        self._rest = {"stdout": b"", "stderr": b""}
        self._said = {"stdout": b"", "stderr": b""}
        self._words = {"stdout": b"", "stderr": b""}
        self._came: dict[str, list[tuple[float, int]]] = {"stdout": [], "stderr": []}
        self.now: float | None = None
        """When output comes, in seconds since the epoch; None: by the clock on the wall."""
        self.label = str(slot)
        self.log = log
        self.run = self.pid = 0
        self.open = True
        self._hear: Callable[[str, bytes], bool] | None = None

    def child_fds(self) -> tuple[int, int]:
        """Return numbers that are no descriptors."""
        return self._fds

    def began(self, run: int, pid: int) -> None:
        """Take note of whose output it is from now on."""
        if run != self.run:
            self._words = {"stdout": b"", "stderr": b""}
        self.run, self.pid = run, pid

    def describe(self, slot: Slot, log: LogSpec) -> None:
        """Carry another name, and go elsewhere, from now on."""
        self.label, self.log = str(slot), log

    def says(self, data: bytes, stream: str = "stdout") -> None:
        """Pretend that the process wrote this."""
        self._said[stream] += data
        self._came[stream].append((time() if self.now is None else self.now, len(data)))
        self._hand(stream, data)
        if self._hear is not None and self._hear(stream, data):
            self._hear = None
        self._words[stream] += data
        *lines, self._rest[stream] = (self._rest[stream] + data).split(b"\n")
        if lines:
            self._sink.write(self.label, stream, lines)

    def drain(self) -> None:
        """Take in all that a process wrote before it ended, its unfinished last line too."""
        for stream, rest in self._rest.items():
            self._hand(stream, b"")
            if rest:
                self._rest[stream] = b""
                self._sink.write(self.label, stream, [rest])

    def _hand(self, stream: str, data: bytes) -> None:
        for wants, take in list(self._followers):
            if wants(self._slot.program, self._slot.number):
                take(self._slot.program, self._slot.number, stream, data)

    def tail(self, stream: str, size: int) -> bytes:
        """Return the last bytes of a stream."""
        return self._said[stream][-min(size, 65536) :] if size else b""

    def written(self) -> Iterator[tuple[str, int, str, int, int, int]]:
        """Return how much was written by stream."""
        for stream, data in self._said.items():
            yield self._slot.program, self._slot.number, stream, len(data), 0, 0

    def since(self, stream: str, when: float) -> int:
        """Return how many of the last bytes came since then, or in the same second."""
        return sum(size for came, size in self._came[stream] if int(came) >= int(when))

    def listen(self, hear: Callable[[str, bytes], bool] | None) -> None:
        """Have ``hear`` get what is written, by stream, until it returns true; None: nobody listens any more."""
        self._hear = hear

    def last_words(self, size: int) -> bytes:
        """Return the last bytes of the latest run: of stderr where it said anything there, else of stdout."""
        return (self._words["stderr"] or self._words["stdout"])[-size:]

    def close(self) -> None:
        """Drain, and give everything back."""
        self.drain()
        self.open = False


class FakeChannels:
    """Makes channels that are none (the Channels port)."""

    def __init__(self, sink: LogSink | None = None) -> None:
        """Have programs' output go to ``sink``."""
        self._sink = sink or MemorySink()
        self._fds = itertools.count(1_000_000)
        self.channels: list[FakeChannel] = []
        """All that were ever opened."""
        self.refuse: OSError | None = None
        """Raised instead of opening one, if set."""
        self._followers: list[Follower] = []
        self.left: set[Slot] = set()
        """Slots of which an earlier supervisor left output."""

    def holds(self, slot: Slot) -> bool:
        """Tell whether a slot is in ``left``."""
        return slot in self.left

    def follow(self, wants: Callable[[str, int], bool], take: Take) -> Callable[[], None]:
        """Have somebody get the output of slots as well (the Outputs port). Returns what ends it."""
        follower = (wants, take)
        self._followers.append(follower)

        def end() -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return end

    def written(self) -> Iterator[tuple[str, int, str, int, int, int]]:
        """Return how much each slot has written (the Outputs port); nothing is ever dropped."""
        for channel in self.channels:
            if channel.open:
                yield from channel.written()

    def open(
        self,
        slot: Slot,
        log: LogSpec = LogSpec(),  # noqa: B008 - frozen
        pid: int | None = None,  # noqa: ARG002 - there is nothing to take over
    ) -> FakeChannel:
        """Make the channel of a slot. Raises OSError where the system has no room for it."""
        if self.refuse is not None:
            raise self.refuse
        self.left.discard(slot)
        channel = FakeChannel(self._sink, slot, log, (next(self._fds), next(self._fds)), self._followers)
        self.channels.append(channel)
        return channel


class MemoryObserver:
    """Keeps events (the Observer port)."""

    def __init__(self) -> None:
        """Begin with none."""
        self.events: list[Event] = []

    def saw(self, event: Event) -> None:
        """Take note of an event."""
        self.events.append(event)
