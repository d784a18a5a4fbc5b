"""Programs' output: one pipe a stream, kept over all runs of a slot, read without ever waiting.

The supervisor holds both ends, so a pipe never ends: an exit is learned from the process, and what was written before
it is drained then. A program that closes its output, or leaves a child behind that holds it, is no special case.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.ports import LogSink, Loop

CHUNK = 65536
MAX_LINE = 65536
MAX_DRAIN = 16  # chunks: more than a pipe holds, and an end against a child left behind that never stops writing
CONTINUED = b" [line goes on]"


class Lines:
    """Cuts a stream of bytes into lines. A line over 64 KB comes in marked pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without their line ends."""
        lines = (self._rest + data).split(b"\n")
        rest = lines.pop()
        if len(data) + len(self._rest) > MAX_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
            *full, rest = _pieces(rest)
            lines += full
        self._rest = rest
        return lines

    def flush(self) -> list[bytes]:
        """Return the unfinished last line, if there is one."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def _pieces(line: bytes) -> list[bytes]:
    """Cut a line so that no piece is too long; all but the last are marked."""
    if len(line) <= MAX_LINE:
        return [line]
    last = (len(line) - 1) // MAX_LINE * MAX_LINE
    return [line[start : start + MAX_LINE] + CONTINUED for start in range(0, last, MAX_LINE)] + [line[last:]]


class PipeChannel:
    """The output of one slot."""

    def __init__(self, loop: Loop, sink: LogSink, label: str) -> None:
        """Make the pipes. Raises OSError where the system has no room for them."""
        self._loop, self._sink, self._label = loop, sink, label
        self._pipes: list[tuple[int, int, str, Lines]] = []
        try:
            for stream in ("stdout", "stderr"):
                read, write = os.pipe2(os.O_CLOEXEC)
                self._pipes.append((read, write, stream, Lines()))
        except OSError:
            for read, write, _, _ in self._pipes:
                os.close(read)
                os.close(write)
            raise
        for index, (read, _, _, _) in enumerate(self._pipes):
            os.set_blocking(read, False)
            loop.watch(read, self._read_out if index == 0 else self._read_err)

    def child_fds(self) -> tuple[int, int]:
        """Return the descriptors that become the next process's stdout and stderr."""
        for _, write, _, _ in self._pipes:
            os.set_blocking(write, True)  # an earlier run may have changed that, for all that use the pipe
        return self._pipes[0][1], self._pipes[1][1]

    def rename(self, label: str) -> None:
        """Carry another name from now on."""
        self._label = label

    def drain(self) -> None:
        """Take in all that a process wrote before it ended, its unfinished last line too."""
        for index, (_, _, stream, lines) in enumerate(self._pipes):
            for _ in range(MAX_DRAIN):
                if not self._read(index):
                    break
            self._pass_on(stream, lines.flush())

    def close(self) -> None:
        """Drain, and give the pipes back."""
        self.drain()
        for read, write, _, _ in self._pipes:
            self._loop.unwatch(read)
            os.close(read)
            os.close(write)
        self._pipes.clear()

    def _read_out(self) -> None:
        self._read(0)

    def _read_err(self) -> None:
        self._read(1)

    def _read(self, index: int) -> bool:
        """Take in one chunk; one, so that a program that floods its pipe delays no other."""
        read, _, stream, lines = self._pipes[index]
        try:
            data = os.read(read, CHUNK)
        except BlockingIOError:
            return False
        self._pass_on(stream, lines.feed(data))
        return True

    def _pass_on(self, stream: str, lines: list[bytes]) -> None:
        if lines:
            self._sink.write(self._label, stream, lines)


class PipeChannels:
    """Makes channels of pipes."""

    def __init__(self, loop: Loop, sink: LogSink) -> None:
        """Have programs' output go to ``sink``."""
        self._loop, self._sink = loop, sink

    def open(self, label: str) -> PipeChannel:
        """Make the channel of a slot. Raises OSError where the system has no room for it."""
        return PipeChannel(self._loop, self._sink, label)
