"""The protocol of the control socket, without any socket: bytes to requests, and answers to bytes.

Knows nothing of what verbs do. What stands in docs/control.md under *Lines*, *Requests* and *Answers* is here.
"""

from __future__ import annotations

from ncolony.control.protocol import PROTOCOL, USAGE
from ncolony.core.jsontext import writer
from ncolony.core.parse import MAX_BYTES, NotAnObject, parse, shown
from ncolony.core.record import record

MAX_LINE = MAX_BYTES
MAX_ID = 1000
MAX_WAIT = 86400.0
DEFAULT_WAIT = 60.0

_write = writer()


class Failure(Exception):
    """A request that cannot be served: what kind of trouble it is, and a sentence for people."""

    def __init__(self, kind: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.kind = kind


@record
class Request:
    """One request as it came; nobody has looked at its arguments yet."""

    id: str
    """As JSON, to be given back as it is."""
    verb: str
    wait: float | None
    """Seconds the answer may be waited for; None: it comes at once."""
    is_patient: bool
    """Whether what the programs themselves may take counts on top of ``wait``."""
    arguments: dict[str, object]


class Lines:
    """Cuts what a client sends into lines of a bounded length."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, empty ones left out. Raises :class:`Failure` for one too long."""
        self._rest += data
        end = self._rest.rfind(b"\n", len(self._rest) - len(data)) + 1  # what was there before has none
        lines = bytes(self._rest[:end]).split(b"\n") if end else []
        del self._rest[:end]
        if len(self._rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            self._rest.clear()
            raise Failure(USAGE, f"cannot read a request of more than {MAX_LINE} bytes; the connection ends here")
        return [line for line in lines if line.strip()]


def request(line: bytes) -> Request:
    """Return the request in a line. Raises :class:`Failure`, see :func:`id_in` for whose."""
    try:
        _, value = parse(line)
    except NotAnObject as error:
        raise Failure(USAGE, f"cannot use this request: {error.problem}") from None
    found = encode(value.pop("id", None))
    if len(found) > MAX_ID:
        raise Failure(USAGE, f"cannot use this request: id: found {len(found)} bytes, wanted at most {MAX_ID}")
    verb = value.pop("verb", None)
    wait = value.pop("wait", True)
    if not isinstance(verb, str):
        raise IdentifiedFailure(found, f"verb: found {shown(verb)}, wanted the name of a verb")
    if isinstance(wait, bool):
        return Request(found, verb, DEFAULT_WAIT if wait else None, wait, value)
    if not isinstance(wait, int | float) or not 0 <= wait <= MAX_WAIT:
        raise IdentifiedFailure(found, f"wait: found {shown(wait)}, wanted true, false, or seconds up to a day")
    return Request(found, verb, float(wait), False, value)


class IdentifiedFailure(Failure):
    """A request that cannot be used, whose id is known all the same."""

    def __init__(self, identity: str, message: str) -> None:
        """Keep the id, as JSON."""
        super().__init__(USAGE, f"cannot use this request: {message}")
        self.identity = identity


def encode(value: object) -> str:
    """Return ``value`` as JSON in one line of ASCII, whatever is in its texts."""
    return _write(value)


def part(identity: str, fields: str) -> bytes:
    """Return a part of the answer to a request; ``fields``: the inside of a JSON object."""
    return f'{{"id":{identity},{fields}}}\n'.encode("ascii")


def done(identity: str, fields: str = "") -> bytes:
    """Return the last line of an answer that went well."""
    return part(identity, f'"ok":true,{fields}' if fields else '"ok":true')


def failed(identity: str | None, kind: str, message: str, fields: str = "") -> bytes:
    """Return the last line of an answer that did not; ``identity`` None: it is of no request at all."""
    error = f'"ok":false,"error":{encode({"kind": kind, "message": message})}'
    inside = f"{error},{fields}" if fields else error
    return f"{{{inside}}}\n".encode("ascii") if identity is None else part(identity, inside)


def hello(fields: dict[str, object]) -> bytes:
    """Return the first line."""
    return f"{encode({'protocol': PROTOCOL, **fields})}\n".encode("ascii")
