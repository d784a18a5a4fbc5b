"""Replacing a supervisor by another version of itself, with everything that it looks after going on.

The process stays the same, so programs stay its children. It executes its own command line again; what it knows is in
the state directory, and the lock goes along as an open descriptor. Before that, the new version is asked whether it
understands what is kept: one that does not is never switched to.
"""

from __future__ import annotations

import os
import sys

from ncolony.core.bare import signal
from ncolony.core.errors import ConfigError
from ncolony.posix import records
from ncolony.posix.state import default_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ncolony.hosts.settings import Settings
    from ncolony.posix.exits import Exits

QUESTION = "--can-take-over"
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
"""The signals that a supervisor on our own loop answers."""


def can_take_over(settings: Settings) -> None:
    """See to it that this version understands what a running supervisor keeps. Raises :class:`ConfigError`."""
    path = f"{settings.state or default_state(settings.messages)}/{records.NAME}"
    try:
        _, _, wrong = records.read(path)
    except OSError as error:
        wrong = [error.strerror or str(error)]
    if not wrong and not records.has_room(path):
        wrong = ["there is no room for another file of that size beside it"]
    if wrong:
        message = f"cannot take this colony over: {path!r}: {'; '.join(wrong)}"
        raise ConfigError(message)


def command() -> list[str]:
    """Return the command line that this process was started with, for this very interpreter."""
    return [sys.executable, *sys.orig_argv[1:]]


def ask(exits: Exits, answer: Callable[[bool], None]) -> int:
    """Ask the version that is installed now whether it can take over, and ``answer`` without anyone waiting for it.

    What it has to say goes to standard error. Returns the process that is asked. Raises OSError where it cannot be.
    """
    words = [*command(), QUESTION]
    pid = os.posix_spawn(words[0], words, os.environ)
    exits.watch(pid, lambda death: answer(death.status == 0))
    return pid


def execute(handed_over: Mapping[str, int], unheard: Callable[[], Iterable[int]]) -> None:
    """Become the version that is installed now, with the descriptors ``handed_over`` by the variables that name them.

    No signal is lost, or ends the new version before it listens: they wait, blocked, until it does. ``unheard`` tells
    which have come already and were not answered. Raises OSError; only then it returns.
    """
    names = {name: str(fd) for name, fd in handed_over.items()}
    for fd in handed_over.values():
        os.set_inheritable(fd, True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        for number in unheard():
            os.kill(os.getpid(), number)
        os.execve(sys.executable, command(), {**os.environ, **names})  # noqa: S606 - no shell is wanted
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for fd in handed_over.values():
            os.set_inheritable(fd, False)
