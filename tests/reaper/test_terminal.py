"""The reaper on a terminal: as `docker run -it` starts it, and as a job of a shell."""

from __future__ import annotations

import os
import pty
import signal

import pytest

from tests.reaper.reaping import Reaper, eventually, mask, script, shell, state

# Makes the terminal named by its first argument its own, and becomes the rest.
ON_TERMINAL = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
for standard in range(3):
    os.dup2(fd, standard)
os.closerange(3, 100)
os.execvp(sys.argv[2], sys.argv[2:])
"""
# The least of a shell with job control: one job, in the foreground; when it stops, waits for a line and continues it.
SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        break
    print("stopped", flush=True)
    os.read(0, 100)
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
print("status", os.waitstatus_to_exitcode(status), flush=True)
"""
ECHO = shell('echo "pid $$"; while read line; do echo "got $line"; done; exit 9')


class Screen:
    """A terminal, seen from where a person sits."""

    def __init__(self):
        """Open one."""
        self.fd, slave = pty.openpty()
        self.before = script(ON_TERMINAL, os.ttyname(slave))
        self._slave = slave  # held, so that the terminal is there before and after its user

    def type(self, text):
        """Press keys."""
        os.write(self.fd, text)

    def close(self):
        """Switch it off."""
        for fd in {self.fd, self._slave} - {-1}:
            os.close(fd)
        self.fd = self._slave = -1


@pytest.fixture
def screen():
    """Return a terminal."""
    screen = Screen()
    yield screen
    screen.close()


def on(screen, *words, before=()):
    """Start a reaper on a terminal."""
    return Reaper(*words, before=[*screen.before, *before], source=screen.fd)


def test_cmd_is_in_the_foreground_and_can_read(screen):
    """Even if it reads before it is: it is told to go on."""
    with on(screen, "-s", *ECHO) as reaper:
        pid = int(reaper.hear("pid"))
        screen.type(b"hello\n")
        reaper.hear("got hello")
        assert os.tcgetpgrp(screen.fd) == pid
        screen.type(b"\x04")
        assert reaper.status() == 9


@pytest.mark.parametrize("options", [[], ["--respawn"]])
def test_ctrl_c_ends_cmd_for_good(screen, options):
    """The person at the terminal has asked for it."""
    with on(screen, "-s", *options, *ECHO) as reaper:
        pid = int(reaper.hear("pid"))
        eventually(lambda: os.tcgetpgrp(screen.fd) == pid)
        screen.type(b"\x03")
        assert reaper.status() == 130


def test_ctrl_z_does_not_freeze_what_nobody_could_thaw(screen):
    """In a container there is no shell above to say `fg`."""
    with on(screen, "-s", *ECHO) as reaper:
        pid = int(reaper.hear("pid"))
        eventually(lambda: os.tcgetpgrp(screen.fd) == pid)
        screen.type(b"\x1a")
        screen.type(b"hello\n")
        reaper.hear("got hello")
        screen.type(b"\x04")
        assert reaper.status() == 9


def test_ctrl_z_stops_the_job_of_a_shell_and_fg_continues_it(screen):
    """CMD has a group of its own, but to the shell it is one job."""
    with on(screen, "-s", *ECHO, before=script(SHELL)) as reaper:
        pid = int(reaper.hear("pid"))
        eventually(lambda: os.tcgetpgrp(screen.fd) == pid)
        for word in (b"once", b"again"):
            screen.type(b"\x1a")
            reaper.hear("^Zstopped")
            assert state(pid) == "T"
            screen.type(b"fg\n")
            eventually(lambda: os.tcgetpgrp(screen.fd) == pid)
            screen.type(word + b"\n")
            reaper.hear(f"got {word.decode()}")
        screen.type(b"\x04")
        assert reaper.hear("status") == "9"


def test_the_terminal_is_given_back(screen):
    """A script goes on reading where it was."""
    text = '"$@"; echo done; read line; echo "script got $line"'
    with on(screen, "-s", "true", before=shell(text)) as reaper:
        reaper.hear("done")
        screen.type(b"hello\n")
        reaper.hear("script got hello")


def test_in_a_pipeline_the_terminal_is_shared(screen):
    """The other end may be a pager, which needs the keys; ctrl-C comes to CMD by way of the reaper."""
    with on(screen, "-s", *shell("echo $$ >&2; exec sleep 60"), before=shell('"$@" | cat; echo over')) as reaper:
        pid = int(reaper.line())
        assert os.tcgetpgrp(screen.fd) != pid
        screen.type(b"\x03")
        eventually(lambda: state(pid) == "")


@pytest.mark.parametrize("number", [signal.SIGHUP, None])
def test_closing_the_terminal_ends_what_does_not_ignore_it(screen, number, tmp_path):
    """Bug 65: a daemon that ignores SIGHUP goes on, and the reaper with it."""
    ignore = "" if number else "trap '' HUP; "
    text = f'{ignore}echo "pid $$"; exec sleep 60'
    with on(screen, "-s", *shell(text)) as reaper:
        pid = int(reaper.hear("pid"))
        eventually(lambda: os.tcgetpgrp(screen.fd) == pid)
        screen.close()
        if number is None:
            eventually(lambda: mask(reaper.pid, "SigPnd", "ShdPnd") == 0 and state(reaper.pid) == "S")
            eventually(lambda: state(pid) == "S")
            reaper.send(signal.SIGTERM)
        assert reaper.status() == 128 + (number or signal.SIGTERM)
