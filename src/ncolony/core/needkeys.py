"""The key `needs`: what a program may say of the programs that it needs."""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, at_name, fields
from ncolony.core.names import check_name
from ncolony.core.parse import shown
from ncolony.core.program import DONE, IGNORE, READY, RESTART, STARTED, STOP, Need
from ncolony.core.readers import one_of

CONDITIONS = '"started", "ready" or "done"'
MAX_NEEDS = 1000

NEED_KEYS = (
    Key("is", one_of(STARTED, READY, DONE), CONDITIONS, '"ready"',
        "`started`: its process lives; `ready`: and is ready to serve; `done`: it has ended normally.",
        field="condition"),
    Key("on_loss", one_of(IGNORE, RESTART, STOP), '"ignore", "restart" or "stop"', '"stop"',
        "What follows when that is so no more. `stop`: a stop, and a start once it is so again; `restart`: it runs on, "
        "and is restarted once it is so again; `ignore`: nothing."),
)  # fmt: skip


def a_list_of_needs(value: object) -> tuple[Need, ...]:
    """Read an object of conditions by program; sorted, as order means nothing."""
    if not isinstance(value, dict):
        raise Mismatch
    if len(value) > MAX_NEEDS:
        raise Mismatch(f"at most {MAX_NEEDS} programs", "", f"{len(value)} of them")
    found: list[Mismatch] = []
    made = []
    for name, rule in sorted(value.items()):
        at = at_name(name)
        if (problem := check_name(name)) is not None:
            found.append(Mismatch(problem.wanted, "", shown(name)))
        elif isinstance(rule, dict):
            if (given := fields(rule, NEED_KEYS, at, found)) is not None:
                made.append(Need(name, **given))  # type: ignore[arg-type]
        elif rule in (STARTED, READY, DONE):
            made.append(Need(name, rule))
        else:
            found.append(Mismatch(f"{CONDITIONS}, or an object with `is` and `on_loss`", at, shown(rule)))
    if found:
        raise Mismatches(found)
    return tuple(made)
