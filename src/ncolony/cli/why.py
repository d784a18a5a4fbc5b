"""``ncolony why``: the story of a program in one screen; without a name, what is wrong in the colony now."""

from __future__ import annotations

import time

from ncolony.cli.place import connect
from ncolony.cli.tables import BOLD, COLOR, DIM, paint, printable, wants_color
from ncolony.cli.verb import DONE, JSON, Call, Verb, show_json
from ncolony.core.story import is_wrong, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Answer = dict[str, Any]

DAY = 86400.0


def _act(call: Call) -> int:
    names = call.given.words
    color = wants_color(call.given)
    with connect(call.given) as colony:
        answer = colony.ask("why", names=names) if names else colony.ask("why")
    if call.has("--json"):
        show_json(answer)
        return DONE
    now = time.time()
    for line in stories(answer, now) if names else _wrong(answer):
        head = not line.startswith(" ")
        print(paint(printable(line), BOLD if head else DIM if line.startswith("    |") else "", on=color))
    return DONE


def stories(answer: Answer, now: float) -> list[str]:
    """Return the stories of the instances in an answer, line by line."""
    lines: list[str] = []
    for status in answer["instances"]:
        entries = [entry for entry in reversed(answer["history"]) if entry.get("p") == status["name"]]
        lines += tell(status, entries, now, lambda when: _clock(when, now), status.get("attempts"))
    return lines


def _clock(when: float, now: float) -> str:
    """Return a time of day, with the date where that is not today."""
    there = time.localtime(when)
    today = time.localtime(now)[:3] == there[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", there)


def _wrong(answer: Answer) -> list[str]:
    lines = []
    for status in answer["instances"]:
        words = is_wrong(status)
        if words:
            name = status["name"] if status["of"] == 1 else f"{status['name']}:{status['number']}"
            lines.append(f"{name} {words}")
    problems = answer.get("problems", [])
    if not lines and not problems:
        return ["nothing is wrong: every program is as it should be"]
    more = ["  `ncolony why NAME` tells the story of one"] if lines else []
    return [*lines, *problems, *more, *(["  `ncolony check` looks at all files"] if problems else [])]


WHY = Verb(
    "why", "tell why a program is as it is, or what is wrong", _act, "[NAME ...]", (JSON, COLOR),
    "Of each NAME: how it stands, how its last run ended and whose doing that was, what it said last, what happened\n"
    "before, and what comes next. Without names: what is wrong in the colony now.",
    (("ncolony why", "what is wrong"), ("ncolony why web", "the story of one program")),
)  # fmt: skip
