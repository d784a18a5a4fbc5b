"""The keeper: a process that holds copies of pipes and sockets, so that these outlive everybody else who has them open.

:func:`main` runs in an interpreter of its own (``python -I -S``). It knows nothing of programs: what it holds has a
key, a note and labels, and is given back as it came. keeping.py is the supervisor's side of it.

A supervisor sends the end of a connection through the keeper's door, a datagram socket in the state directory. The last
one to do so is obeyed. A message on the connection is words with NULs between them, and descriptors beside it:

    keep KEY NOTE LABEL...    hold these from now on, one for each label, instead of what that key had
    drop KEY...               close them
    give                      answered by ``have KEY NOTE LABEL...`` for each key, and ``all PID``
    end

When its supervisor is gone it waits for another one, for as long as there is something to wait for: a pipe that
somebody else has open still, or one in which there is something left to read.
"""

from __future__ import annotations

import os
import select
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Iterable
else:  # the same functions and numbers without what is written in Python around them, 1.4 MB
    import _signal as signal
    import _socket as socket

KEEP, DROP, GIVE, HAVE, ALL, END, HELLO = "keep", "drop", "give", "have", "all", "end", "hello"
NAME = "ncolony-keeper"
MAX_SIZE = 8192  # bytes of a message: names of files and addresses
UNLABELLED = 3  # words of a message before the labels
MAX_FDS = 64  # beside a message; a program has no more sockets
_FD = 4  # bytes of a descriptor's number


def send(to: socket.socket, words: tuple[str, ...], fds: tuple[int, ...] = ()) -> None:
    """Send a message, with copies of descriptors. Raises OSError."""
    numbers = b"".join(fd.to_bytes(_FD, sys.byteorder) for fd in fds)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if fds else []
    to.sendmsg([os.fsencode("\0".join(words))], ancillary)


def receive(by: socket.socket) -> tuple[list[str], list[int]]:
    """Return the words of the next message, none when there will be no more, and its descriptors. Raises OSError."""
    text, ancillary, _, _ = by.recvmsg(MAX_SIZE, socket.CMSG_SPACE(MAX_FDS * _FD), socket.MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = len(data) - len(data) % _FD
            fds += (int.from_bytes(data[at : at + _FD], sys.byteorder) for at in range(0, whole, _FD))
    return (os.fsdecode(text).split("\0") if text else []), fds


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)


class Keeper:
    """What is held, and for whom."""

    def __init__(self, door: socket.socket) -> None:
        """Hold nothing yet; supervisors come through ``door``."""
        self._door = door
        self._supervisor: socket.socket | None = None
        self._held: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {}  # note and labels, and descriptors
        self._last: tuple[str, ...] = ()

    def run(self) -> None:
        """Do as one supervisor after the other says, until there is nothing left to wait for."""
        while self._wait():
            while self._supervisor is not None:
                self._attend(self._supervisor)

    def _attend(self, supervisor: socket.socket) -> None:
        poll = select.poll()
        poll.register(self._door.fileno(), select.POLLIN)
        poll.register(supervisor.fileno(), select.POLLIN)
        while self._supervisor is supervisor:
            ready = [fd for fd, _ in poll.poll()]
            if supervisor.fileno() in ready:
                self._obey(supervisor)
            elif self._door.fileno() in ready:
                self._let_in()

    def _let_in(self) -> None:
        """Obey whoever has sent a connection from now on. What the one before had said is done by now; see _attend."""
        words, fds = receive(self._door)
        if words == [HELLO] and len(fds) == 1 and stat.S_ISSOCK(os.fstat(fds[0]).st_mode):
            self._leave()
            self._supervisor = socket.socket(fileno=fds[0])
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # when all are told to end, the supervisor decides
        else:
            close_all(fds)

    def _leave(self) -> None:
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None

    def _obey(self, supervisor: socket.socket) -> None:
        try:
            words, fds = receive(supervisor)
            if words[:1] == [GIVE]:
                self._give(supervisor)
        except OSError:
            words, fds = [], []
        if not words:
            self._leave()
        elif words[0] == END:
            sys.exit()
        elif words[0] in (KEEP, DROP):
            _, *keys = words if words[0] == DROP else words[:2]
            for key in keys:
                self._drop(key)
            if words[0] == KEEP and len(fds) == len(words) - UNLABELLED:
                text = tuple(words[2:])
                self._last = self._last if text == self._last else text  # one for all who have the same
                self._held[words[1]] = self._last, tuple(fds)
                return
        close_all(fds)

    def _give(self, supervisor: socket.socket) -> None:
        for key, (text, fds) in self._held.items():
            send(supervisor, (HAVE, key, *text), fds)
        send(supervisor, (ALL, str(os.getpid())))

    def _wait(self) -> bool:
        """Wait for a supervisor; False: there is nothing left to wait for."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        poll = select.poll()
        poll.register(self._door.fileno(), select.POLLIN)
        pipes = {fd: key for key, (_, fds) in self._held.items() for fd in fds if stat.S_ISFIFO(os.fstat(fd).st_mode)}
        for fd in pipes:
            poll.register(fd, 0)  # tells when nobody else has it open any more
        while ready := [fd for fd, _ in poll.poll(None if pipes else 0)]:
            if self._door.fileno() in ready:
                self._let_in()
                return True
            for fd in ready:
                poll.unregister(fd)
                if not _has_data(fd):
                    key = pipes.pop(fd)
                    if not any(other in pipes for other in self._held[key][1]):
                        self._drop(key)
        return False

    def _drop(self, key: str) -> None:
        close_all(self._held.pop(key, ((), ()))[1])


def _has_data(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return any(what & select.POLLIN for _, what in poll.poll(0))


def _close_others() -> None:
    """Close whatever somebody else in the supervisor's process has left open for all children: it would stay so."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:  # noqa: PLR2004 - the standard ones, which lead to the door and to nowhere
            try:
                os.close(int(name))
            except OSError:
                pass  # it was the listing's own


def main() -> None:
    """Be the keeper. Its door is descriptor 0; the first supervisor stands in it."""
    os.chdir("/")  # or the file system of the colony could not be unmounted
    _close_others()
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(NAME)
    except OSError:
        pass  # then it has the name of the interpreter
    keeper = Keeper(socket.socket(fileno=0))
    try:
        keeper.run()
    except SystemExit:
        os._exit(0)  # at once: that the connection ends tells the supervisor that all of it has
