"""Programs' output: one pipe a stream, kept over all runs of a slot, read without ever waiting.

The supervisor holds the pipes too, so they never end: an exit is learned from the process, and what was written before
it is drained then. A program that closes its output, or leaves a child behind that holds it, is no special case.

A process gets its end of a pipe opened for reading *and* writing. So it never finds that nobody reads, even while no
supervisor lives: what it writes waits in the pipe. The keeper has a copy of every pipe, from before a process gets it,
and the next supervisor reads on; where there is no keeper, it opens the pipe anew through the process (/proc/PID/fd).

Where both streams go to one file and nowhere else, the process gets one pipe for both, and there is no second.
"""

from __future__ import annotations

import os

from ncolony.core.bare import partial
from ncolony.core.events import Slot
from ncolony.core.jsontext import read, write
from ncolony.core.logspec import ConsoleLog, LogSpec, from_text, to_text
from ncolony.core.states import pid_of
from ncolony.posix.keeping import PIPES
from ncolony.posix.pipes import BASIN, STREAMS, Stream, pipes_of, reopened, to_read
from ncolony.posix.plainfile import read_plain
from ncolony.posix.processes import is_run
from ncolony.posix.pump import Pump
from ncolony.posix.targets import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from ncolony.core.kept import Kept
    from ncolony.core.logspec import Target
    from ncolony.ports import Loop, Take
    from ncolony.posix.basin import Basin
    from ncolony.posix.keeping import Copies, Keeping
    from ncolony.posix.targets import Targets

    Rests = Mapping[str, Mapping[str, str]]


