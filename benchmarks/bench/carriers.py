"""Other people's ways of getting output into rotated files, as contestants of `logs`: Circus, s6 and runit.

s6 and runit have a logger a program, a process of its own; CPU is that of all of them.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import procfs
from bench.logs import CONTESTANTS, Job, started, wait
from bench.supervisor import end_orphans


@contextmanager
def circus(job: Job, options: argparse.Namespace) -> Iterator[list[int]]:
    """Circus with its FileStream, which rotates in the same way."""
    text = f"[circus]\nendpoint=ipc://{job.place}/ask\npubsub_endpoint=ipc://{job.place}/tell\n"
    for number in range(job.programs):
        text += (
            f"[watcher:p{number}]\ncmd={shlex.join(job.command(number))}\nstdout_stream.class=FileStream\n"
            f"stdout_stream.filename={job.log(number)}\nstdout_stream.max_bytes={job.max_bytes}\n"
            f"stdout_stream.backup_count={job.backups}\n"
        )
    (job.place / "circus.ini").write_text(text)
    command = [str(options.homes["circus"] / "circusd"), str(job.place / "circus.ini")]
    with _silent(command, job) as process:
        yield [process.pid]


@contextmanager
def s6(job: Job, options: argparse.Namespace) -> Iterator[list[int]]:
    """`s6-svscan`, and a `s6-log` for each program."""
    home = options.homes["s6"]
    _services(job, lambda folder: f"{home}/s6-log n{job.backups} s{job.max_bytes} {folder}")
    with _silent([str(home / "s6-svscan"), str(job.place / "services")], job) as process:
        yield _loggers(process.pid, job, options)


@contextmanager
def runit(job: Job, options: argparse.Namespace) -> Iterator[list[int]]:
    """`runsvdir`, and a `svlogd` for each program."""
    home = options.homes["runit"]
    _services(job, lambda folder: f"{home}/svlogd {folder}")
    for number in range(job.programs):
        (_folder(job, number) / "config").write_text(f"s{job.max_bytes}\nn{job.backups}\n")
    command = ["sh", "-c", f'PATH="{home}:$PATH" exec runsvdir "{job.place}/services"']
    with _silent(command, job, signal.SIGHUP) as process:
        yield _loggers(process.pid, job, options)


CARRIERS: Mapping[str, Callable] = {
    name: CONTESTANTS[name] for name in ("ncolony", "supervisord") if name in CONTESTANTS
} | {"circus": circus, "s6": s6, "runit": runit}


@contextmanager
def _silent(command: list[str], job: Job, ending: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen[bytes]]:
    """Start a supervisor, and end it and whatever it leaves behind, which would go on writing in its folders."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": job.place}
    with ExitStack() as stack:
        stack.callback(end_orphans)
        yield stack.enter_context(started(command, ending, **quiet))


def _folder(job: Job, number: int) -> Path:
    return job.place / f"logs.{number}"


def _services(job: Job, logger: Callable[[Path], str]) -> None:
    """Write a service directory a program, with the service of its logger in it."""
    for number in range(job.programs):
        folder = _folder(job, number)
        folder.mkdir()
        job.log(number).symlink_to(folder / "current")  # what both call the file that they write
        service = job.place / "services" / f"p{number}"
        for run, command in (
            (service / "run", shlex.join(job.command(number))),
            (service / "log" / "run", logger(folder)),
        ):
            run.parent.mkdir(parents=True)
            run.write_text(f"#!/bin/sh\nexec {command}\n")
            run.chmod(0o755)


def _loggers(pid: int, job: Job, options: argparse.Namespace) -> list[int]:
    """Return everybody below who is no program, once all are there."""
    wait(lambda: all((job.place / f"ready.{number}").exists() for number in range(job.programs)), options)
    return [pid, *(each for each in procfs.descendants(pid) if "program.py" not in procfs.command(each))]
