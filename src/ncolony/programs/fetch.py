"""Fetches a page to see whether its server is well. Whatever the server does, it takes bounded time and room.

Good is an answer with a status below 500 that comes whole in time. So is the beginning of one that is too long: nobody
reads it. Redirections are not followed: a server that sends us elsewhere is well.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

import ncolony
import twisted

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProtocol, IProtocolFactory, ITCPTransport
    from twisted.web.iweb import IResponse

ENOUGH = 65536  # bytes of an answer, headers and all
FIRST_BAD_STATUS = 500
MAX_WORDS = 200
AGENT = f"NColony HTTP Check (NColony/{ncolony.__version__}, Twisted/{twisted.__version__}, Python {sys.version})"
HEADERS = Headers({"User-Agent": [" ".join(AGENT.split())]})


def can_https() -> bool:
    """Tell whether what https needs is installed."""
    return find_spec("OpenSSL") is not None and find_spec("service_identity") is not None


def fetch(reactor: Any, url: str, timeout: float) -> Deferred[str]:  # noqa: ANN401 - five interfaces of Twisted's
    """Fetch ``url``; the result is why that was bad, and empty where it was good. It can be cancelled."""
    return _Fetch(reactor, url, timeout).result


@implementer(IAgentEndpointFactory)
class _Fetch:
    """One fetch, over one connection."""

    def __init__(self, reactor: Any, url: str, timeout: float) -> None:  # noqa: ANN401
        self._reactor = reactor
        self._connection: _Bounded | None = None
        self._status = 0
        self._over = False
        self.result: Deferred[str] = Deferred(lambda _: self._finish("cancelled"))
        self._deadline = reactor.callLater(timeout, self._late, f"no whole answer within {timeout:g} s")
        agent = Agent.usingEndpointFactory(reactor, self, pool=HTTPConnectionPool(reactor, persistent=False))
        self._request = maybeDeferred(agent.request, b"GET", url.encode("ascii"), HEADERS)
        self._request.addCallbacks(self._head, self._failed)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return where to connect to (for the agent)."""
        host = uri.host.decode("ascii").strip("[]")
        endpoint = _endpoint(self._reactor, host, uri.port)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(BrowserLikePolicyForHTTPS().creatorForNetloc(host.encode(), uri.port), endpoint)
        return _BoundedEndpoint(endpoint, self)

    def connected(self, connection: IProtocol) -> IProtocol:
        """Take note of the connection; return what the agent wants for it."""
        assert isinstance(connection, _Bounded)  # noqa: S101 - for the type checker
        self._connection = connection
        return connection.wrappedProtocol

    def _head(self, response: IResponse) -> None:
        self._status = response.code
        response.deliverBody(_Rest(self))

    def ended(self, reason: Failure) -> None:
        """Take note of the end of the body."""
        if not self._too_much() and not reason.check(ResponseDone, PotentialDataLoss):
            self._finish(f"broke off: {_words(reason)}")
        elif self._status >= FIRST_BAD_STATUS:
            self._finish(f"status {self._status}")
        else:
            self._finish("")

    def _failed(self, failure: Failure) -> None:
        self._finish(f"no answer in {ENOUGH} bytes" if self._too_much() else _words(failure))

    def _too_much(self) -> bool:
        return self._connection is not None and self._connection.received > ENOUGH

    def _late(self, why: str) -> None:
        """Give up, after a turn of the reactor: where this process stood still, the answer may be there already."""
        self._reactor.callLater(0, self._finish, why)

    def _finish(self, why: str) -> None:
        if self._over:
            return
        self._over = True
        if self._deadline.active():
            self._deadline.cancel()
        self._request.cancel()
        if self._connection is not None:
            self._connection.drop()
        self.result.callback(why)


class _Rest(Protocol):
    """Takes the body of an answer, and lets it go."""

    def __init__(self, fetching: _Fetch) -> None:
        self._fetching = fetching

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the end of it."""
        self._fetching.ended(reason)


class _Bounded(ProtocolWrapper):
    """A connection that is dropped when it has brought enough."""

    received = 0
    _lost = False

    def dataReceived(self, data: bytes) -> None:
        """Pass on what comes."""
        self.received += len(data)
        if self.received > ENOUGH:
            self.drop()
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Take note of the end."""
        self._lost = True
        super().connectionLost(reason)

    def drop(self) -> None:
        """Have no more to do with it."""
        if not self._lost:
            cast("ITCPTransport", self.transport).abortConnection()


@implementer(IStreamClientEndpoint)
class _BoundedEndpoint:
    """Connects elsewhere, by connections that are bounded."""

    def __init__(self, endpoint: IStreamClientEndpoint, fetching: _Fetch) -> None:
        self._endpoint = endpoint
        self._fetching = fetching

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        bounded = WrappingFactory(factory)
        bounded.protocol = _Bounded
        bounded.noisy = False
        return self._endpoint.connect(bounded).addCallback(self._fetching.connected)


def _endpoint(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:  # noqa: ANN401
    try:
        version = ip_address(host).version
    except ValueError:
        return HostnameEndpoint(reactor, host, port)
    # No thread to look an address up that is one.
    return (TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint)(reactor, host, port)  # noqa: PLR2004


def _words(failure: Failure) -> str:
    """Say in few words that can be printed why there was no answer."""
    while isinstance(failure.value, ResponseFailed) and failure.value.reasons:
        failure = failure.value.reasons[0]
    words = " ".join(failure.getErrorMessage().split()).rstrip(".")
    return ascii(words)[1:-1][:MAX_WORDS] or type(failure.value).__name__
