"""For programs that beat: tell whoever looks that this program is alive and does its work.

Whether, how often and where is in the program's own file, under ``"ncolony.beatcheck"`` for the program of that name,
or as ``"health": {"beat": …}`` for the supervisor; that passes the file in NCOLONY_CONFIG. Where it asks for no beats,
or there is no colony at all, everything here does nothing, so a program may call it always. A beat never raises: what
keeps it from being made is logged, once (``logging``, which writes to standard error unless the program says
otherwise), and the next one is tried all the same.

There are four ways to beat, the first being the most honest: it says that work is done, not only that there is a
process::

    while True:
        heart.beat()             # now, from wherever the work is done
        work()

    with heart.beating():        # three times a period, on a thread of its own: says that the process is not stuck as
        work()                   # a whole, not that work() gets anywhere

    async with heart.beating():  # on the running asyncio loop, no thread: says that the loop turns
        await work()

    heart.maybeAddHeart(parent)  # as a Twisted service, on the reactor, no thread: says that the reactor turns

Twisted is imported for the last one only.
"""

from __future__ import annotations

import os
from functools import lru_cache

from ncolony.client.beats import beat_file, beats_of, health_beats_of
from ncolony.core.errors import ConfigError
from ncolony.core.parse import NotAnObject, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Iterable
    from threading import Event, Thread
    from typing import Protocol

    from ncolony.client.beats import Beats
    from ncolony.client.service import IService, IServiceCollection, MultiService

    class Touchable(Protocol):
        """A file, as pathlib, Twisted and we have it."""

        def touch(self) -> object:
            """Make its time of change now, and make it where it is not there. Raises OSError."""


__all__ = ["Beating", "Heart", "beat", "beating", "find", "makeService", "maybeAddHeart", "wrapHeart"]

A_PERIOD = 3  # beats a period: one may be missed, and timers may be late


class BeatFiles:
    """The files that a program's beats touch: one, where it is not looked after twice."""

    def __init__(self, folder: str, statuses: Iterable[str], name: str) -> None:
        """Take what the keys and the environment say; where that is, is looked up at each beat."""
        self._where = [(folder, status, name) for status in dict.fromkeys(statuses)]

    def touch(self) -> None:
        """Make their time of change now, and make those that are not there. Raises OSError."""
        failed = None
        for where in self._where:
            try:
                _touch(beat_file(*where))
            except OSError as error:
                failed = error
        if failed is not None:
            raise failed


def _touch(path: str) -> None:
    try:
        os.utime(path)
    except FileNotFoundError:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644))


class Heart:
    """Beats by touching a file."""

    def __init__(self, path: Touchable, period: float = 0.0) -> None:
        """Touch ``path``; ``period`` is the one in the program's file, for those who ask how often."""
        self.path = path
        self.interval = period / A_PERIOD
        """Seconds from one beat to the next that are good practice."""
        self._said = ""

    def getFile(self) -> Touchable:  # noqa: N802 - a name that people's code already calls
        """Return the file that is touched."""
        return self.path

    def beat(self) -> bool:
        """Beat once. False: it could not be done, which has been logged."""
        try:
            self.path.touch()
        except OSError as error:
            self._complain(f"cannot beat: {error}")
            return False
        self._said = ""
        return True

    def _complain(self, words: str) -> None:
        if self._said != words:
            self._said = words
            _warn(f"{words}; the next beat is tried all the same")


def find() -> Heart | None:
    """Return the heart of this program; None where its file asks for no beats."""
    text = os.environ.get("NCOLONY_CONFIG")
    if text is None:
        return None
    # Where an older supervisor does not say where its files are, it is as with that: relative to the working directory.
    return _heart_of(text, os.environ.get("NCOLONY_NAME", ""), os.environ.get("NCOLONY_CONF_DIR", ""))


@lru_cache(maxsize=1)  # so that a beat in a tight loop costs a system call and little more
def _heart_of(text: str, name: str, folder: str) -> Heart | None:
    try:
        value = parse(text.encode("utf-8", "surrogateescape"))[1]
    except NotAnObject as error:
        _warn(f"cannot use NCOLONY_CONFIG: {error}; no beats are made")
        return None
    wishes = [wish for wish in (_checked_beats_of(value), health_beats_of(value)) if wish is not None]
    if not wishes:
        return None
    return Heart(BeatFiles(folder, [wish.status for wish in wishes], name), min(wish.period for wish in wishes))


def _checked_beats_of(value: dict[str, object]) -> Beats | None:
    try:
        return beats_of(value)
    except ConfigError as error:
        _warn(f"cannot use NCOLONY_CONFIG: {error}; no beats are made for it")
        return None


def beat() -> bool:
    """Beat once, now. False: this program's file asks for no beats, or it could not be done."""
    heart = find()
    return heart is not None and heart.beat()


def beating() -> Beating:
    """Beat now and three times a period until the block ends: ``with`` on a thread, ``async with`` on the loop.

    A program that leaves the block and lives on is soon restarted, as it beats no more.
    """
    return Beating(find())


class Beating:
    """Beats as long as a ``with`` or ``async with`` block lasts."""

    def __init__(self, heart: Heart | None) -> None:
        """Beat with ``heart``; None: do nothing."""
        self._heart = heart
        self._over: Event | None = None
        self._thread: Thread | None = None
        self._timer: TimerHandle | None = None

    def __enter__(self) -> Beating:
        """Beat, and start the thread that goes on."""
        if self._heart is not None:
            from threading import Event, Thread

            self._heart.beat()
            self._over = Event()
            # A daemon: it must not keep a program alive that has done its work.
            self._thread = Thread(target=self._go_on, name="ncolony-heart", daemon=True)
            self._thread.start()
        return self

    def _go_on(self) -> None:
        assert self._heart is not None  # noqa: S101 - for the type checker
        assert self._over is not None  # noqa: S101
        while not self._over.wait(self._heart.interval):
            self._heart.beat()

    def __exit__(self, *_: object) -> None:
        """Beat no more."""
        if self._over is not None and self._thread is not None:
            self._over.set()
            self._thread.join()

    async def __aenter__(self) -> Beating:
        """Beat, and have the running loop go on."""
        self._turn()
        return self

    def _turn(self) -> None:
        if self._heart is not None:
            from asyncio import get_running_loop

            self._heart.beat()
            self._timer = get_running_loop().call_later(self._heart.interval, self._turn)

    async def __aexit__(self, *_: object) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()


# For Twisted: names and promises are those of NColony's earlier heart -------------------------------------------------


def makeService() -> IService | None:  # noqa: N802
    """Return a service that beats while it runs; None where this program's file asks for no beats."""
    heart = find()
    if heart is None:
        return None
    from ncolony.client.service import beating_service

    return beating_service(heart)


def maybeAddHeart(master: IServiceCollection) -> None:  # noqa: N802
    """Give ``master`` a child "heart" that beats, where this program's file asks for it."""
    service = makeService()
    if service is not None:
        service.setName("heart")
        service.setServiceParent(master)


def wrapHeart(service: IService) -> MultiService:  # noqa: N802
    """Return a parent of ``service`` that has a heart too, where this program's file asks for it."""
    from ncolony.client.service import parent_of

    master = parent_of(service)
    maybeAddHeart(master)
    return master


def _warn(words: str) -> None:
    from logging import getLogger

    getLogger(__name__).warning("%s", words)
