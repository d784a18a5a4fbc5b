"""How a program shows that it is ready, and that it is well: the ``ready`` and ``health`` keys, as data.

Read by probekeys.py; imported only where a program has one of them.
"""

from __future__ import annotations

from ncolony.core.notices import in_line
from ncolony.core.record import record

MAX_SHOWN = 80

# What a probe does -------------------------------------------------------------------------------------------------


@record
class Tcp:
    """Connect. Good when something accepts."""

    host: str
    """In numbers; of a unix socket the path."""
    port: int = 0
    """0: a unix socket."""

    def __str__(self) -> str:
        """Return the address as people write it."""
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@record
class Http:
    """Ask with GET. Good when the answer's status is 200 to 399."""

    where: Tcp
    target: str
    """The path, and what follows it."""
    name: str
    """What stands as Host in the request."""

    def __str__(self) -> str:
        """Return the URL."""
        return f"http://{self.name}{self.target}"


@record
class Exec:
    """Run a command as the program itself is run. Good when it exits with 0."""

    args: tuple[str, ...]

    def __str__(self) -> str:
        """Return the beginning of the command line."""
        return in_line(" ".join(self.args), MAX_SHOWN)


@record
class Beat:
    """Look at a file that the program touches. Good while it is touched often enough."""

    path: str
    """Relative to the directory of programs; a directory stands for the file in it that is named as the program."""

    def __str__(self) -> str:
        """Return the path."""
        return self.path


Probe = Tcp | Http | Exec | Beat

# When it counts -----------------------------------------------------------------------------------------------------

NOTIFY, FD, LOG = "notify", "fd", "log"


@record
class Signs:
    """What a process that is not probed is ready by."""

    kind: str
    """``notify``: READY=1 on the notify socket; ``fd``: a newline on a descriptor; ``log``: a line of its output."""
    fd: int = 0
    pattern: str = ""


@record
class HealthRule:
    """How a running process is watched, and when it is to be replaced. Times are seconds."""

    probe: Probe | None = None
    """None: it is the one who has to call, WATCHDOG=1 at least every ``watchdog`` seconds."""
    watchdog: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    failures: int = 3
    """So many in a row, and it is unhealthy."""
    successes: int = 1
    """So many in a row, and earlier failures are forgotten."""
    grace: float = 0.0
    """The time after it became ready in which nothing is checked; of a beat: how much later than due it may be."""
    jitter: float = 0.0
    """A check may be so much earlier or later."""


@record
class Reports:
    """What a process is given to report by: it has to be started anew to get another."""

    notify: bool = False
    watchdog: float = 0.0
    """Seconds within which it has to call; 0: it need not."""
    fd: int | None = None
