# ruff: noqa: PTH123 - system calls are the subject
"""Ends of processes: each is noticed once, at once, with its status; no other process is ever touched."""

import ctypes
import os
import resource
import signal
import sys
import threading
import time

import pytest

from ncolony.core.kept import Kept
from ncolony.core.outcome import exit_code
from ncolony.core.states import UP, Ended, Instance, Running, Spawned
from ncolony.posix.exits import SigchldExits, reap
from ncolony.testing import MemorySink
from tests.conftest import bare, descriptors
from tests.posix.conftest import Bench, as_root

PR_SET_CHILD_SUBREAPER = 36
MANY_RUNS = 1000


def wait_until_dead(pid):
    """Wait until a child has ended, and leave it to be reaped."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def state_of(pid):
    """Return the state of a process as the kernel's letter."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_exit_code_is_told(bench, code):
    """Bug 60: as it was."""
    assert bench.spawn("sh", "-c", f"exit {code}").over().status == code


def test_what_a_run_has_used_is_told(bench):
    """CPU time of it and of its children; memory only where it is more than what it shared with us at its birth."""
    code = "import os; b = b'x' * (300 << 20); sum(range(3_000_000))"
    facts = []
    bench.spawner.spawn(bench.launch(sys.executable, "-S", "-c", code), facts.append)
    bench.until(lambda: facts[1:])
    usage = facts[1].usage
    assert usage.user > 0.01
    assert 0 <= usage.system < 60
    assert 300 << 20 < usage.peak < 1 << 30


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGRTMIN + 3])
def test_death_by_signal_is_told(bench, number):
    """Bug 60: as the negative of its number; shells call 9 137 and 15 143."""
    run = bench.spawn("sleep", "1000")
    run.process.signal(number, "process")
    run.over()
    assert run.status == -number
    assert exit_code(run.status) == 128 + number
    assert not run.facts[1].core


def test_core_dump_is_told(bench, tmp_path, monkeypatch):
    """Bug 60: a crash that left a core is worth a look."""
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        run = bench.spawn("sh", "-c", "kill -SEGV $$").over()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert run.status == -signal.SIGSEGV
    if not any(tmp_path.iterdir()):
        pytest.skip("this machine writes no core file where we could see it")
    assert run.facts[1].core


def test_child_that_ends_before_it_is_registered_is_attributed(any_way):
    """Bug 4: dead before the loop has turned once: its end is told, once, after its beginning."""
    run = any_way.spawn("sh", "-c", "exit 5", run=42)
    if run.facts:
        wait_until_dead(run.pid)
    run.over()
    assert run.facts == [Spawned(42, run.pid), Ended(42, 5)]


def test_end_noticed_before_the_report_leaves_no_pid_to_signal():
    """Bug 4: where the launcher's report is read after the program was reaped, its pid may be a stranger's already."""
    sent = []
    made = Bench(SigchldExits)
    facts = []

    class Tell:
        run = None

        def __call__(self, fact):
            facts.append(bare(fact))
            sent.append(self.process.pid)

    tell = Tell()
    tell.process = made.spawner.spawn(made.launch("true", uid=os.getuid(), gid=os.getgid()), tell)
    end = time.monotonic() + 20
    while not (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)):
        assert time.monotonic() < end
    made.exits._look()  # before the loop has read the report
    assert facts == [Spawned(1, dead.si_pid), Ended(1, 0)]
    assert sent == [None, None]
    made.close()


def test_all_of_many_short_lives_are_reaped(bench):
    """Bug 2: no SIGCHLD is lost between the spawn and the watch, nor any pidfd."""
    began = time.monotonic()
    runs = []
    for number in range(300):
        runs.append(bench.spawn("true", run=number))
        if number % 50 == 0:
            bench.loop.turn()
    bench.until(lambda: all(run.facts[1:] for run in runs))
    assert [run.facts[1] for run in runs] == [Ended(number, 0) for number in range(300)]
    assert time.monotonic() - began < 20


def test_deaths_that_share_one_signal_are_all_told(bench):
    """Bug 3: fifty children end while the loop does not turn; SIGCHLD is pending once."""
    runs = [bench.spawn("sh", "-c", f"exit {number}", run=number) for number in range(50)]
    for run in runs:
        wait_until_dead(run.pid)
    assert all(run.kinds == [Spawned] for run in runs)
    bench.until(lambda: all(run.facts[1:] for run in runs))
    assert [run.status for run in runs] == list(range(50))


