"""One client: what it sends and what it gets, a bounded piece at a time.

Nothing here waits, and nothing grows with a client that is slow or hostile. It is read while what it sent before is
served, and not while it does not read its answers. What is long is made piece by piece as it drains. All work but the
reading is done in :meth:`Connection.work`, which the server calls turn by turn, so that many clients share the time.
"""

from __future__ import annotations

import os

from ncolony.control.calls import Call
from ncolony.control.messages import Failure, IdentifiedFailure, Lines, failed, request
from ncolony.control.protocol import FAILED
from ncolony.core.bare import deque
from ncolony.posix.doorway import is_hung_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ncolony.control.messages import Request
    from ncolony.ports import Loop

    class House(Protocol):
        """Who has this connection among others."""

        def soon(self, connection: Connection) -> None:
            """Call :meth:`Connection.work` when it is its turn."""

        def serve(self, connection: Connection, asked: Request) -> None:
            """Begin to serve a request."""

        def left(self, connection: Connection) -> None:
            """Take note that it is closed."""


READ = 65536  # bytes at a time
MAX_CALLS = 64  # under way at a time
ENOUGH = 65536  # bytes that wait to be read, with which no more are made
TOO_MUCH = 1 << 20  # with which a client that goes on getting answers is hung up on


class Connection:
    """One client."""

    def __init__(self, house: House, loop: Loop, fd: int, *, may_change: bool, who: str, hello: bytes) -> None:
        """Greet it, and read what it sends."""
        self._house, self._loop, self._fd = house, loop, fd
        self.may_change = may_change
        self.who = who
        """Who it is, in words."""
        self.calls: list[Call] = []
        self.closed = False
        self._lines = Lines()
        self._pending: deque[bytes] = deque()
        """Requests that have come and are not looked at yet."""
        self._ready: deque[Call] = deque()
        """Calls whose source may have something."""
        self._out = bytearray(hello)
        self._ended = False
        """It sends no more."""
        self._last = False
        """It is closed as soon as it has got what there is."""
        self._watching: Callable[[], None] | None = None
        self.work()

    @property
    def is_stuck(self) -> bool:
        """Tell whether it does not read what it gets."""
        return bool(self._out)

    # What verbs and the server do with it -------------------------------------------------------------------------

    def answer(self, call: Call, line: bytes) -> None:
        """Send a call's last line; nothing where it was answered, or called off, before."""
        if self.closed or call not in self.calls:
            return
        self.calls.remove(call)
        if len(self._out) > TOO_MUCH:
            self.close()
            return
        self._out += line
        self._house.soon(self)

    def wake(self, call: Call) -> None:
        """Ask a call's source for more."""
        if not self.closed and call not in self._ready:
            self._ready.append(call)
            self._house.soon(self)

    def end(self, line: bytes = b"") -> None:
        """Say a last word, send what there is as far as it goes at once, and close."""
        self._out += line
        self._send()
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self.closed:
            return
        self.closed = True
        self._watch(None)
        os.close(self._fd)
        self._out.clear()
        self._pending.clear()
        self._ready.clear()
        calls, self.calls = self.calls, []
        for call in calls:
            call.abandon()
        self._house.left(self)

    # Turns --------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Do one piece: send, fill up from a source, look at one request. Come again where there is more to do."""
        if not self._send():
            return
        if len(self._out) < ENOUGH and (self._fill() or self._look_at_one()):
            self._house.soon(self)
        elif not self._out and not self.calls and (self._last or self._ended):
            self.close()
        self._watch_for_more()

    def _send(self) -> bool:
        """Send as much as it takes now; tell whether it is still there."""
        try:
            while self._out:
                del self._out[: os.write(self._fd, self._out[:READ])]
        except BlockingIOError:
            pass
        except OSError:  # it has gone
            self.close()
        return not self.closed

    def _fill(self) -> bool:
        """Take a piece from the next source; tell whether there was one to ask."""
        if not self._ready:
            return False
        call = self._ready.popleft()
        source = call.source
        if source is None:
            return True
        try:
            piece = source.pull()
        except Exception:
            self.close()  # in the middle of a line, perhaps
            raise
        if piece:
            self._out += piece
        if source.done:
            call.source = None
            if call in self.calls:
                self.calls.remove(call)
        elif piece:
            self._ready.append(call)
        return True

    def _look_at_one(self) -> bool:
        """Serve the next request that has come; tell whether there was one."""
        if not self._pending or len(self.calls) >= MAX_CALLS or self._last:
            return False
        try:
            asked = request(self._pending.popleft())
        except Failure as failure:
            identity = failure.identity if isinstance(failure, IdentifiedFailure) else "null"
            self._out += failed(identity, failure.kind, str(failure))
            return True
        self._serve(asked)
        return True

    def _serve(self, asked: Request) -> None:
        before = len(self.calls)
        try:
            self._house.serve(self, asked)
        except Exception as error:
            for call in self.calls[before:]:
                call.abandon()
            del self.calls[before:]
            self._house.soon(self)
            if isinstance(error, OSError):  # no descriptor to read a module with, most likely
                self._out += failed(asked.id, FAILED, f"cannot {asked.verb}: {error.strerror or error}; try again")
                return
            self._out += failed(asked.id, FAILED, "a bug of NColony; its log has the details, please report it")
            raise  # to the loop, which tells of it and goes on

    # Reading ------------------------------------------------------------------------------------------------------

    def _watch_for_more(self) -> None:
        """Watch for what has to happen next: room to write, or something to read, or nothing."""
        if self.closed:
            return
        if self._out:
            self._watch(self._writable)
        elif self._ended or self._last or self._pending:
            self._watch(None)
        else:
            self._watch(self._readable)

    def _watch(self, call: Callable[[], None] | None) -> None:
        if call == self._watching:
            return
        if self._watching is not None:
            self._loop.unwatch(self._fd)
        self._watching = call
        if call == self._writable:
            self._loop.watch_writes(self._fd, call)
        elif call is not None:
            self._loop.watch(self._fd, call)

    def _writable(self) -> None:
        self._watch(None)
        self._house.soon(self)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ)
            self._pending += self._lines.feed(data)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        except Failure as failure:
            self._last = True
            self._out += failed(None, failure.kind, str(failure))
            data = b"\n"
        if not data:
            self._hear_the_end()
        if not self.closed:
            if self._pending:
                self._watch(None)
            self._house.soon(self)

    def _hear_the_end(self) -> None:
        """It sends no more: streams that follow end; what is waited for is still answered, if anybody is there."""
        if is_hung_up(self._fd):
            self.close()
            return
        self._ended = True
        self._watch(None)
        for call in [call for call in self.calls if call.source is not None and call.source.follows]:
            call.cancel()
