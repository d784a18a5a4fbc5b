"""One file a program with its pid and nothing else, for tools that want to know it."""

from __future__ import annotations

import os

from ncolony.core.events import Event, InstanceChanged
from ncolony.core.states import pid_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class PidFiles:
    """Keeps the files of one directory true (the Observer port)."""

    def __init__(self, directory: str, report: Callable[[str], None]) -> None:
        """Write into ``directory``; tell ``report`` once where that cannot be done."""
        self._directory = directory
        self._report = report
        self._said = ""

    def saw(self, event: Event) -> None:
        """Write the file of a process that began, delete that of one that ended."""
        if not isinstance(event, InstanceChanged):
            return
        before, after = pid_of(event.before.state), pid_of(event.after.state)
        if before == after:
            return
        path = f"{self._directory}/{event.slot}"
        try:
            if after is None:
                os.unlink(path)
            else:
                with open(f"{path}.new", "w", encoding="ascii") as file:
                    file.write(str(after))
                os.replace(f"{path}.new", path)
        except OSError as error:
            if self._said != str(error.strerror):
                self._said = str(error.strerror)
                self._report(f"cannot write the pid file {path!r}: {error.strerror}; the program runs all the same")
