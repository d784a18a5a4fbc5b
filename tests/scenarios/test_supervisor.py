"""What the supervisor itself is like: small, silent when nothing happens, and hard to disturb."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.scenarios.colony import (
    PYTHON,
    SLEEP,
    SOURCE,
    is_alive,
    on_both,
    on_every_reactor,
    on_native,
    status_of,
    until,
)

DEAR = {
    "argparse", "asyncio", "concurrent", "dataclasses", "inspect", "logging", "multiprocessing", "pathlib", "socket",
    "ssl", "subprocess", "threading", "twisted", "typing", "zope",
}  # fmt: skip


@on_native
def test_the_native_supervisor_imports_nothing_dear(colony):
    """Each of these costs megabytes, and milliseconds of every start; together they are more than all the rest.

    Looked at from outside, after it has done a bit of everything: a late import counts as well.
    """
    colony.conf("web", {"args": SLEEP})
    colony.conf("user", {"args": SLEEP, "uid": os.getuid(), "gid": os.getgid()})
    colony.conf("bad", "{}")
    # -S: what the environment's own site hooks import is not the supervisor's.
    command = [PYTHON, "-S", "-X", "importtime", "-m", "ncolony", "run", *colony.directories()]
    colony.start("--frequency", "5", command=command, coverage=False)
    before = colony.pid_of("web")
    colony.message({"type": "RESTART", "name": "web"})
    colony.pid_of("web", before)
    colony.message("{}", "bad")
    colony.wait_for("cannot use the message")
    colony.remove("user")
    colony.wait_for("user was removed")
    colony.send(signal.SIGHUP)
    colony.fence()
    assert colony.stop() == 0
    lines = [line for line in colony.text.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
    assert "ncolony" in imported
    assert not imported & DEAR


@on_every_reactor
def test_an_idle_supervisor_sleeps(colony):
    """No poll, no tick: a laptop's battery and a host with a thousand containers thank you. Counted, not timed."""
    for number in range(20):
        colony.conf(f"p{number}", {"args": SLEEP})
    colony.start(coverage=False)
    until(lambda: len(colony.pids()) == 20, "all programs")
    colony.fence()

    def wakes(seconds):
        """Count how often the supervisor was put to sleep, so was awake, in that time."""
        before = _switches(colony.pid)
        time.sleep(seconds)
        return _switches(colony.pid) - before

    until(lambda: wakes(0.3) == 0, "things to settle")
    assert wakes(1.0) <= 1


def _switches(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int(status_of(f"{pid}/task/{task.name}")["voluntary_ctxt_switches"]) for task in tasks)


WATCH_STARTS = """import os, sys
STARTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
log = os.open(os.environ["STARTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
sys.addaudithook(lambda event, _: event in STARTS and os.write(log, event.encode() + b"\\n"))
"""


@on_both
def test_the_supervisor_never_forks(colony):
    """Bug 66: a fork copies locks that another thread may hold for ever. Every start is a spawn."""
    (colony.folder / "sitecustomize.py").write_text(WATCH_STARTS)
    starts = colony.folder / "starts"
    colony.conf("web", {"args": SLEEP, "cwd": "/", "umask": "022", "env_inherit": []})
    colony.conf("user", {"args": SLEEP, "uid": os.getuid(), "gid": os.getgid(), "env_inherit": []})
    path = {"PYTHONPATH": f"{colony.folder}:{SOURCE}", "STARTS": str(starts)}
    colony.start(coverage=False, env=path)
    colony.wait_for("user runs")
    web, user = colony.pid_of("web"), colony.pid_of("user")
    colony.message({"type": "RESTART-ALL"})
    colony.pid_of("web", web)
    colony.pid_of("user", user)
    assert starts.read_text().split() == ["os.posix_spawn"] * 5  # the keeper's, and two for each


@on_native
def test_a_reader_that_reads_nothing_holds_nobody_up(colony):
    """Standard error is a pipe, and full: programs still restart, messages still count, ctl still answers."""
    read, write = os.pipe()
    colony.conf("loud", {"args": ["sh", "-c", "yes | head -c 4000000; exec sleep 1000"]})
    colony.conf("web", {"args": SLEEP})
    colony.start("-t", "0", stdout=write, stderr=write)
    os.close(write)
    try:
        web = colony.pid_of("web")
        loud = colony.pid_of("loud")
        until(lambda: Path(f"/proc/{loud}/cmdline").read_bytes().startswith(b"sleep"), "all of it to be taken")
        os.kill(web, signal.SIGKILL)
        web = colony.pid_of("web", web)
        colony.ctl("restart", "web")
        colony.pid_of("web", web)
        colony.send(signal.SIGTERM)
        assert colony.process.wait(30) == 0
    finally:
        os.close(read)


