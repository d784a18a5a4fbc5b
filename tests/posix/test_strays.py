"""Whose a stray is, asked while it changes: a process in the middle of an exec has no mark to be known by."""

import os

import pytest

from ncolony.posix.kin import Families, look_at, mark_of
from ncolony.posix.processes import environment_of, marked
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
