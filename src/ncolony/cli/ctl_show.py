"""``ncolony ctl show`` and ``list``: what the files say, for people and for programs."""

from __future__ import annotations

import json

from ncolony import ctllib
from ncolony.core.errors import NColonyError, Refused
from ncolony.core.names import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypedDict

    class Row(TypedDict):
        """What a list says of one file. Where it cannot be used, ``args`` is None and ``problems`` say why."""

        name: str
        args: list[str] | None
        problems: list[str]
        warnings: list[str]


DONE, FAILED = 0, 1


def show(places: ctllib.Places, name: str, *, raw: bool) -> tuple[list[str], int]:
    """Print a program's file; return what is to be said about it besides, and the exit status."""
    described = ctllib.read(places, name)
    if described.value is not None and not raw:
        print(_pretty(described.value))
    elif described.text is not None:
        print(described.text.removesuffix("\n"))
    notes = [f"cannot use {quoted(name)}: {problem}" for problem in described.problems]
    notes += [f"note: {warning}" for warning in described.warnings]
    return notes, FAILED if described.text is None else DONE


def listing(places: ctllib.Places, *, as_json: bool) -> str:
    """Return the programs' names and commands, a line each, or as JSON."""
    rows = list(_rows(places))
    if as_json:
        return json.dumps(rows, indent=2) + "\n"
    lines = [(_printable(row["name"]), _printable(_command(row))) for row in rows]
    width = max((len(name) for name, _ in lines), default=0)
    return "".join(f"{name:<{width}}  {command}\n" for name, command in lines)


def _rows(places: ctllib.Places) -> Iterator[Row]:
    for name in ctllib.names(places):
        try:
            described = ctllib.read(places, name)
        except Refused:  # it went while we looked
            continue
        except NColonyError as error:  # no program can have that name
            yield {"name": name, "args": None, "problems": [str(error)], "warnings": []}
            continue
        problems = [str(problem) for problem in described.problems]
        args = described.value.get("args") if described.value and not problems else None
        yield {
            "name": name,
            "args": args if isinstance(args, list) else None,
            "problems": problems,
            "warnings": list(described.warnings),
        }


def _command(row: Row) -> str:
    return f"cannot be used: {'; '.join(row['problems'])}" if row["args"] is None else for_shell(row["args"])


# What a shell takes as it is. The list of shlex.quote, whose import would cost more than reading all the files.
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_"


def for_shell(words: Sequence[str]) -> str:
    """Return a command as one would type it."""
    return " ".join(word if word and not word.strip(PLAIN) else _in_quotes(word) for word in words)


def _in_quotes(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _pretty(value: dict[str, object]) -> str:
    """Return JSON for people: letters as letters, unless a terminal might take them for something else."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if text.replace("\n", "").isprintable() else json.dumps(value, indent=2)


def _printable(text: str) -> str:
    """Return ``text`` fit for one line of a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
