"""The keys of a program's file that ask for beats, and where those are: files that are touched at each.

``ncolony.beatcheck`` is for a program beside the colony, ``"health": {"beat": …}`` for the supervisor. Read by the
program that beats and by the one that looks at the beats. Must not import Twisted: most programs that beat
are not written with it.
"""

from __future__ import annotations

import os

from ncolony.core.asked import A_PERIOD, a_number_of_periods, a_period, asked
from ncolony.core.keyspec import Key, Mismatch
from ncolony.core.readers import a_full_text
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "ncolony.beatcheck"


@record
class Beats:
    """How a program has promised to beat."""

    period: float
    """Seconds after which it has missed one."""
    grace: float
    """For so many periods after its file was changed nothing is expected of it."""
    status: str
    """The file that a beat touches, or a directory in which that file has the program's name."""


KEYS = (
    Key("period", a_period, A_PERIOD, "required", "A program that has not beaten for longer is restarted."),
    Key("grace", a_number_of_periods, "a number of periods, 0 or more", "required",
        "So many periods after the start nothing is expected yet."),
    Key("status", a_full_text, "the path of a file or directory", "required",
        "The file that beats touch; in a directory the file with the program's name."),
)  # fmt: skip


def beats_of(value: Mapping[str, object]) -> Beats | None:
    """Return what a program's file says of beats; None where it says nothing. Raises :class:`ConfigError`."""
    fields = asked(value, KEY, KEYS)
    return None if fields is None else Beats(**fields)  # type: ignore[arg-type] # as KEYS has read them


def health_beats_of(value: Mapping[str, object]) -> Beats | None:
    """Return the beats that ``health`` asks for; None where there are none, or the key is no use to the supervisor."""
    health = value.get("health")
    if not isinstance(health, dict) or "beat" not in health:
        return None
    from ncolony.core.probekeys import a_health  # most programs have no use for it
    from ncolony.core.probespec import Beat

    try:
        rule = a_health(health)
    except Mismatch:
        return None
    return Beats(rule.period, 0.0, rule.probe.path) if isinstance(rule.probe, Beat) else None


def beat_file(folder: str, status: str, name: str) -> str:
    """Return the path of the file that the program ``name`` touches; ``folder`` is where relative paths begin."""
    path = os.path.join(folder, status)
    return os.path.join(path, name) if os.path.isdir(path) else path
