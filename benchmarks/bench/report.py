"""What is printed: Markdown tables, and the same as data. Decides nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

from bench.contestants import CONTESTANTS, YARDSTICK
from bench.summary import BASE, EMPTY_PYTHON, GOALS, Goal, Ratio, Results, Spread


class Style(NamedTuple):
    """How a figure is called and how many decimals make sense."""

    title: str
    unit: str
    decimals: int

    @property
    def heading(self) -> str:
        """Return what stands above a column of it."""
        return f"{self.title} {self.unit}".rstrip()


STYLES: Mapping[str, Style] = {
    "first_child_ms": Style("first child", "ms", 1),
    "all_started_s": Style("all started", "s", 3),
    "start_cpu_s": Style("CPU of that", "s", 3),
    "pss_mb": Style("PSS", "MB", 1),
    "rss_mb": Style("RSS", "MB", 1),
    "processes": Style("processes", "", 0),
    "idle_cpu_percent": Style("idle CPU", "%", 3),
    "wakeups_per_s": Style("idle wake-ups", "/s", 1),
    "kill_one_ms": Style("kill one → restarted", "ms", 1),
    "kill_all_s": Style("kill all → all back", "s", 3),
    "kill_all_cpu_s": Style("CPU of that", "s", 3),
    "status_ms": Style("status", "ms", 0),
    "restart_ms": Style("restart one", "ms", 0),
    "stop_s": Style("stop", "s", 3),
    "others_cpu_percent": Style("others' CPU", "%", 0),
}


Row = tuple[str, int]
"""A row of figures: the contestant and the number of programs."""


def markdown(facts: Mapping[str, str], results: Results) -> str:
    """Return the whole report."""
    parts = [
        "; ".join(f"{name}: {value}" for name, value in facts.items()) + ".",
        f"`{EMPTY_PYTHON}`: {_cell(results.passes(), 1)} ms.",
        "### Figures: median (least to most)",
        _figures(results),
        f"### Ratios of medians (of bests) to the {CONTESTANTS[YARDSTICK].title}; first child: to `{EMPTY_PYTHON}`",
        _ratios(results),
        "### Goals",
        _goals(results),
        *(
            f"* {_where(trial.contestant, trial.programs)}: {trial.failure}"
            for trial in results.trials
            if trial.failure
        ),
    ]
    return "\n\n".join(parts) + "\n"


def data(facts: Mapping[str, str], results: Results) -> dict[str, object]:
    """Return the same for a program to read: every run by itself, and the verdicts."""
    goals = [{**asdict(goal), **goal.verdict(results)._asdict()} for goal in GOALS]
    return {"facts": dict(facts), **asdict(results), "goals": goals}


def _figures(results: Results) -> str:
    header = ["", "programs", *(style.heading for style in STYLES.values())]

    def cells(row: Row) -> list[str]:
        return [_cell(results.spread(*row, figure), style.decimals) for figure, style in STYLES.items()]

    return table(header, _rows(results, cells))


def _ratios(results: Results) -> str:
    header = ["", "programs", *(STYLES[figure].title for figure in BASE)]

    def cells(row: Row) -> list[str]:
        return [_ratio(results.ratio(*row, figure)) for figure in BASE]

    return table(header, _rows(results, cells))


def _goals(results: Results) -> str:
    header = ["", "programs", "figure", "goal", "by medians", "by bests", "met"]
    rows = [
        [
            CONTESTANTS[goal.contestant].title,
            str(goal.programs),
            _promise(goal),
            f"≤ {goal.most:g}",
            *goal.verdict(results),
        ]
        for goal in GOALS
    ]
    return table(header, rows)


def _promise(goal: Goal) -> str:
    style = STYLES[goal.figure]
    base = BASE.get(goal.figure)
    return (
        f"{style.title} ÷ {base if base == EMPTY_PYTHON else CONTESTANTS[base].title}"
        if base
        else f"{style.title} {style.unit}"
    )


def _rows(results: Results, cells: Callable[[Row], list[str]]) -> Iterable[Sequence[str]]:
    seen = sorted({(trial.programs, list(CONTESTANTS).index(trial.contestant)) for trial in results.trials})
    for programs, place in seen:
        name = list(CONTESTANTS)[place]
        yield [CONTESTANTS[name].title, str(programs), *cells((name, programs))]


def _cell(spread: Spread | None, decimals: int) -> str:
    if spread is None:
        return "-"
    median, least, most = (f"{value:.{decimals}f}" for value in spread)
    return median if least == most else f"{median} ({least} to {most})"


def _ratio(ratio: Ratio | None) -> str:
    return f"{ratio.medians:.2f} ({ratio.bests:.2f})" if ratio else "-"


def _where(contestant: str, programs: int) -> str:
    return f"{CONTESTANTS[contestant].title}, programs: {programs}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
