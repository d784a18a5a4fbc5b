"""From runs to answers: medians, ratios to the yardstick, goals. Arithmetic only."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from bench.contestants import YARDSTICK
from bench.trial import Figures

EMPTY_PYTHON = "python -c pass"
"""The yardstick that is no contestant: it has one figure."""
BASE: Mapping[str, str] = {
    "first_child_ms": EMPTY_PYTHON,
    "all_started_s": YARDSTICK,
    "kill_one_ms": YARDSTICK,
    "kill_all_s": YARDSTICK,
    "stop_s": YARDSTICK,
}
"""What each figure is divided by; the others stand for themselves."""


@dataclass(frozen=True)
class Trial:
    """One run: figures, or the reason why there are none."""

    contestant: str
    programs: int
    figures: Figures | None
    failure: str


class Spread(NamedTuple):
    """The same figure of several runs."""

    median: float
    least: float
    most: float


class Ratio(NamedTuple):
    """A figure by its yardstick's: of the medians, and of the best of each. Noise only adds: the truth is between."""

    medians: float
    bests: float


@dataclass(frozen=True)
class Results:
    """Everything that was measured in one session."""

    passes_ms: list[float]
    trials: list[Trial]

    def passes(self) -> Spread | None:
        """Return the time of `python -c pass`."""
        return _spread(self.passes_ms)

    def spread(self, contestant: str, programs: int, figure: str) -> Spread | None:
        """Return a contestant's figure, or None if no run gave one."""
        found = (asdict(each)[figure] for each in self._figures(contestant, programs))
        return _spread(value for value in found if value is not None)

    def ratio(self, contestant: str, programs: int, figure: str) -> Ratio | None:
        """Return the figure divided by its yardstick's of the same number of programs, or None if one is missing."""
        own = self.spread(contestant, programs, figure)
        base = self.passes() if BASE[figure] == EMPTY_PYTHON else self.spread(BASE[figure], programs, figure)
        return Ratio(own.median / base.median, own.least / base.least) if own and base else None

    def runs(self, contestant: str, programs: int) -> int:
        """Return how many runs gave figures."""
        return len(self._figures(contestant, programs))

    def _figures(self, contestant: str, programs: int) -> list[Figures]:
        mine = (trial for trial in self.trials if (trial.contestant, trial.programs) == (contestant, programs))
        return [trial.figures for trial in mine if trial.figures]


@dataclass(frozen=True)
class Goal:
    """What was promised: a figure, or its ratio to the yardstick, no greater than this."""

    contestant: str
    programs: int
    figure: str
    most: float

    def verdict(self, results: Results) -> "Verdict":
        """Hold the results against the promise. Where medians and bests disagree, noise decided: run it again."""
        if self.figure in BASE:
            found = results.ratio(self.contestant, self.programs, self.figure)
        else:
            spread = results.spread(self.contestant, self.programs, self.figure)
            found = Ratio(spread.median, spread.least) if spread else None
        if found is None:
            return Verdict("-", "-", "not measured")
        met = {found.medians <= self.most, found.bests <= self.most}
        return Verdict(f"{found.medians:.2f}", f"{found.bests:.2f}", "unclear" if len(met) > 1 else _WORDS[met.pop()])


class Verdict(NamedTuple):
    """What was found, by medians and by bests, and whether the goal is met."""

    medians: str
    bests: str
    met: str


_WORDS = {True: "yes", False: "no"}

GOALS = (
    Goal("ncolony", 1, "first_child_ms", 4),
    Goal("ncolony", 1000, "all_started_s", 1.3),
    Goal("ncolony", 1000, "kill_all_s", 1.3),
    Goal("ncolony", 1, "pss_mb", 12),
    Goal("ncolony", 1000, "pss_mb", 20),
    Goal("ncolony", 1, "wakeups_per_s", 0),
    Goal("ncolony", 1000, "wakeups_per_s", 0),
    Goal("twisted", 1000, "pss_mb", 40),
    Goal("twisted", 1000, "all_started_s", 2),
)


def _spread(values: Iterable[float]) -> Spread | None:
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found)) if found else None
