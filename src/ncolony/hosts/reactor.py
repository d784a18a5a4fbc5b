"""A colony as a Twisted service, on whatever reactor Twisted was told to use.

The colony keeps its own small loop. The reactor sees one descriptor, that of the loop's selector, and one delayed call,
for its next deadline; so a thousand programs are no more to it than one, and even select has room for them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError
from zope.interface import implementer

from ncolony.core.errors import ConfigError
from ncolony.hosts.colony import Colony
from ncolony.hosts.settings import OPTIONS, seconds, settings
from ncolony.loop import Loop
from ncolony.posix.console import readable
from ncolony.posix.exits import has_pidfds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ncolony.hosts.settings import Settings

log = Logger(namespace="ncolony")


class Options(UsageOptions):
    """The command line of ``twist ncolony``."""

    optParameters = [  # noqa: RUF012 - as Twisted wants it
        [
            option.name,
            option.short or None,
            option.default,
            f"{option.meaning}.",
            None if option.default is None else seconds,
        ]
        for option in OPTIONS
    ]

    settings: Settings

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line. One that is no use ends the process: one line on standard error, status 2."""
        try:
            super().parseOptions(options)
            self.settings = settings({option.name: self[option.name] for option in OPTIONS})
        except (UsageError, ConfigError) as error:
            words = " ".join(str(error).split())
            sys.stderr.write(
                f"ncolony: {words if words.startswith('cannot') else f'cannot read the options: {words}'}\n"
            )
            raise SystemExit(2) from None


def makeService(options: Options) -> ColonyService:
    """Make the service that runs the colony of a command line."""
    return ColonyService(options.settings)


class ColonyService(Service):
    """Runs a colony while it is running itself."""

    def __init__(self, settings: Settings, reactor: Any = None) -> None:
        """Run on ``reactor``; None: on the one that Twisted has installed by the time the service starts."""
        self._settings = settings
        self._reactor = reactor
        self._bridge: Bridge | None = None
        self._colony: Colony | None = None

    def startService(self) -> None:
        """Start the programs."""
        super().startService()
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = reactor
        if has_pidfds():
            self._start()
        else:  # ends are learned from SIGCHLD, whose handler the reactor sets after it has begun to run
            self._reactor.callWhenRunning(self._reactor.callLater, 0, self._start)

    def _start(self) -> None:
        loop = Loop()
        self._bridge = Bridge(loop, self._reactor)
        self._colony = Colony(loop, self._settings, self._say, self)
        self._colony.start()
        self._bridge.open()

    def stopService(self) -> Deferred[None]:
        """Stop the programs; the result comes when no process is left."""
        super().stopService()
        stopped: Deferred[None] = Deferred()
        if self._colony is None or self._bridge is None:
            stopped.callback(None)
            return stopped
        bridge, colony = self._bridge, self._colony
        self._bridge = self._colony = None

        def close() -> None:
            bridge.close()
            stopped.callback(None)

        log.info("stopping all programs")
        colony.stop(close)
        bridge.rearm()
        return stopped

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:
        """Take a program's lines (the LogSink port)."""
        for line in lines:
            log.info("{program} | {line}", program=label, line=readable(line), stream=stream)

    def _say(self, line: str) -> None:
        log.info("{line}", line=line)


@implementer(IReadDescriptor)
class Bridge:
    """Makes a reactor turn a loop whenever something in it is ready or due."""

    def __init__(self, loop: Loop, reactor: Any) -> None:
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
