"""What is wrong with programs only together: names that they need, addresses and log files that two of them have.

Pure, as check.py is for one of them. A supervisor meets these one by one, when the second of two is to start.
"""

from __future__ import annotations

from ncolony.core import needs
from ncolony.core.logspec import INSTANCE_FIELD, FileLog, path_of
from ncolony.core.parse import Problem, shown
from ncolony.core.sockets import address_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ncolony.core.program import Program

    Found = dict[str, list[Problem]]

MOST_INSTANCES = 100  # whose own log files are looked at


def problems(programs: Mapping[str, Program], others: Collection[str] = ()) -> dict[str, list[Problem]]:
    """Return, by program, what cannot be of all of them together.

    ``others`` are programs that nothing is known of, as their files cannot be used: to need one is no mistake.
    """
    found: Found = {}
    for name, several in needs.problems(programs).items():
        for problem in several:
            if problem.key.removeprefix("needs.") not in others:
                found.setdefault(name, []).append(problem)
    _sockets(programs, found)
    _logs(programs, found)
    return found


def _sockets(programs: Mapping[str, Program], found: Found) -> None:
    taken: dict[str, tuple[str, bool]] = {}
    for name, program in sorted(programs.items()):
        for socket in program.sockets:
            address = address_of(socket)
            other, shares = taken.setdefault(address, (name, socket.reuse_port))
            if other != name and not (shares and socket.reuse_port):
                what = f"{shown(address)}, which {shown(other)} has as well"
                wanted = "each address in one program (or `reuse_port` in both)"
                found.setdefault(name, []).append(Problem(f"sockets[{shown(socket.name)}]", what, wanted))


def _logs(programs: Mapping[str, Program], found: Found) -> None:
    taken: dict[str, tuple[str, FileLog]] = {}
    for name, program in sorted(programs.items()):
        told: set[str] = set()
        for path, log in _files(program):
            other, first = taken.setdefault(path, (name, log))
            if _rotation(first) != _rotation(log) and other not in told:
                told.add(other)
                whose = "another target here" if other == name else shown(other)
                what = f"the file {shown(path)}, which {whose} has rotated in another way"
                found.setdefault(name, []).append(Problem("log", what, "one way to rotate one file"))


def _files(program: Program) -> Iterator[tuple[str, FileLog]]:
    for stream, targets in (("stdout", program.log.stdout), ("stderr", program.log.stderr)):
        for log in targets:
            if isinstance(log, FileLog):
                count = min(program.instances, MOST_INSTANCES) if INSTANCE_FIELD in log.path else 1
                for number in range(1, count + 1):
                    yield path_of(log, program.name, number, stream), log


def _rotation(log: FileLog) -> tuple[object, ...]:
    return log.max_bytes, log.max_age, log.backups, log.compress
