"""A whole colony as real processes, driven and looked at from outside, as a person at a terminal would.

Nothing here waits for time to pass: everything waits for an event, up to a deadline that only a broken colony reaches.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import ncolony

PATIENCE = 30.0
SOURCE = Path(ncolony.__file__).parents[1]
PYTHON = sys.executable
SLEEP = ["sleep", "1000"]
# Says when it can be signalled: a TERM that comes before the trap would end it.
DEAF = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1000; done"]


class Host:
    """What a colony can run on: a name for the test's id, and the beginning of a command line."""

    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.native = name == "native"

    def status(self, number):
        """Return the exit status after a stop by a signal. Twisted ends itself by the signal that it got."""
        return 0 if self.native else -number


def _twist(reactor):
    return Host(reactor, [PYTHON, "-m", "twisted", f"--reactor={reactor}", "--log-format=text", "ncolony"])


NATIVE = Host("native", [PYTHON, "-m", "ncolony", "run"])
EPOLL = _twist("epoll")


def _on(*hosts):
    return pytest.mark.parametrize("host", hosts, ids=[host.name for host in hosts])


on_native = _on(NATIVE)
on_both = _on(NATIVE, EPOLL)
on_every_reactor = _on(NATIVE, EPOLL, _twist("select"), _twist("poll"), _twist("asyncio"))


