"""What moments lead to: runs, missed runs, and what a program may say of them."""

from __future__ import annotations

import json
from zlib import crc32

import pytest

from ncolony.core import cronline
from ncolony.core.check import check
from ncolony.core.cronline import parse
from ncolony.core.parse import parse as parse_json
from ncolony.core.program import Defaults
from ncolony.core.record import replace
from ncolony.core.restarts import Again, RestartPolicy, of_a_job
from ncolony.core.schedule import LATE, Schedule, civil, days_before, following, in_words, length, look, put_off, stamp
from ncolony.core.schedulekeys import MAX_ZONE

NIGHTLY = parse("30 2 * * *")
NIGHT = 1_800_000_000 // 86400 * 86400 + 2.5 * 3600
DAY = 86400.0


def utc(_: float) -> int:
    """No zone at all."""
    return 0


def judge(seen: float, now: float, *, catch_up: bool = False, line: str = "") -> tuple[bool, float, int]:
    """Look at a nightly job; times are relative to one of its moments."""
    rule = Schedule(cron=parse(line) if line else NIGHTLY, catch_up=catch_up)
    found = look(rule, NIGHT + seen, NIGHT + now, utc)
    return found.due, found.next - NIGHT, found.missed


def checked(**keys: object) -> tuple[object, list[str]]:
    """Return the schedule that a file has, and what is wrong with it."""
    text = json.dumps({"args": ["job"], **keys})
    result = check("job", *parse_json(text.encode()), Defaults())
    return (result.program.schedule if result.program else None), [str(problem) for problem in result.problems]


# Moments --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "now", "catch_up", "found"),
    [
        (-5.0, -1.0, False, (False, 0.0, 0)),  # not yet
        (-5.0, 0.0, False, (True, DAY, 0)),  # now
        (-5.0, LATE, False, (True, DAY, 0)),  # a minute late is not missed
        (-5.0, LATE + 1, False, (False, DAY, 1)),
        (-5.0, LATE + 1, True, (True, DAY, 0)),
        (0.0, 0.0, True, (False, DAY, 0)),  # judged before
        (-5.0, 3.5 * DAY, False, (False, 4 * DAY, 4)),
        (-5.0, 3.5 * DAY, True, (True, 4 * DAY, 3)),  # four are made up by one
        (-5.0, 3 * DAY + 1, False, (True, 4 * DAY, 3)),
        (3 * 3600.0 - 60.0, -60.0, True, (False, DAY, 0)),  # set back by three hours
        (3 * 3600.0 - 59.0, -60.0, True, (False, 0.0, 0)),  # by more: it was wrong before
        (600.0, -3000.0, True, (False, DAY, 0)),  # set back an hour: it does not run again
        (400 * DAY, -60.0, True, (False, 0.0, 0)),  # set back by more than a year: it was wrong before
    ],
)
def test_moments_up_to_now_are_judged_together(
    seen: float, now: float, catch_up: bool, found: tuple[bool, float, int]
) -> None:
    """Bug 55: however many have gone by, there is one run at most."""
    assert judge(seen, now, catch_up=catch_up) == found


@pytest.mark.parametrize(
    ("seen", "now", "judged", "again"),
    [
        (-5.0, -1.0, -1.0, 0.0),
        (-5.0, 10.0, 10.0, DAY),
        (10.0, 10.0, 10.0, DAY),
        (600.0, -3000.0, 600.0, 0.0),  # set back by an hour, to a moment that is not repeated
        (600.0, -600.0, 600.0, 0.0),
        (3 * 3600.0 - 60.0, -60.0, 3 * 3600.0 - 60.0, 0.0),
        (3 * 3600.0 - 59.0, -60.0, -60.0, 0.0),  # by too much: what was judged before counts no more
    ],
)
def test_where_the_clock_has_been_before_it_is_looked_at_in_between(
    seen: float, now: float, judged: float, again: float
) -> None:
    """Else nobody would know that it was put right, where the system does not tell, for as long as it was set back."""
    found = look(Schedule(cron=NIGHTLY), NIGHT + seen, NIGHT + now, utc)
    assert (found.judged - NIGHT, found.again - NIGHT) == (judged, again)
    assert found.again <= found.next


