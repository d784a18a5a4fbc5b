"""The client for Python, against supervisors that a test plays."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from ncolony.control.client import Client, Denied, Unanswered

HELLO = {"protocol": 1, "ncolony": "1", "pid": 1, "colony": "c", "host": "native", "stream": "s", "may": "change"}


class Played:
    """A supervisor of which a test says what it answers: lines for each connection, after each request."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX)
        fd = os.open(folder, os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{fd}/control")
        os.close(fd)
        self.socket.listen()
        self.asked = []
        self.thread = None

    def plays(self, *connections):
        """Serve so many connections: the first line, and the lines that follow each request; then hang up."""

        def serve():
            for first, *answers in connections:
                opened, _ = self.socket.accept()
                with opened, opened.makefile("rwb") as file:
                    file.write(json.dumps(first).encode() + b"\n")
                    file.flush()
                    for lines in answers:
                        asked = json.loads(file.readline() or b"null")
                        if asked is None:
                            return
                        self.asked.append(asked)
                        for line in lines:
                            file.write(line if isinstance(line, bytes) else json.dumps(
                                {"id": asked["id"], **line}).encode() + b"\n")  # fmt: skip
                        file.flush()

        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def end(self):
        """Wait until everything was played."""
        if self.thread is not None:
            self.thread.join(20)
        self.socket.close()


@pytest.fixture
def played(tmp_path, nothing_left):
    """A played supervisor."""
    made = Played(tmp_path)
    yield made
    made.end()


def test_an_answer_comes_with_all_that_is_in_it(played, tmp_path):
    """What belongs to a request that was given up is passed over."""
    played.plays((HELLO, [b'{"id": 99, "ok": true}\n', {"ok": True, "pid": 7}]))
    with Client(str(tmp_path), timeout=10) as client:
        assert client.hello == HELLO
        assert client.ask("ping", wait=3)["pid"] == 7
    assert played.asked == [{"id": 1, "verb": "ping", "wait": 3}]


def test_an_error_is_raised_with_its_kind(played, tmp_path):
    """And with all that came beside it."""
    error = {"ok": False, "error": {"kind": "no-such", "message": "there is no such thing"}, "sent": 0}
    played.plays((HELLO, [error]))
    with Client(str(tmp_path), timeout=10) as client, pytest.raises(Denied, match="no such thing") as caught:
        client.ask("signal")
    assert (caught.value.kind, caught.value.answer["sent"]) == ("no-such", 0)


@pytest.mark.parametrize(
    ("first", "error", "words"),
    [
        ({"ok": False, "error": {"kind": "forbidden", "message": "not you"}}, Denied, "not you"),
        ({**HELLO, "protocol": 2}, Unanswered, "it speaks protocol 2, this client 1"),
        ([1], Unanswered, "does not speak the protocol"),
    ],
)
def test_a_supervisor_that_cannot_be_talked_to_is_told(played, tmp_path, first, error, words):
    """Before anything is asked."""
    played.plays((first,))
    with pytest.raises(error, match=words):
        Client(str(tmp_path), timeout=10)


def test_an_answer_that_is_no_json_is_told(played, tmp_path):
    """Whatever listens there, it is not a supervisor; no traceback for whoever asked."""
    played.plays((HELLO, [b"HTTP/1.1 400 Bad Request\n"]))
    with Client(str(tmp_path), timeout=10) as client, pytest.raises(Unanswered, match="does not speak the protocol"):
        client.ask("ping")


def test_one_that_says_nothing_is_given_up(played, tmp_path):
    """After the time that the caller has."""
    played.plays((HELLO, [{"ok": True}]))
    with Client(str(tmp_path), timeout=10) as client:
        client._socket.settimeout(0.05)
        client._timeout = 0.05
        with pytest.raises(Unanswered, match="said nothing for 0"):
            client._line()
        with pytest.raises(Unanswered, match="this connection is closed"):
            client.ask("ping")


@pytest.mark.parametrize("path", ["", "nowhere", "file"])
def test_where_nobody_listens_it_says_what_to_do(tmp_path, path, nothing_left):
    """Start one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unanswered, match=r"none listens .*ncolony run"):
        Client(str(tmp_path / path))


def test_events_go_on_where_they_were_over_a_lost_connection(played, tmp_path):
    """From another supervisor, all comes that it remembers."""
    played.plays(
        (HELLO, [{"event": 5}]),
        (HELLO, [{"event": 6}]),
        ({**HELLO, "stream": "another"}, [{"event": 1}]),
    )
    with Client(str(tmp_path), timeout=10) as client:
        events = client.events(since=4, names=["web"])
        assert [next(events)["event"] for _ in range(3)] == [5, 6, 1]
        events.close()
    assert [asked["since"] for asked in played.asked] == [4, 5, 0]


def test_it_imports_little():
    """A command should take no longer than it has to."""
    code = "import sys, ncolony.control.client; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"socket", "selectors", "typing", "dataclasses", "asyncio", "inspect", "logging"} & set(loaded)
