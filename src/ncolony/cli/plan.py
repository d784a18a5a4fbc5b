"""``ncolony plan``: what a directory of programs would change, were it that of the running colony."""

from __future__ import annotations

import json
import os
from hashlib import sha256

from ncolony.cli.check import ERROR, findings, line, read_candidate
from ncolony.cli.place import connect, place_of
from ncolony.cli.tables import COLOR, DIM, GREEN, RED, YELLOW, printable, table, wants_color
from ncolony.cli.verb import DONE, JSON, Call, Verb, misused
from ncolony.core.colonyspec import NAME as COLONY
from ncolony.core.errors import ConfigError, Refused
from ncolony.core.record import record
from ncolony.core.steps import CHANGE, RELOAD, RESTART, SAME, START, STOP, Act, steps
from ncolony.directory.candidate import read_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ncolony.control.client import Client
    from ncolony.core.steps import Step
    from ncolony.directory.candidate import Candidate

MOST_NAMES = 1000  # in a request, and so many bytes of texts
MOST_BYTES = 900_000
COLORS = {START: GREEN, RESTART: YELLOW, RELOAD: YELLOW, CHANGE: "", STOP: RED, SAME: DIM}


@record
class Plan:
    """What would be done, and what it was made of."""

    identity: str
    """Another one as soon as a file here or there, or what the supervisor knows, is another."""
    folder: str
    """The candidate, as an absolute path."""
    config: str
    """The colony's directory of programs."""
    before: Mapping[str, bytes]
    """What is there now."""
    candidate: Candidate
    steps: tuple[Step, ...]
    described: frozenset[str]
    """The programs whose description changes."""

    @property
    def written(self) -> list[str]:
        """The names of files that are written, or written anew."""
        texts = self.candidate.texts
        return sorted(name for name, data in texts.items() if self.before.get(name) != data)

    @property
    def removed(self) -> list[str]:
        """The names of files that are removed."""
        return sorted(name for name in self.before if name not in self.candidate.texts)

    @property
    def useless(self) -> list[str]:
        """The names of files that are removed and that no program stops for: they cannot be used, say."""
        stopped = {one.name for one in self.steps if one.act == STOP}
        return [name for name in self.removed if name != COLONY and name not in stopped]

    @property
    def modes(self) -> dict[str, int]:
        """The modes of the candidate's files."""
        return {file.name: file.mode for file in self.candidate.files}

    @property
    def colony(self) -> str:
        """What happens to the colony's own file: ``written``, ``removed`` or ``same``."""
        return "written" if COLONY in self.written else "removed" if COLONY in self.removed else "same"

    def plain(self) -> dict[str, object]:
        """Return it for JSON; docs/check.md tells the fields."""
        return {
            "plan": self.identity,
            "candidate": self.folder,
            "config": self.config,
            "colony": self.colony,
            "write": self.written,
            "remove": self.removed,
            "steps": [
                {"name": one.name, "act": one.act, "keys": list(one.keys), "because": one.because or None,
                 "note": one.note or None} for one in self.steps
            ],
        }  # fmt: skip


def make(call: Call, folder: str, asked: Client) -> Plan:
    """Plan. Raises :class:`ConfigError` for a candidate with mistakes, and :class:`Refused`; warnings are told."""
    candidate = read_candidate(folder)
    found = list(findings(candidate))
    for one in found:
        call.tell(line(one))
    if errors := sum(one.severity == ERROR for one in found):
        raise ConfigError(f"cannot use {candidate.path!r}: {errors} error{'s' * (errors > 1)}; nothing was changed")
    config = os.path.realpath(place_of(call.given).config)
    before = read_all(config).texts
    texts = {name: data.decode() for name, data in candidate.texts.items() if name != COLONY}
    acts, current = _asked(asked, texts)
    told = [current, *(sorted((name, sha256(data).hexdigest()) for name, data in those.items())
                       for those in (before, candidate.texts))]  # fmt: skip
    return Plan(
        identity=sha256(json.dumps(told).encode()).hexdigest()[:12],
        folder=os.path.realpath(candidate.path),
        config=config,
        before=before,
        candidate=candidate,
        steps=steps(acts, candidate.programs),
        described=frozenset(act.name for act in acts if act.act != "none"),
    )


