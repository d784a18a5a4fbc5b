"""Output in files: to the byte, rotated at line ends, and always where the path is."""

import os
import stat
import threading
import time

import pytest

from ncolony.core.logspec import FileLog
from ncolony.posix.logfiles import MAX_OVERRUN, why_not
from ncolony.posix.pump import CHUNK
from tests.logs.conftest import joined, names_in, numbered, rotated

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it pretends to be another user")


def test_a_file_has_the_very_bytes(bench, tmp_path):
    """Bug 29: what is not UTF-8, NUL and control codes are none of our business in a file."""
    data = os.urandom(300_000)
    bench.logs_to(tmp_path / "log", max_bytes=0).says(data)
    assert (tmp_path / "log").read_bytes() == data


def test_a_file_goes_on_where_it_ends(bench, tmp_path):
    """A supervisor finds the files of the one before it."""
    (tmp_path / "log").write_bytes(b"before\n")
    bench.logs_to(tmp_path / "log").says(b"after\n")
    assert (tmp_path / "log").read_bytes() == b"before\nafter\n"


def test_rotation_cuts_no_line(bench, tmp_path):
    """Each file begins and ends with a line; together they have all of them in order."""
    data = b"".join(b"%d %s\n" % (number, b"x" * (number * 37 % 300)) for number in range(3000))
    bench.logs_to(tmp_path / "log", max_bytes=10_000, backups=1000).says(data)
    files = rotated(tmp_path / "log")
    assert len(files) > 30
    assert joined(tmp_path / "log") == data
    for file in files[:-1]:
        text = file.read_bytes()
        assert text.endswith(b"\n")
        assert 10_000 <= len(text) < 10_310


def test_rotation_waits_for_the_end_of_a_line(bench, tmp_path):
    """However long the program takes to write it."""
    program = bench.logs_to(tmp_path / "log", max_bytes=100)
    program.says(b"x" * 150)
    program.says(b"y" * 2000)
    assert len(rotated(tmp_path / "log")) == 1
    program.says(b"z\nnext")
    assert (tmp_path / "log.1").read_bytes() == b"x" * 150 + b"y" * 2000 + b"z\n"
    assert (tmp_path / "log").read_bytes() == b"next"


def test_a_line_without_end_is_cut_at_last(bench, tmp_path):
    """Bug 28: neither memory nor a file grows without bound; the bytes stay the same."""
    program = bench.logs_to(tmp_path / "log", max_bytes=10_000, backups=100)
    program.says(b"x" * 500_000)
    files = rotated(tmp_path / "log")
    assert len(files) > 3
    assert max(file.stat().st_size for file in files) <= 10_000 + MAX_OVERRUN + 512
    assert joined(tmp_path / "log") == b"x" * 500_000


def test_only_so_many_backups_are_kept(bench, tmp_path):
    """The oldest goes."""
    bench.logs_to(tmp_path / "log", max_bytes=1000, backups=2).says(numbered(0, 1001))
    assert names_in(tmp_path) == ["log", "log.1", "log.2"]
    assert joined(tmp_path / "log") == numbered(800, 1001)


def test_no_backup_at_all(bench, tmp_path):
    """Then a full file is deleted."""
    bench.logs_to(tmp_path / "log", max_bytes=1000, backups=0).says(numbered(0, 1001))
    assert names_in(tmp_path) == ["log"]
    assert joined(tmp_path / "log") == numbered(1000, 1001)


def test_a_file_is_rotated_at_the_first_output_of_a_new_period(bench, tmp_path):
    """The file's own time of change says in which period it is, so a restart in between makes no difference."""
    log = tmp_path / "log"
    log.write_bytes(b"yesterday\n")
    os.utime(log, (time.time() - 86400,) * 2)
    program = bench.logs_to(log, max_age=86400.0)
    assert not (tmp_path / "log.1").exists()
    program.says(b"today\n")
    program.says(b"still today\n")
    assert (tmp_path / "log.1").read_bytes() == b"yesterday\n"
    assert log.read_bytes() == b"today\nstill today\n"


def test_an_old_file_without_a_line_end_is_cut_at_last(bench, tmp_path):
    """Age alone does not keep us at moving single bytes for ever."""
    log = tmp_path / "log"
    log.write_bytes(b"x")
    program = bench.logs_to(log, max_age=600.0)
    for _ in range(4):
        if log.exists():
            os.utime(log, (0, 0))
        program.says(b"y" * 40_000)
    assert (tmp_path / "log.1").exists()
    assert joined(log) == b"x" + b"y" * 160_000


@pytest.mark.parametrize("how", ["mv", "rm", "mv and create", "truncate"])
def test_a_file_that_is_changed_from_outside_is_met_where_it_is(bench, tmp_path, how):
    """Bug 24: logrotate and people move files; the next byte lands in the file that has the name."""
    log = tmp_path / "log"
    program = bench.logs_to(log)
    program.says(b"one\n")
    if how == "rm":
        log.unlink()
    elif how == "truncate":
        os.truncate(log, 0)
    else:
        log.rename(tmp_path / "elsewhere")
    if how == "mv and create":
        log.touch()
    program.says(b"two\n")
    assert log.read_bytes() == b"two\n"
    if how.startswith("mv"):
        assert (tmp_path / "elsewhere").read_bytes() == b"one\n"


