"""Carries one stream of a program from its pipe to wherever it goes, one bounded piece a turn of the loop.

A single file is spliced to. Anything else is read once, and each target gets the bytes. While a target is blocked the
pipe is not read: it fills, and the program waits; it costs nothing.
"""

from __future__ import annotations

import os
from fcntl import F_SETPIPE_SZ, fcntl

from ncolony.core.bare import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ncolony.ports import Loop
    from ncolony.posix.filetarget import FileTarget

    class Target(Protocol):
        """Where output goes. ``changed`` is called whenever ``blocked`` has changed."""

        changed: Callable[[], None]

        @property
        def raw(self) -> FileTarget | None:
            """The file itself, where it gets the very bytes; they may be spliced to it then."""

        @property
        def blocked(self) -> bool:
            """Tell whether nothing can be taken now."""

        @property
        def rest(self) -> bytes:
            """The beginning of a line that was taken and is not where it goes yet."""

        def write(self, data: bytes) -> None:
            """Take some bytes; never fails, never waits."""

        def flush(self) -> None:
            """Take note that a process has ended: an unfinished line is as long as it gets."""

        def close(self) -> None:
            """Write what is left, and give everything back."""


WIDE = 1 << 20  # bytes: the most that a user may ask for
CHUNK = 65536  # bytes read at a time, and four times as many spliced: a chatty program gets no longer turn than this
RECENT = 65536
SMALL = 4096
MAX_DRAIN = 2 << 20  # bytes: more than a pipe holds, and an end against a child left behind that never stops writing


class Recent:
    """The last 64 KB of what went by."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Keep ``data``, and forget what is older than 64 KB."""
        pieces = self._pieces
        self._size += len(data)
        if pieces and len(pieces[-1]) + len(data) <= SMALL:
            pieces[-1] += data  # a thousand tiny objects would take more than what is in them
        else:
            pieces.append(data)
        while self._size - len(pieces[0]) >= RECENT:
            self._size -= len(pieces.popleft())

    def tail(self, size: int = RECENT) -> bytes:
        """Return the last bytes."""
        return b"".join(self._pieces)[-size:] if size else b""


def last_lines(data: bytes, count: int) -> list[bytes]:
    """Return the last lines of ``data``, without their ends; an unfinished last one counts."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines[-count:] if count else []


class Pump:
    """One stream of one slot, over all its runs."""

    __slots__ = ("_file", "_loop", "_pipe", "_recent", "_targets", "_watching", "_wide", "ear", "moved", "tap")

    def __init__(self, loop: Loop, pipe: int, targets: Sequence[Target]) -> None:
        """Read ``pipe``, which never waits, whenever there is something in it."""
        self._loop, self._pipe = loop, pipe
        self._watching = self._wide = False
        self.ear: Callable[[bytes], bool] | None = None
        """Gets what goes by, until it returns true; nothing is spliced as long."""
        self.moved = 0
        """Bytes since somebody last set it to 0."""
        self._recent: Recent | None = None  # nothing for a thousand programs that are silent
        self._targets: Sequence[Target] = ()
        self._file: FileTarget | None = None
        self.tap: Callable[[bytes], None] | None = None
        """Gets what goes by as well, and nothing at all (``b""``) where a process has ended."""
        self.retarget(targets)

    def retarget(self, targets: Sequence[Target]) -> None:
        """Go to other targets from the next byte on; those before are closed."""
        for target in self._targets:
            target.close()
        self._targets = tuple(targets)
        self._file = next((target.raw for target in self._targets if target.raw is not None), None)
        for target in self._targets:
            target.changed = self._look
        self._look()

    def tail(self, size: int = RECENT) -> bytes:
        """Return the last bytes of the output, at most 64 KB of them."""
        size = min(size, RECENT)
        if self._file is not None:
            return self._file.tail(size)
        return b"" if self._recent is None else self._recent.tail(size)

    def unfinished(self) -> list[bytes]:
        """Return what each target has of an unfinished line, for a successor who reads on behind it.

        A successor's targets get it by ``write``, before there is a pump.
        """
        return [target.rest for target in self._targets]

    def drain(self) -> None:
        """Take in all that a process wrote before it ended, its unfinished last line too."""
        done = 0
        while self._watching and done < MAX_DRAIN and (moved := self._move()):
            done += moved
        for target in self._targets:
            target.flush()
        if self.tap is not None:
            self.tap(b"")

    def close(self) -> None:
        """Drain, and give everything but the pipe back."""
        self.drain()
        if self._watching:
            self._loop.unwatch(self._pipe)
            self._watching = False
        else:
            self._take_what_is_left()
        targets, self._targets = self._targets, ()
        for target in targets:
            target.changed = _nothing
            target.close()

    def _look(self) -> None:
        """Read while all targets take something."""
        wanted = not any(target.blocked for target in self._targets)
        if wanted and not self._watching:
            self._loop.watch(self._pipe, self._move)
        elif self._watching and not wanted:
            self._loop.unwatch(self._pipe)
        self._watching = wanted

    def _move(self) -> int:
        """Move one piece, and return its size; 0: there is no more."""
        moved = self._carry()
        self.moved += moved
        if moved >= CHUNK and not self._wide:
            self._widen()
        return moved

    def _carry(self) -> int:
        file = self._file
        try:
            if file is not None and self.ear is None and self.tap is None and len(self._targets) == 1 and file.splices:
                return file.take(self._pipe)
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return 0
        if file is None:
            if self._recent is None:
                self._recent = Recent()
            self._recent.add(data)
        if self.tap is not None:
            self.tap(data)
        for target in self._targets:
            target.write(data)
        if self.ear is not None and self.ear(data):
            self.ear = None
        return len(data)

    def _widen(self) -> None:
        """Make room in the pipe of a program that fills it: it waits less often, and so do we."""
        self._wide = True
        try:
            fcntl(self._pipe, F_SETPIPE_SZ, WIDE)
        except OSError:
            pass  # more than a user may have in pipes; then it stays as it is

    def _take_what_is_left(self) -> None:
        """Hand on what a blocked target has left in the pipe: there is no later, and it counts what it cannot write."""
        try:
            for _ in range(MAX_DRAIN // CHUNK):
                data = os.read(self._pipe, CHUNK)
                for target in self._targets:
                    target.write(data)
        except BlockingIOError:
            pass


def _nothing() -> None:
    """Do nothing."""
