"""Spans of time, as people say them. Apart from story.py, as the quickest commands want them without the rest."""

from __future__ import annotations

UNITS = ((86400.0, "d", 3600.0, "h"), (3600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s"))


def seconds(value: float) -> str:
    """Return a time span as people say it: ``0.52 s``, ``7.3 s``, ``12 min``, ``3 h 5 min``, ``2 d 4 h``."""
    for size, unit, smaller, small_unit in UNITS:
        if value >= size:
            whole, rest = divmod(value, size)
            return f"{whole:.0f} {unit} {rest // smaller:.0f} {small_unit}"
    return f"{value:.3g} s"


def ago(span: float) -> str:
    """Return how long ago something was."""
    return "just now" if span < 1 else f"{seconds(span)} ago"
