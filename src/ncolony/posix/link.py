"""The supervisor's connection to a keeper: made through its door, and never waited for."""

from __future__ import annotations

import os

from ncolony.core.bare import deque
from ncolony.posix.keeper import HELLO, close_all, receive, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from ncolony.ports import Loop
else:
    import _socket as socket  # see keeper.py

DOOR = "keeper"
BUFFER = 1 << 20  # bytes that may be on their way; the system allows less, some hundred messages


def at_door(folder: str, call: Callable[[str], object]) -> None:
    """Make a call with the address of the door in ``folder``, where a long path would have no room. Raises OSError."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{fd}/{DOOR}")
    finally:
        os.close(fd)


def knock(folder: str) -> socket.socket:
    """Send a connection through the door in ``folder``, and return our end. Raises OSError where nobody has it open."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    messenger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        at_door(folder, messenger.connect)
        send(messenger, (HELLO,), (theirs.fileno(),))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    except OSError:
        ours.close()
        raise
    finally:
        messenger.close()
        theirs.close()
    return ours


class Link:
    """An open connection."""

    def __init__(self, loop: Loop, keeper: socket.socket, lost: Callable[[], None]) -> None:
        """Call ``lost`` when the keeper is gone."""
        self._loop, self._keeper, self._lost = loop, keeper, lost
        self._waiting: deque[tuple[tuple[str, ...], tuple[int, ...]]] = deque()
        self._writable = -1
        keeper.setblocking(False)
        loop.watch(keeper.fileno(), self._hear)

    @property
    def idle(self) -> bool:
        """Tell whether no message waits."""
        return not self._waiting

    def send(self, words: tuple[str, ...], fds: tuple[int, ...] = ()) -> None:
        """Send a message now, or after those that wait. Its descriptors are closed here then."""
        self._waiting.append((words, fds))
        if self._writable < 0:
            self._go_on()

    def close(self) -> None:
        """Close it; what waits is not sent."""
        self._stop_waiting()
        while self._waiting:
            close_all(self._waiting.popleft()[1])
        self._loop.unwatch(self._keeper.fileno())
        self._keeper.close()

    def _hear(self) -> None:
        """Take note that the keeper is gone: it never says anything that it was not asked."""
        try:
            words, fds = receive(self._keeper)
        except BlockingIOError:
            return
        except OSError:
            words, fds = [], []
        close_all(fds)
        if not words:
            self._lost()

    def _go_on(self) -> None:
        """Send what waits, as much as the system takes."""
        while self._waiting:
            words, fds = self._waiting[0]
            try:
                send(self._keeper, words, fds)
            except BlockingIOError:
                self._wait()
                return
            except OSError:
                pass  # it is gone, which is about to be heard
            self._waiting.popleft()
            close_all(fds)
        self._stop_waiting()

    def _wait(self) -> None:
        if self._writable < 0:
            self._writable = os.dup(self._keeper.fileno())  # as the loop watches the other one already
            self._loop.watch_writes(self._writable, self._go_on)

    def _stop_waiting(self) -> None:
        if self._writable >= 0:
            self._loop.unwatch(self._writable)
            os.close(self._writable)
            self._writable = -1
