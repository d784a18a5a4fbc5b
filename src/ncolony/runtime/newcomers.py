"""What is to be known of one place and its new process: what it is described as, whether it serves, how it fails."""

from __future__ import annotations

from ncolony.core.outcome import in_words
from ncolony.core.states import (
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Running,
    SpawnFailed,
    Starting,
    Unhealthy,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ncolony.core.events import InstanceChanged
    from ncolony.core.program import Program
    from ncolony.core.sockets import Socket
    from ncolony.runtime.place import Place
    from ncolony.runtime.slots import Slots


def give(place: Place, program: Program) -> None:
    """Describe a place anew; its process goes on."""
    if place.program is not program:
        place.program = program
        if place.channel is not None:
            place.channel.describe(place.slot(), program.log)


def own(slots: Slots, program: Program) -> list[Place]:
    """Return the places of a program that are no surplus, and are not to be forgotten."""
    found = (slots.places.get((program.name, number)) for number in range(1, program.instances + 1))
    return [place for place in found if place is not None and not place.leaving]


def sockets_of(programs: Iterable[Program]) -> list[Socket]:
    """Return the sockets of all descriptions; of the same one, once."""
    found = {id(program): program for program in programs}
    return [socket for program in found.values() for socket in program.sockets]


def serves(place: Place) -> bool:
    """Tell whether a place has a process that is ready."""
    return isinstance(place.instance.state, Running)


def is_settled(place: Place) -> bool:
    """Tell whether nothing is under way in a place that is wanted up."""
    return isinstance(place.instance.state, Running | Exited | Fatal)


def failure(event: InstanceChanged, run: int) -> str:
    """Say how a change shows that a new process is no good; nothing where it does not."""
    given = event.given
    if event.after.run < run:
        return ""
    if isinstance(given, SpawnFailed):
        return f"cannot be started: {given.why}"
    if isinstance(given, Ended) and isinstance(event.before.state, Starting | Running):
        early = " before it was ready" if isinstance(event.before.state, Starting) else ""
        return in_words(given.status, core=given.core, oom=given.oom) + early
    if isinstance(given, Unhealthy):
        return f"is not well: {given.why}"
    late = isinstance(given, DeadlinePassed) and isinstance(event.before.state, Starting)
    return "was not ready in time" if late and not isinstance(event.after.state, Running) else ""
