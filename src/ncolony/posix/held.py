"""One open listening socket of a program: held, made what is wanted by now, given up."""

from __future__ import annotations

import os

from ncolony.core.errors import OSFailure
from ncolony.core.sockets import UNIX, address_of
from ncolony.posix.binding import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from ncolony.core.sockets import Socket
    from ncolony.posix.binding import Place


class Held:
    """One open socket: its descriptor, what it was made as, and which file is its."""

    __slots__ = ("fd", "file", "socket")

    def __init__(self, fd: int, socket: Socket, file: tuple[int, int] | None) -> None:
        """Hold it."""
        self.fd = fd
        self.socket = socket
        self.file = file


def hold(fd: int, socket: Socket) -> Held:
    """Take note of what an open descriptor was made as."""
    file = None
    if socket.kind == UNIX:
        try:
            status = os.lstat(socket.host)
            file = status.st_dev, status.st_ino
        except OSError:
            pass  # somebody has removed it
    return Held(fd, socket, file)


def give_up(held: Held) -> None:
    """Close a socket, and remove its file if that is still the one that was made for it."""
    os.close(held.fd)
    if held.file is not None:
        try:
            status = os.lstat(held.socket.host)
            if (status.st_dev, status.st_ino) == held.file:
                os.unlink(held.socket.host)
        except OSError:
            pass


def trim(held: dict[Place, Held], wanted: Container[Place]) -> None:
    """Give up those that are not wanted."""
    for place in [place for place in held if place not in wanted]:
        give_up(held.pop(place))


def check_options(socket: Socket, besides: Iterable[Socket]) -> None:
    """Raise OSFailure where another description needs the same address with other options: there can be one."""
    for other in besides:
        options = other.reuse_port, other.v6only
        if place_of(other) == place_of(socket) and options != (socket.reuse_port, socket.v6only):
            raise OSFailure(
                f"cannot listen on {address_of(socket)} with another `reuse_port` or `v6only` while processes of the"
                " description before listen on it; a restart can"
            )


def adjust(held: Held, socket: Socket) -> bool:
    """Make an open socket what is wanted by now; False where it takes another. Raises OSFailure."""
    import socket as system

    if socket.kind == UNIX:
        _adjust_mode(held, socket)
        if held.file is None or hold(held.fd, socket).file != held.file:
            return False  # its file was removed or replaced: nobody would find it
    opened = system.socket(fileno=held.fd)
    try:
        options = [(system.SOL_SOCKET, system.SO_REUSEPORT, socket.reuse_port)] if socket.kind != UNIX else []
        if opened.family == system.AF_INET6:
            options.append((system.IPPROTO_IPV6, system.IPV6_V6ONLY, socket.v6only))
        if any(bool(opened.getsockopt(level, name)) != wanted for level, name, wanted in options):
            return False
        if opened.type == system.SOCK_STREAM:
            opened.listen(socket.backlog)
    finally:
        opened.detach()
    held.socket = socket
    return True


def _adjust_mode(held: Held, socket: Socket) -> None:
    try:
        if socket.mode != held.socket.mode:
            os.chmod(socket.host, socket.mode)
    except FileNotFoundError:
        pass  # then it will be made anew
    except OSError as error:
        raise OSFailure(f"cannot set the mode of {socket.host!r}: {error.strerror}") from None
