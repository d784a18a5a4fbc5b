"""The Unix socket through which clients come in: made safely, and who they are.

It is made in a directory that is this user's alone and that this process holds the lock of, so whatever is at its path
was left behind by a dead supervisor. It is bound through an open descriptor of that directory: the path may be longer
than an address can be, and nobody can put another directory in between.
"""

from __future__ import annotations

import _socket  # `socket` beside it costs a supervisor a quarter of a megabyte, for names of numbers
import os
import stat
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from select import POLLHUP, POLLIN, poll

from ncolony.core.record import record

BACKLOG = 1024
NO_ROOM = (EMFILE, ENFILE, ENOBUFS, ENOMEM)
_CREDENTIALS = 12  # bytes: pid, uid, gid
_PEERGROUPS = 59  # SO_PEERGROUPS, which Python has no name for


@record
class Peer:
    """Who is at the other end, as the system says."""

    pid: int
    uid: int
    gids: tuple[int, ...]


class Doorway:
    """One listening socket in the state directory."""

    def __init__(self, folder: str, name: str, handed_over: str = "") -> None:
        """Take over the socket of this process's own last version, or make a new one. Raises OSError.

        ``handed_over``: what that version has said of it.
        """
        self.path = f"{folder}/{name}"
        self._folder, self._name = folder, name
        self._socket = _taken_over(handed_over) or _bound(folder, name)
        self.fd = self._socket.fileno()

    def admit(self, gid: int | None) -> None:
        """Let members of a group reach the socket, or with None nobody but the owner and root. Raises OSError."""
        group, folder_mode, socket_mode = (os.getegid(), 0o700, 0o600) if gid is None else (gid, 0o710, 0o660)
        for path, mode in ((self._folder, folder_mode), (self.path, socket_mode)):
            if os.lstat(path).st_gid != group:
                os.chown(path, -1, group, follow_symlinks=False)
            os.chmod(path, mode)

    def accept(self) -> tuple[int, Peer] | None:
        """Return the next client that waits; None: there is none. Raises OSError where there is no room for one."""
        try:
            fd, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - what `socket` itself calls
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        except OSError as error:
            # Without a free descriptor this comes before it is looked whether anybody waits.
            if error.errno in NO_ROOM and not _is(self.fd, POLLIN):
                return None
            raise
        os.set_blocking(fd, False)
        try:
            return fd, peer_of(fd)
        except OSError:
            os.close(fd)
            raise

    def renew(self) -> None:
        """Have a socket at its path again, under the same descriptor. Who is connected stays so. Raises OSError."""
        new = _bound(self._folder, self._name)
        os.dup2(new.fileno(), self.fd, inheritable=False)
        new.close()

    def close(self) -> None:
        """Stop listening, and remove the file."""
        self._socket.close()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass  # the whole directory was removed


def peer_of(fd: int) -> Peer:
    """Return who is at the other end of a connection. Raises OSError."""
    opened = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
    try:
        data = opened.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS)
        pid, uid, gid = memoryview(data).cast("I")
        try:
            groups = opened.getsockopt(_socket.SOL_SOCKET, _PEERGROUPS, 1024)
        except OSError:  # it is in more of them than one can ask for at once, or the kernel is older than 4.13
            groups = b""
        return Peer(pid, uid, (gid, *memoryview(groups).cast("I")))
    finally:
        opened.detach()


def is_hung_up(fd: int) -> bool:
    """Tell whether the other end is gone altogether, and has not only said its last word."""
    return _is(fd, POLLHUP)


def _is(fd: int, state: int) -> bool:
    asked = poll()
    asked.register(fd, state)
    return any(event & state for _, event in asked.poll(0))


def _taken_over(handed_over: str) -> _socket.socket | None:
    try:
        fd = int(handed_over)
        os.set_inheritable(fd, False)
        opened = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
        if opened.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
            return opened
        opened.detach()
    except (ValueError, OSError):
        pass
    return None


def _bound(folder: str, name: str) -> _socket.socket:
    directory = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    opened = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    new = f"{name}.new"
    try:
        _clear(new, directory)
        before = os.umask(0o177)
        try:
            opened.bind(f"/proc/self/fd/{directory}/{new}")
        finally:
            os.umask(before)
        opened.listen(BACKLOG)
        os.replace(new, name, src_dir_fd=directory, dst_dir_fd=directory)  # never a moment without one that answers
    except OSError:
        opened.close()
        raise
    finally:
        os.close(directory)
    return opened


def _clear(name: str, directory: int) -> None:
    """Remove what an earlier try may have left. Raises OSError for a directory."""
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
            os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
