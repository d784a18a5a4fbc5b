"""One slot of a program, with what belongs to it outside the core."""

from __future__ import annotations

from ncolony.core.events import Slot
from ncolony.core.kept import fingerprint
from ncolony.core.states import Instance, Running, Starting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.program import Program
    from ncolony.ports import Channel, Process, Timer


class Place:
    """Where one instance lives. The supervisor alone changes it."""

    __slots__ = (
        "armed", "born", "channel", "instance", "leaving", "meaning", "meant", "number", "process", "program", "timer",
    )  # fmt: skip

    def __init__(self, program: Program, number: int) -> None:
        """Begin stopped."""
        self.program = program
        self.number = number
        self.instance = Instance(number=number)
        self.leaving = False
        """To be forgotten as soon as it is stopped."""
        self.meaning = 0
        """What its latest run was started as; see kept.py."""
        self.meant: Program | None = None
        """The program that ``meaning`` was worked out from; None: it was taken over from an earlier supervisor."""
        self.born = float("-inf")
        """When its latest run was asked for."""
        self.process: Process | None = None
        self.channel: Channel | None = None
        self.timer: Timer | None = None
        self.armed: float | None = None

    def slot(self) -> Slot:
        """Return its name for onlookers."""
        return Slot(self.program.name, self.number, self.program.instances)

    def run_name(self, run: int) -> str:
        """Return what tells a run from all others of its colony."""
        return f"{self.program.name}:{self.number}/{run}"


def is_outdated(place: Place, program: Program) -> bool:
    """Tell whether a process lives in a place that was started as something else than a program is described as now.

    A reload that failed leaves such, and so may an earlier supervisor. The run of a job is none: it ends by itself.
    """
    if program.schedule is not None or not isinstance(place.instance.state, Starting | Running):
        return False
    return place.meaning not in (0, fingerprint(program))  # 0: nobody knows what it was started as