@on_native
def test_what_a_late_reader_missed_is_counted(colony):
    """A log that lost lines and does not say so is worse than none."""
    read, write = os.pipe()
    colony.conf("loud", {"args": ["sh", "-c", "yes | head -c 4000000; exec sleep 1000"]})
    colony.start(stdout=write, stderr=write, source=read)
    os.close(write)
    (loud,) = until(lambda: colony.pids("loud"), "a process that is loud")
    until(lambda: Path(f"/proc/{loud}/cmdline").read_bytes().startswith(b"sleep"), "all of it to be taken")

    def accounted():
        """Count what is there and what is said to be missing; it may be said more than once."""
        colony.here()
        notes = re.findall(
            r"^ncolony: (\d+) lines were dropped: nobody read standard error$", colony.text, re.MULTILINE
        )
        return bool(notes) and sum(map(int, notes)) + colony.count(r"^loud \| y$")

    # One line more, where only the end of a line was dropped.
    until(lambda: accounted() in {2_000_000, 2_000_001}, "every line, or a word of it")
    colony.stop()
    os.close(read)


@on_native
def test_a_reader_that_goes_away_takes_nobody_with_it(colony):
    """``ncolony run … | head``: the pipe breaks, the colony does not."""
    colony.conf("web", {"args": ["sh", "-c", "echo here; exec sleep 1000"]})
    head = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    colony.start("-t", "0", stdout=head.stdin, stderr=head.stdin)
    head.stdin.close()
    before = colony.pid_of("web")
    assert head.wait(30) == 0
    for _ in range(3):
        os.kill(before, signal.SIGKILL)
        before = colony.pid_of("web", before)
    assert colony.stop() == 0


# Strangers ----------------------------------------------------------------------------------------------------------


@on_both
def test_a_child_from_before_the_start_is_no_trouble(colony):
    """Bug 20: a shell that leaves a job behind and becomes the supervisor; the end of that job is none of ours."""
    colony.conf("web", {"args": SLEEP})
    colony.start(prefix=("sh", "-c", 'read _ <>"$0" & echo "$!" >stranger; exec "$@"', _fifo(colony)))
    before = colony.pid_of("web")
    stranger = int((colony.folder / "stranger").read_text())
    os.kill(stranger, signal.SIGKILL)
    until(lambda: not is_alive(stranger), "the stranger's end")
    os.kill(before, signal.SIGKILL)
    colony.pid_of("web", before)


def _fifo(colony):
    os.mkfifo(colony.folder / "fifo")
    return str(colony.folder / "fifo")


SUBREAPER = (
    PYTHON, "-c",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])",
)  # fmt: skip


@on_both
def test_an_orphan_that_becomes_a_child_is_no_trouble(colony):
    """Bug 20: in a container orphans are handed to the supervisor, at any time and in any number."""
    script = "for i in 1 2 3 4 5 6 7 8; do (sleep 0.01 &) ; done; echo done; exec sleep 1000"
    colony.conf("web", {"args": ["sh", "-c", script]})
    colony.start("-t", "0", prefix=SUBREAPER)
    for _ in range(3):
        here = colony.here()
        before = colony.pid_of("web")
        colony.wait_for(r"web \| done$")
        os.kill(before, signal.SIGKILL)
        colony.pid_of("web", before)
        colony.wait_for(r"web \| done$", since=here)
    assert colony.stop() == colony.host.status(signal.SIGTERM)


UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--")


@on_both
def test_a_colony_runs_as_process_1(colony):
    """Bugs 19 and 20: process 1 gets no default actions and every orphan; it stops in order all the same."""
    try:
        subprocess.run([*UNSHARE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a pid namespace to be process 1 in")
    colony.conf("web", {"args": ["sh", "-c", "(sleep 0.01 &); echo orphaned one; exec sleep 1000"]})
    colony.start(prefix=UNSHARE)
    colony.wait_for(r"web \| orphaned one$")
    supervisor = int(Path(f"/proc/{colony.pid}/task/{colony.pid}/children").read_text())
    here = colony.here()
    colony.message({"type": "RESTART", "name": "web"})
    colony.wait_for(r"web \| orphaned one$", since=here)
    os.kill(supervisor, signal.SIGTERM)
    colony.ended()
    colony.wait_for("web was killed by SIGTERM; stopped")
    assert not is_alive(supervisor)
