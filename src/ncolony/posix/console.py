"""Writes lines to standard error or output without ever waiting for whoever reads it."""

from __future__ import annotations

import os
import select
import stat

from ncolony.core.bare import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ncolony.ports import Loop

ATOMIC = 4096  # bytes that a pipe which polls as writable takes without waiting (PIPE_BUF)
MAX_BACKLOG = 1 << 20

_END = "\n"
_PLAIN = bytes(range(32, 127)) + b"\t\n"
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != ord("\t")}


def readable(data: bytes) -> str:
    """Return a line as text that is safe to show: bytes that are not UTF-8 and control codes are spelled out."""
    text = data.removesuffix(b"\r").decode("utf-8", "backslashreplace")
    return text if text.isprintable() else text.translate(_ESCAPES)


def labelled(head: str, lines: Sequence[bytes]) -> str:
    """Return lines as text that is safe to show, each with ``head`` before it and a line end behind."""
    together = b"\n".join(lines)
    if together.translate(None, _PLAIN):
        return "".join(f"{head}{readable(line)}\n" for line in lines)
    separator = _END + head  # most output is like this, and takes a quarter of the time all at once
    if head.isascii():
        text = separator.encode("ascii").join(lines).decode("ascii")
    else:
        text = together.decode("ascii").replace(_END, separator)
    return f"{head}{text}\n"


class Console:
    """One descriptor that lines are written to. What its reader does not take is kept, up to 1 MB, then dropped."""

    def __init__(self, loop: Loop, fd: int = 2) -> None:
        """Write to ``fd``."""
        self._loop = loop
        self._fd = fd
        self._name = "standard output" if fd == 1 else "standard error"
        mode = os.fstat(fd).st_mode
        self._own = _that_never_waits(fd) if stat.S_ISFIFO(mode) else -1
        self._poll = None if stat.S_ISREG(mode) or self._own >= 0 else _poll_of(fd)
        self._backlog: deque[memoryview] = deque()
        self._size = 0
        self._dropped = 0
        self._mid_line = False
        self._waiting = False

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:  # noqa: ARG002 - the port's signature
        """Take a program's lines (the LogSink port)."""
        self.put(labelled(f"{label} | ", lines))

    def say(self, line: str) -> None:
        """Take a line of the supervisor's own."""
        self.put(f"ncolony: {line}\n")

    def put(self, text: str) -> None:
        """Take lines of text as they stand."""
        data = text.encode("utf-8", "backslashreplace")
        self._backlog.append(memoryview(data))
        self._size += len(data)
        while self._size > MAX_BACKLOG and len(self._backlog) > 1:
            oldest = self._backlog.popleft()
            self._size -= len(oldest)
            self._dropped += bytes(oldest).count(b"\n")
        if not self._waiting:
            self._flush()

    def close(self) -> None:
        """Write what can still be written without waiting, and stop."""
        if self._waiting:
            self._loop.unwatch(self._fd)
            self._waiting = False
        self._write_some()
        if self._own >= 0:
            os.close(self._own)
            self._own, self._poll = -1, _poll_of(self._fd)  # for what may still be said

    def _flush(self) -> None:
        self._write_some()
        if bool(self._backlog) != self._waiting:
            self._waiting = not self._waiting
            if self._waiting:
                self._loop.watch_writes(self._fd, self._flush)
            else:
                self._loop.unwatch(self._fd)

    def _write_some(self) -> None:
        while self._backlog:
            if self._poll is not None and not self._poll.poll(0):
                return
            if self._dropped:
                cut = "\n" if self._mid_line else ""  # the rest of that line is among them
                note = f"{cut}ncolony: {self._dropped} lines were dropped: nobody read {self._name}\n".encode()
                self._dropped = 0
                self._backlog.appendleft(memoryview(note))
                self._size += len(note)
            data = self._backlog.popleft()
            self._size -= len(data)
            try:
                if self._poll is not None:
                    written = os.write(self._fd, data[:ATOMIC])
                else:
                    written = os.write(self._fd if self._own < 0 else self._own, data)
            except (BlockingIOError, InterruptedError):
                written = 0
            except OSError:  # the reader is gone, or the disk is full: nobody can be told
                continue
            if written:
                self._mid_line = data[written - 1] != ord("\n")
            if written < len(data):
                self._backlog.appendleft(data[written:])
                self._size += len(data) - written
                if written == 0:
                    return


def _that_never_waits(fd: int) -> int:
    """Open a pipe anew, for writes of any size that never wait; -1 where that is not allowed, or nobody reads it.

    What others have open of it stays as it is: they may want to wait.
    """
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def _poll_of(fd: int) -> select.poll:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return poll
