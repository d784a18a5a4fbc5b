"""The key `reload`: how the processes of a program are replaced without a gap.

    "reload": true
    "reload": {"max_parallel": 2, "min_healthy": "5s", "drain": "10s"}
    "reload": {"signal": "HUP"}

Imported for the first program that says it, or the first reload that is asked for.
"""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, fields
from ncolony.core.program import ReloadRule
from ncolony.core.readers import a_duration, a_signal, at_least_one, some_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.program import Program

_TIME = 'a time: seconds, or a string like "500ms" or "1m30s"'


PATIENCE = 60.0  # seconds that a reload may take to bring one process up, where no key says so


def own_time(program: Program, rule: ReloadRule) -> float:
    """Return how long a reload may take by what its program says."""
    ready = program.ready
    up = rule.timeout or (PATIENCE if ready is None else ready.timeout if ready.after is None else ready.after)
    rounds = 1 + -(-program.instances // rule.max_parallel)
    return rounds * (program.stop.timeout + up + max(rule.min_healthy, rule.drain))


RELOAD_KEYS = (
    Key("max_parallel", at_least_one, "a whole number from 1 up to 100000", "1", "So many are replaced at a time."),
    Key("min_healthy", a_duration, _TIME, "1",
        "A new process has to stay ready for so long, or the reload stops and the old ones go on."),
    Key("timeout", some_time, 'a time above 0, like 60 or "2m"', "as `ready` says, or 60",
        "The time in which a new process has to be ready."),
    Key("drain", a_duration, _TIME, "0",
        "The time from a new process's being ready to the stop signal of the next old one; counts where it is longer "
        "than `min_healthy`."),
    Key("signal", a_signal, 'a signal, by name or number, like "HUP"', "none: `ncolony reload` replaces processes",
        "What `ncolony reload` sends instead, to a program that reads its configuration anew by it. A changed file "
        "still gets new processes."),
)  # fmt: skip


def a_reload(value: object) -> ReloadRule | None:
    """Read the `reload` key; false is as if nothing was said. Raises Mismatch."""
    if isinstance(value, bool):
        return ReloadRule() if value else None
    if not isinstance(value, dict):
        raise Mismatch
    found: list[Mismatch] = []
    made = fields(value, RELOAD_KEYS, "", found)
    if made is None:
        raise Mismatches(found)
    return ReloadRule(**made)  # type: ignore[arg-type]
