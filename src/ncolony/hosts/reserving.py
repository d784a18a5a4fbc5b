"""Keeps descriptors free for the supervisor's own work, however many programs there are."""

from __future__ import annotations

import os
import resource
from errno import EMFILE
from fcntl import F_GETFD, fcntl

from ncolony.core.logspec import LogSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.events import Slot
    from ncolony.core.kept import Kept
    from ncolony.ports import Channel
    from ncolony.posix.channels import PipeChannels

# Descriptors that programs' output leaves free, or nobody could read the file that asks for fewer programs, nor ask
# what is wrong; half of them for programs that are on their way while it is counted, and will take one each.
RESERVE = 32
PART = 6  # of a low limit it is no more than this part, or there would be no program at all
HOLES = 4  # a pipe that is opened anew leaves two


class Reserving:
    """Opens channels as long as enough descriptors are left for the supervisor's own work (the Channels port)."""

    def __init__(self, channels: PipeChannels) -> None:
        """Have ``channels`` open them."""
        self._channels = channels
        self.holds = channels.holds

    def open(self, slot: Slot, log: LogSpec = LogSpec(), left: Kept | None = None) -> Channel:  # noqa: B008 - frozen
        """Open a channel, or take over that of the process of ``left``, for which there is always room.

        Raises OSError where the system has no room for it.
        """
        channel = self._channels.open(slot, log, left)
        if left is None and not _is_room():
            channel.close()
            raise OSError(EMFILE, os.strerror(EMFILE))
        return channel


def _is_room() -> bool:
    """Tell whether the reserve is untouched, by the numbers that the next descriptors get; the first may be holes.

    The lowest number that is free is given out first. So as long as one in the middle never was, much is free.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        fcntl(limit // 2, F_GETFD)
    except OSError:
        return True
    probes: list[int] = []
    try:
        while len(probes) < HOLES:
            probes.append(os.open("/", os.O_PATH | os.O_CLOEXEC))
        return probes[-1] < limit - min(RESERVE, limit // PART)
    except OSError:
        return False
    finally:
        for fd in probes:
            os.close(fd)
