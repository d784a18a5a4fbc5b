"""Critical programs over pretended processes: when the colony ends, with which status, and why."""

import pytest

from ncolony.core.kept import Kept
from ncolony.core.program import PERMANENT, TEMPORARY, TRANSIENT, RestartPolicy
from ncolony.core.states import Exited, Fatal, Instance
from ncolony.runtime.critical import Critical
from ncolony.testing import Act
from tests.runtime.conftest import Stage, program


class Watched(Stage):
    """A supervisor with somebody who looks at critical programs."""

    def __init__(self):
        super().__init__()
        self.finished = []
        self.critical = Critical(self.loop, self.supervisor, lambda *end: self.finished.append(end))
        self.supervisor.observe(self.critical)


@pytest.fixture
def stage():
    """A supervisor without programs."""
    return Watched()


@pytest.mark.parametrize(
    ("policy", "status", "code", "why"),
    [
        (TEMPORARY, 0, 0, "web is critical, and exited with status 0"),
        (TEMPORARY, 3, 3, "web is critical, and exited with status 3"),
        (TEMPORARY, -9, 137, "web is critical, and was killed by SIGKILL"),
        (TRANSIENT, 0, 0, "web is critical, and exited with status 0"),
        (TRANSIENT, 4, 4, "web is critical, and was given up: exited with status 4"),
        (PERMANENT, 5, 5, "web is critical, and was given up: exited with status 5"),
        (PERMANENT, 0, 1, "web is critical, and was given up: exited with status 0"),
        (PERMANENT, -15, 143, "web is critical, and was given up: was killed by SIGTERM"),
    ],
)
def test_its_last_end_ends_the_colony_with_its_status(stage, policy, status, code, why):
    """Bug 60: 128 and the signal, as shells say it; giving up never looks like success (supervisor#733)."""
    stage.spawner.acts[("web",)] = Act(status=status)
    stage.apply(program(critical=True, restart=RestartPolicy(policy, attempts=1)))
    assert stage.finished == [(code, why)]


def test_what_never_started_ends_it_with_1_and_its_reason(stage):
    """There is no status that could be passed on."""
    stage.spawner.acts[("web",)] = Act(fails="no such file: web")
    stage.apply(program(critical=True, restart=RestartPolicy(attempts=1)))
    assert stage.finished == [(1, "web is critical, and was given up: no such file: web")]


def test_as_long_as_it_is_started_again_the_colony_goes_on(stage):
    """Bug 59: a pause, even of everything at once, is not the end."""
    stage.spawner.acts[("web",)] = Act(status=1)
    stage.apply(program(critical=True), program("other", critical=True))
    stage.spawner.living[-1].end(1)
    stage.loop.settle()
    assert set(stage.states.values()) == {"backoff"}
    stage.loop.advance(3600)
    assert stage.finished == []


def test_others_and_stops_by_hand_do_not_end_it(stage):
    """Only giving up does."""
    stage.spawner.acts[("other",)] = Act(status=1)
    stage.apply(program(critical=True), program("other", restart=RestartPolicy(attempts=1)))
    stage.supervisor.stop("web")
    stage.remove("web")
    assert stage.finished == []
    assert stage.critical.about("other", 1) == {}


def test_status_says_that_it_is_critical(stage):
    """Before somebody stops it, perhaps."""
    stage.apply(program(critical=True))
    assert stage.critical.about("web", 1) == {"critical": True}
    stage.critical.close()


@pytest.mark.parametrize(("state", "code"), [(Fatal("why"), 1), (Exited(3), 3), (Exited(None), 1)])
def test_a_successor_that_finds_it_given_up_ends_the_colony(stage, state, code):
    """The supervisor was killed at that very moment."""
    stage.supervisor.remember({("web", 1): Kept("web", 1, Instance(state, "up", 1, 4), 0)})
    stage.apply(program(critical=True))
    assert [end[0] for end in stage.finished] == [code]
