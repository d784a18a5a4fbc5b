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
        self._paths: dict[tuple[str, int], str] = {}
        """Of the files that are there. A slot may be called otherwise by the time its process ends."""

    def saw(self, event: Event) -> None:
        """Write the file of a process that began, delete that of one that ended."""
        if not isinstance(event, InstanceChanged):
            return
        before, after = pid_of(event.before.state), pid_of(event.after.state)
        if before == after:
            return
        key = (event.slot.program, event.slot.number)
        path = self._paths.pop(key, None) or f"{self._directory}/{event.slot}"
        try:
            if after is None:
                _delete(path)
            else:
                self._paths[key] = path
                _write(path, after)
        except OSError as error:
            if self._said != str(error.strerror):
                self._said = str(error.strerror)
                self._report(f"cannot write the pid file {path!r}: {error.strerror}; the program runs all the same")


def _write(path: str, pid: int) -> None:
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(str(pid))
    os.replace(f"{path}.new", path)


def _delete(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # somebody was quicker
