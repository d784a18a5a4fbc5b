"""Log files over the death of their supervisor: every line once, in order, whole, over all rotations."""

import os
import random
import signal
from time import monotonic

import pytest

from tests.logs.conftest import joined, rotated
from tests.scenarios.colony import descriptors_of, keepers, on_both, on_native, until

# Numbers its lines, which are of many lengths, and writes them in pieces; after SIGTERM it ends at the end of a line.
WRITER = """\
import itertools, os, random, signal, sys, time
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
chance = random.Random(sys.argv[1])
for number in itertools.count():
    line = b"%d %s\\n" % (number, b"x" * chance.randrange(120))
    while line:
        line = line[os.write(1, line[: chance.randrange(1, 200)]) :]
    if number % 20 == 0:
        if ended:
            break
        time.sleep(0.002)
"""
# The same, as fast as it can with a rest now and then, in lines that are easy to compare; it ends after a whole one.
CHATTY = """\
import itertools, os, signal, time
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
for block in itertools.count():
    data = b"".join(b"%063d\\n" % number for number in range(block * 1000, block * 1000 + 1000))
    while data:
        data = data[os.write(1, data) :]
    if block % 64 == 63:
        if ended:
            break
        time.sleep(0.01)
"""
WRITERS = 3
ROUNDS = 20


def describe(mortal):
    """Describe the writers, each with files of its own."""
    for number in range(WRITERS):
        log = {"file": str(mortal.folder / "{name}.log"), "max_bytes": "20kB", "backups": 1000}
        mortal.conf(f"p{number}", {"args": ["python", "-c", WRITER, str(number)], "log": log})


def check(mortal):
    """Hold all files against what the writers wrote."""
    for number in range(WRITERS):
        data = joined(mortal.folder / f"p{number}.log")
        chance = random.Random(str(number))  # noqa: S311 - as the writer has it
        at = count = 0
        while at < len(data):
            line = b"%d %s\n" % (count, b"x" * chance.randrange(120))
            left = len(line)
            while left > 0:
                left -= min(left, chance.randrange(1, 200))
            assert data[at : at + len(line)] == line
            at += len(line)
            count += 1
        assert count > 1000
        assert len(rotated(mortal.folder / f"p{number}.log")) > 5


def wait_a_moment(chance):
    """Wait for a moment chosen by chance."""
    moment = monotonic() + chance.random() * 0.2
    until(lambda: monotonic() >= moment, "a moment chosen by chance")


def goes_on(log):
    """Wait for some more lines."""

    def count():
        try:
            return joined(log).count(b"\n")
        except FileNotFoundError:  # in the middle of a rotation
            return 0

    seen = until(count, "lines")
    until(lambda: count() > seen + 8, "more lines")


@on_both
def test_no_line_is_lost_or_doubled_by_kills_of_the_supervisor(mortal):
    """Bug 10: twenty kills at random moments, while files are rotated."""
    chance = random.Random(11)  # noqa: S311 - the same moments every time
    describe(mortal)
    mortal.start()
    pids = [mortal.one(f"p{number}") for number in range(WRITERS)]
    for _ in range(ROUNDS):
        wait_a_moment(chance)
        mortal.kill()
        since = mortal.here()
        mortal.again()
        for number, pid in enumerate(pids):
            mortal.wait_for(rf"p{number} runs on, pid {pid}$", since=since)
    mortal.stop()
    check(mortal)


@on_native
def test_no_line_is_lost_or_doubled_by_kills_while_a_program_writes_much(mortal):
    """Bug 10: its output goes through a second pipe, which has to outlive the supervisor too."""
    chance = random.Random(13)  # noqa: S311 - the same moments every time
    path = mortal.folder / "log"
    log = {"file": str(path), "max_bytes": "4MB", "backups": 1000}
    mortal.conf("web", {"args": ["python", "-c", CHATTY], "log": log})
    mortal.start()
    pid = mortal.one("web")
    keeper = until(lambda: keepers(mortal.folder), "a keeper")[0]
    until(lambda: len(pipes_of(keeper)) == 2, "the keeper has a second pipe of the program")
    for _ in range(8):
        wait_a_moment(chance)
        mortal.kill()
        since = mortal.here()
        mortal.again()
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
    mortal.stop()
    data = joined(path)
    count = len(data) // 64
    assert count > 64_000
    for first in range(0, count, 1000):
        block = b"".join(b"%063d\n" % number for number in range(first, min(first + 1000, count)))
        assert data[first * 64 : first * 64 + 64_000] == block


def pipes_of(pid):
    """Return the pipes that a process has open."""
    return {target for target in descriptors_of(pid).values() if target.startswith("pipe:")}


@on_native
def test_no_line_is_lost_or_doubled_by_upgrades(mortal):
    """The same over SIGUSR2."""
    chance = random.Random(12)  # noqa: S311 - the same moments every time
    describe(mortal)
    mortal.start()
    pids = [mortal.one(f"p{number}") for number in range(WRITERS)]
    for _ in range(ROUNDS):
        wait_a_moment(chance)
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        for number, pid in enumerate(pids):
            mortal.wait_for(rf"p{number} runs on, pid {pid}$", since=since)
    mortal.stop()
    check(mortal)


@on_native
@pytest.mark.parametrize("kind", ["prefix", "shared", "several"])
def test_an_upgrade_loses_no_line_of_what_is_not_spliced_either(mortal, kind):
    """Lines that were begun are handed over target by target."""
    code = (
        "import sys, time\nfor i in range(10**6):\n    for piece in ('li', 'ne ', str(i), '\\n'):\n"
        "        sys.stdout.write(piece); sys.stdout.flush(); time.sleep(0.002)"
    )
    file = {"file": str(mortal.folder / "log"), "max_bytes": 4096, "backups": 1000}
    logs = {"prefix": {**file, "format": "prefix"}, "shared": file, "several": ["console", file]}[kind]
    both = {"stdout": logs, "stderr": ["console", file]} if kind == "shared" else {"stdout": logs}
    mortal.conf("web", {"args": ["python", "-c", code], "log": both})
    mortal.start()
    log = mortal.folder / "log"
    pid = mortal.one("web")
    for _ in range(6):
        goes_on(log)
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
    goes_on(log)
    os.kill(pid, signal.SIGSTOP)
    found = joined(log).replace(b"web | ", b"")
    os.kill(pid, signal.SIGCONT)
    whole = found[: found.rindex(b"\n")].split(b"\n")
    assert whole == [b"line %d" % number for number in range(len(whole))]
    if kind == "several":
        shown = mortal.lines("web")
        assert shown == list(range(len(shown)))
