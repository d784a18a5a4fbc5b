"""The rules of the scheduler, cell by cell and over virtual time."""

import itertools
from signal import SIGCONT, SIGKILL, SIGTERM

import pytest

from ncolony.core.errors import ImpossibleInput
from ncolony.core.record import replace
from ncolony.core.states import DeadlinePassed, Ended, Signal, Spawn, Spawned, SpawnFailed, Stop
from ncolony.programs import schedule
from ncolony.programs.schedule import (
    Ending,
    Job,
    Killing,
    Over,
    Running,
    Say,
    Schedule,
    Spawning,
    Waiting,
    begin,
    deadline_of,
    step,
)

JOB = Job(("job",), every=10.0, timeout=4.0, grace=8.0)
STATES = (Waiting, Spawning, Running, Ending, Killing, Over)
INPUTS = (Stop, Spawned, SpawnFailed, Ended, DeadlinePassed)
ENDING = (Signal(SIGTERM), Signal(SIGCONT))


def at(state, beat=0, stopping=False):
    """Return a schedule that began at 100 and stands in ``state``."""
    return Schedule(state, origin=100.0, beat=beat, run=beat + 1, stopping=stopping)


def signals(outputs):
    """Return the outputs but for the words."""
    return tuple(output for output in outputs if not isinstance(output, Say))


def words(outputs):
    """Return the words alone."""
    return [output.line for output in outputs if isinstance(output, Say)]


def test_the_table_has_every_cell():
    """A cell that is left out would be a crash in production; a test sees it first."""
    assert set(schedule.TABLE) == set(itertools.product(STATES, INPUTS))


@pytest.mark.parametrize(
    ("state", "given"),
    [
        (Waiting(110.0), Spawned(1, 7)),
        (Waiting(110.0), SpawnFailed(1, "")),
        (Waiting(110.0), Ended(1, 0)),
        (Spawning(), Ended(1, 0)),
        (Running(100.0, None), Spawned(1, 7)),
        (Over(), Ended(1, 0)),
    ],
)
def test_a_fact_that_cannot_happen_raises(state, given):
    """Our own bugs are never passed over."""
    with pytest.raises(ImpossibleInput):
        step(at(state), JOB, given, 105.0)


def test_the_first_run_is_due_at_once():
    """Nobody waits a period for the first run."""
    first = begin(100.0)
    assert deadline_of(first) == 100.0
    after, outputs = step(first, JOB, DeadlinePassed(100.0), 100.0)
    assert after.state == Spawning()
    assert outputs == (Spawn(1),)


@pytest.mark.parametrize(
    ("ends", "due", "said"),
    [
        (100.5, 110.0, "'job' exited with status 0 after 0.5 s"),
        (109.9, 110.0, "'job' exited with status 0 after 9.9 s"),
        (110.0, 120.0, "'job' exited with status 0 after 10 s; 1 start was skipped; next start in 10 s"),
        (112.0, 120.0, "'job' exited with status 0 after 12 s; 1 start was skipped; next start in 8 s"),
        (135.0, 140.0, "'job' exited with status 0 after 35 s; 3 starts were skipped; next start in 5 s"),
    ],
)
def test_starts_are_counted_from_the_first_one(ends, due, said):
    """Runs of any length move no later start, and a start that was skipped is said, once."""
    after, outputs = step(at(Running(100.0, None)), JOB, Ended(1, 0), ends)
    assert after.state == Waiting(due)
    assert words(outputs) == [said]


def test_starts_do_not_drift():
    """A tenth of a second is no binary fraction: after a million periods it still is a million tenths."""
    job = replace(JOB, every=0.1)
    after, outputs = step(at(Running(100100.0, None), beat=1_000_000), job, Ended(1, 0), 100100.05)
    assert after.state == Waiting(pytest.approx(100100.1, abs=1e-6))
    assert "skipped" not in words(outputs)[0]


def test_waking_up_late_starts_once_and_says_what_was_skipped():
    """A scheduler that was paused for long must not make up for all that it missed."""
    after, outputs = step(at(Waiting(110.0), beat=1), JOB, DeadlinePassed(110.0), 137.0)
    assert outputs == (Say("'job' starts late: 2 starts were skipped", "warn"), Spawn(3))
    settled, outputs = step(replace(after, state=Running(137.0, None)), JOB, Ended(3, 0), 138.0)
    assert settled.state == Waiting(140.0)
    assert words(outputs) == ["'job' exited with status 0 after 1 s"]


