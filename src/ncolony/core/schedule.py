"""When a scheduled program is to run: what its file says, and the moments of a cron line. Pure.

Moments are seconds on the wall clock (Unix time). What a zone's clocks show is asked of a function, its *offset*: the
seconds that they are ahead of UTC at a moment.

Where clocks are put forward, what falls into the hour that is left out runs at the first moment after it. Where they
are put back, what falls into the hour that comes twice runs the first time. A line whose hours begin with ``*`` goes by
the time that passes instead: it runs in both, and makes nothing up.
"""

from __future__ import annotations

from binascii import crc32

from ncolony.core.cronline import Cron
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Offset = Callable[[float], int]

SKIP, QUEUE, REPLACE = "skip", "queue", "replace"
LATE = 60.0
"""Seconds after its moment in which a run is not missed yet: an upgrade, or a successor's start, may take some."""
SET_BACK = 3 * 3600.0
"""A clock that is set back by more was wrong before, and moments may come again."""
MOST_COUNTED = 1000
YEARS = 50  # in which every line that comes at all has come: 29 February on one day of the week takes up to 40
DAY = 86400


@record
class Schedule:
    """When a program runs, and what is done about a run that takes long or fails. Times are seconds."""

    every: float | None = None
    """From one start to the next; None: at the moments of ``cron``."""
    cron: Cron | None = None
    zone: str = ""
    """The time zone of ``cron``; empty: the system's."""
    jitter: float = 0.0
    """By how much, at most, a slot's moments are put off; always by the same."""
    overlap: str = SKIP
    """What becomes of a moment that finds the last run still going on: nothing; a run after that; a run instead."""
    catch_up: bool = False
    """One run is made up where some were missed."""
    timeout: float | None = None
    """How long a run may take."""
    grace: float | None = None
    """How long it may take to stop then; None: as long as at any other stop."""
    retries: int = 0
    """How often a run that failed is tried again before the next moment."""


@record
class Outlook:
    """How a cron line stands at a moment."""

    due: bool
    """A run is to be started."""
    next: float
    """When the next moment comes."""
    missed: int
    """Moments that went by without a run, up to a thousand."""
    judged: float
    """Up to when all moments have been judged: until now, or until where the clock has been before."""
    again: float
    """When to look again: while the clock shows what it has shown before, also at a moment that is not repeated, as not
    every system tells that the clock was put right."""


def judged(seen: float, now: float) -> float:
    """Return up to when all is judged, where that was ``seen``: a clock that is set back a little repeats nothing."""
    return seen if now < seen <= now + SET_BACK else now


def look(rule: Schedule, seen: float, now: float, offset: Offset) -> Outlook:
    """Judge the moments of a cron line after ``seen``, up to which all have been judged before, until ``now``."""
    assert rule.cron is not None
    if seen > now + SET_BACK:
        seen = now
    moment, latest, count = following(rule.cron, seen, offset), None, 0
    while moment <= now:
        latest, count = moment, count + 1
        # After a year of minutes there is no more to learn: only whether one has come just now.
        moment = following(rule.cron, max(moment, now - LATE) if count >= MOST_COUNTED else moment, offset)
    due = latest is not None and (rule.catch_up or now - latest <= LATE)
    again = following(rule.cron, now, offset) if seen > now else moment
    return Outlook(due, moment, min(count, MOST_COUNTED) - due, judged(seen, now), again)


def following(cron: Cron, after: float, offset: Offset) -> float:
    """Return the first moment of a line after a moment."""
    today = int(after + offset(after)) // DAY
    for day in _days(cron, today - 1):  # what is left out late on one day may come on the next
        for moment in _moments(cron, day, after, offset):
            if moment > after:
                return moment
    raise AssertionError(f"{cron.text!r} never comes")  # cronline.py refuses such lines