def test_end_is_told_once(bench):
    """However often the loop turns afterwards."""
    run = bench.spawn("true").over()
    for _ in range(10):
        bench.loop.turn()
    assert run.kinds == [Spawned, Ended]


def test_call_that_fails_costs_no_other_end(bench):
    """A bug in what is told of one end must not hide the others."""
    runs = []

    def fail(fact):
        if isinstance(fact, Ended):
            raise ZeroDivisionError

    first = bench.spawner.spawn(bench.launch("true"), fail)
    runs = [bench.spawn("true") for _ in range(5)]
    for pid in [first.pid, *(run.pid for run in runs)]:
        wait_until_dead(pid)
    with pytest.raises(ZeroDivisionError):
        bench.until(lambda: all(run.facts[1:] for run in runs))
    bench.until(lambda: all(run.facts[1:] for run in runs))
    assert first.pid is None


def test_child_of_somebody_else_is_left_alone(bench):
    """Bug 20: another part of this process (a library, Twisted) has children too, and wants their status itself."""
    stranger = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], {})
    run = bench.spawn("true").over()
    wait_until_dead(stranger)
    for _ in range(5):
        bench.loop.turn()
    assert run.status == 0
    assert os.waitpid(stranger, 0) == (stranger, 9 << 8)


def test_adopted_stranger_does_not_disturb(bench):
    """Bug 20: as PID 1 we inherit other people's orphans; their end is no input to anything."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        pytest.skip("this kernel has no subreapers")
    try:
        run = bench.spawn("sh", "-c", "sleep 1000 & echo $!")
        run.over()
        bench.channel.drain()
        orphan = int(bench.sink.of("it")[0])
        os.kill(orphan, signal.SIGKILL)
        wait_until_dead(orphan)  # works for children only: it is ours now
        assert bench.spawn("sh", "-c", "exit 4").over().status == 4
        os.waitpid(orphan, 0)
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    assert run.kinds == [Spawned, Ended]


def test_child_reaped_by_somebody_else_has_ended_all_the_same(bench):
    """Bug 20: a library that waits for any child takes the status; that the process is gone is still told."""
    run = bench.spawn("true")
    os.waitpid(run.pid, 0)
    run.over()
    assert run.kinds == [Spawned, Ended]
    assert run.status in (None, 255)
    assert run.process.pid is None


def test_reap_tells_a_living_child_from_a_dead_one(bench):
    """None is no status."""
    run = bench.spawn("sleep", "1000")
    assert reap(run.pid) is None


LEADER_LEAVES = """
import ctypes, os, sys, threading
def live():
    sys.stdin.buffer.raw.read(1) if False else os.read(fifo, 1)
    os._exit(7)
