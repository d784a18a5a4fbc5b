"""Commands that check: real ones, that succeed, fail, hang, flood, and leave others behind."""

import pytest

from ncolony.core.probespec import Exec
from ncolony.core.program import Program
from ncolony.posix.commands import KEPT, Commands
from ncolony.posix.trees import Trees
from tests.conftest import descriptors
from tests.posix.conftest import PATH, WAYS, turn_until
from tests.scenarios.colony import gone, is_alive


@pytest.fixture
def grove(bench, subreaper):
    """A bench whose spawner looks after whole trees."""
    bench.trees = bench.spawner._trees = Trees(bench.loop, bench.exits)
    yield bench
    turn_until(bench.loop, lambda: not bench.exits.known)
    bench.trees.strays.close()


def trial_of(bench, *args, **program):
    """Return the trial of a command."""
    commands = Commands(bench.loop, bench.spawner, lambda *_: {"PATH": PATH, "NCOLONY_RUN": "c/web:1/1/check"})
    return commands(Program("web", ("web",), **program), 1, 1, Exec(args))


def ask(bench, trial):
    """Return what a try finds out."""
    found = []
    trial.begin(found.append)
    bench.until(lambda: found)
    return found[0]


@pytest.mark.parametrize("way", WAYS)
def test_its_exit_status_decides(grove, way):
    """And its last line says why."""
    assert ask(grove, trial_of(grove, "true", **way)) == ""
    trial = trial_of(grove, "sh", "-c", "echo first; echo no \x1bdatabase >&2; exit 3", **way)
    assert ask(grove, trial) == "sh exited with status 3, and said: no  database"
    assert trial.output() == "first\nno \x1bdatabase\n"


def test_a_death_by_signal_is_told(grove):
    """In the words of a run's end."""
    assert ask(grove, trial_of(grove, "sh", "-c", "kill -9 $$")) == "sh was killed by SIGKILL"


def test_it_runs_as_the_program_does(grove, tmp_path):
    """In its directory, with its umask and environment."""
    trial = trial_of(grove, "sh", "-c", "pwd; umask; echo $NCOLONY_RUN; exit 1", cwd=str(tmp_path), umask=0o27)
    ask(grove, trial)
    assert trial.output() == f"{tmp_path}\n0027\nc/web:1/1/check\n"


@pytest.mark.parametrize("way", WAYS[:2])
def test_what_cannot_be_run_is_told(grove, way):
    """It is a failure like any other."""
    assert "cannot be run: no such file" in ask(grove, trial_of(grove, "/nowhere", **way))


def test_a_flood_is_bounded(grove):
    """The end of it is kept; who never stops is not read any more, and has to be given up."""
    trial = trial_of(grove, "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo end; exit 1")
    assert ask(grove, trial).endswith("and said: end")
    assert len(trial.output()) == KEPT
    trial = trial_of(grove, "cat", "/dev/zero")
    found = []
    trial.begin(found.append)
    grove.until(lambda: not trial._watched)
    assert not found
    trial.cancel()
    grove.until(lambda: trial._process is None)


def child_of(trial, grove):
    """Return the pids of a command and of the one that it has started."""
    grove.until(lambda: trial.output().count("\n"))
    return [int(word) for word in trial.output().split()]


def test_what_is_given_up_is_killed_with_all_it_has_started(grove):
    """Bug 74: deaf, and with a child in a session of its own."""
    trial = trial_of(
        grove, "python3", "-c",
        "import os, signal, subprocess, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "print(os.getpid(), child.pid, flush=True)\ntime.sleep(1000)",
    )  # fmt: skip
    found = []
    trial.begin(found.append)
    pids = child_of(trial, grove)
    trial.cancel()
    grove.until(lambda: not any(map(is_alive, pids)))
    gone(*pids)
    assert not found


def test_none_begins_before_the_last_is_over(grove):
    """Never two at a time: a kill takes its time, and in the kernel perhaps for ever."""
    trial = trial_of(grove, "sh", "-c", "echo $$; exec sleep 1000")
    found = []
    trial.begin(found.append)
    child_of(trial, grove)
    trial.cancel()
    trial.begin(found.append)
    assert found == ["the last command still lives, though it was killed"]
    grove.until(lambda: trial._process is None)


def test_what_it_leaves_behind_is_ended_before_the_next(grove):
    """A check that starts a daemon would start one each time."""
    trial = trial_of(grove, "sh", "-c", "sleep 1000 & echo $!; exit 0")
    assert ask(grove, trial) == ""
    (pid,) = child_of(trial, grove)
    grove.until(lambda: not is_alive(pid))
    grove.until(lambda: trial._process is None)
    assert ask(grove, trial) == ""
    (second,) = child_of(trial, grove)
    assert second != pid
    grove.until(lambda: trial._process is None)


def test_many_tries_lose_no_descriptor(grove):
    """Bug 75: three hundred, of which some fail, cannot be run, or are given up."""
    kinds = [trial_of(grove, "true"), trial_of(grove, "false"), trial_of(grove, "/nowhere")]
    hangs = trial_of(grove, "sleep", "1000")
    before = descriptors()
    for turn in range(300):
        ask(grove, kinds[turn % 3])
        if turn % 10 == 0:
            hangs.begin(lambda _: None)
            hangs.cancel()
            grove.until(lambda: hangs._process is None)
    turn_until(grove.loop, lambda: not grove.exits.known)
    assert set(descriptors()) == set(before)
