"""The socket on which programs say how they are (sd_notify), one for the colony.

Its address is abstract, so programs of every user reach it, and nothing lies about in a file system; the kernel says of
each message which process has sent it. It is read a bounded number of messages at a time, and then left alone for a
moment where there were many: a flood keeps its senders waiting, and nobody else.
"""

from __future__ import annotations

import _socket as socket  # the same without what takes a megabyte
import array
import os

from ncolony.core.notices import MAX_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop

    Heard = Callable[[int, int, bytes, list[int]], None]

BATCH = 50  # messages that are read in one turn of the loop
PAUSE = 0.02  # seconds of rest after so many
MAX_FDS = 16  # descriptors that may come with one message; the kernel closes the rest
CREDENTIALS = 12  # bytes: pid, uid, gid
NUMBER = 4


class NotifySocket:
    """One open socket."""

    def __init__(self, loop: Loop, name: str, heard: Heard, fd: int = -1) -> None:
        """Listen on the abstract address ``name``, or go on with the socket ``fd``, and tell ``heard`` of each message.

        That is: the sender's pid and user, the message, and descriptors that came with it, which are then the
        listener's to close. Raises OSError.
        """
        self._loop, self._heard = loop, heard
        self.name = name
        self._resting = False
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_UNIX, kind) if fd < 0 else socket.socket(fileno=fd)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            if fd < 0:
                self._socket.bind(f"\0{name}")
            loop.watch(self._socket.fileno(), self._read)
        except OSError:
            self._socket.close()
            raise
        self._space = socket.CMSG_SPACE(CREDENTIALS) + socket.CMSG_SPACE(MAX_FDS * NUMBER)

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give it back."""
        if not self._resting:
            self._loop.unwatch(self._socket.fileno())
        self._resting = False
        self._socket.close()

    def _read(self) -> None:
        for _ in range(BATCH):
            try:
                data, extra, flags, _from = self._socket.recvmsg(MAX_BYTES, self._space, socket.MSG_CMSG_CLOEXEC)
            except OSError:
                return  # there is no more; or one could not be taken, which must not be in the way of the others
            pid, uid, fds = _unpack(extra)
            if pid <= 0 or flags & socket.MSG_TRUNC:
                for fd in fds:
                    os.close(fd)
                continue
            self._heard(pid, uid, data, fds)
        self._loop.unwatch(self._socket.fileno())
        self._resting = True
        self._loop.call_at(self._loop.now() + PAUSE, self._go_on)

    def _go_on(self) -> None:
        if self._resting:
            self._resting = False
            self._loop.watch(self._socket.fileno(), self._read)


def _unpack(extra: list[tuple[int, int, bytes]]) -> tuple[int, int, list[int]]:
    """Return pid and uid of the sender (0: not known), and the descriptors that came along."""
    pid = uid = 0
    fds: list[int] = []
    for level, kind, data in extra:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_CREDENTIALS:
            pid, uid, _ = array.array("i", data[:CREDENTIALS])
        elif kind == socket.SCM_RIGHTS:
            fds += array.array("i", data[: len(data) - len(data) % NUMBER])
    return pid, uid, fds


def handed_on(fd: int, name: str) -> bool:
    """Tell whether ``fd`` is the socket of this name, left open by an earlier version of this process."""
    try:
        opened = socket.socket(fileno=fd)
    except (OSError, ValueError, OverflowError):
        return False
    try:
        address = opened.getsockname()
        return opened.family == socket.AF_UNIX and address == f"\0{name}".encode()
    finally:
        opened.detach()
