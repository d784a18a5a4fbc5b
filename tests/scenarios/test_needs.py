"""Whole colonies whose programs need each other, are critical, or start anew together."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from time import monotonic

import pytest

from tests.scenarios.colony import DEAF, PYTHON, SLEEP, on_both, on_native, until

ROOT = Path(__file__).resolve().parents[2]
UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--")


def order(colony, pattern):
    """Return the programs whose lines match, in the order of those lines."""
    return re.findall(pattern, colony.text, re.MULTILINE)


@on_both
def test_a_colony_starts_in_order_and_stops_in_reverse(colony):
    """The names are in the wrong order on purpose; each is stopped when those that need it are gone."""
    colony.conf("a-web", {"args": SLEEP, "needs": {"b-app": "ready"}})
    colony.conf("b-app", {"args": SLEEP, "needs": {"c-db": "started", "d-setup": "done"}})
    colony.conf("c-db", {"args": SLEEP})
    colony.conf("d-setup", {"args": ["sh", "-c", "sleep 0.3"], "restart": "transient"})
    colony.start()
    colony.wait_for("a-web runs")
    assert order(colony, r"(\S+) runs, pid") == ["c-db", "d-setup", "b-app", "a-web"]
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    assert order(colony, r"(\S+) was killed by SIGTERM; stopped") == ["a-web", "b-app", "c-db"]


@on_both
def test_what_needs_it_comes_back_within_a_second(colony):
    """Bug 58: killed, the database is back after its pause; what needs it was stopped, and runs again by itself."""
    colony.conf("db", {"args": SLEEP, "restart": {"min_delay": "300ms", "threshold": "1h"}})
    colony.conf("web", {"args": SLEEP, "needs": {"db": "ready"}})
    colony.start()
    web = colony.pid_of("web")
    here = colony.here()
    os.kill(colony.pid_of("db"), signal.SIGKILL)
    colony.wait_for(r"web is being stopped \(db is ready no more\)", since=here)
    colony.wait_for("db runs", since=here)
    began = monotonic()
    colony.pid_of("web", web)
    assert monotonic() - began < 1


@on_native
def test_mistakes_in_needs_are_told_and_stop_nobody_else(colony):
    """A cycle and an unknown name, with all others running."""
    colony.conf("a", {"args": SLEEP, "needs": {"b": "ready"}})
    colony.conf("b", {"args": SLEEP, "needs": {"a": "ready"}})
    colony.conf("web", {"args": SLEEP, "needs": {"databse": "ready"}})
    colony.conf("database", {"args": SLEEP})
    colony.start()
    colony.wait_for("cannot start a, b: what is needed goes in a cycle, b -> a -> b; what runs of it goes on")
    colony.wait_for(r"web waits for databse, and there is no such program \(did you mean database\?\)$")
    colony.wait_for("database runs")
    colony.conf("b", {"args": SLEEP})
    colony.wait_for("^ncolony: a runs")


@on_native
def test_a_chain_of_deaf_programs_is_gone_when_the_budget_is_spent(colony):
    """Bug 64: each wants 30 s and needs the one before it; all are told in half of it, and killed by its end."""
    for number in range(10):
        needs = {"needs": {f"p{number - 1}": "started"}} if number else {}
        colony.conf(f"p{number}", {"args": DEAF, "stop": {"timeout": 30}, **needs})
    colony.start("--stop-budget", "2")
    colony.wait_for(r"p9 \| deaf$")
    began = monotonic()
    assert colony.stop() == 0
    assert 1.5 < monotonic() - began < 10
    assert colony.count("gets SIGKILL") == 10


# Critical programs ----------------------------------------------------------------------------------------------------


@on_both
@pytest.mark.parametrize(("how", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)])
def test_the_end_of_a_critical_program_is_that_of_the_colony(colony, how, status):
    """In order, with its status, on both hosts: whoever runs the colony sees that it failed (supervisor#733)."""
    colony.conf("db", {"args": SLEEP})
    colony.conf("web", {"args": ["sh", "-c", f"sleep 0.5; {how}"], "restart": "temporary", "critical": True,
                        "needs": {"db": "started"}})  # fmt: skip
    colony.start(coverage=colony.host.native)  # Twisted's interpreter is ended before coverage can write
    assert colony.ended() == status
    colony.wait_for(rf"web is critical, and .*; stopping all programs, to exit with status {status}$")
    colony.wait_for("db was killed by SIGTERM; stopped")


@on_native
def test_a_critical_program_that_never_starts_ends_the_colony_with_its_reason(colony):
    """The last line is what somebody reads after a night."""
    colony.conf("web", {"args": ["/no/such/file"], "restart": {"attempts": 1}, "critical": True})
    colony.start()
    assert colony.ended() == 1
    colony.wait_for(r"web is critical, and was given up: .*'/no/such/file'.*; stopping all programs")


@on_native
def test_a_moment_in_which_nothing_runs_is_not_the_end(colony):
    """Bug 59: everything pauses at once, and the colony goes on (process-compose did not, before 1.122)."""
    for name in ("one", "two"):
        colony.conf(
            name, {"args": ["false"], "critical": True, "restart": {"min_delay": "300ms", "max_delay": "300ms"}}
        )
    colony.start()
    for name in ("one", "two"):
        colony.wait_for(rf"(?s)({name} exited.*){{3}}")
    assert colony.process.poll() is None
    assert colony.stop() == 0


@on_both
def test_as_process_1_it_exits_with_the_status_of_the_critical_program(colony):
    """A container's exit status is that of process 1, and that is what restarts it, or does not."""
    try:
        subprocess.run([*UNSHARE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a pid namespace to be process 1 in")
    restart = {"attempts": 2, "min_delay": 0, "threshold": "1h"}
    colony.conf("web", {"args": ["sh", "-c", "sleep 0.3; exit 3"], "restart": restart, "critical": True})
    colony.conf("db", {"args": SLEEP})
    colony.start(prefix=UNSHARE, coverage=colony.host.native)
    assert colony.ended() == 3
    colony.wait_for("db was killed by SIGTERM; stopped")


@on_native
def test_a_reaper_does_not_bring_back_what_a_critical_program_ended(colony):
    """It brings back what crashed; this was meant, whatever its status."""
    colony.conf("web", {"args": ["sh", "-c", "sleep 0.3; exit 1"], "restart": "temporary", "critical": True})
    colony.start(prefix=[PYTHON, "-m", "ncolony", "reaper", "-s", "--respawn"])
    assert colony.ended() == 1
    assert colony.count("stopping all programs, to exit with status 1") == 1


@on_native
def test_a_second_signal_while_it_ends_kills_what_is_left(colony):
    """As during any other stop; the status stays."""
    colony.conf("deaf", {"args": DEAF, "stop": {"timeout": 600}})
    colony.conf("web", {"args": ["sh", "-c", "exit 9"], "restart": "temporary", "critical": True,
                        "needs": {"deaf": "started"}})  # fmt: skip
    colony.start()
    colony.wait_for("stopping all programs, to exit with status 9")
    assert colony.stop() == 9
    colony.wait_for("deaf did not end in time and gets SIGKILL")


# Budgets and groups ---------------------------------------------------------------------------------------------------


@on_native
def test_flapping_is_given_up_within_the_window(colony):
    """Bug 56: each run is longer than the threshold, so there is no pause; the window counts all the same."""
    restart = {"threshold": 0, "attempts": 5, "window": "1m"}
    colony.conf("web", {"args": ["sh", "-c", "sleep 0.05; exit 1"], "restart": restart})
    colony.start()
    colony.wait_for("web exited with status 1 .*given up: had been restarted 5 times within 60 s$")
    assert colony.count("web runs") == 6


@on_native
def test_a_group_starts_anew_together_and_gives_up_together(colony):
    """one_for_all: the death of one restarts all; over the budget all are stopped, with the reason."""
    colony.conf(".colony", {"groups": {"pair": {"strategy": "one_for_all", "attempts": 1}}})
    for name in ("left", "right"):
        colony.conf(name, {"args": SLEEP, "group": ["pair"], "restart": {"threshold": 0}})
    colony.conf("other", {"args": SLEEP})
    colony.start()
    left, right, other = (colony.pid_of(name) for name in ("left", "right", "other"))
    os.kill(left, signal.SIGKILL)
    colony.wait_for(r"right is being stopped \(left ended, and pair is one_for_all\)$")
    left, right = colony.pid_of("left", left), colony.pid_of("right", right)
    os.kill(right, signal.SIGKILL)
    colony.wait_for("the group pair gave up: its members had been restarted 1 time within 60 s; they are stopped")
    colony.dies("left")
    colony.dies("right")
    assert colony.pid_of("other") == other
    colony.message({"type": "RESTART-GROUP", "group": "pair"})
    colony.pid_of("left")
    colony.pid_of("right")


@on_native
def test_the_example_of_the_page_works(colony):
    """docs/needs.md, with the database that comes and goes."""
    page = (ROOT / "docs" / "needs.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"`conf/(\w+)`:\n\n```json\n(.*?)```", page, re.DOTALL))
    assert set(files) == {"db", "setup", "web"}
    for name, text in files.items():
        colony.conf(name, json.loads(text))
    colony.start()
    web = colony.pid_of("web")
    assert order(colony, r"(\S+) runs, pid")[:2] == ["db", "setup"]
    os.kill(colony.pid_of("db"), signal.SIGKILL)
    until(lambda: colony.pids("web") not in ([], [web]), "another process of web")
