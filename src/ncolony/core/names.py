"""Names of programs, and near misses among names."""

from __future__ import annotations

from ncolony.core.jsontext import encode_basestring, encode_basestring_ascii
from ncolony.core.parse import Problem, shown

MAX_NAME_BYTES = 200  # leaves room under the 255 of file systems for what is appended to a name
WANTED = f"1 to {MAX_NAME_BYTES} bytes of printable text, no '/' in it, no '.' or '-' before it, no space around it"
NO_INSTANCE = "a name that does not end in ':' and a number, as a program's instances are called so"
IGNORED_ENDINGS = (".new", "~", ".tmp")


def quoted(text: str) -> str:
    """Return ``text`` in quotes, fit for one line of a terminal."""
    made: str = encode_basestring(text) if text.isprintable() else encode_basestring_ascii(text)
    return made


def is_ignored(file_name: str) -> bool:
    """Tell whether a file in conf/ or messages/ is none of ours: hidden, or still being written."""
    return file_name.startswith(".") or file_name.endswith(IGNORED_ENDINGS)


def check_name(name: str) -> Problem | None:
    """Return what is wrong with the name of a program, or None."""
    if not name:
        return Problem("name", "nothing", WANTED)
    if is_ignored(name) and not name.startswith("."):
        return Problem("name", shown(name), "a name that does not end in " + ", ".join(IGNORED_ENDINGS))
    number = name.rpartition(":")[2]
    if number != name and number.isascii() and number.isdigit():
        return Problem("name", shown(name), NO_INSTANCE)
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return Problem("name", shown(name), WANTED)
    if size > MAX_NAME_BYTES or name[0] in ".-" or "/" in name or not name.isprintable() or name != name.strip():
        return Problem("name", shown(name), WANTED)
    return None


def nearest(name: str, known: list[str], within: int = 2) -> str | None:
    """Return the known name that is closest to ``name``, at most ``within`` letters away, or None."""
    best, best_distance = None, within + 1
    for candidate in known:
        if abs(len(candidate) - len(name)) < best_distance:
            apart = distance(name, candidate, best_distance)
            if apart < best_distance:
                best, best_distance = candidate, apart
    return best


def distance(one: str, other: str, limit: int = 100) -> int:
    """Return how many letters must be added, dropped, replaced or swapped with a neighbour to make one the other.

    Stops early, at ``limit`` or more, when the answer is not below it.
    """
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, target in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != target))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == target:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        if min(row) >= limit:
            return limit
        before_last, last = last, row
    return last[-1]
