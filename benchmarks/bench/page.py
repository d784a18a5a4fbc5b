"""A comparison as pages: Markdown on standard output, docs/compare.md with its pictures, README's chart and rows."""

import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import charts, machine
from bench.errors import BenchError
from bench.outcome import Outcome
from bench.peers import ALL
from bench.report import STYLES, table
from bench.verdicts import MANY, verdicts

INTRO = """\
# Beside what people use

Written by `benchmarks/compare --write .`; what each figure means, and what to mind, stands in
[benchmarks/README.md](../benchmarks/README.md). All supervisors ran the same distinct programs in one session, each
with its own defaults, its own files and its own client; none was tuned. Compare figures of one session only:
milliseconds are the machine's. What NColony promises of logs and of its own death: [measurements.md](measurements.md).

![Bars: {many} programs under each supervisor](compare/side-by-side.svg)

![Curves: how cost grows with the number of programs](compare/growth.svg)
"""
NOTES = """\
## What is behind the figures

* Circus looks for processes that have ended every 5 seconds (`check_delay`), supervisord every second; `runsvdir` looks
  for services every 5 seconds, and its first look is after one; `s6-supervise` waits a second before it starts
  something again; NColony 2024.1 looks for messages every 10 seconds, and has no status.
* s6 and runit have one more process for each program: that is their PSS, and what their stop has to wait for. Their
  status is of one service each; for s6 it is a loop in the shell.
* PSS is of all processes of the supervisor: for NColony the keeper is among them.
"""
BUSY = (
    ": *the machine was busy with other work.* Figures of time are upper bounds, ratios are unsure, and those of a "
    "quiet machine are wanted."
)
BEGIN, END = "<!-- measured: benchmarks/compare --write . -->", "<!-- /measured -->"
COLUMNS = (
    ("NColony 2024.1", "ncolony-2024"),
    ("NColony", "ncolony"),
    ("supervisord", "supervisord"),
    ("Circus", "circus"),
    ("s6", "s6"),
    ("runit", "runit"),
)
ROWS: dict[str, tuple[str, Callable[[float], str]]] = {
    f"processes of its own for {MANY} programs": ("processes", "{:.0f}".format),
    f"{MANY} programs started within": ("all_started_s", lambda value: f"{charts.short(value)} s"),
    "its memory (PSS) then": ("pss_mb", "{:.0f} MB".format),
    "wake-ups a second when nothing happens": ("wakeups_per_s", lambda value: f"{value:.1f}" if value else "0"),
    f"`kill -9` of one in {MANY}: back after": ("kill_one_ms", lambda value: f"{charts.short(value)} ms"),
    f"`kill -9` of all {MANY}: all back after": ("kill_all_s", lambda value: f"{charts.short(value)} s"),
    f"status of {MANY}": ("status_ms", "{:.0f} ms".format),
}
"""README's measured rows: their first cell, the figure, and how it is written."""


def markdown(outcome: Outcome) -> str:
    """Return everything that was found."""
    return "\n\n".join(_parts(outcome)) + "\n"


def _parts(outcome: Outcome) -> Iterator[str]:
    yield circumstances(outcome)
    yield "## Goals"
    yield table(["", "goal", "found", "met"], verdicts(outcome.results, outcome.carried))
    for programs in sorted({trial.programs for trial in outcome.results.trials}):
        yield f"## {programs} program{'s' * (programs > 1)}"
        yield _figures(outcome, programs)
    if outcome.carried:
        yield f"## Logs: {outcome.megabytes} MB of 100-byte lines into rotated files, best of runs"
        yield _carried(outcome)
    left_out = [f"* {_title(name)} was left out: {why}." for name, why in outcome.skipped.items()]
    failed = [
        f"* {ALL[trial.contestant].title}, programs: {trial.programs}: no figures: {trial.failure.partition(';')[0]}."
        for trial in outcome.failures()
    ]
    if left_out or failed:
        yield "## Without figures"
        yield "\n".join(left_out + failed)


