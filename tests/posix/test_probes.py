"""Looks at real servers and files: good ones, and those that hang, lie, flood or are not there."""

import os
import socket
from pathlib import Path

import pytest

from ncolony.core.probespec import Beat, Exec, HealthRule, Http, Tcp
from ncolony.core.program import Program
from ncolony.loop import Loop
from ncolony.posix.probes import MAX_HEAD, Probes
from tests.conftest import descriptors
from tests.posix.conftest import turn_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each connection with what a test says, on the loop of the test."""

    def __init__(self, loop, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.loop = loop
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen()
        self.pieces = [OK]
        self.stays = False
        self.asked = []
        self.links = []
        loop.watch(self.listener.fileno(), self._accept)

    @property
    def address(self):
        """Where it listens."""
        return self.listener.getsockname()

    def _accept(self):
        link, _ = self.listener.accept()
        self.links.append(link)
        self.loop.watch(link.fileno(), lambda: self._answer(link))

    def _answer(self, link):
        self.loop.unwatch(link.fileno())
        self.asked.append(link.recv(65536))
        link.setblocking(False)
        try:
            for piece in self.pieces if self.asked[-1] else []:
                link.sendall(piece)
        except OSError:
            pass  # it has heard enough
        if not self.stays:
            link.close()

    def close(self):
        """Give everything back."""
        self.loop.unwatch(self.listener.fileno())
        for sock in (self.listener, *self.links):
            sock.close()


@pytest.fixture
def loop():
    """A real one."""
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def server(loop):
    """A server on a free port."""
    made = Server(loop)
    yield made
    made.close()


def prepare(loop, probe, config="/", health=None):
    """Return a trial."""
    return Probes(loop, str(config), None).prepare(probe, Program("web", ("web",), health=health), 1, 1)


def ask(loop, trial, patience=20.0):
    """Return what a try finds out."""
    found = []
    trial.begin(found.append)
    turn_until(loop, lambda: found, patience)
    assert len(found) == 1
    return found[0]


def http(server, target="/"):
    """Return the probe that asks it."""
    host, port = server.address
    return Http(Tcp(host, port), target, f"{host}:{port}")


# TCP ------------------------------------------------------------------------------------------------------------------


def test_a_port_that_accepts_is_good(loop, server):
    """Also when nobody has taken the connection yet."""
    assert ask(loop, prepare(loop, Tcp(*server.address))) == ""


def test_a_port_where_nobody_listens_is_told(loop):
    """In words that say which."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert ask(loop, prepare(loop, Tcp("127.0.0.1", port))) == f"127.0.0.1:{port}: connection refused"


def test_a_unix_socket(loop, tmp_path):
    """There, with nobody behind it, and gone."""
    path = str(tmp_path / "s")
    server = Server(loop, socket.AF_UNIX, path)
    assert ask(loop, prepare(loop, Tcp(path))) == ""
    server.close()
    assert ask(loop, prepare(loop, Tcp(path))) == f"{path}: connection refused"
    Path(path).unlink()
    assert ask(loop, prepare(loop, Tcp(path))) == f"{path}: there is no such socket"


