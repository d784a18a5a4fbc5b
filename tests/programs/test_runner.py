"""The runner over fakes: what a schedule means for processes, in virtual time."""

from signal import SIGCONT, SIGKILL, SIGTERM

from ncolony.programs.runner import Runner
from ncolony.programs.schedule import Job
from ncolony.testing import Act, FakeChannels, FakeSpawner, MemorySink, VirtualLoop

JOB = Job(("job",), every=10.0, timeout=4.0, grace=8.0)
STUBBORN = frozenset((int(SIGTERM),))


class Bench:
    """A runner that has been started, and all around it."""

    def __init__(self, act, job=JOB):
        self.loop = VirtualLoop(0.0)
        self.spawner = FakeSpawner(self.loop, {job.args: act})
        self.sink = MemorySink()
        self.channels = FakeChannels(self.sink)
        self.said = []
        self.over = []
        self.runner = Runner(
            self.loop, self.spawner.spawn, self.channels, job, lambda said: self.said.append(said.line)
        )
        self.runner.start({"HOME": "/"})
        self.born = []
        self.most = 0

    def advance(self, seconds):
        """Let time pass in small pieces, and note when processes are born and how many live at a time."""
        for _ in range(round(seconds * 4)):
            self.loop.advance(0.25)
            now = self.loop.now()
            self.born += [now] * (len(self.spawner.processes) - len(self.born))
            self.most = max(self.most, len(self.spawner.living))

    def stop(self):
        """Stop the runner; the moment when it is over is noted."""
        self.runner.stop(lambda: self.over.append(self.loop.now()))


def test_a_run_at_once_and_one_every_period():
    """The first promise of a scheduler."""
    bench = Bench(Act(status=0, after=1.0))
    bench.advance(30.5)
    assert bench.born == [0.25, 10.0, 20.0, 30.0]  # seen a quarter of a second late, where it was at once
    assert bench.spawner.processes[0].launch.env == {"HOME": "/"}


def test_never_two_runs_at_a_time():
    """A run of 12 seconds skips every other start of a period of 10."""
    bench = Bench(Act(status=0, after=12.0), Job(("job",), every=10.0, timeout=None, grace=1.0))
    bench.advance(45.0)
    assert bench.born == [0.25, 20.0, 40.0]
    assert bench.most == 1
    assert [line for line in bench.said if "skipped" in line] == [
        "'job' exited with status 0 after 12 s; 1 start was skipped; next start in 8 s"
    ] * 2


def test_a_command_that_cannot_start_is_tried_again_next_time():
    """It may have been installed meanwhile."""
    bench = Bench(Act(fails="no such file: 'job'"))
    bench.advance(5.0)
    bench.spawner.acts[JOB.args] = Act(status=0)
    bench.advance(6.0)
    assert bench.said == [
        "cannot start 'job': no such file: 'job'; next start in 10 s",
        "'job' exited with status 0 after 0 s",
    ]


def test_no_room_for_pipes_is_a_failed_start_too():
    """Out of descriptors now does not mean out of them in ten seconds."""
    bench = Bench(Act(status=0))
    bench.channels.refuse = OSError(24, "Too many open files")
    bench.advance(1.0)
    assert bench.said == [
        "cannot start 'job': cannot make pipes for its output: Too many open files; next start in 10 s"
    ]
    bench.channels.refuse = None
    bench.advance(10.0)
    assert len(bench.spawner.processes) == 1


def test_a_stubborn_run_gets_term_then_kill():
    """Four seconds, then TERM; eight more, then KILL."""
    bench = Bench(Act(ignores=STUBBORN))
    bench.advance(4.25)
    process = bench.spawner.processes[0]
    assert process.signals == [(SIGTERM, "group"), (SIGCONT, "group")]
    bench.advance(7.5)
    assert process.alive
    bench.advance(0.5)
    assert process.signals[2:] == [(SIGKILL, "group")]
    assert process.ended == -SIGKILL


def test_what_it_wrote_last_comes_before_the_news_of_its_end():
    """A log tells things in the order in which they happened."""
    bench = Bench(Act(status=0, after=1.0))
    bench.advance(0.5)
    bench.channels.channels[0].says(b"one\nhalf a li")
    assert bench.sink.of("job") == [b"one"]
    bench.advance(1.0)
    assert bench.sink.of("job") == [b"one", b"half a li"]


def test_stop_ends_the_run_and_says_when_it_is_gone():
    """Whoever stops it waits for the very end, and there is nothing left to wake up for."""
    bench = Bench(Act(ignores=STUBBORN))
    bench.advance(1.0)
    bench.stop()
    bench.advance(2.5)
    assert not bench.over
    bench.advance(1.0)
    assert bench.over == [4.0]
    assert not bench.channels.channels[0].open
    assert not bench.loop.timers
    bench.advance(30.0)
    assert len(bench.spawner.processes) == 1


def test_stop_before_the_first_run():
    """Then there never is one."""
    bench = Bench(Act(status=0))
    bench.stop()
    bench.advance(1.0)
    assert bench.over == [0.0]
    assert not bench.spawner.processes


def test_stop_while_a_birth_is_under_way():
    """A command that comes to life after all is ended."""
    bench = Bench(Act(told_after=2.0))
    bench.advance(1.0)
    bench.stop()
    assert not bench.over
    bench.advance(1.5)
    assert bench.spawner.processes[0].ended == -SIGTERM
    assert bench.over == [2.0]