@pytest.mark.parametrize(
    ("status", "said", "level"),
    [
        (0, "'job' exited with status 0 after 1 s", "info"),
        (3, "'job' exited with status 3 after 1 s; next start in 9 s", "warn"),
        (-11, "'job' was killed by SIGSEGV after 1 s; next start in 9 s", "warn"),
    ],
)
def test_every_end_is_told_in_words(status, said, level):
    """Whoever reads the log need not know what 139 means."""
    _, outputs = step(at(Running(100.0, None)), JOB, Ended(1, status), 101.0)
    assert outputs == (Say(said, level),)


def test_no_start_is_told_with_its_reason_and_tried_again():
    """A command that cannot start may be there next time."""
    after, outputs = step(at(Spawning()), JOB, SpawnFailed(1, "no such file: 'job'"), 100.5)
    assert after.state == Waiting(110.0)
    assert outputs == (Say("cannot start 'job': no such file: 'job'; next start in 9.5 s", "error"),)


@pytest.mark.parametrize(("timeout", "deadline"), [(4.0, 104.5), (None, None)])
def test_the_timeout_counts_from_the_birth(timeout, deadline):
    """Without one, a run may take as long as it likes."""
    after, outputs = step(at(Spawning()), replace(JOB, timeout=timeout), Spawned(1, 7), 100.5)
    assert after.state == Running(100.5, deadline)
    assert not outputs


def test_term_after_the_timeout_and_kill_after_the_grace():
    """The command gets its chance to end well, and no more than that."""
    ending, outputs = step(at(Running(100.0, 104.0)), JOB, DeadlinePassed(104.0), 104.0)
    assert ending.state == Ending(100.0, 112.0)
    assert signals(outputs) == ENDING
    assert words(outputs) == ["'job' has run for 4 s, its timeout, and gets SIGTERM"]
    killing, outputs = step(ending, JOB, DeadlinePassed(112.0), 112.0)
    assert killing.state == Killing(100.0, 113.0, said=False)
    assert signals(outputs) == (Signal(SIGKILL),)
    assert words(outputs) == ["'job' has not ended in time and gets SIGKILL"]


def test_kill_is_repeated_and_told_once():
    """A process that hangs in the kernel is worth one line, not one a second."""
    again, outputs = step(at(Killing(100.0, 113.0, said=False)), JOB, DeadlinePassed(113.0), 113.0)
    assert words(outputs) == ["'job' does not die of SIGKILL; nothing is started before it has"]
    assert signals(outputs) == (Signal(SIGKILL),)
    _, outputs = step(again, JOB, DeadlinePassed(114.0), 114.0)
    assert outputs == (Signal(SIGKILL),)


def test_stop_while_waiting_is_over_at_once():
    """There is nothing to wait for."""
    after, outputs = step(at(Waiting(110.0)), JOB, Stop(), 105.0)
    assert after.state == Over()
    assert not outputs


@pytest.mark.parametrize(("grace", "patience"), [(8.0, 3.0), (1.0, 1.0), (0.0, 0.0)])
def test_stop_while_running_has_little_patience(grace, patience):
    """Whoever stops the scheduler kills it after a few seconds; the command has to be gone by then."""
    after, outputs = step(at(Running(100.0, 104.0)), replace(JOB, grace=grace), Stop(), 102.0)
    assert after.state == Ending(100.0, 102.0 + patience)
    assert after.stopping
    assert signals(outputs) == ENDING


@pytest.mark.parametrize(("deadline", "then"), [(112.0, 108.0), (106.0, 106.0)])
def test_stop_while_ending_brings_the_kill_closer_never_away(deadline, then):
    """The grace of a run that is being ended already may be long."""
    after, outputs = step(at(Ending(100.0, deadline)), JOB, Stop(), 105.0)
    assert after.state == Ending(100.0, then)
    assert not outputs


def test_stop_while_spawning_ends_the_command_once_born():
    """No command may come to life unseen after the scheduler was told to stop."""
    asked, outputs = step(at(Spawning()), JOB, Stop(), 100.1)
    assert not outputs
    after, outputs = step(asked, JOB, Spawned(1, 7), 100.2)
    assert after.state == Ending(100.2, 103.2)
    assert signals(outputs) == ENDING


@pytest.mark.parametrize(
    ("state", "given", "said"),
    [
        (Spawning(), SpawnFailed(1, "no such file: 'job'"), "cannot start 'job': no such file: 'job'"),
        (Ending(100.0, 108.0), Ended(1, -15), "'job' was killed by SIGTERM after 5 s"),
        (Killing(100.0, 106.0, said=True), Ended(1, -9), "'job' was killed by SIGKILL after 5 s"),
    ],
)
def test_no_run_follows_a_stop(state, given, said):
    """Stopped is stopped."""
    asked, _ = step(at(state), JOB, Stop(), 104.0)
    after, outputs = step(asked, JOB, given, 105.0)
    assert after.state == Over()
    assert words(outputs) == [said]
    assert deadline_of(after) is None
