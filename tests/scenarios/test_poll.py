"""Where changes cannot be watched, they are found by looking again every --frequency seconds.

The blind file system is made by a user namespace in which no inotify instance may be opened: the limit is the
namespace's own, so no neighbour is disturbed.
"""

import shutil
import subprocess

import pytest

from ncolony.control.client import Client
from tests.scenarios.colony import SLEEP, on_both, on_native, until

BLIND = (
    "unshare", "--user", "--map-root-user", "--",
    "sh", "-c", 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', "sh",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _namespaces():
    try:
        subprocess.run([*BLIND, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a user namespace to forbid inotify in")


@on_both
def test_changes_are_found_by_looking_where_they_cannot_be_watched(colony):
    """Files, changed files, removed files and messages: all as with inotify, only later; and people are told."""
    colony.start("--frequency", "0.2", prefix=BLIND)
    for folder in ("conf", "messages"):
        colony.wait_for(rf"'.*/{folder}' cannot be watched \(.*\): it is read every 0\.2 s$")
    colony.conf("web", {"args": SLEEP})
    first = colony.pid_of("web")
    colony.conf("web", {"args": ["sleep", "1001"]})
    second = colony.pid_of("web", first)
    colony.message({"type": "RESTART", "name": "web"})
    colony.pid_of("web", second)
    colony.message({"type": "RESTART", "name": "nosuch"})
    colony.wait_for("there is no program 'nosuch'")
    colony.remove("web")
    colony.wait_for("web was removed")
    assert colony.count("cannot be watched") == 2


@on_native
def test_a_file_that_stays_broken_is_reported_once_however_often_it_is_looked_at(colony):
    """A log that repeats itself every ten seconds is one that nobody reads."""
    colony.conf("web", '{"args": 1}')
    colony.conf("half", '{"args": ')
    colony.start("--frequency", "0.05", prefix=BLIND)
    colony.wait_for("conf/web': args: found 1")
    colony.wait_for("conf/half': found text that is not JSON")
    for _ in range(5):
        colony.fence()
    assert colony.count("cannot use") == 2


@on_native
def test_a_directory_that_goes_away_leaves_everything_as_it_is(colony):
    """An unmounted or renamed conf/ is no order to stop a colony; when it is back, its changes count."""
    colony.conf("web", {"args": SLEEP})
    colony.start("--frequency", "0.1", prefix=BLIND)
    before = colony.pid_of("web")
    colony.config.rename(colony.folder / "away")
    colony.wait_for("cannot read '.*/conf': No such file or directory; everything goes on as it is")
    colony.message({"type": "RESTART", "name": "web"})
    after = colony.pid_of("web", before)
    (colony.folder / "away").rename(colony.config)
    colony.fence()
    assert colony.pids("web") == [after]
    colony.remove("web")
    colony.dies("web")


@on_native
def test_a_state_directory_that_is_deleted_is_made_anew_at_the_next_look(colony):
    """Once it is seen to be gone, and said once."""
    state = colony.messages / ".ncolony"
    colony.conf("web", {"args": SLEEP})
    colony.start("--frequency", "0.1", prefix=BLIND)
    colony.wait_for("web runs, pid")
    until((state / "control").exists, "the control socket")
    shutil.rmtree(state)
    colony.wait_for("was deleted: it was made anew")
    colony.fence()
    with Client(str(state)) as client:
        assert client.ask("status", names=["web"])["instances"][0]["state"] == "running"
    assert colony.count("was deleted") == 1
