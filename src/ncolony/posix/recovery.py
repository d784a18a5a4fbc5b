"""Finds out what an earlier supervisor of the same colony left running.

Records are believed as far as they make sense; a process is taken for the one of its record only where pid and start
time agree. What the records miss, because the supervisor was killed in the middle of a start or a record is damaged,
is found by the mark that every process carries in its environment.
"""

from __future__ import annotations

import os

from ncolony.core.kept import Kept
from ncolony.core.record import record, replace
from ncolony.core.states import DOWN, UP, Backoff, Instance, Running, Spawning, Stopped
from ncolony.posix import records
from ncolony.posix.plainfile import read_plain
from ncolony.posix.processes import environment_of, marked, session_of, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.posix.records import Key
    from ncolony.posix.state import State

    Say = Callable[[str], None]


@record
class Looks:
    """How to look at the processes of the system."""

    marked: Callable[[str], dict[str, list[int]]] = marked
    """Returns those that carry a mark of a colony, by mark."""
    session: Callable[[int], int] = session_of
    """Returns the session of one: the pid of who leads it, as the first process of a run does; 0 where it is gone."""
    started: Callable[[int], int | None] = start_time
    """Returns when one started, in clock ticks after boot; None: it is gone."""


def recover(state: State, now: float, say: Say, looks: Looks = Looks()) -> dict[Key, Kept]:  # noqa: B008 - frozen
    """Return how the colony was left. ``now``: on the loop's clock; ``say`` hears of what cannot be believed."""
    try:
        head, kept, wrong = records.read(state.records)
    except FileNotFoundError:
        if state.is_new:
            return {}
        head, kept, wrong = {}, [], ["it is not there"]
    except OSError as error:
        head, kept, wrong = {}, [], [error.strerror or str(error)]
    if head and head.get("boot") != state.boot:
        return {}  # the machine was started anew: no process is left, and pids mean others
    for problem in wrong:
        say(f"cannot use all of {state.records!r}: {problem}; its process is found by its mark, if it lives")
    found = {(one.program, one.number): one for one in kept}
    unsure = wrong or any(isinstance(one.instance.state, Spawning) for one in kept)
    if unsure:
        _complete(found, now, state.colony, looks)
    return found


def _complete(found: dict[Key, Kept], now: float, colony: str, looks: Looks) -> None:
    """Settle starts that were cut short, and add what carries a mark and has no record."""
    live: dict[Key, dict[int, int]] = {}
    for mark, pids in looks.marked(colony).items():
        key, run = parse_mark(mark)
        # Where the first process is gone, those that it left behind are of its session. It is then taken over all the
        # same, is found to have ended, and they are dealt with.
        pid = looks.session(pids[0]) if key is not None else 0
        if key is not None and pid:
            live.setdefault(key, {})[run] = pid
    for key, one in list(found.items()):
        if isinstance(one.instance.state, Spawning) and one.instance.run not in live.get(key, ()):
            state = Backoff(now) if one.instance.want == UP else Stopped()
            found[key] = replace(one, instance=replace(one.instance, state=state))
            if one.instance.want == DOWN and not one.instance.held:
                del found[key]  # as if it had been stopped in time
    for key, runs in live.items():
        before = found.get(key)
        if before is None:
            run = max(runs)  # what an earlier one left behind on purpose may live on
            found[key] = Kept(*key, Instance(Running(runs[run], now), UP, 0, run), 0, looks.started(runs[run]) or 0)
        elif isinstance(before.instance.state, Spawning):
            pid = runs[before.instance.run]
            alive = replace(before.instance, state=Running(pid, before.instance.state.since))
            found[key] = replace(before, instance=alive, born=looks.started(pid) or 0)


def parse_mark(mark: str) -> tuple[Key | None, int]:
    """Return whose mark it is, and of which run: ``COLONY/NAME:NUMBER/RUN``."""
    _, _, rest = mark.partition("/")
    slot, _, run = rest.rpartition("/")
    name, _, number = slot.rpartition(":")
    if name and number.isdigit() and run.isdigit():
        return (name, int(number)), int(run)
    return None, 0


def recover_from_pid_files(directory: str, now: float, say: Say) -> dict[Key, Kept]:
    """Return what pid files and the marks of their processes tell, where nothing else was kept."""
    found: dict[Key, Kept] = {}
    for name in sorted(os.listdir(directory)):
        path = f"{directory}/{name}"
        try:
            pid = int(read_plain(path)[:32])
        except (OSError, ValueError):
            continue
        environ = environment_of(pid)
        key, run = parse_mark(environ.get("NCOLONY_RUN", ""))
        if key is not None and name in (key[0], f"{key[0]}:{key[1]}") and session_of(pid) == pid:
            found[key] = Kept(*key, Instance(Running(pid, now), UP, 0, run), 0, start_time(pid) or 0)
        elif start_time(pid) is not None:
            say(f"the pid file {path!r} names process {pid}, which is not this colony's: it is left alone")
    return found
