"""``ncolony apply``: make the running colony what a directory says, as planned or not at all."""

from __future__ import annotations

import json
import os
from time import monotonic

from ncolony.cli import effect, plan
from ncolony.cli.change import NO_WAIT, WAIT, waiting
from ncolony.cli.options import Option
from ncolony.cli.place import connect, place_of
from ncolony.cli.tables import COLOR, wants_color
from ncolony.cli.verb import DONE, FAILED, JSON, Call, Verb, misused
from ncolony.core.errors import ConfigError, Refused
from ncolony.directory.replacing import Replacement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.cli.effect import Effect
    from ncolony.cli.plan import Plan

PATIENCE = 60.0  # seconds, and what the slowest program may take
PLAN = Option("--plan", "ID", "apply only if the plan is still this one, as `ncolony plan` has printed it")


def _act(call: Call) -> int:
    folder, identity = _source(call)
    wait, color = waiting(call).get("wait"), wants_color(call.given)
    config = os.path.realpath(place_of(call.given).config)
    with connect(call.given) as asked, connect(call.given) as watcher:
        directory = Replacement(config)
        try:
            made = plan.make(call, folder, asked)
            _agree(made, identity)
            if not call.has("--json"):
                print(plan.shown(made, color=color), flush=True)
            awaited = effect.Effect(made, asked.ask("status")["instances"])
            since = watcher.ask("events", since="now", follow=False)["next"]
            directory.carry_out(made.before, made.candidate.texts, made.modes)
        finally:
            directory.close()
        if wait is not False:
            limit = PATIENCE + effect.patience(made) if wait is None else float(str(wait))
            awaited.wait(watcher, asked, since, monotonic() + limit)
    return _tell(call, made, awaited, waited=wait is not False)


def _source(call: Call) -> tuple[str, str | None]:
    """Return the candidate's directory, and the plan that it has to be."""
    words, identity = call.given.words, call.given.last(PLAN.name)
    if len(words) != 1:
        raise misused(call.verb, "wanted one directory, or one file that `ncolony plan --json` has written")
    if not os.path.isfile(words[0]):
        return words[0], identity
    try:
        with open(words[0], encoding="utf-8") as file:
            value = json.load(file)
        folder, planned = value["candidate"], value["plan"]
    except OSError as error:
        raise ConfigError(f"cannot read {words[0]!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(f"cannot use {words[0]!r}: it is no plan that `ncolony plan --json` has written") from None
    if not (isinstance(folder, str) and isinstance(planned, str)):
        raise ConfigError(f"cannot use {words[0]!r}: it is no plan that `ncolony plan --json` has written")
    if identity is not None and identity != planned:
        raise misused(call.verb, f"--plan {identity} is not the plan in {words[0]!r}")
    return folder, planned


def _agree(made: Plan, identity: str | None) -> None:
    if identity is not None and identity != made.identity:
        raise Refused(
            f"cannot apply plan {identity}: files or programs have changed since it was made, and now it would be plan"
            f" {made.identity}; nothing was changed; `ncolony plan {made.folder}` shows it"
        )


def _tell(call: Call, made: Plan, awaited: Effect, *, waited: bool) -> int:
    late = awaited.left() if waited else []
    good = not awaited.failed and (awaited.is_there or not waited)
    if call.has("--json"):
        words = awaited.came() if waited else {}
        came = {name: {"words": said, "ok": name not in awaited.failed} for name, said in words.items()}
        print(json.dumps({**made.plain(), "ok": good, "came": came, "late": late}, indent=2))
        return DONE if good else FAILED
    if not waited:
        return DONE
    if made.written or made.removed:
        print()
    for name, said in awaited.came().items():
        print(f"{name}: {said}")
    if late or not awaited.is_there:
        what = f": {', '.join(late)}" if late else ""
        call.tell(
            f"the files are there, and not everything that they bring about{what}; that goes on; see `ncolony why`"
        )
    elif awaited.failed:
        call.tell(f"the files are there, and {len(awaited.failed)} failed; `ncolony why NAME` tells more")
    return DONE if good else FAILED


APPLY = Verb(
    "apply", "make the running colony what a directory says", _act, "DIR | PLANFILE",
    (PLAN, WAIT, NO_WAIT, JSON, COLOR),
    "Does what `ncolony plan DIR` tells, and waits until it is so. The colony's files become those of DIR: written\n"
    "and renamed, removals last; where that fails in the middle, the old ones are put back. Refused, with nothing\n"
    "changed, where DIR has mistakes, or where --plan or PLANFILE name a plan and any file or program has changed\n"
    "since.",
    (("ncolony apply ./checkout --plan 3f2a9c1b7d0e", "just what was looked at"),
     ("ncolony apply plan.json", "the same, with a file that `ncolony plan --json` has written")),
)  # fmt: skip
