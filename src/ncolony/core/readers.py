"""Readers of values: what a JSON value has to be, and what a program holds for it.

A reader takes the JSON value and returns what the program holds; it raises :class:`Mismatch` for a value that it cannot
use. It looks at nothing else, so keys can be checked one by one and all problems told at once.
"""

from __future__ import annotations

from ncolony.core.bare import SIGNALS
from ncolony.core.keyspec import Mismatch, did_you_mean, each, inside
from ncolony.core.parse import shown


def a_text(value: object) -> str:
    """Read a string that can be handed to the operating system."""
    if not isinstance(value, str):
        raise Mismatch
    if "\0" in value:
        raise Mismatch("text without NUL")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # written as \ud800
        raise Mismatch("text without halves of surrogate pairs") from None
    return value


def a_full_text(value: object) -> str:
    """Read a string that is not empty."""
    text = a_text(value)
    if not text:
        raise Mismatch("a string that is not empty")
    return text


def arguments(value: object) -> tuple[str, ...]:
    """Read a command line: at least the executable."""
    read = tuple(each(a_text, value, "a string"))
    if not read or not read[0]:
        raise Mismatch
    return read


def labels(value: object) -> tuple[str, ...]:
    """Read a list of labels."""
    return tuple(dict.fromkeys(each(a_full_text, value, "a string")))


VARIABLE = 'the name of a variable, which has no "=" in it'


def a_variable(value: object) -> str:
    """Read the name of an environment variable."""
    name = a_full_text(value)
    if "=" in name:
        raise Mismatch(VARIABLE)
    return name


def names_of_variables(value: object) -> tuple[str, ...]:
    """Read a list of names of environment variables."""
    return tuple(dict.fromkeys(each(a_variable, value, VARIABLE)))


def environment(value: object) -> tuple[tuple[str, str], ...]:
    """Read an object of variables; sorted, as order means nothing."""
    if not isinstance(value, dict):
        raise Mismatch
    return tuple(
        (inside(a_variable, name, "", VARIABLE), inside(a_text, item, f"[{shown(name)}]", "a string"))
        for name, item in sorted(value.items())
    )


def env_files(value: object) -> tuple[str, ...]:
    """Read a list of absolute paths, each with a dash before it where the file may be missing."""
    return tuple(each(_a_path, value, "an absolute path"))


def _a_path(value: object) -> str:
    path = a_full_text(value)
    if not path.removeprefix("-").startswith("/"):
        raise Mismatch("an absolute path")
    return path


def a_count(value: object, least: int = 0, most: int = 2**31 - 1) -> int:
    """Read a whole number between the limits."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Mismatch
    return value


def at_least_one(value: object) -> int:
    """Read a whole number from 1 up."""
    return a_count(value, 1, 100_000)


MOST_PRIORITY = 1_000_000


def a_priority(value: object) -> int:
    """Read a whole number that says who comes first."""
    return a_count(value, -MOST_PRIORITY, MOST_PRIORITY)


def a_share(value: object) -> float:
    """Read a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Mismatch
    return float(value)


def an_id(value: object) -> int | str:
    """Read a user or group: its number or its name."""
    if isinstance(value, str):
        return a_full_text(value)
    return a_count(value, 0, 2**32 - 2)


def a_flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Mismatch
    return value


def a_umask(value: object) -> int:
    """Read a mask as people write it: the octal digits in a string."""
    return octal(value, 1, 3)


def octal(value: object, least: int, most: int) -> int:
    """Read a string of so many octal digits, with "0" or "0o" before them or not."""
    if not isinstance(value, str):
        raise Mismatch
    for prefix in ("", "0", "0o"):
        digits = value[len(prefix) :]
        if value.startswith(prefix) and least <= len(digits) <= most and not digits.strip("01234567"):
            return int(digits, 8)
    raise Mismatch


