"""What the command lines of Twisted programs share: how a bad one ends."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twisted.python.usage import UsageError

from ncolony.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bad_options_end(program: str) -> Iterator[None]:
    """End the process where the command line read inside is no use: one line on standard error, status 2."""
    try:
        yield
    except (UsageError, ConfigError) as error:
        words = " ".join(str(error).split())
        sys.stderr.write(f"{program}: {words if words.startswith('cannot') else f'cannot read the options: {words}'}\n")
        raise SystemExit(2) from None
