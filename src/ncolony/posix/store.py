"""Descriptors that processes gave us to keep (FDSTORE=1), for the next process of the same slot."""

from __future__ import annotations

import os

from ncolony.core.errors import OSFailure
from ncolony.posix.binding import up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Slot = tuple[str, int]

MOST = 16  # of one slot


class Store:
    """All that is kept."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept: dict[Slot, list[tuple[str, int]]] = {}

    def of(self, slot: Slot) -> tuple[tuple[str, int], ...]:
        """Return names and descriptors of what is kept for a slot."""
        return tuple(self._kept.get(slot, ()))

    def keep(self, slot: Slot, name: str, fds: Sequence[int], room: int) -> int:
        """Keep some more, which are ours from now on, and return how many of them could not be.

        One that is there already under the same name is not kept twice. ``room``: for how many there is room in all.
        """
        kept = self._kept.setdefault(slot, [])
        refused = 0
        for fd in fds:
            if any(known == name and os.path.sameopenfile(fd, other) for known, other in kept):
                os.close(fd)
            elif len(kept) >= min(room, MOST):
                os.close(fd)
                refused += 1
            else:
                try:
                    kept.append((name, up(fd)))
                except OSFailure:
                    refused += 1
        return refused

    def remove(self, slot: Slot, name: str) -> None:
        """Close all of one name."""
        kept = self._kept.get(slot, [])
        for known, fd in kept:
            if known == name:
                os.close(fd)
        self._kept[slot] = [one for one in kept if one[0] != name]

    def drop(self, slot: Slot) -> None:
        """Close all of a slot."""
        for _, fd in self._kept.pop(slot, ()):
            os.close(fd)

    def all(self) -> Iterator[tuple[Slot, str, int]]:
        """Return everything."""
        return ((slot, name, fd) for slot, kept in self._kept.items() for name, fd in kept)

    def take_back(self, slot: Slot, name: str, fd: int) -> None:
        """Go on keeping what an earlier version of this process has kept. Raises OSError where it is not open."""
        os.set_inheritable(fd, False)
        self._kept.setdefault(slot, []).append((name, fd))

    def close(self) -> None:
        """Close everything."""
        for slot in list(self._kept):
            self.drop(slot)
