"""Files of environment variables: what stands in them, read as systemd and docker read theirs.

A line is ``NAME=VALUE``; ``export`` before it is allowed, so that a shell can read the file too. A value may stand in
single or double quotes, where blanks at its ends count; nothing in it is expanded. Lines that are empty or begin with
``#`` are passed over.
"""

from __future__ import annotations

QUOTES = ("'", '"')


class BadLine(ValueError):
    """A line cannot be used; the message says which, what was found and what is wanted."""


def variables(text: str) -> dict[str, str]:
    """Return the variables of a file's text; the last line for a name counts. Raises :class:`BadLine`."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").partition("=")
        name = name.strip()
        if not equals or not name or any(letter.isspace() for letter in name):
            raise BadLine(f"line {number}: found {stripped[:60]!r}, wanted NAME=VALUE")
        if "\0" in line:
            raise BadLine(f"line {number}: found a NUL, wanted text without it")
        found[name] = _unquoted(value.strip(), number)
    return found


def _unquoted(value: str, number: int) -> str:
    if value[:1] not in QUOTES:
        return value
    if len(value) < len("''") or value[-1] != value[0]:
        raise BadLine(f"line {number}: found {value[:60]!r}, wanted the quote to be closed at the end of the line")
    return value[1:-1]
