"""Shapes and words as SVG text. Knows no data, and colours only by the names of classes."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

Point = tuple[float, float]
STYLE = """\
text {{ font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }}
.bg {{ fill: #ffffff; }} .head {{ font-weight: 600; }} .dim {{ fill: #59636e; font-size: 11px; }}
.grid {{ stroke: #d1d9e0; stroke-width: 1; }} polyline {{ fill: none; stroke-width: 2; }}
{light}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3; }} .bg {{ fill: #0d1117; }} .dim {{ fill: #9198a1; }} .grid {{ stroke: #3d444d; }}
{dark}
}}"""


def text(at: Point, words: str, css: str = "", anchor: str = "start") -> str:
    """Return words that begin, end ("end") or are centred ("middle") there."""
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}"{_css(css)} text-anchor="{anchor}">{escape(words)}</text>'


def rect(at: Point, width: float, height: float, css: str) -> str:
    """Return a filled rectangle."""
    return f'<rect x="{at[0]:.1f}" y="{at[1]:.1f}" width="{width:.1f}" height="{height:.1f}"{_css(css)}/>'


def line(start: Point, end: Point, css: str) -> str:
    """Return a straight line."""
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"{_css(css)}/>'


def path(points: Sequence[Point], css: str) -> Iterable[str]:
    """Yield a line through the points, and a dot on each."""
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{corners}" class="line {escape(css)}"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"{_css(css)}/>'


def document(size: tuple[int, int], title: str, colours: Mapping[str, tuple[str, str]], parts: Iterable[str]) -> str:
    """Return a whole picture: colours gives each class one colour on white and one on black, as the reader has it."""
    light, dark = (
        "\n".join(f".{name} {{ fill: {pair[which]}; }} .line.{name} {{ stroke: {pair[which]}; fill: none; }}"
                  for name, pair in colours.items())
        for which in (0, 1)
    )  # fmt: skip
    width, height = size
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE.format(light=light, dark=dark)}\n</style>",
            rect((0, 0), width, height, "bg"),
            *parts,
            "</svg>\n",
        )
    )


def _css(name: str) -> str:
    return f' class="{escape(name)}"' if name else ""
