"""Puts the control socket of a colony together: the door, who may come in, and, once somebody comes, what serves them.

A colony that nobody asks anything has a listening descriptor and a memory of events, and no more.
"""

from __future__ import annotations

import os

from ncolony import __version__
from ncolony.control.protocol import NAME
from ncolony.control.story import Story
from ncolony.core import events
from ncolony.posix.handing import DOORWAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol

    from ncolony.control.calls import Call
    from ncolony.control.server import Server
    from ncolony.core.events import Event
    from ncolony.core.program import Defaults
    from ncolony.hosts.companions import Companions
    from ncolony.ports import Loop, Outputs, Timer
    from ncolony.posix.doorway import Doorway
    from ncolony.runtime.supervisor import Supervisor

    class Colony(Protocol):
        """Whose socket it is."""

        def describe(self) -> dict[str, object]:
            """Say what a status says of it beside its programs."""

        def history(self, name: str, most: int) -> Iterator[list[bytes]]:
            """Return the entries of a program's journal; see Journal.backwards."""

        def defaults(self) -> Defaults:
            """Return what programs get that do not say otherwise."""

        def problems(self) -> list[str]:
            """Say which files cannot be used, and why."""

        def shut_down(self, within: float | None) -> None:
            """Stop everything and end."""

        def upgrade(self, answer: Callable[[str], None]) -> None:
            """Become another version; ``answer`` is given why not, or nothing."""


LATER = 1.0  # seconds until it is tried again to let somebody in


class Control:
    """The control socket of one colony (an Observer: the colony's description says who may read)."""

    def __init__(self, loop: Loop, state: str | None, say: Callable[[str], None]) -> None:
        """Remember events from now on. ``state``: the state directory; None: there is none, and so no socket."""
        self.story = Story(loop)
        self._loop, self._state, self._say = loop, state, say
        self._doorway: Doorway | None = None
        self._server: Server | None = None
        self._make: Callable[[Doorway], Server] | None = None
        self._readers: int | None = None
        self._said = ""
        self._farewells: list[Call] = []
        self._timer: Timer | None = None
        self._handed_over = os.environ.pop(DOORWAY, "")
        """What an earlier version of this process has left open to be asked through."""

    def serve(self, colony: Colony, supervisor: Supervisor, outputs: Outputs, companions: Companions) -> None:
        """Know whom clients ask about."""

        def make(doorway: Doorway) -> Server:
            from ncolony.control.calls import World
            from ncolony.control.server import Server

            world = World(
                loop=self._loop,
                supervisor=supervisor,
                outputs=outputs,
                story=self.story,
                about=lambda name, number: {**companions.about(name, number), **supervisor.about(name)},
                history=colony.history,
                problems=colony.problems,
                defaults=colony.defaults,
                colony=colony.describe,
                upgrade=colony.upgrade,
                shut_down=colony.shut_down,
                farewells=self._farewells,
            )
            said = colony.describe()
            greeting = {"ncolony": __version__, "pid": os.getpid(), "colony": said["id"], "host": said["host"],
                        "stream": os.urandom(6).hex()}  # fmt: skip
            return Server(world, doorway, greeting)

        self._make = make

    def begin(self) -> None:
        """Listen when what is due is done, or at once where programs would inherit what is open already."""
        if self._handed_over:
            self.open()
        else:
            self._timer = self._loop.call_at(self._loop.now(), self.open)

    def open(self) -> None:
        """Listen."""
        self._timer = None
        if self._state is None:
            return
        try:
            self._open(self._state)
        except OSError as error:
            path = f"{self._state}/{NAME}"
            self._say(f"cannot listen on {path!r}: {error.strerror}; programs run, and nobody can ask about them")

    def _open(self, state: str) -> None:
        from ncolony.posix.doorway import Doorway

        self._doorway = Doorway(state, NAME, self._handed_over)
        self._admit()
        self._loop.watch(self._doorway.fd, self._knocked)

    def saw(self, event: Event) -> None:
        """Let in who the description of the colony names."""
        if isinstance(event, events.ColonyDescribed):
            readers = event.spec.readers
            self._readers = _number_of(readers) if isinstance(readers, str) else readers
            if isinstance(readers, str) and self._readers is None:
                self._say(f"cannot let members of {readers!r} ask: there is no such group; see `readers`")
            self._admit()

    def renew(self) -> None:
        """Listen again, if the socket was deleted; who is connected stays so. Raises OSError."""
        if self._doorway is None:
            if self._state is not None and self._timer is None:  # else it is about to be opened for the first time
                self._open(self._state)
            return
        if os.path.lexists(self._doorway.path):
            return
        if self._timer is None:
            self._loop.unwatch(self._doorway.fd)
        try:
            self._doorway.renew()
        finally:
            if self._timer is None:
                self._loop.watch(self._doorway.fd, self._knocked)
        self._admit()

    def close(self) -> None:
        """Answer who waits for the end, hang up on everybody, and listen no more."""
        for call in list(self._farewells):
            call.succeed(pid=os.getpid())
        if self._server is not None:
            self._server.end()
        if self._timer is not None:
            self._timer.cancel()
        elif self._doorway is not None:
            self._loop.unwatch(self._doorway.fd)
        if self._doorway is not None:
            self._doorway.close()
            self._doorway = None

    def hand_over(self) -> Mapping[str, int]:
        """Hang up on everybody, and return the descriptor that goes on listening, by the variable that names it."""
        if self._server is not None:
            self._server.end()
        if self._doorway is None:
            return {}
        return {DOORWAY: self._doorway.fd}

    def _admit(self) -> None:
        if self._server is not None:
            self._server.dismiss(self._readers)
        if self._doorway is None:
            return
        try:
            self._doorway.admit(self._readers)
        except OSError as error:
            self._say(f"cannot give group {self._readers} a way to {self._doorway.path!r}: {error.strerror}")

    def _knocked(self) -> None:
        if self._doorway is None or self._make is None:
            return
        again: float | None
        try:
            if self._server is None:
                self._server = self._make(self._doorway)
                self._server.readers = self._readers
            again = self._server.let_in()
        except OSError:  # no descriptor to read a module with, most likely
            again = self._loop.now() + LATER
        if again is not None:
            self._loop.unwatch(self._doorway.fd)
            self._timer = self._loop.call_at(again, self._listen_again)

    def _listen_again(self) -> None:
        self._timer = None
        if self._doorway is not None:
            self._loop.watch(self._doorway.fd, self._knocked)


def _number_of(group: str) -> int | None:
    from grp import getgrnam

    try:
        return getgrnam(group).gr_gid
    except (KeyError, ValueError):
        return None
