"""A supervisor over pretended processes and time."""

import pytest

from ncolony.core.events import InstanceChanged
from ncolony.core.program import Program, RestartPolicy, StopPolicy
from ncolony.core.states import name_of
from ncolony.runtime.supervisor import Supervisor
from ncolony.testing import FakeChannels, FakeSpawner, MemoryObserver, MemorySink, VirtualLoop


@pytest.fixture(autouse=True)
def _nothing_left(nothing_left):
    """Check every test of this folder."""


def program(name="web", **more):
    """Describe a program whose command line is its name."""
    return Program(**{"name": name, "args": (name,), **more})


class Stage:
    """A supervisor, and what it plays with."""

    def __init__(self, loop=None):
        self.loop = loop or VirtualLoop()
        self.spawner = FakeSpawner(self.loop)
        self.sink = MemorySink()
        self.channels = FakeChannels(self.sink)
        self.observer = MemoryObserver()
        self.supervisor = Supervisor(
            self.loop, self.spawner, self.channels, colony="c", inherit={"HOME": "/"}, observers=[self.observer]
        )
        self.closed = []

    def apply(self, *programs):
        """Describe programs."""
        self.supervisor.apply({one.name: one for one in programs})
        self.loop.settle()

    def remove(self, *names):
        """Describe them no more."""
        self.supervisor.apply(dict.fromkeys(names))
        self.loop.settle()

    def shut_down(self):
        """Begin to stop for good."""
        self.supervisor.shut_down(lambda: self.closed.append(self.loop.now()))

    @property
    def states(self):
        """The state of each slot."""
        return {(one.program, one.number): one.state for one in self.supervisor.snapshot()}

    @property
    def state(self):
        """The state of the only slot."""
        (state,) = self.states.values()
        return state

    @property
    def process(self):
        """The only living process."""
        (process,) = self.spawner.living
        return process

    @property
    def path(self):
        """The states that the slots went to, in order."""
        return [name_of(event.after.state) for event in self.observer.events if isinstance(event, InstanceChanged)]


@pytest.fixture
def stage():
    """A supervisor without programs."""
    return Stage()


QUICK = RestartPolicy(threshold=1.0, min_delay=1.0, max_delay=8.0)
SLOW_STOP = StopPolicy(timeout=5.0)
