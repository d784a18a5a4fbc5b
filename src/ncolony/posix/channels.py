"""Programs' output: one pipe a stream, kept over all runs of a slot, read without ever waiting.

The supervisor holds the pipes too, so they never end: an exit is learned from the process, and what was written before
it is drained then. A program that closes its output, or leaves a child behind that holds it, is no special case.

A process gets its end of a pipe opened for reading *and* writing. So it never finds that nobody reads, even while no
supervisor lives: what it writes waits in the pipe, and the next supervisor opens the pipe anew through the process
(/proc/PID/fd) and reads on.
"""

from __future__ import annotations

import json
import os
import stat
from functools import partial
from weakref import WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.ports import LogSink, Loop

CHUNK = 65536
MAX_LINE = 65536
MAX_DRAIN = 16  # chunks: more than a pipe holds, and an end against a child left behind that never stops writing
CONTINUED = b" [line goes on]"


class Lines:
    """Cuts a stream of bytes into lines. A line over 64 KB comes in marked pieces."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        """Begin with nothing."""
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without their line ends."""
        lines = (self.rest + data).split(b"\n")
        rest = lines.pop()
        if len(data) + len(self.rest) > MAX_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
            *full, rest = _pieces(rest)
            lines += full
        self.rest = rest
        return lines

    def flush(self) -> list[bytes]:
        """Return the unfinished last line, if there is one."""
        rest, self.rest = self.rest, b""
        return [rest] if rest else []


def _pieces(line: bytes) -> list[bytes]:
    """Cut a line so that no piece is too long; all but the last are marked."""
    if len(line) <= MAX_LINE:
        return [line]
    last = (len(line) - 1) // MAX_LINE * MAX_LINE
    return [line[start : start + MAX_LINE] + CONTINUED for start in range(0, last, MAX_LINE)] + [line[last:]]


STREAMS = ("stdout", "stderr")


class Stream:
    """One stream of one slot."""

    __slots__ = ("_handed", "_write", "lines", "name", "read")

    def __init__(self, name: str, read: int = -1) -> None:
        """Read the pipe ``read``, which is open for both, or a new one. Raises OSError."""
        self.name = name
        self.lines = Lines()
        self._handed = -1
        self._write = -1  # the end to write to, where /proc is missing and no descriptor can be open for both
        self.read, self._write = (read, -1) if read >= 0 else _new_pipe()

    def child_fd(self) -> int:
        """Return the descriptor that a process gets: the pipe opened anew, with a mode of its own, which is to wait.

        Raises OSError.
        """
        if self._write >= 0:
            return self._write
        self._handed = os.open(f"/proc/self/fd/{self.read}", os.O_RDWR | os.O_CLOEXEC)
        return self._handed

    def spawned(self) -> None:
        """Close what was only opened to be handed on."""
        if self._handed >= 0:
            os.close(self._handed)
            self._handed = -1

    def close(self) -> None:
        """Give the descriptors back."""
        self.spawned()
        os.close(self.read)
        if self._write >= 0:
            os.close(self._write)


