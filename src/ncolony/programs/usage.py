"""What the command lines of Twisted programs share: how a bad one ends, and how times are read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twisted.python.usage import UsageError

from ncolony.core.errors import ConfigError
from ncolony.core.keyspec import Mismatch
from ncolony.core.readers import a_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 0.001  # seconds


@contextmanager
def bad_options_end(program: str) -> Iterator[None]:
    """End the process where the command line read inside is no use: one line on standard error, status 2."""
    try:
        yield
    except (UsageError, ConfigError) as error:
        words = " ".join(str(error).split())
        sys.stderr.write(f"{program}: {words if words.startswith('cannot') else f'cannot read the options: {words}'}\n")
        raise SystemExit(2) from None


def seconds(option: str, text: str | None, least: float, wrong: list[str]) -> float | None:
    """Read an option's number of seconds, if it is there; what is wrong with it is added to ``wrong``."""
    if text is None:
        return None
    try:
        try:
            value = a_duration(float(text))
        except ValueError:
            value = a_duration(text)  # "500ms", "2m", as in a colony's files
        if value >= least:
            return value
    except Mismatch:
        pass
    wrong.append(f"cannot use --{option} {text!r}: wanted a number of seconds, at least {least:g}")
    return None
