"""Numbers as text that Prometheus reads: OpenMetrics 1.0, or the older format that node exporters take from files.

Pure: metrics in, lines out. A family is all samples of one name; they have to stand together.
"""

from __future__ import annotations

from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Sample = tuple[str, float | int]
    """The inside of the braces, and the value."""

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
COUNTER, GAUGE = "counter", "gauge"
END = "# EOF\n"
PIECE = 500  # lines at a time
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@record
class Family:
    """All samples of one name."""

    name: str
    """Without the _total of a counter."""
    kind: str
    about: str
    samples: Iterable[Sample]


def labels(**values: object) -> str:
    """Return labels as they stand inside the braces."""
    return ",".join(f'{name}="{str(value).translate(_ESCAPES)}"' for name, value in values.items())


def pieces(families: Iterable[Family], *, classic: bool = False) -> Iterator[str]:
    """Return the text, some hundred lines at a time; ``classic``: in the older format. Ends with its end mark."""
    for family in families:
        total = "_total" if family.kind == COUNTER else ""
        head = f"{family.name}{total}" if classic else family.name
        lines = [f"# HELP {head} {family.about}\n", f"# TYPE {head} {family.kind}\n"]
        for inside, value in family.samples:
            braces = f"{{{inside}}}" if inside else ""
            lines.append(f"{family.name}{total}{braces} {_number(value)}\n")
            if len(lines) >= PIECE:
                yield "".join(lines)
                lines = []
        yield "".join(lines)
    if not classic:
        yield END


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.17g}" if value != int(value) else f"{value:.1f}"
