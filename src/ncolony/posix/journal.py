"""The journal: what became of every run, in a file that outlives the supervisor and never grows beyond its bounds.

One JSON object a line (core/chronicle.py has the fields). What one turn of the loop brings is written at its end in one
go. At 4 MB the file is renamed to ``journal.1``, over the one before it, and a new one begun; so between 4 and 8 MB of
the past are known. A line that a crash or a full disk has cut short is passed over by who reads.
"""

from __future__ import annotations

import os
from time import time

from ncolony.core.chronicle import entry_of
from ncolony.core.jsontext import read as read_json
from ncolony.core.jsontext import writer
from ncolony.posix.pump import last_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ncolony.core.chronicle import Entry
    from ncolony.core.events import Event
    from ncolony.ports import Loop

    LastWords = Callable[[str, int, int], bytes]

NAME = "journal"
LIMIT = 4 << 20  # bytes of one file
LAST_LINES = 20
LAST_BYTES = 4096
MAX_LINE = 500  # characters of one of the last lines
PIECE = 65536  # bytes that are looked at in one go
HELD = 256  # entries that wait for the end of the turn
_ENCODE = writer()


class Journal:
    """One open journal (an Observer)."""

    def __init__(
        self, directory: str, loop: Loop, last_words: LastWords, say: Callable[[str], None], limit: int = LIMIT
    ) -> None:
        """Go on with the journal in ``directory``; ``last_words`` are those of a slot's latest run. Raises OSError."""
        self._path = f"{directory}/{NAME}"
        self._loop, self._last_words, self._say, self._limit = loop, last_words, say, limit
        self._held: list[str] = []
        self._due = False
        self._lost = 0
        self._cut = True
        """The last line of the file may not be whole."""
        self._fd, self._size = self._open()

    def saw(self, event: Event) -> None:
        """Keep what is worth keeping of an event."""
        entry = entry_of(event)
        if entry is None:
            return
        if entry["k"] == "end":
            last = self._last(str(entry["p"]), int(str(entry["n"])))
            if last:
                entry["last"] = last
        self.keep(entry)

    def keep(self, entry: Entry) -> None:
        """Keep an entry; it is in the file when the loop has turned."""
        self._held.append(_ENCODE({"t": round(time(), 3), **entry}))
        if len(self._held) >= HELD:
            self.flush()
        elif not self._due:
            self._due = True
            self._loop.call_at(self._loop.now(), self.flush)

    def flush(self) -> None:
        """Write what is held."""
        self._due = False
        held, self._held = self._held, []
        if not held or self._fd < 0:
            return
        note = [_ENCODE({"t": round(time(), 3), "k": "lost", "entries": self._lost})] if self._lost else []
        data = ("\n" * self._cut + "\n".join((*note, *held)) + "\n").encode("ascii")
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._fail(len(held), error.strerror or str(error))
            return
        self._size += written
        self._cut = written < len(data)
        if self._cut:  # the disk has just become full: the next try says so
            self._fail(min(len(held), data.count(b"\n", written)), "no room for all of it")
            return
        self._lost = 0
        if self._size >= self._limit:
            self._rotate()

    def renew(self) -> None:
        """Put the file back if it was deleted. Raises OSError."""
        from ncolony.posix.renewing import put_back

        put_back(self._fd, self._path)

    def close(self) -> None:
        """Write what is held, and close the file; it stays."""
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def entries(self, name: str | None = None) -> list[Entry]:
        """Return what is known, in order: of one program, or of all. Reads the files, at most 8 MB."""
        self.flush()
        return read(self._path, name)

    def backwards(self, name: str, most: int) -> Iterator[list[bytes]]:
        """Return the lines of a program's newest entries, the newest first, at most ``most``.

        Each piece is what 64 KB of the journal hold, often nothing, so that the loop can turn in between.
        """
        self.flush()
        return backwards(self._path, name, most)

    def _open(self) -> tuple[int, int]:
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self._path, how | os.O_NONBLOCK, 0o600)  # in the place of it there may be a pipe
        size = os.fstat(fd).st_size
        self._cut = size > 0
        return fd, size

    def _rotate(self) -> None:
        try:
            os.replace(self._path, f"{self._path}.1")
            fd, size = self._open()
        except OSError as error:  # it grows until that is over
            self._fail(0, error.strerror or str(error))
            return
        os.close(self._fd)
        self._fd, self._size = fd, size

    def _fail(self, lost: int, why: str) -> None:
        if not self._lost:
            self._say(f"cannot write the journal {self._path!r}: {why}; programs go on, and `why` knows less")
        self._lost += lost

    def _last(self, name: str, number: int) -> list[str]:
        """Return the last lines of a run that has just ended."""
        data = self._last_words(name, number, LAST_BYTES)
        lines = last_lines(data, LAST_LINES)
        if len(data) == LAST_BYTES and 1 < len(lines) < LAST_LINES:
            del lines[0]  # its beginning is not there
        return [line[:MAX_LINE].decode("utf-8", "backslashreplace") for line in lines]


def read(path: str, name: str | None = None) -> list[Entry]:
    """Return the entries of the journal at ``path`` and of the one before it. What makes no sense is passed over."""
    found: list[Entry] = []
    for file_name in (f"{path}.1", path):
        try:
            with open(file_name, "rb") as file:
                data = file.read(2 * LIMIT)
        except FileNotFoundError:
            continue
        found += (entry for line in data.split(b"\n") if (entry := _entry(line, name)) is not None)
    return found


def backwards(path: str, name: str, most: int) -> Iterator[list[bytes]]:
    """See :meth:`Journal.backwards`."""
    for file_name in (path, f"{path}.1"):
        try:
            fd = os.open(file_name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            place, rest = os.fstat(fd).st_size, b""
            while place > 0 and most > 0:
                size = min(PIECE, place)
                place -= size
                head, *lines = (os.pread(fd, size, place) + rest).split(b"\n")
                if place == 0:
                    lines.insert(0, head)
                rest = head
                found = [line for line in reversed(lines) if _entry(line, name) is not None][:most]
                most -= len(found)
                yield found
        finally:
            os.close(fd)


def _entry(line: bytes, name: str | None) -> Entry | None:
    """Return the entry of a line, if it is one, and of that program where one is named."""
    if name is not None and f'"p":{_ENCODE(name)},'.encode("ascii") not in line:
        return None
    try:
        entry = read_json(line.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("k"), str) or not isinstance(entry.get("p", ""), str):
        return None
    return entry if name is None or name == entry.get("p") else None
