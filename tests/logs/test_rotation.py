"""Backups: their order, whatever cuts a rotation short, and their compression."""

import gzip
import os
import subprocess
import sys

import pytest

from ncolony.core.logspec import FileLog
from ncolony.posix.exits import PidfdExits, SigchldExits, has_pidfds
from ncolony.posix.logfiles import LogFile
from ncolony.posix.rotation import Compressor, is_new_period, shift, tidy
from tests.logs.conftest import joined, names_in, numbered

# A process that rotates a file, and is killed at its STEPth step in the file system.
CUT_SHORT = """\
import os, signal, sys
sys.path[:0] = sys.argv[5].split(os.pathsep)
from ncolony.core.logspec import FileLog
from ncolony.posix.logfiles import LogFile
path, step, backups, more = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode()
def hook(event, arguments):
    global step
    if event in {"open", "os.rename", "os.remove", "os.chmod", "os.chown", "os.truncate"}:
        step -= 1
        if step == 0:
            os.kill(os.getpid(), signal.SIGKILL)
read, write = os.pipe()
os.set_blocking(read, False)
os.write(write, more)
file = LogFile(path, FileLog(path, 100, backups), print, None)
sys.addaudithook(hook)
file.settle()
file.take(read)
"""


def fill(place, numbers):
    """Make backups of these numbers, and a file that is full; return what is in them, in order."""
    texts = {number: numbered(1000 - number * 10, 1010 - number * 10) for number in numbers}
    for number, text in texts.items():
        (place / f"log.{number}").write_bytes(text)
    (place / "log").write_bytes(numbered(1000, 1011))
    return b"".join(texts[number] for number in sorted(texts, reverse=True)) + numbered(1000, 1011)


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2, 3), (1, 3), (2, 3)])
def test_a_rotation_may_be_killed_at_every_step(tmp_path, numbers):
    """Nothing is lost or doubled, and the next supervisor finishes it; here the kill comes at each step in turn."""
    step, killed = 1, True
    while killed:
        place = tmp_path / str(step)
        place.mkdir()
        everything = fill(place, numbers)
        log = place / "log"
        arguments = [str(log), str(step), "5", "more\n", os.pathsep.join(sys.path)]
        ran = subprocess.run([sys.executable, "-c", CUT_SHORT, *arguments], stdout=subprocess.DEVNULL, check=False)
        killed = ran.returncode == -9
        assert killed or ran.returncode == 0
        assert joined(log).removesuffix(b"more\n") == everything
        LogFile(str(log), FileLog(str(log), 100, 5), print, None).settle()
        assert joined(log).removesuffix(b"more\n") == everything
        step += 1
    assert step > 3 + len(numbers)


def test_a_gap_is_filled_before_the_oldest_goes(tmp_path):
    """A rotation that was cut short must not cost one more backup."""
    everything = fill(tmp_path, (1, 3))
    shift(str(tmp_path / "log"), 3)
    assert names_in(tmp_path) == ["log.1", "log.2", "log.3"]
    assert joined(tmp_path / "log") == everything


def test_compressed_and_plain_backups_move_together(tmp_path):
    """Whichever is there."""
    fill(tmp_path, (1,))
    (tmp_path / "log.2.gz").write_bytes(b"2")
    (tmp_path / "log.3.gz").write_bytes(b"3")
    shift(str(tmp_path / "log"), 3)
    assert names_in(tmp_path) == ["log.1", "log.2", "log.3.gz"]
    assert (tmp_path / "log.3.gz").read_bytes() == b"2"


def test_what_a_killed_compression_left_is_cleared_away(tmp_path):
    """The compressed file is whole as soon as it has its name; without it the plain one counts."""
    for name in ("log.gz.tmp", "log.2", "log.2.gz", "log.3", "log.4.gz"):
        (tmp_path / name).write_bytes(b"")
    tidy(str(tmp_path / "log"), 5)
    assert names_in(tmp_path) == ["log.2.gz", "log.3", "log.4.gz"]


@pytest.mark.parametrize(
    ("last", "now", "new"),
    [(0, 59, False), (59, 60, True), (60, 119, False), (0, 600, True), (120, 59, False), (-1, 0, True)],
)
def test_periods(last, now, new):
    """Bug 21: a clock that is set back asks for no rotation, one that is set forward for one."""
    assert is_new_period(60.0, last, now) is new


