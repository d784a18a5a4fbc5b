"""Cron lines: what they mean, what is wrong with them, and their moments against a walk from minute to minute."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncolony.core.cronline import FIELDS, SHORTHANDS, parse
from ncolony.core.keyspec import Mismatch
from ncolony.core.record import replace
from ncolony.core.schedule import following, stamp

if TYPE_CHECKING:
    from ncolony.core.cronline import Cron
    from ncolony.core.schedule import Offset

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")  # the last puts its clocks by half an hour
UTC = timezone.utc


def offset_of(zone: str) -> Offset:
    """Return the offset of a zone, as the runtime is given it."""
    known = ZoneInfo(zone)

    def offset(moment: float) -> int:
        there = datetime.fromtimestamp(moment, known).utcoffset()
        assert there is not None
        return int(there.total_seconds())

    return offset


def at(text: str, zone: str) -> float:
    """Return a moment as its clocks show it; of two the first."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def moments(line: str, zone: str, since: str, count: int) -> list[str]:
    """Return the first moments of a line after one, as the zone's clocks show them."""
    cron, offset, moment = parse(line), offset_of(zone), at(since, zone)
    found = []
    for _ in range(count):
        moment = following(cron, moment, offset)
        found.append(stamp(moment, offset))
    return found


# Meaning --------------------------------------------------------------------------------------------------------------


def test_a_line_is_its_fields() -> None:
    """Numbers, ranges, steps, lists, and names in any case."""
    cron = parse(" 0,30  9-17/4 1 JAN,jul-Aug mon-fri ")
    assert cron.minutes == (0, 30)
    assert cron.hours == (9, 13, 17)
    assert cron.days == (1,)
    assert cron.months == (1, 7, 8)
    assert cron.weekdays == (1, 2, 3, 4, 5)
    assert cron.text == "0,30 9-17/4 1 JAN,jul-Aug mon-fri"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@Hourly", "0 * * * *"),
    ],
)
def test_shorthands_mean_their_lines(name: str, line: str) -> None:
    """As in crontab(5)."""
    assert parse(name) == parse(line)


def test_every_month_and_day_has_a_name() -> None:
    """Three letters of English, as in crontab(5)."""
    months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    assert [parse(f"0 0 1 {name} *").months for name in months] == [(number,) for number in range(1, 13)]
    days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    assert [parse(f"0 0 * * {name}").weekdays for name in days] == [(number,) for number in range(7)]


def test_sunday_has_two_numbers() -> None:
    """0 and 7, and a range may end at the second."""
    assert parse("0 0 * * 7").weekdays == parse("0 0 * * 0").weekdays == (0,)
    assert parse("0 0 * * 5-7").weekdays == (0, 5, 6)


@pytest.mark.parametrize(
    ("line", "found", "wanted"),
    [
        ("* * * *", '"* * * *", which has 4 fields', "five fields"),
        ("0 0 2 * * *", '"0 0 2 * * *", which has 6 fields', "five fields"),
        ("60 * * * *", '"60" as the minute of', "a minute from 0 to 59"),
        ("-1 * * * *", '"-1" as the minute of', "a minute from 0 to 59"),
        ("0 24 * * *", '"24" as the hour of', "an? hour from 0 to 23"),
        ("0 0 0 * *", '"0" as the day of the month of', "a day of the month from 1 to 31"),
        ("0 0 * 13 *", '"13" as the month of', "a month from 1 to 12 or jan to dec"),
        ("0 0 * * monday", '"monday" as the day of the week of', "a day of the week from 0 to 7 or sun to sat"),
        ("0 0 * * fri-mon", '"fri-mon" as the day of the week of', "a range from the lower to the higher"),
        ("5/15 * * * *", '"5/15" as the minute of', "a step after a range or *, like 5-59/15"),
        ("\x15/15 * * * *", '"\\u0015/15" as the minute of', "a minute from 0 to 59"),
        ("5/150 * * * *", '"5/150" as the minute of', "a step from 1 to 59"),
        ("*/0 * * * *", '"*/0" as the minute of', "a step from 1 to 59"),
        ("0 0 L * *", '"L" as the day of the month of', "a day of the month from 1 to 31"),
        ("1,,2 * * * *", '"" as the minute of', "a minute from 0 to 59"),
        ("\u0661 * * * *", "as the minute of", "a minute from 0 to 59"),
        ("@reboot", '"@reboot"', "one of @yearly"),
        ("@dayly", '"@dayly"', "did you mean @daily?"),
        ("1," * 600 + "1 * * * *", "characters|of them", "at most 1000 characters"),
    ],
)
def test_mistakes_are_told_with_what_is_wanted(line: str, found: str, wanted: str) -> None:
    """Enough to mend the line without the manual."""
    with pytest.raises(Mismatch) as caught:
        parse(line)
    assert found in caught.value.found or found == "characters|of them"
    assert wanted.replace("an? ", "a ") in caught.value.wanted
    assert caught.value.at == ""


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("60 * * * *", "a minute from 0 to 59"),
        ("*/60 * * * *", "a step from 1 to 59"),
        ("@reboot", f"one of {', '.join(SHORTHANDS)}, or five fields"),
        ("@dayly", f"one of {', '.join(SHORTHANDS)} (did you mean @daily?), or five fields"),
    ],
)
def test_no_more_is_told_than_there_is_to_say(line: str, wanted: str) -> None:
    """A field without names has none to choose from, and what is like nothing was not meant to be anything."""
    with pytest.raises(Mismatch) as caught:
        parse(line)
    assert caught.value.wanted == wanted


