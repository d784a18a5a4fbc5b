"""What /proc says about processes: memory, CPU, wake-ups, descent. A process that is gone counts nothing."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
SWITCHES = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)
SIZE = re.compile(r"^(Rss|Pss):\s+(\d+) kB$", re.MULTILINE)


class Memory(NamedTuple):
    """Megabytes (1024 kB): Pss divides shared pages among their users, Rss counts them in full."""

    pss_mb: float
    rss_mb: float


class Activity(NamedTuple):
    """What a group of processes has done so far."""

    cpu_s: float
    switches: int


def memory(pids: Iterable[int]) -> Memory:
    """Return the memory of these processes together."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for pid in pids:
        for name, size in SIZE.findall(_read(PROC / str(pid) / "smaps_rollup")):
            sizes[name] += int(size)
    return Memory(sizes["Pss"] / 1024, sizes["Rss"] / 1024)


def activity(pids: Iterable[int]) -> Activity:
    """Return the CPU time and the context switches of all threads of these processes."""
    cpu = 0.0
    switches = 0
    for pid in pids:
        for task in _tasks(pid):
            cpu += _cpu_s(task)
            switches += sum(int(count) for count in SWITCHES.findall(_read(task / "status")))
    return Activity(cpu, switches)


def descendants(pid: int) -> set[int]:
    """Return every process below this one."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for each in _all_pids():
        if fields := _stat_fields(PROC / str(each)):
            children[int(fields[1])].append(each)
    found: set[int] = set()
    queue = [pid]
    while queue:
        below = children[queue.pop()]
        found.update(below)
        queue.extend(below)
    return found


def command(pid: int) -> str:
    """Return a process's command line."""
    return _read(PROC / str(pid) / "cmdline").replace("\0", " ")


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit())


def _tasks(pid: int) -> list[Path]:
    try:
        return list((PROC / str(pid) / "task").iterdir())
    except OSError:
        return []


def _cpu_s(task: Path) -> float:
    """Nanoseconds where the kernel keeps them; else ticks, which show no less than 0.1 % of ten seconds."""
    if exact := _read(task / "schedstat").split():
        return int(exact[0]) / 1e9
    if fields := _stat_fields(task):
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _stat_fields(process: Path) -> list[str]:
    """The fields of stat from the state on: the name before it may hold spaces and brackets."""
    return _read(process / "stat").rpartition(")")[2].split()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
