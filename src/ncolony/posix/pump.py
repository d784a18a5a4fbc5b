"""Carries one stream of a program from its pipe to wherever it goes, one bounded piece a turn of the loop.

A single file is spliced to. Anything else is read once, and each target gets the bytes. While a target is blocked the
pipe is not read: it fills, and the program waits; it costs nothing.
"""

from __future__ import annotations

import os
from collections import deque

from ncolony.posix.filetarget import FileTarget
from ncolony.posix.logfiles import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ncolony.ports import Loop

    class Target(Protocol):
        """Where output goes. ``changed`` is called whenever ``blocked`` has changed."""

        changed: Callable[[], None]

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


RECENT = 65536
SMALL = 4096
MAX_DRAIN = 2 << 20  # bytes: more than a pipe holds, and an end against a child left behind that never stops writing


class Recent:
    """The last 64 KB of what went by; nothing for who says nothing."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: deque[bytes] | None = None
        self._size = 0

    def add(self, data: bytes) -> None:
        """Keep ``data``, and forget what is older than 64 KB."""
        if self._pieces is None:
            self._pieces = deque()
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
        return b"".join(self._pieces or ())[-size:] if size else b""


def last_lines(data: bytes, count: int) -> list[bytes]:
    """Return the last lines of ``data``, without their ends; an unfinished last one counts."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines[-count:] if count else []


class Pump:
    """One stream of one slot, over all its runs."""

    def __init__(self, loop: Loop, pipe: int, targets: Sequence[Target]) -> None:
        """Read ``pipe``, which never waits, whenever there is something in it."""
        self._loop, self._pipe = loop, pipe
        self._watching = False
        self._recent = Recent()
        self._targets: Sequence[Target] = ()
        self._file: FileTarget | None = None
        self.retarget(targets)

    def retarget(self, targets: Sequence[Target]) -> None:
        """Go to other targets from the next byte on; those before are closed."""
        for target in self._targets:
            target.close()
        self._targets = tuple(targets)
        files = [target for target in self._targets if isinstance(target, FileTarget)]
        self._file = files[0] if files else None
        for target in self._targets:
            target.changed = self._look
        self._look()

    def tail(self, size: int = RECENT) -> bytes:
        """Return the last bytes of the output, at most 64 KB of them."""
        size = min(size, RECENT)
        return self._recent.tail(size) if self._file is None else self._file.tail(size)

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

    def close(self) -> None:
        """Drain, and give everything but the pipe back."""
        self.drain()
        if self._watching:
            self._loop.unwatch(self._pipe)
            self._watching = False
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
        file = self._file
        try:
            if file is not None and len(self._targets) == 1 and file.splices:
                return file.take(self._pipe)
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return 0
        if file is None:
            self._recent.add(data)
        for target in self._targets:
            target.write(data)
        return len(data)


def _nothing() -> None:
    """Do nothing."""
