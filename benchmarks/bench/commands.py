"""How long commands take on a large colony, beside a Python that does nothing: the time that a person waits.

The programs are `sleep`. Commands and `python -c pass` take turns, so that what else the machine does falls on all of
them; a ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).parent.parent.parent / "src"
PATIENCE = 120.0
SCRIPT = "from ncolony.cli.main import run; run()"  # what the installed command is
# Each command with its goal: times `python -c pass`, or None, and milliseconds, or None.
COMMANDS = {
    "status": (4.0, None),
    "status p1": (None, None),
    "restart p1": (6.0, None),
    "health": (None, 100.0),
    "ping": (None, None),
    "why p1": (None, None),
    "list --names": (None, None),
}


def main() -> int:
    """Measure, print; return 0 where all goals are met, 1 where not."""
    options = _parse()
    with tempfile.TemporaryDirectory(prefix="ncolony-commands-") as folder:
        taken = _measure(Path(folder), options)
    bare = statistics.median(taken.pop("pass"))
    print(f"{options.programs} programs; `python -c pass` takes {bare:.1f} ms; the load was {os.getloadavg()[0]:.1f}\n")
    print("| command | best ms | median ms | times python -c pass | goal |\n| --- | --- | --- | --- | --- |")
    met = True
    for words, times in taken.items():
        median = statistics.median(times)
        most, limit = COMMANDS[words]
        met = met and (most is None or median <= most * bare) and (limit is None or median <= limit)
        goal = f"{most:g} times" if most else f"{limit:g} ms" if limit else ""
        print(f"| {words} | {min(times):.1f} | {median:.1f} | {median / bare:.2f} | {goal} |")
    print(f"\nThe goals are {'met' if met else 'missed'}.")
    return 0 if met else 1


def _measure(place: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    (place / "conf").mkdir()
    (place / "messages").mkdir()
    for number in range(options.programs):
        (place / "conf" / f"p{number}").write_text(json.dumps({"args": ["sleep", "100000"], "log": None}))
    with (place / "log").open("wb") as log:
        supervisor = subprocess.Popen(
            [options.python, "-c", SCRIPT, "run", str(place)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=_environment(),
        )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while (place / "log").read_bytes().count(b" runs, pid ") < options.programs:
            if time.monotonic() > end or supervisor.poll() is not None:
                raise SystemExit(f"benchmark: the programs did not start: {(place / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        taken: dict[str, list[float]] = {"pass": [], **{words: [] for words in COMMANDS}}
        for _ in range(options.repeat):
            for words, times in taken.items():
                command = ["pass"] if words == "pass" else [SCRIPT, *words.split()]
                times.append(_time([options.python, "-c", *command], place))
        return taken
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()


def _time(command: list[str], place: Path) -> float:
    """Return the milliseconds that a command takes; one that fails is no measurement."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=place, env=_environment(), stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1000


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": ""}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/commands", description=__doc__)
    add = parser.add_argument
    add("--programs", type=int, default=1000, metavar="N", help="how many programs [1000]")
    add("--repeat", type=int, default=21, metavar="N", help="how often each command is run [21]")
    add("--python", default=sys.executable, metavar="PATH", help="the interpreter that runs ncolony [this one]")
    return parser.parse_args()
