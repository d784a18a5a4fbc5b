"""Storms of crashes, with something that everybody needs running out: afterwards the books balance.

NCOLONY_STRESS: how many starts in all, 400 where it is not set. docs/measurements.md has a run of 10 000.
"""

import json
import os
import resource
import socket
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.scenarios.colony import (
    SLEEP,
    descriptors_of,
    fill,
    is_alive,
    on_native,
    small_disk,
    status_of,
    until,
)

SPAWNS = int(os.environ.get("NCOLONY_STRESS", "400"))
OTHER = 65541  # a user that nobody is
PATIENCE = 60 + SPAWNS / 20
MORE = 8 << 10  # KB that a supervisor may be larger afterwards: it remembers the latest events

STORM = {
    "good": {"args": ["true"], "instances": 3},
    "bad": {"args": ["false"], "instances": 3},
    "killed": {"args": ["sh", "-c", "kill -9 $$"]},
    "talker": {"args": ["sh", "-c", "echo $NCOLONY_RUN; exit 3"], "instances": 3},
    "parent": {"args": ["sh", "-c", "sleep 1000 & exit 1"]},  # what it leaves behind is ended every time
}
CALM = {"calm": {"args": SLEEP, "instances": 3}, "writer": {"args": ["sh", "-c", "echo calm; exec sleep 1000"]}}


class Weather:
    """A colony in a storm, and what it had before."""

    def __init__(self, colony):
        self.colony = colony
        self.more = {}
        self.spent = 0.0

    def start(self, *options):
        """Start it, have everything happen once, and take the books."""
        for name, value in CALM.items():
            self.colony.conf(name, value)
        self.colony.start(*options)
        self.storm(self.colony.here(), 20)
        self.calm()
        self.before = self.books()
        self.size = self.resident()

    def storm(self, since, starts):
        """Let everything crash until there were so many starts again."""
        for name, value in (STORM | self.more).items():
            self.colony.conf(name, {"restart": {"threshold": 0}, **value})
        self.wait(since, starts)

    def wait(self, since, starts):
        """Wait until that many runs have ended and been followed by another."""
        until(lambda: self.colony.count("starting again", since) >= starts, f"{starts} starts", PATIENCE)

    def calm(self):
        """End the storm, and wait until nothing of it is left."""
        for name in STORM | self.more:
            self.colony.remove(name)
        until(lambda: len(self.colony.pids()) == 4, "the end of all that crashes", PATIENCE)
        until(self.is_idle, "a supervisor without anything to do", PATIENCE)

    def is_idle(self):
        """Tell whether it has slept for half a second: no timer is left that would wake it."""
        self.colony.here()
        looks = []
        for _ in range(2):
            looks.append(status_of(self.colony.pid)["voluntary_ctxt_switches"])
            time.sleep(0.5 * (len(looks) == 1))
        return looks[0] == looks[1]

    def books(self):
        """Return what it has: descriptors by kind, and children."""
        kinds = Counter(link.split(":")[0] for link in descriptors_of(self.colony.pid).values())
        return kinds, sorted(self.colony._children())

    def resident(self):
        """Return its resident memory in KB."""
        return int(status_of(self.colony.pid)["VmRSS"].split()[0])

    def balance(self):
        """See that it has what it had before, and nothing else."""
        until(lambda: self.books() == self.before, f"{self.before}, now {self.books()}", 10)
        assert all(map(is_alive, self.before[1])), "a zombie"
        grown = self.resident() - self.size
        print(f"{self.colony.count('starting again')} starts; {grown} KB more than {self.size} KB")
        assert grown < MORE


@pytest.fixture
def weather(colony):
    """A colony before a storm."""
    return Weather(colony)


@contextmanager
def squeezed(pid, kind, soft):
    """Allow a process less for a while."""
    before = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, before)


@on_native
def test_a_storm_of_crashes_leaves_nothing(weather):
    """No descriptor, zombie, child or timer, and no memory that grows with the number of starts."""
    weather.start()
    weather.storm(weather.colony.here(), SPAWNS // 4)
    weather.calm()
    weather.balance()


@on_native
def test_a_storm_without_descriptors_leaves_nothing(weather):
    """Bug 12: nobody can be started and no client be let in, again and again; who knocked is served afterwards."""
    weather.start()
    folder = os.open(weather.colony.messages / ".ncolony", os.O_PATH)
    rounds = max(2, SPAWNS // 1000)
    here = weather.colony.here()
    try:
        for round_ in range(1, rounds + 1):
            with squeezed(weather.colony.pid, resource.RLIMIT_NOFILE, max(descriptors_of(weather.colony.pid)) + 1):
                weather.storm(here, 0)
                clients = [knock(folder) for _ in range(10)]
                weather.colony.wait_for("cannot ", here)
            assert all(answer(client) in {"ok", "hung up on"} for client in clients)
            assert answer(knock(folder)) == "ok"
            weather.wait(here, round_ * SPAWNS // 4 // rounds)
            weather.calm()
            here = weather.colony.here() if round_ < rounds else here
    finally:
        os.close(folder)
    weather.balance()


def knock(folder):
    """Connect, and ask whether anybody is there."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"/proc/self/fd/{folder}/control")
    client.settimeout(PATIENCE)
    client.send(b'{"verb": "ping"}\n')
    return client


def answer(client):
    """Return what became of it: where there is no room, who has asked nothing yet is hung up on."""
    with client, client.makefile() as lines:
        try:
            lines.readline()
            return "ok" if json.loads(lines.readline())["ok"] else "refused"
        except (ConnectionResetError, json.JSONDecodeError):
            return "hung up on"


@on_native
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs of another user")
def test_a_storm_without_processes_leaves_nothing(weather):
    """Bug 11: a user's limit is reached; its programs come back as soon as it is lifted."""
    weather.more = {"theirs": {"args": ["sleep", "0.3"], "uid": OTHER, "gid": OTHER, "instances": 3}}
    weather.start()
    here = weather.colony.here()
    with squeezed(weather.colony.pid, resource.RLIMIT_NPROC, 1):
        weather.storm(here, SPAWNS // 8)
        weather.colony.wait_for("theirs.*no more processes are allowed", here)
    weather.wait(here, SPAWNS // 4)
    until(lambda: weather.colony.count(r"theirs.* exited with status 0", here) >= 3, "the other user's programs")
    weather.calm()
    weather.balance()


@on_native
def test_a_storm_on_a_full_disk_leaves_nothing(weather, tmp_path):
    """Bug 48: neither records nor journal nor logs can be written; all is written again when there is room."""
    with small_disk(tmp_path / "disk") as disk:
        weather.more = {
            "logged": {"args": ["echo", "x" * 3000], "log": {"file": str(disk / "log"), "max_bytes": "20KB"}}
        }
        weather.start("--state", str(disk / "state"))
        here = weather.colony.here()
        fill(disk / "hog")
        weather.storm(here, SPAWNS // 8)
        (disk / "hog").unlink()
        weather.wait(here, SPAWNS // 4)
        weather.calm()
        weather.balance()
        assert weather.colony.stop() == 0
