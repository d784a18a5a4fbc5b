"""A whole directory of programs as it is now, with all that is wrong with it: for checks and plans.

Reads as a supervisor does, and needs none. Nothing is watched, and nothing is waited for: a text that breaks off in the
middle is a mistake here.
"""

from __future__ import annotations

import os

from ncolony.core.check import check
from ncolony.core.colonykeys import check_colony
from ncolony.core.colonyspec import NAME as COLONY
from ncolony.core.colonyspec import ColonySpec
from ncolony.core.errors import ConfigError
from ncolony.core.names import is_ignored
from ncolony.core.parse import MAX_BYTES, NotAnObject, Problem, parse
from ncolony.core.program import Defaults
from ncolony.core.record import record
from ncolony.directory.files import Content, Gone, Unreadable, read
from ncolony.posix.rotatable import why_not_rotated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.program import Program


@record
class File:
    """One file, and what a supervisor would make of it."""

    path: str
    name: str
    data: bytes | None = None
    """None: it cannot be read."""
    made: Program | ColonySpec | None = None
    """None: it cannot be used."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    mode: int = 0


@record
class Candidate:
    """A directory of programs."""

    path: str
    files: tuple[File, ...]
    """Sorted by name; the colony's own first, where there is one."""

    @property
    def programs(self) -> dict[str, Program]:
        """The programs of the files that can be used, by name."""
        return {file.name: file.made for file in self.files if not isinstance(file.made, ColonySpec | None)}

    @property
    def texts(self) -> dict[str, bytes]:
        """What is in the files that can be read, by name."""
        return {file.name: file.data for file in self.files if file.data is not None}


def read_all(directory: str) -> Candidate:
    """Read a directory. Raises :class:`ConfigError` where it cannot be listed."""
    try:
        listed = sorted(os.listdir(directory))
    except OSError as error:
        raise ConfigError(f"cannot read {directory!r}: {error.strerror}; name a directory of programs") from None
    names = [*(name for name in listed if name == COLONY), *(name for name in listed if not is_ignored(name))]
    return Candidate(directory, tuple(made for name in names if (made := read_one(f"{directory}/{name}")) is not None))


def read_one(path: str) -> File | None:
    """Read one file: of a program, or of the colony where that is its name. None: there is none."""
    name = os.path.basename(path)
    found = read(path)
    if isinstance(found, Gone):
        return None
    if isinstance(found, Unreadable):
        return File(path, name, problems=(Problem("", found.found, f"one JSON object, at most {MAX_BYTES} bytes"),))
    return _judged(path, name, found)


def _judged(path: str, name: str, found: Content) -> File:
    try:
        text, value = parse(found.data)
    except NotAnObject as error:
        return File(path, name, found.data, problems=(error.problem,), mode=found.mode)
    if name == COLONY:
        spec, wrong = check_colony(value)
        return File(path, name, found.data, spec, wrong, mode=found.mode)
    checked = check(name, text, value, Defaults())
    wrong = checked.problems if checked.program is None else tuple(why_not_rotated(checked.program))
    made = None if wrong else checked.program
    return File(path, name, found.data, made, wrong, checked.warnings, found.mode)
