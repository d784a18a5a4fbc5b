"""Keeps a moment for each slot in a file: one small record each, written in one go (the Moments port).

As in records.py a record is a line with a checksum, and one that is damaged is as good as none. Unlike those, these
outlive the machine's own restarts.
"""

from __future__ import annotations

import os

from ncolony.core.kept import Senseless
from ncolony.posix.records import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Key = tuple[str, int]

NAME = "schedules"
SLOT = 512  # bytes; divides a page, and has room for a name of 200 bytes each of which needs two
MOST = 200_000  # records that are read


class Moments:
    """One open file of moments, or none."""

    def __init__(self, path: str | None, say: Callable[[str], None]) -> None:
        """Go on with the file at ``path``; without one, or where it cannot be used, keep nothing on disk."""
        self._say = say
        self._path = path
        self._moments: dict[Key, float] = {}
        self._slots: dict[Key, int] = {}
        self._free: list[int] = []
        self._fd = -1
        self._failed = False
        if path is None:
            return
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._read(os.pread(self._fd, MOST * SLOT, 0))
        except OSError as error:
            self._fail(error)

    def _read(self, data: bytes) -> None:
        for slot in range((len(data) + SLOT - 1) // SLOT):
            try:
                said = decode(data[slot * SLOT : (slot + 1) * SLOT])
            except Senseless:
                said = {}
            name, number, moment = said.get("p"), said.get("n"), said.get("t")
            if isinstance(name, str) and isinstance(number, int) and isinstance(moment, int | float):
                self._moments[name, number] = float(moment)
                self._slots[name, number] = slot
            else:
                self._free.append(slot)

    def of(self, name: str, number: int) -> float | None:
        """Return what was kept for a slot; None: nothing."""
        return self._moments.get((name, number))

    def keep(self, name: str, number: int, moment: float) -> None:
        """Keep a moment, in place of the one before."""
        key = (name, number)
        self._moments[key] = moment
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = self._free.pop() if self._free else len(self._slots)
        self._put(slot, encode({"p": name, "n": number, "t": round(moment, 3)}))

    def forget(self, name: str, number: int | None = None) -> None:
        """Keep nothing of a slot any more, or of all of a program's."""
        gone = [(name, number)] if number is not None else [key for key in self._moments if key[0] == name]
        for key in gone:
            if self._moments.pop(key, None) is not None:
                slot = self._slots.pop(key)
                self._free.append(slot)
                self._put(slot, b"")

    def names(self) -> set[str]:
        """Return the programs of which something is kept."""
        return {name for name, _ in self._moments}

    def renew(self) -> None:
        """Put the file back if it was deleted. Raises OSError."""
        from ncolony.posix.renewing import put_back

        if self._fd >= 0 and self._path is not None:
            put_back(self._fd, self._path)

    def close(self) -> None:
        """Close the file; it stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, slot: int, line: bytes) -> None:
        if self._fd < 0:
            return
        try:
            os.pwrite(self._fd, line.ljust(SLOT - 1) + b"\n", slot * SLOT)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            why = error.strerror or str(error)
            self._say(f"cannot keep moments of schedules in {self._path!r}: {why}; a successor does not know what ran")
