"""Random walks of colonies whose programs need each other; the rules are checked whenever all is quiet."""

import random

import pytest

from ncolony.core.program import IGNORE, READY, RESTART, STARTED, STOP, Need, ReadyRule, RestartPolicy
from ncolony.core.states import Ready
from ncolony.runtime.dependencies import STEADY
from ncolony.testing import Act
from tests.runtime.conftest import program
from tests.runtime.test_dependencies import Needy

NAMES = ["a", "b", "c", "d", "e"]
ALIVE = ("starting", "running")
POLICY = RestartPolicy(min_delay=0.5, max_delay=2.0)


def some_colony(dice):
    """Describe programs of chance, each of which needs some of those before it."""
    made = {}
    for place, name in enumerate(NAMES):
        others = dice.sample(NAMES[:place], dice.randint(0, min(2, place)))
        needs = tuple(
            Need(one, dice.choice((STARTED, READY)), dice.choice((STOP, STOP, RESTART, IGNORE))) for one in others
        )
        made[name] = program(
            name,
            needs=needs,
            instances=dice.choice((1, 1, 2)),
            restart=POLICY,
            ready=dice.choice((None, ReadyRule(after=0.4))),
        )
    return made


class Walk:
    """One colony, and what happens to it."""

    def __init__(self, seed):
        self.dice = random.Random(seed)  # noqa: S311 (a walk that can be walked again)
        self.stage = Needy()
        self.programs = some_colony(self.dice)
        self.described = set()

    def holds(self, need):
        """Tell whether a condition holds, by the states and ages alone."""
        if need.program not in self.described:
            return False
        wanted = self.programs[need.program]
        views = [one for one in self.stage.supervisor.snapshot(need.program) if one.number <= wanted.instances]
        return len(views) == wanted.instances and all(self.is_good(wanted, one, need.condition) for one in views)

    def is_good(self, wanted, view, condition):
        """The same of one instance."""
        if view.state == "running" and wanted.ready is not None:
            return True
        steady = view.state in ALIVE and self.stage.loop.now() >= view.since + STEADY
        return steady and (view.state == "running" or condition == STARTED)

    def move(self):
        """Do one thing of chance."""
        dice, supervisor = self.dice, self.stage.supervisor
        name = dice.choice(NAMES)
        roll = dice.random()
        if roll < 0.35:
            living = self.stage.spawner.living
            if living:
                dice.choice(living).end(dice.choice((0, 1, -9)))
        elif roll < 0.5:
            self.describe(name)
        elif name in self.described:
            if roll < 0.55:
                self.described.discard(name)
                self.stage.remove(name)
            else:
                dice.choice((supervisor.start, supervisor.stop, supervisor.restart, supervisor.restart))(name)
        if dice.random() < 0.1:
            self.stage.spawner.acts[name,] = dice.choice((Act(), Act(told_after=0.3), Act(fails="no"), Act(1, 0.1)))
        if dice.random() < 0.2:
            supervisor.learn(name, 1, Ready(dice.randint(1, 5)))
        self.stage.loop.advance(dice.choice((0.0, 0.0, 0.1, 0.3, 1.0, 5.0)))

    def describe(self, name):
        """Describe a program, if it is not yet."""
        self.described.add(name)
        self.stage.apply(self.programs[name])

    def check(self):
        """See that the rules hold; all is quiet."""
        for view in self.stage.supervisor.snapshot():
            if view.program not in self.described:
                continue
            needs = self.programs[view.program].needs
            if view.state in ALIVE:
                lost = [need for need in needs if need.on_loss == STOP and not self.holds(need)]
                assert not lost, f"{view.program} runs without {lost}"
            if view.state == "waiting":
                assert not all(map(self.holds, needs)), f"{view.program} waits for nothing"
                assert self.stage.why(view.program, view.number)
        slots = [one.launch.env["NCOLONY_RUN"].split("/")[1] for one in self.stage.spawner.living]
        assert len(slots) == len(set(slots)), "two processes in one slot"

    def settle(self):
        """Let all be well; see that everything comes up by itself, and comes down in order."""
        self.stage.spawner.acts.clear()
        for name in NAMES:
            self.describe(name)
            for view in self.stage.supervisor.snapshot(name):
                if view.want == "down":
                    self.stage.supervisor.start(name, view.number)
        self.stage.loop.advance(60)
        assert set(self.stage.states.values()) == {"running"}
        births = len(self.stage.spawner.processes)
        self.stage.loop.advance(600)
        assert len(self.stage.spawner.processes) == births, "restarted for nothing"
        self.stage.shut_down()
        self.stage.loop.advance(60)
        assert self.stage.closed


@pytest.mark.parametrize("block", range(4))
def test_no_walk_breaks_a_rule(block):
    """Nothing runs without what it needs, nothing waits for nothing, nothing runs twice, and all come back."""
    for seed in range(block * 50, (block + 1) * 50):
        walk = Walk(seed)
        for _ in range(40):
            walk.move()
            walk.check()
        walk.settle()
