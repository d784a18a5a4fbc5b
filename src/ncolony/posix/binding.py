"""Opens one listening socket, and tells what an open one is."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ncolony.core.errors import OSFailure
from ncolony.core.sockets import MAX_SOCKETS, TCP, TCP6, UDP, UDP6, UNIX, address_of
from ncolony.posix.handing import FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket as system

    from ncolony.core.sockets import Socket

    Place = tuple[str, str, int]
    """What tells a socket from all others: kind, host, port."""

FIRST_HELD = FIRST + MAX_SOCKETS + 1  # above all that a process gets, so that none is overwritten while they are dealt


def place_of(socket: Socket) -> Place:
    """Return what tells a socket from all others."""
    return socket.kind, socket.host, socket.port


def place_of_fd(fd: int) -> Place | None:
    """Return the same for an open descriptor; None for one that is none of ours."""
    import socket as system

    try:
        opened = system.socket(fileno=fd)
    except (ValueError, OverflowError, OSError):
        return None
    try:
        return place_of_open(opened)
    except OSError:
        return None
    finally:
        opened.detach()


def place_of_open(opened: system.socket) -> Place | None:
    """Return the same for an open socket that waits for clients; None for one that is none of ours."""
    import socket as system

    if opened.family == system.AF_UNIX:
        path = opened.getsockname()
        return (UNIX, os.fsdecode(path), 0) if path and _waits(opened) else None
    kinds = {(system.AF_INET, True): TCP, (system.AF_INET, False): UDP}
    kinds |= {(system.AF_INET6, True): TCP6, (system.AF_INET6, False): UDP6}
    kind = kinds.get((opened.family, opened.type == system.SOCK_STREAM))
    if kind is None or not _waits(opened):
        return None
    host, port = opened.getsockname()[:2]
    if kind in (TCP6, UDP6):
        from ipaddress import IPv6Address

        host = str(IPv6Address(host.partition("%")[0]))  # which writes some otherwise than the system
    return kind, host, port


def _waits(opened: system.socket) -> bool:
    """Tell whether it is a socket that is connected to, and not a connection."""
    import socket as system

    if opened.type == system.SOCK_STREAM:
        return bool(opened.getsockopt(system.SOL_SOCKET, system.SO_ACCEPTCONN))
    try:
        opened.getpeername()
    except OSError:
        port: int = opened.getsockname()[1]
        return port != 0
    return False


def up(fd: int) -> int:
    """Return the same socket with a number that is out of the way. Raises OSFailure."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_HELD)
    except OSError as error:
        raise OSFailure(f"cannot hold a socket: {error.strerror}; is the limit on open files very low?") from None
    finally:
        os.close(fd)


def bind(socket: Socket) -> int:
    """Open, bind and listen. Raises :class:`OSFailure`."""
    import socket as system

    family = {TCP6: system.AF_INET6, UDP6: system.AF_INET6, UNIX: system.AF_UNIX}.get(socket.kind, system.AF_INET)
    kind = system.SOCK_DGRAM if socket.kind in (UDP, UDP6) else system.SOCK_STREAM
    try:
        opened = system.socket(family, kind)
        with system.socket(fileno=up(opened.detach())) as opened:
            if socket.kind in (TCP, TCP6):
                opened.setsockopt(system.SOL_SOCKET, system.SO_REUSEADDR, 1)
            if socket.reuse_port:
                opened.setsockopt(system.SOL_SOCKET, system.SO_REUSEPORT, 1)
            if family == system.AF_INET6:
                opened.setsockopt(system.IPPROTO_IPV6, system.IPV6_V6ONLY, socket.v6only)
            if socket.kind == UNIX:
                _bind_file(opened, socket)
            else:
                opened.bind((socket.host, socket.port))
            if kind == system.SOCK_STREAM:
                opened.listen(socket.backlog)
            return opened.detach()
    except OSError as error:
        raise OSFailure(f"cannot listen on {address_of(socket)}: {_why(error, socket)}") from None


def _bind_file(opened: system.socket, socket: Socket) -> None:
    _clear(socket.host)
    before = os.umask(0o777 & ~socket.mode)  # so that it is never open to more people than it should be
    try:
        opened.bind(socket.host)
    finally:
        os.umask(before)


def _clear(path: str) -> None:
    """Remove a socket's file that nobody answers on. Raises OSError for anything else that is there."""
    import socket as system

    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file of this name that is no socket")
    except FileNotFoundError:
        return
    with system.socket(system.AF_UNIX, system.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            pass  # of another type, or not open to us, or with a full backlog: but there
    raise OSError(errno.EADDRINUSE, "")


def _why(error: OSError, socket: Socket) -> str:
    folder = os.path.dirname(socket.host)
    words = {
        errno.EADDRINUSE: "address in use",
        errno.EADDRNOTAVAIL: "no interface of this machine has the address",
        errno.EACCES: f"no permission to make it in {folder!r}"
        if socket.kind == UNIX
        else "no permission for this port",
        errno.ENOENT: f"there is no directory {folder!r}",
        errno.EAFNOSUPPORT: "this system has no such addresses",
    }
    return words.get(error.errno or 0) or error.strerror or str(error)
