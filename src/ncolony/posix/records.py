"""The records of live processes: one file of slots of one size, each written in one go.

A slot is a line of JSON with a checksum, so people can read the file and a damaged line is known as such. Writing one
is a single system call inside one page of memory: whenever the supervisor is killed, each slot is either as before or
as after. The file need not survive the machine: after a boot no process of it is left.
"""

from __future__ import annotations

import json
import os
from binascii import crc32

from ncolony.core.events import InstanceChanged, InstanceTakenOver
from ncolony.core.kept import VERSION, Kept, Senseless, from_plain, to_plain
from ncolony.core.states import Stopped, pid_of
from ncolony.posix.processes import ticks_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ncolony.core.events import Event

NAME = "records"
GROWTH = 16
SLOT = 1024  # bytes; divides a page, so no slot lies in two
Key = tuple[str, int]
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)  # json.dumps would make one each time


class Records:
    """One open file of records (and an Observer that keeps it true)."""

    def __init__(self, path: str, head: dict[str, object], kept: Iterable[Kept]) -> None:
        """Begin a new file at ``path`` that holds ``head`` and ``kept``; an older one stays until it is complete.

        Raises OSError.
        """
        self._slots: dict[Key, int] = {}
        self._free: list[int] = []
        self._last = 0
        self._born: dict[Key, int] = {}
        self._fd = os.open(f"{path}.new", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._head = head
        self._room = 0
        self._grow()
        for one in kept:
            self.keep(one)
        os.replace(f"{path}.new", path)

    def saw(self, event: Event) -> None:
        """Write down where an instance stands; before anything that follows from it is done."""
        if isinstance(event, InstanceTakenOver):
            self.keep(Kept(event.slot.program, event.slot.number, event.instance, event.meaning, event.born))
        if not isinstance(event, InstanceChanged):
            return
        key = (event.slot.program, event.slot.number)
        state = event.after.state
        if isinstance(state, Stopped) and not event.after.held:
            self.forget(key)
            return
        pid = pid_of(state)
        if pid is None:
            self._born.pop(key, None)
        elif pid != pid_of(event.before.state) or key not in self._born:
            self._born[key] = ticks_now()
        self.keep(Kept(key[0], key[1], event.after, event.meaning, self._born.get(key, 0)))

    def keep(self, kept: Kept) -> None:
        """Write one record, over the one its instance had."""
        key = (kept.program, kept.number)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._free.pop() if self._free else self._last + 1
            self._last = max(self._last, slot)
            if slot > self._room:
                self._grow()
            self._slots[key] = slot
        if kept.born:
            self._born[key] = kept.born
        self._put(slot, encode(to_plain(kept)))

    def forget(self, key: Key) -> None:
        """Delete the record of an instance."""
        self._born.pop(key, None)
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._put(slot, b"")
            self._free.append(slot)

    def close(self) -> None:
        """Close the file; it stays for a successor."""
        os.close(self._fd)

    def _grow(self) -> None:
        """Make room for more slots. The head says how many there are, so that a file cut short is known as such."""
        self._room += GROWTH
        os.ftruncate(self._fd, (self._room + 1) * SLOT)
        self._put(0, encode({"v": VERSION, "slots": self._room, **self._head}))

    def _put(self, slot: int, line: bytes) -> None:
        os.pwrite(self._fd, line.ljust(SLOT - 1) + b"\n", slot * SLOT)


def encode(value: dict[str, object]) -> bytes:
    """Return an object as a line with its checksum."""
    text = _ENCODER.encode(value).encode("utf-8", "surrogatepass")
    return text + b" %08x" % crc32(text)


def decode(line: bytes) -> dict[str, object]:
    """Return the object of a line. Raises :class:`Senseless` for one that is damaged."""
    text, _, checksum = line.rstrip(b" \n\0").rpartition(b" ")
    if checksum != b"%08x" % crc32(text):
        raise Senseless("its checksum is wrong")
    try:
        value = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise Senseless("it is not JSON") from None
    if not isinstance(value, dict):
        raise Senseless("it is not an object")
    return value


def _head(line: bytes) -> dict[str, object]:
    head = decode(line)
    if head.get("v") != VERSION:
        raise Senseless(f"it is of version {head.get('v')!r}, and this is version {VERSION}")
    return head


def read(path: str) -> tuple[dict[str, object], list[Kept], list[str]]:
    """Read what a supervisor left: the head, the records that make sense, and what is wrong with each of the others.

    A head that makes no sense is returned empty. Raises OSError; FileNotFoundError where nothing was left.
    """
    with open(path, "rb") as file:
        data = file.read()
    records: list[Kept] = []
    wrong: list[str] = []
    head: dict[str, object] = {}
    try:
        head = _head(data[:SLOT])
        if head.get("slots") != len(data) // SLOT - 1 or len(data) % SLOT:
            wrong.append("it was cut short")
    except Senseless as error:
        wrong.append(f"its first record: {error}")
    for start in range(SLOT, len(data), SLOT):
        line = data[start : start + SLOT]
        if line.strip(b" \n\0"):
            try:
                records.append(from_plain(decode(line)))
            except Senseless as error:
                wrong.append(f"record {start // SLOT}: {error}")
    return head, records, wrong