def test_numbers_may_have_zeros_before_them_but_no_more_than_three_digits() -> None:
    """As people line their columns up; and no line is a number of a million digits."""
    assert parse("059 * * * *").minutes == (59,)
    assert parse("*/001 * * * *") == replace(parse("* * * * *"), text="*/001 * * * *")
    assert parse("*/059 * * * *").minutes == (0, 59)
    for line in ("0059 * * * *", "*/0001 * * * *", "*/60 * * * *"):
        with pytest.raises(Mismatch):
            parse(line)


def test_a_line_has_a_thousand_characters_at_most() -> None:
    """Blanks around it do not count."""
    assert parse(f" {'0,' * 495}00 * * * * ").minutes == (0,)
    with pytest.raises(Mismatch, match="at most 1000"):
        parse(f"{'0,' * 495}000 * * * *")


@pytest.mark.parametrize("line", ["30 2 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 feb */2"])
def test_a_line_that_never_comes_is_refused(line: str) -> None:
    """It would wait for ever, and nobody would know why."""
    with pytest.raises(Mismatch) as caught:
        parse(line)
    assert "which never comes" in caught.value.found


@pytest.mark.parametrize("line", ["0 0 29 2 *", "0 0 30 2 mon", "0 0 29 2 */6"])
def test_a_line_that_comes_seldom_is_taken(line: str) -> None:
    """29 February comes, also on one day of the week; with two restricted days either is enough."""
    assert moments(line, "UTC", "2097-01-01T00:00", 1)


def test_a_line_that_was_not_parsed_and_never_comes_is_a_bug_of_ours() -> None:
    """It is told, and nobody looks for ever."""
    never = replace(parse("0 0 1 2 *"), days=(30,))
    with pytest.raises(AssertionError, match="never comes"):
        following(never, 0.0, lambda _: 0)


def test_days_of_month_and_week_are_either_where_both_are_restricted() -> None:
    """Vixie's rule: the 13th, and every Friday; but with a `*` both."""
    assert [day[8:10] for day in moments("0 0 13 * fri", "UTC", "2026-02-01T00:00", 5)] == [
        "06",
        "13",
        "20",
        "27",
        "06",
    ]
    assert moments("0 0 */13 * fri", "UTC", "2026-02-01T00:00", 2) == [
        "2026-02-27T00:00:00+00:00",
        "2026-03-27T00:00:00+00:00",
    ]


# Clocks that are changed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "line", "since", "days"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", ["29T03:00:00+02:00", "30T02:30:00+02:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", ["25T02:30:00+02:00", "26T02:30:00+01:00"]),
        ("America/New_York", "30 2 * * *", "2026-03-07T12:00", ["08T03:00:00-04:00", "09T02:30:00-04:00"]),
        ("America/New_York", "30 1 * * *", "2026-10-31T12:00", ["01T01:30:00-04:00", "02T01:30:00-05:00"]),
        ("America/Nuuk", "30 23 * * *", "2026-03-28T12:00", ["29T00:00:00-01:00", "29T23:30:00-01:00"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", ["04T02:30:00+11:00", "05T02:15:00+11:00"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00", ["05T01:45:00+11:00", "06T01:45:00+10:30"]),
    ],
)
def test_a_job_of_the_night_runs_once_a_day_when_clocks_are_changed(
    zone: str, line: str, since: str, days: list[str]
) -> None:
    """Bug 54: what is left out comes at the first moment after that, what comes twice the first time."""
    assert [moment[8:] for moment in moments(line, zone, since, 2)] == days


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("minute", [0, 15, 30, 45])
@pytest.mark.parametrize("hour", [0, 1, 2, 3])
def test_every_hour_of_the_night_comes_once_a_day_all_year(zone: str, hour: int, minute: int) -> None:
    """Bug 54: 365 days, 365 runs, whatever the clocks do in between."""
    days = [moment[:10] for moment in moments(f"{minute} {hour} * * *", zone, "2026-01-01T12:00", 365)]
    assert len(set(days)) == 365
    assert days[-1] == "2027-01-01"


