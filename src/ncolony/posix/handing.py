"""What the launcher is told, and which descriptors it gets: the supervisor's half of launcher.py.

Its command line: the descriptor to report on, user, group, umask, cwd (empty: not given), then its cgroup, limits and
sockets (marshalled, in hexadecimal digits, as reading JSON takes ten times as long; empty: none of them), then the
command line of the program.
"""

from __future__ import annotations

import marshal
import os
import sys

from ncolony.core.limits import NO_LIMITS, IoPriority, Limit, Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.launch import Launch

PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAUNCHER = f"""import sys
sys.path.insert(0, {PACKAGE_ROOT!r})
from ncolony.posix.launcher import main
main(sys.argv[1:])"""
REPORTING = "NCOLONY_REPORTING"
"""The variable that says what is open for reports when a supervisor has become another version of itself."""
LISTENING, DOORWAY = "NCOLONY_SOCKETS", "NCOLONY_CONTROL"
"""The variables that name the sockets that are open then: those of programs, and the one that clients come through."""
FIRST = 3  # the number that a program's first socket has to have


def is_needed(launch: Launch) -> bool:
    """Tell whether a plain spawn cannot give a program what it is to have."""
    given = bool(launch.sockets or launch.stored or launch.watchdog)
    return given or launch.uid is not None or launch.gid is not None or launch.limits != NO_LIMITS


def arguments(launch: Launch, files: int, cgroup: str) -> tuple[str, ...]:
    """Return the command line of the launcher. ``files``: the limit on open files that programs get.

    ``cgroup``: the directory of the cgroup that it has to enter; empty: it is where it is to be.
    """
    given = (launch.uid, launch.gid, launch.umask, launch.cwd)
    words = ("" if value is None else str(value) for value in given)
    more = _more(launch, files, cgroup)
    return (sys.executable, "-I", "-S", "-c", LAUNCHER, str(_report(launch)), *words, more, *launch.args)


def descriptors(launch: Launch, write: int) -> list[tuple[int, int]]:
    """Return which descriptors get which numbers: the report's end ``write`` the one behind those of the sockets.

    Sockets are held above all numbers that a program's get (see listeners.py), so none is overwritten before its turn.
    """
    dealt = ((fd, FIRST + place) for place, fd in enumerate(held(launch)))
    return [(write, _report(launch)), *dealt, *own_report(launch)]


def own_report(launch: Launch) -> list[tuple[int, int]]:
    """Return the descriptor that a program reports its readiness through, and the number it gets."""
    return [] if launch.report is None else [launch.report]


def held(launch: Launch) -> tuple[int, ...]:
    """Return the descriptors that a program gets by systemd's protocol."""
    return (*launch.listening, *(fd for _, fd in launch.stored))


def _report(launch: Launch) -> int:
    number = FIRST + len(launch.listening) + len(launch.stored)
    return number if launch.report is None or launch.report[1] != number else number + 1


def _more(launch: Launch, files: int, cgroup: str) -> str:
    if not (cgroup or launch.sockets or launch.stored or launch.watchdog) and launch.limits == NO_LIMITS:
        return ""
    names: tuple[str, ...] = Limits.__match_args__
    limits = {name.rstrip("_"): _plain(value) for name in names if (value := getattr(launch.limits, name)) is not None}
    sockets = [(socket.name, socket.host, socket.owner) for socket in launch.sockets]
    sockets += [(name, "", "") for name, _ in launch.stored]
    given = {"limits": limits, "sockets": sockets, "watchdog": launch.watchdog, "cgroup": cgroup}
    # With these it is started under the supervisor's own limit; see PosixSpawner.
    given["files"] = files if held(launch) else None
    return marshal.dumps(given).hex()


def _plain(value: object) -> object:
    if isinstance(value, Limit):
        return value.soft, value.hard
    return (value.kind, value.level) if isinstance(value, IoPriority) else value
