"""What --respawn promises: CMD is back after a crash, the rest goes on, and what happened meanwhile can be read."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.reaper.reaping import PATIENCE, SOURCES, Reaper, eventually, parent, run, script, shell, start_time, state

KEPT = f"import sys; sys.path.insert(0, {SOURCES!r})\nimport os, signal\nfrom ncolony.posix import kept_exits\n"

# The first run leaves a child that waits for a go, and waits itself; the second shows what it finds.
SUPERVISOR = """
fd = kept_exits.take(os.environ)
assert "NCOLONY_EXITS" not in os.environ
if not kept_exits.read_exits(fd) and not os.path.exists(sys.argv[1]):
    open(sys.argv[1], "w").close()
    if os.fork() == 0:
        os.write(1, b"child %d\\n" % os.getpid())
        os.read(0, 1)
        os._exit(7)
    os.write(1, b"first %d\\n" % os.getpid())
    signal.pause()
os.write(1, b"second %d\\n" % os.getpid())
while True:
    os.read(0, 1)
    for (pid, began), status in kept_exits.read_exits(fd).items():
        os.write(1, b"kept %d %d %d\\n" % (pid, began, status))
    os.write(1, b"that is all\\n")
"""


@pytest.fixture
def gate():
    """Return a pipe's reading end, and a function that lets one reader through."""
    read, write = os.pipe()
    yield read, lambda: os.write(write, b"!")
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_death_by_a_signal_that_was_not_passed_on_is_a_crash(number):
    """Also by SIGTERM, if somebody inside has sent it."""
    with Reaper("-s", "--respawn", *shell("ulimit -c 0; echo $$; exec sleep 60")) as reaper:
        first = int(reaper.line())
        os.kill(first, number)
        assert reaper.hear("ncolony reaper:") == f"'sh' was killed by signal {number}; starting it again in 1 s"
        second = int(reaper.line())
        assert second != first
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 143


@pytest.mark.parametrize("status", [1, 139])
def test_an_error_nobody_caught_is_a_crash(status):
    """1 is what interpreters say of one, 128 and a signal what shells say of a death."""
    with Reaper("-s", "--respawn", *shell(f"echo ready; exit {status}")) as reaper:
        reaper.hear("ready")
        assert reaper.hear("ncolony reaper:").startswith(f"'sh' exited with status {status}; starting it again")
        reaper.hear("ready")


@pytest.mark.parametrize("status", [0, 2, 100, 125, 126, 127])
def test_any_other_exit_is_meant(status):
    """A wrong command line does not get better by being read again."""
    assert run("-s", "--respawn", *shell(f"exit {status}")) == (status, [])


@pytest.mark.parametrize("status", [1, 137])
def test_an_end_that_cmd_declares_final_is_meant(status):
    """A colony that ends with a critical program's status is not to be started again."""
    text = f"{KEPT}kept_exits.declare_final(kept_exits.take(os.environ)); sys.exit({status})"
    assert run("-s", "--respawn", *script(text)) == (status, [])


