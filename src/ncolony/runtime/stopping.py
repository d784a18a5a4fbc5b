"""Who is told to stop when: those that need others first, then by priority, and all of it within a time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ncolony.ports import Timer
    from ncolony.runtime.place import Place
    from ncolony.runtime.slots import Slots

    Hurry = Callable[[], None]


def in_order(
    slots: Slots, places: Sequence[Place], tell: Callable[[Place], None], told: Callable[[], None] | None = None
) -> Hurry | None:
    """Have ``tell`` tell places to stop, each when those that need it are gone; ``told`` is called when all have been.

    Returns what tells all who are left; None where everybody has been told, as no one needs another.
    """
    if all(not place.program.needs for place in places):
        for place in sorted(places, key=_priority, reverse=True):
            tell(place)
        return None
    from ncolony.runtime.unwinding import Unwinding

    def over() -> None:
        slots.observers = [one for one in slots.observers if one is not unwinding]
        if told is not None:
            told()

    unwinding = Unwinding(places, tell, over)
    slots.observers.append(unwinding)
    unwinding.begin()
    return unwinding.hurry


def within(
    slots: Slots, places: Sequence[Place], tell: Callable[[Place, float | None], None], seconds: float | None
) -> Hurry | None:
    """Do the same within ``seconds``, where that is no None: at half of it all who are left are told at once.

    ``tell`` also gets the seconds that are left.
    """
    if seconds is None:
        return in_order(slots, places, lambda place: tell(place, None))
    end = slots.loop.now() + seconds
    timer: Timer | None = None
    over = False

    def told() -> None:
        nonlocal over
        over = True
        if timer is not None:
            timer.cancel()

    hurry = in_order(slots, places, lambda place: tell(place, max(0.0, end - slots.loop.now())), told)
    if hurry is not None and not over:
        timer = slots.loop.call_at(end - seconds / 2, hurry)
    return hurry


def _priority(place: Place) -> int:
    return place.program.priority
