"""The key `metrics` of a colony: a file that other programs read numbers from.

"metrics": {"file": "/var/lib/node_exporter/ncolony.prom", "every": "15s"}
"""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, fields
from ncolony.core.parse import shown
from ncolony.core.readers import a_duration, a_full_text
from ncolony.core.record import record

MIN_EVERY = 1.0


@record
class MetricsFile:
    """A file of metrics, and how often it is written."""

    file: str
    every: float = 15.0
    """Seconds."""


def _a_path(value: object) -> str:
    path = a_full_text(value)
    if not path.startswith("/") or path.endswith("/"):
        raise Mismatch
    return path


def _a_period(value: object) -> float:
    seconds = a_duration(value)
    if seconds < MIN_EVERY:
        raise Mismatch
    return seconds


METRICS_KEYS = (
    Key("file", _a_path, "the full path of a file", "required",
        "Replaced as a whole each time. Node exporters read files that end in `.prom`."),
    Key("every", _a_period, f'a time from {MIN_EVERY:g} s on, like "30s"', "15", "The time between two writings."),
)  # fmt: skip


def a_metrics_file(value: object) -> MetricsFile:
    """Read the `metrics` key. Raises Mismatch."""
    if not isinstance(value, dict):
        raise Mismatch
    found: list[Mismatch] = []
    made = fields(value, METRICS_KEYS, "", found)
    if "file" not in value:
        found.append(Mismatch(f"{METRICS_KEYS[0].wanted} as `file`", "", shown(value)))
    if made is None or found:
        raise Mismatches(found)
    return MetricsFile(**made)  # type: ignore[arg-type]
