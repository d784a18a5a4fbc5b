# ruff: noqa: PTH110, PTH123 - system calls are the subject
"""The supervisor over real processes: what the pretended ones cannot promise for the kernel."""

import os
import signal
import time

import pytest

from ncolony.core.program import RestartPolicy, StopPolicy
from ncolony.core.states import Ended
from ncolony.posix.descriptors import keep_private
from ncolony.runtime.supervisor import Supervisor
from ncolony.testing import MemoryObserver
from tests.conftest import bare
from tests.posix.conftest import EXITS, PATH, Bench, file_limit  # noqa: F401 - a fixture
from tests.runtime.conftest import program


class Stage:
    """A supervisor over a bench."""

    def __init__(self, kind):
        self.bench = Bench(kind)
        self.observer = MemoryObserver()
        self.supervisor = Supervisor(
            self.bench.loop,
            self.bench.spawner,
            self.bench.channels,
            colony="c",
            inherit={"PATH": PATH},
            observers=[self.observer],
        )

    def apply(self, *programs):
        """Describe programs."""
        self.supervisor.apply({one.name: one for one in programs})

    @property
    def pids(self):
        """The pids of what runs."""
        return {(one.program, one.number): one.pid for one in self.supervisor.snapshot() if one.pid}

    @property
    def ends(self):
        """The ends that were told, in order."""
        return [event.given for event in self.observer.events if isinstance(getattr(event, "given", None), Ended)]

    def ready(self, name="web"):
        """Wait until a program has said something."""
        self.bench.until(lambda: self.bench.sink.of(name))

    def close(self):
        """Stop everything."""
        closed = []
        self.supervisor.shut_down(lambda: closed.append(True))
        self.supervisor.hurry(0.5)
        self.bench.until(lambda: closed)
        self.bench.close()


@pytest.fixture(params=EXITS)
def stage(request, file_limit):  # noqa: F811
    """A supervisor, with each way to learn of exits."""
    keep_private()
    made = Stage(request.param)
    yield made
    made.close()


def shell(code, name="web", **more):
    """Describe a program that is a line of shell."""
    return program(name, args=("sh", "-c", code), **more)


def test_program_that_ignores_term_is_gone_soon_after_its_timeout(stage):
    """Bug 37: KILL follows; nobody has to come and do it by hand."""
    stage.apply(shell("trap '' TERM; echo; while :; do sleep 0.1; done", stop=StopPolicy(timeout=0.3)))
    stage.ready()
    began = time.monotonic()
    stage.supervisor.apply({"web": None})
    stage.bench.until(lambda: not stage.supervisor.snapshot())
    assert 0.29 <= time.monotonic() - began < 1.3
    assert [end.status for end in stage.ends] == [-signal.SIGKILL]


def test_stopped_program_ends_by_the_stop_signal(stage):
    """Bug 38: CONT after TERM; without it the program would sit there until KILL."""
    stage.apply(shell("echo; exec sleep 1000", stop=StopPolicy(timeout=60.0)))
    stage.ready()
    (pid,) = stage.pids.values()
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    stage.supervisor.apply({"web": None})
    stage.bench.until(lambda: not stage.supervisor.snapshot(), 10)
    assert [end.status for end in stage.ends] == [-signal.SIGTERM]


def test_stop_reaches_the_children_of_a_shell(stage):
    """The usual way to lose a process: the shell dies of TERM, and what it started lives on."""
    stage.apply(shell("sleep 1000 & echo $!; wait"))
    stage.ready()
    child = int(stage.bench.sink.of("web")[0])
    stage.supervisor.apply({"web": None})
    stage.bench.until(lambda: not stage.supervisor.snapshot())
    stage.bench.until(lambda: not os.path.exists(f"/proc/{child}") or "\nState:\tZ" in status_of(child))


def status_of(pid):
    """Return /proc/PID/status, or nothing where it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def test_killed_program_comes_back(stage):
    """At once, if it had run for long enough."""
    stage.apply(shell("echo; exec sleep 1000", restart=RestartPolicy(threshold=0.0)))
    stage.ready()
    before = stage.pids
    os.kill(next(iter(before.values())), signal.SIGKILL)
    stage.bench.until(lambda: stage.pids and stage.pids != before)
    assert len(stage.ends) == 1


def test_hundred_restarts_at_once_leave_one_process(stage):
    """Bug 33: with real processes, and the launcher between."""
    stage.apply(shell("echo; exec sleep 1000", uid=os.getuid(), gid=os.getgid()))
    for _ in range(50):
        stage.supervisor.restart("web")
    stage.ready()
    for _ in range(50):
        stage.supervisor.restart("web")
    stage.bench.until(lambda: len(stage.ends) == 1 and stage.pids)
    assert len(stage.ends) == 1
    assert len(stage.pids) == 1


def test_hundred_programs_that_are_killed_together_all_come_back(stage):
    """Bug 3: none is overlooked, none is started twice."""
    stage.apply(
        *(program(f"p{number}", args=("sleep", "1000"), restart=RestartPolicy(threshold=0.0)) for number in range(100))
    )
    stage.bench.until(lambda: len(stage.pids) == 100)
    before = stage.pids
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    stage.bench.until(lambda: len(stage.pids) == 100 and not set(stage.pids.values()) & set(before.values()))
    assert len(stage.ends) == 100


def test_program_that_is_described_anew_while_the_launcher_is_at_work_runs_as_described(stage):
    """The change came between the start and the news of it; what runs in the end is what the file says."""
    me = {"uid": os.getuid(), "gid": os.getgid()}
    stage.apply(shell("echo old; exec sleep 1000", **me))
    stage.apply(shell("echo new; exec sleep 1000", **me))
    stage.bench.until(lambda: b"new" in stage.bench.sink.of("web"))
    assert len(stage.pids) == 1


def test_removed_while_the_launcher_is_at_work_is_gone(stage):
    """Bug 34: stop during the start: it is stopped as soon as it lives, and stays stopped."""
    stage.apply(shell("exec sleep 1000", uid=os.getuid(), gid=os.getgid()))
    stage.supervisor.apply({"web": None})
    stage.bench.until(lambda: not stage.supervisor.snapshot())
    assert [end.status for end in stage.ends] == [-signal.SIGTERM]


def test_last_words_come_before_the_news_of_the_end(stage):
    """Bug 27: a program that dies in the middle of a line: the line, once, then its end."""
    heard = []
    stage.observer.saw = lambda event: heard.append(getattr(event, "given", None))
    stage.bench.sink.write = lambda label, stream, lines: heard.extend(lines)
    stage.apply(shell("printf abc; exit 3", restart=RestartPolicy(policy="temporary")))
    stage.bench.until(lambda: any(isinstance(one, Ended) for one in heard))
    told = [bare(one) for one in heard if one == b"abc" or isinstance(one, Ended)]
    assert told == [b"abc", Ended(1, 3)]
