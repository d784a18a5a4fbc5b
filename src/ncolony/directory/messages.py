"""The directory of messages: requests taken in name order, put aside with a reason when they are no use."""

from __future__ import annotations

import os

from ncolony.core.errors import Refused
from ncolony.core.names import is_ignored, nearest
from ncolony.core.parse import NotAnObject, Problem, parse, shown
from ncolony.core.record import record
from ncolony.directory.files import Content, Gone, Partial, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

REJECTED = ".rejected"


@record
class RestartOne:
    """Restart a program."""

    name: str


@record
class RestartGroup:
    """Restart all programs that carry a label."""

    label: str


@record
class RestartAll:
    """Restart every program."""


@record
class Upgrade:
    """Become the version of NColony that is installed now."""


Request = RestartOne | RestartGroup | RestartAll | Upgrade
_KINDS = {"RESTART": "name", "RESTART-GROUP": "group", "RESTART-ALL": None, "UPGRADE": None}


def request(data: bytes) -> Request:
    """Return what a message asks for. Raises :class:`NotAnObject` for one that cannot be used."""
    _, value = parse(data)
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        near = nearest(kind.upper(), list(_KINDS), 4) if isinstance(kind, str) else None
        hint = f" (did you mean {near}?)" if near else ""
        found = shown(kind) if "type" in value else "no such key"
        raise NotAnObject(Problem("type", found, f"one of {', '.join(_KINDS)}{hint}"))
    key = _KINDS[kind]
    if key is None:
        return RestartAll() if kind == "RESTART-ALL" else Upgrade()
    target = value.get(key)
    if not isinstance(target, str) or not target:
        raise NotAnObject(Problem(key, shown(target) if key in value else "no such key", "a name"))
    return RestartOne(target) if key == "name" else RestartGroup(target)


class Messages:
    """One directory of messages."""

    def __init__(self, path: str, handle: Callable[[Request], None], report: Callable[[str], None]) -> None:
        """Hand requests to ``handle``, which raises Refused for what cannot be done; ``report`` hears of those."""
        self.path = path
        self._handle = handle
        self._report = report
        self._partial = Partial()
        self._stuck: set[tuple[str, int]] = set()
        """Files that were handled and could not be deleted."""

    def names(self) -> list[str]:
        """Return the messages that are there, in order. Raises OSError where the directory cannot be listed."""
        return sorted(name for name in os.listdir(self.path) if not is_ignored(name))

    def take(self, now: float, among: Container[str] | None = None) -> bool:
        """Handle all messages that are there (``among`` these names), in order.

        False: one is still being written, or cannot be read just now, so look again. ``now``: on the loop's clock.
        Raises OSError where the directory cannot be listed.
        """
        finished = True
        for name in self.names():
            if among is not None and name not in among:
                continue
            found = read(f"{self.path}/{name}")
            if isinstance(found, Gone) or (name, found.stamp) in self._stuck:
                continue
            if not isinstance(found, Content):
                if found.passing:
                    finished = False
                    continue
                self._reject(name, found.stamp, f"found {found.found}, wanted a file with one JSON object")
                continue
            finished = self._take_one(name, found, now) and finished
        return finished

    def _take_one(self, name: str, found: Content, now: float) -> bool:
        try:
            self._handle(request(found.data))
        except NotAnObject as error:
            if error.partial and not self._partial.settled(name, found, now):
                return False
            self._reject(name, found.stamp, str(error.problem))
        except Refused as refusal:
            self._reject(name, found.stamp, str(refusal))
        else:
            self._remove(name, found.stamp)
        return True

    def _remove(self, name: str, stamp: int) -> None:
        try:
            os.unlink(f"{self.path}/{name}")
        except FileNotFoundError:
            pass  # somebody took it back a moment too late
        except OSError as error:
            self._stuck.add((name, stamp))
            self._report(f"cannot delete the message {self.path + '/' + name!r}, which is done: {error.strerror}")

    def _reject(self, name: str, stamp: int, why: str) -> None:
        aside = f"{self.path}/{REJECTED}"
        where = f"it is in {aside!r}"
        try:
            os.makedirs(aside, mode=0o700, exist_ok=True)
            os.replace(f"{self.path}/{name}", f"{aside}/{name}")
            with open(f"{aside}/{name}.reason", "w", encoding="utf-8") as file:
                file.write(why + "\n")
        except OSError as error:
            self._stuck.add((name, stamp))
            where = f"cannot move it to {aside!r}: {error.strerror}"
        self._report(f"cannot use the message {self.path + '/' + name!r}: {why}; {where}")
