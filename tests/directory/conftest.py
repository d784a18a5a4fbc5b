# ruff: noqa: PTH208 - system calls are the subject
"""A colony's directories with real files, and pretended processes and time."""

import json
import os

import pytest

from ncolony.core.program import Defaults
from ncolony.core.states import Running
from ncolony.directory.door import Door, Places
from ncolony.runtime.supervisor import Supervisor
from ncolony.testing import FakeChannels, FakeSpawner, MemoryObserver, VirtualLoop


@pytest.fixture(autouse=True)
def _nothing_left(nothing_left):
    """Check every test of this folder."""


class Colony:
    """A door, and what is behind it."""

    def __init__(self, path):
        self.conf, self.messages = path / "conf", path / "messages"
        self.conf.mkdir()
        self.messages.mkdir()
        self.loop = VirtualLoop()
        self.spawner = FakeSpawner(self.loop)
        self.events = MemoryObserver()
        self.supervisor = Supervisor(self.loop, self.spawner, FakeChannels(), observers=[self.events])
        self.said = []
        places = Places(str(self.conf), str(self.messages), 10.0, Defaults())
        self.door = Door(self.loop, self.supervisor, places, self.said.append)

    def open(self):
        """Begin, and wait until everything is done."""
        self.door.open()
        self.loop.settle()
        return self

    def write(self, name, value):
        """Write a program's file in one go, as ctl does."""
        new = self.conf / f"{name}.new"
        new.write_text(value if isinstance(value, str) else json.dumps(value))
        new.replace(self.conf / name)
        self.loop.settle()

    def add(self, *names):
        """Describe programs."""
        for name in names:
            self.write(name, {"args": [name]})

    def send(self, name, value):
        """Send a message."""
        new = self.messages / f"{name}.new"
        new.write_text(value if isinstance(value, str) else json.dumps(value))
        new.replace(self.messages / name)
        self.loop.settle()

    @property
    def running(self):
        """The command lines of what runs, by program."""
        return {
            one.program: next(list(p.launch.args) for p in self.spawner.living if p.pid == one.pid)
            for one in self.supervisor.snapshot()
            if one.state == Running.__name__.lower()
        }

    @property
    def pids(self):
        """The pids of what lives."""
        return {process.launch.env["NCOLONY_NAME"]: process.pid for process in self.spawner.living}

    @property
    def rejected(self):
        """What was put aside, with the reasons."""
        aside = self.messages / ".rejected"
        return {path.name: path.read_text() for path in aside.iterdir() if path.is_file()} if aside.exists() else {}

    def waiting(self):
        """Return the messages that are there."""
        return sorted(name for name in os.listdir(self.messages) if not name.startswith("."))


@pytest.fixture
def colony(tmp_path):
    """A colony that has not begun."""
    made = Colony(tmp_path)
    yield made
    made.door.close()
