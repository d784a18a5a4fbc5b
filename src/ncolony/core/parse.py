"""From a file's bytes to a JSON object. Knows nothing of what the keys mean: that is check.py."""

from __future__ import annotations

import json

from ncolony.core.record import record

MAX_BYTES = 1 << 20  # no description of a program comes near; a larger file is refused before it is read


@record
class Problem:
    """Something in a file that cannot be used: where, what was found, what is wanted."""

    key: str
    """The key's path, ``stop.signal``; empty when it is the file as a whole."""
    found: str
    wanted: str

    def __str__(self) -> str:
        """Say it in one line."""
        where = f"{self.key}: " if self.key else ""
        return f"{where}found {self.found}, wanted {self.wanted}"


class NotAnObject(ValueError):
    """The bytes are not one JSON object. ``problem`` says why; ``partial``: they may be the beginning of one."""

    def __init__(self, problem: Problem, *, partial: bool = False) -> None:
        """Keep the problem."""
        super().__init__(str(problem))
        self.problem = problem
        self.partial = partial


WANTED = "one JSON object"


def parse(data: bytes) -> tuple[str, dict[str, object]]:
    """Return the text of ``data`` and the JSON object in it.

    Raises :class:`NotAnObject`; ``partial`` is set where the text breaks off, as it does while somebody writes it.
    """
    if len(data) > MAX_BYTES:
        raise NotAnObject(Problem("", f"more than {MAX_BYTES} bytes", WANTED))
    if not data.strip():
        raise NotAnObject(Problem("", "an empty file", WANTED), partial=True)
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        partial = error.reason == "unexpected end of data"
        raise NotAnObject(Problem("", f"bytes that are not UTF-8 at {error.start}", WANTED), partial=partial) from None
    except json.JSONDecodeError as error:
        found = f"text that is not JSON ({error.msg}, line {error.lineno} column {error.colno})"
        raise NotAnObject(Problem("", found, WANTED), partial=True) from None
    except RecursionError:
        raise NotAnObject(Problem("", "brackets nested too deep", WANTED)) from None
    except ValueError as error:  # a key twice, NaN, or a number with thousands of digits
        raise NotAnObject(Problem("", str(error), WANTED)) from None
    if not isinstance(value, dict):
        raise NotAnObject(Problem("", shown(value), WANTED))
    return text, value


def shown(value: object) -> str:
    """Return a value as its author wrote it, cut to a length that fits a message."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 3] + "..."


SHOWN_LENGTH = 60


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"the key {shown(twice)} twice"
        raise ValueError(message)
    return made


def _no_constant(name: str) -> object:
    message = f"{name}, which is not JSON"
    raise ValueError(message)
