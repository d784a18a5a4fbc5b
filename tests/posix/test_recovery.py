"""What an earlier supervisor left, found out from records and from marks; by given looks at the processes."""

import os
import time
import uuid
from typing import NamedTuple

import pytest

from ncolony.core.events import InstanceChanged, Slot
from ncolony.core.kept import Kept
from ncolony.core.states import DOWN, UP, Backoff, Instance, Running, Spawned, Spawning, Stopped
from ncolony.posix.processes import marked, start_time, tells_run, ticks_now
from ncolony.posix.records import Records, read
from ncolony.posix.recovery import Looks, recover

HEAD = {"boot": "b", "colony": "c"}


class Left(NamedTuple):
    """A state directory."""

    records: str
    colony: str = "c"
    boot: str = "b"
    is_new: bool = False


@pytest.fixture
def left(tmp_path):
    """A function that returns what is found where a supervisor left ``kept``; ``live``: pids and sessions by mark."""

    def found(*kept, live=()):
        path = str(tmp_path / "records")
        Records(path, HEAD, kept).close()
        live = dict(live)
        sessions = {pid: session for pids in live.values() for pid, session in pids.items()}
        looks = Looks(lambda _: {mark: list(pids) for mark, pids in live.items()}, sessions.get, lambda _: 5)
        return {key: one.instance for key, one in recover(Left(path), 100.0, print, looks).items()}

    return found


def written(path):
    """Wait until a file has a line, and return it."""
    end = time.monotonic() + 20
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end, f"{path} was not written"
        time.sleep(0.01)
    return path.read_text()


def spawning(want=UP, *, held=False, run=3):
    """A record of a start that is under way."""
    return Kept("web", 1, Instance(Spawning(90.0), want, 1, run, held=held), 0)


def test_a_start_cut_short_is_made_again(left):
    """The supervisor was killed before there was a process."""
    assert left(spawning()) == {("web", 1): Instance(Backoff(100.0), UP, 1, 3)}


def test_a_start_cut_short_that_nobody_wants_any_more_is_not_made_again(left):
    """An operator had stopped it while it came to life, and it is held stopped."""
    assert left(spawning(DOWN, held=True)) == {("web", 1): Instance(Stopped(), DOWN, 1, 3, held=True)}


def test_a_start_cut_short_that_was_only_stopped_leaves_nothing(left):
    """Nobody asked to remember it."""
    assert left(spawning(DOWN)) == {}


def test_a_start_cut_short_is_known_by_its_process(left):
    """It is there, and carries the mark of this very run."""
    found = left(spawning(), live={"c/web:1/3": {50: 50}})
    assert found == {("web", 1): Instance(Running(50, 90.0), UP, 1, 3)}


def test_what_an_earlier_run_left_is_not_the_process_of_a_start_cut_short(left):
    """A program may leave daemons behind on purpose; the slot must not wait for ever for news of its start."""
    found = left(spawning(), live={"c/web:1/2": {50: 50}})
    assert found == {("web", 1): Instance(Backoff(100.0), UP, 1, 3)}


@pytest.mark.parametrize("kept", [[spawning()], [spawning(run=9)][:0]])
def test_children_whose_first_process_is_gone_are_found_by_its_session(left, kept):
    """It is taken over as one that has ended, so that they are ended before the next run."""
    if not kept:
        kept = [Kept("other", 1, Instance(Spawning(90.0), UP, 0, 1), 0)]  # records are not complete
    found = left(*kept, live={"c/web:1/3": {51: 50, 52: 50}})
    assert found["web", 1].state.pid == 50
    assert found["web", 1].run == 3


def test_the_first_process_of_a_run_comes_before_its_daemons(tmp_path):
    """Both lead a session and carry the mark; who started first is the one."""
    colony, ready = uuid.uuid4().hex, tmp_path / "ready"
    script = f"setsid sh -c 'echo $$ >{ready}; exec sleep 1000' & exec sleep 1000"
    env = {"PATH": os.environ["PATH"], "NCOLONY_RUN": f"{colony}/web:1/1"}
    first = os.posix_spawn("/bin/sh", ["sh", "-c", script], env, setsid=True)
    daemon = 0
    try:
        daemon = int(written(ready))
        assert marked(colony) == {f"{colony}/web:1/1": [first, daemon]}
    finally:
        for pid in filter(None, (first, daemon)):
            os.kill(pid, 9)
        os.waitpid(first, 0)


@pytest.mark.parametrize(
    ("mark", "started", "same"),
    [
        (b"c/web:1/3", 1000, True),
        (b"c/web:1/3", 10, True),
        (b"c/web:1/4", 1000, False),
        (b"another/web:1/3", 1100, False),
        (b"c/web:1/3", None, False),
        (None, 1000, True),
        (None, 10, False),
        (None, 1100, False),
        (None, None, False),
    ],
)
def test_a_process_is_told_from_strangers(mark, started, same):
    """By its mark, and by when it started: a run of that name may be another colony's, with this pid by now."""
    assert tells_run(mark, lambda: started, 1000, "web:1/3") is same


@pytest.mark.parametrize(("took", "exact"), [(0.0, False), (3.0, True)])
def test_a_slow_start_is_noted_when_it_was(tmp_path, took, exact):
    """Or a program that has overwritten its environment is not known again: its time has to agree."""
    path = str(tmp_path / "records")
    records = Records(path, HEAD, ())
    run = Instance(Spawning(10.0), UP, 0, 1), Instance(Running(os.getpid(), 13.0), UP, 0, 1)
    before = ticks_now()
    records.saw(InstanceChanged(Slot("web"), *run, Spawned(1, os.getpid()), 10.0 + took))
    records.close()
    (kept,) = read(path)[1]
    assert kept.born == start_time(os.getpid()) if exact else kept.born >= before