def test_what_is_left_out_comes_at_the_very_end_of_the_gap() -> None:
    """Bug 54: to the second, from wherever it is looked for."""
    for minute in range(60):
        assert moments(f"{minute} 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 1) == ["2026-03-29T03:00:00+02:00"]


def test_several_moments_in_the_hour_that_is_left_out_are_one() -> None:
    """Bug 54: a burst of what was left out would be worse than nothing."""
    assert moments("0,20,40 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:00:00+02:00",
    ]


def test_a_line_for_every_hour_goes_by_the_time_that_passes() -> None:
    """Bug 54: it runs in both of the hours that look alike, and makes nothing up."""
    both = moments("30 * * * *", "Europe/Berlin", "2026-10-25T01:00", 4)
    assert [moment[11:] for moment in both] == ["01:30:00+02:00", "02:30:00+02:00", "02:30:00+01:00", "03:30:00+01:00"]
    gap = moments("30 * * * *", "Europe/Berlin", "2026-03-29T00:40", 2)
    assert [moment[11:] for moment in gap] == ["01:30:00+01:00", "03:30:00+02:00"]


def test_a_day_that_a_zone_leaves_out_runs_at_its_end() -> None:
    """Samoa went over the date line at the end of 29 December 2011."""
    assert moments("0 12 * * *", "Pacific/Apia", "2011-12-29T13:00", 2) == [
        "2011-12-31T00:00:00+14:00",
        "2011-12-31T12:00:00+14:00",
    ]


# Against a walk from minute to minute ---------------------------------------------------------------------------------


def brute(cron: Cron, after: datetime) -> datetime:
    """Find the next moment in UTC the slow way."""
    minute = after.replace(second=0, microsecond=0)
    while True:
        minute += timedelta(minutes=1)
        weekday = (minute.weekday() + 1) % 7
        day = (minute.day in cron.days, weekday in cron.weekdays)
        if (
            minute.minute in cron.minutes
            and minute.hour in cron.hours
            and minute.month in cron.months
            and (any(day) if cron.either else all(day))
        ):
            return minute


@st.composite
def fields(draw: st.DrawFn, place: int) -> str:
    """Make a field of a line."""
    field = FIELDS[place]
    least, most = field.least, min(field.most, 28)
    numbers = st.integers(least, most)
    part = st.one_of(
        st.just("*"),
        st.builds("*/{}".format, st.integers(1, 7)),
        st.builds(str, numbers),
        st.builds(lambda one, two: f"{min(one, two)}-{max(one, two)}", numbers, numbers),
        st.builds(
            lambda one, two, step: f"{min(one, two)}-{max(one, two)}/{step}", numbers, numbers, st.integers(1, 5)
        ),
    )
    return ",".join(draw(st.lists(part, min_size=1, max_size=2)))


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(*(fields(place) for place in range(3)), st.sampled_from(("*", "*/2", "1-11", "mar-may,oct")), fields(4)),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_the_next_moment_is_that_of_a_walk_from_minute_to_minute(words: tuple[str, ...], when: datetime) -> None:
    """All fields together, wherever one starts."""
    cron = parse(" ".join(words))
    after = when.replace(tzinfo=UTC)
    assert following(cron, after.timestamp(), lambda _: 0) == brute(cron, after).timestamp()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES), st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23)),
    st.integers(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2028, 1, 1, tzinfo=UTC).timestamp())),
)  # fmt: skip
def test_in_a_zone_the_next_moment_shows_the_time_or_ends_a_gap(zone: str, line: str, after: int) -> None:
    """It is never further away than a day and a change of clocks, and never shows another time but after a gap."""
    cron, offset = parse(line), offset_of(zone)
    moment = following(cron, after, offset)
    assert after < moment <= after + 86400 + 3600
    there = datetime.fromtimestamp(moment, ZoneInfo(zone))
    if (there.hour, there.minute) != (cron.hours[0], cron.minutes[0]):
        assert offset(moment - 1) < offset(moment)
