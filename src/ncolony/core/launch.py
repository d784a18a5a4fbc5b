"""One start of one process, as data."""

from __future__ import annotations

from ncolony.core.limits import NO_LIMITS, Limits
from ncolony.core.program import GROUP
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.sockets import Socket


CHECK = "/check"
"""What follows the mark of a run in that of a command which checks it."""


@record
class Launch:
    """All that is needed to start a process."""

    run: int
    args: tuple[str, ...]
    env: dict[str, str]
    """Its whole environment."""
    stdout: int
    """The descriptor of the pipe that becomes its standard output; it gets one of its own, opened anew."""
    stderr: int
    stdin: bool = False
    """Its standard input is a pipe that can be written to; else it is empty."""
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
    stored: tuple[tuple[str, int], ...] = ()
    """Names and descriptors of what an earlier process of it has given us to keep; they follow its sockets."""
    report: tuple[int, int] | None = None
    """A descriptor that it reports through, and the number that this becomes."""
    watchdog: bool = False
    """It is told its own pid in WATCHDOG_PID."""


@record
class Outfit:
    """What a process gets to report by that it is ready, and well."""

    env: tuple[tuple[str, str], ...] = ()
    stored: tuple[tuple[str, int], ...] = ()
    """These three: as in a Launch."""
    report: tuple[int, int] | None = None
    watchdog: bool = False
    hear: Callable[[str, bytes], bool] | None = None
    """Gets its output by stream, as it goes by, until it returns true."""
