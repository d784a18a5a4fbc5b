"""Lines to a syslog daemon, one datagram each, without ever waiting for it.

A daemon that is away, or slower than the programs, loses lines: they are counted, and the count is sent as a message
of its own once there is room. A socket that fails is tried again a second later, when there is something to send.
"""

from __future__ import annotations

import os
import socket
from time import gmtime, localtime, strftime, time

from ncolony.core.logspec import RFC5424
from ncolony.posix.console import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ncolony.core.logspec import SyslogLog

INFO, ERROR = 6, 3
SEVERITIES = {"stdout": INFO, "stderr": ERROR}
MAX_TEXT = 8192  # bytes of a message's text: rsyslog and syslog-ng take no more as they come
CONTINUED = b" [line goes on]"
PATIENCE = 1.0  # seconds between two tries to reach a daemon that is away
MAX_TAG = 48  # RFC 5424's limit for the name of a program
OURSELVES = "ncolony"


class Syslog:
    """One daemon."""

    def __init__(self, log: SyslogLog, now: Callable[[], float], report: Callable[[str], None]) -> None:
        """Send as ``log`` says; ``now`` is the loop's clock; tell ``report`` once when the daemon cannot be reached."""
        self._log, self._now, self._report = log, now, report
        self._udp = log.address.startswith("udp:")
        self._socket: socket.socket | None = None
        self._again = float("-inf")
        self._away = False
        self._unsaid = 0
        self.dropped = 0
        """Messages that were lost so far."""

    def send(self, tag: str, pid: int, stream: str, lines: Sequence[bytes]) -> None:
        """Send a program's lines."""
        severity = SEVERITIES.get(stream, INFO)
        for line in lines:
            for piece in _pieces(line):
                if not self._tell_loss() or not self._send(self._message(severity, tag, pid, readable(piece))):
                    self.dropped += 1
                    self._unsaid += 1

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell_loss(self) -> bool:
        if self._unsaid:
            text = f"lines lost, as the syslog daemon did not take them: {self._unsaid}"
            if not self._send(self._message(ERROR, OURSELVES, os.getpid(), text)):
                return False
            self._unsaid = 0
        return True

    def _message(self, severity: int, tag: str, pid: int, text: str) -> bytes:
        priority = self._log.facility * 8 + severity
        tag = "".join(letter if "!" <= letter <= "~" and letter not in "[]:" else "_" for letter in tag)[:MAX_TAG]
        now = time()
        if self._log.format == RFC5424:
            when = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(now))}.{int(now % 1 * 1_000_000):06d}Z"
            # A byte order mark before the text says that it is UTF-8.
            head = f"<{priority}>1 {when} {_host()} {tag} {pid or '-'} - - \ufeff"
        else:
            when = strftime("%b %e %H:%M:%S", localtime(now))
            # On the daemon's own machine there is no host name in it.
            head = f"<{priority}>{when} {_host() + ' ' if self._udp else ''}{tag}{f'[{pid}]' if pid else ''}: "
        return (head + text).encode("utf-8", "backslashreplace")

    def _send(self, message: bytes) -> bool:
        link = self._socket or self._connect()
        if link is None:
            return False
        try:
            link.send(message, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            self.close()
            self._fail(error)
            return False
        if self._away:
            self._away = False
            self._report(f"can send to syslog at {self._log.address!r} again")
        return True

    def _connect(self) -> socket.socket | None:
        if self._now() < self._again:
            return None
        self._again = self._now() + PATIENCE
        family, address = _address(self._log.address)
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.connect(address)
        except OSError as error:
            made.close()
            self._fail(error)
            return None
        self._socket = made
        return made

    def _fail(self, error: OSError) -> None:
        if not self._away:
            self._away = True
            self._report(
                f"cannot send to syslog at {self._log.address!r}: {error.strerror}; lines are lost and counted"
            )


def _address(address: str) -> tuple[int, str | tuple[str, int]]:
    if not address.startswith("udp:"):
        return socket.AF_UNIX, address
    host, _, port = address.removeprefix("udp:").rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return family, (host.strip("[]"), int(port))


def _pieces(line: bytes) -> Iterator[bytes]:
    """Cut a line that is too long for one message."""
    while len(line) > MAX_TEXT:
        yield line[:MAX_TEXT] + CONTINUED
        line = line[MAX_TEXT:]
    yield line


def _host() -> str:
    return os.uname().nodename or "-"
