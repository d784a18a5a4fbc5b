"""Gives memory back that a burst of work has left unused: reading a thousand files, starting a thousand programs.

The C library keeps what was freed for later; of a supervisor that sleeps most of its life that is a tenth and more of
all its memory. A C library that cannot give it back, as musl's, is let be.
"""

from __future__ import annotations

from ncolony.core.events import ProgramsChanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.events import Event
    from ncolony.ports import Loop

QUIET = 1.0  # seconds without an event, after which the burst is over
MANY = 200  # events that are a burst, also where no program is described anew


class Thrift:
    """Gives memory back after bursts (an Observer)."""

    def __init__(self, loop: Loop) -> None:
        """Wait on ``loop`` for the end of a burst."""
        self._loop = loop
        self._events = self._before = 0
        self._waits = False

    def saw(self, event: Event) -> None:
        """Take note that something happens."""
        self._events += 1
        if not self._waits and (self._events >= MANY or isinstance(event, ProgramsChanged)):
            self._wait()

    def _wait(self) -> None:
        self._waits, self._before = True, self._events
        self._loop.call_at(self._loop.now() + QUIET, self._look)

    def _look(self) -> None:
        if self._events != self._before:
            self._wait()
            return
        self._waits, self._events = False, 0
        give_back()


def give_back() -> bool:
    """Give unused memory back to the system now; tell whether there was any."""
    try:
        from ncolony.posix.libc import function

        return function("malloc_trim")(0) > 0
    except (ImportError, OSError):
        return False
