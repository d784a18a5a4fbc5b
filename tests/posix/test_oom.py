"""Kills for want of memory, real ones: in a cgroup with a limit, where this machine lets us make one."""

import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from ncolony.posix import oom
from ncolony.posix.oom import Kills, Spared
from tests.posix.memory import HOG, limited

pytestmark = pytest.mark.usefixtures("one_at_a_time")  # the kernel counts its kills for the whole machine

HOLD = "import time; print(open('/proc/self/oom_score_adj').read().strip(), flush=True)"


@pytest.fixture
def place():
    """A cgroup with little memory."""
    with limited(f"ncolony-test-{uuid.uuid4().hex[:8]}") as made:
        yield made


def hog(place):
    """Run a program that takes more memory than it may, and return its status."""
    enter = f"echo $$ > {place}/cgroup.procs; exec {sys.executable} -c '{HOG}'"
    return subprocess.run(["sh", "-c", enter], check=False).returncode


def test_a_kill_of_the_kernels_is_told_from_others(place):
    """Bug 67: who reads the log has to know that it was memory, and not some operator."""
    kills = Kills()
    assert not kills.took_one()
    assert hog(place) == -signal.SIGKILL
    assert kills.took_one()
    assert not kills.took_one()


def test_each_kill_explains_one_death(place):
    """Several may be killed at once; one more that dies beside them was killed by somebody."""
    kills = Kills()
    assert [hog(place), hog(place)] == [-signal.SIGKILL] * 2
    assert [kills.took_one() for _ in range(3)] == [True, True, False]


def test_a_kill_of_long_ago_explains_nothing(place, monkeypatch):
    """It was somebody else's, as nobody asked about it then."""
    monkeypatch.setattr(oom, "TOGETHER", -1.0)
    kills = Kills()
    assert hog(place) == -signal.SIGKILL
    assert not kills.took_one()


def test_our_own_cgroups_counter_is_preferred(tmp_path):
    """The machine's has what others do to themselves."""
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 7\noom_kill 3\noom_group_kill 0\n")
    kills = Kills(str(tmp_path))
    assert not kills.took_one()
    events.write_text("low 0\noom 8\noom_kill 4\noom_group_kill 0\n")
    assert kills.took_one()
    events.unlink()
    assert not kills.took_one()


SCRIPT = """
import os, sys
sys.path.insert(0, {source!r})
from ncolony.posix.oom import Spared
def now(): return open('/proc/self/oom_score_adj').read().strip()
open('/proc/self/oom_score_adj', 'w').write('{before}')
spared = Spared({score})
said = [now()]
with spared:
    os.waitpid(os.posix_spawn('/bin/cat', ['cat', '/proc/self/oom_score_adj'], {{}}), 0)
said.append(now())
spared.close()
said.append(now())
with spared:
    said.append(now())
print(*said)
"""


@pytest.mark.parametrize(
    ("before", "score", "said"),
    [
        (300, 0, ["300", "0 0 300 300"]),
        (300, 400, ["300", "300 300 300 300"]),
        (300, None, ["300", "300 300 300 300"]),
        (0, oom.SPARED, ["0", "-900 -900 0 0"]),
    ],
    ids=["lowered", "low-enough", "not-asked", "as-shipped"],
)
def test_the_supervisor_is_spared_and_its_programs_are_not(before, score, said):
    """Bug 67: the system must not kill the one who would start the others again, nor spare the culprit."""
    source = str(Path(oom.__file__).parents[2])
    script = SCRIPT.format(source=source, before=before, score=score)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    if score == oom.SPARED and done.stdout.splitlines()[1].startswith("0"):
        pytest.skip("needs the right to lower oom_score_adj (CAP_SYS_RESOURCE)")
    assert done.stdout.splitlines() == said


def test_without_the_right_nothing_changes(monkeypatch, tmp_path):
    """Most containers."""
    monkeypatch.setattr(oom, "SCORE", str(tmp_path / "nosuch"))
    spared = Spared()
    with spared:
        pass
    spared.close()
    assert not list(tmp_path.iterdir())
