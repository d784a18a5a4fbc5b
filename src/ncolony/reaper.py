"""PID 1 for one program, CMD: passes signals on to it, reaps whatever is orphaned, ends with CMD's status.

Everything that happens arrives as a signal. All of them are blocked from the first moment on and taken one at a time
by sigwaitinfo: the kernel drops no blocked signal, not even for PID 1 whose default actions it ignores; nothing runs
inside a handler; nothing is polled. SIGCHLDs merge, so one of them means "reap until there is nothing more to reap".
"""

from __future__ import annotations

import errno
import os
import time

from ncolony.posix.descriptors import keep_private, open_standard
from ncolony.posix.execs import DEFAULT_PATH, CannotExecute, find, why
from ncolony.posix.kept_exits import VARIABLE, Keeper, open_shared
from ncolony.posix.leftovers import has_children, signal_all
from ncolony.posix.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # the same functions and numbers without enum, 0.9 MB

OWN_FAILURE, NOT_EXECUTABLE, NOT_FOUND, SIGNALLED = 125, 126, 127, 128
KILLED_WITHIN = 10.0  # seconds for SIGKILL to work: a process in the middle of a disk access has to finish that first
SHORT_RUN, LONGEST_DELAY = 1.0, 60.0
UNCAUGHT = 1  # what interpreters exit with after an error that nobody caught
PR_SET_CHILD_SUBREAPER = 36
STANDARD_ERROR = 2

# SIGCHLD is ours, and SIGPIPE and SIGXFSZ come of what we write.
CATCHABLE = {int(number) for number in signal.valid_signals()} - {signal.SIGKILL, signal.SIGSTOP}
PASSED_ON = CATCHABLE - {signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ}
AWAITED = PASSED_ON | {signal.SIGCHLD}
STOPS = {signal.SIGTERM, signal.SIGINT}
HURRIES = STOPS | {signal.SIGQUIT, signal.SIGHUP}
FROM_KEYBOARD = {signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}


class CannotReap(Exception):
    """Nothing was started, or nothing can be done about what is; the message says why."""

    def __init__(self, message: str, status: int = OWN_FAILURE) -> None:
        """``status``: what to exit with."""
        super().__init__(message)
        self.status = status


class Settings:
    """What a command line asks for."""

    def __init__(self) -> None:
        """Begin with the defaults."""
        self.command: list[str] = []
        self.group = False
        self.subreaper = False
        self.respawn = False
        self.grace = 5.0
        self.rewrite: dict[int, int] = {}


