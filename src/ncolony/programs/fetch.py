"""Fetches a page to see whether its server is well. Whatever the server does, it takes bounded time and room.

What is good, answer.py says. Not Twisted's own client of the web: that has no bound on heads, writes a line into the
log for each interim answer, and knows how to do a hundred things that are not wanted here.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone

import ncolony
import twisted
from ncolony.programs.answer import Answer

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from twisted.internet.interfaces import IAddress, IStreamClientEndpoint, ITCPTransport
    from twisted.python.failure import Failure

PORTS = {"http": 80, "https": 443}
MAX_WORDS = 200
AGENT = f"NColony HTTP Check (NColony/{ncolony.__version__}, Twisted/{twisted.__version__}, Python {sys.version})"


def can_https() -> bool:
    """Tell whether what https needs is installed."""
    return find_spec("OpenSSL") is not None and find_spec("service_identity") is not None


def fetch(reactor: Any, url: str, timeout: float) -> Deferred[str]:  # noqa: ANN401 - four interfaces of Twisted's
    """Fetch ``url``; the result is why that was bad, and empty where it was good. It can be cancelled."""
    return _Fetch(reactor, urlsplit(url), timeout).result


class _Fetch(Protocol):
    """One fetch, over one connection."""

    def __init__(self, reactor: Any, url: SplitResult, timeout: float) -> None:  # noqa: ANN401
        self._reactor = reactor
        self._request = _request(url)
        self._answer = Answer()
        self._over = self._open = False
        self.result: Deferred[str] = Deferred(lambda _: self._finish("cancelled"))
        self._deadline = reactor.callLater(timeout, self._late, f"no whole answer within {timeout:g} s")
        self._connecting = _endpoint(reactor, url).connect(_OneConnection(self))
        self._connecting.addErrback(lambda failure: self._finish(_words(failure)))

    def connectionMade(self) -> None:
        """Ask for the page."""
        self._open = True
        if self._over:
            cast("ITCPTransport", self.transport).abortConnection()
            return
        cast("ITCPTransport", self.transport).write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Take the answer."""
        if not self._over and self._answer.take(data):
            self._finish(self._answer.why())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take the end of it."""
        self._open = False
        why = self._answer.why()
        self._finish(why if not why or reason.check(ConnectionDone) else f"{why}: {_words(reason)}")

    def _late(self, why: str) -> None:
        """Give up, after a turn of the reactor: where this process stood still, the answer may be there already."""
        self._reactor.callLater(0, self._finish, why)

    def _finish(self, why: str) -> None:
        if self._over:
            return
        self._over = True
        if self._deadline.active():
            self._deadline.cancel()
        self._connecting.cancel()
        if self._open:
            cast("ITCPTransport", self.transport).abortConnection()
        self.result.callback(why)


class _OneConnection(Factory):
    """Hands out one protocol."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002 - Twisted's signature
        """Hand it out."""
        return self._protocol


def _request(url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {url.netloc}",
        f"User-Agent: {' '.join(AGENT.split())}",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def _endpoint(reactor: Any, url: SplitResult) -> IStreamClientEndpoint:  # noqa: ANN401
    host, port = cast("str", url.hostname), url.port or PORTS[url.scheme]
    try:
        # No thread to look an address up that is one.
        kind: Any = TCP4ClientEndpoint if ip_address(host).version == 4 else TCP6ClientEndpoint  # noqa: PLR2004
    except ValueError:
        kind = HostnameEndpoint
    endpoint: IStreamClientEndpoint = kind(reactor, host, port)
    if url.scheme == "https":
        from twisted.internet.ssl import optionsForClientTLS  # needs what not everybody has

        endpoint = wrapClientTLS(optionsForClientTLS(host), endpoint)
    return endpoint


def _words(failure: Failure) -> str:
    """Say in few words that can be printed why there was no answer."""
    words = " ".join(failure.getErrorMessage().split()).rstrip(".")
    return ascii(words)[1:-1][:MAX_WORDS] or type(failure.value).__name__
