"""The verb ``health``: whether all that should be up is, in a word and in reasons."""

from __future__ import annotations

from ncolony.control.status import targets_of
from ncolony.control.targets import numbers
from ncolony.core.wellness import troubles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ncolony.control.calls import Call, World
    from ncolony.control.targets import Targets
    from ncolony.core.snapshot import InstanceView

MOST = 100  # troubles that are told; whoever asks wants to know whether there are any


def health(world: World, call: Call) -> None:
    """Answer whether what is meant is well."""
    found = [] if not world.supervisor.closing else ["the colony is being stopped"]
    programs = world.supervisor.programs
    found += troubles(
        _views(world, targets_of(world, call, reading=True)), world.about, lambda name: programs[name].instances
    )
    call.succeed(healthy=not found, troubles=found[:MOST], more=max(0, len(found) - MOST))


def _views(world: World, targets: Targets) -> Iterator[InstanceView]:
    for name in targets:
        wanted = set(numbers(world.supervisor.programs[name], targets))
        yield from (one for one in world.supervisor.snapshot(name) if one.number in wanted)