@pytest.mark.parametrize("catch_up", [False, True])
def test_a_clock_that_jumps_a_year_is_bounded_work(catch_up: bool) -> None:
    """Bug 21: half a million minutes are not counted one by one."""
    due, coming, missed = judge(-5.0, 365 * DAY + 30, catch_up=catch_up, line="* * * * *")
    assert (due, coming) == (True, 365 * DAY + 60)
    assert missed == 999


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "in 0 s"), (119, "in 119 s"), (420, "in 7 min"), (7200, "in 2 h"), (3 * DAY, "in 3 d"), (-5, "in 0 s")],
)
def test_how_far_away_a_moment_is(seconds: float, words: str) -> None:
    """As people say it."""
    assert in_words(seconds) == words


def test_a_moment_is_written_with_its_zone() -> None:
    """East and west of Greenwich, with half hours."""
    assert stamp(0.0, utc) == "1970-01-01T00:00:00+00:00"
    assert stamp(1_800_000_000.0, lambda _: -12600) == "2027-01-15T04:30:00-03:30"


def test_the_calendar_is_the_usual_one() -> None:
    """There and back, over leap years and centuries."""
    for year in (1900, 1970, 2000, 2026, 2028, 2100):
        for month in range(1, 13):
            first = days_before(year, month)
            assert civil(first) == (year, month, 1)
            assert civil(first + length(year, month) - 1) == (year, month, length(year, month))
            assert first + length(year, month) == days_before(year + month // 12, month % 12 + 1)


def test_chance_puts_a_slot_off_by_the_same_every_time() -> None:
    """A period stays a period, and two slots do not run together."""
    rule = Schedule(every=60.0, jitter=30.0)
    lots = {put_off(rule, f"colony/job:{number}") for number in range(10)}
    assert len(lots) == 10
    assert all(0 <= lot < 30 for lot in lots)
    assert put_off(rule, "colony/job:1") in lots
    assert put_off(rule, "colony/job:1") == 30 * crc32(b"colony/job:1") / 2**32
    assert put_off(Schedule(every=60.0), "colony/job:1") == 0.0
    assert 0 <= put_off(rule, "\udcff/job:1") < 30  # a directory whose name is no UTF-8


@pytest.mark.parametrize(
    ("failures", "verdict"), [(0, Again(0.0, 0)), (1, Again(1.0, 1)), (2, Again(2.0, 2)), (3, Again(0.0, 0))]
)
def test_a_job_is_retried_as_often_as_it_may_be(failures: int, verdict: Again) -> None:
    """Then it waits for its next time with nothing held against it."""
    assert of_a_job(RestartPolicy(min_delay=1.0), 2, failures) == verdict


# The key --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("10m", Schedule(every=600.0)),
        (90, Schedule(every=90.0)),
        ({"every": 5, "jitter": 5}, Schedule(every=5.0, jitter=5.0)),
        (
            {"cron": "30 2 * * *", "zone": "Z" * MAX_ZONE},
            Schedule(cron=NIGHTLY, zone="Z" * MAX_ZONE),
        ),
        ("30 2 * * *", Schedule(cron=NIGHTLY)),
        ("@daily", Schedule(cron=parse("@daily"))),
        ({"cron": "30 2 * * *", "zone": "Europe/Berlin"}, Schedule(cron=NIGHTLY, zone="Europe/Berlin")),
        (
            {"every": "1h", "jitter": "5m", "overlap": "replace", "timeout": "30m", "grace": 9, "retries": 3},
            Schedule(every=3600.0, jitter=300.0, overlap="replace", timeout=1800.0, grace=9.0, retries=3),
        ),
        ({"cron": "@hourly", "catch_up": True}, Schedule(cron=parse("@hourly"), catch_up=True)),
    ],
)
def test_what_a_program_may_say(value: object, made: Schedule) -> None:
    """The short forms and the long one."""
    assert checked(schedule=value) == (made, [])


def test_what_is_not_said_is_as_the_reference_has_it() -> None:
    """And the words for overlaps are those of people's files."""
    plain = Schedule(every=1.0)
    assert (plain.zone, plain.jitter, plain.overlap, plain.catch_up) == ("", 0.0, "skip", False)
    assert (plain.timeout, plain.grace, plain.retries) == (None, None, 0)
    for overlap in ("skip", "queue", "replace"):
        assert checked(schedule={"every": 1, "overlap": overlap}) == (replace(plain, overlap=overlap), [])
    assert checked(schedule={"every": 1, "retries": 0}) == (plain, [])
    assert checked(schedule={"every": 1, "retries": 1000}) == (replace(plain, retries=1000), [])
    assert len(checked(schedule={"every": 1, "retries": 1001})[1]) == 1


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("window", "1m", "how often it is tried, `schedule.retries` says"),
        ("threshold", 5, "a run is good or has failed by its exit status, however long it was"),
    ],
)
def test_what_counts_restarts_is_refused_beside_a_schedule(key: str, value: object, why: str) -> None:
    """Its runs are no restarts."""
    _, problems = checked(schedule="1m", restart={"attempts": 3, key: value})
    assert f"restart.{key}: found a `schedule`, wanted this key to be left out: {why}" in problems


