"""SIGKILL the supervisor again and again, while programs write logs and are crashed, stopped and described anew.

Twenty programs write numbered lines into rotated files. Between kills one of them is crashed, removed, added, restarted
by a message or described anew, sometimes at the very moment of the kill or while no supervisor lives. Each time the
supervisor is started again. At the end every line is looked for, and then the time is taken in which a new supervisor
has taken over a thousand processes. Exit status: 0 if nothing was lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.survivor import PROGRAM, Count, compare, logged

SOURCE = Path(__file__).resolve().parents[2] / "src"
PATIENCE = 60.0
SLEEP = ["sleep", "100000"]


class Colony:
    """Directories, and whoever looks after them just now."""

    def __init__(self, place: Path, python: str) -> None:
        self.place, self._python = place, python
        for name in ("conf", "messages", "logs", "notes"):
            (place / name).mkdir()
        (place / "program.py").write_text(PROGRAM)
        self.said = place / "said"
        self._process: subprocess.Popen | None = None
        self._messages = 0

    def start(self) -> None:
        """Start a supervisor; what this one says is in a file of its own."""
        command = [self._python, "-m", "ncolony", "run", str(self.place), "--threshold", "0", "-m", "0.05", "-k", "5"]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                             env=environment)  # fmt: skip

    def kill(self) -> None:
        """SIGKILL it."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Have it stop everything."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def describe(self, name: str, **more: object) -> None:
        """Describe a program."""
        self._put("conf", name, {"args": SLEEP, **more})

    def send(self, value: object) -> None:
        """Send a message."""
        self._messages += 1
        self._put("messages", f"m{self._messages}", value)

    def _put(self, folder: str, name: str, value: object) -> None:
        new = self.place / folder / f"{name}.new"
        new.write_text(json.dumps(value))
        new.rename(self.place / folder / name)

    def processes(self) -> dict[str, list[tuple[int, str]]]:
        """Return the live main processes of each program, with their runs."""
        found: dict[str, list[tuple[int, str]]] = {}
        mark = f"NCOLONY_TEST_PLACE={self.place}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            pid = int(folder.name)
            with suppress(OSError):
                entries = (folder / "environ").read_bytes().split(b"\0")
                if mark in entries and os.getsid(pid) == pid:
                    run = next(entry for entry in entries if entry.startswith(b"NCOLONY_RUN="))
                    state = (folder / "stat").read_bytes().rsplit(b")", 1)[1].split()[0]
                    mark_of_run = run.partition(b"=")[2].decode()
                    if state not in b"ZX":
                        name = mark_of_run.split("/")[1].split(":")[0]
                        found.setdefault(name, []).append((pid, f"{mark_of_run}+{pid}".replace("/", "+")))
        return found


