"""What a comparison found, as one value that can be kept in a file and shown again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.logs import Figures as Carried
from bench.summary import Results, Trial
from bench.trial import Figures
from bench.verdicts import verdicts


@dataclass(frozen=True)
class Outcome:
    """One session: machine and versions, who was left out and why, all runs, and what carrying logs took."""

    facts: Mapping[str, str]
    skipped: Mapping[str, str]
    results: Results
    carried: Mapping[str, Sequence[Carried]]
    megabytes: int

    def failures(self) -> list[Trial]:
        """Return the runs that gave no figures."""
        return [trial for trial in self.results.trials if trial.failure]

    def data(self) -> dict[str, Any]:
        """Return it for a program to read."""
        return {
            "facts": dict(self.facts),
            "skipped": dict(self.skipped),
            **asdict(self.results),
            "carried": {name: [run._asdict() for run in runs] for name, runs in self.carried.items()},
            "megabytes": self.megabytes,
            "goals": [row._asdict() for row in verdicts(self.results, self.carried)],
        }

    @staticmethod
    def load(path: Path) -> "Outcome":
        """Return what was written by data()."""
        try:
            data = json.loads(path.read_text())
            trials = [
                Trial(one["contestant"], one["programs"], one["figures"] and Figures(**one["figures"]), one["failure"])
                for one in data["trials"]
            ]
            carried = {name: [Carried(**run) for run in runs] for name, runs in data["carried"].items()}
            results = Results(data["passes_ms"], trials)
            return Outcome(data["facts"], data["skipped"], results, carried, data["megabytes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchError(f'cannot read "{path}": {error!r}; want what --json wrote') from error
