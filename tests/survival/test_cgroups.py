"""Whole colonies with cgroups: what is said of them, who is in which, and what becomes of them at the end."""

import os
import signal
from pathlib import Path

import pytest

from ncolony.posix.hierarchy import Hierarchy, NoCgroups, name_of
from tests.scenarios.colony import SLEEP, gone, on_both, on_native, until

YES = ("--cgroups", "yes")
# It sheds all that could tell whose it is.
AWAY = "env -i setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000' </dev/null >/dev/null 2>&1 &"


@pytest.fixture(autouse=True)
def top():
    """Our own cgroup, below which a colony makes its own."""
    try:
        own = Path(Hierarchy().own)
    except NoCgroups as error:
        pytest.skip(str(error))
    if not os.access(own, os.W_OK) or not (own / "cgroup.procs").exists():
        pytest.skip(f"{str(own)!r} cannot be written")
    before = set(own.glob("ncolony-*"))
    yield own
    until(lambda: not set(own.glob("ncolony-*")) - before, "the removal of the colony's cgroups")


def pid_in(colony, name):
    """Wait for a file with a pid, and return that."""
    until((colony.folder / name).exists, f"the file {name}")
    return int((colony.folder / name).read_text())


def slot_of(pid):
    """Return the last name of the cgroup that a process is in."""
    return name_of(pid).rpartition("/")[2]


@on_both
def test_the_supervisor_is_in_another_cgroup_than_its_programs(mortal):
    """Bug 68: what limits or ends the cgroup of a service must not meet the supervisor."""
    mortal.conf("web", {"args": SLEEP, "instances": 2})
    mortal.conf("small", {"args": SLEEP, "stop": {"scope": "group"}})
    mortal.start(*YES)
    mortal.wait_for("whole process trees are ended, by cgroups.* and subreaper$")
    mortal.wait_for("web:1 runs, pid")
    mortal.wait_for("web:2 runs, pid")
    assert {slot_of(pid) for pid in mortal.pids("web")} == {"web:1", "web:2"}
    assert name_of(mortal.pid) == name_of(os.getpid()) == name_of(mortal.pid_of("small"))


@on_both
def test_a_stop_ends_what_nothing_but_its_cgroup_gives_away(mortal):
    """Bug 6: it has no mark, no session of the program's, no output and no parent."""
    mortal.conf("web", {"args": ["sh", "-c", f"({AWAY.format('away')}) ; exec sleep 1000"]})
    mortal.start(*YES)
    away = pid_in(mortal, "away")
    assert slot_of(away) == "web:1"
    mortal.remove("web")
    mortal.wait_for("web was removed")
    gone(away)


@on_native
def test_the_next_supervisor_goes_on_with_the_cgroups_of_the_one_that_was_killed(mortal):
    """Bugs 5 and 7: found by who is in them, also for the run after that."""
    mortal.conf("web", {"args": ["sh", "-c", f"({AWAY.format('away')}) ; exec sleep 1000"]})
    mortal.start(*YES)
    away, web = pid_in(mortal, "away"), mortal.pid_of("web")
    place = name_of(web)
    mortal.kill()
    mortal.again(*YES)
    mortal.wait_for(f"web runs on, pid {web}")
    (mortal.folder / "away").unlink()
    os.kill(web, signal.SIGKILL)
    mortal.wait_for("web .*; ending what it left behind first")
    gone(away)
    assert name_of(pid_in(mortal, "away")) == place


@on_native
def test_an_upgrade_leaves_everybody_in_place(mortal):
    """The new version is the same process, and finds what the old one had."""
    mortal.conf("web", {"args": ["sh", "-c", f"({AWAY.format('away')}) ; exec sleep 1000"]})
    mortal.start(*YES)
    away, web = pid_in(mortal, "away"), mortal.pid_of("web")
    here = mortal.here()
    mortal.send(signal.SIGUSR2)
    mortal.wait_for(f"web runs on, pid {web}", here)
    assert slot_of(web) == slot_of(away) == "web:1"
    mortal.remove("web")
    gone(web, away)


@on_native
def test_cgroups_where_they_are_cheap_or_a_reason_why_not(mortal):
    """Who asked for them has to know whether he has them."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start("--cgroups", "auto")
    mortal.wait_for("whole process trees are ended, by (cgroups and subreaper|subreaper; no cgroups: .*)$")
    said = "by cgroups" in mortal.text
    assert (slot_of(mortal.pid_of("web")) == "web:1") == said


@on_native
def test_a_wrong_choice_is_refused(mortal):
    """With the choices there are."""
    mortal.start("--cgroups", "maybe")
    assert mortal.ended() == 2
    assert "cannot use --cgroups: found 'maybe', wanted auto, yes or no" in mortal.text
