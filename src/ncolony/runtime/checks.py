"""Makes one check time and again: never twice at a time, none longer than it may take.

Checks of one period begin at common moments, a hundred in each period: with a thousand programs that saves nine in ten
wake-ups, which cost more than the checks.
"""

from __future__ import annotations

from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop, Timer, Trial

MOMENTS = 100


@record
class Pace:
    """What is checked, and when. Times are seconds."""

    name: str
    period: float
    """Between the beginnings of two checks."""
    timeout: float
    """At most for each."""
    jitter: float = 0.0
    """A beginning may be so much earlier or later."""


class Check:
    """The checks of one run, until they are stopped."""

    __slots__ = ("_begun", "_busy", "_chance", "_heard", "_loop", "_pace", "_timer", "_trial")

    def __init__(
        self, loop: Loop, trial: Trial, heard: Callable[[str], None], pace: Pace, chance: Callable[[], float]
    ) -> None:
        """Tell ``heard`` what is wrong, or nothing, after each one; ``chance`` is for the jitter.

        Nothing is begun before :meth:`start`.
        """
        self._loop, self._trial, self._heard, self._pace, self._chance = loop, trial, heard, pace, chance
        self._timer: Timer | None = None
        self._busy = False
        self._begun = 0.0

    def start(self, delay: float) -> None:
        """Begin with the first after ``delay`` seconds."""
        self._timer = self._loop.call_at(self._moment(self._loop.now() + delay), self._begin)

    def _moment(self, when: float) -> float:
        """Return the nearest common moment."""
        step = self._pace.period / MOMENTS
        return round(when / step) * step

    def stop(self) -> None:
        """Make no more, and give up the one that is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._busy:
            self._busy = False
            self._trial.cancel()

    def output(self) -> str:
        """Return what the latest one has shown."""
        return self._trial.output()

    def _begin(self) -> None:
        self._begun = now = self._loop.now()
        self._busy = True
        self._timer = self._loop.call_at(now + self._pace.timeout, self._be_late)
        self._trial.begin(self._done)

    def _be_late(self) -> None:
        self._trial.cancel()
        self._done(f"{self._pace.name}: no answer within {self._pace.timeout:g} s")

    def _done(self, why: str) -> None:
        self._busy = False
        if self._timer is not None:
            self._timer.cancel()
        wait = self._pace.period + (2 * self._chance() - 1) * self._pace.jitter
        self._timer = self._loop.call_at(self._moment(self._begun + wait), self._begin)
        self._heard(why)  # last, as it may stop all this