MAX_SECONDS = 100 * 365 * 86400.0
MAX_DURATION_LENGTH = 100
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def a_duration(value: object) -> float:
    """Read a time: seconds, or a string of numbers with units, ``1m30s``."""
    if isinstance(value, str):
        seconds = _seconds(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch
    else:
        seconds = float(value) if abs(value) < MAX_SECONDS * 2 else MAX_SECONDS * 2
    if not 0 <= seconds <= MAX_SECONDS:
        raise Mismatch
    return seconds


def _seconds(text: str) -> float:
    if not 0 < len(text) <= MAX_DURATION_LENGTH:
        raise Mismatch
    seconds = 0.0
    while text:
        number, text = decimal(text)
        unit = next((unit for unit in _UNITS if text.startswith(unit)), None)  # milliseconds come before minutes
        if unit is None:
            raise Mismatch
        seconds += float(number) * _UNITS[unit]
        text = text[len(unit) :]
    return seconds


def decimal(text: str) -> tuple[str, str]:
    """Return the number that a text begins with, with digits on both sides of its point if it has one, and the rest."""
    rest = text.lstrip("0123456789.")
    number = text[: len(text) - len(rest)]
    whole, point, fraction = number.partition(".")
    if not whole or (point and not fraction) or "." in fraction:
        raise Mismatch
    return number, rest


def some_time(value: object) -> float:
    """Read a time that is more than none."""
    seconds = a_duration(value)
    if not seconds:
        raise Mismatch
    return seconds


_SIZES = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}  # fmt: skip
MAX_SIZE = 2**60
MAX_WHOLE, MAX_FRACTION = 18, 6  # digits


def a_size(value: object) -> int:
    """Read a number of bytes: a whole number, or a string with a unit, ``10MB`` or ``1GiB``."""
    if not isinstance(value, str):
        return a_count(value, 0, MAX_SIZE)
    number, unit = decimal(value)
    whole, _, fraction = number.partition(".")
    factor = _SIZES.get(unit.removeprefix(" "))
    if factor is None or len(whole) > MAX_WHOLE or len(fraction) > MAX_FRACTION:
        raise Mismatch
    # In whole numbers: as a float 8.7MB would be a byte less.
    return a_count(int(whole + fraction) * factor // 10 ** len(fraction), 0, MAX_SIZE)


def a_signal(value: object) -> int:
    """Read a signal: its number, or its name with or without SIG."""
    if isinstance(value, str):
        name = value.upper() if value.upper().startswith("SIG") else f"SIG{value.upper()}"
        if name not in SIGNALS:
            raise Mismatch(hint=did_you_mean(name, list(SIGNALS), 1))
        return SIGNALS[name]
    number = a_count(value, 1)
    if number not in SIGNALS.values():
        raise Mismatch
    return number


MAX_EXIT_CODE = 255


def ends(value: object) -> tuple[int, ...]:
    """Read a list of ends that count as normal: exit codes and names of signals."""
    return tuple(sorted(set(each(an_end, value, "an exit code (0 to 255) or the name of a signal"))))


def an_end(value: object) -> int:
    """Read an end that counts as normal: an exit code, or the name of a signal as the negative of its number."""
    return -a_signal(value) if isinstance(value, str) else a_count(value, 0, MAX_EXIT_CODE)


class OneOf:
    """Reads one of some words. An object, so that schema.py can ask which."""

    __slots__ = ("words",)

    def __init__(self, *words: str) -> None:
        """Take these and no others."""
        self.words = words

    def __call__(self, value: object) -> str:
        """Read one."""
        if not isinstance(value, str):
            raise Mismatch
        if value not in self.words:
            raise Mismatch(hint=did_you_mean(value, list(self.words)))
        return value


one_of = OneOf


class Within:
    """Reads a whole number within limits, which schema.py can ask for."""

    __slots__ = ("least", "most")

    def __init__(self, least: int, most: int) -> None:
        """Take these two, and what is between them."""
        self.least, self.most = least, most

    def __call__(self, value: object) -> int:
        """Read one."""
        return a_count(value, self.least, self.most)
