"""Readiness and health, put together: what looks after them, and how it learns of processes."""

from __future__ import annotations

from ncolony.core.errors import OSFailure
from ncolony.core.launch import CHECK
from ncolony.posix.commands import Commands
from ncolony.posix.probes import Probes
from ncolony.posix.reporting import Reporting
from ncolony.runtime.launching import environment
from ncolony.runtime.vitals import Vitals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.program import Program
    from ncolony.hosts.companions import World


def make(world: World) -> Vitals:
    """Make it, and have the supervisor ask it what processes are to get."""

    def surroundings(program: Program, number: int, run: int) -> dict[str, str]:
        try:
            read = world.spawner.variables(program.env_files) if program.env_files else None
        except OSFailure:
            read = None  # the program found them; a check does without
        mark = f"{world.colony}/{program.name}:{number}/{run}{CHECK}"
        return environment(program, number, mark, world.inherit, read)

    prober = Probes(world.loop, world.config, Commands(world.loop, world.spawner, surroundings))
    vitals = Vitals(
        world.loop,
        world.supervisor,
        prober,
        lambda hearing: Reporting(world.loop, hearing, world.colony, world.say, world.handed_over),
    )
    world.supervisor.outfitter = vitals
    return vitals
