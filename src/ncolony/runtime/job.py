"""One slot on its schedule: what schedules.py knows of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.schedule import Offset, Schedule
    from ncolony.ports import Timer


class Job:
    """One slot on its schedule."""

    __slots__ = ("due", "last", "limit", "missed", "next", "offset", "put_off", "rule", "skipped", "timer", "wrong")

    def __init__(self, rule: Schedule, put_off: float) -> None:
        """Begin with nothing due."""
        self.rule = rule
        self.put_off = put_off
        """By how much all its moments are put off."""
        self.due = False
        """A run may begin: the gate is open."""
        self.next: float | None = None
        """When the next moment comes, on the wall clock for a cron line, else on the loop's; None: nobody can tell."""
        self.last: float | None = None
        """When the latest run began, on the wall clock, as far as it is known."""
        self.missed = 0
        """Moments that went by without anybody to see them."""
        self.skipped = 0
        """Moments in a row that found the last run still going on."""
        self.offset: Offset | None = None
        self.wrong = ""
        """Why nobody can tell when it is to run."""
        self.timer: Timer | None = None
        self.limit: Timer | None = None

    def cancel(self) -> None:
        """Call nobody any more."""
        for timer in (self.timer, self.limit):
            if timer is not None:
                timer.cancel()
        self.timer = self.limit = None
