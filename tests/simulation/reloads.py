"""Reloads: there are never fewer that serve than there were, but for those that end by themselves."""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.states import DOWN, Restart, Running, Stop
from tests.simulation.machine import Broken

ASKED = "asked for"
NEWBORN = "it was described anew while it came to life"
"""Why a process is replaced that has never served: it was late, its slot was put back meanwhile, and asks for less."""
WHYS = (
    ASKED,
    "it was described anew while no supervisor ran",
    "its process was started from an older description",
)


class ReloadRules:
    """What has to hold."""

    def __init__(self, rules) -> None:
        self._rules = rules
        self._floors: dict[str, set[int]] = {}
        """By program that is being reloaded: the slots that served when that began, and have not been lost since."""
        self._failed: set[str] = set()

    def recovered(self) -> None:
        """A new supervisor has no reload under way."""
        self._floors = {}
        self._failed = set()

    def may_differ(self, name: str) -> bool:
        """Tell whether slots of a program may run what it was before: it is being reloaded, or that has failed."""
        return self._rules.life.supervisor.is_reloading(name) or name in self._failed

    def started(self, key, launch, program) -> None:
        """Nothing: that a slot has one process is seen elsewhere."""

    def saw(self, event, _) -> None:
        """See that a reload ends no process before others serve."""
        if isinstance(event, events.ReloadEnded):
            self._floors.pop(event.program, None)
            if event.why:  # until the file changes; what ends well later may have been the rest of another one
                self._failed.add(event.program)
        elif isinstance(event, events.ProgramsChanged):
            self._failed.discard(event.name)
        if not isinstance(event, events.InstanceChanged) or getattr(event.given, "why", "") == NEWBORN:
            return
        supervisor, name, number = self._rules.life.supervisor, event.slot.program, event.slot.number
        grouped = supervisor.spec is not None and supervisor.spec.groups  # a group restarts its members together
        at_once = isinstance(event.given, Restart) and (event.given.why.endswith(" changed") or event.given.why in WHYS)
        if at_once and not supervisor.is_reloading(name) and name in supervisor.programs:
            gapless = supervisor.programs[name].reload is not None or event.given.why == ASKED
            if gapless and isinstance(event.before.state, Running):
                raise Broken("reload", f"{name}:{number} is restarted, and not reloaded ({event.given.why})")
        if not supervisor.is_reloading(name) or name not in supervisor.programs or grouped:
            self._floors.pop(name, None)
            return
        serving = {one.number for one in supervisor.snapshot(name) if one.state == "running"}
        before, after, given = event.before, event.after, event.given
        leaves = isinstance(before.state, Running) and not isinstance(after.state, Running)
        if name not in self._floors:
            most = supervisor.programs[name].instances
            self._floors[name] = {one for one in (serving | {number} if leaves else serving) if one <= most}
        floor = self._floors[name]
        if after.want == DOWN:
            floor.discard(number)
        elif leaves and number in floor:
            if not (isinstance(given, Restart | Stop) and given.why):
                floor.discard(number)
            elif len(serving - {number}) < len(floor):
                raise Broken("reload", f"{name}:{number} is replaced, and {len(serving)} of {len(floor)} serve")

    def check(self, life, places) -> None:
        """See that no surplus slot outlives the reload that it is for."""
        for (name, number), place in places.items():
            program = life.supervisor.programs.get(name)
            surplus = program is not None and number > program.instances and place.instance.want != DOWN
            if not surplus or life.supervisor.closing:
                continue
            if not life.supervisor.is_reloading(name):
                raise Broken("reload", f"{name}:{number} is left over, and nobody reloads {name}")
