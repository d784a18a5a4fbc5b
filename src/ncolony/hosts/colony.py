"""A colony put together on a loop: supervisor, door, processes, pid files. Both hosts run this one."""

from __future__ import annotations

import os

from ncolony.core.words import Narrator
from ncolony.directory.door import Door, Places
from ncolony.hosts.memory import remember, settle
from ncolony.posix.channels import PipeChannels
from ncolony.posix.descriptors import FileLimit, keep_private
from ncolony.posix.exits import PidfdExits, SigchldExits, has_pidfds
from ncolony.posix.pidfiles import PidFiles
from ncolony.posix.spawn import PosixSpawner
from ncolony.runtime.launching import inherited
from ncolony.runtime.supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from ncolony.core.events import Event
    from ncolony.hosts.settings import Settings
    from ncolony.loop import Loop
    from ncolony.ports import LogSink, Observer


class Log:
    """Tells people what happens (the Observer port)."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Tell it to ``say``, line by line."""
        self._say = say
        self._narrator = Narrator()

    def saw(self, event: Event) -> None:
        """Say it, if it is worth a line."""
        line = self._narrator.line(event)
        if line is not None:
            self._say(line)


class Colony:
    """One running colony."""

    def __init__(self, loop: Loop, settings: Settings, say: Callable[[str], None], sink: LogSink) -> None:
        """Make ready to run on ``loop``: ``say`` takes the supervisor's own lines, ``sink`` programs' output."""
        keep_private()
        self._say = say
        exits = PidfdExits(loop) if has_pidfds() else SigchldExits(loop)
        self._exits = exits
        self._spawner = PosixSpawner(loop, exits, FileLimit())
        self._memory = remember(settings, loop.now(), say)
        observers: list[Observer] = [*self._memory.observers, Log(say)]
        if settings.pid is not None:
            observers.append(PidFiles(settings.pid, say))
        self._supervisor = Supervisor(
            loop,
            self._spawner,
            PipeChannels(loop, sink),
            colony=self._memory.colony,
            inherit=inherited(os.environ),
            observers=observers,
        )
        self._supervisor.remember(self._memory.kept)
        places = Places(settings.config, settings.messages, settings.frequency, settings.defaults())
        self._door = Door(loop, self._supervisor, places, say, self._settle)

    def start(self) -> None:
        """Start the programs and serve the directories."""
        self._door.open()

    def _settle(self, described: Container[str]) -> None:
        """Deal with what an earlier supervisor left of programs that no usable file describes any more."""
        settle(self._supervisor, described, self._say)

    def look_again(self) -> None:
        """Look at the directories anew."""
        self._door.look_again()

    def stop(self, stopped: Callable[[], None]) -> None:
        """Stop everything, and call ``stopped`` when no process is left."""

        def closed() -> None:
            self._spawner.close()
            self._memory.close()
            if isinstance(self._exits, SigchldExits):
                self._exits.close()
            stopped()

        self._door.close()
        self._supervisor.shut_down(closed)

    def hurry(self) -> None:
        """While stopping: kill what has not stopped yet."""
        self._supervisor.hurry(0.0)
