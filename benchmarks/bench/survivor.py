"""The programs that `survive` has looked after, and what their log files must have.

A program numbers its lines, and after each write it notes in a file of its own how many it has written. So for every
run there is a witness who is no part of what is tested: what was written, and what of it arrived.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

# PROGRAM.py DIRECTORY: writes lines `RUN+PID NUMBER xxx`, and notes how many; at SIGTERM it ends after the line.
PROGRAM = """\
import os, random, signal, sys, time
run, ended = f"{os.environ['NCOLONY_RUN']}+{os.getpid()}".replace("/", "+"), []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
note = os.open(sys.argv[1] + "/" + run, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
chance, number = random.Random(run), 0
while not ended:
    line = b"%s %d %s\\n" % (run.encode(), number, b"x" * chance.randrange(100))
    os.write(1, line)
    number += 1
    os.pwrite(note, b"%d\\n" % number, 0)
    time.sleep(0.002)
"""
LINE = re.compile(rb"(\S+) (\d+) (x*)")


class Count(NamedTuple):
    """What became of the lines."""

    written: int = 0
    lost: int = 0
    doubled: int = 0
    damaged: int = 0


def logged(log: Path) -> tuple[dict[str, list[int]], int]:
    """Return the numbers of all lines in a log file and its backups, by run, and how many lines are damaged."""
    numbers = sorted((int(one.suffix[1:]) for one in log.parent.glob(f"{log.name}.*")), reverse=True)
    files = [log.with_name(f"{log.name}.{number}") for number in numbers] + [log] * log.exists()
    found: defaultdict[str, list[int]] = defaultdict(list)
    damaged = 0
    *lines, rest = b"".join(file.read_bytes() for file in files).split(b"\n")
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None:
            damaged += 1
        else:
            found[match[1].decode()].append(int(match[2]))
    return found, damaged + bool(rest)


def compare(written: int, numbers: list[int]) -> Count:
    """Hold the lines of one run against what it noted; when it was killed it may have written one line more."""
    distinct = set(numbers)
    doubled = len(numbers) - len(distinct) + (numbers != sorted(numbers))
    return Count(written, max(written, max(distinct, default=-1) + 1) - len(distinct), doubled)
