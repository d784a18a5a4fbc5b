"""``twist ncolony-beatcheck``: restarts programs that have stopped beating, through messages to their supervisor.

    python -m twisted ncolony-beatcheck --config=conf --messages=messages --freq=10

Looks at the programs whose file has ``"ncolony.beatcheck": {"period", "grace", "status"}``. When one has missed its
beats, beats.py says; client/heart.py makes beats. It is a program as others are, and beats itself where its own file
asks for it.
"""

from __future__ import annotations

import os
import time
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from twisted.python.filepath import FilePath

from ncolony import ctllib
from ncolony.client import heart
from ncolony.client.beats import beat_file, beats_of
from ncolony.core.record import replace
from ncolony.programs.beats import NEVER, Seen, is_stale, notice
from ncolony.programs.described import Described
from ncolony.programs.voice import voice_of
from ncolony.programs.watching import Restarts, Watch, WatchOptions, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from twisted.application.service import MultiService

    from ncolony.client.beats import Beats
    from ncolony.programs.voice import Say

NAME = "ncolony-beatcheck"
A_JUMP = 1.0  # seconds by which the wall clock may leave the steady one between two looks before it counts as set
A_PAUSE = 5.0  # seconds, besides a look that was left out, after which it was not load that kept us from looking


class Options(WatchOptions):
    """The command line of ``twist ncolony-beatcheck``."""

    program = NAME
    longdesc = 'Restarts programs that have stopped beating, as "ncolony.beatcheck" in their files asks for.'


def makeService(options: Mapping[str, Any]) -> MultiService:
    """Make the service that looks at beats: a parent of "beatcheck", and of "heart" where it has to beat itself."""
    say = voice_of(NAME)
    places = places_of(options)
    checker = Beatcheck(str(places.config), Restarts(places, say).ask, say, every=options["freq"])
    return heart.wrapHeart(Watch("beatcheck", options["freq"], checker.look))


class Beatcheck:
    """Knows which programs have missed their beats."""

    def __init__(
        self,
        folder: str,
        restart: Callable[[str, str], object],
        say: Say,
        *,
        every: float = inf,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at the programs in ``folder``; ``restart`` takes a name and the reason.

        A look is meant to come ``every`` so many seconds; times come from the clocks ``wall`` and ``steady``.
        """
        self._folder = folder
        self._restart = restart
        self._say = say
        self._wall, self._steady = wall, steady
        self._described: Described[Beats] = Described(folder, beats_of, say)
        self._every = every
        self._start = wall()
        self._looked = steady()
        self._apart = self._start - self._looked
        self._seen: dict[str, Seen] = {}

    def look(self) -> None:
        """Have those restarted that have missed their beats."""
        now = self._wall()
        self._mind_the_clock(now)
        asked = {name: beats for name, (beats, _) in self._described.look().items()}
        self._seen = {name: self._seen.get(name, Seen()) for name in asked}
        for name, beats in asked.items():
            self._look_at(name, beats, now)

    def _mind_the_clock(self, now: float) -> None:
        """Begin anew where the wall clock was set, or this process stood still, perhaps with all the others.

        That is so when the machine slept or the container was frozen. No beat was missed then.
        """
        looked, apart = self._looked, self._apart
        self._looked = self._steady()
        self._apart = now - self._looked
        if abs(self._apart - apart) > A_JUMP or self._looked - looked > 2 * self._every + A_PAUSE:
            self._say("the clock was set, or all stood still for a while: every program gets its grace anew")
            self._start = now
            self._seen = {}

    def _look_at(self, name: str, beats: Beats, now: float) -> None:
        seen, beaten = notice(self._seen[name], last_beat(self._folder, beats.status, name), now)
        started = max(_started(self._folder, name, self._start, now), seen.asked)
        # Who was restarted has a period at least: what lies there is its predecessor's.
        if is_stale(beats, started, max(beaten, seen.asked), now):
            seen = replace(seen, asked=now)
            self._restart(name, _why(beats, beaten, now))
        self._seen[name] = seen


def _why(beats: Beats, beaten: float, now: float) -> str:
    if beaten == NEVER:
        return f"has made no beat, and should make one every {beats.period:g} s"
    return f"has not beaten for {now - beaten:.3g} s, and its period is {beats.period:g} s"


def _started(folder: str, name: str, start: float, now: float) -> float:
    changed = _touched(os.path.join(folder, name))
    return changed if start < changed <= now else start


def last_beat(folder: str, status: str, name: str) -> float:
    """Return when a program last beat, by the time of its file.

    Relative paths begin in the directory of programs. NColony 2024.1 let them begin in this process's own: what beats
    there, as programs written for that do, counts too.
    """
    return max(_touched(beat_file(base, status, name)) for base in (folder, os.curdir))


def _touched(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return NEVER


# What NColony's earlier beatcheck offered, for code that calls it -----------------------------------------------------


def check(path: FilePath[str] | str | os.PathLike[str], start: float, now: float) -> list[str]:
    """Return the names of the programs in the directory ``path`` that have missed their beats, sorted.

    ``start`` and ``now``: when the looking began and what time it is, on the wall clock.
    """
    folder = path.path if isinstance(path, FilePath) else os.fspath(path)
    asked = Described(folder, beats_of, voice_of(NAME)).look()
    return sorted(
        name
        for name, (beats, _) in asked.items()
        if is_stale(beats, _started(folder, name, start, now), last_beat(folder, beats.status, name), now)
    )


def run(
    restarter: Callable[[str], object], checker: Callable[[float], Iterable[str]], timer: Callable[[], float]
) -> None:
    """Call ``restarter`` with each name that ``checker`` returns for the time that ``timer`` says."""
    for name in checker(timer()):
        restarter(name)


def parseConfig(options: Mapping[str, Any]) -> tuple[Callable[[str], object], str]:
    """Return what restarts a program, by its name, and the directory of programs."""
    places = places_of(options)
    return partial(ctllib.restart, places), str(places.config)
