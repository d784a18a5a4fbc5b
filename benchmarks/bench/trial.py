"""One run of one contestant: the phases in order, and the figures that come of them."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench import machine, procfs
from bench.contestants import Contestant, Ending, Job, Tools
from bench.records import Records
from bench.supervisor import Supervisor

LIVED_S = 1.5
"""NColony restarts at once what ran for a threshold of one second: no child is killed before it is past that."""
KILLS = 5
QUESTIONS = 3


@dataclass(frozen=True)
class Figures:
    """What one run found; report.py says how each is called and counted."""

    first_child_ms: float
    all_started_s: float
    start_cpu_s: float
    pss_mb: float
    rss_mb: float
    processes: int
    idle_cpu_percent: float
    wakeups_per_s: float
    kill_one_ms: float
    kill_all_s: float
    kill_all_cpu_s: float
    status_ms: float | None
    restart_ms: float | None
    stop_s: float
    others_cpu_percent: float


@dataclass(frozen=True)
class Pace:
    """How long things may take: the idle window, the pause before it, the limit of any one phase; how often to kill."""

    idle_s: float
    settle_s: float
    timeout_s: float
    kills: int = KILLS
    questions: int = QUESTIONS


class Idle(NamedTuple):
    """An idle window: the supervisor's share of one CPU, its context switches, and what the rest of the machine did."""

    cpu_percent: float
    wakeups_per_s: float
    others_cpu_percent: float


def measure(contestant: Contestant, tools: Tools, programs: int, pace: Pace) -> Figures:
    """Run the contestant with so many programs through all phases."""
    with running(contestant, tools, programs, pace.timeout_s) as supervisor:
        return _phases(supervisor, contestant.ending, programs, pace)


def warm_up(contestant: Contestant, tools: Tools, timeout_s: float) -> None:
    """Run the contestant once with one program, so that bytecode and caches are there; fail if it cannot run at all."""
    with running(contestant, tools, 1, timeout_s) as supervisor:
        supervisor.await_starts({0: 0})
        time.sleep(LIVED_S)  # Circus does not hear a signal while it still looks at a start
        supervisor.stop(contestant.ending)


@contextmanager
def running(contestant: Contestant, tools: Tools, programs: int, timeout_s: float) -> Iterator[Supervisor]:
    """Start the contestant in a directory of its own, and leave nothing of it."""
    with tempfile.TemporaryDirectory(prefix="ncolony-benchmark-") as name:
        place = Path(name)
        with closing(Records(place / "records")) as records:
            job = Job(programs, records.path, place)
            command = contestant.prepare(tools, job)
            client = contestant.client(tools, job) if contestant.client else None
            with Supervisor(command, records, timeout_s, client) as supervisor:
                yield supervisor


def _phases(supervisor: Supervisor, ending: Ending, programs: int, pace: Pace) -> Figures:
    starts = [record.at_ns for record in supervisor.await_starts(dict.fromkeys(range(programs), 0))]
    time.sleep(max(pace.settle_s, LIVED_S))
    pids = supervisor.pids()
    memory = procfs.memory(pids)
    start_cpu_s = procfs.activity(pids).cpu_s
    idle = _idle(supervisor, pace.idle_s)
    status_ms = _status(supervisor, pace.questions)
    kill_one_ms = statistics.median(kill_one(supervisor, each) for each in _spread(programs, pace.kills))
    time.sleep(LIVED_S)
    kill_all_s, kill_all_cpu_s = _kill_all(supervisor, programs)
    restart_ms = _restart(supervisor, programs, pace.questions)
    return Figures(
        first_child_ms=(min(starts) - supervisor.started_ns) / 1e6,
        all_started_s=(max(starts) - supervisor.started_ns) / 1e9,
        start_cpu_s=start_cpu_s,
        pss_mb=memory.pss_mb,
        rss_mb=memory.rss_mb,
        processes=len(pids),
        idle_cpu_percent=idle.cpu_percent,
        wakeups_per_s=idle.wakeups_per_s,
        kill_one_ms=kill_one_ms,
        kill_all_s=kill_all_s,
        kill_all_cpu_s=kill_all_cpu_s,
        status_ms=status_ms,
        restart_ms=restart_ms,
        stop_s=supervisor.stop(ending),
        others_cpu_percent=idle.others_cpu_percent,
    )


def _idle(supervisor: Supervisor, window_s: float) -> Idle:
    """Watch a window in which nothing is asked of the supervisor."""
    pids = supervisor.pids()
    begin = time.monotonic()
    busy = machine.BusyCpu()
    before = procfs.activity(pids)
    time.sleep(window_s)
    after = procfs.activity(pids)
    others = busy.percent()
    window_s = time.monotonic() - begin
    return Idle((after.cpu_s - before.cpu_s) / window_s * 100, (after.switches - before.switches) / window_s, others)


def _status(supervisor: Supervisor, times: int) -> float | None:
    """Return the milliseconds that its own client takes to show all programs, or None where it has no such command."""
    client = supervisor.client
    if client is None or client.status is None:
        return None
    return statistics.median(supervisor.asked(client.status) for _ in range(times)) * 1000


def _restart(supervisor: Supervisor, programs: int, count: int) -> float | None:
    """Return the milliseconds from the start of its own client to that of the one program it restarts."""
    if supervisor.client is None:
        return None
    times = []
    for index in _spread(programs, count):
        _ripen(supervisor, index)
        times.append(supervisor.restarted(index, supervisor.client.restart(index)))
    time.sleep(LIVED_S)  # as in warm_up
    return statistics.median(times) * 1000


def _spread(programs: int, count: int) -> list[int]:
    """Return the indices of so many programs, from all over."""
    return [turn * programs // count for turn in range(count)]


def _ripen(supervisor: Supervisor, index: int) -> None:
    """Wait until a child has lived so long that its end is no crash to anybody."""
    ripe_ns = supervisor.records.latest[index].at_ns + int(LIVED_S * 1e9)
    time.sleep(max(0.0, (ripe_ns - time.monotonic_ns()) / 1e9))


def kill_one(supervisor: Supervisor, index: int) -> float:
    """Return the milliseconds from the SIGKILL of one child to the start of its replacement."""
    _ripen(supervisor, index)
    killed_ns, (start,) = supervisor.kill_children([index])
    return (start.at_ns - killed_ns) / 1e6


def _kill_all(supervisor: Supervisor, programs: int) -> tuple[float, float]:
    """Return the seconds from the first SIGKILL to the start of the last replacement, and the CPU time of that."""
    before = procfs.activity(supervisor.pids()).cpu_s
    killed_ns, starts = supervisor.kill_children(range(programs))
    time.sleep(LIVED_S)
    after = procfs.activity(supervisor.pids()).cpu_s
    return (max(start.at_ns for start in starts) - killed_ns) / 1e9, after - before