class Channel:
    """The output of one slot, over all its runs."""

    __slots__ = ("__weakref__", "_label", "_loop", "_sink", "_streams")

    def __init__(self, loop: Loop, sink: LogSink, label: str, streams: list[Stream]) -> None:
        """Read ``streams`` on ``loop`` and pass lines on to ``sink``."""
        self._loop, self._sink, self._label, self._streams = loop, sink, label, streams
        for stream in streams:
            loop.watch(stream.read, partial(self._read, stream))

    def child_fds(self) -> tuple[int, int]:
        """Return the descriptors that become the next process's stdout and stderr. Raises OSError."""
        return self._streams[0].child_fd(), self._streams[1].child_fd()

    def spawned(self) -> None:
        """Take note that a process has its descriptors by now."""
        for stream in self._streams:
            stream.spawned()

    def rename(self, label: str) -> None:
        """Carry another name from now on."""
        self._label = label

    def unfinished(self) -> list[tuple[str, bytes]]:
        """Return the lines that were begun and not finished, each with the name of its stream."""
        return [(f"{self._label}.{stream.name}", stream.lines.rest) for stream in self._streams if stream.lines.rest]

    def drain(self) -> None:
        """Take in all that a process wrote before it ended, its unfinished last line too."""
        for stream in self._streams:
            for _ in range(MAX_DRAIN):
                if not self._read(stream):
                    break
            self._pass_on(stream, stream.lines.flush())

    def close(self) -> None:
        """Drain, and give everything back."""
        self.drain()
        for stream in self._streams:
            self._loop.unwatch(stream.read)
            stream.close()
        self._streams = []

    def _read(self, stream: Stream) -> bool:
        """Take in one chunk; one, so that a program that floods its pipe delays no other."""
        try:
            data = os.read(stream.read, CHUNK)
        except BlockingIOError:
            return False
        self._pass_on(stream, stream.lines.feed(data))
        return bool(data)

    def _pass_on(self, stream: Stream, lines: list[bytes]) -> None:
        if lines:
            self._sink.write(self._label, stream.name, lines)


class PipeChannels:
    """Makes channels."""

    def __init__(self, loop: Loop, sink: LogSink, partial: str | None = None) -> None:
        """Have programs' output go to ``sink``.

        ``partial``: a file in which an earlier supervisor may have left unfinished lines; see :meth:`keep`.
        """
        self._loop, self._sink = loop, sink
        self._made: WeakSet[Channel] = WeakSet()
        self._partial = _load(partial)

    def keep(self, path: str | None) -> None:
        """Write the unfinished lines of all channels to a file, for a successor who reads on behind them."""
        rests = {key: rest.decode("latin-1") for channel in self._made for key, rest in channel.unfinished()}
        if path is not None and rests:
            try:
                with open(path, "w", encoding="ascii") as file:
                    json.dump(rests, file)
            except OSError:
                pass  # a full disk: the beginning of a line is lost, and nothing else can be done

    def open(self, label: str, pid: int | None = None) -> Channel:
        """Make the channel of a slot, or take over the one that the live process ``pid`` writes to.

        Raises OSError where the system has no room for it.
        """
        streams: list[Stream] = []
        taken = _pipes_of(pid)
        try:
            for name in STREAMS:
                streams.append(Stream(name, taken.pop(name, -1)))
                streams[-1].lines.feed(self._partial.pop(f"{label}.{name}", b""))
        except OSError:
            for stream in streams:
                stream.close()
            for fd in taken.values():
                os.close(fd)
            raise
        channel = Channel(self._loop, self._sink, label, streams)
        self._made.add(channel)
        return channel


def _load(path: str | None) -> dict[str, bytes]:
    """Return the unfinished lines that an earlier supervisor left, and forget them."""
    if path is None:
        return {}
    try:
        with open(path, encoding="ascii") as file:
            found = json.load(file)
        os.unlink(path)
        return {key: rest.encode("latin-1") for key, rest in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _pipes_of(pid: int | None) -> dict[str, int]:
    """Open the pipes anew that a live process writes its output to. Both streams may be one pipe by its own choice."""
    found: dict[str, int] = {}
    seen = set()
    for number, name in enumerate(STREAMS, 1):
        path = f"/proc/{pid}/fd/{number}"
        try:
            status = os.stat(path)
            if pid is not None and stat.S_ISFIFO(status.st_mode) and status.st_ino not in seen:
                found[name] = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                seen.add(status.st_ino)
        except OSError:
            continue
    return found


def _new_pipe() -> tuple[int, int]:
    """Make a pipe: one descriptor open for both (and -1), or where /proc is missing its two ends."""
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        both = os.open(f"/proc/self/fd/{read}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        os.set_blocking(read, False)
        return read, write
    except OSError:
        os.close(read)
        os.close(write)
        raise
    os.close(read)
    os.close(write)
    return both, -1
