"""A client of the control socket, for the command line and for your own programs. docs/control.md has the protocol.

It waits for its answers, uses the standard library only, and is quick to import::

    from ncolony.control.client import Client

    with Client("messages/.ncolony") as colony:
        for one in colony.ask("status")["instances"]:
            print(one["name"], one["state"])
        colony.ask("restart", names=["web"], wait=10)
        for event in colony.events(names=["web"]):
            print(event["text"])
"""

from __future__ import annotations

import _socket  # `socket` takes as long to import as all the rest of this together
import json
import os
from time import monotonic, sleep

from ncolony.control.protocol import FORBIDDEN, NAME, PROTOCOL
from ncolony.core.errors import NColonyError, OSFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

READ = 1 << 18
PATIENCE = 30.0  # seconds that a supervisor which is replaced may be away
PAUSE = 0.05


class Unanswered(OSFailure):
    """There is no supervisor, or it has gone in the middle of an answer; the message says what to do."""


class Denied(NColonyError):
    """The supervisor's answer is an error. ``kind`` as in docs/control.md, ``answer`` with all that came."""

    def __init__(self, answer: dict[str, Any]) -> None:
        """Keep it."""
        error = answer.get("error", {})
        super().__init__(error.get("message", "the answer is an error without words"))
        self.kind: str = error.get("kind", "failed")
        self.answer = answer


class Client:
    """A connection to the supervisor of one colony. Not for several threads at once."""

    def __init__(self, state: str, timeout: float | None = None) -> None:
        """Connect to the supervisor that keeps its things in the directory ``state``.

        ``timeout``: seconds to wait for a line, None: as long as it takes. Raises :class:`Unanswered`, and
        :class:`Denied` where the supervisor, or the system, does not want us.
        """
        self._state, self._timeout = state, timeout
        self._socket: _socket.socket | None = None
        self._buffer = bytearray()
        self._ids = 0
        self.hello: dict[str, Any] = {}
        """The supervisor's first line."""
        self.connect()

    def __enter__(self) -> Client:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def connect(self) -> None:
        """Connect anew, if need be to another supervisor of the same colony."""
        self.close()
        self._socket = _connected(self._state, self._timeout)
        self.hello = self._line()
        if "error" in self.hello:
            self.close()
            raise Denied(self.hello)
        if self.hello.get("protocol") != PROTOCOL:
            self.close()
            spoken = self.hello.get("protocol")
            raise Unanswered(f"cannot talk to this supervisor: it speaks protocol {spoken}, this client {PROTOCOL}")

    def limit(self, timeout: float | None) -> None:
        """Wait so many seconds for a line from now on; None: as long as it takes."""
        self._timeout = timeout
        if self._socket is not None:
            self._socket.settimeout(timeout)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer.clear()

    def ask(self, verb: str, **arguments: object) -> dict[str, Any]:
        """Ask for something, and return the answer. Raises :class:`Denied` and :class:`Unanswered`."""
        for line in self.parts(verb, **arguments):
            if "ok" in line:
                return line
        raise AssertionError  # parts ends with the last line, or raises

    def parts(self, verb: str, **arguments: object) -> Iterator[dict[str, Any]]:
        """Ask for something, and return all lines of the answer as they come. Raises as :meth:`ask` does."""
        self._ids += 1
        identity = self._ids
        self._send({"id": identity, "verb": verb, **arguments})
        while True:
            line = self._line()
            if line.get("id") != identity:
                if "error" in line and "id" not in line:
                    raise Denied(line)
                continue  # of something that was asked for before, and given up
            if line.get("ok") is False:
                raise Denied(line)
            yield line
            if "ok" in line:
                return

    def events(self, since: int | str = "now", **arguments: object) -> Iterator[dict[str, Any]]:
        """Return events as they come, for ever, over upgrades and restarts of the supervisor.

        Of another supervisor, all comes that it remembers. A part with ``gap`` says what was missed.
        """
        while True:
            stream = self.hello.get("stream")
            try:
                for line in self.parts("events", since=since, **arguments):
                    if "event" in line:
                        since = line["event"]
                    yield line
            except Unanswered:
                self.reconnect()
                if self.hello.get("stream") != stream:
                    since = 0

    def reconnect(self, patience: float = PATIENCE) -> None:
        """Connect to the next supervisor, as soon as there is one. Raises :class:`Unanswered` where none comes."""
        end = monotonic() + patience
        while True:
            try:
                self.connect()
                return
            except Unanswered:
                if monotonic() > end:
                    raise
                sleep(PAUSE)

    def _send(self, request: dict[str, object]) -> None:
        data = json.dumps(request).encode("ascii") + b"\n"
        try:
            self._open().sendall(data)
        except TimeoutError:
            raise self._given_up("it does not read") from None
        except OSError as error:
            if not isinstance(error, BrokenPipeError | ConnectionResetError):
                raise self._given_up(error.strerror or str(error)) from None
            # It has said why before it hung up, perhaps: that is what is read next.

    def _line(self) -> dict[str, Any]:
        opened, buffer, searched = self._open(), self._buffer, 0
        while (end := buffer.find(b"\n", searched)) < 0:
            searched = len(buffer)
            try:
                data = opened.recv(READ)
            except TimeoutError:
                raise self._given_up(f"it has said nothing for {self._timeout:g} s") from None
            except OSError as error:
                raise self._given_up(error.strerror or str(error)) from None
            if not data:
                raise self._given_up("it has hung up")
            buffer += data
        try:
            line = json.loads(bytes(buffer[:end]))
        except ValueError:
            raise self._given_up("it does not speak the protocol") from None
        del buffer[: end + 1]
        if not isinstance(line, dict):
            raise self._given_up("it does not speak the protocol")
        return line

    def _open(self) -> _socket.socket:
        if self._socket is None:
            raise Unanswered("cannot ask the supervisor: this connection is closed; connect() opens another")
        return self._socket

    def _given_up(self, why: str) -> Unanswered:
        self.close()
        return Unanswered(f"cannot get an answer from the supervisor of {self._state!r}: {why}; is it being replaced?")


def _connected(state: str, timeout: float | None) -> _socket.socket:
    """Connect by way of the directory: the path may be longer than the address of a socket can be."""
    opened = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    directory = -1
    try:
        directory = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        opened.settimeout(timeout)
        opened.connect(f"/proc/self/fd/{directory}/{NAME}")
    except PermissionError:
        opened.close()
        why = f"cannot ask the supervisor at '{state}/{NAME}': permission denied; only {_allowed(state)} may"
        raise Denied({"ok": False, "error": {"kind": FORBIDDEN, "message": why}}) from None
    except OSError as error:
        opened.close()
        raise Unanswered(_why(error, state)) from None
    finally:
        if directory >= 0:
            os.close(directory)
    return opened


def _why(error: OSError, state: str) -> str:
    path = f"{state}/{NAME}"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return f"cannot ask the supervisor: none listens at {path!r}; `ncolony run DIR` starts one"
    return f"cannot ask the supervisor at {path!r}: {error.strerror or error}"


def _allowed(state: str) -> str:
    """Say who may ask, as far as that can be seen from outside."""
    from pwd import getpwuid

    try:
        owner = getpwuid(os.stat(state).st_uid).pw_name
    except (OSError, KeyError):
        owner = "its own user"
    names = "root" if owner == "root" else f"root, {owner}"
    return f"{names} and the group that `readers` in conf/.colony names"
