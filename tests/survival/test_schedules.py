"""Schedules over deaths and upgrades of their supervisor."""

import re
import signal
import time
from itertools import pairwise

from tests.scenarios.colony import on_both, on_native, until

# Appends when it ran; so nothing depends on what a supervisor that was killed had still printed.
RAN = ["sh", "-c", "date +%s.%N >> ran"]


def ran(mortal):
    """Return when the job ran."""
    file = mortal.folder / "ran"
    return [float(line) for line in file.read_text().split()] if file.exists() else []


@on_both
def test_a_successor_keeps_the_schedule(mortal):
    """Killed between two runs: neither at once again, nor a whole period later."""
    mortal.conf("job", {"args": RAN, "cwd": str(mortal.folder), "schedule": "6s"})
    mortal.start()
    until(lambda: ran(mortal), "the first run")
    mortal.wait_for("job exited with status 0")
    mortal.kill()
    (first,) = ran(mortal)
    until(lambda: time.time() > first + 3, "half of its period")
    mortal.again()
    until(lambda: len(ran(mortal)) == 2, "the second run")
    assert 4.5 < ran(mortal)[1] - first < 8.5


@on_native
def test_killed_again_and_again_no_run_is_doubled_and_none_is_missed(mortal):
    """Every run has its second, and every second its run, but for those in which nobody was there to begin it."""
    mortal.conf("job", {"args": RAN, "cwd": str(mortal.folder), "schedule": "1s"})
    mortal.start()
    for number in range(6):
        until(lambda: len(ran(mortal)) > number, "a run")  # noqa: B023 - called at once
        time.sleep(0.13 * number)  # so as to be killed at other moments each time
        mortal.kill()
        mortal.again()
    until(lambda: len(ran(mortal)) >= 8, "eight runs")
    at = ran(mortal)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert len(at) <= at[-1] - at[0] + 2, at
    assert max(gaps) < 15.0, gaps


@on_native
def test_a_run_that_goes_on_is_taken_over_and_bounded(mortal):
    """By the time that it has had before, too."""
    mortal.conf("job", {"args": ["sleep", "1000"], "schedule": {"every": "1h", "timeout": "3s"}})
    mortal.start()
    pid = mortal.one("job")
    began = time.monotonic()
    mortal.kill()
    mortal.again()
    mortal.wait_for(rf"job runs on, pid {pid}$")
    mortal.wait_for(r"job is being stopped \(its run took longer than 3 s\)$")
    assert time.monotonic() - began < 6.0
    mortal.wait_for("^ncolony: job .*; waiting for its next start$")


@on_native
def test_an_upgrade_runs_nothing_by_itself(mortal):
    """The same moments as before."""
    mortal.conf("job", {"args": RAN, "cwd": str(mortal.folder), "schedule": "1h"})
    mortal.conf("night", {"args": RAN, "cwd": str(mortal.folder), "schedule": {"cron": "@yearly", "catch_up": True}})
    mortal.start()
    mortal.wait_for("job exited with status 0")
    here = mortal.here()
    mortal.send(signal.SIGUSR2)
    mortal.wait_for("upgrading", since=here)
    mortal.fence()
    mortal.fence()
    assert len(ran(mortal)) == 1


@on_native
def test_a_colony_that_was_stopped_goes_on_with_its_moments(mortal):
    """An orderly end is no reason to begin anew."""
    mortal.conf("job", {"args": RAN, "cwd": str(mortal.folder), "schedule": "1h"})
    mortal.start()
    mortal.wait_for("job exited with status 0")
    mortal.stop()
    mortal.process.stdout.close()
    mortal.again()
    mortal.fence()
    assert len(ran(mortal)) == 1
    assert re.search(rb'"p":"job"', (mortal.messages / ".ncolony" / "schedules").read_bytes())