def _asked(asked: Client, texts: Mapping[str, str]) -> tuple[list[Act], str]:
    """Ask the supervisor what these files would change, were there no others; and what it has now."""
    acts, answer = [], asked.ask("plan", texts={})
    current = answer["current"]
    gone = dict.fromkeys(name for name in answer["programs"] if name not in texts)
    for part in _parts({**texts, **gone}):
        answer = asked.ask("plan", texts=part)
        if answer["current"] != current:
            raise Refused("cannot plan: the colony's files are being changed just now; try again")
        acts += [_act(one) for one in answer["acts"]]
    return acts, current


def _act(answered: dict[str, Any]) -> Act:
    if problems := answered.get("problems"):
        raise ConfigError(f"the supervisor cannot use {answered['name']!r}: {'; '.join(problems)}; nothing was changed")
    keys, restart = tuple(answered.get("keys", ())), bool(answered.get("restart"))
    return Act(answered["name"], answered["act"], answered["up"], keys, restart)


def _parts(texts: Mapping[str, str | None]) -> Iterator[dict[str, str | None]]:
    part: dict[str, str | None] = {}
    size = 0
    for name, text in texts.items():
        takes = len(json.dumps({name: text}))
        if takes > MOST_BYTES:
            raise ConfigError(
                f"cannot plan {name!r}: its file is too long to be sent; write it into the colony instead"
            )
        if part and (size + takes > MOST_BYTES or len(part) == MOST_NAMES):
            yield part
            part, size = {}, 0
        part[name] = text
        size += takes
    if part:
        yield part


def shown(plan: Plan, *, color: bool) -> str:
    """Return a plan for people."""
    changes = [one for one in plan.steps if one.act != SAME]
    lines = [printable(f"plan {plan.identity}: {plan.folder} for {plan.config}")]
    if changes:
        rows = [[one.act, one.name, _why(one)] for one in changes]
        lines += [
            "",
            table(("ACT", "PROGRAM", ""), rows, [[COLORS[one.act], "", DIM] for one in changes], color=color),
            "",
        ]
    if useless := plan.useless:
        lines.append(printable(f"removed too, files of no program that runs: {', '.join(useless)}"))
    if plan.colony != "same":
        lines.append(f"{COLONY} is {plan.colony}: what holds for the whole colony changes")
    lines.append(f"{len(plan.steps) - len(changes)} go on unchanged" if changes or plan.written or plan.removed
                 else "nothing to do: the colony is as that directory says")  # fmt: skip
    return "\n".join(lines)


def _why(step: Step) -> str:
    said = [step.note] if step.note else []
    if step.because:
        said.insert(0, f"needs {step.because}, which is restarted")
    if step.keys:
        keys = ["keys of its own" if key == "extras" else key for key in step.keys]
        said.insert(0, f"{', '.join(keys)} differ{'s' * (len(keys) == 1 and step.keys[0] != 'extras')}")
    if step.act == STOP:
        said.append("no file for it there")
    return "; ".join(said)


def _act_plan(call: Call) -> int:
    words = call.given.words
    if len(words) > 1:
        raise misused(call.verb, f"found {len(words)} directories, wanted one")
    color = wants_color(call.given)
    with connect(call.given) as asked:
        plan = make(call, words[0] if words else place_of(call.given).config, asked)
    if call.has("--json"):
        print(json.dumps(plan.plain(), indent=2))
        return DONE
    print(shown(plan, color=color))
    if words and (plan.written or plan.removed):
        print(f"\n`ncolony apply {words[0]} --plan {plan.identity}` does it")
    return DONE


PLAN = Verb(
    "plan", "tell what a directory would change in the running colony", _act_plan, "[DIR]", (JSON, COLOR),
    "DIR is a directory of programs' files, or a folder with conf/ in it: a checkout, say; if not given, the colony's\n"
    "own. Told is what `ncolony apply` would do, in order: which programs start, are restarted, change without that,\n"
    "or stop, and which keys differ. The plan's number stands for all that it was made of.",
    (("ncolony plan ./checkout", "what would it do?"),
     ("ncolony plan ./checkout --json > plan.json", "for `ncolony apply plan.json`")),
)  # fmt: skip
