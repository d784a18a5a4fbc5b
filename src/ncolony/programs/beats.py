"""When a program has missed its beats. Pure: no clock, no file; beatcheck.py has both.

All times here are on the wall clock, since the times of files are. A beat of the future (the clock was set back since)
counts as one of the moment at which it was first seen: otherwise nobody would miss its successors.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ncolony.core.record import record

if TYPE_CHECKING:
    from ncolony.client.beats import Beats

NEVER = -inf


@record
class Seen:
    """What is known of one program's beats."""

    asked: float = NEVER
    """When its restart was last asked for."""
    ahead: float = NEVER
    """The time of its latest beat, where that is in the future,"""
    ahead_since: float = NEVER
    """and when that was first seen."""


def notice(seen: Seen, beaten: float, now: float) -> tuple[Seen, float]:
    """Return what is known after a look, and when the last beat was; ``beaten`` is the time of its file."""
    if beaten <= now:
        return Seen(seen.asked), beaten
    since = seen.ahead_since if seen.ahead == beaten else now
    return Seen(seen.asked, beaten, since), since


def is_stale(beats: Beats, started: float, beaten: float, now: float) -> bool:
    """Tell whether a program has missed its beats.

    ``started`` is the latest moment at which it is known to have been started: its file was changed, the looking
    began, or its restart was asked for. From there the grace is counted.
    """
    return started + beats.period * beats.grace < now and beaten + beats.period < now
