"""The wall clock may say what it likes: nothing that a supervisor decides depends on it."""

import os
import signal

from tests.scenarios.colony import DEAF, PYTHON, SLEEP, on_native

# The host, with a wall clock that is a year ahead and a year behind by turns, as after a bad time server.
JUMPING = """
import itertools, sys, time
turns, real = itertools.count(), time.time
time.time = lambda: real() + (1 if next(turns) % 2 else -1) * 365 * 86400
sys.argv[0] = 'ncolony'
from ncolony.cli.main import run
run()
"""


@on_native
def test_a_wall_clock_that_jumps_by_years_changes_no_delay(colony):
    """Bug 21: starts, backoff and stops go by the monotonic clock; conf files are read whatever their times say."""
    colony.conf("web", {"args": ["false"], "restart": {"min_delay": 0.1, "max_delay": 600}})
    colony.conf("deaf", {"args": DEAF, "stop": {"timeout": 0.3}})
    colony.conf("good", {"args": SLEEP})
    colony.start(command=[PYTHON, "-c", JUMPING, "run", *colony.directories()])
    for attempt, delay in enumerate(("0.1", "0.2", "0.4", "0.8"), 2):
        colony.wait_for(rf"web exited .*; next start in {delay} s \(attempt {attempt}\)$")
    colony.wait_for(r"deaf \| deaf$")
    colony.message({"type": "RESTART", "name": "deaf"})
    colony.wait_for(r"deaf did not end in time and gets SIGKILL$")
    pid = colony.pid_of("good")
    colony.conf("good", {"args": [*SLEEP, "1"]})
    colony.pid_of("good", pid)
    colony.conf("bad", "{")
    colony.wait_for(r"cannot use '.*bad': found text that is not JSON")
    os.kill(colony.pid, signal.SIGTERM)
    assert colony.ended() == 0
