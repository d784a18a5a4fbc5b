"""The records of live processes: one file of slots of one size, each written in one go.

A slot is a line of JSON with a checksum, so people can read the file and a damaged line is known as such. Writing one
is a single system call inside one page of memory: whenever the supervisor is killed, each slot is either as before or
as after. The file need not survive the machine: after a boot no process of it is left.
"""

from __future__ import annotations

import os
from binascii import crc32
from errno import EINVAL, EOPNOTSUPP

from ncolony.core.events import InstanceChanged, InstanceTakenOver
from ncolony.core.jsontext import encode_basestring, writer
from ncolony.core.jsontext import read as read_json
from ncolony.core.kept import VERSION, Kept, Senseless, from_plain, to_text
from ncolony.core.states import Spawning, Stopped, pid_of
from ncolony.posix.plainfile import read_plain
from ncolony.posix.processes import start_time, ticks_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ncolony.core.events import Event

NAME = "records"
GROWTH = 16
SLOW = 0.5  # seconds that a start may take, and its end still counts as its beginning; less than the window of is_run
SLOT = 1024  # bytes; divides a page, so no slot lies in two
Key = tuple[str, int]
_write = writer(encode_basestring)


class Records:
    """One open file of records (and an Observer that keeps it true).

    On a full disk nobody is lost. Where there is no room for a new file, the one that is there is gone on with in
    place; where a record cannot be written, the head says that some are missing, and a successor finds those processes
    by their marks.
    """

    def __init__(
        self, path: str, head: dict[str, object], kept: Iterable[Kept], say: Callable[[str], None] | None = None
    ) -> None:
        """Begin a new file at ``path`` that holds ``head`` and ``kept``; an older one stays until it is complete.

        ``say`` hears when there is no room, and when there is again. Raises OSError.
        """
        self._path, self._head, self._say = path, head, say or _ignore
        self._slots: dict[Key, int] = {}
        self._free: list[int] = []
        self._last = self._room = 0
        self._born: dict[Key, int] = {}
        self._missing: set[Key] = set()
        kept = list(kept)
        try:
            self._fd = self._begin(kept)
        except OSError as error:
            self._fd = self._go_on(kept, error)

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
            self._born[key] = self._start_of(pid, event)
        self._keep(key, Kept(key[0], key[1], event.after, event.meaning, self._born.get(key, 0)))

    def _start_of(self, pid: int, event: InstanceChanged) -> int:
        """Return about when a process started: now, as a look at each would cost more than most starts take."""
        before = event.before.state
        slow = isinstance(before, Spawning) and event.at - before.since > SLOW
        return (self.started(pid) if slow else None) or self.ticks()

    def ticks(self) -> int:
        """Return the time in clock ticks after boot."""
        return ticks_now()

    def started(self, pid: int) -> int | None:
        """Return when a process started."""
        return start_time(pid)

    def keep(self, kept: Kept) -> None:
        """Write one record, over the one its instance had."""
        key = (kept.program, kept.number)
        if kept.born:
            self._born[key] = kept.born
        self._keep(key, kept)

    def _keep(self, key: Key, kept: Kept) -> None:
        try:
            self._put(self._slot(key), seal(to_text(kept)))
        except OSError as error:
            self._miss(key, error)
            return
        if self._missing:
            self._found(key)

    def forget(self, key: Key) -> None:
        """Delete the record of an instance."""
        self._born.pop(key, None)
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._put(slot, b"")
            self._free.append(slot)
        if self._missing:
            self._found(key)

    def renew(self) -> None:
        """Put the file back if it was deleted. Raises OSError."""
        from ncolony.posix.renewing import put_back

        put_back(self._fd, self._path)

    def close(self) -> None:
        """Close the file; it stays for a successor."""
        os.close(self._fd)

    def _begin(self, kept: Sequence[Kept]) -> int:
        """Write a new file, and put it in the place of an older one."""
        new = f"{self._path}.new"
        self._fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._grow()
            for one in kept:
                self._slots[one.program, one.number] = self._next_slot()
                self._put(self._last, seal(to_text(one)))
                self._born[one.program, one.number] = one.born
            os.replace(new, self._path)
        except OSError:
            os.close(self._fd)
            os.unlink(new)
            raise
        return self._fd

    def _go_on(self, kept: Sequence[Kept], why: OSError) -> int:
        """Go on with the file that is there, in place. Raises ``why`` where there is none."""
        self._slots.clear()
        self._free, self._last, self._room = [], 0, 0
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise why from None
        data = os.pread(self._fd, 1 << 30, 0)
        self._room = self._last = max(0, len(data) // SLOT - 1)
        for slot in range(1, self._room + 1):
            one = _record(data[slot * SLOT : (slot + 1) * SLOT])
            if one is not None and (one.program, one.number) not in self._slots:
                self._slots[one.program, one.number] = slot
            else:
                self._free.append(slot)
        for key in set(self._slots) - {(one.program, one.number) for one in kept}:
            self.forget(key)
        self._say(f"cannot write {self._path + '.new'!r}: {why.strerror}; the records that are there are gone on with")
        self._put_head()
        for one in kept:
            self.keep(one)
        return self._fd

    def _slot(self, key: Key) -> int:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = self._next_slot()
        return slot

    def _next_slot(self) -> int:
        if self._free:
            return self._free.pop()
        if self._last + 1 > self._room:
            self._grow()
        self._last += 1
        return self._last

    def _grow(self) -> None:
        """Make room for more slots. The head says how many there are, so that a file cut short is known as such."""
        size = (self._room + GROWTH + 1) * SLOT
        try:
            os.posix_fallocate(self._fd, 0, size)  # so that no record fails later for want of a block
        except OSError as error:
            if error.errno not in {EOPNOTSUPP, EINVAL}:
                raise
            os.ftruncate(self._fd, size)
        self._room += GROWTH
        self._put_head()

    def _put_head(self) -> None:
        incomplete = {"missing": len(self._missing)} if self._missing else {}
        self._put(0, encode({"v": VERSION, "slots": self._room, **incomplete, **self._head}))

    def _miss(self, key: Key, error: OSError) -> None:
        """Have the head say that a record is missing, and one that is not true any more be none."""
        if not self._missing:
            self._say(
                f"cannot write {self._path!r}: {error.strerror}; should this supervisor be killed, the next one finds"
                " those processes by their marks"
            )
        self._missing.add(key)
        try:
            slot = self._slots.get(key)
            if slot is not None:
                self._put(slot, b"")
            self._put_head()
        except OSError:
            pass  # not even what is there can be written to: a broken disk

    def _found(self, key: Key) -> None:
        self._missing.discard(key)
        try:
            self._put_head()
        except OSError:
            self._missing.add(key)
            return
        if not self._missing:
            self._say(f"{self._path!r} is complete again")

    def _put(self, slot: int, line: bytes) -> None:
        os.pwrite(self._fd, line.ljust(SLOT - 1) + b"\n", slot * SLOT)


def has_room(path: str) -> bool:
    """Tell whether a file of the size of the one at ``path`` can be written beside it. Leaves nothing behind."""
    probe = f"{path}.probe"
    try:
        size = os.stat(path).st_size
        fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return False
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        return error.errno in {EOPNOTSUPP, EINVAL}
    finally:
        os.close(fd)
        os.unlink(probe)
    return True


def _ignore(_: str) -> None:
    """Tell nobody."""


def _record(line: bytes) -> Kept | None:
    try:
        return from_plain(decode(line)) if line.strip(b" \n\0") else None
    except Senseless:
        return None


def encode(value: dict[str, object]) -> bytes:
    """Return an object as a line with its checksum."""
    return seal(_write(value))


def seal(text: str) -> bytes:
    """Return the text of an object as a line with its checksum."""
    data = text.encode("utf-8", "surrogatepass")
    return data + b" %08x" % crc32(data)


def decode(line: bytes) -> dict[str, object]:
    """Return the object of a line. Raises :class:`Senseless` for one that is damaged."""
    text, _, checksum = line.rstrip(b" \n\0").rpartition(b" ")
    if checksum != b"%08x" % crc32(text):
        raise Senseless("its checksum is wrong")
    try:
        value = read_json(text.decode("utf-8", "surrogatepass"))
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
    data = read_plain(path)
    records: list[Kept] = []
    wrong: list[str] = []
    head: dict[str, object] = {}
    try:
        head = _head(data[:SLOT])
        if head.get("slots") != len(data) // SLOT - 1 or len(data) % SLOT:
            wrong.append("it was cut short")
        if head.get("missing"):
            wrong.append(f"{head['missing']} of its records could not be written")
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
