"""From a file's bytes to a JSON object. Knows nothing of what the keys mean: that is check.py."""

from __future__ import annotations

from ncolony.core.jsontext import Reader, write
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 1 << 20  # no description of a program comes near; a larger file is refused before it is read
MAX_DEPTH = 100  # of brackets in brackets; far below what Python's own recursion bears
MAX_DIGITS = 1000  # of a number; making one of a million digits takes seconds


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

    Raises :class:`NotAnObject`; ``partial`` is set where somebody may still be writing the rest of the object.
    """
    if len(data) > MAX_BYTES:
        raise NotAnObject(Problem("", f"more than {MAX_BYTES} bytes", WANTED))
    if not data.strip():
        raise NotAnObject(Problem("", "an empty file", WANTED), partial=True)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        partial = error.reason == "unexpected end of data"
        raise NotAnObject(Problem("", f"bytes that are not UTF-8 at {error.start}", WANTED), partial=partial) from None
    try:
        value = _read(text)
    except RecursionError:
        raise NotAnObject(_TOO_DEEP) from None
    except NotAnObject:
        raise
    except ValueError as error:  # json.JSONDecodeError, which nobody has imported as long as all is well
        where = f"{error.msg}, line {error.lineno} column {error.colno}"  # type: ignore[attr-defined]
        found = f"text that is not JSON ({where})"
        raise NotAnObject(Problem("", found, WANTED), partial=text.lstrip().startswith("{")) from None
    # Counting brackets is cheap, and settles it for every file that a person wrote.
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(value):
        raise NotAnObject(_TOO_DEEP)
    if not isinstance(value, dict):
        raise NotAnObject(Problem("", shown(value), WANTED))
    return text, value


def shown(value: object) -> str:
    """Return a value as its author wrote it, cut to a length that fits a message."""
    text = write(value)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 3] + "..."


SHOWN_LENGTH = 60


_TOO_DEEP = Problem("", "brackets nested too deep", f"at most {MAX_DEPTH} levels")


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level if isinstance(item, list | dict) for inner in _items(item)]
    return any(isinstance(item, list | dict) for item in level)


def _items(value: list[object] | dict[str, object]) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in pairs:
        if name in made:
            raise NotAnObject(Problem("", f"the key {shown(name)} twice", "each key once"))
        made[name] = value
    return made


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotAnObject(Problem("", f"a number of {len(digits)} digits", f"at most {MAX_DIGITS}"))
    return int(digits)


def _no_constant(name: str) -> object:
    raise NotAnObject(Problem("", f"{name}, which is not JSON", WANTED))


_read = Reader(_object, _integer, _no_constant)
