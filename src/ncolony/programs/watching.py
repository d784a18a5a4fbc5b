"""What the programs that look after a colony share: options, a service that looks every so often, requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions

from ncolony import ctllib
from ncolony.core.errors import ConfigError, NColonyError
from ncolony.programs.usage import SHORTEST, bad_options_end, seconds
from ncolony.programs.voice import Once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ncolony.programs.voice import Say

DEFAULT_FREQUENCY = 10.0
log = Logger(namespace="ncolony")


class WatchOptions(UsageOptions):
    """The command line of a program that looks after others; ``program`` is its name."""

    program = ""
    synopsis = "--config=DIR --messages=DIR [--freq=SECONDS]"
    optParameters = [  # noqa: RUF012 - as Twisted wants it
        ["config", None, None, "The directory of programs, one JSON file each."],
        ["messages", None, None, "The directory of messages to the supervisor; restarts are asked for there."],
        ["freq", None, DEFAULT_FREQUENCY, "How often to look, in seconds."],
    ]

    def parseArgs(self, *words: str) -> None:
        """Refuse words that belong to no option."""
        if words:
            raise ConfigError(f"cannot use {words[0]!r}: wanted options only, {self.synopsis}")

    def postOptions(self) -> None:
        """Check all of them."""
        wrong = [
            f"cannot run without --{name}: give the directory, --{name}=DIR"
            for name in ("config", "messages")
            if not self[name]
        ]
        freq = seconds("freq", str(self["freq"]), SHORTEST, wrong)
        if wrong or freq is None:
            raise ConfigError("; ".join(wrong))
        self["freq"] = freq

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line. One that is no use ends the process: one line on standard error, status 2."""
        with bad_options_end(self.program):
            super().parseOptions(options)


def places_of(options: Mapping[str, object]) -> ctllib.Places:
    """Return where the colony of these options is."""
    return ctllib.Places(config=str(options["config"]), messages=str(options["messages"]))


class Watch(Service):
    """Looks at once, and then every so often, while it runs."""

    def __init__(
        self, name: str, freq: float, look: Callable[[], object], close: Callable[[], object] | None = None
    ) -> None:
        """Call ``look`` every ``freq`` seconds, never twice at a time; ``close`` at the end."""
        self.setName(name)
        self.freq = freq
        self._look = look
        self._close = close
        self._calls: LoopingCall | None = None

    def startService(self) -> None:
        """Begin."""
        super().startService()
        self._calls = LoopingCall(self._look_safely)
        self._calls.start(self.freq)

    def stopService(self) -> None:
        """End."""
        super().stopService()
        if self._calls is not None:
            self._calls.stop()
            self._calls = None
            if self._close is not None:
                self._close()

    def _look_safely(self) -> None:
        try:
            self._look()
        except Exception:  # noqa: BLE001 - a bug of ours must not be the end of all looking
            log.failure("a bug of NColony; it goes on, please report it")


class Restarts:
    """Asks the supervisor for restarts."""

    def __init__(self, places: ctllib.Places, say: Say) -> None:
        """Ask it through its directory of messages."""
        self._places = places
        self._say = say
        self._once = Once(say)

    def ask(self, name: str, why: str) -> None:
        """Ask for the restart of ``name``. Where that cannot be done it is told; there will be other chances."""
        try:
            ctllib.restart(self._places, name)
        except NColonyError as error:
            self._once.say(name, f"{name} {why}, but: {error}")
        else:
            self._once.over(name)
            self._say(f"{name} {why}: asked for its restart", trouble=True)
