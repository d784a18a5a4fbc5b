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
# What is left of a line whose rest was still in the pipe when the program and the supervisor were dead, and the first
# line of the next run behind it.
CUT = re.compile(rb"[0-9a-f]{12}[-+:0-9a-zA-Z]*(?: \d*(?: x*)?)?([0-9a-f]{12}\+[^ +]+\+\d+\+\d+) (0) x*")


class Count(NamedTuple):
    """What became of the lines."""

    written: int = 0
    lost: int = 0
    doubled: int = 0
    damaged: int = 0
    unread: int = 0
    """Of runs that ended while no supervisor lived: what was in the pipe went with them."""
    cut: int = 0
    """By that: a line that was half in the file. The next run's first line stands behind it."""


def logged(log: Path) -> tuple[dict[str, list[int]], int, int]:
    """Return the numbers of all lines in a log file and its backups, by run; how many are damaged, and how many cut."""
    numbers = sorted((int(one.suffix[1:]) for one in log.parent.glob(f"{log.name}.*")), reverse=True)
    files = [log.with_name(f"{log.name}.{number}") for number in numbers] + [log] * log.exists()
    found: defaultdict[str, list[int]] = defaultdict(list)
    damaged = cut = 0
    for line in b"".join(file.read_bytes() for file in files).split(b"\n")[:-1]:
        glued = CUT.fullmatch(line)
        match = glued or LINE.fullmatch(line)
        cut += glued is not None
        if match is None:
            damaged += 1
        else:
            found[match[1].decode()].append(int(match[2]))
    return found, damaged, cut


def compare(written: int, numbers: list[int], *, alone: bool) -> Count:
    """Hold the lines of one run against what it noted. ``alone``: it ended while no supervisor may have lived.

    A run may have written one line more than it had noted when it was killed.
    """
    distinct = set(numbers)
    doubled = len(numbers) - len(distinct) + (numbers != sorted(numbers))
    last = max(distinct, default=-1)
    gaps = last + 1 - len(distinct)
    tail = max(0, written - last - 1)
    return Count(written, gaps + (0 if alone else tail), doubled, 0, tail if alone else 0)
