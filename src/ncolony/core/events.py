"""What onlookers are told, as data. words.py turns it into sentences."""

from __future__ import annotations

from ncolony.core.program import Program
from ncolony.core.record import record
from ncolony.core.states import Input, Instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.colonyspec import ColonySpec

PROGRAM_ADDED, PROGRAM_CHANGED, PROGRAM_REMOVED = "added", "changed", "removed"


@record
class Slot:
    """Which slot of which program: ``number`` counts from 1; ``of`` is how many there are."""

    program: str
    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        """Return the name that people use: ``web``, or ``web:2`` where there are several."""
        return self.program if self.of == self.number == 1 else f"{self.program}:{self.number}"

    @property
    def is_surplus(self) -> bool:
        """Tell whether it is one more than there should be: for the time of a reload, or on its way out."""
        return self.number > self.of


@record
class InstanceChanged:
    """An instance went from one state to another (or to the same, with another pid or deadline)."""

    slot: Slot
    before: Instance
    after: Instance
    given: Input
    """What made it change."""
    at: float
    """Seconds on the loop's clock."""
    meaning: int = 0
    """What its latest run was started as; see kept.py."""


@record
class InstanceTakenOver:
    """An instance was found as an earlier supervisor left it."""

    slot: Slot
    instance: Instance
    meaning: int
    """As in kept.py: what its process was started as."""
    born: int
    """When its process started, in clock ticks after boot; 0 where there is none."""


@record
class Warned:
    """Something about an instance that a person should know."""

    slot: Slot
    what: str


@record
class Signalled:
    """A signal was sent to the process of an instance because somebody asked for it; ``why``: who, in words."""

    slot: Slot
    signal: int
    why: str


@record
class Reread:
    """A process has read its configuration anew, and says that it is ready again."""

    slot: Slot


@record
class ReloadEnded:
    """A reload of a program is over; ``why`` it did not come to its end: in words, empty where all is new."""

    program: str
    why: str = ""


@record
class CommandRefused:
    """A command to an instance was refused."""

    slot: Slot
    given: Input
    why: str


@record
class ProgramsChanged:
    """A description was added, changed or removed."""

    kind: str
    name: str
    program: Program | None
    """None where it was removed."""
    fields: tuple[str, ...] = ()
    restart: bool = False


@record
class ColonyDescribed:
    """What holds for the whole colony was described, for the first time or anew."""

    spec: ColonySpec


@record
class AllDescribed:
    """Everything that there was to be read has been, for the first time."""


Told = InstanceChanged | InstanceTakenOver | Warned | Signalled | Reread | CommandRefused
Event = Told | ReloadEnded | ProgramsChanged | ColonyDescribed | AllDescribed
