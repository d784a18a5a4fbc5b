"""A cron line: five fields, as Vixie's cron has them, and what they mean. Pure; schedule.py works out the moments.

A field is ``*`` or a list of numbers and ranges, each with a step where it is ``*`` or a range: ``0,30``, ``9-17/2``,
``*/5``. Months and days of the week have names. Sunday is 0 and 7. Of the day of the month and the day of the week
either has to match where both are restricted, and both where one begins with ``*``.
"""

from __future__ import annotations

from ncolony.core.keyspec import Mismatch
from ncolony.core.names import nearest
from ncolony.core.parse import shown
from ncolony.core.record import record

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
WANTED = 'five fields, minute, hour, day of the month, month and day of the week, like "30 2 * * mon-fri", or "@daily"'
MAX_LENGTH = 1000


@record
class Cron:
    """What a line means. All tuples are sorted."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    """From 0, Sunday, to 6."""
    either: bool
    """One of day of the month and day of the week is enough."""
    through: bool
    """The hours begin with ``*``: it goes by the time that passes, also where the clocks are changed."""

    def falls_on(self, day: int, weekday: int) -> bool:
        """Tell whether there are moments on a day of one of its months."""
        if self.either:
            return day in self.days or weekday in self.weekdays
        return day in self.days and weekday in self.weekdays


@record
class Field:
    """What may stand in one of the five places."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    """Of the values from ``least`` on."""

    def words(self) -> str:
        """Say what is wanted in it."""
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"a {self.name} from {self.least} to {self.most}{names}"


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 7, WEEKDAYS),
)


def parse(text: str) -> Cron:
    """Return what a line means. Raises :class:`Mismatch` with what is wrong in it."""
    line = text.strip()
    if len(line) > MAX_LENGTH:
        raise Mismatch(f"a cron line of at most {MAX_LENGTH} characters", "", f"{len(line)} of them")
    if line.startswith("@"):
        line = _shorthand(line)
    words = line.split()
    if len(words) != len(FIELDS):
        raise Mismatch(WANTED, "", f"{shown(text)}, which has {len(words)} field{'s' * (len(words) != 1)}")
    minutes, hours, days, months, weekdays = (
        tuple(sorted(_values(field, word, text))) for field, word in zip(FIELDS, words, strict=True)
    )
    cron = Cron(
        text=" ".join(words),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % 7 for day in weekdays})),
        either=words[2][0] != "*" and words[4][0] != "*",
        through=words[1][0] == "*",
    )
    if not cron.either and not any(cron.days[0] <= LONGEST_MONTHS[month - 1] for month in cron.months):
        found = f"{shown(text)}, which never comes: there is no day {cron.days[0]} in the months it names"
        raise Mismatch("a line that comes some day", "", found)
    return cron


def _shorthand(line: str) -> str:
    known = SHORTHANDS.get(line.lower())
    if known is None:
        near = nearest(line.lower(), list(SHORTHANDS))
        hint = f" (did you mean {near}?)" if near else ""
        raise Mismatch(f"one of {', '.join(SHORTHANDS)}{hint}, or five fields", "", shown(line))
    return known


def _values(field: Field, word: str, text: str) -> set[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        if span == "*":
            first, last = field.least, field.most
        elif slash and not dash:
            first = _number(field, low, part, text)
            wanted = f"a step after a range or *, like {first}-{field.most}/{_step(field, step, part, text)}"
            raise _wrong(field, part, text, wanted)
        else:
            first = _number(field, low, part, text)
            last = _number(field, high, part, text) if dash else first
        if first > last:
            raise _wrong(field, part, text, "a range from the lower to the higher")
        found.update(range(first, last + 1, _step(field, step, part, text) if slash else 1))
    return found


def _number(field: Field, word: str, part: str, text: str) -> int:
    if word.lower() in field.names:
        return field.names.index(word.lower()) + field.least
    if not (word.isascii() and word.isdigit() and len(word) <= len("059") and field.least <= int(word) <= field.most):
        raise _wrong(field, part, text, field.words())
    return int(word)


def _step(field: Field, word: str, part: str, text: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= len("059") and 0 < int(word) <= field.most):
        raise _wrong(field, part, text, f"a step from 1 to {field.most}")
    return int(word)


def _wrong(field: Field, part: str, text: str, wanted: str) -> Mismatch:
    return Mismatch(wanted, "", f"{shown(part)} as the {field.name} of {shown(text)}")
