"""``twist ncolony-httpcheck``: restarts programs whose page answers badly, through messages to their supervisor.

    python -m twisted ncolony-httpcheck --config=conf --messages=messages --freq=10

Fetches the page of each program whose file has ``"ncolony.httpcheck": {"url", "period", "timeout", "grace",
"maxBad"}``. When, and when there is a restart, httprules.py says; answer.py, what is good. It is a program as others
are, and beats itself where its own file asks for it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, DeferredSemaphore
from twisted.logger import Logger

from ncolony.client import heart
from ncolony.core.errors import ConfigError
from ncolony.programs.bridge import installed_reactor
from ncolony.programs.described import Described
from ncolony.programs.fetch import can_https, fetch
from ncolony.programs.httprules import FETCH, KEY, RESTART, answered, begin, http_wish_of, tick
from ncolony.programs.voice import voice_of
from ncolony.programs.watching import Restarts, Watch, WatchOptions, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from twisted.application.service import MultiService
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from ncolony.programs.httprules import HttpWish, Score
    from ncolony.programs.voice import Say

    Fetch = Callable[[str, float], Deferred[str]]

NAME = "ncolony-httpcheck"
MANY = 100  # fetches at a time; more would run into the limit of descriptors, and be taken for faults of the servers
log = Logger(namespace="ncolony")


class Options(WatchOptions):
    """The command line of ``twist ncolony-httpcheck``."""

    program = NAME
    longdesc = 'Restarts programs whose page answers badly, as "ncolony.httpcheck" in their files asks for.'


def makeService(options: Mapping[str, Any]) -> MultiService:
    """Make the service that looks at pages: a parent of "httpcheck", and of "heart" where it has to beat."""
    say = voice_of(NAME)
    places = places_of(options)
    checker = Httpcheck(str(places.config), partial(fetch, installed_reactor()), Restarts(places, say).ask, say)
    return heart.wrapHeart(Watch("httpcheck", options["freq"], checker.look, checker.close))


def _wish_of(value: Mapping[str, object]) -> HttpWish | None:
    wish = http_wish_of(value)
    if wish is not None and wish.url.lower().startswith("https:") and not can_https():
        raise ConfigError(f"{KEY}.url: found https, wanted http, or pip install 'twisted[tls]' for this program")
    return wish


class _Check:
    """What is held for one program."""

    def __init__(self, wish: HttpWish, text: int, score: Score) -> None:
        self.wish, self.text, self.score = wish, text, score
        self.fetching: Deferred[Any] | None = None

    def close(self) -> None:
        fetching, self.fetching = self.fetching, None
        if fetching is not None:
            fetching.cancel()


class Httpcheck:
    """Knows which programs answer badly."""

    def __init__(
        self,
        folder: str,
        fetch: Fetch,
        restart: Callable[[str, str], object],
        say: Say,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at the programs in ``folder``; ``restart`` takes a name and the reason."""
        self._fetch = fetch
        self._restart = restart
        self._say = say
        self._now = now
        self._described: Described[HttpWish] = Described(folder, _wish_of, say)
        self._checks: dict[str, _Check] = {}
        self._room = DeferredSemaphore(MANY)

    def look(self) -> None:
        """Fetch the pages that are due, and have those restarted that were bad too often."""
        asked = self._described.look()
        for name, check in list(self._checks.items()):
            if name not in asked or asked[name][1] != check.text:
                del self._checks[name]
                check.close()
        now = self._now()
        for name, (wish, text) in asked.items():
            if name not in self._checks:
                self._checks[name] = _Check(wish, text, begin(wish, now))
            self._look_at(name, self._checks[name], now)

    def _look_at(self, name: str, check: _Check, now: float) -> None:
        bad = check.score.bad
        check.score, what = tick(check.score, check.wish, now)
        if what == RESTART:
            self._restart(name, f"was bad {bad} time{'s' if bad > 1 else ''} in a row")
        elif what == FETCH:
            # In this order: a fetch may be over before run() returns.
            fetching = self._room.run(self._fetch, check.wish.url, check.wish.timeout)
            check.fetching = fetching
            fetching.addErrback(_report)
            fetching.addCallback(partial(self._learn, name, check))

    def _learn(self, name: str, check: _Check, why: str) -> None:
        if self._checks.get(name) is not check or check.fetching is None:
            return  # of a check that is over
        check.fetching = None
        if why:
            self._say(f"{name}: {check.wish.url} is bad: {why}", trouble=True)
        elif check.score.bad:
            self._say(f"{name}: {check.wish.url} is good again")
        check.score = answered(check.score, good=not why)

    def close(self) -> None:
        """End all that is under way."""
        checks, self._checks = self._checks, {}
        for check in reversed(checks.values()):  # those that wait for room before those that leave it
            check.close()


def _report(failure: Failure) -> str:
    """Report a bug of ours, for which nobody is to be restarted; a check that was ended before its turn is none."""
    if not failure.check(CancelledError):
        log.failure("a bug of NColony; it goes on, please report it", failure)
    return ""
