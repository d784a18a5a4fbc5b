"""One start of one process, as data."""

from __future__ import annotations

from ncolony.core.program import GROUP
from ncolony.core.record import record


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
