"""Random walks through reloads: whatever happens in the middle, what is left in the end is what the file says."""

from random import Random

import pytest

from ncolony.core import events
from ncolony.core.program import ReloadRule, RestartPolicy
from ncolony.testing import Act
from tests.runtime.conftest import Stage, program

STEPS = 40
BROKEN = ("broken",)


class Walk(Stage):
    """A colony of one program that is never left in peace."""

    def __init__(self, seed):
        super().__init__()
        self.random = Random(seed)  # noqa: S311 - a walk that can be walked again
        self.spawner.acts[BROKEN] = self.random.choice([Act(fails="no"), Act(status=1, after=0.2)])
        self.version = self.instances = 1
        self.keyed = True
        self.describe()

    def describe(self, args=None, **more):
        """Have the file say something."""
        rule = ReloadRule(max_parallel=self.random.randint(1, 3), min_healthy=self.random.choice([0.0, 1.0, 3.0]))
        self.apply(program(
            args=args or (f"v{self.version}",), instances=self.instances, reload=rule if self.keyed else None,
            restart=RestartPolicy(max_delay=5.0), **more,
        ))  # fmt: skip

    def step(self):
        """Do one thing."""
        what = self.random.randrange(11)
        if what in (0, 1):
            self.version += 1
            self.describe()
        elif what == 2:
            self.describe(BROKEN)
        elif what == 3:
            self.instances = self.random.randint(1, 4)
            self.describe()
        elif what == 4:
            self.supervisor.reload("web")
        elif what == 5:
            self.supervisor.restart("web", number=self.random.randint(1, self.instances))
        elif what == 6:
            self.supervisor.stop("web", self.random.randint(1, self.instances))
        elif what == 7:
            self.supervisor.start("web")
        elif what == 8 and self.spawner.living:
            self.random.choice(self.spawner.living).end(self.random.choice([0, 1, -9]))
        elif what == 9:
            self.keyed = not self.keyed
            self.describe()
        self.loop.advance(self.random.choice([0.0, 0.1, 0.5, 1.0, 2.0, 7.0]))
        self.check()

    def check(self):
        """Hold what holds at every moment."""
        living = [one.launch.env["NCOLONY_INSTANCE"] for one in self.spawner.living]
        assert len(living) == len(set(living)), "a slot has two processes"

    def end(self):
        """Describe something that works, and let it settle."""
        self.keyed = True
        self.version += 1
        self.describe()
        self.supervisor.start("web")
        self.loop.advance(200)
        assert [one.launch.args[0] for one in self.spawner.living] == [f"v{self.version}"] * self.instances
        assert self.states == {("web", number + 1): "running" for number in range(self.instances)}
        assert self.supervisor.about("web") == {}
        assert self.loop.timers == []


@pytest.mark.parametrize("seed", range(150))
def test_what_is_left_in_the_end_is_what_the_file_says(seed):
    """No slot ever has two processes, and nothing is left over: no surplus, no timer, no old version."""
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
    walk.end()


@pytest.mark.parametrize("seed", range(50))
def test_a_walk_that_kills_nobody_never_has_too_few(seed):
    """Changes of the file alone, also to versions that do not come up: as many serve as should, all the time."""
    walk = Walk(seed)
    walk.instances = 3
    walk.describe()
    walk.loop.advance(30)
    fewest = [3]

    def saw(event):
        if isinstance(event, events.InstanceChanged):
            fewest[0] = min(fewest[0], sum(one.state == "running" for one in walk.supervisor.snapshot("web")))

    walk.observer.saw = saw
    for _ in range(STEPS):
        walk.version += 1
        walk.describe(BROKEN if walk.random.random() < 0.3 else None)
        walk.loop.advance(walk.random.choice([0.0, 0.3, 1.0, 2.0, 7.0, 30.0]))
    assert fewest == [3]
    walk.end()
