"""Where the figures come from: the machine, the interpreter, and how busy others keep them."""

import contextlib
import datetime as dt
import json
import os
import platform
import resource
import statistics
import subprocess
import time
from pathlib import Path

from bench.contestants import environment
from bench.errors import BenchError

PASSES = 15
BUSY_PERCENT = 15
LOOK_S = 0.5
DESCRIPTORS_EACH = 3  # ours: what tells of its end, and two pipes
PIDS_EACH = 2  # the program and, with s6 and runit, its supervisor
SPARE = 500
THOUSAND = 1000
ASK = """
import importlib.metadata as m, json, platform
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return "not installed"
print(json.dumps({"Python": platform.python_version(), "ncolony": version("ncolony"), "Twisted": version("Twisted")}))
"""


class BusyCpu:
    """How much of the machine's CPU time was used, by anyone or by its host, since this was made."""

    def __init__(self) -> None:
        """Begin now."""
        self._total, self._idle = _cpu_times()

    def percent(self) -> float:
        """Return 100 if every CPU was busy all the time."""
        total, idle = _cpu_times()
        return 100 * (1 - (idle - self._idle) / max(total - self._total, 1))


def raise_descriptor_limit(wanted: int = 0) -> None:
    """Let everything measured have as many descriptors as we may, all alike; and as many as wanted if we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # only root may have more than the hard limit
        if hard < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptors_for(programs: int) -> int:
    """Return how many descriptors a supervisor of so many may need, with pipes for the output of each."""
    return DESCRIPTORS_EACH * programs + SPARE


def why_too_many(programs: int) -> str:
    """Return why so many programs cannot run here, or nothing."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    pids = int(Path("/proc/sys/kernel/pid_max").read_text())
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    for name, there, needed in (
        ("RLIMIT_NOFILE", descriptors, descriptors_for(programs)),
        ("kernel.pid_max", pids, PIDS_EACH * programs + SPARE),
        ("RLIMIT_NPROC", processes, PIDS_EACH * programs + SPARE),
    ):
        if there != resource.RLIM_INFINITY and there < needed:
            return f"{name} is {there}, and {programs} programs need {needed}"
    return ""


def most_that_fit(programs: int) -> int:
    """Return so many, or as many thousands as can run here."""
    while programs > THOUSAND and why_too_many(programs):
        programs = (programs - 1) // THOUSAND * THOUSAND
    return programs


def await_quiet(limit_s: float) -> None:
    """Wait until the machine is nearly idle, but no longer than the limit: others may use it too."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        busy = BusyCpu()
        time.sleep(LOOK_S)
        if busy.percent() < BUSY_PERCENT:
            return


def python_pass_ms(python: str) -> float:
    """Return the median time of `python -c pass`, the yardstick of a first child."""
    return statistics.median(_one_pass_ms(python) for _ in range(PASSES))


def facts(python: str) -> dict[str, str]:
    """Return what a reader needs to know of the machine and of what was measured on it."""
    try:
        asked = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True, env=environment())
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f'cannot run the interpreter "{python}": {error}') from error
    return {
        "date": dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "CPUs": f"{os.cpu_count()}, {_cpu_model()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": platform.release(),
        "load": f"{os.getloadavg()[0]:.1f} at the start",
        **json.loads(asked.stdout),
    }


def _one_pass_ms(python: str) -> float:
    begin = time.monotonic()
    subprocess.run([python, "-c", "pass"], check=True, env=environment())
    return (time.monotonic() - begin) * 1000


def _cpu_times() -> tuple[int, int]:
    """All ticks, and those in which a CPU had nothing to do (idle or waiting for a disk)."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
