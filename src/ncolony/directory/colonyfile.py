"""The file ``.colony`` in the directory of programs: what holds for the whole colony.

Like a program's file: one that cannot be used is reported and changes nothing; a text that breaks off in the middle is
given time to be finished. Where there is no such file, everything is as by default.
"""

from __future__ import annotations

from ncolony.core.colonyspec import NAME, ColonySpec
from ncolony.core.parse import NotAnObject, Problem, parse
from ncolony.directory.files import Content, Gone, Partial, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _check(value: dict[str, object]) -> tuple[ColonySpec | None, tuple[Problem, ...]]:
    from ncolony.core.colonykeys import check_colony  # of no use to a colony without such a file

    return check_colony(value)


class ColonyFile:
    """What is known of that file."""

    def __init__(self, directory: str, report: Callable[[str], None]) -> None:
        """Look at the one in ``directory``; what people should know goes to ``report``."""
        self._path = f"{directory}/{NAME}"
        self._report = report
        self._partial = Partial()
        self._judged: int | None = None
        self._said = ""

    def look(self, now: float) -> tuple[ColonySpec | None, bool]:
        """Return what the file says, or None where that is nothing new; and whether it may not be finished yet."""
        found = read(self._path)
        data = found.data if isinstance(found, Content) else b""
        judged = hash((type(found), data))
        if judged == self._judged:
            return None, False
        spec: ColonySpec | None = None
        if isinstance(found, Gone):
            spec = ColonySpec()
        elif not isinstance(found, Content):
            if found.passing:
                return None, True
            self._refuse([Problem("", found.found, "a file with one JSON object")])
        else:
            try:
                spec, problems = _check(parse(data)[1])
            except NotAnObject as error:
                if error.partial and not self._partial.settled(NAME, found, now):
                    return None, True
                problems = (error.problem,)
            if problems:
                self._refuse(problems)
        self._judged = judged
        if spec is not None:
            self._said = ""
        return spec, False

    def problems(self) -> list[str]:
        """Say why the file cannot be used, if so."""
        return [f"cannot use {self._path!r}: {self._said}"] if self._said else []

    def _refuse(self, problems: Sequence[Problem]) -> None:
        words = "; ".join(str(problem) for problem in problems)
        if words != self._said:
            self._said = words
            self._report(f"cannot use {self._path!r}: {words}; what it said before goes on to hold")
