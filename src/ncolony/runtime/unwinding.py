"""Stops programs in order: those that need others before those that they need. Nobody else waits for anybody.

Whoever is told to stop is waited for until it is stopped, until somebody wants it up again, or until it has not died of
SIGKILL either. Imported only where a program needs another.
"""

from __future__ import annotations

from ncolony.core.events import InstanceChanged
from ncolony.core.needs import start_order, stopped_before
from ncolony.core.states import Killing, Restart, Start, Stopped, Sweeping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ncolony.core.events import Event
    from ncolony.core.states import State
    from ncolony.runtime.place import Place


class Unwinding:
    """One stop of several programs (an Observer)."""

    def __init__(self, places: Iterable[Place], tell: Callable[[Place], None], over: Callable[[], None]) -> None:
        """Stop ``places``: ``tell`` tells one to stop, and ``over`` is called when there is nobody left to be told."""
        self._tell = tell
        self._over = over
        self._untold: dict[str, list[Place]] = {}
        self._alive: dict[str, set[int]] = {}
        """The numbers of those that are waited for."""
        for place in places:
            self._untold.setdefault(place.program.name, []).append(place)
            if not isinstance(place.instance.state, Stopped):
                self._alive.setdefault(place.program.name, set()).add(place.number)
        programs = {name: of[0].program for name, of in self._untold.items()}
        self._order = start_order(programs)[::-1]
        self._blocked: dict[str, int] = {}
        """How many programs have to be gone before this one is told."""
        self._frees: dict[str, list[str]] = {}
        for name, others in stopped_before(programs).items():
            self._blocked[name] = len(others)
            for other in others:
                self._frees.setdefault(other, []).append(name)
        self._gone: list[str] = []
        self._busy = False

    def begin(self) -> None:
        """Tell those that nobody needs."""
        self._busy = True
        for name in self._order:
            if not self._blocked.get(name):
                self._release(name)
        self._follow()

    def hurry(self) -> None:
        """Tell everybody who is left."""
        self._busy = True
        for name in self._order:
            self._tell_all(name)
        self._end()

    def saw(self, event: Event) -> None:
        """Note who is gone, and tell whom that leaves free."""
        if not isinstance(event, InstanceChanged) or not _is_over(event):
            return
        name = event.slot.program
        alive = self._alive.get(name, set())
        if event.slot.number in alive:
            alive.discard(event.slot.number)
            if not alive and name not in self._untold:
                self._gone.append(name)
                if not self._busy:
                    self._busy = True
                    self._follow()

    def _follow(self) -> None:
        """Go on until nobody more is free; who is told may be gone at once."""
        while self._gone:
            for other in self._frees.pop(self._gone.pop(), ()):
                self._blocked[other] -= 1
                if not self._blocked[other]:
                    self._release(other)
        self._busy = False
        if not self._untold:
            self._end()

    def _release(self, name: str) -> None:
        alive = bool(self._alive.get(name))
        self._tell_all(name)
        if not alive:
            self._gone.append(name)

    def _tell_all(self, name: str) -> None:
        for place in self._untold.pop(name, ()):
            self._tell(place)

    def _end(self) -> None:
        over, self._over = self._over, _nothing
        over()


def _is_over(event: InstanceChanged) -> bool:
    before, after = event.before.state, event.after.state
    if isinstance(after, Stopped) or isinstance(event.given, Start | Restart):
        return True
    return _was_killed(before) and _was_killed(after) and before is not after


def _was_killed(state: State) -> bool:
    return isinstance(state, Killing) or (isinstance(state, Sweeping) and state.killed)


def _nothing() -> None:
    """Do nothing: it was said before that it is over."""
