"""Looks whether a program is well: by TCP, HTTP, or a file that it touches. Nothing here ever waits.

Each trial (see ports.py) belongs to one run and makes one try after the other. Commands are in commands.py.
"""

from __future__ import annotations

import errno
import os
from random import random

from ncolony.core.notices import in_line
from ncolony.core.probespec import Beat, Http, Tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket as system
    from collections.abc import Callable

    from ncolony.core.probespec import Exec, Probe
    from ncolony.core.program import Program
    from ncolony.ports import Loop, Trial

    Done = Callable[[str], None]
    Commands = Callable[[Program, int, int, Exec], Trial]

MAX_HEAD = 16384  # bytes of an answer in which its status and headers have to be
MAX_BODY = 65536  # that are taken, so that the server gets rid of them; what is in them counts for nothing
CHUNK = 65536
MAX_SHOWN = 80
LOWEST, ABOVE = 200, 400  # statuses that are good
END = b"\r\n\r\n"


class Probes:
    """Makes trials (the Prober port)."""

    def __init__(self, loop: Loop, config: str, commands: Commands) -> None:
        """Look on ``loop``. ``config``: the directory of programs; ``commands`` makes the trials of commands."""
        self._loop, self._config, self._commands = loop, config, commands

    def prepare(self, probe: Probe, program: Program, number: int, run: int) -> Trial:
        """See ports.py."""
        if isinstance(probe, Tcp):
            return LinkTrial(self._loop, probe, None)
        if isinstance(probe, Http):
            return LinkTrial(self._loop, probe.where, probe)
        if isinstance(probe, Beat):
            return BeatTrial(self._loop, os.path.join(self._config, probe.path), program)
        return self._commands(program, number, run, probe)

    def chance(self) -> float:
        """See ports.py."""
        return random()  # noqa: S311 - it spreads checks over time


class LinkTrial:
    """Good when a connection comes about; and where a URL is asked for, when the answer has a good status."""

    __slots__ = ("_answer", "_done", "_link", "_loop", "_name", "_request", "_watched", "_where")

    def __init__(self, loop: Loop, where: Tcp, http: Http | None) -> None:
        """Connect to ``where``, and ask for ``http``."""
        self._loop, self._where = loop, where
        self._name = str(where if http is None else http)
        self._request = b"" if http is None else _request(http)
        self._link: system.socket | None = None
        self._watched = False
        self._answer: Answer | None = None
        self._done: Done = _nobody

    def begin(self, done: Done) -> None:
        """See ports.py."""
        import _socket as system  # the same without enum and selectors, and twice as quick

        self._done = done
        where = self._where
        family = system.AF_UNIX if not where.port else system.AF_INET6 if ":" in where.host else system.AF_INET
        address = (where.host, where.port) if where.port else where.host
        try:
            self._link = link = system.socket(family, system.SOCK_STREAM | system.SOCK_NONBLOCK)
        except OSError as error:
            self._finish(f"cannot make a socket: {error.strerror}")
            return
        code = link.connect_ex(address)
        if code == errno.EINPROGRESS:  # on one machine it is mostly done by now; asked again, the kernel says so
            code = link.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EALREADY):
            self._watched = True
            self._loop.watch_writes(link.fileno(), self._settle)
        else:
            self._connected(link, code)

    def cancel(self) -> None:
        """See ports.py."""
        self._done = _nobody
        self._close()

    def output(self) -> str:
        """See ports.py."""
        return ""

    def _settle(self) -> None:
        import _socket as system

        link = self._link
        assert link is not None  # noqa: S101 - for the type checker
        self._loop.unwatch(link.fileno())
        self._watched = False
        self._connected(link, link.getsockopt(system.SOL_SOCKET, system.SO_ERROR))

    def _connected(self, link: system.socket, code: int) -> None:
        if code or not self._request:
            self._finish(_words(code))
            return
        try:
            link.send(self._request)  # a new connection has room for so little
        except OSError as error:
            self._finish(_words(error.errno or 0))
            return
        self._answer = Answer()
        self._watched = True
        self._loop.watch(link.fileno(), self._read)

    def _read(self) -> None:
        assert self._link is not None  # noqa: S101 - for the type checker
        assert self._answer is not None  # noqa: S101
        try:
            data = self._link.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(_words(error.errno or 0))
            return
        why = self._answer.take(data)
        if why is not None:
            self._finish(why)

    def _finish(self, why: str) -> None:
        self._close()
        done, self._done = self._done, _nobody
        done(f"{self._name}: {why}" if why else "")

    def _close(self) -> None:
        if self._link is not None:
            if self._watched:
                self._watched = False
                self._loop.unwatch(self._link.fileno())
            self._link.close()
            self._link = None
        self._answer = None


