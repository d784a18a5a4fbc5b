"""From the pipe to several targets, and several streams into one file."""

import os
import random
import socket
import subprocess
import sys
import time
from fcntl import F_GETPIPE_SZ, fcntl
from pathlib import Path

import pytest

import ncolony
from ncolony.core.logspec import ConsoleLog, FileLog, SyslogLog
from ncolony.posix.console import readable
from ncolony.posix.pump import RECENT, WIDTHS, Pump, Recent, last_lines
from ncolony.posix.targets import LineTarget, Origin, Targets
from tests.logs.conftest import joined, numbered, rotated

SOURCE = Path(ncolony.__file__).parent.parent


class Papers(dict):
    """Consoles that keep what they get."""

    def write(self, label, stream, lines):
        """Take lines."""
        self.put("stderr", "".join(f"{label} | {readable(line)}\n" for line in lines))

    def put(self, to, text):
        """Take text."""
        self[to] += text


@pytest.fixture
def papers():
    """Both consoles."""
    return Papers(stderr="", stdout="")


@pytest.fixture
def targets(bench, papers):
    """What makes targets."""
    made = Targets(bench.loop, papers, bench.reports.append)
    yield made
    bench.close()
    bench.programs.clear()
    made.close()


def test_one_stream_can_go_to_several_targets(bench, targets, papers, tmp_path):
    """Each gets all of it, in its own form."""
    logs = [
        ConsoleLog(),
        ConsoleLog("plain", "stdout"),
        FileLog(str(tmp_path / "{name}.raw")),
        FileLog(str(tmp_path / "{name}.prefix"), format="prefix"),
    ]
    origin = Origin("web", 1, "web")
    program = bench.program(*targets.open(logs, origin, "stdout"))
    program.says(b"one\ntwo\xff\n")
    assert papers["stderr"] == "web | one\nweb | two\\xff\n"
    assert papers["stdout"] == "one\ntwo\\xff\n"
    assert (tmp_path / "web.raw").read_bytes() == b"one\ntwo\xff\n"
    assert (tmp_path / "web.prefix").read_bytes() == b"web | one\nweb | two\\xff\n"


def test_a_pipe_that_a_program_fills_is_made_wide(bench, targets, tmp_path):
    """Who writes much waits less often; who writes little costs no more than before."""
    program = bench.program(*targets.open([FileLog(str(tmp_path / "log"))], Origin("web", 1, "web"), "stdout"))
    before = fcntl(program.end, F_GETPIPE_SZ)
    program.says(b"a line\n")
    assert fcntl(program.end, F_GETPIPE_SZ) == before
    program.says(b"x" * before)
    assert fcntl(program.end, F_GETPIPE_SZ) == WIDTHS[0]
    assert (tmp_path / "log").read_bytes() == b"a line\n" + b"x" * before


@pytest.mark.parametrize("form", ["raw", "prefix"])
def test_a_last_line_without_end_is_there_once(bench, targets, papers, tmp_path, form):
    """Bug 27: a program that prints "abc" and dies."""
    logs = [FileLog(str(tmp_path / "log"), format=form), ConsoleLog()]
    program = bench.program(*targets.open(logs, Origin("web", 1, "web"), "stdout"))
    os.write(program.end, b"abc")
    program.pump.drain()
    program.pump.drain()
    assert (tmp_path / "log").read_bytes() == {"raw": b"abc", "prefix": b"web | abc\n"}[form]
    assert papers["stderr"] == "web | abc\n"


def test_a_stream_without_targets_is_read_all_the_same(bench):
    """Bug 22: the program never waits for a reader that there is not; its last words can be told."""
    program = bench.program()
    program.says(numbered(0, 50_000))
    assert program.pump.tail(50) == numbered(49_995, 50_000)


def test_streams_in_one_file_never_share_a_line(bench, targets, tmp_path):
    """Bug 30: fifty programs write pieces of lines, in any order; each line is one program's."""
    path = str(tmp_path / "log")
    programs = [
        bench.program(*targets.open([FileLog(path, 20_000, 1000)], Origin(f"p{number}", 1, f"p{number}"), "stdout"))
        for number in range(50)
    ]
    lines = {index: b"".join(b"%d:%d\n" % (index, number) for number in range(200)) for index in range(50)}
    chance = random.Random(7)  # noqa: S311 - the same order each time
    left = dict(lines)
    while left:
        index = chance.choice(list(left))
        size = chance.randrange(1, 90)
        programs[index].says(left[index][:size])
        left[index] = left[index][size:]
        if not left[index]:
            del left[index]
    got = joined(tmp_path / "log").split(b"\n")
    assert got.pop() == b""
    for index, expected in lines.items():
        assert [line for line in got if line.startswith(b"%d:" % index)] == expected.split(b"\n")[:-1]
    assert len(got) == 50 * 200