def hold_signals() -> None:
    """Let no signal be lost from here on: they wait until somebody takes them."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as some parents have it, the kernel would reap for us
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)


def adopts_orphans(settings: Settings) -> bool:
    """Tell whether orphans come to us, after seeing to it where that is wanted. Raises :class:`CannotReap`."""
    if os.getpid() == 1:
        return True
    if settings.subreaper:
        become_subreaper()
        return True
    say("not PID 1 and without -s, so orphans will be adopted by somebody else")
    return False


def run(settings: Settings, *, adopts: bool) -> int:
    """Be the reaper, of orphans too if it ``adopts`` them. Returns the exit status. Raises :class:`CannotReap`."""
    try:
        open_standard()
    except OSError:
        pass  # no /dev/null; it matters only to those who have closed their standard descriptors as well
    keep_private()
    reaper = Reaper(settings)
    status = reaper.supervise()
    if adopts:
        reaper.end_leftovers()
    return SIGNALLED + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def become_subreaper() -> None:
    """Have the orphans among our descendants adopted by us, for life: an exec keeps it. Raises :class:`CannotReap`."""
    try:
        import ctypes
    except ImportError:
        raise CannotReap("cannot become a subreaper: this Python is without ctypes") from None
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise CannotReap(f"cannot become a subreaper: {os.strerror(ctypes.get_errno())}")


class Reaper:
    """One CMD, run after run."""

    def __init__(self, settings: Settings) -> None:
        """Begin with nothing started."""
        self._settings = settings
        self._environment = exact_environment()
        self._environment.pop(VARIABLE.encode(), None)  # of a reaper above us, whose descriptor ends here
        self._terminal = Terminal()
        self._keeper = _open_keeper() if settings.respawn else None
        if self._keeper is not None:
            os.set_inheritable(self._keeper.fd, True)
            self._environment[VARIABLE.encode()] = str(self._keeper.fd).encode()
        self._ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()  # by nohup
        self._pid: int | None = None
        self._passed: set[int] = set()
        self._asked_to_stop = False

    def supervise(self) -> int:
        """Run CMD until an end that is meant; return its wait status. Raises :class:`CannotReap`."""
        status: int | None = None
        delay = 0.0
        while True:
            began = time.monotonic()
            try:
                self._start()
            except CannotReap as failure:
                if status is None:
                    raise
                what = str(failure)
            else:
                status = self._await_end()
                if not self._is_crash(status):
                    return status
                what = f"{self._settings.command[0]!r} {in_words(status)}"
            lived = time.monotonic() - began
            delay = min(max(1.0, delay * 2), LONGEST_DELAY) if lived < SHORT_RUN else 0.0
            say(f"{what}; starting it again" + (f" in {delay:g} s" if delay else ""))
            if not self._pause(delay):
                return status

    def end_leftovers(self) -> None:
        """Have every other process ended: politely, then not. A signal to stop makes it the second at once."""
        for number, seconds in ((signal.SIGTERM, self._settings.grace), (signal.SIGKILL, KILLED_WITHIN)):
            self._reap()
            if not has_children():
                return
            signal_all((number, signal.SIGCONT))
            if self._all_end(seconds, killed=number == signal.SIGKILL):
                return
        say("some processes do not end, not even by SIGKILL; leaving them")

    def _start(self) -> None:
        if self._keeper is not None:
            self._keeper.expect_more()
        self._passed.clear()
        self._pid = start(self._settings.command, self._environment, CATCHABLE - self._ignored)
        self._terminal.lend(self._pid)

    def _await_end(self) -> int:
        """Pass signals on and reap until CMD has ended; return its wait status."""
        while True:
            number = signal.sigwaitinfo(AWAITED).si_signo
            if number != signal.SIGCHLD:
                self._pass_on(number)
                continue
            status = self._reap()
            if status is not None:
                self._terminal.take_back()
                return status
            if self._pid is not None:
                self._terminal.follow_stop(self._pid)

    def _pass_on(self, received: int) -> None:
        number = self._settings.rewrite.get(received, received)
        if number == 0 or self._pid is None or received in self._ignored:
            return
        if number == signal.SIGCONT:
            self._terminal.resume(self._pid)
        self._passed.add(number)
        self._asked_to_stop |= not STOPS.isdisjoint((received, number))
        try:
            if self._settings.group:
                os.killpg(self._pid, number)  # it is not reaped, so no other group can have its number
            else:
                os.kill(self._pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has changed its group or its user

    def _reap(self) -> int | None:
        """Reap all there is to reap; return CMD's wait status if it was among them."""
        of_command = None
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return of_command
            if ended is None:
                return of_command
            if self._keeper is not None and ended.si_pid != self._pid:
                self._keeper.keep(ended)
            pid, status = os.waitpid(ended.si_pid, 0)
            if pid == self._pid:
                of_command, self._pid = status, None

    def _is_crash(self, status: int) -> bool:
        """Tell whether CMD has ended in a way that nobody meant."""
        declared = self._keeper is not None and self._keeper.final()
        if not self._settings.respawn or self._asked_to_stop or declared:
            return False
        if not os.WIFSIGNALED(status):
            return os.WEXITSTATUS(status) == UNCAUGHT or os.WEXITSTATUS(status) > SIGNALLED
        meant = self._passed | (FROM_KEYBOARD if self._terminal.lent_to is not None else set())
        return os.WTERMSIG(status) not in meant

    def _pause(self, seconds: float) -> bool:
        """Wait, and reap meanwhile; tell whether nobody has asked to stop."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            info = signal.sigtimedwait(AWAITED, left)
            if info is not None and info.si_signo == signal.SIGCHLD:
                self._reap()
            elif info is not None and info.si_signo in HURRIES - self._ignored:
                return False
        return True

    def _all_end(self, seconds: float, *, killed: bool) -> bool:
        """Wait for all processes to end; tell whether they did, in time and before somebody got impatient."""
        deadline = time.monotonic() + seconds
        while has_children():
            left = deadline - time.monotonic()
            info = signal.sigtimedwait(AWAITED, left) if left > 0 else None
            if info is None:
                return False
            if info.si_signo == signal.SIGCHLD:
                self._reap()
                if killed:
                    signal_all((signal.SIGKILL,))  # what was started meanwhile by those that were still to be killed
            elif info.si_signo in HURRIES - self._ignored and not killed:
                return False
        return True


def start(command: list[str], environment: dict[bytes, bytes], default: set[int]) -> int:
    """Start a command in a process group of its own, with nothing blocked and ``default`` signals at their default."""
    name, path = command[0], environment.get(b"PATH")
    try:
        file = find(name, None if path is None else os.fsdecode(path))
        return os.posix_spawn(file, command, environment, setpgroup=0, setsigmask=(), setsigdef=default)
    except CannotExecute as failure:
        folders = (DEFAULT_PATH if path is None else os.fsdecode(path)).split(":")
        there = any(os.path.exists(os.path.join(folder, name)) for folder in folders)
        raise CannotReap(f"cannot start {name!r}: {failure}", NOT_EXECUTABLE if there else NOT_FOUND) from None
    except OSError as error:
        raise CannotReap(f"cannot start {name!r}: {why(error, name)}", _status(error, name)) from None


def _status(error: OSError, path: str) -> int:
    if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return OWN_FAILURE
    missing = error.errno in (errno.ENOENT, errno.ENOTDIR) and not os.path.exists(path)
    return NOT_FOUND if missing else NOT_EXECUTABLE


def _open_keeper() -> Keeper | None:
    try:
        return Keeper(open_shared())
    except OSError as error:
        say(f"cannot keep the exit statuses of orphans: {error.strerror}")
        return None


def in_words(status: int) -> str:
    """Say how a run ended, as core.outcome does; that knows signals by name, for the price of enum."""
    if os.WIFSIGNALED(status):
        return f"was killed by signal {os.WTERMSIG(status)}" + (" (core dumped)" if os.WCOREDUMP(status) else "")
    return f"exited with status {os.WEXITSTATUS(status)}"


def exact_environment() -> dict[bytes, bytes]:
    """Return the environment as it was given: the interpreter may have added to its own copy (LC_CTYPE)."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return dict(os.environb)
    return dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)


def say(line: str) -> None:
    """Tell people something."""
    try:
        os.write(STANDARD_ERROR, f"ncolony reaper: {line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # nobody is listening, and that must not stop us
