"""``ncolony top`` in a real terminal."""

import os
import signal

import pytest

from tests.scenarios.colony import PYTHON, SLEEP, on_native, until
from tests.scenarios.test_cli import ncolony
from tests.scenarios.tmux import Screen, needs_tmux


@pytest.fixture
def colony(colony):
    """A colony that runs, with four programs."""
    colony.conf("web", {"args": ["sh", "-c", "echo serving; exec sleep 1000"], "group": ["public"]})
    colony.conf("worker", {"args": SLEEP, "instances": 2})
    colony.conf("bad", {"args": ["sh", "-c", "echo 'no database' >&2; exit 7"], "restart": {"min_delay": "60s"}})
    colony.start()
    colony.pid_of("web")
    until(lambda: "backoff" in ncolony(colony, "status").stdout, "the crash")
    return colony


@pytest.fixture
def screen(colony):
    """Top, on a screen."""
    made = Screen(colony.folder, colony.environment(), PYTHON, "-m", "ncolony", "top", "--every", "0.2")
    yield made
    made.close()


@needs_tmux
@on_native
def test_programs_are_shown_chosen_stopped_started_and_left(colony, screen):
    """A minute of a person in front of it."""
    lines = screen.shows("NAME", "LAST LINE", "serving", "worker:2", "q quit", "MB").splitlines()
    assert lines[0].startswith("NColony ")
    assert "3 running" in lines[0]
    row = next(line for line in lines if line.startswith("web "))
    assert "running" in row
    first = colony.pid_of("web")
    assert "exited with status 7" in next(line for line in lines if line.startswith("bad "))
    screen.type("/", "w", "e", "b", "Enter")
    screen.hides("worker:2")
    screen.shows("[only web]")
    screen.type("r")
    screen.shows("restart web? y does it")
    screen.type("n")
    screen.shows("q quit")
    assert colony.pids("web") == [first]
    screen.type("x", "y")
    screen.shows("stopped by hand")
    screen.type("s")
    screen.hides("stopped by hand")
    assert colony.pid_of("web") != first
    screen.type("l")
    screen.shows("web: its last lines", "serving", "any key goes back")
    screen.type("Space", "/", "Escape")
    screen.shows("worker:2")
    screen.type("q")
    screen.shows("ended 0")


@needs_tmux
@on_native
def test_why_is_a_key_and_the_end_of_the_supervisor_is_no_end(colony, screen):
    """Whoever looks at a colony while its supervisor is replaced sees what there is to see."""
    screen.shows("worker:2")
    screen.type("/", "b", "a", "d", "Enter")
    screen.shows("[only bad]")
    screen.hides("worker:2")
    screen.type("w")
    screen.shows("bad waits for its next start", "exited with status 7", "| no database")
    screen.type("q")
    screen.shows("[only bad]")
    colony.stop(signal.SIGKILL)
    screen.shows("cannot")
    colony.process.stdout.close()
    colony.start()
    screen.shows("[only bad]", "backoff")
    screen.type("C-c")
    screen.shows("ended 0")


@on_native
def test_top_says_what_it_needs(colony, tmp_path):
    """A terminal, and the extra; no traceback without."""
    assert "`ncolony status` prints a table anywhere" in ncolony(colony, "top").stderr
    assert ncolony(colony, "top", "--every", "0").returncode == 2
    assert ncolony(colony, "top", "web").returncode == 2


@needs_tmux
@on_native
def test_top_without_its_extra_says_how_to_get_it(colony):
    """A package of that name that cannot be imported stands for none at all."""
    (colony.folder / "blessed.py").write_text("raise ImportError")
    env = colony.environment()
    env["PYTHONPATH"] = f"{colony.folder}{os.pathsep}{env['PYTHONPATH']}"
    screen = Screen(colony.folder, env, PYTHON, "-m", "ncolony", "top")
    screen.shows("pip install 'ncolony[top]'", "ended 1")
    screen.close()