fifo = os.open(sys.argv[1], os.O_RDWR)
threading.Thread(target=live).start()
print("ready", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_process_whose_first_thread_has_left_is_not_taken_for_dead(bench, tmp_path):
    """Bug 40: the kernel calls the leader a zombie, but the process lives until its last thread ends."""
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    run = bench.spawn(sys.executable, "-I", "-S", "-c", LEADER_LEAVES, fifo)
    bench.until(lambda: state_of(run.pid) == "Z")
    for _ in range(10):
        bench.loop.turn(0.005)
    if isinstance(bench.exits, SigchldExits):
        bench.exits._wake()
        bench.loop.turn()
    assert run.kinds == [Spawned]
    with open(fifo, "wb", buffering=0) as file:
        file.write(b"!")
    run.over()
    assert run.status == 7


def test_leftover_child_that_holds_the_pipe_delays_nothing(bench, tmp_path):
    """Bug 41: the end is told at once; what the leftover says later is read when it says it."""
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    run = bench.spawn("sh", "-c", '(read x <"$1"; echo late) & echo early', "sh", fifo)
    run.over()
    bench.channel.drain()
    assert bench.sink.of("it") == [b"early"]
    with open(fifo, "wb", buffering=0) as file:
        file.write(b"\n")
    bench.until(lambda: bench.sink.of("it") == [b"early", b"late"])


def test_no_descriptor_is_lost_over_a_thousand_runs(bench):
    """Bug 14: as many descriptors after a thousand runs as after one (the catalogue asks for ten thousand)."""
    bench.spawn("true").over()
    before = descriptors()
    for _ in range(MANY_RUNS // 20):
        runs = [bench.spawn("true") for _ in range(20)]
        bench.until(lambda runs=runs: all(run.facts[1:] for run in runs))
    assert descriptors() == before
    bench.runs.clear()


def test_no_descriptor_is_lost_by_the_launcher(any_way):
    """Bug 14: nor by the pipe for its report."""
    any_way.spawn("true").over()
    before = descriptors()
    for _ in range(3):
        runs = [any_way.spawn("true") for _ in range(5)]
        any_way.until(lambda runs=runs: all(run.facts[1:] for run in runs))
    assert descriptors() == before


forks = []
os.register_at_fork(before=lambda: forks.append(threading.current_thread().name))


def test_no_fork_beside_threads(any_way):
    """Bug 66: a fork copies locks that other threads hold; the child would hang on the first one it needs."""
    done = threading.Event()
    holding = threading.Event()

    def hold():
        with lock:
            sys.stdout.write("")
            holding.set()
            done.wait(30)

    lock = threading.Lock()
    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(30)
    before = len(forks)
    try:
        assert any_way.spawn("sh", "-c", "exit 6", umask=0o22, cwd="/").over().status == 6
        assert any_way.spawn("/no/such").over().facts[0].why == "no such file: '/no/such'"
    finally:
        done.set()
        thread.join()
    assert len(forks) == before


def test_stopped_child_is_told_to_end(any_way):
    """Bug 38: TERM waits for a stopped process; CONT after it lets it end."""
    run = any_way.spawn("sleep", "1000").born()
    run.process.signal(signal.SIGSTOP, "group")
    any_way.until(lambda: state_of(run.pid) == "T")
    run.process.signal(signal.SIGTERM, "group")
    any_way.loop.turn(0.02)
    assert Ended not in run.kinds
    run.process.signal(signal.SIGCONT, "group")
    run.over()
    assert run.status == -signal.SIGTERM


def test_sigchld_is_given_back_and_passed_on():
    """Whoever used SIGCHLD before us goes on being told, and has it back afterwards."""
    caught = []
    before = signal.signal(signal.SIGCHLD, lambda number, _: caught.append(number))
    ours = signal.getsignal(signal.SIGCHLD)
    try:
        made = Bench(SigchldExits)
        made.spawn("true").over()
        made.close()
        assert caught
        assert signal.getsignal(signal.SIGCHLD) is ours
    finally:
        signal.signal(signal.SIGCHLD, before)


@as_root
def test_process_that_became_another_user_is_still_signalled(bench):
    """Root may signal everyone; where it may not (a setuid program of another user), nothing is raised."""
    run = bench.spawn("sleep", "1000", uid=12345, gid=12345).born()
    run.process.signal(signal.SIGTERM, "group")
    assert run.over().status == -signal.SIGTERM


def test_output_before_the_end_is_read_with_it(bench):
    """What a process said last is there when its end is."""
    sink = MemorySink()
    run = bench.spawn("sh", "-c", "printf 'no line end'").over()
    bench.channel.drain()
    assert bench.sink.of("it") == [b"no line end"]
    assert run.status == 0
    assert sink.lines == []


def test_process_taken_over_is_not_signalled_after_its_end(bench):
    """Bug 1: its pid may be a stranger's; here it is our own child's, who has to live."""
    stranger = bench.spawn("sleep", "1000").born()
    facts = []
    kept = Kept("web", 1, Instance(Running(stranger.pid, 0.0), UP, 0, 4), 0, born=1)
    gone = bench.spawner.adopt("web:1/4", kept, stranger.pid, facts.append)
    assert facts == [Ended(4, None)]
    gone.signal(signal.SIGKILL, "group")
    gone.signal(signal.SIGKILL, "process")
    bench.loop.turn(0.05)
    assert stranger.kinds == [Spawned]


def test_process_to_take_over_that_is_gone_is_told_to_be(bench):
    """Bug 1: nothing is left but its number."""
    facts = []
    over = bench.spawn("true").over().facts[0].pid
    kept = Kept("web", 1, Instance(Running(over, 0.0), UP, 0, 4), 0, born=1)
    gone = bench.spawner.adopt("web:1/4", kept, over, facts.append)
    gone.signal(signal.SIGKILL, "group")
    assert facts == [Ended(4, None)]
