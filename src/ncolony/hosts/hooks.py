"""Hooks, put together: how their commands are started."""

from __future__ import annotations

from ncolony.core.launch import CHECK
from ncolony.core.program import Program
from ncolony.posix.commands import CommandTrial
from ncolony.runtime.hooks import Hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.hosts.companions import World

NAME = ".hook"  # of no program: so what a hook starts is told from all programs


def make(world: World) -> Hooks:
    """Make what runs them. They run as the supervisor does: same user, same directory, its environment and more."""
    as_ourselves = Program(NAME, (NAME,))

    def prepare(number: int, args: tuple[str, ...], said: dict[str, str]) -> CommandTrial:
        mark = f"{world.colony}/{NAME}:1/{number}{CHECK}"
        env = {**world.inherit, **said, "NCOLONY_RUN": mark}
        return CommandTrial(world.loop, world.spawner, lambda: (as_ourselves, args, env))

    return Hooks(world.loop, world.supervisor, prepare, world.say)
