"""Whoever carries the output is killed, again and again: every line is in the files, once, in order."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.logs.conftest import rotated

KILLS = int(os.environ.get("NCOLONY_TEST_KILLS", "100"))
MAX_BYTES = 3000
BACKUPS = 500

# Numbered lines of all lengths, in pieces of all lengths, until SIGTERM; then the last one is finished.
PROGRAM = """\
import os, random, signal, sys
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
fd = os.open(sys.argv[1], os.O_RDWR)
chance, number, text = random.Random(3), 0, b""
def put(data):
    while data:
        data = data[os.write(fd, data):]
while not ended:
    while len(text) < 8000:
        number += 1
        text += b"%d %s\\n" % (number, b"x" * chance.randrange(200))
    size = chance.randrange(1, 8000)
    put(text[:size])
    text = text[size:]
put(text)
print(number)
"""


class Lines:
    """Looks at the files from the oldest to the newest, and at every line in them."""

    def __init__(self, log):
        self.log = log
        self.last = 0
        self.files = 0

    def look(self, text):
        """Check lines, the last of which must be finished; a file that is new has none yet."""
        assert text.endswith(b"\n") or not text
        for line in text.split(b"\n")[:-1]:
            assert re.fullmatch(rb"%d x*" % (self.last + 1), line), (self.last, line[:50])
            self.last += 1

    def take_backups(self):
        """Look at the rotated files, and delete them, so that there is never a reason to rotate one away."""
        backups = [file for file in rotated(self.log) if file != self.log]
        for file in backups:
            self.look(file.read_bytes())
            file.unlink()
        self.files += len(backups)
        return len(backups)


def start(fifo, log, *basin):
    """Start what carries; return when it is at work."""
    carrier = Path(__file__).with_name("carrier.py")
    command = [sys.executable, str(carrier), str(fifo), str(log), str(MAX_BYTES), str(BACKUPS), *map(str, basin)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert process.stdout.read(1) == b"!", process.stderr.read()
    return process


def end(process, number):
    """Send a signal and wait; return what it complained of."""
    process.send_signal(number)
    _, complaints = process.communicate(timeout=20)
    return complaints.decode()


@pytest.mark.parametrize("pipes", [1, 2], ids=["one pipe", "with a basin"])
def test_no_line_is_lost_or_doubled_by_kills(tmp_path, pipes):
    """Bug 10: the program is alive throughout, and the log has no seam, over kills at random moments."""
    fifo, log = tmp_path / "fifo", tmp_path / "log"
    basin = [tmp_path / "basin"] if pipes > 1 else []
    for one in (fifo, *basin):
        os.mkfifo(one)
    # as the supervisor of the next moment would find them: the bytes stay in the pipes
    keeps = [os.open(one, os.O_RDWR) for one in (fifo, *basin)]
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(fifo)], stdout=subprocess.PIPE)
    lines, chance = Lines(log), random.Random()  # noqa: S311 - any moment will do
    full = 0
    try:
        for _ in range(KILLS):
            carrier = start(fifo, log, *basin)
            time.sleep(chance.random() ** 3 * 0.05)  # the random moment
            assert end(carrier, signal.SIGKILL) == ""
            assert program.poll() is None
            full += lines.take_backups() >= BACKUPS
        program.send_signal(signal.SIGTERM)
        carrier = start(fifo, log, *basin)
        wrote = int(program.communicate(timeout=20)[0])
        assert end(carrier, signal.SIGTERM) == ""
        assert not full, "backups were rotated away: nothing can be said of them"
        lines.take_backups()
        lines.look(log.read_bytes())
        assert lines.last == wrote
        assert lines.files > KILLS
    finally:
        program.kill()
        program.communicate()
        for one in keeps:
            os.close(one)
