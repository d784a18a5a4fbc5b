"""Keys of an object: how one is declared, read and told of when its value cannot be used.

Each key is read by itself, by a reader of readers.py or of its own, so all problems are told at once.
"""

from __future__ import annotations

from ncolony.core.names import nearest
from ncolony.core.parse import shown
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

RESTART, NOTHING = "restart", "nothing"  # what a change of the key costs a running process


class Mismatch(ValueError):
    """A value is not what its key wants.

    Where set, ``wanted`` says more than the key's own words, ``at`` where inside the value, ``found`` what is there;
    ``hint`` follows what is wanted.
    """

    def __init__(self, wanted: str = "", at: str = "", found: str = "", hint: str = "") -> None:
        """Keep what is known."""
        super().__init__(wanted, at, found)
        self.wanted = wanted
        self.at = at
        self.found = found
        self.hint = hint


class Mismatches(Mismatch):
    """Several parts of a value are not what they should be; it shows as the first to whoever can tell only one."""

    def __init__(self, several: list[Mismatch]) -> None:
        """Keep all of them."""
        super().__init__(several[0].wanted, several[0].at, several[0].found, several[0].hint)
        self.several = several


@record
class Key:
    """One key: how it is read, and what people are told about it."""

    name: str
    read: Callable[[object], object]
    wanted: str
    default: str
    meaning: str
    field: str = ""
    """The field of the record it fills; empty: the same name."""
    cost: str = RESTART
    inner: tuple[Key, ...] = ()
    """The keys of the object that is its value."""
    short_for: str = ""
    """The inner key that a value which is no object stands for."""


def only_an_object(_: object) -> object:
    """Refuse what is not an object; check.py reads objects key by key."""
    raise Mismatch


def inside(read: Callable[[object], T], value: object, at: str, wanted: str) -> T:
    """Read a part of a value; a mismatch says where it is."""
    try:
        return read(value)
    except Mismatch as mismatch:
        raise Mismatch(mismatch.wanted or wanted, at, shown(value), mismatch.hint) from None


def each(read: Callable[[object], T], value: object, wanted: str) -> list[T]:
    """Read a list, item by item."""
    if not isinstance(value, list):
        raise Mismatch
    return [inside(read, item, f"[{place}]", wanted) for place, item in enumerate(value)]


def at_name(name: str) -> str:
    """Return where in an object of names of people's own something is, as a part of a path that fits into a line."""
    return f".{name}" if name.isprintable() and len(name) <= LONGEST_WORD else f"[{shown(name)}]"


def did_you_mean(found: str, known: list[str], within: int = 2) -> str:
    """Return the word that was probably meant, as the end of a sentence; empty where none is like it."""
    near = nearest(found, known, within) if len(found) <= LONGEST_WORD else None
    return f" (did you mean {near}?)" if near else ""


LONGEST_WORD = 100  # that is compared with others; what is longer is none of ours


def fields(value: dict[str, object], keys: tuple[Key, ...], at: str, found: list[Mismatch]) -> dict[str, object] | None:
    """Read an object key by key, and add to ``found`` all that is wrong in it; None where anything is."""
    known = {key.name: key for key in keys}
    made: dict[str, object] = {}
    before = len(found)
    for name, item in value.items():
        key = known.get(name)
        if key is None:
            wanted = f"one of {', '.join(known)}{did_you_mean(name, list(known))}"
            found.append(Mismatch(wanted, at, f"the unknown key {shown(name)}"))
            continue
        try:
            made[key.field or key.name] = key.read(item)
        except Mismatch as mismatch:
            found += (
                Mismatch(f"{one.wanted or key.wanted}{one.hint}", f"{at}.{name}{one.at}", one.found or shown(item))
                for one in (mismatch.several if isinstance(mismatch, Mismatches) else [mismatch])
            )
    return None if len(found) > before else made