def test_a_silent_program_costs_nothing(bench, tmp_path):
    """No timer watches its file, and the file is not even made."""
    bench.logs_to(tmp_path / "log", max_bytes=1000, max_age=3600.0)
    assert bench.loop.timers == []
    assert names_in(tmp_path) == []


def test_the_last_bytes_come_from_the_backup_too(bench, tmp_path):
    """A death right after a rotation is explained all the same."""
    program = bench.logs_to(tmp_path / "log", max_bytes=1000, backups=3)
    program.says(numbered(0, 105))
    assert program.pump.tail(80) == numbered(97, 105)
    assert program.pump.tail(10**9) == numbered(0, 105)
    assert program.pump.tail(0) == b""


def test_a_file_that_follows_another_has_its_mode(bench, tmp_path):
    """What an administrator has set with chmod holds for more than a day."""
    program = bench.logs_to(tmp_path / "log", max_bytes=1000)
    program.says(b"x\n")
    (tmp_path / "log").chmod(0o600)
    program.says(numbered(0, 150))
    assert (tmp_path / "log.1").exists()
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


@as_root
def test_a_file_that_follows_another_has_its_owner(bench, tmp_path):
    """As above, for chown."""
    program = bench.logs_to(tmp_path / "log", max_bytes=1000)
    program.says(b"x\n")
    os.chown(tmp_path / "log", 54321, 54322)
    program.says(numbered(0, 150))
    status = (tmp_path / "log").stat()
    assert (status.st_uid, status.st_gid) == (54321, 54322)


def test_rotation_that_is_not_allowed_is_said_once(bench, tmp_path):
    """The file goes on growing, which is better than losing what comes."""
    (tmp_path / "log.1" / "occupied").mkdir(parents=True)  # nothing can be renamed to it, nor can it be deleted
    program = bench.logs_to(tmp_path / "log", max_bytes=1000, backups=1)
    program.says(numbered(0, 20_000))
    assert (tmp_path / "log").read_bytes() == numbered(0, 20_000)
    assert len(bench.reports) == 1
    assert bench.reports[0].startswith("cannot rotate")


# What a path may be -----------------------------------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("trick", ["symlink", "hard link", "file of another"])
def test_a_program_cannot_have_us_write_to_what_it_may_not(bench, tmp_path, trick):
    """In a directory of its own, a program could put a link to another's file where its log should be."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    victim.write_bytes(b"")
    place.mkdir()
    os.chown(place, 54321, 54321)
    if trick == "symlink":
        (place / "log").symlink_to(victim)
    elif trick == "hard link":
        os.link(victim, place / "log")
    else:
        (place / "log").write_bytes(b"")
        os.chown(place / "log", 12345, 12345)
    bench.logs_to(place / "log").says(b"root::0:0::/:/bin/sh\n")
    assert victim.read_bytes() == b""
    assert "others" in bench.reports[0]


def test_a_link_in_a_directory_of_ours_is_followed(bench, tmp_path):
    """Nobody else can have put it there."""
    (tmp_path / "log").symlink_to(tmp_path / "real")
    bench.logs_to(tmp_path / "log").says(b"hello\n")
    assert (tmp_path / "real").read_bytes() == b"hello\n"


def test_what_cannot_be_written_is_told_beforehand(tmp_path):
    """Bug 25: with the reason, when the program's file is read."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    rotates = FileLog("", max_bytes=10_000)
    assert "there is no directory" in why_not(str(tmp_path / "none" / "log"), FileLog(""))
    assert "Is a directory" in why_not(str(tmp_path), FileLog(""))
    assert "cannot be rotated" in why_not(str(tmp_path / "fifo"), rotates)
    assert why_not(str(tmp_path / "fifo"), FileLog("")) is None
    assert why_not(str(tmp_path / "file"), rotates) is None
    assert why_not(str(tmp_path / "new"), rotates) is None


def test_a_named_pipe_gets_what_its_reader_takes(bench, tmp_path):
    """Nothing can be spliced to it at a place, so bytes are read and written."""
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    program = bench.logs_to(tmp_path / "fifo")
    program.says(b"hello\n")
    assert os.read(reader, 100) == b"hello\n"
    os.close(reader)


def test_a_slow_reader_of_a_named_pipe_holds_up_its_program_alone(real_bench, tmp_path):
    """With `block` everything arrives in the end, and nothing is asked for over and over."""
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    program = real_bench.logs_to(tmp_path / "fifo", full="block")
    sent = 0
    for _ in range(5):
        sent += program.fills()
        real_bench.settle()
    assert program.pump._targets[0].blocked
    got = 0
    deadline = time.monotonic() + 20
    while got < sent and time.monotonic() < deadline:
        try:
            got += len(os.read(reader, 65536))
        except BlockingIOError:
            real_bench.loop.turn(0.1)
    assert got == sent
    os.close(reader)


def test_a_program_that_never_stops_gets_short_turns(bench, tmp_path):
    """Nothing that one program writes may keep another waiting: a turn moves 256 KB at most."""
    program = bench.logs_to(tmp_path / "log")
    stop = threading.Event()

    def write():
        while not stop.is_set():
            try:
                os.write(program.end, b"x" * 4096)
            except BlockingIOError:
                continue

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(50):
            before = (tmp_path / "log").stat().st_size if (tmp_path / "log").exists() else 0
            bench.loop.turn()
            assert not (tmp_path / "log").exists() or (tmp_path / "log").stat().st_size - before <= 4 * CHUNK
    finally:
        stop.set()
        thread.join()
