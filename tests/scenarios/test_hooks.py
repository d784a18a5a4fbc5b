"""Hooks of real colonies."""

import os
from pathlib import Path

from tests.scenarios.colony import gone, on_both, on_native, until

TELL = "env | grep ^NCOLONY_ | sort > $OUT.new && mv $OUT.new $OUT"


def told(path):
    """Wait for what a hook has found in its environment."""
    until(path.exists, f"{path}")
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


@on_both
def test_a_hook_is_told_what_has_happened(colony):
    """It runs as the supervisor does, and what it was told is in its environment."""
    out = colony.folder / "out"
    script = f"OUT={out}; {TELL}; id -u >> {out}.id"
    colony.conf(".colony", {"hooks": [{"on": "fatal", "programs": ["we*"], "exec": ["sh", "-c", script]}]})
    colony.conf("web", {"args": ["sh", "-c", "exit 7"], "restart": {"attempts": 1}})
    colony.conf("other", {"args": ["sh", "-c", "exit 8"], "restart": {"attempts": 1}})
    colony.start()
    found = told(out)
    assert found["NCOLONY_EVENT"] == "fatal"
    assert (found["NCOLONY_PROGRAM"], found["NCOLONY_INSTANCE"], found["NCOLONY_STATUS"]) == ("web", "1", "7")
    assert found["NCOLONY_REASON"] == "exited with status 7"
    user = colony.folder / "out.id"
    assert until(lambda: user.exists() and user.read_text().strip(), "its user") == str(os.geteuid())


@on_native
def test_a_hook_that_hangs_is_killed_with_all_that_it_has_started(colony):
    """Nobody waits for it meanwhile, and the log says so."""
    pids = colony.folder / "pids"
    script = f"setsid sleep 1000 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait"
    colony.conf(".colony", {"hooks": [{"on": "ready", "exec": ["sh", "-c", script], "timeout": "1s"}]})
    colony.conf("web", {"args": ["sleep", "1000"]})
    colony.start()
    until(pids.exists, "the hook")
    colony.ctl("restart", "web")
    colony.wait_for(r"the hook sh on ready of web: took longer than 1 s, and was killed")
    gone(*map(int, Path(pids).read_text().split()))


@on_native
def test_a_hook_that_cannot_be_run_or_fails_is_told_of(colony):
    """With its last line."""
    hooks = [
        {"on": "ready", "exec": ["no-such-command"]},
        {"on": "ready", "exec": ["sh", "-c", "echo no mail; exit 2"]},
    ]
    colony.conf(".colony", {"hooks": hooks})
    colony.conf("web", {"args": ["sleep", "1000"]})
    colony.start()
    colony.wait_for(r"the hook no-such-command on ready of web: no-such-command cannot be run: ")
    colony.wait_for(r"the hook sh on ready of web: sh exited with status 2, and said: no mail")


@on_native
def test_a_hook_at_the_end_of_the_colony_is_ended_with_it(colony):
    """Nothing is left behind."""
    pid = colony.folder / "pid"
    colony.conf(".colony", {"hooks": [{"on": "ready", "exec": ["sh", "-c", f"echo $$ > {pid}; exec sleep 1000"]}]})
    colony.conf("web", {"args": ["sleep", "1000"]})
    colony.start()
    until(lambda: pid.exists() and pid.read_text().strip(), "the hook")
    colony.stop()
    gone(int(pid.read_text()))