def until(condition, what, patience=PATIENCE):
    """Return the first true answer of ``condition``; fail where none comes in time."""
    end = time.monotonic() + patience
    while not (answer := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited {patience:g} s in vain: {what}")
        time.sleep(0.01)
    return answer


def environment_of(pid):
    """Return the environment of a process; empty where it is gone or a zombie."""
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(os.fsdecode(entry).split("=", 1) for entry in entries if b"=" in entry)


def status_of(pid):
    """Return /proc/PID/status as a dict."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def descriptors_of(pid):
    """Return the open descriptors of a process, each with what it leads to."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed by now
            found[int(link.name)] = str(link.readlink())
    return found


def runs(pid, name):
    """Wait until a process is that program, and no longer the launcher of it."""
    until(lambda: Path(f"/proc/{pid}/comm").read_text().strip() == name, f"{pid} to be {name}")


def is_alive(pid):
    """Tell whether there is a process ``pid`` that is no zombie."""
    try:
        return status_of(pid)["State"][0] not in "ZX"
    except OSError:
        return False


def gone(*pids):
    """Wait until none of these processes is alive."""
    until(lambda: not any(map(is_alive, pids)), f"the end of {pids}")


@contextmanager
def small_disk(place):
    """A file system of 256 KB."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path):
    """Fill the file system that ``path`` is on to the last byte."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass


def with_environment(mark):
    """Return the processes whose environment has one of the byte strings in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = b"\0" + (process / "environ").read_bytes()
        except OSError:
            continue
        if any(b"\0" + start in environment for start in mark):
            found.append(int(process.name))
    return found


def keepers(folder):
    """Return the keepers of colonies below a folder; they have no environment that could tell."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            if b"ncolony.posix.keeper" in b"".join(words[-2:-1]) and words[-1].startswith(os.fsencode(folder)):
                found.append(int(process.name))
    return [pid for pid in found if is_alive(pid)]


class RunningColony:
    """A colony in a folder of its own, and the process that runs it."""

    def __init__(self, folder, host):
        self.folder = folder
        self.host = host
        self.config = folder / "conf"
        self.messages = folder / "messages"
        self.config.mkdir()
        self.messages.mkdir()
        self.text = ""
        self.process = None
        self.mark = f"NCOLONY_TEST={uuid.uuid4().hex}"
        self._runs = set()
        self._partial = b""
        self._ended = True
        self._source = -1
        self._fences = 0

    # The host ---------------------------------------------------------------------------------------------------

    def start(self, *options, command=None, prefix=(), coverage=True, env=None, source=-1, **popen):
        """Start the host.

        ``prefix``: a command that becomes the host at its end; ``source``: where to read its output, if not from a
        pipe of our own; ``popen`` goes to Popen.
        """
        command = [*self.host.command, *self.directories()] if command is None else command
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | popen
        self.process = subprocess.Popen(
            [*prefix, *command, *options], cwd=self.folder, env=self.environment(coverage) | (env or {}), **streams
        )
        self._source = source if self.process.stdout is None else self.process.stdout.fileno()
        self._ended = self._source < 0
        return self

    def directories(self):
        """Return the options that name the two directories, relative as people write them."""
        return ["--config", "conf", "--messages", "messages"]

    def environment(self, coverage=True):
        """Return the environment of everything that is started here; all of it carries this colony's mark."""
        name, value = self.mark.split("=")
        env = {key: it for key, it in os.environ.items() if not key.startswith(("COVERAGE_PROCESS", "NCOLONY_"))}
        env |= {name: value, "PYTHONPATH": str(SOURCE), "PATH": f"{Path(PYTHON).parent}:{env['PATH']}"}
        if coverage and "NCOLONY_COVERAGE" in os.environ:
            env["COVERAGE_PROCESS_START"] = os.environ["NCOLONY_COVERAGE"]
        return env

    @property
    def pid(self):
        """The pid of the host."""
        return self.process.pid

    def send(self, number):
        """Send the host a signal."""
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Send the host a signal and return its exit status."""
        self.send(number)
        return self.ended()

    def ended(self, patience=PATIENCE):
        """Wait for the host to end and return its exit status."""
        end = time.monotonic() + patience
        while self.process.poll() is None:
            if time.monotonic() > end:
                pytest.fail(f"the host did not end within {patience:g} s")
            if not self._read(0.05) and self._ended:
                time.sleep(0.01)
        while self._read(0):
            pass
        return self.process.returncode

    # What it says -----------------------------------------------------------------------------------------------

    def wait_for(self, pattern, since=0, patience=PATIENCE):
        """Wait for a line of output that the pattern is found in, not before position ``since``; return the match."""
        end = time.monotonic() + patience
        while not (match := re.compile(pattern, re.MULTILINE).search(self.text, since)):
            if self._ended or time.monotonic() > end:
                pytest.fail(f"no {pattern!r} in {'all of' if self._ended else f'{patience:g} s of'} the output")
            self._read(min(1.0, max(0.0, end - time.monotonic())))
        return match

    def count(self, pattern, since=0):
        """Count the matches in the output so far."""
        while self._read(0):
            pass
        return len(re.findall(pattern, self.text[since:], re.MULTILINE))

    def here(self):
        """Return the position in the output after all that was said so far."""
        while self._read(0):
            pass
        return len(self.text)

    def _read(self, timeout):
        if self._ended or not select.select([self._source], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._source, 65536)
        except OSError:  # a terminal that nobody has open any more
            data = b""
        self._ended = not data
        *lines, self._partial = (self._partial + data).splitlines(keepends=True) or [b""]
        if self._ended or self._partial.endswith(b"\n"):
            lines, self._partial = [*lines, self._partial], b""
        self.text += b"".join(lines).decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        return not self._ended

    # What runs --------------------------------------------------------------------------------------------------

    def pids(self, name=None):
        """Return the pids of a program's processes, or of all programs'.

        Takes the host's output in: Twisted's log waits for its reader, and a pipe holds as little as 8 KB where the
        machine has many of them.
        """
        self.here()
        return self._with_marks(name)

    def _with_marks(self, name=None):
        found = []
        for pid in self._children():
            environment = environment_of(pid)
            if "NCOLONY_RUN" in environment:
                self._runs.add(environment["NCOLONY_RUN"].split("/")[0])
                if name in {None, environment["NCOLONY_NAME"]}:
                    found.append(pid)
        return found

    def _children(self):
        children = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            try:
                children += map(int, task.read_text().split())
            except OSError:
                continue
        return children

    def pid_of(self, name, other_than=None):
        """Wait until a program has one process, and not the one that it had, and return its pid."""

        def new():
            found = self.pids(name)
            return found[0] if len(found) == 1 and found[0] != other_than else None

        return until(new, f"a process of {name!r}{f' that is not {other_than}' if other_than else ''}")

    def dies(self, name):
        """Wait until a program has no process."""
        until(lambda: not self.pids(name), f"the end of {name!r}")

    # What is asked of it ----------------------------------------------------------------------------------------

    def conf(self, name, value):
        """Describe a program: an object, or the text of a file as it is."""
        self._put(self.config, name, value)

    def message(self, value, name="request"):
        """Send a message."""
        self._put(self.messages, name, value)

    def left(self):
        """Return the names of the messages that have not been taken yet."""
        return [path.name for path in self.messages.glob("[!.]*")]

    def _put(self, folder, name, value):
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / f"{name}.new").write_text(text)
        (folder / f"{name}.new").rename(folder / name)

    def remove(self, name):
        """Remove a program."""
        (self.config / name).unlink()

    def fence(self):
        """Return when all that was asked before has been done: a program added now has said something."""
        self._fences += 1
        words = f"fence number {self._fences}"
        self.conf(f"zz-fence-{self._fences}", {"args": ["sh", "-c", f"echo {words}; exec sleep 1000"]})
        self.wait_for(rf"\| {words}$")

    def ctl(self, *words, status=0):
        """Run ``ncolony ctl``; return what it printed, both streams."""
        done = subprocess.run(
            [PYTHON, "-m", "ncolony", "ctl", *self.directories(), *words],
            cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout
        return done.stdout

    # The end ----------------------------------------------------------------------------------------------------

    def end(self):
        """Stop what still runs. Fail where a process is left behind, or the host met a bug of ours."""
        problems = []
        if self.process is not None:
            self._with_marks()
            problems += self._end_host()
        left = with_environment([self.mark.encode(), *(f"NCOLONY_RUN={run}/".encode() for run in self._runs)])
        for pid in left:
            problems.append(f"a process was left behind: {pid}")
            os.kill(pid, signal.SIGKILL)
        for pid in keepers(self.folder):
            problems.append(f"a keeper was left behind: {pid}")
            os.kill(pid, signal.SIGKILL)
        print(*self.text.splitlines()[-100:], sep="\n")  # shown where the test failed
        own = [line for line in self.text.splitlines() if " | " not in line]
        if any("Traceback" in line or "a bug of NColony" in line for line in own):
            problems.append("there is a traceback in the output of the host")
        if problems:
            pytest.fail("; ".join(problems))

    def _end_host(self):
        try:
            if self.process.poll() is None:
                self.send(signal.SIGTERM)
                self.send(signal.SIGCONT)
                self.ended()
        except pytest.fail.Exception as failure:
            self.process.kill()
            self.process.wait()
            return [str(failure)]
        finally:
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()
        return []
