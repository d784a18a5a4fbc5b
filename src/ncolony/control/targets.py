"""What clients name, and which instances that is."""

from __future__ import annotations

from ncolony.control.messages import Failure
from ncolony.control.protocol import USAGE
from ncolony.core.errors import NoSuch
from ncolony.core.names import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ncolony.core.program import Program

    Targets = dict[str, set[int] | None]
    """By program, in the order in which they are described: the numbers of instances, or None for all."""

MAX_GLOBS = 100
TOLD = 10  # wrong names that are told of; their nearest are looked for, which takes time
WILD = frozenset("*?[")


def chosen(programs: Mapping[str, Program], names: Sequence[str], *, every: bool, reading: bool) -> Targets:
    """Return what is meant by ``names``, or by ``every``; by neither, everything where it is only ``reading``.

    Raises :class:`NoSuch` with all names that mean nothing, and :class:`Failure` for arguments of no use.
    """
    if every and names:
        raise Failure(USAGE, "cannot use both names and all; leave one out")
    if every or (reading and not names):
        return dict.fromkeys(programs)
    if not names:
        raise Failure(USAGE, 'names: found none, wanted a list of them, or "all": true')
    if sum(not WILD.isdisjoint(name) for name in names) > MAX_GLOBS:
        raise Failure(USAGE, f"names: found more than {MAX_GLOBS} patterns, wanted at most that")
    found: Targets = {}
    wrong: list[str] = []
    labels = _labels(programs) if any(name not in programs for name in names) else {}
    for name in names:
        _add(found, wrong, programs, labels, name)
    if wrong:
        more = f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
        raise NoSuch("; ".join(_no_such(programs, name) for name in wrong[:TOLD]) + more)
    return {name: found[name] for name in programs if name in found} if len(found) > 1 else found


def numbers(program: Program, targets: Targets) -> Iterable[int]:
    """Return the numbers of a program's instances that are meant."""
    return sorted(targets[program.name] or range(1, program.instances + 1))


class Filter:
    """Tells what belongs to names, also of programs that are described later."""

    def __init__(self, programs: Mapping[str, Program], names: Sequence[str]) -> None:
        """Look in ``programs``, as they are when it is asked."""
        self._programs = programs
        self._instances = {
            (owner, int(number))
            for owner, _, number in (name.rpartition(":") for name in names if name not in programs)
            if owner in programs and number.isascii() and number.isdigit()
        }
        self._names = frozenset(names)
        self._labels = frozenset(name.removeprefix("@") for name in names if name not in programs)
        self._wild = [name for name in names if name not in programs and not WILD.isdisjoint(name)]

    def wants(self, name: str, number: int) -> bool:
        """Tell whether an instance, or with 0 a program, is meant."""
        if name in self._names or (name, number) in self._instances:
            return True
        if self._wild and _matches(name, self._wild):
            return True
        program = self._programs.get(name) if self._labels else None
        return program is not None and not self._labels.isdisjoint(program.labels)


def _matches(name: str, wild: Sequence[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, one) for one in wild)


def _labels(programs: Mapping[str, Program]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for program in programs.values():
        for label in program.labels:
            found.setdefault(label, []).append(program.name)
    return found


def _add(
    found: Targets, wrong: list[str], programs: Mapping[str, Program], labels: Mapping[str, list[str]], name: str
) -> None:
    if name in programs:
        found[name] = None
        return
    owner, _, number = name.rpartition(":")
    if owner in programs and number.isascii() and number.isdigit():
        if not 1 <= int(number) <= programs[owner].instances:
            wrong.append(name)
        elif (already := found.setdefault(owner, set())) is not None:
            already.add(int(number))
        return
    several = [] if WILD.isdisjoint(name) else _matching(programs, name)
    several = several or labels.get(name.removeprefix("@"), [])
    found.update(dict.fromkeys(several))
    if not several:
        wrong.append(name)


def _matching(programs: Mapping[str, Program], name: str) -> list[str]:
    return [one for one in programs if _matches(one, (name,))]


def _no_such(programs: Mapping[str, Program], name: str) -> str:
    owner, _, number = name.rpartition(":")
    if owner in programs and number.isdigit():
        return f"there is no instance {number[:20]} of {owner!r}: it has {programs[owner].instances}"
    if name.startswith("@"):
        return f"no program carries the label {name[1:]!r}"
    if not WILD.isdisjoint(name):
        return f"no program's name is like {name!r}"
    near = nearest(name, list(programs))
    return f"there is no program or label {name!r}" + (f"; did you mean {near!r}?" if near else "")
