"""When to fetch a program's page, and when it has failed too often. Pure: no clock, no network; httpcheck.py has both.

The first check comes when the grace is over, counted from the first look or from a change of the program's file; then
one a period, never two at a time. When more than ``maxBad`` in a row were bad by the time the next is due, a restart is
asked for in its place, and all begins anew, the grace too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ncolony.core.asked import A_PERIOD, a_number_of_periods, a_period, asked
from ncolony.core.keyspec import Key, Mismatch
from ncolony.core.readers import a_count, a_full_text
from ncolony.core.record import record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "ncolony.httpcheck"
NOTHING, FETCH, RESTART = "nothing", "fetch", "restart"


@record
class HttpWish:
    """How a program wants to be checked."""

    url: str
    period: float
    timeout: float
    grace: float
    max_bad: int


def _a_url(value: object) -> str:
    text = a_full_text(value)
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise Mismatch("a URL in ASCII without blanks; other letters are written as %C3%A4, in hosts as xn--…")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:  # of a port that is no number, or of half an IPv6 address
        usable = False
    if not usable:
        raise Mismatch
    return text


KEYS = (
    Key("url", _a_url, 'a URL like "http://127.0.0.1:8080/health", with http or https and without a user', "required",
        "The page."),
    Key("period", a_period, A_PERIOD, "required", "From one check to the next."),
    Key("timeout", a_period, A_PERIOD, "required", "How long an answer may take; the period at most."),
    Key("grace", a_number_of_periods, "a number of periods, 0 or more", "required",
        "So many periods after the start there is no check."),
    Key("maxBad", a_count, "a whole number, 0 or more", "required", "So many bad checks in a row are borne.",
        field="max_bad"),
)  # fmt: skip


def http_wish_of(value: Mapping[str, object]) -> HttpWish | None:
    """Return what a program's file says of its page; None where it says nothing. Raises :class:`ConfigError`."""
    fields = asked(value, KEY, KEYS)
    if fields is None:
        return None
    wish = HttpWish(**fields)  # type: ignore[arg-type] # as KEYS has read them
    return replace(wish, timeout=min(wish.timeout, wish.period))


@record
class Score:
    """Where the checks of one program stand."""

    due: float
    """When the next check is, on a clock that never jumps."""
    bad: int = 0
    """Bad checks in a row."""
    under_way: bool = False


def begin(wish: HttpWish, now: float) -> Score:
    """Return where it begins."""
    return Score(now + wish.grace * wish.period)


def tick(score: Score, wish: HttpWish, now: float) -> tuple[Score, str]:
    """Return where it stands after a look, and what to do: ``nothing``, ``fetch`` or ``restart``."""
    if score.under_way or now <= score.due:
        return score, NOTHING
    if score.bad > wish.max_bad:
        return begin(wish, now), RESTART
    return replace(score, due=now + wish.period, under_way=True), FETCH


def answered(score: Score, *, good: bool) -> Score:
    """Return where it stands after the check that was under way."""
    return replace(score, bad=0 if good else score.bad + 1, under_way=False)
