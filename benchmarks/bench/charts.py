"""The two pictures of a comparison: everybody side by side at one size, and how cost grows with that."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bench import svg
from bench.peers import ALL
from bench.report import STYLES
from bench.summary import Results

COLOURS: Mapping[str, tuple[str, str]] = {
    "ncolony": ("#0969da", "#4493f8"),
    "twisted": ("#8250df", "#ab7df8"),
    "cloop": ("#6e7781", "#9198a1"),
    "supervisord": ("#cf222e", "#f85149"),
    "circus": ("#9a6700", "#d29922"),
    "ncolony-2024": ("#1a7f37", "#3fb950"),
    "s6": ("#0e7c86", "#39c5cf"),
    "runit": ("#bf3989", "#db61a2"),
}
"""Each contestant's on white, and on black; the order is that of the pictures."""
BARS = ("all_started_s", "kill_one_ms", "kill_all_s", "pss_mb", "status_ms", "stop_s")
CURVES = ("all_started_s", "kill_all_s", "pss_mb", "status_ms")
TITLES = {
    "all_started_s": "all started",
    "kill_one_ms": "kill -9 of one: back after",
    "kill_all_s": "kill -9 of all: all back after",
    "pss_mb": "memory of the supervisor (PSS)",
    "status_ms": "status of all, by its own command",
    "stop_s": "stop of all",
}
WIDTH, EDGE, ROW, GAP = 840, 16, 19, 14
COLUMN = (WIDTH - 3 * EDGE) // 2
LABEL = 118
VALUE = 56
CURVE_HEIGHT = 220


class Box(NamedTuple):
    """Where a panel is: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


def short(value: float) -> str:
    """Return a figure with as many digits as are worth reading."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.2g}"


def side_by_side(results: Results, programs: int, caption: str) -> str:
    """Draw bars: one panel a figure, one bar a contestant."""
    names = [name for name in COLOURS if results.runs(name, programs)]
    height = 34 + len(names) * ROW
    title = f"{programs} distinct programs under each supervisor: shorter is better"
    parts = [svg.text((EDGE, 26), title, "head")]
    for box, figure in _panels(BARS, height):
        values = {name: _median(results, name, programs, figure) for name in names}
        parts += _bars(box, f"{TITLES[figure]}, {STYLES[figure].unit}", values)
    return _picture(title, caption, BARS, height, parts)


def growth(results: Results, caption: str) -> str:
    """Draw curves on logarithmic scales: one panel a figure, one curve a contestant."""
    title = "How cost grows with the number of programs (both scales logarithmic)"
    parts = [svg.text((EDGE, 26), title, "head"), *_legend(results)]
    height = CURVE_HEIGHT + 44
    for box, figure in _panels(CURVES, height, top=76):
        curves = {name: _curve(results, name, figure) for name in COLOURS}
        parts += _curves(box, f"{TITLES[figure]}, {STYLES[figure].unit}", {n: c for n, c in curves.items() if c})
    return _picture(title, caption, CURVES, height, parts, top=76)


def _picture(title: str, caption: str, figures: Sequence[str], height: float, parts: list[str], top: int = 42) -> str:
    rows = math.ceil(len(figures) / 2)
    bottom = top + rows * (height + GAP)
    parts.append(svg.text((EDGE, bottom), caption, "dim"))
    return svg.document((WIDTH, int(bottom) + 14), title, COLOURS, parts)


def _panels(figures: Sequence[str], height: float, top: int = 42) -> Iterator[tuple[Box, str]]:
    for place, figure in enumerate(figures):
        row, column = divmod(place, 2)
        yield Box(EDGE + column * (COLUMN + EDGE), top + row * (height + GAP), COLUMN, height), figure


def _median(results: Results, name: str, programs: int, figure: str) -> float | None:
    spread = results.spread(name, programs, figure)
    return spread.median if spread else None


def _bars(box: Box, heading: str, values: Mapping[str, float | None]) -> Iterator[str]:
    yield svg.text((box.x, box.y + 16), heading, "head")
    room = box.width - LABEL - VALUE
    most = max((value for value in values.values() if value), default=1.0)
    for place, (name, value) in enumerate(values.items()):
        y = box.y + 28 + place * ROW
        yield svg.text((box.x + LABEL - 8, y + 11), ALL[name].title, anchor="end")
        if value is None:
            yield svg.text((box.x + LABEL, y + 11), "has no such command", "dim")
            continue
        length = max(value / most * room, 1.5)
        yield svg.rect((box.x + LABEL, y), length, ROW - 5, name)
        yield svg.text((box.x + LABEL + length + 6, y + 11), short(value))


def _curve(results: Results, name: str, figure: str) -> list[tuple[int, float]]:
    """Return the figure by the number of programs. What is 0 has no place on a logarithmic scale."""
    sizes = sorted({trial.programs for trial in results.trials if trial.contestant == name})
    found = ((programs, _median(results, name, programs, figure)) for programs in sizes)
    return [(programs, value) for programs, value in found if value]


def _legend(results: Results) -> Iterator[str]:
    present = {trial.contestant for trial in results.trials if trial.figures}
    x = float(EDGE)
    for name in COLOURS:
        if name in present:
            yield svg.rect((x, 42), 12, 12, name)
            yield svg.text((x + 17, 52), ALL[name].title)
            x += 17 + 6.4 * len(ALL[name].title) + 16


def _curves(box: Box, heading: str, curves: Mapping[str, list[tuple[int, float]]]) -> Iterator[str]:
    yield svg.text((box.x, box.y + 16), heading, "head")
    points = [point for curve in curves.values() for point in curve]
    if not points:
        yield svg.text((box.x, box.y + 40), "not measured", "dim")
        return
    plot = Box(box.x + 46, box.y + 28, box.width - 62, CURVE_HEIGHT - 20)
    across = _scale([size for size, _ in points], plot.x, plot.width)
    up = _scale([value for _, value in points], plot.y + plot.height, -plot.height)
    for tick in _decades([value for _, value in points]):
        yield svg.line((plot.x, up(tick)), (plot.x + plot.width, up(tick)), "grid")
        yield svg.text((plot.x - 6, up(tick) + 4), f"{tick:g}", "dim", "end")
    for size in sorted({size for size, _ in points}):
        yield svg.text((across(size), plot.y + plot.height + 16), str(size), "dim", "middle")
    for name, curve in curves.items():
        yield from svg.path([(across(size), up(value)) for size, value in curve], name)


def _decades(values: Sequence[float]) -> list[float]:
    least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(least, max(most, least + 1) + 1)]


def _scale(values: Sequence[float], start: float, length: float) -> Callable[[float], float]:
    """Return the place of a value between the decades around all of them."""
    ticks = _decades(values)
    least, most = math.log10(ticks[0]), math.log10(ticks[-1])
    return lambda value: start + (math.log10(value) - least) / (most - least) * length
