"""The scheduler as people run it: ``python -m twisted ncolony-scheduler``, with real commands."""

import re
import signal
import time

import pytest

from ncolony.programs.scheduler import Options

STUBBORN = "trap '' TERM; echo pid $$; while :; do sleep 0.05; done"
BORN = r"^pid (\d+)$"


def shell(script):
    """Return the options for a shell script."""
    return ("--arg=sh", "--arg=-c", f"--arg={script}")


def words(*options):
    """Return the words of the command and its numbers, as read from a command line."""
    read = Options()
    read.parseOptions(options)
    return read.job.args, read.job.every, read.job.timeout, read.job.grace


@pytest.mark.parametrize("reactor", ["default", "select", "poll", "epoll", "asyncio"])
def test_it_runs_at_once_and_again_on_every_reactor(scheduler, reactor):
    """The walkthrough's command, with a shorter period."""
    options = ("--arg=echo", "--arg=hello", "--frequency=0.3", "--timeout=5", "--grace=10")
    one = scheduler(*options, twist=("--log-format=text", f"--reactor={reactor}"))
    one.until(r"^hello$", times=3)
    one.until("'echo' exited with status 0 after", times=2)
    assert one.stop() < 3
    assert not one.alive()


def test_kernels_without_pidfds(scheduler):
    """Ends are learned from SIGCHLD there; the promises are the same."""
    one = scheduler(*shell(STUBBORN), "--frequency=0.5", "--timeout=0.2", "--grace=0.1", pidfds=False)
    one.until("'sh' was killed by SIGKILL after", times=2)
    one.until(BORN, times=3)
    one.stop()
    assert not one.alive()


def test_runs_leave_no_descriptor_open(scheduler):
    """A scheduler runs for years."""
    one = scheduler("--arg=echo", "--arg=hello", "--frequency=0.2")
    one.until("'echo' exited with status 0", times=1)
    before = one.descriptors()
    one.until("'echo' exited with status 0", times=5)
    assert one.descriptors() <= before + 3  # of a run that is under way just now


def test_the_first_run_does_not_wait_for_the_period(scheduler):
    """``hello`` appears at once, as itself, whatever log format twist chooses."""
    one = scheduler("--arg=echo", "--arg=hello", "--frequency=86400", twist=())
    one.until(r"^hello$")


def test_periods_are_counted_from_the_scheduled_times(scheduler):
    """Runs that take most of the period must not stretch it."""
    one = scheduler(*shell("date +now:%s.%N; sleep 0.2"), "--frequency=0.4")
    starts = [float(found[1]) for found in one.until(r"now:([\d.]+)", times=6)]
    assert 1.5 < starts[5] - starts[0] < 2.9  # five periods are 2; five runs and five waits would be 3


def test_term_after_the_timeout_then_kill_after_the_grace(scheduler):
    """A command that ignores SIGTERM is gone all the same, and the next run comes."""
    one = scheduler(*shell(STUBBORN), "--frequency=1.5", "--timeout=0.4", "--grace=0.5")
    one.until("'sh' has run for 0.4 s, its timeout, and gets SIGTERM")
    termed = time.monotonic()
    one.until("'sh' has not ended in time and gets SIGKILL")
    assert time.monotonic() - termed >= 0.1
    one.until("'sh' was killed by SIGKILL after .*; next start in")
    one.until(BORN, times=2)


def test_a_command_that_heeds_term_is_not_killed(scheduler):
    """It may end well."""
    script = "trap 'echo tidied up; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    one = scheduler(*shell(script), "--frequency=30", "--timeout=0.3", "--grace=20")
    one.until("tidied up")
    one.until("'sh' exited with status 7 after")


def test_never_two_runs_at_a_time(scheduler, tmp_path):
    """Runs longer than the period; a lock that is taken would say so."""
    lock = tmp_path / "lock"
    script = f"mkdir {lock} 2>/dev/null || echo two at a time; sleep 0.4; rmdir {lock}; echo done"
    one = scheduler(*shell(script), "--frequency=0.3")
    one.until(r"^done$", times=3)
    one.until("'sh' exited with status 0 after .*skipped; next start in", times=2)
    one.stop()
    assert not [line for line in one.lines if "two at a time" in line]


def test_a_child_left_in_the_background_counts_as_running(scheduler):
    """A shell's child that outlives it is ended with the run, not left behind."""
    one = scheduler(*shell("sleep 1000 & echo pid $!"), "--frequency=30", "--timeout=0.3", "--grace=5")
    one.until(BORN)
    one.until("'sh' has run for 0.3 s, its timeout")
    one.until("'sh' exited with status 0 after")
    assert len(one.alive()) == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("ncolony-no-such-command", "no such file: 'ncolony-no-such-command' is not on its PATH"),
        ("/dev/null", "not executable: '/dev/null'"),
        ("/", "not executable: '/' is a directory"),
    ],
)
def test_a_command_that_cannot_start_is_reported_and_tried_again(scheduler, command, reason):
    """Its reason stands in the log, and the scheduler goes on."""
    one = scheduler(f"--arg={command}", "--frequency=0.3")
    one.until(f"cannot start '{command}': {reason}.*; next start in 0[.][0-9]+ s", times=2)


