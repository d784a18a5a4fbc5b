"""The NColony door: keeps a supervisor's programs as the directories say, and passes messages on.

Changes are noticed through the kernel. Where it cannot tell them, and while a directory is missing, it is looked at
every ``frequency`` seconds instead; a colony that can be watched never wakes up for nothing.
"""

from __future__ import annotations

import os

from ncolony.core.record import record
from ncolony.directory.colonyfile import ColonyFile
from ncolony.directory.conf import Conf
from ncolony.directory.files import SETTLED
from ncolony.directory.messages import Messages, RestartGroup, RestartOne, Upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from ncolony.core.program import Defaults
    from ncolony.directory.messages import Request
    from ncolony.ports import Loop, Timer
    from ncolony.posix.watch import DirectoryWatch
    from ncolony.runtime.supervisor import Supervisor

SLICE = 16  # files between two turns of the loop, so that the first programs start while the rest is being read


@record
class Places:
    """Where a colony is described."""

    config: str
    messages: str
    frequency: float
    """Seconds between two looks at what cannot be watched."""
    defaults: Defaults


class Door:
    """One colony's directories."""

    def __init__(
        self,
        loop: Loop,
        supervisor: Supervisor,
        places: Places,
        report: Callable[[str], None],
        all_read: Callable[[Container[str]], None] = lambda _: None,
        upgrade: Callable[[], None] = lambda: None,
    ) -> None:
        """Read nothing yet; see :meth:`open`. What people should know goes to ``report``.

        ``all_read`` is called once, when everything was read for the first time, with the names that have a file;
        ``upgrade`` when a message asks for it.
        """
        self._upgrade = upgrade
        self._all_read = all_read
        self._loop = loop
        self._supervisor = supervisor
        self._report = report
        self._frequency = places.frequency
        self._conf = Conf(places.config, places.defaults, report)
        self._colony = ColonyFile(places.config, report)
        self._messages = Messages(places.messages, self._handle, report)
        self._watch: DirectoryWatch | None = None
        self._watched = {places.config: False, places.messages: False}
        self._changed: dict[str, None] = {}
        """Names to look at, in order."""
        self._unsettled: set[str] = set()
        self._work: Timer | None = None
        self._poll: Timer | None = None
        self._settle: Timer | None = None
        self._opened_at: float | None = None
        self._lay_there: list[str] = []
        """Messages from before the opening."""
        self._said: dict[str, str] = {}
        self._closed = False

    def open(self) -> None:
        """Start what the directories describe, in slices, and watch them from now on.

        Messages that lie there from before are about processes that are only being started now: new enough.
        """
        self._opened_at = self._loop.now()
        self._lay_there = self._list(self._messages.path, self._messages.names) or []
        self._look_at_colony()
        self._list_conf(self._conf.by_priority)
        self._schedule()

    def look_again(self) -> None:
        """Look at everything anew, as if nothing could be watched. Does nothing once it is closed."""
        if self._closed:
            return
        self._look_at_colony()
        self._list_conf()
        self._schedule()

    def problems(self) -> list[str]:
        """Say which files cannot be used, and why; and which directories cannot be read or watched."""
        return [*self._colony.problems(), *self._conf.problems(), *self._said.values()]

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        for timer in (self._work, self._poll, self._settle):
            if timer is not None:
                timer.cancel()
        self._work = self._poll = self._settle = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    # Work, a slice at a time ------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._work is None:
            self._work = self._loop.call_at(self._loop.now(), self._do_slice)

    def _do_slice(self) -> None:
        self._work = None
        if self._changed:
            names = list(self._changed)[:SLICE]
            for name in names:
                del self._changed[name]
            self._look(names)
            self._schedule()
            return
        self._begin_to_watch()
        if self._changed:  # found by the listing that follows a new watch
            self._schedule()
            return
        if self._opened_at is not None:
            self._finish_opening()
        self._take_messages()
        self._arm_poll()

    def _finish_opening(self) -> None:
        names = self._list(self._conf.path, self._conf.names)
        if names is not None:
            self._all_read(names)
        self._take_messages(self._lay_there)
        self._lay_there = []
        self._opened_at = None

    def _look(self, names: Iterable[str]) -> None:
        changes, unsettled = self._conf.look(names, self._loop.now())
        self._supervisor.apply(changes)
        if unsettled:
            self._unsettled |= unsettled
            self._come_back()

    def _look_at_colony(self) -> None:
        spec, unfinished = self._colony.look(self._loop.now())
        if spec is not None:
            self._supervisor.describe(spec)
        if unfinished:
            self._come_back()

    def _come_back(self) -> None:
        if self._settle is None:
            self._settle = self._loop.call_at(self._loop.now() + SETTLED, self._settled)

    def _settled(self) -> None:
        self._settle = None
        self._look_at_colony()
        self._changed.update(dict.fromkeys(sorted(self._unsettled)))
        self._unsettled = set()
        self._schedule()

    def _list_conf(self, order: Callable[[Iterable[str]], list[str]] = sorted) -> None:
        names = self._list(self._conf.path, self._conf.names)
        if names is not None:
            self._changed.update(dict.fromkeys(order(names)))

    def _take_messages(self, among: Container[str] | None = None) -> None:
        if self._list(self._messages.path, lambda: self._messages.take(self._loop.now(), among)) is False:
            self._come_back()

    def _list(self, path: str, listing: Callable[[], _T]) -> _T | None:
        """Read a directory. One that cannot be read says nothing of its files: everything stays as it is."""
        try:
            listed = listing()
        except OSError as error:
            self._say_once(path, f"cannot read {path!r}: {error.strerror}; everything goes on as it is")
            return None
        self._said.pop(path, None)
        return listed

    def _say_once(self, key: str, words: str) -> None:
        if self._said.get(key) != words:
            self._said[key] = words
            self._report(words)

    def _handle(self, request: Request) -> None:
        if isinstance(request, RestartOne):
            self._supervisor.restart(request.name, self._opened_at)
        elif isinstance(request, RestartGroup):
            self._supervisor.restart_group(request.label, self._opened_at)
        elif isinstance(request, Upgrade):
            # Later, when the message is gone: the next version would find it again.
            self._loop.call_at(self._loop.now(), self._upgrade)
        else:
            self._supervisor.restart_all(self._opened_at)

    # Watching ---------------------------------------------------------------------------------------------------

    def _begin_to_watch(self) -> None:
        for path, call in ((self._conf.path, self._conf_changed), (self._messages.path, self._messages_changed)):
            if not self._watched[path]:
                self._try_to_watch(path, call)

    def _try_to_watch(self, path: str, call: Callable[[frozenset[str] | None], None]) -> None:
        from ncolony.posix.watch import CannotWatch, DirectoryWatch  # dear: not before the first programs are started

        try:
            if self._watch is None:
                self._watch = DirectoryWatch(self._loop)
            self._watch.add(path, call)
        except CannotWatch as error:
            if os.path.isdir(path):
                seconds = f"{self._frequency:g} s"
                self._say_once(f"watch {path}", f"{path!r} cannot be watched ({error}): it is read every {seconds}")
            return
        self._watched[path] = True
        if path == self._conf.path:
            self._list_conf()  # what changed between the listing and the watch

    def _conf_changed(self, names: frozenset[str] | None) -> None:
        if names is None or any(name.startswith(".") for name in names):
            # A hidden name that changes may be the link through which a whole directory is swapped (ConfigMaps).
            self._look_at_colony()
            self._list_conf()
        if names is None:
            self._lose(self._conf.path, self._conf_changed)
        else:
            self._changed.update(dict.fromkeys(sorted(names)))
        self._schedule()

    def _messages_changed(self, names: frozenset[str] | None) -> None:
        if names is None:
            self._lose(self._messages.path, self._messages_changed)
        self._schedule()

    def _lose(self, path: str, call: Callable[[frozenset[str] | None], None]) -> None:
        """Watch ``path`` anew: another directory may be there by now."""
        self._watched[path] = False
        if self._watch is not None:
            self._watch.forget(call)

    def _arm_poll(self) -> None:
        if self._poll is None and not all(self._watched.values()):
            self._poll = self._loop.call_at(self._loop.now() + self._frequency, self._poll_now)

    def _poll_now(self) -> None:
        self._poll = None
        self._look_at_colony()
        self._list_conf()
        self._schedule()


if TYPE_CHECKING:
    from typing import TypeVar

    _T = TypeVar("_T")
