"""Carries one stream of a program from its pipe to wherever it goes, one bounded piece a turn of the loop.

A single file is spliced to, for a program that writes much through a second pipe (see basin.py). Anything else is read
once, and each target gets the bytes. While a target is blocked the pipe is not read: it fills, and the program waits;
it costs nothing.
"""

from __future__ import annotations

import os
from fcntl import F_SETPIPE_SZ, fcntl

from ncolony.core.bare import deque
from ncolony.posix.times import Times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ncolony.ports import Loop
    from ncolony.posix.basin import Basin
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

        @property
        def dropped(self) -> tuple[int, int]:
            """The bytes and lines that were taken and given up so far, as far as this target decides that."""

        def write(self, data: bytes) -> None:
            """Take some bytes; never fails, never waits."""

        def flush(self) -> None:
            """Take note that a process has ended: an unfinished line is as long as it gets."""

        def close(self) -> None:
            """Write what is left, and give everything back."""

    class Basins(Protocol):
        """Makes second pipes for programs that write much."""

        def make_basin(self, pipe: int) -> Basin | None:
            """Make the one of a pipe; None: there can be none now."""


WIDTHS = (1 << 20, 1 << 18)  # bytes of a pipe: the most that a user may ask for, and what there may still be room for
CHUNK = 65536  # bytes read at a time, and four times as many spliced: a chatty program gets no longer turn than this
MUCH = CHUNK // 2  # a pipe that has this much in it is full soon; one is hardly ever full to the byte
CHATTY = 8  # so many pieces in a row with much in them, and a stream gets a second pipe
RECENT = 65536
SMALL = 4096
NOTHING = (0, 0)
MAX_DRAIN = 2 << 20  # bytes: more than a pipe holds, and an end against a child left behind that never stops writing


class Recent:
    """The last 64 KB of what went by."""

    __slots__ = ("_pieces", "_size", "times")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.times = Times()

    def add(self, data: bytes) -> None:
        """Keep ``data``, and forget what is older than 64 KB."""
        pieces = self._pieces
        self.times.add(len(data))
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

    __slots__ = ("_basin", "_basins", "_before", "_file", "_gone", "_loop", "_much", "_pipe", "_recent", "_targets",
                 "_watching", "_wide", "ear", "moved", "tap")  # fmt: skip

    def __init__(
        self,
        loop: Loop,
        pipe: int,
        targets: Sequence[Target],
        basin: Basin | None = None,
        basins: Basins | None = None,
    ) -> None:
        """Read ``pipe``, which never waits, whenever there is something in it.

        ``basin`` is that of who has read this pipe before; ``basins`` makes one for a program that writes much.
        """
        self._loop, self._pipe = loop, pipe
        self._basin, self._basins = basin, basins
        self._much = 0  # pieces in a row with much in them
        self._before = 0  # bytes of earlier runs
        self._gone = NOTHING  # what targets before these have dropped
        self._watching = self._wide = False
        self.ear: Callable[[bytes], bool] | None = None
        """Gets what goes by, until it returns true; nothing is spliced as long."""
        self.moved = 0
        """Bytes of this run."""
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
        if self._targets:
            self._gone = self.dropped
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

    def since(self, when: float) -> int:
        """Return how many of the last bytes have come since then; see :meth:`Times.since`."""
        if self._file is not None:
            return self._file.since(when)
        return 0 if self._recent is None else self._recent.times.since(when)

    def new_run(self) -> None:
        """Take note that what comes from now on is of another run."""
        self._before, self.moved = self.written, 0

    @property
    def written(self) -> int:
        """The bytes of all runs that have gone by."""
        return self._before + self.moved

    @property
    def dropped(self) -> tuple[int, int]:
        """The bytes and lines that targets have dropped, over all of them."""
        lost = [self._gone, *(target.dropped for target in self._targets)]
        return sum(size for size, _ in lost), sum(lines for _, lines in lost)

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
        """Drain, and give everything but the pipe back; what is in the basin goes as well."""
        self.drain()
        if self._watching:
            self._loop.unwatch(self._pipe)
            self._watching = False
        else:
            self._take_what_is_left()
        if self._basin is not None:
            self._basin.close()
            self._basin = None
        targets, self._targets = self._targets, ()
        for target in targets:
            target.changed = _nothing
            target.close()

    def _look(self) -> None:
        """Read while all targets take something."""
        wanted = not any(target.blocked for target in self._targets)
        if wanted and not self._watching:
            self._loop.watch(self._pipe, self._move)
            self._watching = True
            if self._basin is not None and self._basin.left:
                self._move()  # the pipe itself may be empty
        elif self._watching and not wanted:
            self._loop.unwatch(self._pipe)
            self._watching = False

    def _move(self) -> int:
        """Move one piece, and return its size; 0: there is no more."""
        moved = more = self._carry()
        basin = self._basin
        while more and basin is not None and basin.left and self._watching:  # else nobody would come back for it
            more = self._carry()
            moved += more
        self.moved += moved
        if moved >= MUCH:
            self._is_much()
        else:
            self._much = 0
        return moved

    def _carry(self) -> int:
        file, basin, source = self._file, self._basin, self._pipe
        single = self.ear is None and self.tap is None and len(self._targets) == 1
        spliced = file if single and file is not None and file.splices else None
        try:
            if basin is not None and (basin.left or (spliced is not None and basin.held())):
                if not basin.left:
                    basin.fill(source)
                source = basin.fd
            moved = self._read(source) if spliced is None else spliced.take(source)
        except BlockingIOError:
            if basin is not None and source == basin.fd:
                basin.left = 0
                return self._carry()  # it is empty, as it turns out; the pipe may not be
            return 0
        if basin is not None and source == basin.fd:
            basin.left -= moved
        return moved

    def _read(self, source: int) -> int:
        data = os.read(source, CHUNK)
        if self._file is None:
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

    def _is_much(self) -> None:
        """See to it that a program that writes much waits less often."""
        self._much += 1
        if not self._wide:
            self._widen()
        if self._much == CHATTY and self._basins is not None and self._basin is None:
            self._basin = self._basins.make_basin(self._pipe)

    def _widen(self) -> None:
        """Make room in the pipe of a program that fills it: it waits less often, and so do we."""
        self._wide = True
        for width in WIDTHS:
            try:
                fcntl(self._pipe, F_SETPIPE_SZ, width)
            except OSError:
                continue  # more than a user may have in all pipes
            return

    def _take_what_is_left(self) -> None:
        """Hand on what a blocked target has left in the pipe: there is no later, and it counts what it cannot write."""
        for source in (self._pipe,) if self._basin is None else (self._basin.fd, self._pipe):
            try:
                for _ in range(MAX_DRAIN // CHUNK):
                    data = os.read(source, CHUNK)
                    self.moved += len(data)
                    for target in self._targets:
                        target.write(data)
            except BlockingIOError:
                pass


def _nothing() -> None:
    """Do nothing."""
