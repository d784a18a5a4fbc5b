"""Programs that take more memory than they may, in a cgroup with a limit: the culprit dies of it, and nobody else."""

import sys
import uuid
from pathlib import Path

import pytest

from tests.posix.memory import HOG, limited
from tests.scenarios.colony import SLEEP, is_alive, on_both

pytestmark = pytest.mark.usefixtures("one_at_a_time")  # the kernel counts its kills for the whole machine


@pytest.fixture
def place(colony):
    """A cgroup with little memory, which the colony leaves before it is removed."""
    with limited(f"ncolony-test-{uuid.uuid4().hex[:8]}") as made:
        yield made
        colony.end()


def hungry(place):
    """Return the command line of a program that enters the cgroup and takes more than there is."""
    return ["sh", "-c", f"echo $$ > {place}/cgroup.procs; exec {sys.executable} -c '{HOG}'"]


@on_both
def test_the_culprit_dies_and_the_log_says_of_what(colony, place):
    """Bug 67: the supervisor and the other programs go on."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    web = colony.pid_of("web")
    colony.conf("hog", {"args": hungry(place), "restart": "temporary"})
    colony.wait_for(r"hog was killed by SIGKILL \(probably out of memory\) after .*; left as it is$")
    assert colony.pids() == [web]


@on_both
def test_a_limit_on_a_service_is_not_one_on_its_supervisor(colony, place):
    """Bug 68: each death is met with a start, by a supervisor that was never under the limit."""
    colony.conf("hog", {"args": hungry(place), "restart": {"min_delay": 0.01, "attempts": 3}})
    colony.start()
    colony.wait_for(r"hog was killed by SIGKILL \(probably out of memory\).*; next start in")
    assert str(colony.pid) not in Path(place, "cgroup.procs").read_text().split()
    colony.wait_for(r"hog was killed by SIGKILL \(probably out of memory\).*; given up after 3 attempts$")
    assert is_alive(colony.pid)
