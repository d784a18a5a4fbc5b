"""Whose a stray is, asked while it changes, and how often it is asked."""

import ctypes
import os
import signal

import pytest

from ncolony.loop import Loop
from ncolony.posix.exits import PidfdExits
from ncolony.posix.kin import Families, children_of, look_at, mark_of
from ncolony.posix.processes import environment_of, marked, ticks_now
from ncolony.posix.strays import Strays

MARK = b"c/web:1/7"
TIMES = 100
# Becomes itself again, so often, and then says so and waits.
CHAIN = 'if [ "$1" -gt 0 ]; then exec sh -c "$0" "$0" $(($1 - 1)); else echo; exec sleep 1000; fi'


@pytest.fixture
def restless():
    """A process with a mark that does one exec after the other, and a pipe that tells when that is over."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    pid = os.posix_spawn(
        "/bin/sh", ["sh", "-c", CHAIN, CHAIN, str(TIMES)], {"PATH": os.environ["PATH"], "NCOLONY_RUN": MARK.decode()},
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )  # fmt: skip
    os.close(write)
    yield pid, read
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(read)


def is_silent(read):
    """Tell whether nothing was written yet."""
    try:
        return not os.read(read, 1)
    except BlockingIOError:
        return True


def test_one_in_the_middle_of_an_exec_is_never_taken_for_nobody_s(restless):
    """Else a run is said to have left nothing, and what it has left is missed for good."""
    pid, read = restless
    tree = object()
    strays = Strays(None, Families(), lambda kin: tree if mark_of(kin.pid) == MARK else None, None, None)
    seen = []
    while is_silent(read):
        seen.append(strays._whose(look_at(pid)))
    assert (tree, True) in seen
    assert (None, True) not in seen


def test_one_in_the_middle_of_an_exec_is_found_by_its_mark(restless):
    """A successor that misses it would start a second process beside it."""
    pid, read = restless
    looks = 0
    while is_silent(read):
        assert environment_of(pid)["NCOLONY_RUN"] == MARK.decode()
        looks += 1
    assert looks
    assert pid in marked("c")[MARK.decode()]


# Children of somebody who does not reap -------------------------------------------------------------------------------

SYS_CLONE3 = 435


class Careless:
    """A process that starts others, which wait to be killed, and reaps them only when told to."""

    def __init__(self):
        self._in, write = os.pipe()
        read, self._out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                while word := os.read(read, 32):
                    os.write(write, b"%d" % self._start(int(word)))
            finally:
                os._exit(0)
        os.close(read)
        os.close(write)

    def _start(self, number):
        """Start one, in the place of the dead one with that number if it is not 0."""
        if number:
            os.waitpid(number, 0)
            wanted = (ctypes.c_int * 1)(number)
            words = (ctypes.c_uint64 * 10)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1)
            pid = ctypes.CDLL(None).syscall(SYS_CLONE3, ctypes.byref(words), ctypes.sizeof(words))
        else:
            pid = os.fork()
        while pid == 0:
            signal.pause()
        return pid

    def start(self, number=0):
        """Start one; return its pid, or -1 where it may not have that number."""
        os.write(self._out, b"%d" % number)
        return int(os.read(self._in, 32))

    def kill(self, pid):
        """Kill one, and wait until it is dead."""
        os.kill(pid, signal.SIGKILL)
        while not look_at(pid).ended:
            os.sched_yield()

    def close(self):
        """End it and all that it has started."""
        for pid in children_of(self.pid):
            self.kill(pid)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture
def careless():
    """A process that does not reap."""
    made = Careless()
    yield made
    made.close()


class Looker:
    """Strays among the children of another process, whose looks are counted."""

    def __init__(self, adopter, monkeypatch):
        self.loop = Loop()
        self.exits = PidfdExits(self.loop)
        self.looks = []
        self.asked = []
        monkeypatch.setattr("ncolony.posix.strays.look_at", self._look_at)
        self._adopter = adopter
        self.strays = Strays(self.exits, Families(), self._owner, lambda *_: None, lambda pid: pid == adopter)
        self.strays.look_in(adopter)

    def _look_at(self, pid):
        if pid != self._adopter:
            self.looks.append(pid)
        return look_at(pid)

    def _owner(self, kin):
        if kin.pid != self._adopter:
            self.asked.append(kin.pid)

    def find(self):
        """Look until it is sure; return how many looks that took."""
        self.looks.clear()
        self.asked.clear()
        while not self.strays.find():
            pass
        return len(self.looks)

    def close(self):
        """Let go of everything."""
        for pid in list(self.exits.known):
            self.exits.forget(pid)
        self.strays.close()
        self.loop.close()


@pytest.fixture
def looker(careless, monkeypatch):
    """Who looks among its children."""
    made = Looker(careless.pid, monkeypatch)
    yield made
    made.close()


def test_the_dead_that_nobody_reaps_are_not_looked_at_again_at_each_death(careless, looker):
    """Else a stop of many programs that were taken over takes looks by the square of their number."""
    pids = [careless.start() for _ in range(60)]
    for pid in pids:
        looker.exits.adopt(pid, lambda *_: None)
    looker.find()
    looks = 0
    for count, pid in enumerate(pids, 1):
        careless.kill(pid)
        looker.exits.forget(pid)
        looks += looker.find()
        assert pid in looker.looks
        assert looks <= 4 * count  # the new one twice, as it may have left something behind, and one that is known


@pytest.mark.parametrize("last", [True, False], ids=["was-last", "was-not-last"])
def test_a_new_process_with_the_number_of_a_dead_one_is_looked_at(careless, looker, last):
    """Pids come again; what stands in the place of one that was looked at may be somebody's daemon."""
    dead = careless.start()
    others = [] if last else [careless.start()]
    careless.kill(dead)
    looker.find()
    assert looker.asked in ([], 2 * others)
    looker.find()
    assert looker.looks == [others[0] if others else dead]
    while ticks_now() <= look_at(dead).born:
        pass  # the same number twice in one tick of the clock would be the same process
    again = careless.start(dead)
    if again == -1:
        pytest.skip("no permission to choose a pid")
    assert again == dead
    looker.find()
    assert dead in looker.asked
