"""Tables and colours for people: plain text where it goes to a file, a pipe, or a terminal that wants none."""

from __future__ import annotations

import os
import sys

from ncolony.cli.options import Option
from ncolony.core.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ncolony.cli.options import Given

WHEN = ("auto", "always", "never")
COLOR = Option("--color", "WHEN", "auto, always or never [auto: on a terminal, unless NO_COLOR is set]", among=WHEN)
BOLD, RED, GREEN, YELLOW, BLUE, DIM = "1", "31", "32", "33", "34", "2"
STATES = {
    "running": GREEN, "starting": YELLOW, "spawning": YELLOW, "waiting": YELLOW, "backoff": RED, "fatal": RED,
    "stopping": YELLOW, "killing": RED, "sweeping": YELLOW, "stopped": DIM, "exited": DIM,
}  # fmt: skip


def wants_color(given: Given) -> bool:
    """Tell whether the output is to have colours. Raises :class:`ConfigError`."""
    when = given.last("--color") or "auto"
    if when not in WHEN:
        raise ConfigError(f"cannot use --color {when}: wanted auto, always or never")
    if when != "auto":
        return when == "always"
    if sys.stdout is None or not sys.stdout.isatty():  # None: closed by whoever started us
        return False
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, color: str, *, on: bool) -> str:
    """Return ``text`` in a colour."""
    return f"\033[{color}m{text}\033[0m" if on and color else text


def printable(text: str) -> str:
    """Return ``text`` fit for one line of a terminal: whatever a terminal might obey is spelled out."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def width(text: str) -> int:
    """Return how many columns ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], colors: Sequence[Sequence[str]], *, color: bool) -> str:
    """Return a table, its columns as wide as need be and the last as long as it is; ``colors``: of each cell."""
    plain = all(text.isascii() and text.isprintable() for text in map("".join, rows))
    if not plain:
        rows = [[printable(cell) for cell in row] for row in rows]
    elif not color:  # a thousand rows take a third of the time
        sizes = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        shape = "  ".join(f"{{:<{size}}}" for size in sizes)
        return "\n".join(shape.format(*row).rstrip() for row in (head, *rows))
    widths = [max(map(width, column)) for column in zip(head, *rows, strict=True)]
    lines = [_line(head, widths, [BOLD] * len(head), on=color)]
    lines += [_line(row, widths, tints, on=color) for row, tints in zip(rows, colors, strict=True)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], tints: Sequence[str], *, on: bool) -> str:
    last = len(cells) - 1
    return "  ".join(
        paint(cell, tint, on=on) + (" " * (size - width(cell)) if place < last else "")
        for place, (cell, size, tint) in enumerate(zip(cells, widths, tints, strict=True))
    ).rstrip()
