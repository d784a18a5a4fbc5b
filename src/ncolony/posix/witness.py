"""Learns how a process ended that was never this process's child: from the reaper, which keeps what it reaps.

A supervisor that was killed inside a container is started again by ``ncolony reaper --respawn``. The programs it takes
over are the reaper's children by then, and the reaper writes down their statuses before it reaps them.
"""

from __future__ import annotations

import os

from ncolony.core.bare import deque
from ncolony.core.record import replace
from ncolony.core.states import Ended
from ncolony.posix.kept_exits import CORE_FLAG, read_exits
from ncolony.posix.processes import WINDOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Fact, Loop

LOOKS = 20
BETWEEN = 0.05  # seconds; a pidfd tells of an end a moment before the reaper has written it down


class Witness:
    """The statuses that a reaper keeps in one descriptor."""

    def __init__(self, loop: Loop, fd: int) -> None:
        """Read ``fd``, as :func:`ncolony.posix.kept_exits.take` returns it."""
        self._loop = loop
        self.fd = fd

    def status(self, pid: int, born: int) -> tuple[int, bool] | None:
        """Return how the process ended that was noted to be alive at ``born``, and whether it dumped core, or None."""
        for (found, started), wait_status in read_exits(self.fd).items():
            if found == pid and born - WINDOW <= started <= born + 1:
                return os.waitstatus_to_exitcode(wait_status), bool(wait_status & CORE_FLAG)
        return None

    def hear(self, pid: int, born: int, tell: Callable[[Fact], None]) -> Callable[[Fact], None]:
        """Return what passes facts on to ``tell``, in order, an end with its status where the reaper has it."""
        waiting: deque[Fact] = deque()

        def look(ended: Ended, left: int) -> None:
            found = self.status(pid, born)
            if found is None and left:
                self._loop.call_at(self._loop.now() + BETWEEN, lambda: look(ended, left - 1))
                return
            waiting[0] = ended if found is None else replace(ended, status=found[0], core=found[1])
            while waiting:
                tell(waiting.popleft())

        def heard(fact: Fact) -> None:
            if isinstance(fact, Ended) and fact.status is None:
                waiting.append(fact)
                look(fact, LOOKS)
            elif waiting:
                waiting.append(fact)
            else:
                tell(fact)

        return heard
