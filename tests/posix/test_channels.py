"""Programs' output: every byte, in lines, bounded, and never at the price of waiting."""

import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc

import pytest

from ncolony.core.events import Slot
from ncolony.core.kept import Kept
from ncolony.core.logspec import LogSpec
from ncolony.core.states import UP, Instance, Running
from ncolony.loop import Loop
from ncolony.posix.channels import PipeChannels
from ncolony.posix.console import readable
from ncolony.posix.lines import CONTINUED, MAX_LINE, Lines
from ncolony.posix.processes import start_time
from ncolony.posix.pump import CHUNK
from ncolony.posix.targets import Targets
from ncolony.testing import FakeChannels, MemorySink, VirtualLoop


class RealStage:
    """A channel of pipes."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.sink = MemorySink()
        self.channels = PipeChannels(self.loop, Targets(self.loop, self.sink))
        self.channel = self.channels.open(Slot("it"))
        self.fds = self.channel.child_fds()

    def says(self, data, stream="stdout"):
        """Write as a process does."""
        os.write(self.fds[stream == "stderr"], data)
        self.loop.settle()

    def close(self):
        """Give everything back."""
        self.channel.close()


class FakeStage:
    """The pretended one."""

    def __init__(self):
        self.sink = MemorySink()
        self.channels = FakeChannels(self.sink)
        self.channel = self.channels.open(Slot("it"))
        self.fds = self.channel.child_fds()

    def says(self, data, stream="stdout"):
        """Write as a process does."""
        self.channel.says(data, stream)

    def close(self):
        """Give everything back."""
        self.channel.close()


@pytest.fixture(params=[RealStage, FakeStage])
def stage(request):
    """Both channels."""
    made = request.param()
    yield made
    made.close()


def test_lines_come_whole_and_at_once(stage):
    """A line is passed on when it is finished, and not before."""
    stage.says(b"one\ntw")
    assert stage.sink.lines == [("it", "stdout", b"one")]
    stage.says(b"o\n\n")
    assert stage.sink.of("it") == [b"one", b"two", b""]


def test_unfinished_last_line_is_told_once(stage):
    """Bug 27: the last words of a crash often lack the line end, and are the ones that matter."""
    stage.says(b"abc")
    assert stage.sink.lines == []
    stage.channel.drain()
    stage.channel.drain()
    assert stage.sink.lines == [("it", "stdout", b"abc")]


def test_next_run_begins_a_line_of_its_own(stage):
    """Bug 27: what one run left unfinished is not glued to the first line of the next."""
    stage.says(b"abc")
    stage.channel.drain()
    stage.says(b"def\n")
    assert stage.sink.of("it") == [b"abc", b"def"]


def test_streams_are_never_mixed_within_a_line(stage):
    """Bug 30: half a line on stdout, half a line on stderr: two lines."""
    stage.says(b"out")
    stage.says(b"err", "stderr")
    stage.says(b"put\n")
    stage.says(b"or\n", "stderr")
    assert stage.sink.lines == [("it", "stdout", b"output"), ("it", "stderr", b"error")]


def test_renamed_channel_labels_what_follows(stage):
    """The pipe stays: a program that gets a second instance is "web:1" from now on."""
    stage.says(b"one\n")
    stage.channel.describe(Slot("it", 1, 2), LogSpec())
    stage.says(b"two\n")
    assert [(label, line) for label, _, line in stage.sink.lines] == [("it", b"one"), ("it:1", b"two")]


def test_what_was_written_is_counted_over_all_runs(stage):
    """By stream, and no more when the slot is gone."""
    stage.channel.began(1, 100)
    stage.says(b"one\n")
    stage.says(b"oh", "stderr")
    stage.channel.began(2, 101)
    stage.says(b"two\n")
    assert sorted(stage.channels.written()) == [("it", 1, "stderr", 2, 0, 0), ("it", 1, "stdout", 8, 0, 0)]
    stage.channel.close()
    assert list(stage.channels.written()) == []


def test_what_came_since_a_time_is_known_by_stream(stage):
    """To the second, by the clock on the wall."""
    before = time.time()
    stage.says(b"one\n")
    assert stage.channel.since("stdout", before) == 4
    assert stage.channel.since("stderr", before) == 0
    assert stage.channel.since("stdout", time.time() + 60) == 0


def test_closing_drains(stage):
    """Nothing that was written is lost."""
    stage.says(b"last")
    stage.channel.close()
    assert stage.sink.of("it") == [b"last"]
    stage.channel.close()


def test_descriptors_of_a_channel_differ(stage):
    """Or stdout and stderr were one."""
    assert len(set(stage.fds)) == 2


# Lines ----------------------------------------------------------------------------------------------------------------


def test_huge_line_is_split_and_marked():
    """Bug 28: 100 MB without a line end: no more than a line's worth is kept at any time, and each cut is marked."""
    lines, total, marked = Lines(), 0, 0
    tracemalloc.start()
    for _ in range(100 * 1024 * 1024 // CHUNK):
        for piece in lines.feed(b"x" * CHUNK):
            assert len(piece) <= MAX_LINE + len(CONTINUED)
            assert piece.endswith(CONTINUED)
            total += len(piece) - len(CONTINUED)
            marked += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * MAX_LINE
    (rest,) = lines.end()
    assert total + len(rest) == 100 * 1024 * 1024
    assert marked >= 100 * 1024 * 1024 // MAX_LINE - 1


def test_line_of_the_greatest_length_is_whole():
    """The limit itself is allowed."""
    lines = Lines()
    assert lines.feed(b"x" * MAX_LINE) == []
    assert lines.feed(b"\n") == [b"x" * MAX_LINE]
    assert lines.feed(b"y" * (MAX_LINE + 1) + b"\nz\n") == [b"y" * MAX_LINE + CONTINUED, b"y", b"z"]


@pytest.mark.parametrize("seed", range(20))
def test_lines_do_not_depend_on_how_they_are_cut(seed):
    """Whatever the sizes in which a pipe hands them over: the same bytes, the same lines."""
    chance = random.Random(seed)  # noqa: S311 - the same cases every time
    data = b"\n".join(chance.randbytes(chance.choice([0, 1, 10, MAX_LINE, MAX_LINE * 2 + 1])) for _ in range(10))
    lines, got, at = Lines(), [], 0
    while at < len(data):
        size = chance.choice([1, 7, 4096, CHUNK])
        got += lines.feed(data[at : at + size])
        at += size
    got += lines.end()
    text = b"".join(part.removesuffix(CONTINUED) if part.endswith(CONTINUED) else part + b"\n" for part in got)
    assert text.removesuffix(b"\n") == data.removesuffix(b"\n")


# With processes -------------------------------------------------------------------------------------------------------


def test_closed_output_does_not_spin(bench):
    """Bug 26: a program that closes its output and lives costs no time at all."""
    run = bench.spawn("sh", "-c", "echo ready; exec >&- 2>&-; exec sleep 1000")
    bench.until(lambda: bench.sink.lines)
    for _ in range(3):
        bench.loop.turn(0.05)
    before, began = time.process_time(), time.monotonic()
    bench.loop.turn(0.3)
    assert time.monotonic() - began >= 0.29, "something woke the loop"
    assert time.process_time() - before < 0.1
    assert run.pid


def test_output_of_many_processes_is_not_mixed(bench):
    """Bug 30: thirty programs write long lines to both streams at the same time."""
    channels = [bench.channels.open(Slot(f"p{number}")) for number in range(15)]
    code = "n=0; while [ $n -lt 40 ]; do echo $1$1$1$1$1$1$1$1; echo $2$2$2$2$2$2$2$2 >&2; n=$((n+1)); done"
    runs = []
    for number, channel in enumerate(channels):
        bench.channel, kept = channel, bench.channel
        words = (f"{number:02d}" * 50, f"{number + 50:02d}" * 50)
        runs.append(bench.spawn("sh", "-c", code, "sh", *words))
        bench.channel = kept
    bench.until(lambda: all(run.facts[1:] for run in runs))
    for number, channel in enumerate(channels):
        channel.close()
        assert bench.sink.of(f"p{number}") == [f"{number:02d}".encode() * 400] * 40
        assert bench.sink.of(f"p{number}", "stderr") == [f"{number + 50:02d}".encode() * 400] * 40


def test_all_bytes_arrive_as_they_were(bench):
    """Bug 29: whatever they are; only showing them escapes them."""
    code = "import os; os.write(1, bytes(set(range(256)) - {10}))"
    run = bench.spawn(sys.executable, "-I", "-S", "-c", code).over()
    bench.channel.drain()
    assert run.status == 0
    assert bench.sink.of("it") == [bytes(sorted(set(range(256)) - {10}))]


def test_flood_of_one_program_delays_no_other(bench):
    """One chunk a turn: two programs that write without end, and a third is heard all the same."""
    floods = [bench.channels.open(Slot("flood")) for _ in range(2)]
    for channel in floods:
        bench.channel, kept = channel, bench.channel
        bench.spawn("sh", "-c", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done")
        bench.channel = kept
    bench.until(lambda: bench.sink.of("flood"))
    run = bench.spawn("echo", "heard")
    bench.until(lambda: bench.sink.of("it") == [b"heard"] and run.facts[1:], 5)
    for one in bench.runs[:2]:
        one.process.signal(signal.SIGKILL, "group")
        one.over()
    for channel in floods:
        channel.close()


def test_drain_ends_although_somebody_goes_on_writing(bench):
    """Bug 41: a child left behind that never stops writing must not hold the supervisor in the drain."""
    run = bench.spawn("sh", "-c", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done & echo $!")
    run.over()
    began = time.monotonic()
    bench.channel.drain()
    assert time.monotonic() - began < 5
    orphan = next(int(line) for line in bench.sink.of("it") if line.isdigit())
    os.kill(orphan, signal.SIGKILL)


def test_full_pipe_loses_nothing(bench):
    """A program that writes more than a pipe holds waits for us, and all of it arrives."""
    code = "import os\nfor n in range(20000): os.write(1, b'%d\\n' % n)"
    bench.spawn(sys.executable, "-I", "-S", "-c", code).over()
    bench.channel.drain()
    assert bench.sink.of("it") == [str(number).encode() for number in range(20000)]


# Showing it -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"tab\tstays", "tab\tstays"),
        ("grüße ☃".encode(), "grüße ☃"),
        (b"carriage return\r", "carriage return"),
        (b"in\rthe middle", "in\\x0dthe middle"),
        (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        (b"nul\0bell\a", "nul\\x00bell\\x07"),
        (b"not utf-8: \xff\xfe", "not utf-8: \\xff\\xfe"),
        (b"c1: \xc2\x9b31m", "c1: \\x9b31m"),
        (b"\x7f", "\\x7f"),
    ],
)
def test_control_codes_and_odd_bytes_are_spelled_out(data, text):
    """Bug 29: a program must not be able to write into the terminal of whoever reads the log."""
    assert readable(data) == text


@pytest.mark.parametrize("seed", range(20))
def test_no_bytes_break_a_line_or_the_encoding(seed):
    """Bug 29: random bytes: one line of UTF-8 without control codes."""
    text = readable(random.Random(seed).randbytes(2000).replace(b"\n", b""))  # noqa: S311
    assert not [letter for letter in text if letter != "\t" and ord(letter) < 32]
    assert "\x7f" not in text
    text.encode("utf-8")


def test_who_listens_hears_what_goes_by_until_it_has_enough(stage):
    """By stream, and nothing of it is missing in the log."""
    heard = []

    def hear(stream, data):
        heard.append((stream, data))
        return data.endswith(b"stop\n")

    stage.says(b"before\n")
    stage.channel.listen(hear)
    stage.says(b"one\n")
    stage.says(b"two\n", "stderr")
    stage.channel.listen(None)
    stage.says(b"unheard\n")
    stage.channel.listen(hear)
    stage.says(b"stop\n")
    stage.says(b"more\n")
    assert heard == [("stdout", b"one\n"), ("stderr", b"two\n"), ("stdout", b"stop\n")]
    assert stage.sink.of("it") == [b"before", b"one", b"unheard", b"stop", b"more"]
    assert stage.sink.of("it", "stderr") == [b"two"]


@pytest.mark.parametrize("run", [7, 8], ids=["its own", "a stranger's"])
def test_the_pipes_of_a_stranger_that_has_got_a_pid_are_left_alone(tmp_path, run):
    """Where no keeper lives, a successor opens the pipes of the process that was noted, if it is that run still."""
    loop, sink = Loop(), MemorySink()
    channels = PipeChannels(loop, Targets(loop, sink))
    command = ["/bin/sh", "-c", "read line && echo $line"]
    environment = {"NCOLONY_RUN": "c/it:1/7", "PATH": os.defpath}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        left = Kept("it", 1, Instance(Running(process.pid, 1.0), UP, 0, run), 0, start_time(process.pid))
        channel = channels.open(Slot("it"), left=left)
        process.stdin.write(b"hello\n")
        process.stdin.close()
        process.wait()
        channel.drain()
        channel.close()
        assert sink.of("it") == ([b"hello"] if run == 7 else [])
        assert process.stdout.read() == (b"" if run == 7 else b"hello\n")
    loop.close()
