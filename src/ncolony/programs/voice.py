"""Where the programs around a colony say what they do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Say(Protocol):
        """Tells people something."""

        def __call__(self, line: str, *, trouble: bool = False) -> None:
            """Tell it in one line; ``trouble``: somebody should look after it."""


def voice_of(program: str) -> Say:
    """Return the voice of a program: what happens goes to standard output, trouble to standard error."""

    def say(line: str, *, trouble: bool = False) -> None:
        write("stderr" if trouble else "stdout", f"{program}: {line}\n")

    return say


def write(stream: str, text: str) -> None:
    """Write to this program's own output as it is.

    Twisted has put its log in the place of both streams, and that writes JSON wherever there is no terminal, as under a
    colony. So the streams of before are used, unless they lead nowhere, as those of a ``twistd`` daemon do.
    """
    own, log = (sys.__stderr__, sys.stderr) if stream == "stderr" else (sys.__stdout__, sys.stdout)
    to = log if own is None or _leads_nowhere(own.fileno()) else own
    to.write(text)
    to.flush()


def _leads_nowhere(fd: int) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(os.devnull))
    except OSError:
        return True


class Once:
    """Says something once about each thing, until it is over or there is something else to say."""

    def __init__(self, say: Say) -> None:
        """Say it through ``say``."""
        self._say = say
        self._said: dict[str, str] = {}

    def say(self, about: str, line: str) -> None:
        """Say it, unless that was the last thing said about this."""
        if self._said.get(about) != line:
            self._said[about] = line
            self._say(line, trouble=True)

    def over(self, about: str) -> None:
        """Forget it."""
        self._said.pop(about, None)
