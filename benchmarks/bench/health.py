"""What health checks cost: the supervisor's CPU with so many programs, each checked every period, by kind of check.

The programs are `sleep`; what answers the checks is a process of its own, whose CPU is not counted. Each kind gets a
colony of its own: first none at all, which is what the programs alone cost, then beats, TCP and HTTP.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.procfs import activity, memory

SOURCE = Path(__file__).parent.parent.parent / "src"
GOAL_PERCENT = 2.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
KINDS = ("none", "beat", "tcp", "http")
PATIENCE = 120.0


def main() -> int:
    """Measure, print; return 0 where the goal is met by every kind, 1 where not."""
    options = _parse()
    met = True
    print(f"{options.programs} programs, a check of each every {options.period:g} s\n")
    print("| check | % of a core | checks/s | µs a check | PSS MB |\n| --- | --- | --- | --- | --- |")
    for kind in options.kinds:
        percent, pss = _measure(kind, options)
        rate = 0.0 if kind == "none" else options.programs / options.period
        each = f"{percent * 10_000 / rate:.0f}" if rate else ""
        print(f"| {kind} | {percent:.2f} | {rate:.0f} | {each} | {pss:.1f} |", flush=True)
        met = met and percent <= GOAL_PERCENT
    print(f"\nThe goal is {GOAL_PERCENT:g} % of a core with 1000 programs at 10 s: {'met' if met else 'missed'}.")
    return 0 if met else 1


def _measure(kind: str, options: argparse.Namespace) -> tuple[float, float]:
    """Return the supervisor's share of a core over some periods, and its memory."""
    with tempfile.TemporaryDirectory(prefix="ncolony-health-") as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        place = Path(folder)
        server = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,), daemon=True)
        server.start()
        try:
            _describe(place, kind, listener.getsockname()[1], options)
            return _watch(place, options)
        finally:
            server.kill()
            server.join()


def _describe(place: Path, kind: str, port: int, options: argparse.Namespace) -> None:
    (place / "conf").mkdir()
    (place / "messages").mkdir()
    (place / "beats").mkdir()
    health = {
        "none": {},
        "beat": {"health": {"beat": "../beats", "period": options.period, "grace": 3600}},
        "tcp": {"health": {"tcp": port, "period": options.period}},
        "http": {"health": {"http": f"http://127.0.0.1:{port}/", "period": options.period}},
    }[kind]
    text = json.dumps({"args": ["sleep", "100000"], "log": None, **health})
    for number in range(options.programs):
        (place / "beats" / f"p{number}").touch()
        (place / "conf" / f"p{number}").write_text(text)


def _watch(place: Path, options: argparse.Namespace) -> tuple[float, float]:
    with (place / "log").open("wb") as log:
        supervisor = subprocess.Popen(
            [options.python, "-m", "ncolony", "run", str(place)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while (place / "log").read_bytes().count(b" runs, pid ") < options.programs:
            if time.monotonic() > end or supervisor.poll() is not None:
                raise SystemExit(f"benchmark: the programs did not start: {(place / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        time.sleep(options.period)  # the first period has the first checks in it, at random moments
        before, begin = activity([supervisor.pid]).cpu_s, time.monotonic()
        time.sleep(options.period * options.periods)
        spent, took = activity([supervisor.pid]).cpu_s - before, time.monotonic() - begin
        if b"unhealthy" in (place / "log").read_bytes():
            print("benchmark: some checks failed: the machine is too busy", file=sys.stderr)
        return spent / took * 100, memory([supervisor.pid]).pss_mb
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()


def _serve(listener: socket.socket) -> None:
    """Answer everybody."""
    listener.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    _accept(listener, selector)
                else:
                    _answer(key.fileobj, selector)


def _accept(listener: socket.socket, selector: selectors.BaseSelector) -> None:
    try:
        while True:
            link, _ = listener.accept()
            link.setblocking(False)
            selector.register(link, selectors.EVENT_READ)
    except BlockingIOError:
        pass


def _answer(link: socket.socket, selector: selectors.BaseSelector) -> None:
    try:
        if link.recv(4096):
            link.send(ANSWER)
            return
    except OSError:
        pass  # gone
    selector.unregister(link)
    link.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/health", description=__doc__)
    add = parser.add_argument
    add("--programs", type=int, default=1000, metavar="N", help="how many programs [1000]")
    add("--period", type=float, default=10.0, metavar="SECONDS", help="the time between two checks of one [10]")
    add("--periods", type=int, default=2, metavar="N", help="how many of them to watch [2]")
    add("--kinds", type=lambda text: text.split(","), default=list(KINDS), metavar="KIND,KIND", help=",".join(KINDS))
    add("--python", default=sys.executable, metavar="PATH", help="the interpreter that runs ncolony [this one]")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no such kind of check: {', '.join(sorted(unknown))}")
    return options
