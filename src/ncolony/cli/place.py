"""Which colony a command is about: named by options, by NCOLONY_COLONY, or the one in the folder one stands in."""

from __future__ import annotations

import os

from ncolony.cli.options import Option
from ncolony.core.errors import ConfigError
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.cli.options import Given
    from ncolony.control.client import Client
    from ncolony.ctllib import Places

VARIABLE = "NCOLONY_COLONY"
PLACE = (
    Option("--colony", "DIR", f"the colony: a directory with conf/ and messages/ in it (or ${VARIABLE})", short="-C"),
    Option("--config", "DIR", "the directory of the programs' files"),
    Option("--messages", "DIR", "the directory of messages to the supervisor"),
    Option("--state", "DIR", "where the supervisor keeps what outlives it; MESSAGES/.ncolony if not given"),
)


@record
class Place:
    """Where a colony is."""

    config: str
    messages: str
    state: str


def place_of(given: Given) -> Place:
    """Return the colony that a command line is about. Raises :class:`ConfigError` where it names none."""
    folder = given.last("--colony") or os.environ.get(VARIABLE) or "."
    config, messages = given.last("--config"), given.last("--messages")
    named = given.last("--colony") or os.environ.get(VARIABLE)
    place = Place(
        config=config or f"{folder}/conf",
        messages=messages or f"{folder}/messages",
        state=given.last("--state") or f"{messages or f'{folder}/messages'}/.ncolony",
    )
    for path, was_named in ((place.config, config), (place.messages, messages)):
        if given.last("--state") and not was_named:
            continue
        try:
            os.stat(f"{path}/.")
        except PermissionError:
            raise ConfigError(f"cannot look into {path!r}: permission denied; ask as its owner, or as root") from None
        except OSError:
            raise ConfigError(_missing(path, named or was_named)) from None
    return place


def config_of(given: Given) -> str:
    """Return that colony's directory of programs, for what needs no more. Raises as :func:`place_of` does."""
    named = given.last("--colony") or os.environ.get(VARIABLE)
    config = given.last("--config") or f"{named or '.'}/conf"
    if not os.path.isdir(config):
        raise ConfigError(_missing(config, named or given.last("--config")))
    return config


def places_of(given: Given) -> Places:
    """Return the directories of that colony for what works on its files. Raises as :func:`place_of` does."""
    from ncolony.ctllib import Places

    if config := given.last("--config"):
        return Places(config, given.last("--messages") or "")
    place = place_of(given)
    return Places(place.config, place.messages)


def _missing(path: str, named: str | None) -> str:
    if named:
        return f"cannot find a colony: there is no directory {path!r}; `ncolony init DIR` makes one"
    return (
        f"cannot find a colony: there is no {path!r} here; name one by -C DIR, by --config DIR and --messages DIR, or"
        f" by {VARIABLE} in the environment; `ncolony init DIR` makes one"
    )


def connect(given: Given, timeout: float | None = None) -> Client:
    """Connect to the supervisor of that colony. Raises Unanswered where there is none."""
    from ncolony.control.client import Client

    return Client(place_of(given).state, timeout)