def circumstances(outcome: Outcome) -> str:
    """Return when, where and with which versions."""
    facts = dict(outcome.facts)
    facts["kernel"] = "Linux " + facts["kernel"].partition("-")[0]
    passes = outcome.results.passes()
    text = "; ".join(f"{name}: {value}" for name, value in facts.items()) + "."
    if passes:
        text += f" `python -c pass`: {passes.median:.1f} ms."
    if any(trial.figures for trial in outcome.results.trials):
        share = _others(outcome)
        text += f" Others kept the CPUs busy to {share:.0f} % (median)"
        text += BUSY if share > machine.BUSY_PERCENT else "."
    return text


def _title(name: str) -> str:
    return ALL[name].title if name in ALL else name


def _figures(outcome: Outcome, programs: int) -> str:
    results = outcome.results
    shown = {figure: style for figure, style in STYLES.items() if figure != "rss_mb"}

    def cell(name: str, figure: str) -> str:
        spread = results.spread(name, programs, figure)
        return f"{spread.median:.{shown[figure].decimals}f}" if spread else "-"

    rows = [
        [ALL[name].title, str(results.runs(name, programs)), *(cell(name, figure) for figure in shown)]
        for name in ALL
        if results.runs(name, programs)
    ]
    return table(["median of", "runs", *(style.heading for style in shown.values())], rows)


def _carried(outcome: Outcome) -> str:
    rows = [
        [ALL[name].title, f"{max(run.mb_s for run in runs):.0f}", f"{min(run.cpu_s_gb for run in runs):.2f}"]
        for name, runs in outcome.carried.items()
        if runs
    ]
    return table(["", "MB/s", "CPU s/GB"], rows)


# Files ----------------------------------------------------------------------------------------------------------------


def write(outcome: Outcome, root: Path) -> list[Path]:
    """Write docs/compare.md, its pictures, and README's chart and rows; return what was written."""
    caption = _caption(outcome)
    docs, readme = root / "docs", root / "README.md"
    sizes = {trial.programs for trial in outcome.results.trials if trial.contestant == "ncolony" and trial.figures}
    if MANY not in sizes:
        raise BenchError(f"cannot write the pages: they speak of {MANY} programs, and there are no figures of so many")
    files = {
        docs / "compare" / "side-by-side.svg": charts.side_by_side(outcome.results, MANY, caption),
        docs / "compare" / "growth.svg": charts.growth(outcome.results, caption),
        docs / "compare.md": f"{INTRO.format(many=MANY)}\n{markdown(outcome)}\n{NOTES}",
        readme: _readme(outcome, readme.read_text(), caption),
    }
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return list(files)


def _caption(outcome: Outcome) -> str:
    facts = outcome.facts
    date, kernel = facts["date"].partition(" ")[0], facts["kernel"].partition("-")[0]
    caption = f"{date}; CPUs: {facts['CPUs']}; {facts['memory']}; Linux {kernel}; Python {facts['Python']}"
    return caption + ("; busy with other work" if _others(outcome) > machine.BUSY_PERCENT else "")


def _others(outcome: Outcome) -> float:
    """Return how busy others kept the machine, in percent."""
    return statistics.median([trial.figures.others_cpu_percent for trial in outcome.results.trials if trial.figures])


def _readme(outcome: Outcome, text: str, caption: str) -> str:
    """Put in the chart and the measured rows; the rest is its author's."""
    chart = (
        f"{BEGIN}\n![{MANY} programs under each supervisor: bars](docs/compare/side-by-side.svg)\n\n"
        f"{caption}.\nAll figures, and the goals that are missed: [docs/compare.md](docs/compare.md).\n{END}"
    )
    text = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: chart, text, flags=re.DOTALL)
    header: list[str] = []
    lines = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| | NColony |"):
            header = cells
        if header and cells[0] in ROWS:
            row = [cells[0], *_row(outcome, cells, header)]
            lines.append(f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in row)}|")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome, cells: list[str], header: list[str]) -> Iterator[str]:
    """Yield the cells after the first; what is measured by nobody here stays as it was."""
    figure, written = ROWS[cells[0]]
    for old, title in zip(cells[1:], header[1:], strict=True):
        name = next((name for start, name in COLUMNS if title.startswith(start)), None)
        spread = outcome.results.spread(name, MANY, figure) if name else None
        yield written(spread.median) if spread else "" if name else old
