"""``ncolony run``: run a colony on the native loop."""

from __future__ import annotations

import gc
import os
import sys

from ncolony.cli.options import Option, described, read
from ncolony.cli.place import PLACE, VARIABLE
from ncolony.core.errors import ConfigError, NColonyError, Taken
from ncolony.hosts.settings import OPTIONS, seconds, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ncolony.cli.options import Given
    from ncolony.hosts.settings import Settings

DONE, FAILED, USAGE_STATUS = 0, 1, 2
COLONY = PLACE[0]
FOLDERS = {"config": "conf", "messages": "messages"}
SELDOM = 10_000  # new objects between two looks for garbage: what a supervisor makes stays, or is freed without one
CAN_TAKE_OVER = Option("--can-take-over", "", "only tell whether this version could take the colony over; see upgrade")


def main(argv: Sequence[str]) -> int:
    """Run a colony until it is told to stop.

    Returns the exit status: 0, or that of a critical program that ended the colony, or 2 where the command line is no
    use or another supervisor has the colony.
    """
    gc.set_threshold(SELDOM)
    try:
        wanted = parse(argv)
        if wanted is None:
            return DONE
        from ncolony.hosts.native import Host

        return Host(wanted).run()
    except NColonyError as error:
        sys.stderr.write(f"ncolony run: {error}\n")
        return USAGE_STATUS if isinstance(error, ConfigError | Taken) else FAILED


def parse(argv: Sequence[str]) -> Settings | None:
    """Return the settings that a command line asks for, or None where it asked a question, which is answered.

    Raises :class:`ConfigError`. Long options may be abbreviated as long as they are told apart, as Twisted's own
    commands allow.
    """
    try:
        given = read(argv, options())
    except ConfigError as error:
        raise ConfigError(f"{error} (see `ncolony run --help`)") from None
    if "--help" in given.values:
        sys.stdout.write(usage())
        return None
    values: dict[str, object] = _of_colony(given)
    for option in OPTIONS:
        text = given.last(f"--{option.name}")
        if text is not None:
            try:
                values[option.name] = seconds(text) if option.is_number else text
            except ValueError as error:
                message = f"cannot use --{option.name}: {error}"
                raise ConfigError(message) from None
    made = settings(values)
    if CAN_TAKE_OVER.name in given.values:
        from ncolony.hosts.upgrade import can_take_over

        can_take_over(made)
        return None
    return made


def options() -> tuple[Option, ...]:
    """Return the options of ``ncolony run``."""
    made = []
    for option in OPTIONS:
        default = "" if option.default is None else f" [{option.default:g}]"
        short = f"-{option.short}" if option.short else ""
        made.append(Option(f"--{option.name}", option.metavar, f"{option.meaning}{default}", short=short))
    return (COLONY, *made, CAN_TAKE_OVER)


def _of_colony(given: Given) -> dict[str, object]:
    """Return the directories of the colony that is named; else of the one in the environment, or where one stands."""
    words = [*given.words, *(given.all(COLONY.name) or ())]
    if len(words) > 1:
        message = f"cannot run more than one colony: found {' '.join(words)}, wanted one directory"
        raise ConfigError(message)
    if not words and "--config" not in given.values and "--messages" not in given.values:
        words = [os.environ.get(VARIABLE) or "."]
        if not all(os.path.isdir(os.path.join(words[0], folder)) for folder in FOLDERS.values()):
            found = f"no conf/ and messages/ in {words[0]!r}"
            raise ConfigError(f"cannot run: found {found}, wanted a colony; name one, `ncolony run DIR`, or make one,"
                              " `ncolony init DIR`")  # fmt: skip
    return {name: os.path.join(words[0], folder) for name, folder in FOLDERS.items()} if words else {}


ABOUT = """\
Run the programs of a colony: a directory with conf/ and messages/ in it, or those two by name. Without either it is the
one in $NCOLONY_COLONY, or in the current directory.
SIGTERM or SIGINT stops them all; a second one kills what has not stopped. SIGHUP reads the directories anew.
SIGUSR2 replaces the supervisor by the version that is installed now, and leaves the programs running."""


def usage() -> str:
    """Return the text of ``ncolony run --help``."""
    return f"""usage: ncolony run [OPTIONS] [COLONY]
       ncolony run [OPTIONS] --config DIR --messages DIR

{ABOUT}

{described(options())}
"""
