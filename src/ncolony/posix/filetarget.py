"""A file as the target of one stream, and what is done while nothing can be written to it.

A full disk is the usual reason; every other error of the file counts as well. Policy ``drop``: the program goes on,
the newest 64 KB of its output wait in memory, what is older is dropped by whole lines and counted, and when there is
room again a note in the file says how much is missing. Policy ``block``: the pipe is left alone, the program waits.
Either way the file is tried again after 1 s, 2 s, 4 s, up to every 10 s, and people are told when it begins and ends.

supervisord drops what it cannot write without counting it, s6-log blocks or, without its -b, goes on reading, svlogd
waits; both try every few seconds. We have both, a count, and a note where it is missed.
"""

from __future__ import annotations

import os
from errno import EINVAL, ESPIPE

from ncolony.posix.logfiles import NEWLINE, words
from ncolony.posix.pump import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop
    from ncolony.posix.logfiles import LogFile

HELD = 65536  # bytes that wait while they cannot be written
FIRST_DELAY, MAX_DELAY = 1.0, 10.0
MAX_REST = 65536  # of a line in a file that several streams share
CONTINUED = b" [line goes on]\n"


class FileTarget:
    """One stream's way into a file."""

    def __init__(self, loop: Loop, file: LogFile, *, block: bool, report: Callable[[str], None]) -> None:
        """Write to ``file``; while that fails, ``block`` or drop, and tell ``report`` once."""
        self._loop, self._file, self._block, self._report = loop, file, block, report
        file.users += 1
        self.changed: Callable[[], None] = _nothing
        self.dropped_bytes = self.dropped_lines = 0
        """How much was dropped so far, over all times."""
        self.why = ""
        """Why nothing can be written just now; empty: it can."""
        self._told = (0, 0)  # how much of that notes in the file have told
        self._delay = 0.0  # 0 while all is well
        self._stop_waiting: Callable[[], None] | None = None
        self._held = b""  # read and not written yet
        self._cut = False  # the line that goes on was dropped
        self._rest = b""  # the beginning of a line, while the file has several users

    @property
    def raw(self) -> FileTarget:
        """Itself: what is written to it is in the file to the byte."""
        return self

    @property
    def rest(self) -> bytes:
        """What was taken and is not in the file yet."""
        return self._held + self._rest

    @property
    def dropped(self) -> tuple[int, int]:
        """Bytes and lines that were dropped."""
        return self.dropped_bytes, self.dropped_lines

    @property
    def splices(self) -> bool:
        """Tell whether bytes may go from the pipe to the file without being read."""
        if self._rest or self._cut or self._told[0] != self.dropped_bytes or self._file.users > 1:
            return False
        return self._file.splices or self._stop_waiting is not None

    @property
    def blocked(self) -> bool:
        """Tell whether nothing can be taken now."""
        return self._block and self._stop_waiting is not None

    def take(self, pipe: int) -> int:
        """Take some bytes from the pipe, and return how many; 0: no more for now. BlockingIOError: it is empty."""
        if self._stop_waiting is None:
            try:
                moved = self._file.take(pipe)
                self._worked()
                return moved
            except BlockingIOError:
                raise
            except OSError as error:
                if error.errno in (EINVAL, ESPIPE):
                    self._file.splices = False
                else:
                    self._failed(error)
                    if self._block:
                        return 0
        data = os.read(pipe, CHUNK)
        self.write(data)
        return len(data)

    def write(self, data: bytes) -> None:
        """Take bytes that were read already."""
        if self._cut:
            end = data.find(NEWLINE) + 1
            self._count(data[: end or len(data)])
            data, self._cut = (data[end:], False) if end else (b"", True)
        if self._file.users > 1:
            data = self._whole_lines(data)
        elif self._rest:
            data, self._rest = self._rest + data, b""
        self._put(data)

    def flush(self) -> None:
        """Take note that a process has ended. A file of its own stays as the program wrote it, to the byte."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._put(rest + NEWLINE)

    def tail(self, size: int) -> bytes:
        """Return the last bytes."""
        held = (self._held + self._rest)[-size:]
        return self._file.tail(size - len(held)) + held if size > len(held) else held

    def since(self, when: float) -> int:
        """Return how many of the last bytes have come since then; what waits to be written counts as such."""
        found = self._file.times.since(when)
        return found + len(self._held) + len(self._rest)

    def close(self) -> None:
        """Write what is left, or count it as dropped, and let go of the file."""
        self.flush()
        self._wait_no_more()
        if not self._catch_up():
            self._wait_no_more()
            self._drop(len(self._held))
        if self.why:
            self._report(f"gives up {self._file.path!r}: {self.why}; {self._loss()}")
        self._file.users -= 1
        if not self._file.users:
            self._file.close()

    def _whole_lines(self, data: bytes) -> bytes:
        data = self._rest + data
        end = data.rfind(NEWLINE) + 1
        if len(data) - end > MAX_REST:
            self._rest = b""
            return data + CONTINUED
        self._rest = data[end:]
        return data[:end]

    def _put(self, data: bytes) -> None:
        if data:
            self._held += data
            if self._stop_waiting is None:
                self._catch_up()
            if not self._block and len(self._held) > HELD:
                self._drop_oldest()

    def _catch_up(self) -> bool:
        """Write what waits, and tell whether all of it could be."""
        if not self._held and self._told[0] == self.dropped_bytes:
            return True
        try:
            self._tell_loss()
            while self._held:
                self._begin_line()
                self._held = self._held[self._file.append(self._held) :]
        except OSError as error:
            self._failed(error)
            return False
        self._worked()
        return True

    def _begin_line(self) -> None:
        """See to it that a line of ours does not go on a line of another stream's."""
        file = self._file
        if file.writer is not self:
            if file.users > 1 and not file.ends_line():
                file.append_whole(NEWLINE)
            file.writer = self

    def _tell_loss(self) -> None:
        """Put a note into the file about what is missing from here on."""
        lost, lines = self.dropped_bytes - self._told[0], self.dropped_lines - self._told[1]
        if lost and not self._cut:
            start = "" if self._file.ends_line() else "\n"
            note = f"{start}[ncolony: {lost} bytes in {lines} lines were dropped: {self.why}]\n"
            self._file.append_whole(note.encode())
            self._told = (self.dropped_bytes, self.dropped_lines)

    def _drop_oldest(self) -> None:
        """Drop whole lines, and if need be the whole of a line that is still being written."""
        end = self._held.find(NEWLINE, len(self._held) - HELD - 1) + 1
        self._cut = not end
        self._drop(end or len(self._held))

    def _drop(self, size: int) -> None:
        self._count(self._held[:size])
        self._held = self._held[size:]

    def _count(self, gone: bytes) -> None:
        self.dropped_bytes += len(gone)
        self.dropped_lines += gone.count(NEWLINE)

    def _failed(self, error: OSError) -> None:
        first, self.why = not self._delay, words(error)
        if isinstance(error, BlockingIOError) and self._file.fileno() >= 0:
            self.why = "its reader is slow"  # it is no file but a pipe or a terminal
            self._wait_for_reader()
        else:
            self._delay = min(self._delay * 2, MAX_DELAY) or FIRST_DELAY
            self._stop_waiting = self._loop.call_at(self._loop.now() + self._delay, self._retry).cancel
            if first:
                then = "the program waits for it" if self._block else "what does not fit into 64 KB is dropped"
                self._report(f"cannot write to {self._file.path!r}: {self.why}; {then}")
        if self._block:
            self.changed()

    def _wait_for_reader(self) -> None:
        fd = os.dup(self._file.fileno())  # others may wait for the same file

        def stop() -> None:
            self._loop.unwatch(fd)
            os.close(fd)

        self._loop.watch_writes(fd, self._retry)
        self._stop_waiting = stop

    def _retry(self) -> None:
        self._wait_no_more()
        if self._catch_up():
            self.changed()  # the next piece shows whether there is room again

    def _wait_no_more(self) -> None:
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None

    def _worked(self) -> None:
        if self.why:
            if self._delay:
                self._report(f"can write to {self._file.path!r} again; {self._loss()}")
            self._delay = 0.0
            self.why = ""

    def _loss(self) -> str:
        if not self.dropped_bytes:
            return "nothing was dropped"
        return f"{self.dropped_bytes} bytes in {self.dropped_lines} lines were dropped so far"


def _nothing() -> None:
    """Do nothing."""
