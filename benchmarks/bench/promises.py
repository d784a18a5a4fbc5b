"""What NColony promises of whole trees, logs and its own death, measured and held against its goals: one table.

Each measure is one of the other benchmarks here, with sensible sizes; --full takes those that the goals speak of.
Figures of one run compare with each other and with no others; others on the machine can only make them worse.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import journal, logs, machine, reaper, survive
from bench.build import build
from bench.contestants import CONTESTANTS, YARDSTICK, Contestant, Job, Tools
from bench.errors import BenchError
from bench.report import table
from bench.supervisor import adopt_orphans
from bench.trial import KILLS, kill_one, running

KEPT, MISSED, UNKNOWN = "yes", "**no**", "not measured"
LIVED_S = 2.0


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    kills: int
    megabytes: int
    repeat: int
    adopted: int = 1000
    stopped: int = 1000


BRIEF = Sizes(kills=25, megabytes=300, repeat=2)
FULL = Sizes(kills=1000, megabytes=1000, repeat=3)


class Row(NamedTuple):
    """One promise, and what came of it."""

    promise: str
    goal: str
    found: str
    kept: str


class Session(NamedTuple):
    """What all measures need."""

    options: argparse.Namespace
    sizes: Sizes
    tools: Tools
    place: Path


def verdict(well: bool) -> str:  # noqa: FBT001 - it says itself what it is
    """Say whether a goal was met."""
    return KEPT if well else MISSED


# Measures -------------------------------------------------------------------------------------------------------------


def survival(session: Session) -> Iterator[Row]:
    """Kill the supervisor, and have another take over."""
    sizes = session.sizes
    options = argparse.Namespace(
        kills=sizes.kills, programs=20, adopt=sizes.adopted, repeat=5, seed=None, python=session.tools.python
    )
    toll = survive.survive(options, _folder(session, "survive"))
    lines = toll.lines
    yield Row(
        f"{sizes.kills} kills of the supervisor while 20 programs write logs and are disturbed",
        "0 processes lost or started twice, 0 lines lost, doubled or damaged",
        f"{toll.lost} and {toll.twice} of {toll.taken_over}; {lines.lost}, {lines.doubled} and {lines.damaged} of "
        f"{lines.written}",
        verdict(toll.well),
    )
    times = survive.adopt(options, _folder(session, "adopt"))
    yield Row(
        f"{sizes.adopted} processes are taken over", "≤ 0.5 s after exec", _seconds(times), verdict(min(times) <= 0.5)
    )


def throughput(session: Session, programs: int) -> Iterator[Row]:
    """Carry lines of 100 bytes into rotated files, beside supervisord."""
    names = ["ncolony", *(["supervisord"] if session.options.supervisord else [])]
    speed, cost = _carried(session, names, programs)
    title = (
        f"{session.sizes.megabytes} MB of 100-byte lines by {programs} program{'s' * (programs > 1)} into rotated files"
    )
    if len(names) == 1:
        yield Row(title, "≥ supervisord's MB/s", f"{speed['ncolony']:.0f}", UNKNOWN)
        yield Row("its CPU a GB", "≤ supervisord's", f"{cost['ncolony']:.2f} s", UNKNOWN)
        return
    ours, theirs = (speed[name] for name in names)
    yield Row(title, "≥ supervisord's MB/s", f"{ours:.0f} ({theirs:.0f})", verdict(ours >= theirs))
    ours, theirs = (cost[name] for name in names)
    yield Row("its CPU a GB", "≤ supervisord's", f"{ours:.2f} s ({theirs:.2f} s)", verdict(ours <= theirs))


def prefixed(session: Session) -> Iterator[Row]:
    """Carry lines to standard output, each with its program's name before it."""
    speed, cost = _carried(session, ["prefixed"], 1)
    found = f"{speed['prefixed']:.0f} MB/s, {cost['prefixed']:.2f} s of CPU a GB"
    yield Row("lines with a prefix, to stdout", "≥ 150 MB/s", found, verdict(speed["prefixed"] >= 150))


def _carried(session: Session, names: list[str], programs: int) -> tuple[dict[str, float], dict[str, float]]:
    options = argparse.Namespace(
        directory=session.place, programs=programs, size=session.sizes.megabytes, max_bytes=50, backups=3,
        supervisord=session.options.supervisord, timeout=300.0, python=session.tools.python,
    )  # fmt: skip
    runs = {name: [] for name in names}
    for _ in range(session.sizes.repeat):
        for name in names:
            runs[name].append(logs.measure(name, options))
    return (
        {name: max(run.mb_s for run in found) for name, found in runs.items()},
        {name: min(run.cpu_s_gb for run in found) for name, found in runs.items()},
    )


def chatty(session: Session) -> Iterator[Row]:
    """Kill a program again and again, with and without another one that never stops writing."""
    quiet, disturbed = (
        min(_restarts_ms(session, talks=talks) for _ in range(session.sizes.repeat)) for talks in (False, True)
    )
    found = f"{disturbed - quiet:.1f} ms ({disturbed:.1f} instead of {quiet:.1f})"
    yield Row("what a chatty program adds to another's restart", "< 20 ms", found, verdict(disturbed - quiet < 20))


