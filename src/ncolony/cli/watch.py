"""The verbs that watch: logs, events."""

from __future__ import annotations

import json
import re
import time

from ncolony.cli.options import Option
from ncolony.cli.place import connect
from ncolony.cli.tables import BLUE, BOLD, COLOR, DIM, GREEN, RED, YELLOW, paint, printable, wants_color
from ncolony.cli.verb import DONE, JSON, Call, Verb, misused, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Line = dict[str, Any]

MOST_LINES, MAX_MOMENT = 10_000, 2**32  # what the protocol takes
PALETTE = (GREEN, YELLOW, BLUE, "35", "36", "92", "93", "94", "95", "96")
FOLLOW = Option("--follow", "", "go on with what comes", short="-f")


def _logs(call: Call) -> int:
    given = call.given
    since = given.last("--since")
    sent: dict[str, object] = {"lines": _count(call, "--lines", 10 if since is None else MOST_LINES)}
    if since is not None:
        sent["since"] = _moment(call, since)
    if given.words:
        sent["names"] = given.words
    if (stream := given.last("--stream")) is not None:
        sent["stream"] = stream
    if call.has("--follow"):
        sent["follow"] = True
    pattern = _pattern(call)
    color, label = wants_color(given), _Label()
    with connect(given) as colony:
        try:
            for line in colony.parts("logs", **sent):
                if "ok" in line or (pattern is not None and not pattern.search(line.get("line", ""))):
                    continue
                print(json.dumps(line) if call.has("--json") else label.line(line, on=color), flush=True)
        except KeyboardInterrupt:
            return DONE
    return DONE


class _Label:
    """Tells programs apart: by name where there are several, each in a colour of its own."""

    def __init__(self) -> None:
        self._colors: dict[str, str] = {}

    def line(self, line: Line, *, on: bool) -> str:
        name = f"{line['program']}:{line['instance']}" if line.get("of", 1) != 1 else str(line["program"])
        color = self._colors.setdefault(name, PALETTE[len(self._colors) % len(PALETTE)])
        if "gap" in line:
            return paint(f"{name} | {line['gap']} bytes were passed over: too much came at a time", DIM, on=on)
        text = printable(line["line"])
        return f"{paint(f'{name} |', color, on=on)} {paint(text, RED if line['stream'] == 'stderr' else '', on=on)}"


def _events(call: Call) -> int:
    given = call.given
    since = given.last("--since")
    if since is not None and since != "now" and whole(since) is None:
        raise misused(call.verb, f"cannot use --since {since}: wanted the number of an event, or now")
    sent: dict[str, object] = {"names": given.words} if given.words else {}
    color = wants_color(given)
    start: int | str = "now" if since is None or since == "now" else int(since)
    with connect(given) as colony:
        try:
            stream = (
                colony.events(start, **sent)
                if call.has("--follow") or since is None
                else colony.parts("events", since=start, follow=False, **sent)
            )
            for event in stream:
                if call.has("--json"):
                    print(json.dumps(event), flush=True)
                elif (text := _event(event, on=color)) is not None:
                    print(text, flush=True)
        except KeyboardInterrupt:
            return DONE
    return DONE


def _event(event: Line, *, on: bool) -> str | None:
    if "gap" in event:
        first, last = event["gap"]
        return paint(f"events {first} to {last} are not known any more", DIM, on=on)
    if not event.get("text"):
        return None
    head = f"{paint(local(event['at']), DIM, on=on)}  {paint(str(event['event']), BOLD, on=on)}"
    return f"{head}  {printable(event['text'])}"


def local(moment: str) -> str:
    """Return a time in UTC, as the protocol has it, as the local time of day."""
    whole = time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")
    return time.strftime("%H:%M:%S", time.localtime(_seconds(whole)))


def _seconds(utc: time.struct_time) -> float:
    """Return the seconds since the epoch of a time in UTC, as calendar.timegm does, whose import is dear."""
    days = 365 * (utc.tm_year - 1970) + (utc.tm_year - 1969) // 4 - (utc.tm_year - 1901) // 100
    days += (utc.tm_year - 1601) // 400 + utc.tm_yday - 1
    return ((days * 24 + utc.tm_hour) * 60 + utc.tm_min) * 60 + utc.tm_sec


def _moment(call: Call, text: str) -> float:
    """Return the time that is meant, in seconds since the epoch. Raises ConfigError."""
    from datetime import datetime

    from ncolony.core.keyspec import Mismatch
    from ncolony.core.readers import a_duration

    try:
        return max(0.0, time.time() - a_duration(text))
    except Mismatch:
        pass
    try:
        at = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text).timestamp()
        if 0 <= at < MAX_MOMENT:
            return at
    except (ValueError, OverflowError, OSError):
        pass
    wanted = 'wanted how long ago, like 90s or 5m, or a time, like "2026-11-25 14:05" or 2026-11-25T14:05:00Z'
    raise misused(call.verb, f"cannot use --since {text}: {wanted}")


def _count(call: Call, option: str, default: int) -> int:
    text = call.given.last(option)
    if text is None:
        return default
    number = whole(text)
    if number is None:
        raise misused(call.verb, f"cannot use {option} {text}: wanted a whole number")
    return number


def _pattern(call: Call) -> re.Pattern[str] | None:
    text = call.given.last("--grep")
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise misused(call.verb, f"cannot use --grep {text!r}: it is no regular expression ({error})") from None


LOGS = Verb(
    "logs", "show the last lines of programs, and follow them", _logs, "[NAME ...]",
    (
        FOLLOW,
        Option("--lines", "N", "how many of the last lines of each [10]", short="-n"),
        Option("--since", "TIME", "only what came since then: 90s, 5m, or 2026-11-25T14:05:00; all lines of that"),
        Option("--stream", "STREAM", "stdout or stderr; both if not given", among=("stdout", "stderr")),
        Option("--grep", "REGEX", "only lines in which it is found"),
        JSON, COLOR,
    ),
    "Without names, of all programs. The supervisor has the last 64 KB of each stream at hand; older output is where\n"
    "the key `log` sends it.",
    (
        ("ncolony logs -f web db", "follow two programs, each in a colour of its own"),
        ("ncolony logs --since 5m", "what all have written in the last five minutes, as far as it is at hand"),
    ),
)  # fmt: skip
EVENTS = Verb(
    "events", "show what happens, as it happens", _events, "[NAME ...]",
    (
        FOLLOW,
        Option("--since", "N", "begin with the event after that number; with it, end with the last unless --follow"),
        JSON, COLOR,
    ),
    "Follows until Ctrl-C, over upgrades and restarts of the supervisor. The last 4096 events are known.",
    (("ncolony events --since 0", "what is still known, and no more"),),
)  # fmt: skip
