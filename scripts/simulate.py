"""Let simulated colonies live through histories of chance, and see that every rule holds; docs/simulation.md."""

import argparse
import gc
import json
import multiprocessing
import os
import platform
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", part) for part in ("src", "")]

from tests.simulation import world
from tests.simulation.history import STEPS, plan_of, run, shrink, told

PIECE = 100  # seeds between two words about how it goes
GARBAGE = 200_000  # objects between two looks for garbage: a history makes a few thousand, which go by themselves


def main():
    """Run what was asked for; exit status 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many histories (2000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="one history, told in full")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"moves in a history ({STEPS})")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the seeds (1)")
    parser.add_argument("--most", type=int, default=5, help="stop after so many failures (5)")
    parser.add_argument(
        "--progress", metavar="FILE", help="a file that says how far it is; with it, an interrupted run goes on"
    )
    asked = parser.parse_args()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    if asked.seed is not None:
        sys.exit(one(asked.seed, asked.steps))
    sys.exit(many(asked))


def one(seed, steps):
    """Tell one history."""
    plan = plan_of(seed, steps)
    story = []
    failure = run(plan, story)
    print("\n".join(story))
    print(f"seed {seed}: {'all rules hold' if failure is None else failure.what}")
    return failure is not None


def many(asked):
    """Run many, and tell those that fail, made short."""
    so_far = Progress(asked)
    began, before = time.monotonic(), so_far.cpu_seconds
    last = asked.first + asked.seeds
    pieces = [(first, min(PIECE, last - first), asked.steps) for first in range(so_far.next, last, PIECE)]
    for count, found, seconds in results(pieces, asked.jobs):
        so_far.add(count, len(found), seconds)
        for text in found:
            print(text, flush=True)
        if sys.stderr.isatty():
            print(f"\r{so_far.done} of {asked.seeds}", end="", file=sys.stderr)
        if so_far.failures >= asked.most:
            break
    elapsed, used = time.monotonic() - began, so_far.cpu_seconds
    rate = f"{so_far.done / used:.0f} in a second of it" if used else "none in this run"
    gone_on = f", {used - before:.0f} s of them since it was gone on with" if before else ""
    print(
        f"{so_far.done} histories of {asked.steps} moves from seed {asked.first}: {so_far.failures or 'no'} failures; "
        f"{elapsed:.0f} s, {used:.0f} s of a CPU{gone_on}, {rate}; Python {platform.python_version()}"
    )
    return so_far.failures > 0


def results(pieces, jobs):
    """Yield what became of each piece, in order. Alone, it is done by this very process, so a SIGSTOP stops it."""
    if jobs == 1:
        yield from map(piece, pieces)
        return
    folder = world.new_folder()  # the pool's processes are ended, and would leave theirs
    with folder, multiprocessing.get_context("fork").Pool(jobs, world.keep_in, (folder.name,)) as pool:
        yield from pool.imap(piece, pieces)


def piece(asked):
    """Run some seeds; return how many, the failures in words, and what it has cost in seconds of a CPU."""
    first, count, steps = asked
    found, began = [], time.process_time()
    for seed in range(first, first + count):
        failure = run(plan_of(seed, steps))
        if failure is not None:
            found.append(told(shrink(failure)))
    return count, found, time.process_time() - began


class Progress:
    """How far a run is; in a file too, where that is wanted."""

    def __init__(self, asked):
        """Begin at the start, or where the run of the same seeds that wrote the file was."""
        self.first, self.path = asked.first, asked.progress
        self.what = {"first": asked.first, "seeds": asked.seeds, "steps": asked.steps}
        self.next, self.failures, self.cpu_seconds = asked.first, 0, 0.0
        if self.path is not None and os.path.exists(self.path):
            with open(self.path, encoding="ascii") as file:
                found = json.load(file)
            if {name: found.get(name) for name in self.what} != self.what:
                sys.exit(f"scripts/simulate: {self.path!r} is of another run, {found}; remove it, or name another file")
            self.next, self.failures, self.cpu_seconds = found["next"], found["failures"], found["cpu_seconds"]

    @property
    def done(self):
        """How many histories are done."""
        return self.next - self.first

    def add(self, count, failures, seconds):
        """Take note of what was done."""
        self.next += count
        self.failures += failures
        self.cpu_seconds += seconds
        if self.path is not None:
            with open(f"{self.path}.new", "w", encoding="ascii") as file:
                state = {"next": self.next, "failures": self.failures, "cpu_seconds": round(self.cpu_seconds, 1)}
                json.dump({**self.what, **state, "done": self.done}, file)
                file.write("\n")
            os.replace(f"{self.path}.new", self.path)


if __name__ == "__main__":
    main()
