"""The checker of pages: with a pretend network over virtual time, and real against servers that do all that is bad."""

import http.server
import json
import socket
import ssl
import threading
import time
from contextlib import suppress

import pytest
from twisted.internet.defer import Deferred

from ncolony import httpcheck
from ncolony.programs.httpcheck import MANY, Httpcheck
from tests.programs.conftest import DEADLINE

# A pretend network --------------------------------------------------------------------------------------------------


class Stage:
    """A directory of programs, a checker of it, and the fetches that it has made."""

    def __init__(self, folder):
        self.conf = folder
        self.now = 100.0
        self.fetches = []
        self.cancelled = []
        self.restarted = []
        self.said = []
        self.checker = Httpcheck(
            str(folder), self._fetch, lambda name, why: self.restarted.append((name, why)), self._say, lambda: self.now
        )

    def _say(self, line, *, trouble=False):
        self.said.append(line)

    def _fetch(self, url, timeout):
        made = Deferred(lambda _: self.cancelled.append(url))
        self.fetches.append((url, timeout, made))
        return made

    def describe(self, name, **more):
        """Write the file of a program."""
        keys = {"url": f"http://{name}/", "period": 10, "timeout": 5, "grace": 1, "maxBad": 0, **more}
        (self.conf / name).write_text(json.dumps({"args": [name], "ncolony.httpcheck": keys}))

    def look(self, after=0.0):
        """Let time pass, look, and return the fetches that this began."""
        self.now += after
        before = len(self.fetches)
        self.checker.look()
        return [url for url, _, _ in self.fetches[before:]]

    def answer(self, why=""):
        """Answer the latest fetch."""
        self.fetches[-1][2].callback(why)


@pytest.fixture
def stage(tmp_path):
    """Return a stage with no program yet."""
    return Stage(tmp_path)


def test_bad_answers_in_a_row_ask_for_a_restart(stage):
    """With the reason, and each bad answer told."""
    stage.describe("web", maxBad=1)
    assert stage.look() == stage.look(10.0) == []
    assert stage.look(0.1) == ["http://web/"]
    stage.answer("status 503")
    stage.look(10.1)
    stage.answer("refused")
    assert stage.restarted == []
    assert stage.look(10.1) == []
    assert stage.restarted == [("web", "was bad 2 times in a row")]
    assert stage.said == ["web: http://web/ is bad: status 503", "web: http://web/ is bad: refused"]
    assert stage.look(10.0) == []
    assert stage.look(0.1) == ["http://web/"]


def test_a_good_answer_after_a_bad_one_is_told(stage):
    """Whoever read the one wants to read the other."""
    stage.describe("web", maxBad=1)
    stage.look()
    for why in ("", "refused", "", ""):
        stage.look(10.1)
        stage.answer(why)
    assert stage.said == ["web: http://web/ is bad: refused", "web: http://web/ is good again"]


def test_a_check_that_takes_long_is_never_joined_by_a_second(stage):
    """And the others go on meanwhile."""
    stage.describe("web")
    stage.describe("mail")
    stage.look()
    assert sorted(stage.look(10.1)) == ["http://mail/", "http://web/"]
    next(made for url, _, made in stage.fetches if url == "http://mail/").callback("")
    assert stage.look(10.1) == ["http://mail/"]
    assert stage.look(100.0) == []


def test_a_changed_file_counts_at_the_next_look(stage):
    """The grace begins anew, as the program starts anew.

    Bug 74: the old check ends with what it checked, and its answer counts no more.
    """
    stage.describe("web")
    stage.look()
    stage.look(10.1)
    stage.describe("web", url="http://new/")
    assert stage.look(1.0) == []
    assert stage.cancelled == ["http://web/"]
    assert stage.look(10.0) == []
    assert stage.look(0.1) == ["http://new/"]
    (stage.conf / "web").unlink()
    assert stage.look(10.1) == []
    assert stage.cancelled == ["http://web/", "http://new/"]
    assert stage.restarted == stage.said == []


def test_a_bug_of_ours_restarts_nobody_and_ends_no_checking(stage):
    """It is logged, and the next check comes."""
    stage.describe("web")
    stage.look()
    stage.look(10.1)
    stage.fetches[-1][2].errback(ZeroDivisionError())
    assert stage.look(10.1) == ["http://web/"]
    assert stage.restarted == []


