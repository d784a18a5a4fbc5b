"""The terminal a command is given while it runs, and job control around a command that has a group of its own.

A shell that started us sees one job; the command in its own process group would be in the background of it. So it is
made the foreground group while we are entitled to be that, and what happens to it by ctrl-Z happens to us as well.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # the same functions and numbers without enum, 0.9 MB

STDIN, STDOUT = 0, 1


class Terminal:
    """Standard input's terminal. SIGTTOU has to be blocked: it is set from the background as well."""

    def __init__(self) -> None:
        """Look who has it. A command in a pipeline has to share it, and is not given it."""
        self._group = os.getpgrp()
        self._there = _foreground() is not None
        self._to_lend = self._there and os.isatty(STDOUT) and _foreground() == self._group
        self._shell = os.getpid() != 1 and os.getsid(0) not in (0, os.getpid())
        self.lent_to: int | None = None

    def lend(self, pid: int) -> None:
        """Make the group of ``pid`` the foreground group, if we or its predecessor are that now."""
        if self._to_lend and _foreground() in (self._group, self.lent_to):
            self.lent_to = pid if _give(pid) else None
            _signal_group(pid, signal.SIGCONT)  # it may have asked the terminal too early, and been stopped for it

    def take_back(self) -> None:
        """Be the foreground group again, unless somebody else has become that."""
        if self.lent_to is not None and self._group and _foreground() == self.lent_to:
            _give(self._group)

    def follow_stop(self, pid: int) -> None:
        """If the command has been stopped, be stopped with it, as the shell expects of a job.

        Where nobody above us does job control, ctrl-Z is undone: nobody could ever undo it otherwise.
        """
        if not self._there:
            return
        stopped = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG)
        if stopped is None:
            return
        if self._shell:
            self.take_back()
            os.killpg(self._group, signal.SIGSTOP)
        elif stopped.si_status == signal.SIGTSTP and self.lent_to == pid:
            _signal_group(pid, signal.SIGCONT)

    def resume(self, pid: int) -> None:
        """Let the command go on after a stop, in the foreground if that is where we were put."""
        if self._to_lend and _foreground() == self._group:
            self.lend(pid)
        elif self._there:
            _signal_group(pid, signal.SIGCONT)  # a key has stopped all of the group, not the command alone


def _foreground() -> int | None:
    try:
        return os.tcgetpgrp(STDIN)
    except OSError:
        return None


def _give(group: int) -> bool:
    try:
        os.tcsetpgrp(STDIN, group)
    except OSError:
        return False  # hung up, or the group is gone already
    return True


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except OSError:
        pass  # gone, or of another user by now
