"""What a program's file asks of the programs around its colony: an object under a name that is theirs.

    "ncolony.beatcheck": {"period": 10, "grace": 3, "status": "../beats"}

The supervisor passes such keys on and does not look into them; whoever does reads them here.
"""

from __future__ import annotations

from ncolony.core.errors import ConfigError
from ncolony.core.keyspec import Key, Mismatch
from ncolony.core.names import nearest
from ncolony.core.parse import Problem, shown
from ncolony.core.readers import a_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LOOKED_AT = 50  # keys of the author's own that are compared with one that is missing


def asked(value: Mapping[str, object], name: str, keys: tuple[Key, ...]) -> dict[str, object] | None:
    """Return the fields of the object under ``name``; None where there is none. All ``keys`` are required.

    Keys besides are its author's own. Raises :class:`ConfigError` with all that is wrong.
    """
    given = value.get(name)
    if given is None:
        return None
    if not isinstance(given, dict):
        wanted = f"an object with {', '.join(key.name for key in keys)}"
        raise ConfigError(str(Problem(name, shown(given), wanted)))
    problems: list[Problem] = []
    fields: dict[str, object] = {}
    for key in keys:
        path = f"{name}.{key.name}"
        if key.name not in given:
            problems.append(Problem(path, _missing(key, given, keys), key.wanted))
            continue
        try:
            fields[key.field or key.name] = key.read(given[key.name])
        except Mismatch as mismatch:
            found = mismatch.found or shown(given[key.name])
            problems.append(Problem(path + mismatch.at, found, mismatch.wanted or key.wanted))
    if problems:
        raise ConfigError("; ".join(map(str, problems)))
    return fields


def _missing(key: Key, given: dict[str, object], keys: tuple[Key, ...]) -> str:
    others = [name for name in given if name not in {known.name for known in keys}][:MAX_LOOKED_AT]
    near = nearest(key.name, others)
    return f"no such key, but {shown(near)}" if near else "no such key"


A_PERIOD = 'a time above 0, like 10 or "500ms"'
SHORTEST = 0.001


def a_period(value: object) -> float:
    """Read a time that is not zero."""
    seconds = a_duration(value)
    if seconds < SHORTEST:
        raise Mismatch
    return seconds


def a_number_of_periods(value: object) -> float:
    """Read a number, with a fraction or without."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_PERIODS:
        raise Mismatch
    return float(value)


MAX_PERIODS = 1e9
