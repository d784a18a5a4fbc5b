"""The ``sockets`` key: what the supervisor listens on for a program.

    "sockets": {"web": "tcp://127.0.0.1:8080",
                "admin": {"address": "unix:///run/web.sock", "mode": "0660", "owner": "root:www-data"}}

An address is ``tcp://``, ``tcp6://``, ``udp://`` or ``udp6://`` with a numeric host and a port, or ``unix://`` with an
absolute path. No names: looking them up takes time, and what they mean may change. What only the system knows, whether
an address is free, is found out by posix/listeners.py.
"""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, fields
from ncolony.core.parse import shown
from ncolony.core.readers import Within, a_flag, a_full_text, octal
from ncolony.core.record import record

TCP, TCP6, UDP, UDP6, UNIX = "tcp", "tcp6", "udp", "udp6", "unix"
MAX_SOCKETS = 64
MAX_NAME = 255
MAX_PORT = 65535
MAX_PATH = 107  # bytes that the system has room for
DEFAULT_MODE = 0o666
DEFAULT_BACKLOG = 4096


@record
class Socket:
    """A socket that a program finds open."""

    name: str
    kind: str
    host: str
    """The address in numbers; of a unix socket the path."""
    port: int = 0
    mode: int = DEFAULT_MODE
    owner: str = ""
    """USER, USER:GROUP or :GROUP, names or numbers, of the file of a unix socket; empty: the supervisor's."""
    backlog: int = DEFAULT_BACKLOG
    reuse_port: bool = False
    v6only: bool = True


def address_of(socket: Socket) -> str:
    """Return the address as it is written."""
    if socket.kind == UNIX:
        return f"unix://{socket.host}"
    host = f"[{socket.host}]" if socket.kind in (TCP6, UDP6) else socket.host
    return f"{socket.kind}://{host}:{socket.port}"


# Readers ----------------------------------------------------------------------------------------------------------

_ADDRESS = (
    'an address, like "tcp://127.0.0.1:8080", "tcp6://[::]:80", "udp://0.0.0.0:53" or "unix:///run/web.sock";'
    " no host names, as looking them up takes time"
)


def _an_address(value: object) -> tuple[str, str, int]:
    text = a_full_text(value)
    kind, _, rest = text.partition("://")
    if kind == UNIX:
        return UNIX, _a_path(rest), 0
    host, _, port = rest.rpartition(":")
    if not is_port(port):
        raise Mismatch
    if kind in (TCP, UDP):
        return kind, an_ipv4_host(host), int(port)
    if kind in (TCP6, UDP6) and host.startswith("[") and host.endswith("]"):
        return kind, an_ipv6_host(host[1:-1]), int(port)
    raise Mismatch


def _a_path(path: str) -> str:
    if not path.startswith("/") or path.endswith("/"):
        raise Mismatch("an absolute path after unix://")
    if not path.isprintable():
        raise Mismatch("a path that can be printed")
    if len(path.encode()) > MAX_PATH:
        raise Mismatch(f"a path of at most {MAX_PATH} bytes, as the system has room for no more")
    return path


def an_ipv4_host(host: str) -> str:
    """Read an IPv4 address. Raises Mismatch."""
    parts = host.split(".")
    if len(parts) != 4 or not all(part in _BYTES for part in parts):  # noqa: PLR2004
        raise Mismatch
    return host


_BYTES = frozenset(map(str, range(256)))


def is_port(text: str) -> bool:
    """Tell whether a text is the number of a port."""
    return len(text) <= len(str(MAX_PORT)) and text.isascii() and text.isdigit() and 0 < int(text) <= MAX_PORT


def an_ipv6_host(host: str) -> str:
    """Read an IPv6 address, in the one way that it is written here. Raises Mismatch."""
    from ipaddress import IPv6Address  # a rare and costly import

    try:
        if "%" in host:
            raise Mismatch
        return str(IPv6Address(host))
    except ValueError:
        raise Mismatch from None


