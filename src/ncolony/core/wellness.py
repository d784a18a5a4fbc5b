"""Whether a colony is well, in a word and in reasons: what a health check of a container asks."""

from __future__ import annotations

from ncolony.core.events import Slot
from ncolony.core.states import UP, Exited, Running, Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ncolony.core.snapshot import InstanceView

WAITING = Waiting.__name__.lower()
GOOD = (Running.__name__.lower(), Exited.__name__.lower())


def troubles(
    views: Iterable[InstanceView], about: Callable[[str, int], Mapping[str, object]], of: Callable[[str], int]
) -> tuple[str, ...]:
    """Return what is wrong, a line each; nothing where all that should be up is running, ready and well.

    ``about``: what companions say of a slot; ``of``: how many instances a program has. What has ended as wanted, and
    what an operator has stopped, is well.
    """
    found = []
    for view in views:
        if view.want != UP or view.surplus:
            continue
        label = Slot(view.program, view.number, of(view.program))
        known = about(view.program, view.number)
        ready, health = known.get("ready"), known.get("health")
        schedule = known.get("schedule")
        if view.state == WAITING and isinstance(schedule, dict) and schedule.get("next") and not schedule.get("due"):
            continue  # between two of its runs
        if view.state not in GOOD:
            waits = ready.get("waiting_for") if isinstance(ready, dict) and view.pid is not None else None
            found.append(f"{label} is {view.state}" + (f", waiting for {waits}" if waits else ""))
        elif isinstance(health, dict) and health.get("ok") is False:
            found.append(f"{label} is not well: {health.get('last_error')}")
    return tuple(found)