class Channel:
    """The output of one slot, over all its runs."""

    __slots__ = ("_keeping", "_log", "_loop", "_open", "_origin", "_streams", "_takers", "_targets")

    def __init__(
        self,
        loop: Loop,
        targets: Targets,
        slot: Slot,
        log: LogSpec,
        keeping: Keeping | None,
        opened: set[Channel],
    ) -> None:
        """Read on ``loop``, and have it go where ``log`` says. It is in ``opened`` until the end. See :meth:`begin`."""
        self._open = opened
        self._loop, self._targets, self._log, self._keeping = loop, targets, log, keeping
        self._origin = Origin(slot.program, slot.number, str(slot))
        self._streams: dict[str, Stream] = {}
        self._takers: tuple[Take, ...] = ()

    def begin(self, taken: dict[str, int], rests: Rests) -> None:
        """Read the pipes that are ``taken`` over, and new ones beside them. Raises OSError.

        ``rests``: beginnings of lines, by stream and target, that somebody else has read from these pipes.
        """
        for name in STREAMS:
            if name in taken or name == STREAMS[0] or not self._log.joined:
                self._add(name, taken.pop(name, -1), rests.get(name, {}), taken.pop(name + BASIN, -1))
        self._warn(STREAMS)

    @property
    def streams(self) -> set[str]:
        """The streams that have pipes."""
        return set(self._streams)

    def keep(self) -> None:
        """Have the keeper hold the pipes."""
        if self._keeping is None:
            for stream in self._streams.values():
                stream.unkept()
            return
        copies: dict[str, int] = {}
        try:
            for name, stream in self._streams.items():
                copies[name] = stream.to_keep()
                if stream.basin >= 0:
                    copies[name + BASIN] = to_read(stream.basin)
        except OSError:  # no room for copies, or no /proc: they live as long as somebody else has them
            for fd in copies.values():
                os.close(fd)
        else:
            self._keeping.keep(PIPES, self.key, copies, to_text(self._log))

    def child_fds(self) -> tuple[int, int]:
        """Return the descriptors that become the next process's stdout and stderr. Raises OSError."""
        stdout, stderr = STREAMS
        out = self._streams[stdout].child_fd
        if not self._log.joined:
            if stderr not in self._streams:
                self._add(stderr, -1, {}, -1)
                self.keep()
            return out, self._streams[stderr].child_fd
        if stderr in self._streams:  # for who was left behind by an earlier run, if anybody: the file is the others'
            self._streams[stderr].pump.retarget(self._targets.open((ConsoleLog(),), self._origin, stderr))
        return out, out

    def began(self, run: int, pid: int) -> None:
        """Take note of whose output it is from now on; ``pid`` 0: it is not known yet."""
        if run != self._origin.run:
            for stream in self._streams.values():
                stream.pump.new_run()
        self._origin.run, self._origin.pid = run, pid

    def describe(self, slot: Slot, log: LogSpec) -> None:
        """Carry another name, and go elsewhere, from now on."""
        self._origin.label = str(slot)
        before, self._log = self._log, log
        changed = [name for name in self._streams if before.joined or getattr(log, name) != getattr(before, name)]
        if log == before:
            return
        for name in changed:
            self._streams[name].pump.retarget(self._targets.open(self._logs(name), self._origin, name))
        self.keep()  # with the note of where it goes
        self._warn(changed)

    def written(self) -> Iterator[tuple[str, int, str, int, int, int]]:
        """Return how much was written by stream; see ports.py."""
        for name, stream in self._streams.items():
            yield self._origin.program, self._origin.instance, name, stream.pump.written, *stream.pump.dropped

    def unfinished(self) -> dict[str, dict[str, str]]:
        """Return the lines that were begun and not finished, by stream and target."""
        found: dict[str, dict[str, str]] = {}
        for name, stream in self._streams.items():
            for log, rest in zip(self._logs(name), stream.pump.unfinished(), strict=False):
                if rest:
                    found.setdefault(name, {})[repr(log)] = rest.decode("latin-1")
        return found

    @property
    def key(self) -> str:
        """What tells this slot from all others of its colony."""
        return f"{self._origin.program}:{self._origin.instance}"

    def follow(self, wants: Callable[[str, int], bool], take: Take) -> None:
        """Have somebody get the output as well, if this slot is wanted."""
        if wants(self._origin.program, self._origin.instance):
            self._takers += (take,)
            self._tap()

    def unfollow(self, take: Take) -> None:
        """Let somebody get it no more."""
        if take in self._takers:
            self._takers = tuple(one for one in self._takers if one != take)
            self._tap()

    def _tap(self) -> None:
        for name, stream in self._streams.items():
            stream.pump.tap = self._hand_to(name) if self._takers else None

    def _hand_to(self, name: str) -> Callable[[bytes], None]:
        def hand(data: bytes) -> None:
            for take in self._takers:
                take(self._origin.program, self._origin.instance, name, data)

        return hand

    def drain(self) -> None:
        """Take in all that a process wrote before it ended, its unfinished last line too."""
        for stream in self._streams.values():
            stream.pump.drain()

    def tail(self, stream: str, size: int) -> bytes:
        """Return the last bytes of a stream; what shares its pipe is among them."""
        found = self._streams.get(stream) or self._streams.get(STREAMS[0])
        return b"" if found is None else found.pump.tail(size)

    def since(self, stream: str, when: float) -> int:
        """Return how many of the last bytes of a stream have come since then."""
        found = self._streams.get(stream) or self._streams.get(STREAMS[0])
        return 0 if found is None else found.pump.since(when)

    def listen(self, hear: Callable[[str, bytes], bool] | None) -> None:
        """See ports.py."""
        for name, stream in self._streams.items():
            stream.pump.ear = None if hear is None else partial(hear, name)

    def last_words(self, size: int) -> bytes:
        """Return the last bytes of the latest run: of stderr where it said anything there, else of stdout."""
        for name in reversed(STREAMS):
            stream = self._streams.get(name)
            if stream is not None and stream.pump.moved:
                return stream.pump.tail(min(size, stream.pump.moved))
        return b""

    def close(self) -> None:
        """Drain, and give everything back."""
        for stream in self._streams.values():
            stream.pump.close()
            stream.close()
        if self._streams and self._keeping is not None:
            self._keeping.drop(PIPES, self.key)
        self._streams = {}
        self._open.discard(self)

    def _logs(self, name: str) -> tuple[Target, ...]:
        return self._log.stdout if name == STREAMS[0] else self._log.stderr

    def _add(self, name: str, pipe: int, rests: Mapping[str, str], basin: int) -> None:
        stream = Stream(pipe)
        stream.basin = basin
        logs = self._logs(name)
        targets = self._targets.open(logs, self._origin, name)
        for log, target in zip(logs, targets, strict=True):
            if rest := rests.get(repr(log)) if rests else None:
                target.write(rest.encode("latin-1"))
        try:
            kept = None if basin < 0 else self._basin_of(basin)
            stream.pump = Pump(self._loop, stream.read, targets, kept, self)
        except OSError:
            for target in targets:
                target.close()
            stream.close()
            if basin >= 0:
                os.close(basin)
            raise
        self._streams[name] = stream
        if self._takers:
            self._tap()

    def make_basin(self, pipe: int) -> Basin | None:
        """Make the second pipe of the stream with this one, and have the keeper hold it before anything is in it."""
        from ncolony.posix.basin import new_basin_fd

        stream = next((stream for stream in self._streams.values() if stream.read == pipe), None)
        if stream is None or not self._is_held():
            return None
        try:
            stream.basin = new_basin_fd()
        except OSError:
            return None  # no room for it: it goes on as before
        self.keep()
        return self._basin_of(stream.basin)

    def _basin_of(self, fd: int) -> Basin:
        from ncolony.posix.basin import Basin

        return Basin(fd, self._is_held)

    def _is_held(self) -> bool:
        return self._keeping is not None and self._keeping.holds

    def _warn(self, names: Sequence[str]) -> None:
        """Say what stands against the targets, as far as can be told beforehand."""
        reasons = [reason for name in names for reason in self._targets.why_not(self._logs(name), self._origin, name)]
        for reason in dict.fromkeys(reasons):
            self._targets.report(reason)


