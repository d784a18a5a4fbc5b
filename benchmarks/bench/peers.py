"""Other people's supervisors as contestants: how each is told the same programs, by its own files and defaults.

What is set besides the programs is what lets a thousand of them run at all, and what keeps the supervisor in the
foreground and in its own directory. Nothing is tuned.
"""

import gzip
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.contestants import BY_TERM, CONTESTANTS, Client, Contestant, Ending, Job, Tools, colony, name_of
from bench.errors import BenchError

BY_HUP = Ending(signal.SIGHUP, frozenset({111}))
"""runsvdir leaves its services running on SIGTERM; this stops them, and 111 is what the manual says it exits with."""


# supervisord ----------------------------------------------------------------------------------------------------------


def _supervisord(tools: Tools, job: Job) -> list[str]:
    socket = job.place / "socket"
    # Descriptors for three a program; poll() is what it uses.
    text = (
        f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={job.place / 'pid'}\n"
        f"minfds={3 * job.programs + 1024}\n[unix_http_server]\nfile={socket}\n[supervisorctl]\n"
        f"serverurl=unix://{socket}\n[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
    )
    for index in range(job.programs):
        text += (
            f"[program:{name_of(index)}]\ncommand={tools.child} {job.records} {index}\n"
            "stdout_logfile=NONE\nstderr_logfile=NONE\n"
        )
    (job.place / "supervisord.conf").write_text(text)
    return [str(tools.homes["supervisord"] / "supervisord"), "-c", str(job.place / "supervisord.conf")]


def _supervisorctl(tools: Tools, job: Job) -> Client:
    ask = [str(tools.homes["supervisord"] / "supervisorctl"), "-c", str(job.place / "supervisord.conf")]
    return Client([*ask, "status"], lambda index: [*ask, "restart", name_of(index)])


# Circus ---------------------------------------------------------------------------------------------------------------


def _circusd(tools: Tools, job: Job) -> list[str]:
    text = f"[circus]\nendpoint=ipc://{job.place}/ask\npubsub_endpoint=ipc://{job.place}/tell\n"
    for index in range(job.programs):
        text += f"[watcher:{name_of(index)}]\ncmd={tools.child} {job.records} {index}\n"
    (job.place / "circus.ini").write_text(text)
    return [str(tools.homes["circus"] / "circusd"), str(job.place / "circus.ini")]


def _circusctl(tools: Tools, job: Job) -> Client:
    ask = [str(tools.homes["circus"] / "circusctl"), "--endpoint", f"ipc://{job.place}/ask", "--timeout", "60"]
    return Client([*ask, "status"], lambda index: [*ask, "restart", name_of(index)])


# NColony 2024.1 -------------------------------------------------------------------------------------------------------


def _ncolony_2024(tools: Tools, job: Job) -> list[str]:
    """It has no status, and its restart is a message that it looks for every ten seconds."""
    return [str(tools.homes["ncolony-2024"] / "python"), "-m", "twisted", "ncolony", *colony(tools, job)]


def _ctl_2024(tools: Tools, job: Job) -> Client:
    python = str(tools.homes["ncolony-2024"] / "python")
    where = ["--messages", str(job.place / "messages"), "--config", str(job.place / "conf")]
    return Client(None, lambda index: [python, "-m", "ncolony", "ctl", *where, "restart", name_of(index)])


# s6 and runit ---------------------------------------------------------------------------------------------------------


def _services(tools: Tools, job: Job) -> Path:
    """Write a folder of service directories; both read the same."""
    services = job.place / "services"
    for index in range(job.programs):
        run = services / name_of(index) / "run"
        run.parent.mkdir(parents=True)
        run.write_text(f"#!/bin/sh\nexec {tools.child} {job.records} {index}\n")
        run.chmod(0o755)
    return services


def _s6_svscan(tools: Tools, job: Job) -> list[str]:
    services = _services(tools, job)
    return [str(tools.homes["s6"] / "s6-svscan"), "-c", str(2 * job.programs + 8), str(services)]


def _s6_svc(tools: Tools, job: Job) -> Client:
    """`s6-svstat` knows one service at a time: all of them are a loop in the shell, as its manual has it."""
    services = job.place / "services"
    loop = f'for each in {services}/*; do "{tools.homes["s6"]}/s6-svstat" "$each"; done'
    return Client(
        ["sh", "-c", loop], lambda index: [str(tools.homes["s6"] / "s6-svc"), "-r", str(services / name_of(index))]
    )


def _runsvdir(tools: Tools, job: Job) -> list[str]:
    """It finds runsv on PATH."""
    home = tools.homes["runit"]
    return ["sh", "-c", f'PATH="{home}:$PATH" exec runsvdir "{_services(tools, job)}"']


def _sv(tools: Tools, job: Job) -> Client:
    sv = str(tools.homes["runit"] / "sv")
    services = [str(job.place / "services" / name_of(index)) for index in range(job.programs)]
    return Client([sv, "status", *services], lambda index: [sv, "restart", services[index]])


PEERS: Mapping[str, Contestant] = {
    "supervisord": Contestant("supervisord", _supervisord, _supervisorctl),
    "circus": Contestant("Circus", _circusd, _circusctl),
    "ncolony-2024": Contestant("NColony 2024.1", _ncolony_2024, _ctl_2024),
    "s6": Contestant("s6", _s6_svscan, _s6_svc, BY_TERM),
    "runit": Contestant("runit", _runsvdir, _sv, BY_HUP),
}
ALL: Mapping[str, Contestant] = {**CONTESTANTS, **PEERS}


# Where they are -------------------------------------------------------------------------------------------------------


class Python(NamedTuple):
    """What is installed with pip."""

    requirement: str
    project: str


class System(NamedTuple):
    """What the system's packages bring: used where it is found on PATH."""

    program: str
    package: str


SOURCES: Mapping[str, Python | System] = {
    "supervisord": Python("supervisor", "supervisor"),
    "circus": Python("circus", "circus"),
    "ncolony-2024": Python("ncolony==2024.1.11.74140", "ncolony"),
    "s6": System("s6-svscan", "s6"),
    "runit": System("runsvdir", "runit"),
}


def find(name: str, place: Path, *, install: bool) -> Path:
    """Return the folder of a peer's executables, having made a virtual environment below place if it has to be one."""
    source = SOURCES[name]
    if isinstance(source, System):
        if found := shutil.which(source.program):
            return Path(found).parent
        raise BenchError(f"there is no {source.program} on PATH; its Debian package is called {source.package}")
    if not install:
        raise BenchError("it is not to be installed, and no folder was given")
    return environment_of(place / name, source.requirement)


def environment_of(place: Path, *requirements: str) -> Path:
    """Make a virtual environment, install something there, and return its bin directory."""
    python = place / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True, text=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        raise BenchError(f"it could not be installed: {said[-1] if said else error}") from error
    return python.parent


def version(name: str, home: Path) -> str:
    """Return which version is there: of what pip or the system's packages say."""
    source = SOURCES[name]
    if isinstance(source, Python):
        ask = f"import importlib.metadata as m; print(m.version({source.project!r}))"
        return _said([str(home / "python"), "-c", ask])
    changes = home.parent / "share" / "doc" / source.package / "changelog.Debian.gz"
    if changes.exists():  # "runit (2.1.2-54) unstable; urgency=medium"
        with gzip.open(changes, "rt") as lines:
            return lines.readline().split()[1].strip("()")
    return _said(["dpkg-query", "-W", "-f", "${Version}", source.package])


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "of an unknown version"