def test_a_file_that_gets_a_second_stream_and_loses_it_again(bench, targets, tmp_path):
    """From the very bytes to whole lines and back."""
    log = FileLog(str(tmp_path / "log"))
    one = bench.program(*targets.open([log], Origin("one", 1, "one"), "stdout"))
    one.says(b"1 begins,")
    two = bench.program(*targets.open([log], Origin("two", 1, "two"), "stdout"))
    two.says(b"2 is whole\n")
    one.says(b" goes on")
    two.says(b"2 ends without")
    two.pump.drain()
    two.pump.close()
    one.says(b" and ends\nraw")
    assert (tmp_path / "log").read_bytes() == b"1 begins,\n2 is whole\n2 ends without\n goes on and ends\nraw"


def test_a_huge_line_in_a_shared_file_is_cut_and_marked(bench, targets, tmp_path):
    """Bug 28: memory is bounded."""
    log = FileLog(str(tmp_path / "log"))
    one, two = (bench.program(*targets.open([log], Origin(name, 1, name), "stdout")) for name in ("one", "two"))
    one.says(b"x" * 1_000_000)
    assert len(one.pump._targets[0].rest) <= 65536
    two.says(b"y\n")
    one.says(b"\n")
    lines = (tmp_path / "log").read_bytes().split(b"\n")
    assert sum(line.count(b"x") for line in lines) == 1_000_000
    assert b"y" in lines
    assert all(line.endswith(b"[line goes on]") for line in lines if len(line) > 65536)


def test_a_blocked_target_holds_up_its_stream_alone(bench, targets, papers):
    """With several targets, the strictest of them decides."""
    logs = [ConsoleLog(), FileLog("/dev/full", full="block", format="prefix")]
    stuck = bench.program(*targets.open(logs, Origin("stuck", 1, "stuck"), "stdout"))
    other = bench.program(*targets.open([ConsoleLog()], Origin("other", 1, "other"), "stdout"))
    stuck.says(b"one\n")
    os.write(stuck.end, b"two\n")
    other.says(b"hello\n")
    bench.settle()
    assert papers["stderr"] == "stuck | one\nother | hello\n"


def test_targets_can_be_changed_under_a_live_program(bench, targets, papers, tmp_path):
    """Nothing is lost: what is in the pipe goes to the new ones."""
    origin = Origin("web", 1, "web")
    program = bench.program(*targets.open([FileLog(str(tmp_path / "log"))], origin, "stdout"))
    program.says(b"one\n")
    os.write(program.end, b"two\n")
    program.pump.retarget(targets.open([ConsoleLog()], origin, "stdout"))
    bench.settle()
    assert (tmp_path / "log").read_bytes() == b"one\n"
    assert papers["stderr"] == "web | two\n"


def test_a_name_and_a_run_may_change(bench, targets, papers):
    """The owner of the channel keeps them up to date."""
    origin = Origin("web", 1, "web")
    program = bench.program(*targets.open([ConsoleLog("json")], origin, "stdout"))
    origin.run, origin.label = 7, "web:1"
    program.says(b"hello\n")
    assert '"run":7' in papers["stderr"]


def test_what_cannot_be_is_told_beforehand(targets, tmp_path):
    """Only files can be in the way."""
    logs = [ConsoleLog(), SyslogLog(), FileLog(str(tmp_path / "{name}" / "log"))]
    (reason,) = targets.why_not(logs, Origin("web", 1, "web"), "stdout")
    assert str(tmp_path / "web" / "log") in reason


def test_recent_output_takes_no_more_than_64_kb():
    """In pieces of any size; the very last bytes are there."""
    for size in (1, 7, 100, 4096, 65536, 100_000):
        recent = Recent()
        data = os.urandom(300_000)
        for start in range(0, len(data), size):
            recent.add(data[start : start + size])
        assert recent.tail() == data[-RECENT:]
        assert recent.tail(10) == data[-10:]
        assert recent.tail(0) == b""
        assert sum(map(len, recent._pieces)) <= RECENT + max(size, 4096)
        assert len(recent._pieces) <= 40


def test_recent_output_of_the_silent_is_nothing(bench):
    """A thousand silent programs must not cost a thousand buffers."""
    pump = bench.program().pump
    assert pump._recent is None
    assert pump.tail() == b""


def test_last_lines():
    """An unfinished line counts."""
    assert last_lines(b"a\nb\nc\n", 2) == [b"b", b"c"]
    assert last_lines(b"a\nb\nc", 2) == [b"b", b"c"]
    assert last_lines(b"a\n", 5) == [b"a"]
    assert last_lines(b"", 5) == []
    assert last_lines(b"a\n", 0) == []