class Answer:
    """What has come so far of the answer of a web server."""

    __slots__ = ("_body", "_head", "_why")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._head = b""
        self._why = ""
        self._body = 0
        """Bytes of it that are still to come, once the head is there."""

    def take(self, data: bytes) -> str | None:
        """Take what has come, nothing at its end; return what is wrong, nothing where all is well, None: go on."""
        if self._body > 0:
            self._body = self._body - len(data) if data else 0
            return self._why if self._body <= 0 else None
        self._head += data
        end = self._head.find(END)
        if end < 0 and data and len(self._head) <= MAX_HEAD:
            return None
        self._why = _judge(self._head, whole=end >= 0, ended=not data)
        self._body = _length(self._head[:end]) - (len(self._head) - end - len(END)) if end >= 0 else 0
        return self._why if self._body <= 0 else None


def _request(http: Http) -> bytes:
    lines = (
        f"GET {http.target} HTTP/1.1",
        f"Host: {http.name}",
        "User-Agent: ncolony",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def _judge(head: bytes, *, whole: bool, ended: bool) -> str:
    first = head.split(b"\r\n", 1)[0]
    words = first.split(None, 2)
    if not head:
        return "the connection was closed without an answer"
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():  # noqa: PLR2004
        return "the answer is no HTTP"
    if not whole:
        return "the answer ends within its head" if ended else f"the head of the answer is longer than {MAX_HEAD} bytes"
    if LOWEST <= int(words[1]) < ABOVE:
        return ""
    return f"status {in_line(b' '.join(words[1:]).decode('latin-1'), MAX_SHOWN)}"


def _length(head: bytes) -> int:
    """Return how long the body is going to be; 0 where nobody says."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value) < len(str(2**63)) and value.strip().isdigit():
            return min(int(value), MAX_BODY)
    return 0


class BeatTrial:
    """Good while a file is touched. Seen by its time being another one, whatever the clock of the system says."""

    __slots__ = ("_longest", "_loop", "_name", "_path", "_seen", "_stamp")

    def __init__(self, loop: Loop, path: str, program: Program) -> None:
        """Look at ``path``, or at the file in it that is named as the program."""
        assert program.health is not None  # noqa: S101 - for the type checker
        self._loop, self._path, self._name = loop, path, program.name
        self._longest = program.health.period + program.health.grace
        self._stamp = self._look()
        self._seen = loop.now()

    def begin(self, done: Done) -> None:
        """See ports.py."""
        stamp, now = self._look(), self._loop.now()
        if stamp != self._stamp and stamp is not None:
            self._stamp, self._seen = stamp, now
        if now - self._seen <= self._longest:
            done("")
        else:
            what = "is not there" if stamp is None else f"has not been touched for {now - self._seen:.3g} s"
            done(f"{self._path}: {what}")

    def cancel(self) -> None:
        """See ports.py."""

    def output(self) -> str:
        """See ports.py."""
        return ""

    def _look(self) -> int | None:
        try:
            if os.path.isdir(self._path):
                return os.stat(os.path.join(self._path, self._name)).st_mtime_ns
            return os.stat(self._path).st_mtime_ns
        except OSError:
            return None


def _words(code: int) -> str:
    known = {errno.ENOENT: "there is no such socket", errno.EAGAIN: "its backlog is full"}
    return known.get(code) or os.strerror(code).lower() if code else ""


def _nobody(_: str) -> None:
    """Do nothing: it was given up."""
