"""Takes over processes that an earlier supervisor started, and no stranger that has got the pid of one."""

from __future__ import annotations

import os

from ncolony.core.bare import signal
from ncolony.core.outcome import UNSEEN
from ncolony.core.program import PROCESS
from ncolony.core.states import Ended
from ncolony.posix.processes import is_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.kept import Kept
    from ncolony.core.outcome import Death
    from ncolony.ports import Fact
    from ncolony.posix.exits import Exits, Gone, Register


class Adopted:
    """A process that an earlier supervisor started, held by a pidfd: its pid alone may mean another one at any time."""

    __slots__ = ("_pid", "_pidfd")

    def __init__(self, pid: int | None, pidfd: int) -> None:
        """Hold the process ``pid`` (None: it is gone); ``pidfd`` may be -1 where the kernel has none."""
        self._pid = pid
        self._pidfd = pidfd

    def signal(self, number: int, scope: str) -> None:
        """Send a signal to the group or to the process alone; nothing happens when it is gone."""
        if self._pid is None:
            return
        try:
            if self._pidfd < 0:
                os.kill(self._pid, 0)
            elif scope == PROCESS:
                signal.pidfd_send_signal(self._pidfd, number)
                return
            else:
                signal.pidfd_send_signal(self._pidfd, 0)  # as long as this works, the group's number is not reused
            os.kill(self._pid, number) if scope == PROCESS else os.killpg(self._pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def close(self) -> None:
        """Let go of it: its pid means nothing any more."""
        self._pid = None
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


def hold(exits: Exits, name: str, kept: Kept, pid: int | None, tell: Callable[[Fact], None]) -> Adopted:
    """Take over the process of a run, without looking after its tree, and ``tell`` its end.

    ``name``: the mark of the run, as in is_run. Where the process is not that one, it has ended and its pid is a
    stranger's.
    """
    run = kept.instance.run
    held = Adopted(None, -1)
    if pid is None:
        return held
    try:
        held = Adopted(pid, os.pidfd_open(pid))
    except AttributeError:
        held = Adopted(pid, -1)
    except OSError:
        tell(Ended(run, None))
        return held

    def gone(death: Death) -> None:
        held.close()
        tell(Ended(run, death.status, death.core, usage=death.usage))

    # Only now, as the pidfd keeps the pid from being another process's afterwards.
    if is_run(pid, kept.born, name):
        exits.adopt(pid, gone)
    else:
        gone(UNSEEN)
    return held


def watches(exits: Register, name: str, born: int, pid: int, gone: Gone) -> bool:
    """Watch over the process of a run if ``pid`` is that one, and tell whether it is."""
    try:
        exits.adopt(pid, gone)
    except OSError:
        return False  # there is no such process
    if is_run(pid, born, name):  # only now, as above
        return True
    exits.forget(pid)
    return False
