"""The key `schedule`: what a program may say of when it runs."""

from __future__ import annotations

from re import compile as pattern

from ncolony.core import cronline
from ncolony.core.keyspec import Key, Mismatch, Mismatches, fields
from ncolony.core.parse import shown
from ncolony.core.readers import Within, a_duration, a_flag, a_full_text, one_of, some_time
from ncolony.core.schedule import QUEUE, REPLACE, SKIP, Schedule

SHORTEST = 1.0
ZONE = "[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9][A-Za-z0-9_+-]*)*"
MAX_ZONE = 100
MOST_RETRIES = 1000
WANTED = 'a time, like "10m", a cron line, like "30 2 * * *", or an object with `every` or `cron`'
_DURATION = 'a time: seconds, or a string like "500ms" or "1m30s"'
_MORE = f"{_DURATION}, more than 0"
_PERIOD = f"a time of at least {SHORTEST:g} s"
_ZONE = 'the name of a time zone, like "Europe/Berlin" or "UTC"'


def _a_period(value: object) -> float:
    seconds = a_duration(value)
    if seconds < SHORTEST:
        raise Mismatch
    return seconds


def _a_cron_line(value: object) -> cronline.Cron:
    return cronline.parse(a_full_text(value))


def _a_zone(value: object) -> str:
    name = a_full_text(value)
    if not pattern(ZONE).fullmatch(name) or len(name) > MAX_ZONE:
        raise Mismatch
    return name


SCHEDULE_KEYS = (
    Key("every", _a_period, _PERIOD, "none",
        "The time from one start to the next. The first run is at once; a supervisor that starts later goes on where"
        " the last one was."),
    Key("cron", _a_cron_line, cronline.WANTED, "none", "The moments, as cron has them. Either this or `every`."),
    Key("zone", _a_zone, _ZONE, "the system's", "The time zone of `cron`."),
    Key("jitter", a_duration, _DURATION, "0",
        "By how much the moments are put off at most: by chance, and always by the same for an instance."),
    Key("overlap", one_of(SKIP, QUEUE, REPLACE), '"skip", "queue" or "replace"', f'"{SKIP}"',
        "What becomes of a moment while the last run still goes on. `skip`: nothing; `queue`: one run follows when that"
        " one has ended; `replace`: that one is stopped for it."),
    Key("catch_up", a_flag, "true or false", "false",
        "Whether one run is made up where moments of `cron` were missed, as no supervisor ran or the machine slept."),
    Key("timeout", some_time, _MORE, "none", "How long a run may take; then it is stopped, and has failed."),
    Key("grace", a_duration, _DURATION, "`stop.timeout`", "The time between the stop signal and SIGKILL then."),
    Key("retries", Within(0, MOST_RETRIES), f"a whole number from 0 to {MOST_RETRIES}", "0",
        "How often a run that failed is tried again before the next moment, after the delays of `restart`."),
)  # fmt: skip


def a_schedule(value: object) -> Schedule:
    """Read a schedule, or the time or cron line that it may be short for."""
    if not isinstance(value, dict):
        return _short(value)
    found: list[Mismatch] = []
    given = fields(value, SCHEDULE_KEYS, "", found)
    if given is None:
        raise Mismatches(found)
    made = Schedule(**given)  # type: ignore[arg-type]
    found += _contradictions(made, value)
    if found:
        raise Mismatches(found)
    return made


def _short(value: object) -> Schedule:
    if isinstance(value, str) and (value.startswith("@") or len(value.split()) > 1):
        return Schedule(cron=_a_cron_line(value))
    try:
        return Schedule(every=_a_period(value))
    except Mismatch:
        raise Mismatch(
            f"{WANTED}; {_PERIOD}" if isinstance(value, int | float) and not isinstance(value, bool) else WANTED
        ) from None


def _contradictions(made: Schedule, said: dict[str, object]) -> list[Mismatch]:
    if (made.every is None) == (made.cron is None):
        both = "both `every` and `cron`" if made.every is not None else "neither `every` nor `cron`"
        return [Mismatch("one of `every` and `cron`", "", both)]
    found = []
    if made.every is not None:
        for name, why in FOR_CRON.items():
            if name in said:
                found.append(Mismatch(f"this key to be left out, {why}", f".{name}", shown(said[name])))
        if made.jitter > made.every:
            many = f"{made.jitter:g} s, and {made.every:g} s between two"
            found.append(Mismatch("no more than `every`", ".jitter", many))
    if made.grace is not None and made.timeout is None:
        found.append(Mismatch("a `timeout` with it", ".grace", f"{shown(said['grace'])} without `timeout`"))
    return found


FOR_CRON = {
    "zone": "as `every` goes by the time that passes",
    "catch_up": "as an `every` that is overdue runs at once",
}
FORBIDDEN = {
    "policy": "when it runs again, `schedule` says",
    "attempts": "how often it is tried, `schedule.retries` says",
    "window": "how often it is tried, `schedule.retries` says",
    "threshold": "a run is good or has failed by its exit status, however long it was",
}


def against_restart(rule: object) -> list[tuple[str, str]]:
    """Return the keys of a `restart` that have no meaning beside a schedule, each with what is wanted instead."""
    given = rule if isinstance(rule, dict) else {"policy": rule}
    return [(name, f"this key to be left out: {why}") for name, why in FORBIDDEN.items() if name in given]
