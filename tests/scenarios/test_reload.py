"""Reloads of real servers under visitors that never stop asking."""

import json
import os
import re
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.scenarios.colony import PYTHON, on_both, on_native, until
from tests.scenarios.test_sockets import HOST, free_port, is_refused
from tests.survival.conftest import Mortal

DOC = (Path(__file__).resolve().parents[2] / "docs/reload.md").read_text(encoding="utf-8")
EXAMPLE = json.loads(re.search(r"```json\n(.*?)```", DOC, re.DOTALL)[1])
SERVER = re.search(r"```python\n(.*?)```", DOC, re.DOTALL)[1]
# Reads its configuration anew when it is told to, and says so; GO is a file that it waits for in between.
REREADS = """
import os, signal, socket, sys, time
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def say(words):
    address = os.environ["NOTIFY_SOCKET"]
    notify.sendto(words, "\\0" + address[1:] if address[0] == "@" else address)
def read_anew(*_):
    say(b"RELOADING=1")
    print("reading", flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    say(b"READY=1")
signal.signal(signal.SIGHUP, read_anew)
say(b"READY=1")
while True:
    signal.pause()
"""


class Site:
    """The example of docs/reload.md, at a place of our own."""

    def __init__(self, colony):
        self.colony = colony
        self.port = free_port()
        self.path = colony.folder / "serve.py"
        self.path.write_text(SERVER)

    def describe(self, version, **more):
        """Describe a version."""
        what = {**EXAMPLE, "sockets": {"web": f"tcp://{HOST}:{self.port}"}, **more}
        self.colony.conf("web", {**what, "args": [PYTHON, str(self.path), version]})

    def ask(self):
        """Ask for the page, and return which version answers."""
        with socket.create_connection((HOST, self.port), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with client.makefile("rb") as file:
                head, _, body = file.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 ")
        assert f"Content-Length: {len(body)}".encode() in head
        return body.decode()


class Visitor(threading.Thread):
    """Asks all the time; whatever goes wrong is kept."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site = site
        self.answers = {}
        self.failures = []
        self._over = threading.Event()

    def run(self):
        """Ask until told to stop."""
        while not self._over.is_set():
            try:
                answer = self.site.ask()
                self.answers[answer] = self.answers.get(answer, 0) + 1
            except (OSError, AssertionError) as error:
                self.failures.append(error)

    def __enter__(self):
        self.start()
        until(lambda: self.answers or self.failures, "a first answer")
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()


@pytest.fixture
def site(colony):
    """The example."""
    return Site(colony)


@on_both
def test_nobody_is_refused_while_a_new_version_takes_over(colony, site):
    """The example of the docs, three instances, two visitors: each request is answered, whole, before and after."""
    colony.start("--minrestartdelay", "0.1")
    site.describe("version 1", instances=3)
    for number in (1, 2, 3):
        colony.wait_for(rf"web:{number} is ready")
    with Visitor(site) as one, Visitor(site) as other:
        for version in ("version 2", "version 3"):
            since = colony.here()
            site.describe(version, instances=3)
            colony.wait_for(r"web was reloaded", since=since)
            asked = dict(one.answers)
            until(
                lambda asked=asked, version=version: one.answers.get(version, 0) > asked.get(version, 0), "the new one"
            )
    assert one.failures == other.failures == []
    assert set(one.answers) == {"version 1", "version 2", "version 3"}
    assert site.ask() == "version 3"
    until(lambda: len(colony.pids("web")) == 3, "the end of the surplus")
    assert not colony.count("SIGKILL")


@on_both
def test_a_broken_new_version_changes_nothing(colony, site):
    """The old process serves on, with the same pid, under visitors; the log says why, the status too."""
    colony.start()
    site.describe("version 1")
    colony.wait_for(r"web is ready")
    before = colony.pids("web")
    with Visitor(site) as visitor:
        colony.conf("web", {**EXAMPLE, "sockets": {"web": f"tcp://{HOST}:{site.port}"}, "args": ["sh", "-c", "exit 3"]})
        colony.wait_for(r"web goes on as it was: web:2, new beside it, exited with status 3 before it was ready")
        until(lambda: colony.pids("web") == before, "the end of the surplus")
        since = visitor.answers["version 1"]
        until(lambda: visitor.answers["version 1"] > since, "one more answer")
        since = colony.here()
        site.describe("version 2")
        colony.wait_for(r"web was reloaded", since=since)
    assert visitor.failures == []
    assert site.ask() == "version 2"


@on_both
def test_a_broken_new_version_at_another_address_leaves_the_old_one_its_own(colony, site):
    """It can be started again there, and nobody is refused meanwhile; nobody listens at the other address any more."""
    colony.start("--minrestartdelay", "0.1")
    site.describe("version 1")
    colony.wait_for(r"web is ready")
    (before,) = colony.pids("web")
    other = free_port()
    with Visitor(site) as visitor:
        colony.conf("web", {**EXAMPLE, "sockets": {"web": f"tcp://{HOST}:{other}"}, "args": ["sh", "-c", "exit 3"]})
        colony.wait_for(r"web goes on as it was: web:2, new beside it, exited with status 3 before it was ready")
        os.kill(before, signal.SIGTERM)
        (after,) = until(lambda: list(set(colony.pids("web")) - {before}), "the next process")
        since = visitor.answers["version 1"]
        until(lambda: visitor.answers["version 1"] > since + 1, "more answers")
    assert visitor.failures == []
    assert list(colony.pids("web")) == [after]
    until(lambda: is_refused(other), "the end of the other address, of which the keeper has a copy")
    since = colony.here()
    site.port, left = other, site.port
    site.describe("version 2")
    colony.wait_for(r"web was reloaded", since=since)
    assert site.ask() == "version 2"
    until(lambda: is_refused(left), "the end of the address that was left")


@on_native
def test_reload_by_hand_answers_when_it_is_done(colony, site):
    """From the command line, of a program that does not have the key; and what went wrong where it did not."""
    colony.start()
    site.describe("version 1", reload=False)
    colony.wait_for(r"web is ready")
    (before,) = colony.pids("web")
    with Visitor(site) as visitor:
        said = colony.ctl("reload", "web", "--max-parallel", "2", "--why", "new certificates")
    assert visitor.failures == []
    (after,) = until(lambda: len(colony.pids("web")) == 1 and colony.pids("web"), "the end of the surplus")
    assert before != after
    assert f"web: running, pid {after}" in said
    site.path.write_text("raise SystemExit('broken')")
    assert "goes on as it was" in colony.ctl("reload", "web", status=1)
    until(lambda: list(colony.pids("web")) == [after], "the end of the surplus")


@on_native
def test_a_reload_by_signal_waits_until_the_process_is_ready_again(colony):
    """The process stays; the answer comes after its RELOADING=1 and READY=1."""
    go = colony.folder / "go"
    colony.conf("web", {"args": [PYTHON, "-c", REREADS, str(go)], "ready": "notify", "reload": {"signal": "HUP"}})
    colony.start()
    colony.wait_for(r"web is ready")
    before = colony.pids("web")
    said = []
    asking = threading.Thread(target=lambda: said.append(colony.ctl("reload", "web")))
    asking.start()
    colony.wait_for(r"web \| reading")
    assert said == []
    go.touch()
    asking.join()
    assert "web: running" in said[0]
    assert colony.pids("web") == before


@on_native
def test_a_supervisor_killed_in_the_middle_of_a_reload_has_it_finished_by_the_next(tmp_path, host):
    """Nobody is refused, everybody is new in the end, and nothing is left over."""
    mortal = Mortal(tmp_path, host)
    try:
        site = Site(mortal)
        slow = {**EXAMPLE, "reload": {"min_healthy": "2s"}}
        mortal.start()
        site.describe("version 1", instances=2, reload=slow["reload"])
        for number in (1, 2):
            mortal.wait_for(rf"web:{number} is ready")
        with Visitor(site) as visitor:
            site.describe("version 2", instances=2, reload=slow["reload"])
            mortal.wait_for(r"web:3 is ready")
            mortal.wait_for(r"web:1 is being stopped")
            mortal.kill()
            mortal.again()
            mortal.wait_for(r"web was reloaded")
            until(lambda: len(mortal.pids("web")) == 2, "the end of the surplus")
            until(lambda: "version 2" in visitor.answers, "the new one")
        assert visitor.failures == []
        assert site.ask() == "version 2"
    finally:
        mortal.end()
