"""Whose process it is that says something.

It is a run's if it is the run's first process, of its session, or below it: nobody gets into those but by descent. One
that has lost its parent and left the session is a child of ours by then, and known by the mark in its environment. A
mark alone proves nothing: anybody can set a variable.
"""

from __future__ import annotations

import os

from ncolony.posix.kin import look_at, mark_of
from ncolony.posix.recovery import parse_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    Run = tuple[str, int, int]
    """Name, number of the instance, number of the run."""

HIGHEST = 64  # generations that are climbed


class Senders:
    """Knows the first process of each run that may say something."""

    def __init__(self, colony: str) -> None:
        """Begin with none. ``colony``: as in the marks of its runs."""
        self._colony = colony
        self._runs: dict[int, Run] = {}
        self._pids: dict[tuple[str, int], int] = {}

    def add(self, pid: int, run: Run) -> None:
        """Take note of the first process of a run."""
        self.remove(run[:2])
        self._runs[pid] = run
        self._pids[run[:2]] = pid

    def remove(self, slot: tuple[str, int]) -> None:
        """Take note that it is gone."""
        pid = self._pids.pop(slot, None)
        if pid is not None:
            self._runs.pop(pid, None)

    def run_of(self, pid: int) -> Run | None:
        """Return the run that a process belongs to; None: it is none of ours."""
        if pid in self._runs:
            return self._runs[pid]
        kin = look_at(pid)
        if kin is not None and kin.session in self._runs:
            return self._runs[kin.session]
        for _ in range(HIGHEST):
            if kin is None:
                return None
            if kin.parent == os.getpid():
                return self._marked(kin.pid)
            if kin.parent in self._runs:
                return self._runs[kin.parent]
            kin = look_at(kin.parent)
        return None

    def _marked(self, pid: int) -> Run | None:
        mark = os.fsdecode(mark_of(pid))
        slot, run = parse_mark(mark)
        return (*slot, run) if slot is not None and mark.startswith(f"{self._colony}/") else None