def test_without_respawn_a_crash_is_the_end():
    """The orchestrator restarts the container, if anybody."""
    assert run("-s", *shell("kill -9 $$")) == (137, [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_after_a_request_to_stop_is_meant(number):
    """Whatever it looks like: a stop that fails with a traceback is still a stop."""
    text = "import os, signal\nsignal.signal({0}, lambda *_: os._exit(1))\nos.write(1, b'ready\\n')\nsignal.pause()"
    with Reaper("-s", "--respawn", *script(text.format(int(number)))) as reaper:
        reaper.hear("ready")
        reaper.send(number)
        assert reaper.rest() == []
        assert reaper.status() == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_a_death_by_the_signal_that_was_passed_on_is_meant(number):
    """Who sends a signal that CMD has no use for wants its end."""
    with Reaper("-s", "--respawn", *shell("ulimit -c 0; echo ready; exec sleep 60")) as reaper:
        reaper.hear("ready")
        reaper.send(number)
        assert reaper.rest() == []
        assert reaper.status() == 128 + number


def test_a_reload_is_no_request_to_stop():
    """SIGHUP is a supervisor's reload; killed after one, it has to come back."""
    text = "import os, signal\nsignal.signal(1, lambda *_: os.write(1, b'reloaded\\n'))\n"
    text += "os.write(1, b'ready %d\\n' % os.getpid())\nwhile True: signal.pause()"
    with Reaper("-s", "--respawn", *script(text)) as reaper:
        pid = int(reaper.hear("ready"))
        reaper.send(signal.SIGHUP)
        reaper.hear("reloaded")
        os.kill(pid, signal.SIGKILL)
        assert int(reaper.hear("ready")) != pid


def test_what_cmd_has_started_goes_on_and_its_end_is_kept(tmp_path, gate):
    """A supervisor that was killed finds its processes alive, and how those ended that ended without it."""
    command = script(KEPT + SUPERVISOR, tmp_path / "was-here")
    with Reaper("-s", "--respawn", *command, stdin=gate[0]) as reaper:
        child, supervisor = _both(reaper)
        began = start_time(child)
        os.kill(supervisor, signal.SIGKILL)
        eventually(lambda: parent(child) == reaper.pid)
        gate[1]()  # the child's, as there is no other reader; it ends with status 7 while CMD is not there
        assert int(reaper.hear("second")) != supervisor
        gate[1]()
        assert reaper.hear("kept") == f"{child} {began} {7 << 8}"
        assert reaper.line() == "that is all"


def test_who_finds_the_pid_gone_finds_the_status(tmp_path, gate):
    """It is put down before the process is reaped, so there is no moment in which neither is there."""
    text = "import os\nfor _ in range(50):\n    if not os.fork(): os.read(0, 1); os._exit(5)\n"
    command = script(KEPT + WATCHER, tmp_path / "was-here", text)
    with Reaper("-s", "--respawn", *command, stdin=gate[0]) as reaper:
        os.kill(int(reaper.hear("first")), signal.SIGKILL)
        reaper.hear("second")
        for _ in range(50):
            gate[1]()
            assert reaper.line() == "was there"


# The second run watches the first one's children through pidfds, and looks for each one's status once it is reaped.
WATCHER = """
fd = kept_exits.take(os.environ)
if not os.path.exists(sys.argv[1]):
    exec(sys.argv[2])
    with open(sys.argv[1], "w") as file:
        print(open(f"/proc/self/task/{os.getpid()}/children").read(), file=file)
    os.write(1, b"first %d\\n" % os.getpid())
    signal.pause()
pids = set(map(int, open(sys.argv[1]).read().split()))
os.write(1, b"second\\n")
while pids:
    for pid in list(pids):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            pids.remove(pid)
            found = any(kept == pid and status == 5 << 8 for (kept, _), status in kept_exits.read_exits(fd).items())
            os.write(1, b"was there\\n" if found else b"was not there\\n")
signal.pause()
"""


def test_it_waits_twice_as_long_after_every_short_run():
    """A CMD that crashes at once does not keep the machine busy."""
    with Reaper("-s", "--respawn", *shell("echo run; kill -9 $$")) as reaper:
        reaper.hear("run")
        for delay in (1, 2):
            began = time.monotonic()
            assert reaper.line().endswith(f"starting it again in {delay} s")
            assert reaper.line() == "run"
            assert time.monotonic() - began >= delay * 0.9
        assert reaper.line().endswith("starting it again in 4 s")
        reaper.send(signal.SIGTERM)
        assert reaper.rest() == []
        assert reaper.status() == 137


def test_after_a_run_of_a_second_it_is_back_at_once():
    """A supervisor that was killed after a day is missed now."""
    with Reaper("-s", "--respawn", *shell("echo run; sleep 1.1; kill -9 $$")) as reaper:
        reaper.hear("run")
        assert reaper.hear("ncolony reaper:") == "'sh' was killed by signal 9; starting it again"
        reaper.hear("run")


def test_orphans_are_reaped_while_it_waits():
    """Bug 18: there is no time off."""
    with Reaper("-s", "--respawn", *shell("sleep 60 & echo $!; kill -9 $$")) as reaper:
        orphan = int(reaper.line())
        reaper.hear("ncolony reaper:")
        os.kill(orphan, signal.SIGKILL)
        eventually(lambda: state(orphan) == "")


def test_a_stop_while_it_waits_ends_what_is_left():
    """Nobody is there to pass it on to, and it is meant for all."""
    with Reaper("-s", "--respawn", "--grace", "600", *shell("sleep 60 & echo $!; kill -9 $$")) as reaper:
        orphan = int(reaper.line())
        reaper.hear("ncolony reaper:")
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 137
        assert state(orphan) == ""


def test_a_cmd_that_cannot_be_started_again_is_tried_again(tmp_path):
    """It may be in the middle of being replaced by a newer one."""
    command = tmp_path / "command"
    command.write_text('#!/bin/sh\necho run\n[ -n "$AGAIN" ] || rm "$0"; kill -9 $$\n')
    command.chmod(0o755)
    with Reaper("-s", "--respawn", command) as reaper:
        reaper.hear("run")
        assert "was killed by signal 9" in reaper.hear("ncolony reaper:")
        said = reaper.hear("ncolony reaper:")
        assert said == f"cannot start '{command}': no such file: '{command}'; starting it again in 2 s"
        began = time.monotonic()
        command.write_text("#!/bin/sh\necho new; exit 2\n")
        command.chmod(0o755)
        reaper.hear("new")
        assert time.monotonic() - began < PATIENCE
        assert reaper.status() == 2


def test_a_first_start_that_fails_is_not_tried_again():
    """That is a wrong command line."""
    assert run("-s", "--respawn", "no-such-command-anywhere")[0] == 127


def test_it_works_as_pid_one(pid_one):
    """Where it is meant for."""
    with Reaper("--respawn", *shell("echo run; read x; kill -9 $$"), before=pid_one) as reaper:
        reaper.hear("run")
        assert "was killed by signal 9" in reaper.hear("ncolony reaper:")
        reaper.hear("run")


def _both(reaper):
    pids = dict(reaper.line().split() for _ in range(2))
    return int(pids["child"]), int(pids["first"])
