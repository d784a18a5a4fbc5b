"""How a run ended, in numbers and in words.

A status is a number: an exit code (0 to 255), or the negative of the signal that ended the process.
"""

from __future__ import annotations

from ncolony.core.bare import SIGNAL_NAMES
from ncolony.core.record import record

SIGNAL_EXIT_BASE = 128


@record
class Usage:
    """What a run has used, with all its children that it waited for."""

    user: float
    """Seconds of CPU time in its own code."""
    system: float
    """Seconds of CPU time in the kernel."""
    peak: int
    """The most memory that one of its processes had at a time, in bytes; 0: less than its supervisor, or not known."""


@record
class Death:
    """How a process ended."""

    status: int | None = None
    """None where nobody can know it who is not its parent."""
    core: bool = False
    """It left a core dump."""
    usage: Usage | None = None


UNSEEN = Death()
"""Of a process that somebody else has reaped."""


def signal_name(number: int) -> str:
    """Return the name of a signal, ``SIGTERM`` for 15; a number without a name is spelled out."""
    return SIGNAL_NAMES.get(number, f"signal {number}")


def exit_code(status: int) -> int:
    """Return the code a shell reports for ``status``: 3 for exit 3, 137 for a death by SIGKILL."""
    return status if status >= 0 else SIGNAL_EXIT_BASE - status


def in_words(status: int | None, *, core: bool = False, oom: bool = False) -> str:
    """Say how a run ended: ``exited with status 3``, ``was killed by SIGSEGV (core dumped)``.

    ``oom``: it was probably for want of memory.
    """
    if status is None:
        return "ended (its exit status is not known)"
    if status >= 0:
        return f"exited with status {status}"
    more = " (core dumped)" if core else " (probably out of memory)" if oom else ""
    return f"was killed by {signal_name(-status)}{more}"