class Trial:
    """One run of the whole thing."""

    def __init__(self, colony: Colony, options: argparse.Namespace) -> None:
        self.colony = colony
        self.chance = random.Random(options.seed)  # noqa: S311 - any moment will do
        self.names = [f"p{number:02d}" for number in range(options.programs)]
        self.there: set[str] = set()
        self.versions = dict.fromkeys(self.names, 0)
        self.doomed: set[int] = set()
        """Processes that are to be replaced."""
        self.lost = self.twice = self.taken_over = 0

    def describe(self, name: str) -> None:
        """Describe a program as it is by now."""
        place, version = self.colony.place, self.versions[name]
        self.colony.describe(
            name,
            args=[sys.executable, "-S", str(place / "program.py"), str(place / "notes"), str(version // 2)],
            env={"NCOLONY_TEST_PLACE": str(place)},
            log={"file": str(place / "logs" / name), "max_bytes": 50_000 + version % 2 * 10_000, "backups": 1000},
        )
        self.there.add(name)

    def disturb(self) -> str:
        """Do something to a program, and return its name."""
        name, colony = self.chance.choice(self.names), self.colony
        what = self.chance.choice(["crash", "crash", "come and go", "describe", "restart"])
        pids = {pid for pid, _ in colony.processes().get(name, [])}
        if name not in self.there:
            self.describe(name)
        elif what == "crash":
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.doomed |= pids
        elif what == "come and go":
            (colony.place / "conf" / name).unlink()
            self.there.remove(name)
        elif what == "describe":  # every second time it is the log that changes, and nothing is restarted
            self.versions[name] += 1
            self.describe(name)
            if self.versions[name] % 2 == 0:
                self.doomed |= pids
        else:
            self.doomed |= pids
            colony.send({"type": "RESTART", "name": name})
        return name

    def settle(self) -> dict[str, list[tuple[int, str]]]:
        """Wait until every program has its one process, twice in a row the same, and a supervisor knows it."""
        before, end = None, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            now = self.look()
            one_each = set(now) == self.there and all(len(found) == 1 for found in now.values())
            if one_each and now == before and not list((self.colony.place / "messages").glob("m*")) and self.told(now):
                self.doomed.clear()
                return now
            before = now
            time.sleep(0.1)
        raise TimeoutError(f"it did not settle: {now}\n{self.colony.said.read_text()[-2000:]}")

    def told(self, now: dict[str, list[tuple[int, str]]]) -> bool:
        """Tell whether the supervisor knows of all that was done. It tells of a start when it has read all before."""
        lines = self.colony.said.read_text(errors="replace").splitlines()
        last = {words[1]: line for line in lines if len(words := line.split(" ", 2)) == 3}
        starts = set(lines)
        known = all(
            pid not in self.doomed
            and {f"ncolony: {name} runs, pid {pid}", f"ncolony: {name} runs on, pid {pid}"} & starts
            for name, [(pid, _)] in now.items()
        )
        return known and all(last.get(name, "stopped").endswith("stopped") for name in set(self.names) - self.there)

    def look(self) -> dict[str, list[tuple[int, str]]]:
        """Return the live processes, having counted who has two."""
        now = self.colony.processes()
        self.twice += sum(len(found) > 1 for found in now.values())
        return now

    def round(self) -> None:
        """Disturb, kill, start again."""
        calm = self.chance.random() < 0.5  # what was done has had its effect before the kill
        before = self.colony.processes()
        disturbed = {self.disturb() for _ in range(self.chance.randrange(3))}
        if calm:
            before, disturbed = self.settle(), set()
        time.sleep(self.chance.random() * 0.15)
        self.colony.kill()
        if self.chance.random() < 0.2:
            disturbed.add(self.disturb())
        self.look()
        self.colony.start()
        if self.chance.random() < 0.3:  # once more, in the middle of its taking over
            time.sleep(self.chance.random() * 0.12)
            self.colony.kill()
            self.colony.start()
        after = self.settle()
        for name in set(before) - disturbed:
            self.taken_over += 1
            self.lost += before[name] != after.get(name)

    def lines(self) -> Count:
        """Look for every line."""
        total = Count()
        for name in self.names:
            found, damaged = logged(self.colony.place / "logs" / name)
            total = total._replace(damaged=total.damaged + damaged)
            for note in (self.colony.place / "notes").glob(f"*+{name}:*"):
                written = int(note.read_text() or 0)
                one = compare(written, found.pop(note.name, []))
                total = Count(*(left + right for left, right in zip(total, one, strict=True)))
        return total


class Toll(NamedTuple):
    """What all the kills have cost."""

    taken_over: int
    lost: int
    twice: int
    lines: Count
    took: float

    @property
    def well(self) -> bool:
        """Whether nothing was lost or doubled."""
        return not (self.lost or self.twice or self.lines.lost or self.lines.doubled or self.lines.damaged)


def survive(options: argparse.Namespace, place: Path) -> Toll:
    """Kill and count."""
    trial = Trial(Colony(place, options.python), options)
    for name in trial.names:
        trial.describe(name)
    trial.colony.start()
    began = time.monotonic()
    try:
        trial.settle()
        for number in range(options.kills):
            trial.round()
            if sys.stderr.isatty():
                print(f"\r{number + 1} of {options.kills}", end="", file=sys.stderr)
        trial.colony.stop()
    finally:
        for pid, _ in [one for found in trial.colony.processes().values() for one in found]:
            os.kill(pid, signal.SIGKILL)
    return Toll(trial.taken_over, trial.lost, trial.twice, trial.lines(), time.monotonic() - began)


def show(kills: int, toll: Toll) -> None:
    """Print it."""
    lines = toll.lines
    print(f"kills of the supervisor       {kills} (and some more while it took over), {toll.took:.0f} s")
    print(f"processes taken over          {toll.taken_over}")
    print(f"processes lost                {toll.lost}")
    print(f"processes started twice       {toll.twice}")
    print(f"lines written                 {lines.written}")
    print(f"lines lost                    {lines.lost}")
    print(f"lines doubled, out of order   {lines.doubled}")
    print(f"lines damaged                 {lines.damaged}")


def adopt(options: argparse.Namespace, place: Path) -> list[float]:
    """Measure how long it takes to take over many processes, in seconds from exec on."""
    colony = Colony(place, options.python)
    for number in range(options.adopt):
        colony.describe(f"p{number}", env={"NCOLONY_TEST_PLACE": str(place)})
    colony.start()
    times = []
    try:
        _await(colony, " runs, pid", options.adopt)
        for _ in range(options.repeat):
            colony.kill()
            began = time.monotonic()
            colony.start()
            _await(colony, " runs on, pid", options.adopt)
            times.append(time.monotonic() - began)
        colony.stop()
    finally:
        for pid, _ in [one for found in colony.processes().values() for one in found]:
            os.kill(pid, signal.SIGKILL)
    return times


def _await(colony: Colony, words: str, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while colony.said.read_text(errors="replace").count(words) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {count} times {words!r}")
        time.sleep(0.005)


def main() -> int:
    """Read the command line, and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="how often the supervisor is killed [%(default)s]")
    parser.add_argument("--programs", type=int, default=20, help="how many write and are disturbed [%(default)s]")
    parser.add_argument(
        "--adopt", type=int, default=1000, help="how many processes to take over; 0: none [%(default)s]"
    )
    parser.add_argument("--repeat", type=int, default=5, help="how often that is measured [%(default)s]")
    parser.add_argument("--seed", type=int, default=None, help="for the same disturbances again")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the supervisor [this one]")
    parser.add_argument("--keep", action="store_true", help="leave the files, and say where")
    options = parser.parse_args()
    well = True
    place = Path(tempfile.mkdtemp(prefix="ncolony-survive-"))
    (place / "one").mkdir()
    (place / "many").mkdir()
    try:
        if options.kills:
            toll = survive(options, place / "one")
            show(options.kills, toll)
            well = toll.well
        if options.adopt:
            times = adopt(options, place / "many")
            print(
                f"adoption of {options.adopt} processes   {statistics.median(times):.2f} s after exec "
                f"(median of {len(times)}; best {min(times):.2f})"
            )
    finally:
        if options.keep:
            print(f"files: {place}")
        else:
            shutil.rmtree(place, ignore_errors=True)
    return 0 if well else 1
