"""Brings in what looks after one concern of programs, each when the first program asks for it.

A colony in which nobody asks for readiness, health checks, dependencies or schedules pays for none of them: not even
their modules are imported.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.control.story import Story
    from ncolony.core.colonyspec import ColonySpec
    from ncolony.core.events import Event
    from ncolony.core.program import Program
    from ncolony.ports import Companion, Loop, Outputs, Spawner
    from ncolony.posix.exits import Register
    from ncolony.runtime.supervisor import Supervisor


@record
class World:
    """What a companion is made of."""

    loop: Loop
    supervisor: Supervisor
    exits: Register
    say: Callable[[str], None]
    """Takes the supervisor's own lines."""
    state: str | None
    """The state directory; None where nothing can be kept."""
    config: str
    """The directory of programs."""
    spawner: Spawner
    colony: str
    """The name in the marks of its processes."""
    inherit: Mapping[str, str]
    """What programs get of the supervisor's environment."""
    finish: Callable[[int, str], None]
    """Ends the colony with an exit status; the reason is for people."""
    story: Story
    """What is remembered of slots."""
    outputs: Outputs
    """What programs write."""
    about: Callable[[str, int], Mapping[str, object]]
    """What companions say of a slot."""
    handed_over: str = ""
    """What an earlier version of this process has left open for reports; see posix/reporting.py."""
    on_renewal: Callable[[Callable[[], None]], None] = lambda _: None
    """Has something called when the state directory was deleted, and is there again."""


@record
class Concern:
    """One concern: who asks for it, and how its companion is made."""

    name: str
    asked_by: Callable[[Program], bool]
    make: Callable[[World], Companion]
    asked_by_colony: Callable[[ColonySpec], bool] = lambda _: False


def _vitals(world: World) -> Companion:
    from ncolony.hosts.vitals import make

    return make(world)


def _dependencies(world: World) -> Companion:
    from ncolony.runtime.dependencies import Dependencies

    return Dependencies(world.loop, world.supervisor, world.say)


def _critical(world: World) -> Companion:
    from ncolony.runtime.critical import Critical

    return Critical(world.loop, world.supervisor, world.finish)


def _groups(world: World) -> Companion:
    from ncolony.runtime.grouping import Groups

    return Groups(world.loop, world.supervisor, world.say, world.finish)


def _schedules(world: World) -> Companion:
    from ncolony.posix.moments import NAME, Moments
    from ncolony.posix.wallclock import WallClock
    from ncolony.runtime.schedules import Schedules

    moments = Moments(None if world.state is None else f"{world.state}/{NAME}", world.say)
    world.on_renewal(moments.renew)
    clock = WallClock(world.loop)
    return Schedules(world.loop, world.supervisor, world.say, clock, moments, world.colony)


def _hooks(world: World) -> Companion:
    from ncolony.hosts.hooks import make

    return make(world)


def _metrics(world: World) -> Companion:
    from ncolony.hosts.metrics import MetricsWriter

    return MetricsWriter(world)


CONCERNS: tuple[Concern, ...] = (
    Concern("vitals", lambda program: program.ready is not None or program.health is not None, _vitals),
    Concern("needs", lambda program: bool(program.needs), _dependencies),
    Concern("schedules", lambda program: program.schedule is not None, _schedules),
    Concern("critical", lambda program: program.critical, _critical),
    Concern("groups", lambda _: False, _groups, lambda spec: bool(spec.groups)),
    Concern("hooks", lambda _: False, _hooks, lambda spec: bool(spec.hooks)),
    Concern("metrics", lambda _: False, _metrics, lambda spec: spec.metrics is not None),
)


class Companions:
    """Those that were asked for so far (an Observer: it passes events on to them)."""

    def __init__(self, world: World, concerns: tuple[Concern, ...] = CONCERNS) -> None:
        """Begin with none."""
        self._world = world
        self._concerns = concerns
        self.made: dict[str, Companion] = {}
        """By concern."""

    def saw(self, event: Event) -> None:
        """Bring in who is asked for, and pass the event on."""
        if isinstance(event, events.ProgramsChanged | events.ColonyDescribed):
            for concern in self._concerns:
                if concern.name not in self.made and _asks(concern, event):
                    self.made[concern.name] = concern.make(self._world)
        for companion in list(self.made.values()):  # what one answers may bring in another
            companion.saw(event)

    def about(self, name: str, number: int) -> Mapping[str, object]:
        """Return what all of them say of a slot."""
        found: dict[str, object] = {}
        for companion in self.made.values():
            found.update(companion.about(name, number))
        return found

    def close(self) -> None:
        """Have all of them give everything back."""
        for companion in self.made.values():
            companion.close()
        self.made = {}


def _asks(concern: Concern, event: events.ProgramsChanged | events.ColonyDescribed) -> bool:
    if isinstance(event, events.ColonyDescribed):
        return concern.asked_by_colony(event.spec)
    return event.program is not None and concern.asked_by(event.program)
