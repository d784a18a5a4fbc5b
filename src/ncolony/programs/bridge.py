"""Joins our own loop to a Twisted reactor: one descriptor, that of the loop's epoll, and one delayed call.

So whatever lives on the loop costs the reactor no more than that, and even select has room for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ncolony.loop import Loop

    class Reactor(Protocol):
        """What is asked of a reactor."""

        def addReader(self, reader: IReadDescriptor) -> None:
            """See IReactorFDSet."""

        def removeReader(self, reader: IReadDescriptor) -> None:
            """See IReactorFDSet."""

        def callLater(self, delay: float, call: Callable[[], object]) -> IDelayedCall:
            """See IReactorTime."""

        def callWhenRunning(self, call: Callable[[], object]) -> object:
            """See IReactorCore."""

        def stop(self) -> None:
            """See IReactorCore."""


log = Logger(namespace="ncolony")


def installed_reactor() -> Reactor:
    """Return the reactor that Twisted has installed; where none is, its default one gets installed."""
    from twisted.internet import reactor

    return cast("Reactor", reactor)


@implementer(IReadDescriptor)
class Bridge:
    """Makes a reactor turn a loop whenever something in it is ready or due."""

    def __init__(self, loop: Loop, reactor: Reactor) -> None:
        """Join ``loop`` to ``reactor``; see :meth:`open`."""
        self._loop = loop
        self._reactor = reactor
        self._timer: IDelayedCall | None = None
        self._armed: float | None = None
        self._open = False

    def open(self) -> None:
        """Begin."""
        self._open = True
        self._reactor.addReader(self)
        self.rearm()

    def close(self) -> None:
        """Let go of the reactor, and close the loop."""
        self._open = False
        self._reactor.removeReader(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.close()

    def rearm(self) -> None:
        """Have the reactor call when the loop's next deadline is due. To be called after the loop was used."""
        if not self._open:
            return
        due = self._loop.deadline()
        if due == self._armed and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed = due
        if due is not None:
            self._timer = self._reactor.callLater(max(0.0, due - self._loop.now()), self._due)

    def _due(self) -> None:
        self._timer = None
        self.doRead()

    def fileno(self) -> int:
        """Return the loop's descriptor."""
        return self._loop.fileno()

    def doRead(self) -> None:
        """Turn the loop once."""
        try:
            self._loop.turn()
        except Exception:  # noqa: BLE001 - a bug of ours must not take the loop off the reactor
            log.failure("a bug of NColony; it goes on, please report it")
        self.rearm()

    def connectionLost(self, reason: Failure) -> None:
        """Take note that the reactor has ended."""

    def logPrefix(self) -> str:
        """Return the name for the reactor's own log lines."""
        return "ncolony"
