"""What a process may use, and how it stands beside others: the ``limits`` key once core/limitkeys.py has read it.

Whether the system allows it, posix/limits.py finds out at the start of a process.
"""

from __future__ import annotations

from ncolony.core.record import record

UNLIMITED = -1  # as RLIM_INFINITY
IDLE, BEST_EFFORT, REALTIME = "idle", "best-effort", "realtime"
DEFAULT_LEVEL = 4


@record
class Limit:
    """One resource limit; None: as inherited."""

    soft: int | None = None
    hard: int | None = None


@record
class IoPriority:
    """How a process stands in line for disks."""

    kind: str
    level: int = DEFAULT_LEVEL
    """From 0, the first, to 7, the last; of no meaning where the class is idle."""


@record
class Limits:
    """What a process is limited to; None: as inherited."""

    as_: Limit | None = None
    core: Limit | None = None
    cpu: Limit | None = None
    data: Limit | None = None
    fsize: Limit | None = None
    memlock: Limit | None = None
    msgqueue: Limit | None = None
    nofile: Limit | None = None
    nproc: Limit | None = None
    rss: Limit | None = None
    rtprio: Limit | None = None
    rttime: Limit | None = None
    sigpending: Limit | None = None
    stack: Limit | None = None
    nice: int | None = None
    oom_score_adj: int | None = None
    cpu_affinity: tuple[int, ...] | None = None
    io: IoPriority | None = None


NO_LIMITS = Limits()
"""One for all that have none, so that comparing them costs nothing."""
