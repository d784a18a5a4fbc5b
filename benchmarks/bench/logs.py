"""How fast, and at what cost, programs' output gets into rotated files: NColony, `cat > file`, supervisord.

All carry the same lines of 100 bytes, written in blocks of 8 KB as buffered output is, from a moment when every program
is there until the last line of each is in its file. CPU is that of whoever carries, not of the programs. `cat` neither
rotates nor supervises: it is the least that anything in between must do. Contestants take turns, in another order each
time; only figures of one run of this command compare, and others on the machine can only make them worse.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.procfs import activity

HERE = Path(__file__).parent
SOURCE = HERE.parent.parent / "src"
LINE = 100
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
    """What is to be carried, and where to."""

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
def started(command: list[str], **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it."""
    process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **more})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def ncolony(job: Job, _: argparse.Namespace) -> Iterator[list[int]]:
    """Programs write into FIFOs, one process carries them."""
    with ExitStack() as stack:
        pairs = []
        for number in range(job.programs):
            fifo = job.place / f"fifo.{number}"
            os.mkfifo(fifo)
            fd = os.open(fifo, os.O_RDWR)
            stack.callback(os.close, fd)
            stack.enter_context(started(job.command(number), stdout=fd))
            pairs.append(f"{fifo}={job.log(number)}")
        command = [sys.executable, "-S", str(HERE / "carrier.py"), str(job.max_bytes), str(job.backups), *pairs]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        yield [stack.enter_context(started(command, env=environment)).pid]


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


CONTESTANTS: dict[str, Callable] = {"ncolony": ncolony, "cat": cat, "supervisord": supervisord}


def measure(name: str, options: argparse.Namespace) -> Figures:
    """Run one contestant once."""
    with tempfile.TemporaryDirectory(prefix="ncolony-logs-", dir=options.directory) as folder:
        place = Path(folder)
        job = Job(place, options.programs, options.size * 10**6 // options.programs // LINE * LINE,
                  options.max_bytes * 10**6, options.backups)  # fmt: skip
        (place / "program.py").write_text(PROGRAM)
        os.mkfifo(place / "gate")
        gate = os.open(place / "gate", os.O_RDWR)
        try:
            with CONTESTANTS[name](job, options) as pids:
                wait(lambda: all((place / f"ready.{number}").exists() for number in range(job.programs)), options)
                time.sleep(0.5)  # what start-up costs is measured elsewhere
                before, began = activity(pids).cpu_s, time.monotonic()
                os.write(gate, b"!" * job.programs)
                wait(lambda: all(is_whole(job.log(number)) for number in range(job.programs)), options)
                taken, cpu = time.monotonic() - began, activity(pids).cpu_s - before
        finally:
            os.close(gate)
        size = job.size * job.programs
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
    parser.add_argument("--directory", default=None, help="where the files go; on the file system that counts")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one run")
    options = parser.parse_args()
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
