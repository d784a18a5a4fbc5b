"""What becomes of signals that the reaper gets."""

from __future__ import annotations

import os
import signal

import pytest

from tests.reaper.reaping import LISTENER, Reaper, eventually, mask, parent, script, shell, state

NEVER = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ}
ALL = sorted(int(number) for number in signal.valid_signals() - NEVER)

# CMD and a child of it; both say who they are, and what they get.
FAMILY = LISTENER.replace('b"ready\\n"', 'b"ready %d\\n" % os.getpid()').replace(
    'b"got %d\\n" % number', 'b"%d got %d\\n" % (os.getpid(), number)'
)


def test_every_signal_that_can_be_caught_is_passed_on():
    """Whatever an operator sends the container is meant for CMD."""
    with Reaper("-s", *script(LISTENER)) as reaper:
        reaper.hear("ready")
        for number in ALL:
            reaper.send(number)
            assert reaper.line() == f"got {number}"


def test_every_signal_is_passed_on_by_pid_one(pid_one):
    """Bug 19: for PID 1 the kernel ignores whatever has no handler."""
    with Reaper(*script(LISTENER), before=pid_one) as reaper:
        reaper.hear("ready")
        for number in ALL:
            reaper.send(number)
            assert reaper.line() == f"got {number}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pid_one_ends_when_told_to(pid_one, number):
    """Bug 19: at the first signal, with CMD's status."""
    with Reaper(*shell("echo ready; exec sleep 60"), before=pid_one) as reaper:
        reaper.hear("ready")
        reaper.send(number)
        assert reaper.status() == 128 + number


def test_a_signal_during_the_start_is_not_lost():
    """Bug 19: from the moment on at which signals are held, before CMD is there, which gets it as its first."""
    with Reaper("-s", "sleep", "60") as reaper:
        eventually(lambda: mask(reaper.pid, "SigBlk") >> signal.SIGTERM - 1 & 1)
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 143


@pytest.mark.parametrize("group", [False, True])
def test_signals_go_to_cmd_alone_or_with_g_to_its_group(group):
    """CMD may want to tell its children itself; a shell script never does."""
    with Reaper("-s", *["-g"] * group, *script("import os\nos.fork()" + FAMILY)) as reaper:
        first, second = int(reaper.hear("ready")), int(reaper.hear("ready"))
        child = first if parent(first) == second else second
        reaper.send(signal.SIGUSR1)
        for _ in range(1 + group):
            reaper.line()
        os.kill(child, signal.SIGUSR2)  # comes after the other where both are to come
        reaper.hear(f"{child} got 12")
        assert (f"{child} got 10" in reaper.said) == group


def test_a_signal_is_rewritten():
    """SIGTERM is the orchestrator's word; nginx stops gracefully at SIGQUIT."""
    options = ["--rewrite", "15:3", "-r", "SIGHUP:usr1", "--rewrite=USR2:0"]
    with Reaper("-s", *options, *script(LISTENER)) as reaper:
        reaper.hear("ready")
        for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGHUP, signal.SIGINT):
            reaper.send(number)
            if number != signal.SIGUSR2:
                reaper.line()
        assert reaper.said[-3:] == ["got 3", "got 10", "got 2"]


def test_a_stop_from_outside_and_a_continue_reach_cmd():
    """Pausing the container's program by its PID 1."""
    with Reaper("-s", *shell("echo $$; exec sleep 60")) as reaper:
        pid = int(reaper.line())
        reaper.send(signal.SIGTSTP)
        eventually(lambda: state(pid) == "T")
        reaper.send(signal.SIGCONT)
        eventually(lambda: state(pid) == "S")
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 143


def test_a_hangup_ends_cmd_unless_nohup_was_asked_for():
    """Bug 65: what ignored SIGHUP when it was started survives the terminal."""
    with Reaper("-s", *shell("echo ready; exec sleep 60")) as reaper:
        reaper.hear("ready")
        reaper.send(signal.SIGHUP)
        assert reaper.status() == 129
    with Reaper("-s", *shell("echo ready; exec sleep 60"), before=["nohup"]) as reaper:
        reaper.hear("ready")
        reaper.send(signal.SIGHUP)
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 143


def test_an_ignored_sigchld_does_not_hide_the_end():
    """Some parents ignore SIGCHLD, which an exec keeps; the kernel would then reap in our place."""
    text = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"
    with Reaper("-s", *shell("exit 5"), before=script(text)) as reaper:
        assert reaper.status() == 5
