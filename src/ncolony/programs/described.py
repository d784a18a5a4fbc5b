"""What the files of a colony's programs ask of one program beside it, under its own key.

Files are read as a supervisor reads them, and again only when they have changed. One that is no use disturbs no other.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from ncolony.core.errors import ConfigError
from ncolony.core.names import check_name, is_ignored
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.record import record
from ncolony.directory.conf import SURE
from ncolony.directory.files import Content, Gone, Partial, read, stamp
from ncolony.programs.voice import Once

if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.programs.voice import Say

T = TypeVar("T")


@record
class File:
    """What is known of a file."""

    text: int
    """A number for its bytes."""
    stamp: int | None
    """None: it may have changed unseen, and is to be read again."""
    wish: object


class Described(Generic[T]):
    """Reads what the files in one directory ask for."""

    def __init__(self, folder: str, wish_of: Callable[[dict[str, object]], T | None], say: Say) -> None:
        """``wish_of`` takes what is in a file; None: nothing is asked for. It may raise :class:`ConfigError`."""
        self._folder = folder
        self._wish_of = wish_of
        self._once = Once(say)
        self._files: dict[str, File] = {}
        self._partial = Partial()

    def look(self) -> dict[str, tuple[T, int]]:
        """Return, for each program that asks for something, what, and a number that is another when its text is.

        A file that cannot be read or is no JSON object asks for what it asked for before, as its program goes on as it
        was; one whose key is no use asks for nothing. Either is told once.
        """
        try:
            names = [name for name in os.listdir(self._folder) if not is_ignored(name) and check_name(name) is None]
        except OSError as error:
            self._once.say("", f"cannot look for programs in {self._folder!r}: {error.strerror}; trying again")
            return {}
        self._once.over("")
        for name in self._files.keys() - set(names):
            del self._files[name]
            self._once.over(name)
        for name in names:
            self._read(name)
        return {name: (file.wish, file.text) for name, file in self._files.items() if file.wish is not None}  # type: ignore[misc]

    def _read(self, name: str) -> None:
        path = os.path.join(self._folder, name)
        known = self._files.get(name)
        if known is not None and known.stamp == stamp(path):
            return
        found = read(path)
        if isinstance(found, Content):
            self._take(name, found, known)
        elif not isinstance(found, Gone):
            self._once.say(name, f"cannot use {path!r}: found {found.found}; {_as_before(known)}")

    def _take(self, name: str, found: Content, known: File | None) -> None:
        text = hash(found.data)
        age = time.time() - found.modified
        its_stamp = found.stamp if age > SURE else None  # as a supervisor trusts it
        if known is not None and known.text == text:
            self._files[name] = File(text, its_stamp, known.wish)
            return
        path = os.path.join(self._folder, name)
        try:
            wish = self._wish_of(parse(found.data)[1])
        except NotAnObject as error:
            if not error.partial or self._partial.settled(name, found, time.monotonic()):
                self._once.say(name, f"cannot use {path!r}: {error}; {_as_before(known)}")
            return
        except ConfigError as error:
            self._once.say(name, f"cannot use {path!r}: {error}; {name} is not looked after until that is mended")
            wish = None
        else:
            self._once.over(name)
        self._files[name] = File(text, its_stamp, wish)


def _as_before(known: File | None) -> str:
    looked_after = known is not None and known.wish is not None
    return "it is looked after as before" if looked_after else "it is not looked after"
