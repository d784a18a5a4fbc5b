"""All verbs as records, those that read their own command lines too: for completions, man pages and references."""

from __future__ import annotations

from ncolony.cli import catalog
from ncolony.cli.main import VERBS
from ncolony.cli.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ncolony.cli.verb import Call


def every() -> dict[str, Verb]:
    """Return all verbs, in the order of the help text."""
    return {**_own(), **{name: catalog.verb(name) for name in catalog.VERBS}}


def _own() -> dict[str, Verb]:
    from ncolony.cli import ctl, reaper, run

    told = "\n".join(f"{f'{name} {verb.word}'.rstrip()}: {verb.about}" for name, verb in ctl.VERBS.items())
    more = "All other verbs of ncolony that are about a colony may stand there too."
    found = {
        "run": ("[COLONY]", run.options(), run.ABOUT),
        "ctl": ("VERB ...", ctl.PLACES, f"{told}\n\n{more}"),
        "reaper": ("[--] CMD ARG ...", reaper.options(), f"{reaper.ABOUT}\n\n{reaper.STATUS}"),
    }
    return {
        name: Verb(name, about, _elsewhere, words=found[name][0], options=found[name][1], text=found[name][2],
                   in_colony=False)
        for name, (_, about) in VERBS.items()
    }  # fmt: skip


def _elsewhere(call: Call) -> NoReturn:
    raise AssertionError(call.verb.name)  # main.py calls these by their own modules
