"""A colony as a Twisted service, on whatever reactor Twisted was told to use.

The colony keeps its own small loop. The reactor sees one descriptor, that of the loop's epoll, and one delayed call,
for its next deadline; so a thousand programs are no more to it than one, and even select has room for them.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.process import reapProcessHandlers
from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions

from ncolony.core.errors import ConfigError, Taken
from ncolony.hosts.colony import Colony, Hosting
from ncolony.hosts.settings import OPTIONS, seconds, settings
from ncolony.loop import Loop
from ncolony.posix.console import readable
from ncolony.posix.exits import has_pidfds
from ncolony.programs.bridge import Bridge, installed_reactor
from ncolony.programs.usage import bad_options_end

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ncolony.hosts.settings import Settings
    from ncolony.programs.bridge import Reactor

log = Logger(namespace="ncolony")


class Options(UsageOptions):
    """The command line of ``twist ncolony``."""

    optParameters = [  # noqa: RUF012 - as Twisted wants it
        [
            option.name,
            option.short or None,
            option.default,
            f"{option.meaning}.",
            seconds if option.is_number else None,
        ]
        for option in OPTIONS
    ]

    settings: Settings

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line. One that is no use ends the process: one line on standard error, status 2."""
        with bad_options_end("ncolony"):
            super().parseOptions(options)
            self.settings = settings({option.name: self[option.name] for option in OPTIONS})


def makeService(options: Options) -> ColonyService:
    """Make the service that runs the colony of a command line."""
    return ColonyService(options.settings)


class ColonyService(Service):
    """Runs a colony while it is running itself."""

    def __init__(self, settings: Settings, reactor: Reactor | None = None) -> None:
        """Run on ``reactor``; None: on the one that Twisted has installed by the time the service starts."""
        self._settings = settings
        self._reactor = reactor
        self._bridge: Bridge | None = None
        self._colony: Colony | None = None
        self._handlers: dict[int, Any] = {}
        """Those of before, by signal."""

    def startService(self) -> None:
        """Start the programs."""
        super().startService()
        reactor = self._reactor = self._reactor or installed_reactor()
        if has_pidfds():
            self._start(reactor)
        else:  # ends are learned from SIGCHLD, whose handler the reactor sets after it has begun to run
            reactor.callWhenRunning(lambda: reactor.callLater(0, lambda: self._start(reactor)))

    def _start(self, reactor: Reactor) -> None:
        loop = Loop()
        self._bridge = Bridge(loop, reactor)
        try:
            self._colony = Colony(
                loop, self._settings, self._say, self, Hosting(reactor.stop, self._leave, _is_anothers)
            )
        except (ConfigError, Taken) as error:
            sys.stderr.write(f"ncolony: {error}\n")
            raise SystemExit(2) from None
        self._colony.finish = self._finish
        self._colony.start()
        self._bridge.open()
        # By default either would end us at once, with lines that are begun and not finished.
        for number, call in ((signal.SIGHUP, self._colony.look_again), (signal.SIGUSR2, self._leave)):
            if signal.getsignal(number) == signal.SIG_DFL:
                self._catch(number, call, self._bridge)

    def _catch(self, number: int, call: Callable[[], None], bridge: Bridge) -> None:
        """Make the call on the reactor when a signal comes, until all is stopped. Only the main thread can ask that."""
        reactor = self._reactor or installed_reactor()

        def act() -> None:
            if number in self._handlers:
                call()
                bridge.rearm()

        def caught(*_: object) -> None:
            reactor.callLater(0, act)  # as Twisted's own handlers do; its wake-up descriptor sees to the rest

        with suppress(ValueError):
            before = signal.signal(number, caught)
            self._handlers.setdefault(number, before)

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
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._handlers.clear()
            stopped.callback(None)

        def hurry() -> None:
            log.info("told to stop once more: killing what has not stopped yet")
            colony.hurry()

        log.info("stopping all programs")
        for number in (signal.SIGTERM, signal.SIGINT):  # Twisted has had its one; a second would only be a traceback
            self._catch(number, hurry, bridge)
        colony.stop(close)
        bridge.rearm()
        return stopped

    def _finish(self, status: int) -> None:
        """End this process with an exit status, because a critical program has ended.

        Twisted has none to give: when it is through, and the interpreter is ending, that is cut short.
        """
        if self._reactor is None:
            return
        if status:
            atexit.register(_exit_with, status)
        self._reactor.stop()

    def _leave(self) -> None:
        """End, and leave every program running: whoever starts the next supervisor has it take them over."""
        colony, bridge = self._colony, self._bridge
        if colony is None or bridge is None or self._reactor is None:
            return
        log.info("upgrading: this supervisor ends, and every program goes on until the next one takes it over")
        self._colony = self._bridge = None
        colony.leave()
        bridge.close()
        self._reactor.stop()

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:
        """Take a program's lines (the LogSink port)."""
        for line in lines:
            log.info("{program} | {line}", program=label, line=readable(line), stream=stream)

    def put(self, to: str, text: str) -> None:  # noqa: ARG002 - Twisted's log goes where Twisted was told
        """Take lines of text that are ready to be shown (the LogSink port)."""
        for line in text.removesuffix("\n").split("\n"):
            self._say(line)

    def _say(self, line: str) -> None:
        log.info("{line}", line=line)


def _exit_with(status: int) -> None:
    """Be the last thing that this process does."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _is_anothers(pid: int) -> bool:
    """Tell whether a child of this process, that is none of the colony's, is looked after by other code in it.

    What has come down from a program has a session that is not ours; Twisted knows what it has started itself.
    """
    try:
        return pid in reapProcessHandlers or os.getsid(pid) == os.getsid(0)
    except OSError:
        return False
