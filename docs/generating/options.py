"""docs/options.md: the command lines, as the commands themselves tell them."""

import contextlib
import io
from importlib.util import find_spec

from generating.markdown import NOTE, block, code, join, table
from ncolony.cli import ctl, main
from ncolony.hosts.settings import OPTIONS


def page(_root):
    """Return the page."""
    return join(
        "# Options",
        NOTE,
        "## Running a colony",
        "Both hosts take the same options: `ncolony run`, which needs the standard library only, and"
        " `python -m twisted ncolony` (or `twist ncolony`, `twistd ncolony`), which runs on Twisted's reactor. A long"
        " option may be cut short as long as it stays unambiguous: `--freq 1`.",
        table(["option", "short", "default", "meaning"], [_row(option) for option in OPTIONS]),
        "`--config` and `--messages` are required; `ncolony run COLONY` stands for"
        " `--config COLONY/conf --messages COLONY/messages`. Times are seconds, fractions allowed. `--threshold`,"
        " `--killtime` and the two delays are defaults: a program's own keys win (see [keys.md](keys.md)).",
        block("text", _output("run", "--help")),
        "Twisted's own options stand before the word `ncolony`. Written to a terminal its log is text; anywhere else it"
        " is JSON unless told otherwise: `python -m twisted --log-format=text ncolony …`.",
        "## ncolony",
        block("text", _output("--help")),
        *(part for verb in _other_verbs() for part in (f"## ncolony {verb}", block("text", _output(verb, "--help")))),
        "## ncolony ctl",
        block("text", _output("ctl", "--help")),
        *(part for verb in ctl.VERBS for part in (f"### ctl {verb}", block("text", _output("ctl", verb, "--help")))),
    )


def _other_verbs():
    """Return the verbs that have no section of their own above, and whose module is there."""
    return [verb for verb in main.VERBS if verb not in {"run", "ctl"} and find_spec(f"ncolony.cli.{verb}")]


def _row(option):
    default = "" if option.default is None else f"{option.default:g}"
    return [
        code(f"--{option.name} {option.metavar}"),
        code(f"-{option.short}") if option.short else "",
        default,
        option.meaning,
    ]


def _output(*words):
    """Return what ``ncolony WORDS`` prints."""
    taken = io.StringIO()
    with contextlib.redirect_stdout(taken):
        status = main.main(list(words))
    assert status == 0, words
    return taken.getvalue()
