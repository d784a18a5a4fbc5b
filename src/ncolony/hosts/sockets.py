"""The sockets that programs listen on, of which nothing is imported before there is one."""

from __future__ import annotations

import os

from ncolony.posix.handing import LISTENING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ncolony.core.program import Program
    from ncolony.core.sockets import Socket
    from ncolony.posix.keeping import Copies, Keeping
    from ncolony.posix.listeners import Listeners


class Sockets:
    """The open sockets of all programs (the Listeners port); see posix/listeners.py."""

    def __init__(self, say: Callable[[str], None], keeping: Keeping | None, kept: Mapping[str, Copies]) -> None:
        """Begin with what an earlier supervisor has left, if it has."""
        self._say, self._keeping = say, keeping
        self.made: Listeners | None = self._make(kept) if kept or LISTENING in os.environ else None
        """None: there has been no socket yet."""

    def _make(self, kept: Mapping[str, Copies]) -> Listeners:
        from ncolony.posix.listeners import Listeners

        return Listeners(self._say, self._keeping, kept)

    def open(self, program: Program, besides: Collection[Socket] = ()) -> tuple[int, ...]:
        """Return the descriptors of a program's sockets; see ports.py. Raises :class:`OSFailure`."""
        if self.made is None:
            if not program.sockets:
                return ()
            self.made = self._make({})
        return self.made.open(program, besides)

    def trim(self, name: str, wanted: Collection[Socket]) -> None:
        """Give up what a program has beyond ``wanted``."""
        if self.made is not None:
            self.made.trim(name, wanted)

    def take_over(self, program: Program, run: str, born: int, pid: int | None) -> None:
        """Get a program's sockets back from its process; see ports.py."""
        if self.made is None:
            self.made = self._make({})
        self.made.take_over(program, run, born, pid)

    def close(self, name: str) -> None:
        """Close the sockets of a program that is no more."""
        if self.made is not None:
            self.made.close(name)
