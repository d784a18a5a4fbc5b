"""Whole colonies whose programs are looked after by programs beside them."""

import json
import re
import socket
import sys
from pathlib import Path

from tests.scenarios.colony import on_both, until

PAGE = Path(__file__).parents[2] / "docs" / "beats.md"
BEATS = {"period": 1, "grace": 3, "status": "../beats"}
CHECK = [sys.executable, "-m", "twisted", "--log-format=text"]
PLACES = ["--config", "conf", "--messages", "messages", "--freq", "0.2"]

# Beats until it is told to get stuck, by a file; then it lives on and does nothing.
VICTIM = """
import os, time
from ncolony.client import heart
print("victim", os.getpid(), flush=True)
while not os.path.exists("stuck"):
    heart.beat()
    time.sleep(0.1)
os.unlink("stuck")
print("stuck", flush=True)
time.sleep(1000)
"""
# Answers until it is asked for the wrong page; then it hangs.
WEB = """
import http.server, sys, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/stuck":
            print("stuck", flush=True)
            time.sleep(1000)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page)
print("serves", flush=True)
server.serve_forever()
"""


@on_both
def test_a_program_that_stops_beating_is_restarted(colony):
    """The checker is a program of the colony as its victim is, and beats itself."""
    (colony.folder / "beats").mkdir()
    colony.conf("victim", {"args": [sys.executable, "-c", VICTIM], "ncolony.beatcheck": BEATS})
    colony.conf(
        "steady", {"args": [sys.executable, "-c", VICTIM.replace("stuck", "never")], "ncolony.beatcheck": BEATS}
    )
    colony.conf("check", {"args": [*CHECK, "ncolony-beatcheck", *PLACES], "ncolony.beatcheck": BEATS | {"grace": 20}})
    colony.start()
    first, steady = colony.pid_of("victim"), colony.pid_of("steady")
    until((colony.folder / "beats" / "victim").exists, "the first beat")
    (colony.folder / "stuck").touch()
    colony.wait_for(r"victim \| stuck$")
    colony.wait_for(
        r"check \| ncolony-beatcheck: victim has not beaten for [0-9.]+ s, and its period is 1 s: asked for"
    )
    second = colony.pid_of("victim", first)
    colony.wait_for(rf"victim \| victim {second}$")
    assert colony.pid_of("steady") == steady
    assert (colony.folder / "beats" / "check").exists()
    colony.fence()
    assert colony.count("asked for its restart") == 1


@on_both
def test_the_same_beats_do_for_the_supervisors_own_health_check(colony):
    """A program need not know who looks."""
    (colony.folder / "beats").mkdir()
    colony.conf("victim", {"args": [sys.executable, "-c", VICTIM], "health": {"beat": "../beats", "period": 1}})
    colony.start()
    first = colony.pid_of("victim")
    until((colony.folder / "beats" / "victim").exists, "the first beat")
    (colony.folder / "stuck").touch()
    colony.wait_for(r"victim \| stuck$")
    colony.wait_for(r"victim is being stopped \(unhealthy: ")
    colony.pid_of("victim", first)


@on_both
def test_a_program_whose_page_hangs_is_restarted(colony):
    """And serves on; the checker is a program of the colony too."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    keys = {"url": f"http://127.0.0.1:{port}/", "period": 0.5, "timeout": 0.4, "grace": 4, "maxBad": 1}
    colony.conf("web", {"args": [sys.executable, "-c", WEB, str(port)], "ncolony.httpcheck": keys})
    colony.conf("check", {"args": [*CHECK, "ncolony-httpcheck", *PLACES]})
    colony.start()
    colony.wait_for(r"web \| serves$")
    first = colony.pid_of("web")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /stuck HTTP/1.0\r\n\r\n")
        colony.wait_for(r"web \| stuck$")
        colony.wait_for(r"check \| ncolony-httpcheck: web was bad 2 times in a row: asked for its restart$")
    colony.pid_of("web", first)
    until(lambda: colony.count(r"web \| serves$") == 2, "the second web server")


@on_both
def test_the_example_of_the_page_works(colony):
    """What is copied from docs/beats.md beats, and is looked after."""
    text = PAGE.read_text(encoding="utf-8")
    worker, check = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[:2]
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (colony.folder / "worker.py").write_text(code)
    colony.conf("worker", worker)
    colony.conf("beatcheck", json.loads(check) | {"restart": "temporary"})  # it would be seen if it ended
    colony.start()
    until((colony.folder / "beats").exists, "the first beat")
    colony.wait_for(r"worker \| working$")
    colony.wait_for(r"beatcheck \| .*Starting reactor")
    colony.fence()
    assert colony.pids("beatcheck")
    assert colony.count("ncolony-beatcheck: |beatcheck has ended") == 0
