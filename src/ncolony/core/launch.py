"""One start of one process, as data."""

from __future__ import annotations

from ncolony.core.limits import NO_LIMITS, Limits
from ncolony.core.program import GROUP
from ncolony.core.record import record
from ncolony.core.sockets import Socket


@record
class Launch:
    """All that is needed to start a process."""

    run: int
    args: tuple[str, ...]
    env: dict[str, str]
    """Its whole environment."""
    stdout: int
    """The descriptor that becomes its standard output."""
    stderr: int
    cwd: str | None = None
    umask: int | None = None
    uid: int | str | None = None
    gid: int | str | None = None
    scope: str = GROUP
    """As in a program's ``stop``: what of all that it starts is looked after."""
    limits: Limits = NO_LIMITS
    sockets: tuple[Socket, ...] = ()
    """What becomes its descriptors from 3 on."""
    listening: tuple[int, ...] = ()
    """The descriptors of those, in the same order."""
