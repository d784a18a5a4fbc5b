"""The directory of programs: tells which descriptions have changed since it was last looked at.

A file that cannot be used is reported and changes nothing: the program it names goes on as it was. A text that breaks
off in the middle is most likely still being written; it is given time to be finished before anybody is bothered.
"""

from __future__ import annotations

import os
from time import time

from ncolony.core.check import check
from ncolony.core.logspec import LogSpec
from ncolony.core.names import is_ignored
from ncolony.core.parse import NotAnObject, Problem, parse
from ncolony.core.program import PRIORITY
from ncolony.directory.files import Content, Gone, Partial, read, stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ncolony.core.program import Defaults, Program

SMALL = 4096  # bytes of a file that is worth keeping until it is looked at
SURE = 2.0  # seconds after which a file's times tell every change; before, a second write may carry the same ones


def _glimpsed(data: bytes) -> int:
    """Return the priority that stands in a text, wherever that is."""
    for text in data.split(b'"priority"')[1:]:
        colon, number = text.lstrip()[:1], text.lstrip()[1:].split(b",")[0].split(b"}")[0]
        try:
            if colon == b":":
                return int(number)
        except ValueError:
            pass  # it is no number, or too long for one
    return PRIORITY


class Conf:
    """What is known of the files in one directory."""

    def __init__(self, path: str, defaults: Defaults, report: Callable[[str], None]) -> None:
        """Look at the directory ``path``; what people should know goes to ``report``."""
        self.path = path
        self._defaults = defaults
        self._report = report
        self._stamps: dict[str, int] = {}
        """Of files whose content is known and cannot have changed unseen."""
        self._texts: dict[str, int] = {}
        """A number for the bytes that were last judged, good or bad."""
        self._read: dict[str, Content] = {}
        """Of files that were read and not looked at yet."""
        self._said: dict[str, str] = {}
        self._partial = Partial()

    def names(self) -> set[str]:
        """Return the names of all files that there are, and of those that were there before.

        Raises OSError where the directory cannot be listed.
        """
        return {name for name in os.listdir(self.path) if not is_ignored(name)} | set(self._texts)

    def by_priority(self, names: Iterable[str]) -> list[str]:
        """Return names in the order in which programs are to be started, as far as a glance at their files tells.

        So a low number counts in a large directory too, whose programs are not all described at once. What is read for
        it is not read again; what changes meanwhile is told by its stamp, once the directory is watched.
        """
        return sorted(names, key=lambda name: (self._priority(name), name))

    def _priority(self, name: str) -> int:
        found = read(self._file(name))
        if not isinstance(found, Content):
            return PRIORITY
        if len(found.data) <= SMALL:
            self._read[name] = found
        return _glimpsed(found.data)

    def look(self, names: Iterable[str], now: float) -> tuple[dict[str, Program | None], set[str]]:
        """Look at these files: the programs that are described anew (None: no longer), and the names to look at again.

        The latter are files that were caught while somebody was writing them, or that could not be opened for a
        shortage of ours. ``now``: on the loop's clock.
        """
        changes: dict[str, Program | None] = {}
        unsettled = set()
        for name in names:
            if is_ignored(name) or (name in self._stamps and self._stamps[name] == stamp(self._file(name))):
                continue
            found = self._read.pop(name, None) or read(self._file(name))
            if isinstance(found, Gone):
                # Where the directory itself is gone, that says nothing of the file.
                if os.path.isdir(self.path) and self._forget(name):
                    changes[name] = None
            elif not isinstance(found, Content):
                self._stamps[name] = found.stamp
                self._texts[name] = 0
                self._refuse(name, [Problem("", found.found, f"a file with one JSON object, at most {1 << 20} bytes")])
                if found.passing:
                    unsettled.add(name)
            elif not self._judge(name, found, changes, now):
                unsettled.add(name)
        return changes, unsettled

    def problems(self) -> list[str]:
        """Say which files cannot be used, and why."""
        return [f"cannot use {self._file(name)!r}: {words}" for name, words in self._said.items()]

    def _file(self, name: str) -> str:
        return f"{self.path}/{name}"

    def _judge(self, name: str, found: Content, changes: dict[str, Program | None], now: float) -> bool:
        """Take a file's content for what it is. False: it may not be finished yet."""
        age = time() - found.modified
        text = hash(found.data)
        if self._texts.get(name) != text:
            try:
                text_as_written, value = parse(found.data)
            except NotAnObject as error:
                if error.partial and not self._partial.settled(name, found, now):
                    return False
                self._refuse(name, [error.problem])
            else:
                self._take(name, text_as_written, value, changes)
            self._texts[name] = text
        if age > SURE:
            self._stamps[name] = found.stamp
        else:
            self._stamps.pop(name, None)
        return True

    def _take(self, name: str, text: str, value: dict[str, object], changes: dict[str, Program | None]) -> None:
        checked = check(name, text, value, self._defaults)
        problems = checked.problems
        if checked.program is not None and checked.program.log != LogSpec():
            from ncolony.posix.rotatable import why_not_rotated

            problems = tuple(why_not_rotated(checked.program))
        if problems:
            self._refuse(name, list(problems))
            return
        self._said.pop(name, None)
        for warning in checked.warnings:
            self._report(f"{self._file(name)}: {warning}")
        changes[name] = checked.program

    def _refuse(self, name: str, problems: list[Problem]) -> None:
        words = "; ".join(str(problem) for problem in problems)
        if self._said.get(name) != words:
            self._said[name] = words
            self._report(f"cannot use {self._file(name)!r}: {words}; what runs of it goes on as it was")

    def _forget(self, name: str) -> bool:
        self._stamps.pop(name, None)
        self._said.pop(name, None)
        return self._texts.pop(name, None) is not None
