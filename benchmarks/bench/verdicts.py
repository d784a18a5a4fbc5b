"""The goals of a comparison, held against one session. Arithmetic only: what is missed is said to be missed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.contestants import YARDSTICK
from bench.logs import Figures as Carried
from bench.report import STYLES
from bench.summary import Goal, Results

OURS, HOSTED = "ncolony", "twisted"
PYTHON_PEERS = ("supervisord", "circus", "ncolony-2024")
FEWER_IS_BETTER = (
    "first_child_ms", "all_started_s", "pss_mb", "idle_cpu_percent", "wakeups_per_s", "kill_one_ms", "kill_all_s",
    "status_ms", "restart_ms", "stop_s",
)  # fmt: skip
MANY, MOST = 1000, 10_000
FEW_MB, MANY_MB = 15, 60
PER_PROGRAM = 1.2
STATUS_MS, STATUS_PASSES = 60, 3
WORDS = {"yes": "yes", "no": "**no**", "unclear": "unclear", "not measured": "not measured"}

PLAIN = (
    Goal(OURS, MANY, "all_started_s", 1.15),
    Goal(OURS, MANY, "kill_all_s", 1.15),
    Goal(OURS, 1, "pss_mb", 9),
    Goal(OURS, MANY, "pss_mb", 15),
    Goal(OURS, 1, "first_child_ms", 3),
    Goal(OURS, MANY, "kill_one_ms", 3),
)
UNITS = {"first_child_ms": " x `python -c pass`", "pss_mb": " MB"}


class Row(NamedTuple):
    """One goal, and what came of it."""

    what: str
    goal: str
    found: str
    met: str


def verdicts(results: Results, carried: Mapping[str, Sequence[Carried]]) -> list[Row]:
    """Hold a session against all goals."""
    most = max((trial.programs for trial in results.trials if trial.contestant == OURS), default=MANY)
    most = most if most > MANY else MOST
    return [
        *(_plain(goal, results) for goal in PLAIN),
        _plain(Goal(OURS, most, "pss_mb", _memory(most)), results),
        _per_program(results, "all_started_s", most),
        _per_program(results, "kill_all_s", most),
        _status(results),
        *_logs(carried),
        *_ahead(results),
    ]


def _plain(goal: Goal, results: Results) -> Row:
    verdict = goal.verdict(results)
    unit = UNITS.get(goal.figure, " x C loop")
    found = f"{verdict.medians}{unit} (best runs: {verdict.bests})" if verdict.medians != "-" else "-"
    what = f"{STYLES[goal.figure].title}, {_programs(goal.programs)}"
    return Row(what, f"≤ {goal.most:g}{unit}", found, WORDS[verdict.met])


def _memory(programs: int) -> float:
    """Return the goal for so many programs: 15 MB for 1000 and 60 MB for 10 000, and between them in proportion."""
    return round(FEW_MB + (MANY_MB - FEW_MB) * (programs - MANY) / (MOST - MANY))


def _per_program(results: Results, figure: str, most: int) -> Row:
    """Ten times as many may take ten times as long, and a fifth more."""
    what = f"{STYLES[figure].title}, a program, {most} programs instead of {MANY}"
    goal = f"≤ {PER_PROGRAM:g} x"
    few, many = (results.spread(OURS, programs, figure) for programs in (MANY, most))
    if not few or not many:
        return Row(what, goal, "-", WORDS["not measured"])
    ratio = many.median / most / (few.median / MANY)
    cloop = [results.spread(YARDSTICK, programs, figure) for programs in (MANY, most)]
    beside = f" (C loop: {cloop[1].median / most / (cloop[0].median / MANY):.2f} x)" if all(cloop) else ""
    return Row(what, goal, f"{ratio:.2f} x{beside}", _word(ratio <= PER_PROGRAM))


def _status(results: Results) -> Row:
    what, goal = f"status of {MANY}", f"≤ {STATUS_MS} ms or {STATUS_PASSES} x `python -c pass`"
    found, empty = results.spread(OURS, MANY, "status_ms"), results.passes()
    if not found or not empty:
        return Row(what, goal, "-", WORDS["not measured"])
    most = max(STATUS_MS, STATUS_PASSES * empty.median)
    text = f"{found.median:.0f} ms, {found.median / empty.median:.1f} x `python -c pass`"
    return Row(what, goal, text, _word(found.median <= most))


def _logs(carried: Mapping[str, Sequence[Carried]]) -> Iterator[Row]:
    """Noise only adds, so the best runs count."""
    best = {name: max(runs, key=lambda run: run.mb_s) for name, runs in carried.items() if runs}
    peers = {name: run for name, run in best.items() if name != OURS}
    if OURS not in best or not peers:
        yield Row("log throughput", "≥ the fastest peer, at no more CPU", "-", WORDS["not measured"])
        return
    fastest = max(peers, key=lambda name: peers[name].mb_s)
    least = {name: min(run.cpu_s_gb for run in carried[name]) for name in (OURS, fastest)}
    ours, theirs = best[OURS].mb_s, peers[fastest].mb_s
    yield Row("log throughput", f"≥ {fastest}", f"{ours:.0f} MB/s ({theirs:.0f})", _word(ours >= theirs))
    found = f"{least[OURS]:.2f} s ({least[fastest]:.2f})"
    yield Row("its CPU a GB", f"≤ {fastest}", found, _word(least[OURS] <= least[fastest]))


def _ahead(results: Results) -> Iterator[Row]:
    """Under Twisted no figure is behind one of the supervisors in Python."""
    for programs in sorted({trial.programs for trial in results.trials if trial.contestant in PYTHON_PEERS}):
        found = list(_behind(results, programs))
        behind = [text for text in found if text]
        what = f"under Twisted, {_programs(programs)}"
        text = f"{len(found) - len(behind)} of {len(found)}" + (f"; behind: {'; '.join(behind)}" if behind else "")
        met = _word(not behind) if found else WORDS["not measured"]
        yield Row(what, "every figure ahead of every peer in Python", text, met)


def _behind(results: Results, programs: int) -> Iterator[str]:
    """Yield for each figure of each peer where it is ahead of ours, or an empty string."""
    for peer in PYTHON_PEERS:
        for figure in FEWER_IS_BETTER:
            ours, theirs = (results.spread(name, programs, figure) for name in (HOSTED, peer))
            if ours and theirs:
                style = STYLES[figure]
                pair = f"{ours.median:.{style.decimals}f} ({peer}: {theirs.median:.{style.decimals}f}) {style.unit}"
                yield f"{style.title} {pair}" if ours.median > theirs.median else ""


def _programs(count: int) -> str:
    return f"{count} program{'s' * (count > 1)}"


def _word(met: bool) -> str:  # noqa: FBT001 - it says itself what it is
    return WORDS["yes" if met else "no"]


def missed(rows: Iterable[Row]) -> bool:
    """Tell whether any goal is missed."""
    return any(row.met == WORDS["no"] for row in rows)
