"""Lets clients in as long as there is room, and shares the loop's time among them and with the colony.

Imported when the first client comes. Verbs are in verbs.py; what a connection does in connection.py.
"""

from __future__ import annotations

import os
import resource

from ncolony.control.calls import Call
from ncolony.control.connection import Connection
from ncolony.control.messages import Failure, failed, hello
from ncolony.control.protocol import FORBIDDEN, REFUSED, USAGE
from ncolony.control.verbs import VERBS
from ncolony.core.bare import deque
from ncolony.core.errors import NColonyError
from ncolony.core.keyspec import Mismatch, fields
from ncolony.core.names import nearest
from ncolony.core.parse import shown
from ncolony.posix.doorway import NO_ROOM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ncolony.control.calls import World
    from ncolony.control.messages import Request
    from ncolony.control.verbs import Verb
    from ncolony.posix.doorway import Doorway, Peer

MOST = 256  # connections
SHARE = 8  # of the descriptors that this process may have, one in so many is for clients
AT_ONCE = 32  # clients let in before everything else has its turn
TURN = 0.005  # seconds of work for clients before everything else has its turn
LATER = 1.0  # seconds until it is tried again where there are no descriptors


class Server:
    """All clients of one colony."""

    def __init__(
        self, world: World, doorway: Doorway, greeting: Mapping[str, object], verbs: Mapping[str, Verb] = VERBS
    ) -> None:
        """Serve those who come in by ``doorway``, which the caller watches; see :meth:`let_in`.

        ``greeting``: what the first line says; ``verbs``: what they may ask for.
        """
        self._world, self._doorway, self._verbs = world, doorway, verbs
        self._greeting = dict(greeting)
        self.readers: int | None = None
        """The group whose members may read."""
        self._most = min(MOST, max(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE))
        self.connections: dict[Connection, None] = {}
        """In the order in which they were last of use."""
        self._queue: deque[Connection] = deque()
        self._queued: set[Connection] = set()
        self._scheduled = False

    def let_in(self) -> float | None:
        """Let in who waits. Returns when to try again where there is no room for anybody, on the loop's clock."""
        for _ in range(AT_ONCE):
            try:
                came = self._doorway.accept()
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                if self._make_room(may_change=True):
                    continue
                return self._world.loop.now() + LATER
            if came is None:
                return None
            self._greet(*came)
        return None

    def end(self) -> None:
        """Hang up on everybody, after what there is to say."""
        for connection in list(self.connections):
            connection.end()

    def dismiss(self, readers: int | None) -> None:
        """From now on let members of another group read, and nobody of the one before."""
        if readers != self.readers:
            self.readers = readers
            for connection in [one for one in self.connections if not one.may_change]:
                connection.close()

    # What connections ask for -------------------------------------------------------------------------------------

    def soon(self, connection: Connection) -> None:
        """Let a connection work when it is its turn."""
        if connection not in self._queued:
            self._queued.add(connection)
            self._queue.append(connection)
        self._schedule()

    def left(self, connection: Connection) -> None:
        """Forget one that is closed."""
        self.connections.pop(connection, None)

    def serve(self, connection: Connection, asked: Request) -> None:
        """Begin to serve a request, or answer why not."""
        self.connections[connection] = self.connections.pop(connection)
        call = Call(connection, asked, {})
        connection.calls.append(call)
        try:
            verb = self._verb(asked.verb, may_change=connection.may_change)
            call.arguments = _arguments(asked, verb)
            verb.serve(self._world, call)
        except (Failure, NColonyError) as error:
            call.fail_for(error)

    def _verb(self, name: str, *, may_change: bool) -> Verb:
        found = self._verbs.get(name)
        if found is None:
            near = nearest(name[:50], list(self._verbs))
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(self._verbs)}"
            raise Failure(USAGE, f"cannot do {shown(name)}: there is no such verb; {hint}")
        if not (found.reads or may_change):
            wanted = "only root and the supervisor's own user may; members of the readers' group may ask"
            raise Failure(FORBIDDEN, f"cannot {name}: {wanted}")
        return found

    # Turns --------------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._world.loop.call_at(self._world.loop.now(), self._work)

    def _work(self) -> None:
        self._scheduled = False
        until = self._world.loop.now() + TURN
        try:
            while self._queue and self._world.loop.now() <= until:
                connection = self._queue.popleft()
                self._queued.remove(connection)
                connection.work()
        finally:
            if self._queue:
                self._schedule()

    # Who comes ----------------------------------------------------------------------------------------------------

    def _greet(self, fd: int, peer: Peer) -> None:
        may_change = peer.uid in (0, os.geteuid())
        if not may_change and (self.readers is None or self.readers not in peer.gids):
            _turn_away(fd, FORBIDDEN, f"user {peer.uid} may not ask here; see `readers` in conf/.colony")
        elif len(self.connections) >= self._most and not self._make_room(may_change=may_change):
            _turn_away(fd, REFUSED, f"{self._most} clients are being served; try again when one has left")
        else:
            who = f"user {peer.uid}" if peer.uid else "root"
            first = hello({**self._greeting, "may": "change" if may_change else "read"})
            made = Connection(self, self._world.loop, fd, may_change=may_change, who=who, hello=first)
            if not made.closed:
                self.connections[made] = None

    def _make_room(self, *, may_change: bool) -> bool:
        """Hang up on who does not read, or has been of no use for longest; tell whether there was anybody such."""
        below = [one for one in self.connections if may_change or not one.may_change]
        for spare in (
            next((one for one in below if one.is_stuck), None),
            next((one for one in below if not one.calls), None),
        ):
            if spare is not None:
                spare.close()
                return True
        return False


def _arguments(asked: Request, verb: Verb) -> dict[str, object]:
    """Return the arguments as the verb wants them. Raises :class:`Failure` with all that is wrong."""
    wrong: list[Mismatch] = []
    made = fields(asked.arguments, verb.takes, "", wrong)
    if made is None:
        said = "; ".join(
            f"{one.at.removeprefix('.') or 'arguments'}: found {one.found}, wanted {one.wanted}" for one in wrong[:10]
        )
        raise Failure(USAGE, f"cannot {asked.verb}: {said}" if verb.takes else f"cannot {asked.verb}: {_NONE}")
    return made


_NONE = "it takes no arguments"


def _turn_away(fd: int, kind: str, message: str) -> None:
    try:
        os.write(fd, failed(None, kind, f"cannot serve this client: {message}"))
    except OSError:
        pass  # it has left already
    os.close(fd)
