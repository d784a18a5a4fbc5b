"""From the programs that are to the programs that should be: what to do, in order.

Works on whichever part of a colony is handed in, so one changed file and a whole new directory go the same way.
"""

from __future__ import annotations

from ncolony.core.keys import KEYS
from ncolony.core.keyspec import RESTART
from ncolony.core.program import Program
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@record
class Add:
    """A program that was not there."""

    program: Program


@record
class Change:
    """A program described anew: ``fields`` are the keys that differ; ``restart``: a process must be replaced."""

    program: Program
    fields: tuple[str, ...]
    restart: bool


@record
class Remove:
    """A program that is there no more."""

    name: str


Act = Add | Change | Remove

# What no key says alone: the author's own keys, and what a process is given for the sake of `ready` and `health`.
_COSTS = {key.name: key.cost for key in KEYS} | {"extras": RESTART, "reports": RESTART}
_FIELDS = {key.name: key.field or key.name for key in KEYS} | {"extras": "extras", "reports": "reports"}


def plan(current: Mapping[str, Program], wanted: Mapping[str, Program | None]) -> tuple[Act, ...]:
    """Return what turns ``current`` into ``wanted`` for the names in ``wanted``; None there means: remove it.

    Removals come first, so that a port or a lock is free before another program asks for it; then the rest, by priority
    and in the order given. A program whose meaning is the same gets a :class:`Change` without fields where its text
    differs, and nothing where it does not.
    """
    removed: list[Act] = []
    rest: list[Add | Change] = []
    for name, program in wanted.items():
        before = current.get(name)
        if program is None:
            if before is not None:
                removed.append(Remove(name))
        elif before is None:
            rest.append(Add(program))
        elif before != program:
            fields = differing(before, program)
            # What has a schedule is new at its next run; nobody cuts one short, or begins one, for a change.
            restart = program.schedule is None and any(_COSTS[key] == RESTART for key in fields)
            rest.append(Change(program, fields, restart))
    rest.sort(key=_priority)
    return (*removed, *rest)


def _priority(act: Add | Change) -> int:
    return act.program.priority


def differing(old: Program, new: Program) -> tuple[str, ...]:
    """Return the keys in which two descriptions of a program mean different things; ``extras`` for the author's own."""
    return tuple(key for key, field in _FIELDS.items() if getattr(old, field, None) != getattr(new, field, None))


def restarting_fields() -> tuple[str, ...]:
    """Return the fields of a program that its process was started with: a change of one needs a new process."""
    known = Program.__match_args__
    return tuple(field for key, field in _FIELDS.items() if _COSTS[key] == RESTART and field in known)