def _restarts_ms(session: Session, *, talks: bool) -> float:
    contestant = CONTESTANTS["ncolony"]

    def prepare(tools: Tools, job: Job) -> list[str]:
        command = contestant.prepare(tools, job)
        if talks:
            log = f'{{"file": "{job.place}/chat", "max_bytes": "20MB", "backups": 1}}'
            (job.place / "conf" / "chat").write_text(f'{{"args": ["yes", "{"x" * 98}"], "log": {log}}}')
        return command

    with running(Contestant("ncolony", prepare), session.tools, 1, session.options.timeout) as supervisor:
        supervisor.await_starts({0: 0})
        times = [kill_one(supervisor, 0) for _ in range(KILLS)]
        supervisor.stop()
    return statistics.median(times)


def stop(session: Session) -> Iterator[Row]:
    """Stop many programs."""
    best = {}
    for name in (YARDSTICK, "ncolony"):
        best[name] = min(_stop_s(session, name) for _ in range(session.sizes.repeat))
    ratio = best["ncolony"] / best[YARDSTICK]
    found = f"{ratio:.1f} x ({best['ncolony']:.3f} s, {best[YARDSTICK]:.3f} s)"
    yield Row(f"stop of {session.sizes.stopped} programs", "≤ 3 x the C loop", found, verdict(ratio <= 3))


def _stop_s(session: Session, name: str) -> float:
    programs = session.sizes.stopped
    with running(CONTESTANTS[name], session.tools, programs, session.options.timeout) as supervisor:
        supervisor.await_starts(dict.fromkeys(range(programs), 0))
        time.sleep(LIVED_S)
        return supervisor.stop()


def journal_cost(session: Session) -> Iterator[Row]:
    """Restart many programs, with the journal and without it."""
    programs = session.sizes.stopped
    least = journal.restarts(session.tools, programs, session.sizes.repeat + 1, session.options.timeout)
    percent = (least["with"] / least["without"] - 1) * 100
    found = f"{percent:.1f} % of the CPU ({least['with']:.3f} s, {least['without']:.3f} s without it)"
    yield Row(f"what the journal adds to a restart of {programs} programs", "≤ 5 %", found, verdict(percent <= 5))


def reaper_memory(session: Session) -> Iterator[Row]:
    """Weigh the reaper, which shares its pages with nobody."""
    commands = reaper.contestants(session.tools.python)
    name = "ncolony reaper -s"
    pss, _, rss = reaper.alone({name: commands[name]})[name]
    yield Row(
        "memory of a reaper", "PSS ≤ 6 MB", f"{pss / 1024:.1f} MB (RSS {rss / 1024:.1f})", verdict(pss <= 6 * 1024)
    )


MEASURES: dict[str, Callable[[Session], Iterator[Row]]] = {
    "survival": survival,
    "log": partial(throughput, programs=1),
    "logs": partial(throughput, programs=50),
    "prefixed": prefixed,
    "chatty": chatty,
    "stop": stop,
    "journal": journal_cost,
    "reaper": reaper_memory,
}


def _folder(session: Session, name: str) -> Path:
    made = session.place / name
    made.mkdir()
    return made


def _seconds(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s (best {min(times):.2f})"


# The command ----------------------------------------------------------------------------------------------------------


def main() -> int:
    """Measure, print; return 0 if every promise that was measured is kept, 1 if not, 2 if nothing could be measured."""
    options = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.setdefault("PYTHONPATH", str(logs.SOURCE))  # what is measured is what lies here
    machine.raise_descriptor_limit()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="ncolony-promises-", dir=options.directory) as name:
        place = Path(name)
        try:
            tools = Tools(options.python, **build(place))
            facts = machine.facts(tools.python)
        except BenchError as error:
            _say(str(error))
            return 2
        options.supervisord = options.supervisord or _install(place)
        session = Session(options, FULL if options.full else BRIEF, tools, place)
        version = _version(options.supervisord)
        rows = [row for name in options.only for row in _measured(name, session)]
    print("; ".join(f"{key}: {value}" for key, value in facts.items()) + f"; supervisord: {version}.\n")
    print(table(["promise", "goal", "found", "kept"], rows))
    return 1 if any(row.kept == MISSED for row in rows) else 0


def _measured(name: str, session: Session) -> list[Row]:
    _say(name)
    try:
        return list(MEASURES[name](session))
    except (BenchError, OSError) as error:
        return [Row(name, "", str(error), UNKNOWN)]


def _install(place: Path) -> str | None:
    """Install supervisord for this run; None where that cannot be done."""
    _say("installing supervisor from PyPI")
    try:
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "supervisor"], check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        _say(f"it cannot be compared with supervisord: {error}")
        return None
    return str(place / "venv" / "bin" / "supervisord")


def _version(supervisord: str | None) -> str:
    if supervisord is None:
        return "not there"
    return subprocess.run([supervisord, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def _say(text: str) -> None:
    sys.stderr.write(f"promises: {text}\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/promises", description=__doc__)
    add = parser.add_argument
    add("--full", action="store_true", help="1000 kills and 1 GB, as the goals say; takes an hour")
    add("--only", type=_names, default=list(MEASURES), metavar="NAME,NAME", help=",".join(MEASURES))
    add("--python", default=sys.executable, metavar="PATH", help="the interpreter of the supervisor [this one]")
    add("--supervisord", metavar="PATH", help="its executable [installed from PyPI for this run]")
    add(
        "--directory", type=Path, metavar="DIR", help="where files go: on the file system that counts [a temporary one]"
    )
    add("--timeout", type=float, default=120.0, metavar="SECONDS", help="the limit of a phase [120]")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(MEASURES):
        raise argparse.ArgumentTypeError(f"no such measure: {', '.join(sorted(unknown))}")
    return names