def test_a_thousand_programs_do_not_take_a_thousand_descriptors(stage):
    """Those that would be refused for want of one would be taken for dead."""
    for number in range(MANY + 5):
        stage.describe(f"web{number}")
    stage.look()
    assert len(stage.look(10.1)) == MANY
    stage.fetches[0][2].callback("")
    assert len(stage.fetches) == MANY + 1
    stage.checker.close()
    assert len(stage.cancelled) == MANY


def test_keys_that_are_no_use_are_told_once(stage):
    """And disturb no other."""
    stage.describe("web", maxBad="many")
    stage.describe("mail")
    stage.look()
    assert stage.look(10.1) == ["http://mail/"]
    (said,) = stage.said
    assert 'ncolony.httpcheck.maxBad: found "many", wanted a whole number, 0 or more; web is not looked after' in said


def test_https_without_what_it_needs_is_told_and_restarts_nobody(stage, monkeypatch):
    """It is no fault of the program that is looked at."""
    monkeypatch.setattr("ncolony.programs.httpcheck.can_https", lambda: False)
    stage.describe("web", url="HTTPS://web/")
    stage.look()
    assert stage.look(10.1) == []
    assert "wanted http, or pip install 'twisted[tls]'" in stage.said[0]


def test_the_old_name_is_there(tmp_path):
    """For code that was written for NColony 2024.1."""
    service = httpcheck.makeService({"config": str(tmp_path), "messages": str(tmp_path), "freq": 5})
    assert service.getServiceNamed("httpcheck").freq == 5


# Real servers -------------------------------------------------------------------------------------------------------