class PipeChannels:
    """Makes channels."""

    def __init__(
        self,
        loop: Loop,
        targets: Targets,
        partial: str | None = None,
        keeping: Keeping | None = None,
        kept: Mapping[str, Copies] | None = None,
    ) -> None:
        """Have programs' output go to what ``targets`` makes.

        ``partial``: a file in which an earlier supervisor may have left unfinished lines; see :meth:`keep`. ``keeping``
        has copies of all pipes held, and ``kept`` are those that an earlier supervisor had held, by slot and stream.
        """
        self._loop, self._targets, self._keeping = loop, targets, keeping
        self._made: set[Channel] = set()  # those that are open
        self._followers: list[tuple[Callable[[str, int], bool], Take]] = []
        self._partial = _load(partial)
        self._kept = dict(kept or {})
        if keeping is not None:
            keeping.renewed.append(self._keep_all)

    def keep(self, path: str | None) -> None:
        """Write the unfinished lines of all channels to a file, for a successor who reads on behind them."""
        rests = {channel.key: found for channel in self._made if (found := channel.unfinished())}
        if path is not None and rests:
            try:
                with open(path, "w", encoding="ascii") as file:
                    file.write(write(rests))
            except OSError:
                pass  # a full disk: the beginning of a line is lost, and nothing else can be done

    def written(self) -> Iterator[tuple[str, int, str, int, int, int]]:
        """Return how much each slot has written (the Outputs port)."""
        for channel in self._made:
            yield from channel.written()

    def _keep_all(self) -> None:
        for channel in self._made:
            channel.keep()

    def holds(self, slot: Slot) -> bool:
        """Tell whether an earlier supervisor left pipes of this slot that nobody has opened yet."""
        return f"{slot.program}:{slot.number}" in self._kept

    def log_left(self, program: str) -> LogSpec:
        """Return where an earlier supervisor had the output of a program go, as far as its pipes are here still."""
        notes = (kept.note for key, kept in self._kept.items() if key.rpartition(":")[0] == program)
        return from_text(next(notes, ""))

    def settle(self, described: Container[str]) -> None:
        """Pass on what is in pipes of programs that are not described any more, and close them."""
        for key in list(self._kept):
            program, _, number = key.rpartition(":")
            if program not in described:
                self.open(Slot(program, int(number)), from_text(self._kept[key].note)).close()

    def follow(self, wants: Callable[[str, int], bool], take: Take) -> Callable[[], None]:
        """Have somebody get the output of slots as well (the Outputs port). Returns what ends it."""
        follower = (wants, take)
        self._followers.append(follower)
        for channel in list(self._made):
            channel.follow(wants, take)

        def end() -> None:
            if follower in self._followers:
                self._followers.remove(follower)
                for channel in list(self._made):
                    channel.unfollow(take)

        return end

    def open(self, slot: Slot, log: LogSpec = LogSpec(), left: Kept | None = None) -> Channel:  # noqa: B008 - frozen
        """Make the channel of a slot: of the pipes that were held, or those of the process of ``left``, or new ones.

        Raises OSError where the system has no room for it.
        """
        channel = Channel(self._loop, self._targets, slot, log, self._keeping, self._made)
        held = self._kept.get(channel.key)
        kept = {} if held is None else reopened(held.fds)
        self._kept.pop(channel.key, None)
        taken = dict(kept) or ({} if left is None else _pipes_of(left))
        try:
            channel.begin(taken, self._partial.pop(channel.key, {}))
        except OSError:
            channel.close()
            for fd in taken.values():
                os.close(fd)
            raise
        self._made.add(channel)
        for follower in self._followers:
            channel.follow(*follower)
        if channel.streams != kept.keys() & set(STREAMS):
            channel.keep()
        return channel


def _pipes_of(left: Kept) -> dict[str, int]:
    """Open the pipes of a run's process, if there is one and it is no stranger that has got its pid."""
    pid = pid_of(left.instance.state)
    found = {} if pid is None else pipes_of(pid)
    # Looked at only now: what was opened is that of the process that had the pid until here.
    if pid is not None and not is_run(pid, left.born, f"{left.program}:{left.number}/{left.instance.run}"):
        for fd in found.values():
            os.close(fd)
        return {}
    return found


def _load(path: str | None) -> dict[str, Rests]:
    """Return the unfinished lines that an earlier supervisor left, and forget them."""
    if path is None:
        return {}
    try:
        found = read(read_plain(path).decode())
        os.unlink(path)
        if not isinstance(found, dict):
            return {}
        return {
            slot: {stream: {log: _text(rest) for log, rest in logs.items()} for stream, logs in streams.items()}
            for slot, streams in found.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _text(rest: str) -> str:
    """Return what can be made bytes of again. Raises ValueError or AttributeError for anything else."""
    rest.encode("latin-1")
    return rest
