"""Notices at once when somebody deletes the state directory under a living supervisor, and has it made anew."""

from __future__ import annotations

import os

from ncolony.core.errors import NColonyError
from ncolony.posix import renewing  # noqa: F401 - for those who renew: on the disk there may be another version by then
from ncolony.posix.state import Unusable
from ncolony.posix.watch import IN_DELETE, IN_MOVED_FROM, CannotWatch, DirectoryWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ncolony.ports import Loop, Timer

NAMES = frozenset({"colony", "control", "journal", "keeper", "lock", "records", "schedules"})
FAILURES = (OSError, Unusable, NColonyError)
ALWAYS = frozenset({"colony", "lock"})  # there is no state directory without
SETTLED = 0.1  # seconds after the last change until it is dealt with: `rm -r` goes from file to file


class Guard:
    """Watches over one state directory."""

    def __init__(
        self, loop: Loop, path: str, renew: Callable[[], None], say: Callable[[str], None], every: float
    ) -> None:
        """Watch ``path`` from now on; ``renew`` makes anew what is missing. It raises OSError, Unusable, NColonyError.

        ``every``: seconds between two tries where that fails, and between two looks where it cannot be watched.
        """
        self._loop, self._path, self._renew, self._say, self._every = loop, path, renew, say, every
        self._watch: DirectoryWatch | None = None
        self._timer: Timer | None = None
        self._there: set[str] = set()
        """What is there, or has been."""
        self._unsure = False
        """It may be another directory by now."""
        self._said = ""
        try:
            self._watch = DirectoryWatch(loop)
        except CannotWatch:
            pass  # the door has said why
        self._begin()

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def why_not(self) -> str:
        """Say why a successor could not use the directory at this moment, or nothing."""
        try:
            self._renew()
        except FAILURES as error:
            return _why(error)
        return ""

    def _begin(self) -> None:
        self._there = self._still(NAMES) | ALWAYS
        if not self._can_watch():
            self._look_in(self._every)
        elif self._still(self._there) != self._there:  # gone before it was watched
            self._look_in(SETTLED)

    def _can_watch(self) -> bool:
        if self._watch is None:
            return False
        try:
            self._watch.add(self._path, self._changed, IN_DELETE | IN_MOVED_FROM)
            # With the directory above it all in it may go: no name in it changes where that is moved.
            self._watch.add(os.path.dirname(os.path.abspath(self._path)), self._moved, 0)
        except CannotWatch:
            self._forget()
            return False
        return True

    def _forget(self) -> None:
        if self._watch is not None:
            self._watch.forget(self._changed)
            self._watch.forget(self._moved)

    def _still(self, names: Iterable[str]) -> set[str]:
        return {name for name in names if os.path.lexists(f"{self._path}/{name}")}

    def _moved(self, _: frozenset[str] | None) -> None:
        self._changed(None)

    def _changed(self, names: frozenset[str] | None) -> None:
        if names is None:
            self._unsure = True
        elif names & NAMES:
            self._there |= names & NAMES
        else:
            return
        self._look_in(SETTLED)

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.now() + seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self._forget()
        missing = self._there - self._still(self._there)
        if missing or self._unsure or self._said:
            part = missing and missing != self._there
            what = f"{', '.join(sorted(missing))} in {self._path!r}" if part else f"{self._path!r}"
            if not self._is_renewed(f"{what} was deleted"):
                self._look_in(self._every)
                return
            if self._still(missing):  # else it is something that nobody has use of, or that others say something of
                self._say(f"{what} was deleted: it was made anew, and a successor will find everything")
        self._unsure, self._said = False, ""
        self._begin()

    def _is_renewed(self, what: str) -> bool:
        try:
            self._renew()
        except FAILURES as error:
            words = f"{what}, and cannot be made anew: {_why(error)}; programs go on; it is tried again every"
            words += f" {self._every:g} s"
            if words != self._said:
                self._said = words
                self._say(words)
            return False
        return True


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
