"""``ncolony run``: run a colony on the native loop."""

from __future__ import annotations

import os
import sys
from getopt import GetoptError, gnu_getopt

from ncolony.core.errors import ConfigError, NColonyError, Taken
from ncolony.hosts.settings import OPTIONS, seconds, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ncolony.hosts.settings import Settings

USAGE_STATUS = 2


def main(argv: Sequence[str]) -> int:
    """Run a colony until it is told to stop. Returns the exit status: 0, or 2 where the command line is no use."""
    if "--help" in argv or "-h" in argv:
        sys.stdout.write(usage())
        return 0
    try:
        wanted = parse(argv)
    except ConfigError as error:
        sys.stderr.write(f"ncolony run: {error}\n")
        return USAGE_STATUS
    from ncolony.hosts.native import Host

    try:
        return Host(wanted).run()
    except NColonyError as error:
        sys.stderr.write(f"ncolony run: {error}\n")
        return USAGE_STATUS if isinstance(error, Taken) else 1


def parse(argv: Sequence[str]) -> Settings:
    """Return the settings that a command line asks for. Raises :class:`ConfigError`.

    Long options may be abbreviated as long as they are told apart, as Twisted's own commands allow.
    """
    shorts = "".join(f"{option.short}:" for option in OPTIONS if option.short)
    try:
        pairs, rest = gnu_getopt(list(argv), shorts, [f"{option.name}=" for option in OPTIONS])
    except GetoptError as error:
        message = f"cannot read the command line: {error}; see ncolony run --help"
        raise ConfigError(message) from None
    values: dict[str, object] = _of_colony(rest)
    for flag, text in pairs:
        option = next(option for option in OPTIONS if flag in (f"--{option.name}", f"-{option.short}"))
        try:
            values[option.name] = text if option.default is None else seconds(text)
        except ValueError as error:
            message = f"cannot use {flag}: {error}"
            raise ConfigError(message) from None
    return settings(values)


def _of_colony(rest: Sequence[str]) -> dict[str, object]:
    if len(rest) > 1:
        message = f"cannot run more than one colony: found {' '.join(rest)}, wanted one directory"
        raise ConfigError(message)
    return {name: os.path.join(rest[0], folder) for name, folder in FOLDERS.items()} if rest else {}


FOLDERS = {"config": "conf", "messages": "messages"}


def usage() -> str:
    """Return the text of ``ncolony run --help``."""
    lines = [
        "usage: ncolony run [OPTIONS] COLONY",
        "       ncolony run [OPTIONS] --config DIR --messages DIR",
        "",
        "Run the programs of a colony: a directory with conf/ and messages/ in it, or those two by name.",
        "SIGTERM or SIGINT stops them all; a second one kills what has not stopped. SIGHUP reads the directories anew.",
        "",
    ]
    for option in OPTIONS:
        flags = f"-{option.short}, --{option.name}" if option.short else f"    --{option.name}"
        default = f" [{option.default:g}]" if option.default is not None else ""
        lines.append(f"  {flags + ' ' + option.metavar:<32}{option.meaning}{default}")
    return "\n".join(lines) + "\n"
