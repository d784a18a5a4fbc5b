"""How long commands take on a large colony, beside a Python that does nothing: the time that a person waits.

And how soon a hundred subscribers hear of an event, and what they cost when there is none.

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
from contextlib import ExitStack
from pathlib import Path

from bench.procfs import activity

SOURCE = Path(__file__).parent.parent.parent / "src"
PATIENCE = 120.0
SUBSCRIBERS = 100
TOLD_MS = 20.0
IDLE_S = 5.0
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
        taken, told, woken = _measure(Path(folder), options)
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
    median = statistics.median(told)
    print(f"\nA kill is told to all of {SUBSCRIBERS} subscribers within {median:.1f} ms (median of {len(told)}; best"
          f" {min(told):.1f}; goal {TOLD_MS:g} ms).")  # fmt: skip
    print(f"With {SUBSCRIBERS} subscribers and nothing to tell, the supervisor wakes up {woken} times in {IDLE_S:g} s.")
    met = met and median <= TOLD_MS and woken == 0
    print(f"\nThe goals are {'met' if met else 'missed'}.")
    return 0 if met else 1


def _measure(place: Path, options: argparse.Namespace) -> tuple[dict[str, list[float]], list[float], int]:
    """Return the times of all commands and those of telling subscribers, in milliseconds, and the wake-ups at rest."""
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
        return taken, *_subscribe(place / "messages" / ".ncolony", supervisor.pid)
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()


def _subscribe(state: Path, supervisor: int) -> tuple[list[float], int]:
    """Have many clients follow all events; return the milliseconds until all have heard of a kill, and the wake-ups."""
    sys.path.insert(0, str(SOURCE))
    from ncolony.control.client import Client

    with ExitStack() as stack:
        asking = stack.enter_context(Client(str(state), 30.0))
        followers = [stack.enter_context(Client(str(state), 30.0)) for _ in range(SUBSCRIBERS)]
        last = asking.ask("events", since="now", follow=False)["next"]
        streams = [follower.events(last - 1) for follower in followers]
        for stream in streams:
            next(stream)  # the last event: from here on it follows
        told = []
        for name in ("p1", "p2", "p3", "p4", "p5"):
            (one,) = asking.ask("status", names=[name])["instances"]
            began = time.perf_counter()
            os.kill(one["pid"], signal.SIGKILL)
            for stream in streams:
                next(event for event in stream if event["program"] == name and "status" in event)
            told.append((time.perf_counter() - began) * 1000)
        time.sleep(1.0)
        before = activity([supervisor]).switches
        time.sleep(IDLE_S)
        return told, activity([supervisor]).switches - before


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