def _days(cron: Cron, first: int) -> Iterator[int]:
    """Return the days that a line falls on, as days after 1970."""
    year, month, start = civil(first)
    end = year + YEARS
    while year <= end:
        if month in cron.months:
            base = days_before(year, month)
            for day in range(start, length(year, month) + 1):
                if cron.falls_on(day, (base + day + 3) % 7):  # 1970 began on a Thursday
                    yield base + day - 1
        start = 1
        year, month = (year, month + 1) if month < len(_LENGTHS) else (year + 1, 1)


def _moments(cron: Cron, day: int, after: float, offset: Offset) -> Iterator[float]:
    """Return the moments of a day that matter after ``after``, in order."""
    begin = day * DAY
    ahead = offset(begin - DAY)
    if ahead == offset(begin + 2 * DAY):  # no clock is changed on this day
        since = (after - begin + ahead) // 3600  # hours that are over need not be looked at
        for hour in cron.hours:
            if hour >= since:
                yield from (float(begin + hour * 3600 + minute * 60 - ahead) for minute in cron.minutes)
        return
    found: set[float] = set()
    for hour in cron.hours:
        for minute in cron.minutes:
            found.update(_instants(begin + hour * 3600 + minute * 60, cron.through, offset))
    yield from sorted(found)


def _instants(local: int, through: bool, offset: Offset) -> list[float]:  # noqa: FBT001 - as a Cron has it
    """Return when clocks show a time at which a line runs: mostly once."""
    before, after = offset(local - DAY), offset(local + DAY)
    shown = sorted({float(local - ahead) for ahead in (before, after) if offset(local - ahead) == ahead})
    if shown:
        return shown if through else shown[:1]
    return [] if through else [_end_of_gap(float(local - after), float(local - before), before, offset)]


def _end_of_gap(low: float, high: float, before: int, offset: Offset) -> float:
    """Return the first second at which the clocks have been put forward; it is after ``low``, by ``high``."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == before else (low, middle)
    return high


# What people see ------------------------------------------------------------------------------------------------------


def stamp(moment: float, offset: Offset) -> str:
    """Return a moment as RFC 3339 writes it, on the clocks of a zone."""
    ahead = offset(moment)
    days, seconds = divmod(int(moment + ahead), DAY)
    year, month, day = civil(days)
    hours, minutes = divmod(abs(ahead) // 60, 60)
    zone = f"{'-' if ahead < 0 else '+'}{hours:02}:{minutes:02}"
    return f"{year:04}-{month:02}-{day:02}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{zone}"


def in_words(seconds: float) -> str:
    """Return how far away a moment is: ``in 7 min``."""
    left = round(max(0.0, seconds))
    for size, unit in ((DAY, "d"), (3600, "h"), (60, "min")):
        if left >= 2 * size:
            return f"in {left // size} {unit}"
    return f"in {left} s"


def put_off(rule: Schedule, lot: str) -> float:
    """Return by how much the moments of a slot are put off: the same for the same ``lot``."""
    return rule.jitter * crc32(lot.encode("utf-8", "surrogatepass")) / 2**32 if rule.jitter else 0.0


# The calendar, after Howard Hinnant's chrono-compatible algorithms ----------------------------------------------------

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days after 1 January 1970."""
    era, in_era = divmod(days + 719468, 146097)
    year = (in_era - in_era // 1460 + in_era // 36524 - in_era // 146096) // 365
    in_year = in_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * in_year + 2) // 153
    day = in_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - March is the first of its months
    return year + era * 400 + (month <= 2), month, day  # noqa: PLR2004 - and January belongs to the year before


def days_before(year: int, month: int) -> int:
    """Return the days from 1 January 1970 to the first of a month."""
    year -= month <= 2  # noqa: PLR2004 - as above
    era, in_era = divmod(year, 400)
    in_year = (153 * ((month + 9) % 12) + 2) // 5
    return era * 146097 + in_era * 365 + in_era // 4 - in_era // 100 + in_year - 719468


def length(year: int, month: int) -> int:
    """Return the number of days of a month."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _LENGTHS[month - 1] + (month == 2 and leap)  # noqa: PLR2004 - February
