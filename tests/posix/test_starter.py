"""Starts from a thread with descriptors of its own, which large colonies make."""

import os
import resource
import signal
from functools import partial
from pathlib import Path

import pytest

from ncolony.core.states import Ended, Spawned, SpawnFailed, Swept
from ncolony.posix.starter import Starter
from tests.posix.groves import Grove


@pytest.fixture
def grove(tmp_path, file_limit, monkeypatch):
    """A spawner with trees that takes every colony for a large one."""
    monkeypatch.setattr("ncolony.posix.spawn.MANY", 0)
    made = Grove(tmp_path)
    yield made
    made.close()


def starters():
    """Return the kernel's numbers of our threads but the main one."""
    return {int(one.name) for one in Path("/proc/self/task").iterdir()} - {os.getpid()}


def lines(grove):
    """Return what was written to standard output so far."""
    grove.channel.drain()
    return grove.sink.of("web", "stdout")


def over(run):
    """Wait until it has ended."""
    run.grove.until(lambda: run.kinds()[-1:] == [Ended] or SpawnFailed in run.kinds())
    return run


def test_a_process_is_started_and_its_end_is_told(grove):
    """Like any other; what it says arrives, and its environment is its own."""
    run = over(grove.run("echo $NCOLONY_RUN; exit 3"))
    assert run.kinds() == [Spawned, Ended]
    assert run.facts[1].status == 3
    assert lines(grove) == [f"{grove.colony}/web:1/1".encode()]


def test_a_c_library_without_what_is_needed_is_done_without(grove, monkeypatch):
    """Then Python's own way to start processes is taken, which halts the rest meanwhile."""

    def missing():
        raise OSError("no such function")

    monkeypatch.setattr("ncolony.posix.freely.Spawner", missing)
    assert over(grove.run("exit 3")).facts[1].status == 3


def test_what_it_starts_stands_in_another_list(grove):
    """The list of our main thread's children, which is looked through at every end, grows no further."""
    run = grove.run("(setsid sleep 1000 &) ; exec sleep 1000").until(Spawned)
    assert run.pid not in grove.trees._families.adopted()
    run.process.signal(signal.SIGTERM, "tree")
    grove.until(lambda: run.kinds()[-1] in {Ended, Swept} and (not run.facts[1].left or len(run.facts) == 3))


def test_directory_and_umask_are_the_thread_s_own(grove):
    """So a start that is under way changes nothing for the rest of the supervisor."""
    here, mask = Path.cwd(), os.umask(0o022)
    try:
        over(grove.run("pwd; umask", cwd="/", umask=0o077))
        over(grove.run("pwd; umask"))
        assert lines(grove) == [b"/", b"0077", str(grove.folder).encode(), b"0022"]
        assert (Path.cwd(), os.umask(0o022)) == (here, 0o022)
    finally:
        os.umask(mask)


def test_a_process_gets_no_descriptor_but_three(grove):
    """However many there are here; and what is closed here is not held open there."""
    read, write = os.pipe()
    over(grove.run("exit 0"))  # the thread has begun while that was open
    os.close(write)
    assert os.read(read, 1) == b""
    os.close(read)
    over(grove.run("ls /proc/self/fd | sort -n | tail -n 1"))
    assert lines(grove) == [b"3"]  # the listing's own


def test_the_thread_hears_no_signal(grove):
    """It would not be interrupted where the main thread waits."""
    before = starters()
    over(grove.run("exit 0"))
    (thread,) = starters() - before
    with Path(f"/proc/self/task/{thread}/status").open(encoding="ascii") as file:
        blocked = next(int(line.split()[1], 16) for line in file if line.startswith("SigBlk"))
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        assert blocked >> (number - 1) & 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"args": ("/nosuch/program",)}, "no such file: '/nosuch/program'"),
        ({"args": ("nosuchprogram",)}, "is not on its PATH"),
        ({"cwd": "/nosuch"}, "bad cwd"),
        ({"args": ("sh", "\0")}, "cannot be handed to the system"),
    ],
)
def test_why_there_is_no_process_is_told(grove, given, words):
    """In the words that any start has."""
    run = over(grove.run("exit 0", **given))
    assert run.kinds() == [SpawnFailed]
    assert words in run.facts[0].why