def _a_mode(value: object) -> int:
    return octal(value, 3, 3)


def _an_owner(value: object) -> str:
    owner = a_full_text(value)
    user, colon, group = owner.partition(":")
    if ":" in group or not (user or group) or (colon and not group) or owner != "".join(owner.split()):
        raise Mismatch
    return owner


SOCKET_KEYS = (
    Key("address", _an_address, _ADDRESS, "required", "Where to listen. Of the keys of a socket the only one needed:"
        " a string in place of the object is its address.", field="place"),
    Key("mode", _a_mode, 'a string of three octal digits, like "0660"', '"0666"',
        "The mode of the file of a unix socket."),
    Key("owner", _an_owner, 'a user, a user and a group or a group, like "www-data", "root:www-data" or ":www-data"',
        "the supervisor's", "The owner of the file of a unix socket."),
    Key("backlog", Within(1, 2**31 - 1), "a whole number from 1 up", str(DEFAULT_BACKLOG),
        "How many connections may wait to be taken; the system may have a lower limit (net.core.somaxconn)."),
    Key("reuse_port", a_flag, "true or false", "false",
        "Let other sockets of the same user listen there too (SO_REUSEPORT)."),
    Key("v6only", a_flag, "true or false", "true", "Do not listen for IPv4 too, of a tcp6 or udp6 socket."),
)  # fmt: skip
_ONLY_FOR = {
    "mode": ((UNIX,), "a unix socket"),
    "owner": ((UNIX,), "a unix socket"),
    "backlog": ((TCP, TCP6, UNIX), "a socket that is connected to"),
    "reuse_port": ((TCP, TCP6, UDP, UDP6), "a tcp or udp socket"),
    "v6only": ((TCP6, UDP6), "a tcp6 or udp6 socket"),
}
_NAME = "the name of a socket: 1 to 255 letters, digits and signs other than ':', none of them a space"


def sockets(value: object) -> tuple[Socket, ...]:
    """Read the whole key, sorted by name, as the order in an object means nothing. Raises Mismatch."""
    if not isinstance(value, dict):
        raise Mismatch
    if len(value) > MAX_SOCKETS:
        raise Mismatch(f"at most {MAX_SOCKETS} sockets", "", f"{len(value)} sockets")
    found: list[Mismatch] = []
    made = [socket for name, item in sorted(value.items()) if (socket := _socket(name, item, found)) is not None]
    places: dict[tuple[object, ...], str] = {}
    for socket in made:
        first = places.setdefault((socket.kind, socket.host, socket.port), socket.name)
        if first != socket.name:
            wanted = f"each address once; {shown(first)} has it"
            found.append(Mismatch(wanted, f"[{shown(socket.name)}]", shown(address_of(socket))))
    if found:
        raise Mismatches(found)
    return tuple(made)


def _socket(name: str, value: object, found: list[Mismatch]) -> Socket | None:
    at = f"[{shown(name)}]"
    if not 0 < len(name) <= MAX_NAME or not all("!" <= sign <= "~" and sign != ":" for sign in name):
        found.append(Mismatch(_NAME, "", shown(name)))
    if isinstance(value, str):
        value = {"address": value}
    if not isinstance(value, dict):
        found.append(Mismatch("an address, or an object with an `address` and more", at, shown(value)))
        return None
    made = fields(value, SOCKET_KEYS, at, found)
    if "address" not in value:
        found.append(Mismatch(_ADDRESS, f"{at}.address", "no such key"))
        return None
    if made is None:
        return None
    place: tuple[str, str, int] = made.pop("place")  # type: ignore[assignment] # as its key has read it
    kind, host, port = place
    for key, (kinds, whose) in _ONLY_FOR.items():
        if key in value and kind not in kinds:
            found.append(Mismatch(f"this key to be left out: it is for {whose}", f"{at}.{key}", shown(value[key])))
    return Socket(name, kind, host, port, **made)  # type: ignore[arg-type]
