"""How fast, and at what cost, programs' output gets into rotated files: NColony, `cat > file`, supervisord.

`prefixed` is NColony with all lines on its standard output instead, a pipe, each with its program's name before it.

All carry the same lines of 100 bytes, written in blocks of 8 KB as buffered output is, from a moment when every program
is there until the last line of each is in its file. CPU is that of whoever carries, not of the programs. `cat` neither
rotates nor supervises: it is the least that anything in between must do. Contestants take turns, in another order each
time; only figures of one run of this command compare, and others on the machine can only make them worse.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.procfs import activity
from bench.supervisor import adopt_orphans, end_orphans

SOURCE = Path(__file__).resolve().parents[2] / "src"
LINE = 100
ARRIVED = "arrived"
BLOCK = 82 * LINE  # what a program's buffered output comes in
LAST = b"the last line".ljust(LINE - 1) + b"\n"

# PROGRAM.py READY GATE SIZE: says that it is there, waits for one byte, and writes.
PROGRAM = f"""\
import os, sys
ready, gate, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
open(ready, "w").close()
with open(gate, "rb", buffering=0) as file:
    file.read(1)
block = (b"x" * {LINE - 1} + b"\\n") * {BLOCK // LINE}
left = size - {LINE}
while left > 0:
    left -= os.write(1, block[:left])
os.write(1, {LAST!r})
import signal
signal.pause()
"""


class Figures(NamedTuple):
    """One run."""

    mb_s: float
    cpu_s_gb: float


class Job(NamedTuple):
    """What is to be carried, by what interpreter's supervisor, and where to."""

    python: str
    place: Path
    programs: int
    size: int
    """Bytes a program."""
    max_bytes: int
    backups: int

    def command(self, number: int) -> list[str]:
        """Return the command of one program."""
        ready, gate = self.place / f"ready.{number}", self.place / "gate"
        return [sys.executable, "-S", str(self.place / "program.py"), str(ready), str(gate), str(self.size)]

    def log(self, number: int) -> Path:
        """Return the file of one program."""
        return self.place / f"log.{number}.txt"


@contextmanager
def started(
    command: list[str], ending: signal.Signals = signal.SIGTERM, **more: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it."""
    process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **more})
    try:
        yield process
    finally:
        process.send_signal(ending)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _described(job: Job, log: Callable[[int], object]) -> list[str]:
    """Describe the programs for NColony, and return the command that runs them."""
    for folder in ("conf", "messages"):
        (job.place / folder).mkdir()
    for number in range(job.programs):
        program = {"args": job.command(number), "log": log(number)}
        (job.place / "conf" / f"p{number}").write_text(json.dumps(program))
    return [job.python, "-m", "ncolony", "run", str(job.place)]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}


@contextmanager
def ncolony(job: Job, _: argparse.Namespace) -> Iterator[list[int]]:
    """`ncolony run` with the same rotation."""
    command = _described(
        job, lambda number: {"file": str(job.log(number)), "max_bytes": job.max_bytes, "backups": job.backups}
    )
    with started(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        yield [process.pid]


@contextmanager
def ncolony_prefixed(job: Job, _: argparse.Namespace) -> Iterator[list[int]]:
    """`ncolony run` that writes all lines to its standard output, each with its program's name before it.

    That is a pipe, and whoever reads it looks for the last lines.
    """
    command = _described(job, lambda _: {"console": "prefix", "to": "stdout"})
    with started(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        threading.Thread(target=_read, args=(process.stdout.fileno(), job), daemon=True).start()
        yield [process.pid]


def _read(fd: int, job: Job) -> None:
    """Read until every program's last line was there, and only then put those where they are looked for.

    How many lines came is noted: a supervisor may drop some rather than wait for a slow reader.
    """
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)
    last = lines = 0
    rest = b""
    while last < job.programs and (data := os.read(fd, 1 << 20)):
        lines += data.count(b"\n")
        last += (rest + data).count(LAST)
        rest = data[1 - LINE :]  # too short for one that was counted
    (job.place / ARRIVED).write_text(str(lines))
    for number in range(job.programs):
        job.log(number).write_bytes(LAST)
    while os.read(fd, 1 << 20):
        pass


@contextmanager
def cat(job: Job, _: argparse.Namespace) -> Iterator[list[int]]:
    """One `cat > file` a program: no rotation, no supervision; the least that anything in between must do."""
    with ExitStack() as stack:
        pids = []
        for number in range(job.programs):
            read, write = os.pipe()
            log = stack.enter_context(job.log(number).open("wb"))
            pids.append(stack.enter_context(started(["cat"], stdin=read, stdout=log)).pid)
            stack.enter_context(started(job.command(number), stdout=write))
            os.close(read)
            os.close(write)
        yield pids


@contextmanager
def supervisord(job: Job, options: argparse.Namespace) -> Iterator[list[int]]:
    """Supervisord with the same rotation."""
    text = "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
    text += f"pidfile={job.place / 'pid'}\n"
    for number in range(job.programs):
        text += (
            f"[program:p{number}]\ncommand={' '.join(job.command(number))}\nstdout_logfile={job.log(number)}\n"
            f"stdout_logfile_maxbytes={job.max_bytes}\nstdout_logfile_backups={job.backups}\nredirect_stderr=true\n"
        )
    (job.place / "supervisord.conf").write_text(text)
    command = [options.supervisord, "-c", str(job.place / "supervisord.conf")]
    with started(command, stdout=subprocess.DEVNULL, cwd=job.place) as process:
        yield [process.pid]


CONTESTANTS: dict[str, Callable] = {
    "ncolony": ncolony,
    "cat": cat,
    "supervisord": supervisord,
    "prefixed": ncolony_prefixed,
}


def measure(name: str, options: argparse.Namespace, carriers: Mapping[str, Callable] = CONTESTANTS) -> Figures:
    """Run one contestant once."""
    with tempfile.TemporaryDirectory(prefix="ncolony-logs-", dir=options.directory) as folder:
        place = Path(folder)
        job = Job(options.python, place, options.programs, options.size * 10**6 // options.programs // LINE * LINE,
                  options.max_bytes * 10**6, options.backups)  # fmt: skip
        (place / "program.py").write_text(PROGRAM)
        os.mkfifo(place / "gate")
        gate = os.open(place / "gate", os.O_RDWR)
        try:
            with carriers[name](job, options) as pids:
                wait(lambda: all((place / f"ready.{number}").exists() for number in range(job.programs)), options)
                time.sleep(0.5)  # what start-up costs is measured elsewhere
                before, began = activity(pids).cpu_s, time.monotonic()
                os.write(gate, b"!" * job.programs)
                wait(lambda: all(is_whole(job.log(number)) for number in range(job.programs)), options)
                taken, cpu = time.monotonic() - began, activity(pids).cpu_s - before
        finally:
            os.close(gate)
            end_orphans()  # who did not end in time is killed, and leaves its programs
        arrived = place / ARRIVED
        size = int(arrived.read_text()) * LINE if arrived.exists() else job.size * job.programs
        return Figures(size / taken / 1e6, cpu / (size / 1e9))


def is_whole(log: Path) -> bool:
    """Tell whether the last line is there; a rotation may have moved it on."""
    for file in (log, log.with_name(log.name + ".1")):
        try:
            with file.open("rb") as opened:
                opened.seek(-LINE, os.SEEK_END)
                if opened.read() == LAST:
                    return True
        except OSError:
            continue
    return False


def wait(there: Callable[[], bool], options: argparse.Namespace) -> None:
    """Wait for something, and fail when it takes too long."""
    end = time.monotonic() + options.timeout
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"it took more than {options.timeout} s")
        time.sleep(0.005)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes of 100-byte lines, all programs together")
    parser.add_argument("--programs", type=int, default=1, help="how many programs write them")
    parser.add_argument("--max-bytes", type=int, default=50, help="megabytes after which a file is rotated")
    parser.add_argument("--backups", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--supervisord", default=shutil.which("supervisord"), help="its executable; else it is left out"
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter of `ncolony run` [this one]")
    parser.add_argument("--directory", default=None, help="where the files go; on the file system that counts")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one run")
    options = parser.parse_args()
    adopt_orphans()
    names = [name for name in CONTESTANTS if name != "supervisord" or options.supervisord]
    runs: dict[str, list[Figures]] = {name: [] for name in names}
    for number in range(options.repeat):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            runs[name].append(measure(name, options))
    print(f"{options.size} MB by {options.programs} program(s), median (best) of {options.repeat}")
    print(f"{'':12} {'MB/s':>16} {'CPU s/GB':>16}")
    for name, figures in runs.items():
        columns = [[one.mb_s for one in figures], [one.cpu_s_gb for one in figures]]
        speed, cost = (statistics.median(column) for column in columns)
        print(f"{name:12} {speed:8.0f} ({max(columns[0]):5.0f}) {cost:8.2f} ({min(columns[1]):5.2f})")
    return 0
