"""The programs around a colony as real ``twist`` processes, whose log is read as it comes."""

import os
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

import ncolony

SOURCE = Path(ncolony.__file__).parent.parent
DEADLINE = 30.0
MARK = "NCOLONY_TEST_MARK"
TWIST = ("-m", "twisted")
WITHOUT_PIDFDS = ("-c", "import os, runpy; del os.pidfd_open; runpy.run_module('twisted', run_name='__main__')")


class Program:
    """One of them, a scheduler if not said otherwise. All that it starts carries a mark, by which it is found."""

    def __init__(self, *options, program="ncolony-scheduler", twist=("--log-format=text",), pidfds=True, more=None):
        self.mark = uuid.uuid4().hex
        paths = [str(SOURCE), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, MARK: self.mark, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "NCOLONY_NAME": "job"}
        self.lines = []
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, *(TWIST if pidfds else WITHOUT_PIDFDS), *twist, program, *options],
            env={**env, "NOTIFY_SOCKET": "/nowhere", **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def until(self, pattern, times=1):
        """Read the log until the pattern has come so often; return what it matched, in order."""
        end = time.monotonic() + DEADLINE
        while len(found := [match for line in self.lines if (match := re.search(pattern, line))]) < times:
            assert self._read(end), f"{pattern!r} did not come, but:\n" + "\n".join(self.lines)
        return found

    def ends(self):
        """Read the log to its end; return the exit status."""
        end = time.monotonic() + DEADLINE
        while self._read(end):
            pass
        return self._process.wait(max(0.1, end - time.monotonic()))

    def stop(self, number=signal.SIGTERM):
        """Send it a signal; return how long it took to end."""
        began = time.monotonic()
        self._process.send_signal(number)
        self.ends()
        return time.monotonic() - began

    def descriptors(self):
        """Return how many descriptors it has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))  # noqa: PTH208 - numbers are all that is wanted

    def alive(self):
        """Return the pids of all that carries its mark and lives."""
        mark = f"{MARK}={self.mark}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environ = (process / "environ").read_bytes()  # empty for a zombie
            except OSError:
                continue
            if mark in environ.split(b"\0"):
                found.append(int(process.name))
        return found

    def close(self):
        """Leave nothing behind."""
        while pids := self.alive():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        self._process.wait(DEADLINE)
        self._process.stdout.close()

    def _read(self, end):
        """Take in what comes until ``end``; False where nothing does."""
        output = self._process.stdout
        if not select.select([output], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        data = os.read(output.fileno(), 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        return bool(data)


@pytest.fixture
def scheduler(nothing_left):
    """Start schedulers, or other programs; they and all that they started are gone when the test ends."""
    started = []

    def start(*options, **more):
        started.append(Program(*options, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()
