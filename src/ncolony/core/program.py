"""What a program is: the frozen description that doors produce and everything else reads.

Knows nothing of where the description came from, nor of any live process.
"""

from __future__ import annotations

from ncolony.core.bare import SIGTERM
from ncolony.core.limits import NO_LIMITS, Limits
from ncolony.core.logspec import LogSpec
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.probespec import HealthRule, Probe, Reports, Signs
    from ncolony.core.schedule import Schedule
    from ncolony.core.sockets import Socket

PERMANENT, TRANSIENT, TEMPORARY = "permanent", "transient", "temporary"
TREE, GROUP, PROCESS = "tree", "group", "process"
NULL, PIPE = "null", "pipe"
STARTED, READY, DONE = "started", "ready", "done"
IGNORE, RESTART, STOP = "ignore", "restart", "stop"
PRIORITY = 999  # as in supervisord


@record
class RestartPolicy:
    """When an ended program is started again, in OTP's words, and how soon. Times are seconds."""

    policy: str = PERMANENT
    ok_exits: tuple[int, ...] = (0,)
    """Ends that count as normal: exit codes, and signals as negative numbers."""
    threshold: float = 1.0
    """A run of at least this long is followed by another at once, and forgives the short ones before it."""
    min_delay: float = 1.0
    max_delay: float = 3600.0
    attempts: int | None = None
    """Give up after so many runs in a row that ended too soon; None: never."""
    window: float | None = None
    """Where set, ``attempts`` counts restarts within so many seconds instead, however long the runs were."""
    jitter: float = 0.0
    """The share, 0 to 1, by which chance may shorten a wait."""


@record
class StopPolicy:
    """How a process is ended: a signal, time, then SIGKILL."""

    signal: int = SIGTERM
    timeout: float = 5.0
    """Seconds between the signal and SIGKILL."""
    scope: str = TREE
    """Who gets the signals, and is ended before the next run: all that the program has started, wherever it went; its
    process group; or its first process alone."""


@record
class ReadyRule:
    """When a started process counts as ready."""

    after: float | None = None
    """Ready when alive for so many seconds; None: ready when it says so."""
    timeout: float = 60.0
    """Seconds it may take to say so."""
    by: Probe | Signs | None = None
    """What says so."""
    period: float = 1.0
    """Seconds between the beginnings of two probes."""


@record
class ReloadRule:
    """How a program is reloaded. Times are seconds."""

    max_parallel: int = 1
    """So many processes are replaced at a time."""
    min_healthy: float = 1.0
    """A new process has to stay ready for so long before the next old one is stopped."""
    timeout: float | None = None
    """A new process has to be ready in this time; None: as its `ready` says, or a minute."""
    drain: float = 0.0
    """The time from a new process's being ready to the stop signal of the next old one, where that is longer."""
    signal: int | None = None
    """What has a process read its configuration anew, where it can; None: it is replaced."""


@record
class Need:
    """What has to be so of another program before a start, and as long as the run lasts."""

    program: str
    condition: str = READY
    """``started``: its process lives; ``ready``: and serves; ``done``: it has ended normally."""
    on_loss: str = STOP
    """What follows when that is so no more: nothing; a restart once it is so again; a stop until then."""


@record
class Program:
    """A named thing to keep running."""

    name: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    env_inherit: tuple[str, ...] | None = None
    """Names taken over from the supervisor's environment; None: all of it."""
    env_files: tuple[str, ...] = ()
    """Files with more variables, read at each start; one that begins with ``-`` may be missing."""
    uid: int | str | None = None
    gid: int | str | None = None
    labels: tuple[str, ...] = ()
    stdin: str = NULL
    """Its standard input: nothing, or a pipe that operators can write to."""
    cwd: str | None = None
    umask: int | None = None
    instances: int = 1
    autostart: bool = True
    restart: RestartPolicy = RestartPolicy()
    stop: StopPolicy = StopPolicy()
    limits: Limits = NO_LIMITS
    sockets: tuple[Socket, ...] = ()
    """What it finds open, from descriptor 3 on, in the order of their names."""
    log: LogSpec = LogSpec()
    """Where its output goes."""
    ready: ReadyRule | None = None
    health: HealthRule | None = None
    reports: Reports | None = None
    """What its process is started with for the sake of these two."""
    reload: ReloadRule | None = None
    """How a change that needs new processes is brought in without a gap; None: it is not, all restart at once."""
    needs: tuple[Need, ...] = ()
    """What has to be so of other programs, in the order of their names."""
    priority: int = PRIORITY
    """Among those that can start at the same time, lower ones start first; they stop last."""
    critical: bool = False
    """Its giving up ends the colony."""
    schedule: Schedule | None = None
    """When it runs; None: all the time."""
    extras: str = "{}"
    """The author's own keys as canonical JSON: equal text, equal meaning."""
    text: str = "{}"
    """The file as written; the program gets it as NCOLONY_CONFIG. Not part of what the program means."""


@record
class Defaults:
    """What a colony gives to programs that do not say otherwise."""

    restart: RestartPolicy = RestartPolicy()
    stop: StopPolicy = StopPolicy()