def test_an_ipv6_address(loop):
    """As TCP over IPv4."""
    try:
        server = Server(loop, socket.AF_INET6, ("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    assert ask(loop, prepare(loop, Tcp("::1", server.address[1]))) == ""
    server.close()


def test_a_connection_that_does_not_come_about_can_be_given_up(loop):
    """A full backlog swallows whoever comes next; nothing is left of the try."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        crowd = []
        for _ in range(4):
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(listener.getsockname())
            crowd.append(link)
        trial = prepare(loop, Tcp(*listener.getsockname()))
        found = []
        trial.begin(found.append)
        loop.turn(0.05)
        trial.cancel()
        trial.cancel()
        assert found in ([], [""])
        for link in crowd:
            link.close()


# HTTP -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [b"200 OK", b"204", b"301 Moved", b"399 x"])
def test_a_good_status_is_good(loop, server, status):
    """From 200 to 399, as Kubernetes has it."""
    server.pieces = [b"HTTP/1.1 " + status + b"\r\n\r\n"]
    assert ask(loop, prepare(loop, http(server, "/a?b"))) == ""
    host, port = server.address
    assert server.asked[0].startswith(f"GET /a?b HTTP/1.1\r\nHost: {host}:{port}\r\n".encode())
    assert b"\r\nConnection: close\r\n" in server.asked[0]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([b"HTTP/1.1 500 Not \x1b[1m Well\r\n\r\n"], "status 500 Not  [1m Well"),
        ([b"HTTP/1.1 404 " + b"x" * 1000 + b"\r\n\r\n"], "status 404 " + "x" * 76),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], "status 100 Continue"),
        ([b"SSH-2.0-OpenSSH\r\n"], "the answer is no HTTP"),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], "the answer is no HTTP"),
        ([b"HTTP/1.1 OK\r\n\r\n"], "the answer is no HTTP"),
        ([b"\r\n\r\n"], "the answer is no HTTP"),
        ([b"HTTP/1.1 200 OK\r\nA: b\r\n"], "the answer ends within its head"),
        ([], "the connection was closed without an answer"),
    ],
)
def test_a_bad_answer_is_told(loop, server, pieces, words):
    """What came, in one line that can be shown."""
    server.pieces = pieces
    host, port = server.address
    assert ask(loop, prepare(loop, http(server))) == f"http://{host}:{port}/: {words}"


@pytest.mark.parametrize("length", [b"0", b"-5", b"x", b"9" * 40, b" 2 "])
def test_what_a_server_says_of_its_length_is_no_danger(loop, server, length):
    """A lie is worth a status all the same."""
    server.pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\nok"]
    assert ask(loop, prepare(loop, http(server))) == ""


def test_a_body_is_taken_so_that_the_server_gets_rid_of_it(loop, server):
    """Else every check would be an error in the log of the server."""
    server.stays = True
    server.pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n", b"x" * 30000]
    assert ask(loop, prepare(loop, http(server))) == ""


def test_a_flood_is_no_head(loop, server):
    """Bounded memory, and a verdict."""
    server.stays = True
    server.pieces = [b"HTTP/1.1 200 OK\r\n", b"x" * (MAX_HEAD + 1)]
    assert ask(loop, prepare(loop, http(server))).endswith(f"the head of the answer is longer than {MAX_HEAD} bytes")


def test_an_endless_body_is_not_waited_for(loop, server):
    """No more than 64 KB are taken."""
    server.stays = True
    server.pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", b"x" * 200_000]
    assert ask(loop, prepare(loop, http(server))) == ""


def test_a_server_that_hangs_can_be_given_up_and_asked_again(loop, server):
    """Bug 75: as often as you like, and no descriptor is lost."""
    server.pieces = []
    server.stays = True
    trial = prepare(loop, http(server))
    found = []
    before = descriptors()
    for number in range(50):
        trial.begin(found.append)
        turn_until(loop, lambda number=number: len(server.asked) > number)
        trial.cancel()
        server.links.pop().close()
    assert not found
    assert set(descriptors()) == set(before)


def test_many_tries_lose_no_descriptor(loop, server):
    """Bug 75: a thousand looks by TCP and by HTTP, good and bad."""
    trials = [prepare(loop, Tcp(*server.address)), prepare(loop, http(server)), prepare(loop, Tcp("127.0.0.1", 1))]
    for trial in trials:
        ask(loop, trial)
    turn_until(loop, lambda: all(link.fileno() < 0 for link in server.links))
    before = descriptors()
    for turn in range(1000):
        ask(loop, trials[turn % 3])
    turn_until(loop, lambda: all(link.fileno() < 0 for link in server.links))
    assert set(descriptors()) == set(before)


# Beats ----------------------------------------------------------------------------------------------------------------


class Clock(Loop):
    """A real loop with a clock that a test sets."""

    def __init__(self):
        super().__init__()
        self.time = 1000.0
        self.now = lambda: self.time


@pytest.fixture
def clock():
    """Time that a test sets."""
    made = Clock()
    yield made
    made.close()


BEAT = HealthRule(Beat("beats"), period=10.0, grace=5.0)


def test_a_file_that_is_touched_is_good(clock, tmp_path):
    """However its time compares with the clock of the system: a year back, a year ahead."""
    path = tmp_path / "beats"
    trial = prepare(clock, Beat("beats"), tmp_path, BEAT)
    for stamp in (0, 4_000_000_000, 5, 1_700_000_000):
        path.touch()
        os.utime(path, (stamp, stamp))
        clock.time += 14.0
        assert ask(clock, trial) == ""
    clock.time += 15.0
    assert ask(clock, trial) == ""
    clock.time += 1.0
    assert ask(clock, trial) == f"{path}: has not been touched for 16 s"
    os.utime(path, (6, 6))
    assert ask(clock, trial) == ""


def test_a_beat_of_an_earlier_run_does_not_count(clock, tmp_path):
    """The file is there and young; this run has not touched it."""
    (tmp_path / "beats").touch()
    trial = prepare(clock, Beat("beats"), tmp_path, BEAT)
    clock.time += 15.5
    assert "has not been touched for 15.5 s" in ask(clock, trial)


def test_a_directory_stands_for_the_file_named_as_the_program(clock, tmp_path):
    """So one line serves many programs."""
    (tmp_path / "beats").mkdir()
    trial = prepare(clock, Beat("beats"), tmp_path, BEAT)
    clock.time += 10.0
    (tmp_path / "beats" / "web").touch()
    assert ask(clock, trial) == ""
    clock.time += 16.0
    (tmp_path / "beats" / "other").touch()
    assert "beats: has not been touched" in ask(clock, trial)


def test_a_file_that_never_comes_is_told(clock, tmp_path):
    """After the time for the first beat."""
    trial = prepare(clock, Beat("beats"), tmp_path, BEAT)
    clock.time += 15.0
    assert ask(clock, trial) == ""
    clock.time += 1.0
    assert ask(clock, trial).endswith("beats: is not there")


def test_commands_are_made_by_whoever_makes_them(loop):
    """See test_commands.py."""
    probes = Probes(loop, "/", lambda program, number, run, probe: (program.name, number, run, probe))
    assert probes.prepare(Exec(("x",)), Program("web", ("web",)), 2, 3) == ("web", 2, 3, Exec(("x",)))
    assert 0.0 <= probes.chance() < 1.0
