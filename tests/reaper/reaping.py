"""What the tests of the reaper share: a reaper as a process of its own, and commands for it to run."""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

import ncolony

SOURCES = str(Path(ncolony.__file__).parents[1])
PATIENCE = 20.0  # seconds: more than anything here takes on a busy machine
MARK = "NCOLONY_TEST_MARK"
UNSHARE = (
    ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"],
)

# Says which signals come; ends by none of them.
LISTENER = """
import os, signal
for number in sorted(signal.valid_signals() - {9, 19, 17, 32, 33}):
    signal.signal(number, lambda number, _: os.write(1, b"got %d\\n" % number))
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""


def script(text, *args):
    """Return the command that runs a Python text."""
    return [sys.executable, "-I", "-S", "-c", text, *map(str, args)]


def shell(text, *args):
    """Return the command that runs a shell text."""
    return ["sh", "-c", text, "sh", *map(str, args)]


class Reaper:
    """A running reaper: what it and its command say, line by line, and its end."""

    def __init__(self, *words, before=(), source=None, **options):
        """Start ``ncolony reaper WORDS``, under the command ``before`` if there is one; listen to ``source``."""
        self.mark = str(uuid.uuid4())
        environment = {**os.environ, "PYTHONPATH": SOURCES, MARK: self.mark, **options.pop("env", {})}
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = [*before, sys.executable, "-m", "ncolony", "reaper", *map(str, words)]
        self.process = subprocess.Popen(command, env=environment, start_new_session=True, **(defaults | options))
        self.source = self.process.stdout.fileno() if source is None else source
        self.unread = b""
        self.said = []

    @property
    def pid(self):
        """The reaper's pid; seen from outside, where it is PID 1 of a namespace."""
        pid = self.process.pid
        if self.process.args[0] == "unshare":
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return pid

    def send(self, number):
        """Send the reaper a signal."""
        os.kill(self.pid, number)

    def line(self):
        """Return the next line; None at the end of the output."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.source], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no further line after {self.said}"
            try:
                got = os.read(self.source, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # a terminal's way to say that all have gone
                    raise
                got = b""
            if not got:
                return None
            self.unread += got
        line, _, self.unread = self.unread.partition(b"\n")
        self.said.append(line.decode().rstrip("\r"))
        return self.said[-1]

    def hear(self, beginning):
        """Read up to the line that begins so, and return the rest of it."""
        while True:
            line = self.line()
            assert line is not None, f"no line {beginning!r} in {self.said}"
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()

    def rest(self):
        """Return all further lines."""
        return list(iter(self.line, None))

    def status(self):
        """Return the exit status, once it is there."""
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while pids := marked(self.mark):
            for pid in pids:
                kill(pid)
        self.process.stdout.close()


def run(*words, **options):
    """Run a reaper to its end; return its status and the lines."""
    with Reaper(*words, **options) as reaper:
        lines = reaper.rest()
        return reaper.status(), lines


def marked(mark):
    """Return the pids of what a test has started and what lives, anywhere."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def kill(pid):
    """Kill a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def eventually(holds):
    """Wait until something holds that nobody tells of: states of processes that are not ours."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.005)


def state(pid):
    """Return the letter of a process's state; empty where there is none."""
    return (_stat(pid) or [""])[0]


def parent(pid):
    """Return the parent of a process that is there."""
    return int(_stat(pid)[1])


def start_time(pid):
    """Return when a process started, in clock ticks."""
    return int(_stat(pid)[19])


def mask(pid, *names):
    """Return the signals in these fields of a process's status, one bit each."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = 0
    for line in lines:
        name, _, value = line.partition(":")
        if name in names:
            found |= int(value, 16)
    return found


def _stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def as_pid_one():
    """Return the command that makes what follows PID 1 of a namespace of its own; skip where that is not allowed."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    for command in UNSHARE:
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return command
    pytest.skip(f"no pid namespaces here: {tried.stderr.strip()}")
