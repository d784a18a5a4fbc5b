"""The control socket of a pretended colony: real sockets, virtual time, processes that are none."""

import json
import os
import socket

import pytest

from ncolony.core.program import Defaults
from ncolony.core.words import Narrator
from ncolony.hosts.control import Control
from ncolony.testing import VirtualLoop
from tests.runtime.conftest import Stage, program

__all__ = ["program"]


class Caller:
    """One client, which reads only when it is told to."""

    def __init__(self, house):
        self.house = house
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.socket.connect(f"/proc/self/fd/{house.folder}/control")
        self.rest = b""
        self.over = False

    def send(self, data):
        """Send bytes, or an object as a line; the colony has its turns."""
        data = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n"
        while data:
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                self.house.loop.turn()
            except OSError:
                break
        self.house.loop.settle()

    def lines(self):
        """Return all lines that have come."""
        found = []
        while True:
            self.house.loop.settle()
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            if not data:
                self.over = True
                break
            self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        found += [json.loads(line) for line in lines]
        return found

    def ask(self, verb, **more):
        """Ask, and return the one line that answers."""
        self.send({"verb": verb, **more})
        return self.lines()[-1]

    def close(self):
        """Hang up."""
        self.socket.close()
        self.house.loop.settle()


class House(Stage):
    """A supervisor with a control socket."""

    def __init__(self, folder, loop=None):
        super().__init__(loop or VirtualLoop())
        folder.chmod(0o700)
        self.said = []
        self.companions = {}
        self.control = Control(self.loop, str(folder), self.said.append)
        self.supervisor.observe(self)
        self.supervisor.observe(self.control)
        self.control.serve(self, self.supervisor, self.channels, self)
        self.control.open()
        self.folder = os.open(folder, os.O_PATH)
        self.callers = []
        self.entries, self.wrong = {}, []
        self.asked = []
        self.narrator = Narrator()

    def saw(self, event):
        """Have it remembered, as the log of a host does."""
        self.control.story.tell(event, self.narrator.line(event))

    def about(self, name, number):
        """Say what companions say."""
        return self.companions.get((name, number), {})

    def describe(self):
        """Say what a colony says of itself."""
        return {"version": "1", "pid": os.getpid(), "id": "c0ffee", "host": "native", "trees": "x", "config": "/c",
                "messages": "/m"}  # fmt: skip

    def history(self, name, most):
        """Give the entries that the test has put there."""
        return iter(self.entries.get(name, ()))

    def defaults(self):
        """Have none but ours."""
        return Defaults()

    def problems(self):
        """Say what the test says."""
        return self.wrong

    def shut_down(self, within):
        """Take note, and do it."""
        self.asked.append(("shutdown", within))
        self.supervisor.shut_down(self.control.close, within)

    def upgrade(self, answer):
        """Take note; the test answers."""
        self.asked.append(("upgrade", answer))

    def caller(self):
        """Let one more client come in; it has read the first line."""
        made = self.knock()
        made.hello = made.lines()[0]
        return made

    def knock(self):
        """Let one more client come in."""
        made = Caller(self)
        self.callers.append(made)
        return made

    def end(self):
        """Close everything."""
        for caller in self.callers:
            caller.socket.close()
        self.loop.settle()
        self.control.close()
        os.close(self.folder)


@pytest.fixture
def house(tmp_path, nothing_left):
    """A colony without programs."""
    made = House(tmp_path)
    yield made
    made.end()
