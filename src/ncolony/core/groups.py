"""What a group does when one of its members ends by itself, in OTP's words. Pure; members are slots in start order."""

from __future__ import annotations

from ncolony.core.colonyspec import ONE_FOR_ALL, REST_FOR_ONE
from ncolony.core.states import (
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Running,
    Starting,
    Stopping,
    Sweeping,
    Unhealthy,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ncolony.core.states import Input, Instance

    Member = tuple[str, int]


def restarted_too(strategy: str, members: Sequence[Member], ended: Collection[Member]) -> list[Member]:
    """Return the members that a strategy restarts because those in ``ended`` are being started again."""
    if strategy == ONE_FOR_ALL:
        return [member for member in members if member not in ended]
    if strategy == REST_FOR_ONE:
        first = min((place for place, member in enumerate(members) if member in ended), default=len(members))
        return [member for member in members[first:] if member not in ended]
    return []


def is_restart(before: Instance, after: Instance, given: Input) -> bool:
    """Tell whether a change is the end of a run by itself, or its failure, that another run is to follow.

    What somebody stopped or restarted is none, and neither is what was restarted for another's sake: so no restart that
    a strategy asks for asks for more.
    """
    if isinstance(given, Ended):
        if not isinstance(before.state, Starting | Running) or isinstance(after.state, Exited | Fatal):
            return False
        return (
            not isinstance(after.state, Sweeping) or after.state.then is None or isinstance(after.state.then, Backoff)
        )
    return isinstance(given, Unhealthy | DeadlinePassed) and (
        isinstance(before.state, Starting | Running) and isinstance(after.state, Stopping)
    )