def test_a_failed_command_is_tried_until_it_is_there(scheduler, tmp_path):
    """Next time, it may have been installed."""
    script = tmp_path / "later"
    one = scheduler(f"--arg={script}", "--frequency=0.3")
    one.until("cannot start")
    ready = tmp_path / "new"
    ready.write_text("#!/bin/sh\necho here I am\n", encoding="utf-8")
    ready.chmod(0o755)
    ready.rename(script)
    one.until("here I am")


def test_the_command_gets_the_environment_but_not_the_notify_socket(scheduler):
    """It belongs to the same program, and must not speak to a service manager in the scheduler's name."""
    one = scheduler(*shell("echo name=$NCOLONY_NAME socket=$NOTIFY_SOCKET."), "--frequency=30")
    one.until(r"name=job socket=\.$")


def test_output_comes_line_by_line_as_it_is_written(scheduler):
    """Not at the end of the run; of both streams; bytes that are no text are spelled out."""
    one = scheduler(*shell(r"echo out; echo err >&2; printf '\377\n'; exec sleep 1000"), "--frequency=30")
    one.until(r"^out$")
    one.until(r"^err$")
    one.until(r"^\\xff$")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_scheduler_ends_the_command_at_once(scheduler, number):
    """As a colony stops it, and as Ctrl-C does."""
    one = scheduler(*shell("echo pid $$; sleep 1000"), "--frequency=30", "--grace=10")
    one.until(BORN)
    assert one.stop(number) < 3
    assert not one.alive()
    one.until("stopping: 'sh' gets SIGTERM, and SIGKILL after 3 s")
    one.until("'sh' was killed by SIGTERM after")


def test_a_stubborn_command_is_gone_before_a_colony_loses_patience(scheduler):
    """The colony kills the scheduler after 5 seconds; a grace of 60 must not leave the command behind."""
    one = scheduler(*shell(STUBBORN), "--frequency=30", "--grace=60")
    one.until(BORN)
    assert 2.9 < one.stop() < 5
    assert not one.alive()


def test_a_paused_command_is_ended_too(scheduler):
    """SIGCONT follows SIGTERM; without it a paused command would need SIGKILL."""
    one = scheduler(*shell("trap 'echo tidied up; exit' TERM; echo pid $$; kill -STOP $$"), "--frequency=30")
    one.until(BORN)
    assert one.stop() < 3
    one.until("tidied up")


def test_fractions_and_units():
    """Seconds with fractions, and the spellings of a colony's files."""
    given = ("--arg=echo", "--arg=--frequency=9", "--frequency=1.5", "--timeout=500ms", "--grace=.25")
    assert words(*given) == (("echo", "--frequency=9"), 1.5, 0.5, 0.25)


def test_timeout_and_grace_may_be_left_out():
    """Then a run may take as long as it likes, and has as long to end as any program of a colony; short names work."""
    assert words("--arg=echo", "--freq=10") == (("echo",), 10.0, None, 5.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--frequency=1"], "cannot run without a command: give it, --arg=COMMAND"),
        (["--arg=", "--frequency=1"], "cannot run without a command"),
        (["--arg=x"], "cannot run without --frequency: give the period"),
        (["--arg=x", "--frequency=0"], "cannot use --frequency '0': wanted a number of seconds, at least 0.001"),
        (["--arg=x", "--frequency=often"], "cannot use --frequency 'often'"),
        (["--arg=x", "--frequency=nan"], "cannot use --frequency 'nan'"),
        (["--arg=x", "--frequency=1e300"], "cannot use --frequency '1e300'"),
        (["--arg=x", "--frequency=1", "--timeout=0"], "cannot use --timeout '0'"),
        (
            ["--arg=x", "--frequency=1", "--grace=-1"],
            "cannot use --grace '-1': wanted a number of seconds, at least 0$",
        ),
        (["--timeout=x", "--grace=y"], "without a command.*without --frequency.*--timeout 'x'.*--grace 'y'"),
        (["--frequency=1", "echo"], "cannot use 'echo': each word of the command has to be given as --arg=WORD"),
        (["--nosuch"], "cannot read the options: option --nosuch not recognized"),
    ],
)
def test_bad_options_are_one_line_and_status_2(capsys, options, said):
    """All that is wrong at once, and no traceback."""
    with pytest.raises(SystemExit) as ending:
        Options().parseOptions(options)
    assert ending.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ncolony-scheduler: cannot ")
    assert re.search(said, line)


def test_bad_options_from_the_shell(scheduler):
    """The same through twist itself."""
    one = scheduler("--arg=echo")
    assert one.ends() == 2
    assert len(one.lines) == 1
