"""``ncolony reaper``: be PID 1 for one program.

The reaper lives as long as its container, so it does not keep what only its start has needed: runpy, a console script's
``re``, the site's ``.pth`` files, ctypes. Once all is clear, the same process becomes a bare ``python -I -S``.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from ncolony.cli.options import Option
    from ncolony.reaper import Settings
else:
    import _signal as signal  # the same functions and numbers without enum, which would stay for life: 0.9 MB

LEAN = """\
import sys
sys.path.insert(0, {root!r})
from ncolony.cli.reaper import main
sys.exit(main(sys.argv[1:], adopts={adopts}))"""
FLAGS = {"-g": "group", "--group": "group", "-s": "subreaper", "--subreaper": "subreaper", "--respawn": "respawn"}
VALUED = {"-r": "--rewrite", "--rewrite": "--rewrite", "--grace": "--grace"}


def main(argv: Sequence[str], *, adopts: bool | None = None) -> int:
    """Be the reaper; return the exit status. ``adopts`` is known after the exec that makes us lean."""
    from ncolony import reaper

    try:
        settings = parse(argv)
        if isinstance(settings, str):
            sys.stdout.write(settings)
            return 0
        if adopts is None:
            reaper.hold_signals()
            adopts = reaper.adopts_orphans(settings)
            _go_on_lean(argv, adopts=adopts)
        return reaper.run(settings, adopts=adopts)
    except reaper.CannotReap as failure:
        reaper.say(str(failure))
        return failure.status
    except OSError as error:
        reaper.say(f"cannot go on: {error}")
    except Exception as error:  # noqa: BLE001 - a bug of ours: 125 like every failure of ours, and what a report needs
        sys.excepthook(type(error), error, error.__traceback__)
    return reaper.OWN_FAILURE


def parse(argv: Sequence[str]) -> Settings | str:
    """Read a command line up to CMD; return the settings, or a text to print instead. Raises CannotReap."""
    from ncolony.reaper import CannotReap, Settings

    settings, words = Settings(), list(argv)
    while words and words[0].startswith("-") and words[0] != "-":
        word, equals, value = words.pop(0).partition("=")
        if word == "--":
            break
        if word in {"-h", "--help"}:
            return _help()
        if word == "--version":
            return _version()
        if word in FLAGS and not equals:
            setattr(settings, FLAGS[word], True)
        elif word in VALUED and (equals or words):
            _set(settings, VALUED[word], value if equals else words.pop(0))
        else:
            lacking = "it lacks its value" if word in VALUED else "there is no such option"
            raise CannotReap(f"cannot use {word + equals + value!r}: {lacking}; see ncolony reaper --help")
    if not words:
        raise CannotReap("cannot start anything: CMD is missing; see ncolony reaper --help")
    settings.command = words
    return settings


def options() -> tuple[Option, ...]:
    """Return the options, for help texts and their like: the reading of them is done here, with fewer imports."""
    from ncolony.cli.options import Option

    return (
        Option("--group", "", "pass signals on to CMD's process group, not to CMD alone", short="-g"),
        Option("--subreaper", "", "when not PID 1: adopt the orphans among CMD's descendants all the same", short="-s"),
        Option("--rewrite", "FROM:TO", "pass signal FROM on as TO, by number or name; TO 0 drops it", repeated=True,
               short="-r"),
        Option("--grace", "SECONDS", "how long other processes get between SIGTERM and SIGKILL once CMD has ended [5]"),
        Option("--respawn", "", "start CMD again when it was killed or crashed, and keep the exit statuses of orphans"),
        Option("--version", "", "which version this is"),
    )  # fmt: skip


ABOUT = """\
Run CMD as a container's PID 1 should: pass signals on to it, reap what is orphaned, and end with its status once
everything else has ended too."""
STATUS = """\
Exit status: CMD's own; 128+N if signal N ended it; 125 the reaper failed, 126 CMD cannot be executed, 127 not found."""


def _help() -> str:
    from ncolony.cli.options import described

    return f"usage: ncolony reaper [OPTIONS] [--] CMD ARG...\n\n{ABOUT}\n\n{described(options())}\n\n{STATUS}\n"


def _set(settings: Settings, name: str, value: str) -> None:
    if name == "--grace":
        settings.grace = _seconds(value)
        return
    received, _, passed_on = value.partition(":")
    settings.rewrite[_signal(received, value)] = 0 if passed_on == "0" else _signal(passed_on, value)


def _seconds(value: str) -> float:
    from ncolony.reaper import CannotReap

    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise CannotReap(f"cannot use --grace {value!r}: it has to be a number of seconds")
    return seconds


def _signal(word: str, value: str) -> int:
    """Return the number of a signal given by number or name."""
    from ncolony.reaper import CATCHABLE, CannotReap

    names = {name: int(number) for name, number in vars(signal).items() if name.startswith("SIG") and "_" not in name}
    number = int(word) if word.isdecimal() else names.get("SIG" + word.upper().removeprefix("SIG"), 0)
    if number not in CATCHABLE | {signal.SIGKILL, signal.SIGSTOP}:
        raise CannotReap(f"cannot use --rewrite {value!r}: {word!r} is no signal, wanted FROM:TO as in TERM:QUIT")
    return number


def _version() -> str:
    from ncolony import __version__

    return f"ncolony {__version__}\n"


def _go_on_lean(argv: Sequence[str], *, adopts: bool) -> None:
    """Become a bare interpreter, unless this is one; where that cannot be, return, to go on as we are."""
    if (sys.flags.isolated and sys.flags.no_site) or not sys.executable:
        return
    from ncolony.reaper import exact_environment

    flags = ["-I", "-S", "-B"] if sys.dont_write_bytecode else ["-I", "-S"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    words = [sys.executable, *flags, "-c", LEAN.format(root=root, adopts=adopts), *argv]
    try:
        os.execve(sys.executable, words, exact_environment())  # noqa: S606 - no shell is wanted
    except OSError:
        return
