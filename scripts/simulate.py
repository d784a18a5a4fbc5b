"""Let simulated colonies live through histories of chance, and see that every rule holds; docs/simulation.md."""

import argparse
import multiprocessing
import os
import platform
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", part) for part in ("src", "")]

from tests.simulation.history import STEPS, plan_of, run, shrink, told

PIECE = 500  # seeds between two words about how it goes


def main():
    """Run what was asked for; exit status 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many histories (2000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="one history, told in full")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"moves in a history ({STEPS})")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the seeds (1)")
    parser.add_argument("--most", type=int, default=5, help="stop after so many failures (5)")
    asked = parser.parse_args()
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
    began, failures, done = time.monotonic(), 0, 0
    pieces = [
        (first, min(PIECE, asked.first + asked.seeds - first), asked.steps)
        for first in range(asked.first, asked.first + asked.seeds, PIECE)
    ]
    with multiprocessing.get_context("fork").Pool(asked.jobs) as pool:
        for count, found in pool.imap(piece, pieces):
            done += count
            for text in found:
                failures += 1
                print(text, flush=True)
            if sys.stderr.isatty():
                print(f"\r{done} of {asked.seeds}", end="", file=sys.stderr)
            if failures >= asked.most:
                break
    seconds = time.monotonic() - began
    print(
        f"{done} histories of {asked.steps} moves from seed {asked.first}: {failures or 'no'} failures; "
        f"{seconds:.0f} s, Python {platform.python_version()}"
    )
    return failures > 0


def piece(asked):
    """Run some seeds; return how many, and the failures in words."""
    first, count, steps = asked
    found = []
    for seed in range(first, first + count):
        failure = run(plan_of(seed, steps))
        if failure is not None:
            found.append(told(shrink(failure)))
    return count, found


if __name__ == "__main__":
    main()
