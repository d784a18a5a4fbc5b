"""The ``limits`` key: what a process may use, and how it stands beside others.

    "limits": {"nofile": 4096, "core": "unlimited", "stack": {"soft": "8MB"}, "nice": 5, "oom_score_adj": 500,
               "cpu_affinity": [0, 1], "io": {"class": "best-effort", "level": 7}}

Imported for the first program that says it.
"""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, each, fields
from ncolony.core.limits import BEST_EFFORT, IDLE, REALTIME, UNLIMITED, IoPriority, Limit, Limits
from ncolony.core.parse import shown
from ncolony.core.readers import Within, a_duration, a_size, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class ALimit:
    """Reads a limit: one value for both, or an object of soft and hard. ``unit`` reads a value, unless unlimited."""

    __slots__ = ("unit",)

    def __init__(self, unit: Callable[[object], int]) -> None:
        """Have values read by ``unit``."""
        self.unit = unit

    def __call__(self, value: object) -> Limit:
        """Read one."""
        if not isinstance(value, dict):
            return Limit(self._one(value), self._one(value))
        found: list[Mismatch] = []
        made = fields(value, tuple(Key(name, self._one, "", "", "") for name in ("soft", "hard")), "", found)
        if made is None:
            raise Mismatches(found)
        limit = Limit(**made)  # type: ignore[arg-type] # which its keys have read
        soft, hard = limit.soft, limit.hard
        if hard not in (None, UNLIMITED) and soft is not None and (soft == UNLIMITED or soft > hard):
            raise Mismatch("soft not above hard", "", shown(value))
        return limit

    def _one(self, value: object) -> int:
        return UNLIMITED if value == "unlimited" else self.unit(value)


a_number = Within(0, 2**62)


def whole_seconds(value: object) -> int:
    """Read a time in whole seconds."""
    seconds = a_duration(value)
    if seconds < 1 or seconds != int(seconds):
        raise Mismatch
    return int(seconds)


def microseconds(value: object) -> int:
    """Read a time, for a limit that is kept in microseconds."""
    return round(a_duration(value) * 1_000_000)


MAX_CPU = 8191  # more than any kernel is built for
_CPU = f"the number of a cpu, from 0 to {MAX_CPU}"


def cpus(value: object) -> tuple[int, ...]:
    """Read a list of numbers of cpus."""
    numbers = each(Within(0, MAX_CPU), value, _CPU)
    if not numbers:
        raise Mismatch
    return tuple(sorted(set(numbers)))


_CLASS = '"idle", "best-effort" or "realtime"'
_LEVEL = "a whole number from 0 to 7"
LAST_LEVEL = 7


IO_KEYS = (
    Key("class", one_of(IDLE, BEST_EFFORT, REALTIME), _CLASS, "", "", field="kind"),
    Key("level", Within(0, LAST_LEVEL), _LEVEL, "", ""),
)


def an_io_priority(value: object) -> IoPriority:
    """Read how a process stands in line for disks: a class alone, or an object."""
    if not isinstance(value, dict):
        return IoPriority(one_of(IDLE, BEST_EFFORT, REALTIME)(value))
    found: list[Mismatch] = []
    made = fields(value, IO_KEYS, "", found)
    if "class" not in value:
        found.append(Mismatch(_CLASS, ".class", "no such key"))
    elif value["class"] == IDLE and "level" in value:
        found.append(Mismatch("no level, as the class idle has none", ".level", shown(value["level"])))
    if found or made is None:
        raise Mismatches(found)
    return IoPriority(**made)  # type: ignore[arg-type]


_MORE = '"unlimited", or an object of `soft` and `hard`'
_BYTES = f'a size, like "10MB", {_MORE}'
_COUNT = f"a whole number, {_MORE}"
_INHERITED = "the supervisor's"

LIMIT_KEYS = (
    Key("as", ALimit(a_size), _BYTES, _INHERITED, "The address space.", field="as_"),
    Key("core", ALimit(a_size), _BYTES, _INHERITED, "The size of a core file."),
    Key("cpu", ALimit(whole_seconds), f'a time in whole seconds, like 60 or "5m", {_MORE}', _INHERITED,
        "The time on a cpu; SIGXCPU at the soft limit, SIGKILL at the hard one."),
    Key("data", ALimit(a_size), _BYTES, _INHERITED, "The data segment and private memory."),
    Key("fsize", ALimit(a_size), _BYTES, _INHERITED, "The size of files that it writes."),
    Key("memlock", ALimit(a_size), _BYTES, _INHERITED, "Memory that may be locked."),
    Key("msgqueue", ALimit(a_size), _BYTES, _INHERITED, "POSIX message queues, of the user."),
    Key("nofile", ALimit(a_number), _COUNT, _INHERITED, "Open files: every descriptor has to be below it."),
    Key("nproc", ALimit(a_number), _COUNT, _INHERITED, "Processes and threads, of the user."),
    Key("rss", ALimit(a_size), _BYTES, _INHERITED, "Resident memory; Linux does not look at it."),
    Key("rtprio", ALimit(a_number), _COUNT, _INHERITED, "The real-time priority that it may ask for."),
    Key("rttime", ALimit(microseconds), f'a time, like "200ms", {_MORE}', _INHERITED,
        "The time on a cpu without a rest, as a real-time process."),
    Key("sigpending", ALimit(a_number), _COUNT, _INHERITED, "Queued signals, of the user."),
    Key("stack", ALimit(a_size), _BYTES, _INHERITED, "The stack."),
    Key("nice", Within(-20, 19), "a whole number from -20 (first in line) to 19", _INHERITED, "The priority for cpus."),
    Key("oom_score_adj", Within(-1000, 1000), "a whole number from -1000 (never) to 1000 (first)", _INHERITED,
        "Whether it is the one to be killed when there is no memory left."),
    Key("cpu_affinity", cpus, "a list of numbers of cpus, like [0, 1]", _INHERITED, "The cpus that it may run on."),
    Key("io", an_io_priority, f"{_CLASS}, or an object of `class` and `level` (0 first, 7 last)", _INHERITED,
        "The priority for disks."),
)  # fmt: skip


def a_set_of_limits(value: object) -> Limits:
    """Read the whole key. Raises :class:`Mismatches` with all that is wrong in it."""
    if not isinstance(value, dict):
        raise Mismatch
    found: list[Mismatch] = []
    made = fields(value, LIMIT_KEYS, "", found)
    if made is None:
        raise Mismatches(found)
    return Limits(**made)  # type: ignore[arg-type] # which its keys have read