EXITS = [
    pytest.param(PidfdExits, marks=pytest.mark.skipif(not has_pidfds(), reason="this kernel has no pidfds")),
    SigchldExits,
]


@pytest.fixture(params=EXITS)
def exits(request, real_bench):
    """Both ways to learn that a process is gone."""
    made = request.param(real_bench.loop)
    yield made
    if isinstance(made, SigchldExits):
        made.close()


def test_old_backups_are_compressed_by_another_process(real_bench, exits, tmp_path):
    """The newest stays as it is; the others have the same text, owner, mode and time."""
    compressor = Compressor(exits, real_bench.reports.append)
    log = tmp_path / "log"
    file = LogFile(str(log), FileLog(str(log), 1000, 9, compress=True), real_bench.reports.append, compressor)
    program = real_bench.program(real_bench.target(file))
    program.says(numbered(0, 50))
    log.chmod(0o600)
    program.says(numbered(50, 450))
    while compressor.busy:
        real_bench.loop.turn(0.1)
    assert names_in(tmp_path) == ["log", "log.1", "log.2.gz", "log.3.gz", "log.4.gz"]
    old = [gzip.decompress((tmp_path / f"log.{number}.gz").read_bytes()) for number in (4, 3, 2)]
    assert b"".join(old) + joined(log) == numbered(0, 450)
    assert (tmp_path / "log.4.gz").stat().st_mode & 0o777 == 0o600
    assert real_bench.reports == []


def test_files_move_on_while_one_is_compressed(real_bench, exits, tmp_path):
    """The compressed one gets the number that its source has by then."""
    compressor = Compressor(exits, real_bench.reports.append)
    fill(tmp_path, (1, 2))
    compressor.look(str(tmp_path / "log"), 9)
    shift(str(tmp_path / "log"), 9)
    while compressor.busy:
        real_bench.loop.turn(0.1)
    assert names_in(tmp_path) == ["log.1", "log.2.gz", "log.3.gz"]
    assert gzip.decompress((tmp_path / "log.3.gz").read_bytes()) == numbered(980, 990)


def test_a_source_that_is_rotated_away_is_no_matter(real_bench, exits, tmp_path):
    """What was made of it goes too."""
    compressor = Compressor(exits, real_bench.reports.append)
    fill(tmp_path, (1, 2))
    compressor.look(str(tmp_path / "log"), 2)
    shift(str(tmp_path / "log"), 2)
    while compressor.busy:
        real_bench.loop.turn(0.1)
    assert names_in(tmp_path) == ["log.1", "log.2.gz"]
    assert gzip.decompress((tmp_path / "log.2.gz").read_bytes()) == numbered(990, 1000)


def test_closing_ends_the_process(real_bench, exits, tmp_path):
    """And leaves the plain file; nothing is reported."""
    compressor = Compressor(exits, real_bench.reports.append)
    (tmp_path / "log.2").write_bytes(os.urandom(30_000_000))
    compressor.look(str(tmp_path / "log"), 2)
    assert compressor.busy
    compressor.close()
    while compressor.busy:
        real_bench.loop.turn(0.1)
    assert names_in(tmp_path) == ["log.2"]
    assert real_bench.reports == []


def test_a_backup_that_cannot_be_compressed_stays_as_it_is(real_bench, exits, tmp_path):
    """And people are told why."""
    compressor = Compressor(exits, real_bench.reports.append)
    fill(tmp_path, (1, 2))
    (tmp_path / "log.gz.tmp").mkdir()
    compressor.look(str(tmp_path / "log"), 9)
    assert not compressor.busy
    assert len(real_bench.reports) == 1
    assert real_bench.reports[0].startswith("cannot compress")
    assert (tmp_path / "log.2").exists()


def test_what_is_no_file_is_not_compressed(real_bench, exits, tmp_path):
    """Somebody has put a directory where a backup would be."""
    compressor = Compressor(exits, real_bench.reports.append)
    (tmp_path / "log.2").mkdir()
    compressor.look(str(tmp_path / "log"), 9)
    assert not compressor.busy
    assert names_in(tmp_path) == ["log.2"]
