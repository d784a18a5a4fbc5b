"""Whole colonies through histories of chance, on a simulated machine; docs/simulation.md tells what that is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.history import plan_of, run, shrink, told
from tests.simulation.mutants import MUTANTS, made

BLOCKS, SEEDS = 20, 2000
ENOUGH = 1000  # seeds in which every mistake has to be found
TRIED_FIRST = {
    "what has run is not kept": (985,),
    "a clock that was set is not looked at": (671,),
    "a start cut short is begun anew, wanted or not": (282,),
    "a run is never replaced": (180,),
    "sockets of who is stopped are not taken over": (1285,),
}
"""Where few histories show a mistake, one that did; so the test is quick as long as histories are drawn as they are."""
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def unmeasured():
    """Coverage is not counted here: that takes three times as long as the histories, and other tests cover the core."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_history_breaks_a_rule(block):
    """Whatever dies, hangs, is killed or changed at whatever moment; a failing history is told in its shortest form."""
    for seed in range(block * SEEDS // BLOCKS, (block + 1) * SEEDS // BLOCKS):
        failure = run(plan_of(seed))
        assert failure is None, told(shrink(failure))


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mistake_is_found(name):
    """Rules that nothing can break prove nothing."""
    seeds = (*TRIED_FIRST.get(name, ()), *range(ENOUGH))
    with made(name):
        assert any(run(plan_of(seed)) for seed in seeds), f"nobody has noticed: {name}"
    assert run(plan_of(0)) is None, "the mistake was not taken back"


def test_there_are_mistakes_of_every_kind():
    """In the core, in the runtime and in taking over; at least twenty."""
    assert len(MUTANTS) >= 20


def test_one_seed_gives_one_history():
    """To the last line of its story, whatever the hashes of the process are."""
    stories = []
    for hashes in ("1", "2"):
        command = [sys.executable, str(ROOT / "scripts" / "simulate.py"), "--seed", "7"]
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        stories.append(done.stdout)
    assert stories[0] == stories[1]
    assert stories[0].endswith("seed 7: all rules hold\n")


def test_a_failure_is_told_in_few_words():
    """Moves that do not matter are left out."""
    with made("a running process is not told to stop"):
        failure = next(filter(None, (run(plan_of(seed)) for seed in range(20))))
        short = shrink(failure)
        assert len(short.plan.moves) < len(failure.plan.moves) / 2
        assert short.rule == failure.rule
        text = told(short)
    assert text.startswith(f"seed {failure.plan.seed}: ")
    assert "a supervisor begins" in text


def test_the_command_says_how_many_it_has_run():
    """Few here; the tests above run what a whole run of scripts/test is to run."""
    command = [str(ROOT / "scripts" / "simulate"), "--seeds", "20", "--from", "100", "--steps", "10"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("20 histories of 10 moves from seed 100: no failures; ")


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    """From what its file says: those before are not run again. A file of other seeds is not gone on with."""
    command = [str(ROOT / "scripts" / "simulate"), "--steps", "5", "--progress", str(tmp_path / "so-far")]
    about = {"env": {**os.environ, "PYTHON": sys.executable}, "capture_output": True, "text": True, "timeout": 60}
    first = subprocess.run([*command, "--seeds", "510"], **about, check=True)
    assert first.stdout.startswith("510 histories of 5 moves from seed 0: no failures; ")
    said = json.loads((tmp_path / "so-far").read_text())
    assert (said["next"], said["done"], said["failures"]) == (510, 510, 0)
    (tmp_path / "so-far").write_text(json.dumps({**said, "next": 500, "failures": 1}))
    second = subprocess.run([*command, "--seeds", "510"], **about, check=False)
    assert second.stdout.startswith("510 histories of 5 moves from seed 0: 1 failures; ")
    other = subprocess.run([*command, "--seeds", "520"], **about, check=False)
    assert "is of another run" in other.stderr
    assert other.returncode == 1