WANTED = 'a time, like "10m", a cron line, like "30 2 * * *", or an object with `every` or `cron`'


@pytest.mark.parametrize(
    ("value", "complaints"),
    [
        (True, [f"schedule: found true, wanted {WANTED}"]),
        (
            "* *",
            [f'schedule: found "* *", which has 2 fields, wanted {cronline.WANTED}'],
        ),
        (
            {"cron": "@daily", "zone": "Z" * (MAX_ZONE + 1)},
            [f'schedule.zone: found "{"Z" * 56}..., wanted the name of a time zone, like "Europe/Berlin" or "UTC"'],
        ),
        ("soon", [f'schedule: found "soon", wanted {WANTED}']),
        (0.5, [f"schedule: found 0.5, wanted {WANTED}; a time of at least 1 s"]),
        ({}, ["schedule: found neither `every` nor `cron`, wanted one of `every` and `cron`"]),
        (
            {"every": 5, "cron": "@daily"},
            ["schedule: found both `every` and `cron`, wanted one of `every` and `cron`"],
        ),
        (
            {"every": 5, "zone": "UTC", "catch_up": True, "jitter": 6, "grace": 3},
            [
                'schedule.zone: found "UTC", wanted this key to be left out, as `every` goes by the time that passes',
                (
                    "schedule.catch_up: found true, wanted this key to be left out, as an `every` that is overdue runs"
                    " at once"
                ),
                "schedule.jitter: found 6 s, and 5 s between two, wanted no more than `every`",
                "schedule.grace: found 3 without `timeout`, wanted a `timeout` with it",
            ],
        ),
        (
            {"crom": "@daily", "every": "1s", "retries": -1},
            [
                (
                    'schedule: found the unknown key "crom", wanted one of every, cron, zone, jitter, overlap,'
                    " catch_up, timeout, grace, retries (did you mean cron?)"
                ),
                "schedule.retries: found -1, wanted a whole number from 0 to 1000",
            ],
        ),
        (
            {"cron": "@daily", "zone": "../etc/passwd"},
            ['schedule.zone: found "../etc/passwd", wanted the name of a time zone, like "Europe/Berlin" or "UTC"'],
        ),
        (
            "30 2 30 2 *",
            [
                (
                    'schedule: found "30 2 30 2 *", which never comes: there is no day 30 in the months it names,'
                    " wanted a line that comes some day"
                )
            ],
        ),
    ],
)
def test_mistakes_are_told_all_at_once(value: object, complaints: list[str]) -> None:
    """Where, what was found, what is wanted."""
    assert checked(schedule=value) == (None, complaints)


def test_what_has_no_meaning_beside_a_schedule_is_refused() -> None:
    """An option that does nothing is worse than an error."""
    _, problems = checked(schedule="1m", restart={"policy": "transient", "attempts": 3}, critical=True, reload=True)
    assert problems == [
        "restart.policy: found a `schedule`, wanted this key to be left out: when it runs again, `schedule` says",
        (
            "restart.attempts: found a `schedule`, wanted this key to be left out: how often it is tried,"
            " `schedule.retries` says"
        ),
        (
            "reload: found it beside a `schedule`, wanted this key to be left out: what has a schedule is new at its"
            " next run anyway"
        ),
        "critical: found true with a `schedule`, wanted false: a program with a schedule never gives up",
    ]
    assert checked(schedule="1m", restart="transient")[1] == problems[:1]
    assert checked(schedule="1m", restart={"ok_exits": [0, 3], "min_delay": 5})[1] == []


def test_a_moment_that_never_comes_is_not_looked_for_for_ever() -> None:
    """Such a line is refused where it is read; whoever makes one all the same is told."""
    never = replace(parse("0 0 29 2 *"), text="0 0 30 2 *", days=(30,))
    with pytest.raises(AssertionError, match="'0 0 30 2 \\*' never comes"):
        following(never, 0.0, lambda _: 0)
