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
    text = together.decode("ascii")  # most output is like this, and takes a quarter of the time all at once
    return f"{head}{text.replace(_END, _END + head)}\n"


class Console:
    """One descriptor that lines are written to. What its reader does not take is kept, up to 1 MB, then dropped."""

    def __init__(self, loop: Loop, fd: int = 2) -> None:
        """Write to ``fd``."""
        self._loop = loop
        self._fd = fd
        self._name = "standard output" if fd == 1 else "standard error"
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._never_waits = stat.S_ISREG(os.fstat(fd).st_mode)
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
            if not self._never_waits and not self._poll.poll(0):
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
                written = os.write(self._fd, data if self._never_waits else data[:ATOMIC])
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
