"""What this kernel offers a colony: cgroups, and counts of those that it killed for want of memory."""

from __future__ import annotations

from ncolony.core.errors import ConfigError
from ncolony.hosts.settings import NO, YES
from ncolony.posix.exits import PidfdExits
from ncolony.posix.hierarchy import Hierarchy, NoCgroups
from ncolony.posix.oom import Kills

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.posix.cgroups import Cgroups
    from ncolony.posix.exits import Exits


class Kernel:
    """What there is, and what is made use of."""

    def __init__(self, wanted: str, colony: str, exits: Exits) -> None:
        """Find out. ``wanted``: as in ``--cgroups``; ``colony``: as in the marks of its runs.

        Raises :class:`ConfigError` where cgroups must be used and cannot.
        """
        self.cgroups: Cgroups | None = None
        self.without = ""
        """Why there are no cgroups, where they are not unwanted."""
        own = None
        try:
            hierarchy = Hierarchy()
            own = hierarchy.own
            if wanted != NO:
                self.cgroups = _cgroups(hierarchy, wanted, colony, exits)
        except NoCgroups as error:
            if wanted == YES:
                raise ConfigError(f"cannot run with --cgroups {YES}: {error}") from None
            self.without = str(error) if wanted != NO else ""
        self.kills = Kills(own)


def _cgroups(hierarchy: Hierarchy, wanted: str, colony: str, exits: Exits) -> Cgroups:
    from ncolony.posix.cgroups import Cgroups

    if not isinstance(exits, PidfdExits):
        raise NoCgroups("this kernel has no pidfds")
    return Cgroups(hierarchy, colony, launching=wanted == YES)
