"""What becomes of processes that lose their parent."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.reaper.reaping import Reaper, eventually, parent, script, shell, state

# Leaves N orphans that end at once, waits until all of them have and nobody can wait for them but the reaper.
ORPHANS = """
import os, sys
held, gate = os.pipe()
for _ in range(int(sys.argv[1])):
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:
            os._exit(3)
        os._exit(0)
    os.waitpid(middle, 0)
os.close(gate)
os.read(held, 1)
os.write(1, b"all gone\\n")
while True:
    os.read(0, 1)
"""


def children(pid):
    """Return the states of a process's children, by pid."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): state(int(child)) for child in listed}


@pytest.mark.parametrize("number", [1, 100])
def test_a_hundred_orphans_leave_no_zombie_under_pid_one(pid_one, number):
    """Bug 18: their SIGCHLDs merge, so one has to do for all."""
    _no_zombie_of(number, before=pid_one)


def test_a_hundred_orphans_leave_no_zombie_under_a_subreaper():
    """Bug 18: with -s the same where PID 1 is somebody else."""
    _no_zombie_of(100, options=["-s"])


def _no_zombie_of(number, before=(), options=()):
    read, write = os.pipe()
    try:
        with Reaper(*options, *script(ORPHANS, number), before=before, stdin=read) as reaper:
            reaper.hear("all gone")
            eventually(lambda: list(children(reaper.pid).values()) == ["S"])  # CMD, waiting for input
            reaper.send(signal.SIGTERM)
            assert reaper.status() == 143
    finally:
        os.close(read)
        os.close(write)


def test_the_end_of_a_stranger_changes_nothing():
    """Bug 20: a process nobody here started is adopted, ends badly, and is reaped."""
    text = "(sleep 60 & echo $!); echo ready; exec sleep 60"
    with Reaper("-s", *shell(text)) as reaper:
        orphan = int(reaper.line())
        eventually(lambda: parent(orphan) == reaper.pid)
        os.kill(orphan, signal.SIGSEGV)
        eventually(lambda: state(orphan) == "")
        eventually(lambda: list(children(reaper.pid).values()) == ["S"])
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 143


def test_without_s_orphans_go_elsewhere():
    """It promises no more than it can: the line at its start says so too."""
    with Reaper(*shell("(sleep 60 & echo $!); exec sleep 60")) as reaper:
        reaper.hear("ncolony reaper:")
        orphan = int(reaper.line())
        eventually(lambda: parent(orphan) not in (0, reaper.pid))
        reaper.send(signal.SIGTERM)
        assert reaper.status() == 143
        eventually(lambda: state(orphan) == "S")


def test_it_does_nothing_while_nothing_happens():
    """It never polls: it waits for a signal, without any time limit."""
    with Reaper("-s", *shell("echo ready; exec sleep 60")) as reaper:
        reaper.hear("ready")
        eventually(lambda: state(reaper.pid) == "S")
        try:
            call = Path(f"/proc/{reaper.pid}/syscall").read_text().split()
        except OSError as error:
            pytest.skip(f"this system does not show what a process waits in: {error}")
        _, _, _, limit, *_ = call  # rt_sigtimedwait(set, info, limit, size)
        assert limit == "0x0"
