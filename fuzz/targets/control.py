"""The control socket as a whole: whatever a client sends, it is answered in whole lines, and the colony goes on."""

import json
import os
import socket

from fuzz.common import dictionary
from fuzz.targets.request import WORDS as OF_REQUESTS
from ncolony.control.calls import World
from ncolony.control.messages import MAX_WAIT
from ncolony.control.server import Server
from ncolony.control.story import Story
from ncolony.core.program import Defaults, Program
from ncolony.core.words import Narrator
from ncolony.posix.doorway import Peer
from ncolony.runtime.supervisor import Supervisor
from ncolony.testing import FakeChannels, FakeSpawner, MemorySink, VirtualLoop

WORDS = (
    *OF_REQUESTS,
    *dictionary('"web"', '"db:1"', '"db:0000000001"', '"@public"', '"w*"', '"since":0', '"signal":"HUP"'),
)
PROGRAMS = (
    Program(name="web", args=("web",), labels=("public",)),
    Program(name="db", args=("db",), instances=2),
)


class _House:
    """A supervisor over pretended processes, with one client."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.channels = FakeChannels(MemorySink())
        self.story, self.narrator = Story(self.loop), Narrator()
        self.supervisor = Supervisor(
            self.loop, FakeSpawner(self.loop), self.channels, colony="c", inherit={}, observers=[self]
        )
        self.farewells = []
        world = World(
            loop=self.loop,
            supervisor=self.supervisor,
            outputs=self.channels,
            story=self.story,
            about=lambda *_: {},
            history=lambda *_: iter(()),
            problems=list,
            defaults=Defaults,
            colony=dict,
            upgrade=lambda answer: answer("not here"),
            shut_down=self.shut_down,
            farewells=self.farewells,
        )
        self.server = Server(world, None, {})
        self.supervisor.apply({one.name: one for one in PROGRAMS})
        self.loop.settle()

    def saw(self, event):
        """Have it remembered, as the log of a host does."""
        self.story.tell(event, self.narrator.line(event))

    def shut_down(self, within):
        """Stop everything, and answer who waits for that."""
        self.supervisor.shut_down(lambda: [call.succeed() for call in list(self.farewells)], within)

    def answer(self, data):
        """Return all that a client is sent back."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.server._greet(theirs.detach(), Peer(os.getpid(), os.geteuid(), frozenset()))
        came = b""
        try:
            ours.sendall(data)
            ours.shutdown(socket.SHUT_WR)
            for _ in range(1000):
                self.loop.settle()
                try:
                    piece = ours.recv(1 << 16)
                except BlockingIOError:
                    break
                if not piece:
                    break
                came += piece
        except OSError:
            pass
        ours.close()
        self.loop.settle()
        return came


def one_input(data):
    """Send bytes, read what comes, and see that all is well still."""
    house = _House()
    came = house.answer(data[:60000])
    for line in came.split(b"\n")[:-1]:
        assert isinstance(json.loads(line), dict)
    assert came.endswith(b"\n")
    house.loop.advance(2 * MAX_WAIT)  # whoever waited has given up
    assert not house.server.connections
    last = json.loads(house.answer(b'{"id":"last","verb":"status"}\n').split(b"\n")[1])
    assert last["id"] == "last"
    assert last["ok"]
    for slot in house.supervisor.snapshot():
        assert 1 <= slot.number <= 2
