"""One request that is being served, as verbs see it, and what they may know of the colony.

A verb is a function of these two. It answers at once (:meth:`Call.succeed`, :meth:`Call.fail`, or by raising), or keeps
the call and answers when the effect is there, or hands over a source of text that is asked as fast as the client reads.
"""

from __future__ import annotations

from ncolony.control.messages import Failure, done, encode, failed, part
from ncolony.control.protocol import FAILED, NO_SUCH, REFUSED, USAGE
from ncolony.core.errors import NColonyError, NoSuch, Refused
from ncolony.core.parse import shown
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol

    from ncolony.control.connection import Connection
    from ncolony.control.messages import Request
    from ncolony.control.story import Story
    from ncolony.core.program import Defaults
    from ncolony.ports import Loop, Outputs
    from ncolony.runtime.supervisor import Supervisor

    class Source(Protocol):
        """Text for one client, made when there is room for it."""

        done: bool
        """There is no more to come."""
        follows: bool
        """There is always more to come: it ends when the client wants no more."""

        def pull(self) -> bytes:
            """Return the next piece, some ten kilobytes at most; nothing where there is none yet."""

        def close(self) -> None:
            """Take note that nobody wants it any more."""


@record
class World:
    """What verbs may know of the colony, and do with it."""

    loop: Loop
    supervisor: Supervisor
    outputs: Outputs
    story: Story
    about: Callable[[str, int], Mapping[str, object]]
    """What companions say of a slot."""
    history: Callable[[str, int], Iterator[list[bytes]]]
    """The entries of a program's journal as JSON, the newest first, piece by piece; at most so many."""
    problems: Callable[[], list[str]]
    """What stands in the way of files that are described, in words."""
    defaults: Callable[[], Defaults]
    """What programs get that do not say otherwise."""
    colony: Callable[[], dict[str, object]]
    """What a status says of the colony, without what the supervisor knows."""
    upgrade: Callable[[Callable[[str], None]], None]
    """Become another version; called back with why not, or with nothing just before it happens."""
    shut_down: Callable[[float | None], None]
    """Stop everything, within so many seconds if given, and end."""
    farewells: list[Call]
    """Those who are answered when all is stopped."""


class Call:
    """One request under way."""

    __slots__ = ("_connection", "_gone", "arguments", "id", "may_change", "patient", "source", "verb", "wait")

    def __init__(self, connection: Connection, request: Request, arguments: dict[str, object]) -> None:
        """Answer over ``connection``; ``arguments`` are as the verb wants them."""
        self._connection = connection
        self._gone: Callable[[], None] = _nothing
        self.arguments = arguments
        self.id, self.verb = request.id, request.verb
        self.wait, self.patient = request.wait, request.is_patient
        self.source: Source | None = None

    @property
    def who(self) -> str:
        """Who asks, in words."""
        return self._connection.who

    def succeed(self, fields: str = "", **more: object) -> None:
        """Answer that it is done; ``fields`` and ``more``: the inside of a JSON object, and values for it."""
        self._answer(done(self.id, _joined(fields, more)))

    def fail(self, kind: str, message: str, fields: str = "", **more: object) -> None:
        """Answer that it is not."""
        self._answer(failed(self.id, kind, message, _joined(fields, more)))

    def fail_for(self, error: NColonyError | Failure) -> None:
        """Answer with what an error says."""
        self.fail(kind_of(error), str(error))

    def stream(self, source: Source) -> None:
        """Answer with all that a source gives, its last line too."""
        self.source = source
        self._connection.wake(self)

    def wake(self) -> None:
        """Take note that the source has something again."""
        self._connection.wake(self)

    def keep(self, gone: Callable[[], None]) -> None:
        """Answer later; ``gone`` is called where nobody waits for that any more."""
        self._gone = gone

    def others(self, identity: str) -> list[Call]:
        """Return what else is under way on this connection under an id."""
        return [call for call in self._connection.calls if call.id == identity and call is not self]

    def cancel(self) -> None:
        """Answer that it was called off."""
        source = self.source
        self.abandon()
        if source is not None:
            self.succeed()
        else:
            self.fail(REFUSED, "called off by this client; what was asked for goes on")

    def abandon(self) -> None:
        """Let go of everything; nobody gets an answer."""
        gone, self._gone = self._gone, _nothing
        gone()
        source, self.source = self.source, None
        if source is not None:
            source.close()

    def _answer(self, line: bytes) -> None:
        self._gone = _nothing
        self._connection.answer(self, line)


class Text:
    """A source whose pieces an iterator makes; each is a piece of the inside of one last line, or whole lines."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Take them as they are wanted."""
        self._pieces = pieces
        self.done = self.follows = False

    def pull(self) -> bytes:
        """Return the next piece."""
        for piece in self._pieces:
            return piece
        self.done = True
        return b""

    def close(self) -> None:
        """Make no more."""
        self.done = True


def kind_of(error: NColonyError | Failure) -> str:
    """Return the kind of trouble that an error is."""
    if isinstance(error, Failure):
        return error.kind
    return NO_SUCH if isinstance(error, NoSuch) else REFUSED if isinstance(error, Refused) else FAILED


def needed(call: Call, name: str) -> object:
    """Return an argument that has to be there. Raises :class:`Failure`."""
    if name not in call.arguments:
        raise Failure(USAGE, f"cannot {call.verb}: {name}: found no such argument, wanted {shown(name)} to be given")
    return call.arguments[name]


def a_part(call: Call, fields: str) -> bytes:
    """Return a part of a call's answer."""
    return part(call.id, fields)


def _joined(fields: str, more: Mapping[str, object]) -> str:
    inside = encode(more)[1:-1] if more else ""
    return f"{fields},{inside}" if fields and inside else fields or inside


def _nothing() -> None:
    """Do nothing: there is nothing to let go of."""
