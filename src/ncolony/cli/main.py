"""The command ``ncolony``: find the verb, import what serves it, and turn its number into an exit status.

verb.py has the exit statuses. This module knows nothing of what verbs do, and imports next to nothing: it is part of
every command's time.
"""

from __future__ import annotations

import os
import sys

from ncolony import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # 130: what shells report of a program ended by SIGINT


def _ctl(argv: list[str]) -> int:
    from ncolony.cli import ctl

    return ctl.main(argv)


def _run(argv: list[str]) -> int:
    from ncolony.cli import run as supervise

    return supervise.main(argv)


def _reaper(argv: list[str]) -> int:
    from ncolony.cli import reaper

    return reaper.main(argv)


VERBS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "run": (_run, "run a colony until told to stop"),
    "ctl": (_ctl, "change a colony: add, remove and restart its programs, and show them"),
    "reaper": (_reaper, "be PID 1 for one program: pass signals on, reap orphans, end with its status"),
}


def main(argv: list[str]) -> int:
    """Do what the words after ``ncolony`` say; return the exit status."""
    verb = argv[0] if argv else ""
    if verb in VERBS:
        return VERBS[verb][0](argv[1:])
    if verb == "help" and argv[1:]:
        return main([argv[1], "--help"])
    if verb in {"--help", "-h", "help", "--version"}:
        print(f"ncolony {__version__}" if verb == "--version" else _help())
        return DONE
    from ncolony.cli import catalog

    if verb in catalog.VERBS:
        from ncolony.cli.verb import run as call

        return call(catalog.verb(verb), argv[1:])
    if verb.startswith("-") and verb != "-":
        return _behind_options(argv)
    print(_complaint(verb), file=sys.stderr)
    return USAGE


def _behind_options(argv: list[str]) -> int:
    """Do what stands behind options that name a colony: ``ncolony -C DIR status``."""
    from ncolony.cli.options import read
    from ncolony.cli.place import PLACE
    from ncolony.cli.verb import tell
    from ncolony.core.errors import ConfigError

    try:
        given = read(argv, PLACE, to_first_word=True)
    except ConfigError as error:
        tell("", f"{error} (see `ncolony --help`)")
        return USAGE
    if not given.words:
        print(_complaint(""), file=sys.stderr)
        return USAGE
    if "--help" in given.values:
        print(_help())
        return DONE
    verb, *rest = given.words
    return main([verb, *(f"{name}={value}" for name, values in given.values.items() for value in values), *rest])


def run() -> NoReturn:
    """Be the program ``ncolony``."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started us
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = main(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:  # of our output: verbs tell theirs themselves
        status = FAILED
        if not isinstance(error, BrokenPipeError):  # that is a reader who had enough, `| head`
            print(f"ncolony: cannot write to standard output: {error.strerror}", file=sys.stderr)
        if sys.stdout is not None:  # or Python tries to write the rest once more, and complains
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _help() -> str:
    from ncolony.cli import catalog

    abouts = {name: about for name, (_, about) in VERBS.items()}
    abouts |= {name: catalog.verb(name).about for name in catalog.VERBS}
    size = max(map(len, abouts)) + 2
    verbs = "\n".join(f"  {verb:<{size}}{about}" for verb, about in abouts.items())
    return (
        f"usage: ncolony [-C DIR] VERB ...\n\n{verbs}\n\n"
        "  -C DIR     the colony, a directory with conf/ and messages/ in it; else the one in $NCOLONY_COLONY,\n"
        "             or in the current directory\n"
        "  --help     this text; `ncolony VERB --help` tells about one\n"
        "  --version  which version this is"
    )


def _complaint(verb: str) -> str:
    if not verb:
        return f"ncolony: cannot do anything without a verb\n\n{_help()}"
    from ncolony.cli import catalog
    from ncolony.core.names import nearest, quoted

    near = nearest(verb, [*VERBS, *catalog.VERBS])
    hint = f"did you mean {near}?" if near else "`ncolony --help` lists them"
    return f"ncolony: cannot do {quoted(verb)}: there is no such verb; {hint}"
