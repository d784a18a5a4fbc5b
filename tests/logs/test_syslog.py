"""Lines as syslog datagrams, to a daemon that comes and goes."""

import os
import re
import socket
from pathlib import Path

import pytest

from ncolony.core.logspec import SyslogLog
from ncolony.posix.syslog import CONTINUED, MAX_TEXT, Syslog


class Daemon:
    """A socket that takes datagrams."""

    def __init__(self, family, address):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)

    def takes(self):
        """Return the next datagram."""
        return self.socket.recv(100_000).decode()

    def close(self):
        """Go away."""
        self.socket.close()


@pytest.fixture
def path(tmp_path):
    """Where the daemon listens."""
    return str(tmp_path / "log")


class Case:
    """A sender with a clock that is set by hand."""

    def __init__(self, **settings):
        self.now = 0.0
        self.reports = []
        self.syslog = Syslog(SyslogLog(**settings), lambda: self.now, self.reports.append)

    def says(self, *lines, stream="stdout", pid=7):
        """Send lines."""
        self.syslog.send("web", pid, stream, lines)


@pytest.fixture
def case(path):
    """A sender to ``path``."""
    made = Case(address=path)
    yield made
    made.syslog.close()


@pytest.fixture
def daemon(path):
    """A daemon at ``path``."""
    made = Daemon(socket.AF_UNIX, path)
    yield made
    made.close()


def test_a_line_is_a_datagram_of_rfc_3164(daemon, case):
    """As every daemon on a machine's own socket understands it: no host name."""
    case.says(b"hello")
    case.says(b"trouble", stream="stderr", pid=0)
    assert re.fullmatch(r"<30>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} web\[7\]: hello", daemon.takes())
    assert re.fullmatch(r"<27>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} web: trouble", daemon.takes())


def test_rfc_5424(daemon, path):
    """With microseconds and a mark that says UTF-8."""
    case = Case(address=path, format="rfc5424", facility=16)
    case.says("größe".encode())
    when, host = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z", re.escape(os.uname().nodename)
    assert re.fullmatch(rf"<134>1 {when} {host} web 7 - - \ufeffgröße", daemon.takes())
    case.syslog.close()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_udp(family, host):
    """To another machine the host's name goes along."""
    try:
        daemon = Daemon(family, (host, 0))
    except OSError:
        pytest.skip(f"this machine has no {host}")
    shown = f"[{host}]" if ":" in host else host
    case = Case(address=f"udp:{shown}:{daemon.socket.getsockname()[1]}")
    case.says(b"hello")
    assert daemon.takes().endswith(f" {os.uname().nodename} web[7]: hello")
    case.syslog.close()
    daemon.close()


def test_what_a_program_writes_cannot_forge_a_message(daemon, case):
    """Bug 29: control codes are spelled out."""
    case.says(b"a\x00\x1b\xff\r<0>b")
    assert daemon.takes().endswith(": a\\x00\\x1b\\xff\\x0d<0>b")


def test_a_long_line_comes_in_marked_pieces(daemon, case):
    """Bug 28: daemons cut what is longer."""
    case.says(b"x" * (MAX_TEXT * 2 + 5))
    texts = [daemon.takes().partition(": ")[2] for _ in range(3)]
    mark = CONTINUED.decode()
    assert texts == ["x" * MAX_TEXT + mark, "x" * MAX_TEXT + mark, "xxxxx"]


def test_a_daemon_that_is_away_loses_lines_and_they_are_counted(case, path):
    """Once a second it is looked for; when it is back it is told how many it missed."""
    case.says(b"one", b"two")
    daemon = Daemon(socket.AF_UNIX, path)
    case.says(b"three")
    assert case.syslog.dropped == 3
    assert len(case.reports) == 1
    assert case.reports[0].startswith("cannot send to syslog")
    case.now = 1.0
    case.says(b"four")
    assert daemon.takes().endswith(": lines lost, as the syslog daemon did not take them: 3")
    assert daemon.takes().endswith(": four")
    assert case.reports[1:] == [f"can send to syslog at {path!r} again"]
    daemon.close()
    Path(path).unlink()
    case.now = 2.0
    case.says(b"five")
    assert case.syslog.dropped == 4
    daemon = Daemon(socket.AF_UNIX, path)
    case.now = 3.0
    case.says(b"six")
    assert "did not take them: 1" in daemon.takes()
    daemon.close()


def test_a_daemon_that_reads_nothing_never_makes_us_wait(daemon, case):
    """Bug 22: its queue fills, lines are dropped and counted."""
    for _ in range(5000):
        case.says(b"x" * 1000)
    assert case.syslog.dropped > 0
    taken = 0
    daemon.socket.setblocking(False)
    try:
        while daemon.takes():
            taken += 1
    except BlockingIOError:
        pass
    assert taken + case.syslog.dropped == 5000
    daemon.socket.setblocking(True)
    case.says(b"after")
    assert f"did not take them: {case.syslog.dropped}" in daemon.takes()
    assert daemon.takes().endswith(": after")