class Server:
    """A server on loopback that does one thing with every connection, for as long as the test lasts."""

    def __init__(self, act):
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._open = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._do, args=(connection,)))
            self._threads[-1].start()

    def _do(self, connection):
        with suppress(OSError):
            connection.recv(65536)
            self._act(connection)

    def close(self):
        """End all of it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(DEADLINE)


def says(data):
    """Send it, and end."""

    def act(connection):
        connection.sendall(data)
        connection.close()

    return act


def floods(head, piece):
    """Send for ever."""

    def act(connection):
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return act


def hangs(head=b""):
    """Send the beginning, and no more."""

    def act(connection):
        connection.sendall(head)
        connection.recv(1)

    return act


OK = b"HTTP/1.1 200 OK\r\n"
GOOD = {
    "well": says(OK + b"Content-Length: 2\r\n\r\nok"),
    "until-close": says(OK + b"\r\nok"),
    "not-found": says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    "redirects": says(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    "floods-body": floods(OK + b"\r\n", b"x" * 65536),
    "endless-chunks": floods(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10000),
}
BAD = {
    "500": (says(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), "status 500"),
    "500-and-floods": (floods(b"HTTP/1.1 500 Oops\r\n\r\n", b"x" * 65536), "status 500"),
    "hangs": (hangs(), "no whole answer within 0.4 s"),
    "hangs-in-head": (hangs(OK), "no whole answer within 0.4 s"),
    "hangs-in-body": (hangs(OK + b"Content-Length: 2\r\n\r\no"), "no whole answer within 0.4 s"),
    "garbage": (says(b"\xff\x00\x1b[31m garbage\r\n\r\n" * 10), "the answer is no HTTP"),
    "closes": (says(b""), "the connection was closed without an answer"),
    "breaks-off": (says(OK + b"Content-Length: 20\r\n\r\nok"), "the answer breaks off"),
    "floods-a-line": (floods(b"HTTP/1.1", b"x" * 65536), "no end of the head in 65536 bytes"),
    "floods-headers": (floods(OK, b"A: b\r\n" * 10000), "no end of the head in 65536 bytes"),
    "floods-continues": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3000), "no end of the head in 65536 bytes"),
}


@pytest.fixture
def servers():
    """Start servers; they are gone when the test ends."""
    made = {}

    def make(acts):
        made.update({name: Server(act) for name, act in acts.items()})
        return made

    yield make
    for one in made.values():
        one.close()


def describe(conf, name, port, **more):
    """Write the file of a program that is checked often."""
    keys = {"url": f"http://127.0.0.1:{port}/", "period": 0.5, "timeout": 0.4, "grace": 0, "maxBad": 1, **more}
    (conf / name).write_text(json.dumps({"args": [name], "ncolony.httpcheck": keys}))


def test_bad_servers_are_found_and_do_not_stop_the_others(scheduler, tmp_path, servers):
    """All at once: each that is bad is told with its reason and restarted, and no other.

    Bug 52 and bug 75: a server that hangs holds up nobody, and a check leaves no descriptor open.
    """
    conf, messages = tmp_path / "conf", tmp_path / "messages"
    conf.mkdir()
    messages.mkdir()
    all_servers = servers(GOOD | {name: act for name, (act, _) in BAD.items()})
    for name, server in all_servers.items():
        # However busy this machine is, those that answer shall do so in time.
        seconds = 10 if name in GOOD else 0.4 if "hangs" in name else 2
        more = {"period": seconds, "timeout": seconds}
        describe(conf, name, server.port, **more)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    describe(conf, "nobody", port)
    (conf / "broken").write_text('{"args": ["x"], "ncolony.httpcheck": {"url": 3}}')
    checker = scheduler(
        f"--config={conf}", f"--messages={messages}", "--freq=0.1", program="ncolony-httpcheck"
    )  # fmt: skip
    for name, (_, why) in BAD.items():
        checker.until(rf"^ncolony-httpcheck: {name}: http://127.0.0.1:\d+/ is bad: {why}")
        checker.until(rf"^ncolony-httpcheck: {name} was bad 2 times in a row: asked for its restart")
    checker.until(r"nobody: .* is bad: .*refused")
    checker.until("nobody was bad 2 times in a row")
    wanted = set()
    end = time.monotonic() + DEADLINE
    while wanted != {*BAD, "nobody"} and time.monotonic() < end:
        wanted = {json.loads(path.read_text())["name"] for path in messages.glob("[!.]*")}
    assert wanted == {*BAD, "nobody"}
    assert all(all_servers[name].connections for name in GOOD)
    most = checker.descriptors() + len(all_servers)  # all may have a check under way just then
    so_far = len([line for line in checker.lines if "breaks-off was bad" in line])
    checker.until("breaks-off was bad", times=so_far + 1)
    assert checker.descriptors() <= most
    assert checker.stop() < 5
    checker.until("cannot use .*broken.*ncolony.httpcheck.url: found 3")
    assert not [line for line in checker.lines if "Traceback" in line or "Unhandled" in line or "a bug" in line]
    assert not [line for line in checker.lines if "\x1b" in line]
    # Neither Twisted nor a server writes into the log: it is for what happened.
    assert not [line for line in checker.lines if "twisted.web" in line or "factory" in line]


def test_names_are_looked_up_and_changes_count_at_once(scheduler, tmp_path, servers):
    """localhost, and an IPv6 address; a program that is mended is told so."""
    conf, messages = tmp_path / "conf", tmp_path / "messages"
    conf.mkdir()
    messages.mkdir()
    good = servers({"well": GOOD["well"], "bad": BAD["500"][0]})
    describe(conf, "web", good["bad"].port, maxBad=1000)
    checker = scheduler(f"--config={conf}", f"--messages={messages}", "--freq=0.1", program="ncolony-httpcheck")
    checker.until("web: .* is bad: status 500")
    describe(conf, "web", good["well"].port, url=f"http://localhost:{good['well'].port}/health")
    end = time.monotonic() + DEADLINE
    while good["well"].connections < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    checker.stop()
    assert not list(messages.iterdir())


def test_https(scheduler, tmp_path):
    """With a certificate that is trusted it is good, with another one bad."""
    pytest.importorskip("OpenSSL")
    pytest.importorskip("service_identity")
    conf, messages = tmp_path / "conf", tmp_path / "messages"
    conf.mkdir()
    messages.mkdir()
    certificate = _certificate(tmp_path / "localhost.pem")
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.server_port
        describe(conf, "trusted", port, url=f"https://localhost:{port}/", maxBad=0, period=2, timeout=2)
        describe(conf, "stranger", port, url=f"https://127.0.0.1:{port}/", maxBad=0, period=2, timeout=2)
        checker = scheduler(
            f"--config={conf}", f"--messages={messages}", "--freq=0.1", program="ncolony-httpcheck",
            more={"SSL_CERT_FILE": str(certificate)},
        )  # fmt: skip
        checker.until("stranger was bad 1 time in a row", times=2)
        checker.stop()
        assert not [line for line in checker.lines if "trusted" in line]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _certificate(path):
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
