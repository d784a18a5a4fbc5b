"""The plain way to start a process: Python's own posix_spawn, and what has to be open and set around it."""

from __future__ import annotations

import os

from ncolony.core.bare import signal
from ncolony.posix import inlet
from ncolony.posix.execs import CannotExecute, find, why, why_not_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ncolony.core.launch import Launch

    Files = Sequence[tuple[int, int]]
    Start = Callable[[str, tuple[str, ...], Mapping[str, str], Files], int]


def begin(launch: Launch, null: int, start: Start) -> int:
    """Start the process of a launch by ``start``, and return its pid. ``null``: what it reads where it has no input.

    Raises CannotExecute.
    """
    with Surroundings(launch), Ends(launch, null) as files:
        path = find(launch.args[0], launch.env.get("PATH"))
        return attempt(path, lambda: start(path, launch.args, launch.env, files))


def attempt(path: str, start: Callable[[], int]) -> int:
    """Return the pid of what ``start`` starts. Raises CannotExecute, which says why not, of ``path``."""
    try:
        return start()
    except OSError as error:
        raise CannotExecute(why(error, path)) from None
    except ValueError as error:  # a NUL, or letters that this system's encoding of file names does not have
        raise CannotExecute(f"cannot be handed to the system: {error}") from None


def spawn(path: str, args: tuple[str, ...], env: Mapping[str, str], files: Files) -> int:
    """Start a process, and return its pid. ``files``: which descriptors get which numbers. Raises OSError, ValueError.

    It gets a session of its own, an empty signal mask, and every signal at its default.
    """
    dealt = [(os.POSIX_SPAWN_DUP2, *one) for one in files]
    return os.posix_spawn(path, args, env, file_actions=dealt, setsid=True, setsigmask=(), setsigdef=_ALL_SIGNALS)


class Ends:
    """What becomes a process's standard input, output and errors, open for the moment of its start.

    Pipes for output are opened anew: a descriptor of the process's own, which waits where ours never does.
    """

    __slots__ = ("_launch", "_null", "_opened")

    def __init__(self, launch: Launch, null: int) -> None:
        """See :func:`begin`."""
        self._launch, self._null = launch, null
        self._opened: list[int] = []

    def __enter__(self) -> list[tuple[int, int]]:
        """Return which descriptors get which numbers. Raises CannotExecute."""
        launch = self._launch
        try:
            stdin = self._keep(inlet.new()) if launch.stdin else self._null
        except OSError as error:
            raise CannotExecute(f"cannot make a pipe for its input: {error.strerror}") from None
        try:
            stdout = self._anew(launch.stdout)
            stderr = stdout if launch.stderr == launch.stdout else self._anew(launch.stderr)
        except OSError as error:
            self.__exit__()
            raise CannotExecute(f"cannot open the pipes for its output: {error.strerror}") from None
        return [(stdin, 0), (stdout, 1), (stderr, 2)]

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        for fd in self._opened:
            os.close(fd)
        self._opened.clear()

    def _anew(self, fd: int) -> int:
        try:
            return self._keep(os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return fd  # there is no /proc, so the channel gave the end of the pipe itself

    def _keep(self, fd: int) -> int:
        self._opened.append(fd)
        return fd


class Surroundings:
    """The working directory and umask that a process inherits, set for the moment of its spawn."""

    __slots__ = ("_cwd", "_home", "_umask")

    def __init__(self, launch: Launch) -> None:
        """Do nothing yet."""
        self._cwd, self._umask = launch.cwd, launch.umask
        self._home = -1

    def __enter__(self) -> None:
        """Set them. Raises CannotExecute."""
        if self._cwd is not None:
            try:
                self._home = os.open(".", os.O_PATH | os.O_CLOEXEC)
            except OSError as error:
                raise CannotExecute(why(error, ".")) from None
            try:
                os.chdir(self._cwd)
            except OSError as error:
                os.close(self._home)
                raise CannotExecute(why_not_there(error, self._cwd)) from None
        if self._umask is not None:
            self._umask = os.umask(self._umask)

    def __exit__(self, *_: object) -> None:
        """Put them back."""
        if self._umask is not None:
            os.umask(self._umask)
        if self._home >= 0:
            os.fchdir(self._home)
            os.close(self._home)


_ALL_SIGNALS = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