def test_no_outcome_is_lost_however_many_there_are(grove):
    """The loop is told once of several, so none may come between its being told and its looking."""
    runs = [grove.run("exit 0", run=number, args=("/nosuch",)) for number in range(1, 2001)]
    grove.until(lambda: all(run.facts for run in runs))
    assert {tuple(run.kinds()) for run in runs} == {(SpawnFailed,)}
    grove.runs.clear()


def test_who_cannot_wait_for_the_loop_is_told_at_once(grove):
    """An upgrade writes down where everybody stands."""
    runs = [grove.run("exec sleep 1000", run=number) for number in (1, 2, 3)]
    grove.spawner.finish()
    assert [run.kinds() for run in runs] == [[Spawned]] * 3


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 512, reason="no room for a limit to be raised")
def test_programs_get_the_limit_that_they_would_have(tmp_path, file_limit, monkeypatch):
    """The limit is the whole process's, so the rest of it waits meanwhile."""
    monkeypatch.setattr("ncolony.posix.spawn.MANY", 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, file_limit[1]))
    grove = Grove(tmp_path)
    try:
        run = grove.run("ulimit -n")
        assert run.kinds() == [Spawned]
        over(run)
        missing = grove.run("exit 0", args=("/nosuch/program",))
        assert missing.kinds() == [SpawnFailed]
        assert lines(grove) == [b"256"]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == file_limit[1]
    finally:
        grove.close()


def test_small_colonies_do_without(tmp_path, file_limit):
    """A thread costs more than it saves there."""
    before = starters()
    grove = Grove(tmp_path)
    over(grove.run("exit 0"))
    assert starters() == before
    grove.close()


def test_the_thread_ends_with_the_spawner(grove):
    """And leaves nothing open."""
    before = starters()
    over(grove.run("exit 0"))
    (thread,) = starters() - before
    grove.spawner._starter.close()
    grove.until(lambda: thread not in starters())


@pytest.mark.parametrize("missing", ["unshare", "thread"])
def test_where_there_can_be_no_such_thread_all_goes_on_as_in_a_small_colony(grove, monkeypatch, missing):
    """Some containers forbid unshare; a limit on processes counts threads, too."""
    before = starters()
    if missing == "unshare":
        monkeypatch.setattr("ncolony.posix.libc.function", lambda _: partial(_refuse, OSError))
    else:
        monkeypatch.setattr("_thread.start_new_thread", partial(_refuse, RuntimeError))
    run = over(grove.run("exit 3"))
    assert run.kinds() == [Spawned, Ended]
    grove.until(lambda: starters() == before)
    assert not grove.spawner._starter.works


def test_without_functions_of_the_c_library_it_says_that_it_does_not_work(grove, monkeypatch):
    """A Python that was built without ctypes."""
    monkeypatch.setattr("ncolony.posix.libc.function", partial(_refuse, OSError))
    assert not Starter(grove.loop).works


def _refuse(error, *_):
    raise error("not here")


def test_a_fault_of_ours_is_raised_on_the_loop(grove, monkeypatch):
    """And the thread goes on."""
    monkeypatch.setattr("ncolony.posix.starter.begin", partial(_refuse, ZeroDivisionError))
    run = grove.run("exit 0")
    with pytest.raises(ZeroDivisionError):
        grove.until(lambda: run.facts)
    monkeypatch.undo()
    monkeypatch.setattr("ncolony.posix.spawn.MANY", 0)
    assert over(grove.run("exit 3", run=2)).kinds() == [Spawned, Ended]
    grove.runs.remove(run)