def test_a_line_target_alone():
    """It never blocks, and has nobody to tell."""
    got = []
    target = LineTarget(got.extend)
    target.changed = got.clear
    target.changed()
    assert not target.blocked
    target.write(b"a\nb")
    target.close()
    assert got == [b"a", b"b"]


def test_rotation_cuts_no_line_of_what_was_read_either(bench, targets, tmp_path):
    """With several targets nothing is spliced; files end at lines all the same."""
    logs = [FileLog(str(tmp_path / "log"), 10_000, 1000), FileLog(str(tmp_path / "other"), max_age=86400.0)]
    program = bench.program(*targets.open(logs, Origin("web", 1, "web"), "stdout"))
    data = b"".join(b"%d %s\n" % (number, b"x" * (number * 37 % 300)) for number in range(2000))
    for start in range(0, len(data), 777):
        program.says(data[start : start + 777])
    files = rotated(tmp_path / "log")
    assert len(files) > 20
    assert all(file.read_bytes().endswith(b"\n") for file in files)
    assert joined(tmp_path / "log") == (tmp_path / "other").read_bytes() == data


def test_syslog_is_reached_through_one_socket(bench, targets, tmp_path):
    """However many programs use it; each message says whose it is."""
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(tmp_path / "socket"))
    origins = [Origin(name, 1, name) for name in ("one", "two")]
    for pid, origin in enumerate(origins, 7):
        program = bench.program(*targets.open([SyslogLog(str(tmp_path / "socket"))], origin, "stderr"))
        origin.pid = pid
        program.says(b"hello\n")
    assert len(targets._syslogs) == 1
    assert daemon.recv(1000).endswith(b" one[7]: hello")
    assert daemon.recv(1000).endswith(b" two[8]: hello")
    daemon.close()


def test_a_program_that_closes_its_output_and_lives_costs_nothing(real_bench, tmp_path):
    """Bug 26: both ends of a FIFO are ours too, so it never ends, and the loop sleeps."""
    os.mkfifo(tmp_path / "fifo")
    pipe = os.open(tmp_path / "fifo", os.O_RDWR | os.O_NONBLOCK)
    pump = Pump(real_bench.loop, pipe, [real_bench.target(real_bench.file(tmp_path / "log"))])
    code = "import os, sys; os.write(1, b'bye'); os.close(1); os.close(2); sys.stdin.read()"
    with (tmp_path / "fifo").open("wb", buffering=0) as end:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=end, stderr=end)
    while not (tmp_path / "log").exists():
        real_bench.loop.turn(1)
    began = time.monotonic()
    real_bench.loop.turn(0.3)
    assert time.monotonic() - began >= 0.29  # it slept all the while
    assert process.poll() is None
    process.communicate()
    pump.close()
    os.close(pipe)
    assert (tmp_path / "log").read_bytes() == b"bye"


def test_output_imports_nothing_dear():
    """A supervisor should have nine megabytes; sockets are for who asks for syslog."""
    modules = ["filetarget", "logfiles", "pump", "rotation", "targets"]
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
    code += "".join(f"import ncolony.posix.{name}\n" for name in modules) + "print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert "ncolony.posix.targets" in imported
    dear = {"socket", "typing", "dataclasses", "inspect", "subprocess", "logging", "shutil", "tempfile", "zlib", "gzip"}
    assert not dear & imported


def test_all_that_is_in_the_pipe_is_taken_at_an_end(bench, tmp_path):
    """However small the pieces are, between rotations of tiny files."""
    program = bench.logs_to(tmp_path / "log", max_bytes=100, backups=5000)
    sent = program.fills()
    program.pump.drain()
    assert len(joined(tmp_path / "log")) == sent


def test_a_line_that_was_begun_can_be_handed_to_a_successor(bench, targets, papers, tmp_path):
    """A supervisor that replaces itself reads on in the middle of a line; each target gets its own part of it."""
    logs = [ConsoleLog(), FileLog(str(tmp_path / "log"))]
    origin = Origin("web", 1, "web")
    before = bench.program(*targets.open(logs, origin, "stdout"))
    before.says(b"whole\nbeg")
    rests = before.pump.unfinished()
    assert rests == [b"beg", b""]  # the file has it
    opened = targets.open(logs, origin, "stdout")
    for target, rest in zip(opened, rests, strict=True):
        target.write(rest)
    after = bench.program(*opened)
    after.says(b"un\n")
    assert papers["stderr"] == "web | whole\nweb | begun\n"
