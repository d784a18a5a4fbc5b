"""The file of kept exit statuses, from both sides."""

from __future__ import annotations

import os
import signal

import pytest

from ncolony.posix.kept_exits import (
    RECORD,
    SIZE,
    SLOTS,
    VARIABLE,
    Keeper,
    declare_final,
    open_shared,
    open_unnamed,
    read_exits,
    take,
)


@pytest.fixture
def keeper():
    """Return a keeper."""
    keeper = Keeper(open_shared())
    yield keeper
    os.close(keeper.fd)


def ended(status):
    """Return what waitid tells of a child of ours, not reaped yet, that has ended so."""
    pid = os.fork()
    if pid == 0:
        if status < 0:
            os.kill(os.getpid(), -status)
        os._exit(status)
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize("status", [0, 3, 255, -signal.SIGKILL, -signal.SIGTERM])
def test_a_status_is_read_as_waitpid_tells_it(keeper, status):
    """By pid and start time: the pid alone may be another process's by now."""
    told = ended(status)
    keeper.keep(told)
    pid, wait_status = os.waitpid(told.si_pid, 0)
    assert [(key[0], value) for key, value in read_exits(keeper.fd).items()] == [(pid, wait_status)]
    assert os.waitstatus_to_exitcode(wait_status) == status


def test_the_newest_are_kept(keeper):
    """The file never grows beyond its ring."""
    for pid in range(1, SLOTS + 101):
        keeper.put_down(pid, 10**9 + pid, 5 << 8)
    kept = read_exits(keeper.fd)
    assert len(kept) == SLOTS
    assert min(kept) == (101, 10**9 + 101)
    assert set(kept.values()) == {5 << 8}
    assert os.fstat(keeper.fd).st_size == SIZE + RECORD


def test_records_that_make_no_sense_are_passed_over(keeper):
    """Whoever has the descriptor may write to it."""
    os.pwrite(keeper.fd, os.urandom(SIZE // 2), 0)
    os.pwrite(keeper.fd, b"12 34 56".ljust(31) + b"\n", SIZE - RECORD)
    kept = read_exits(keeper.fd)
    assert kept[12, 34] == 56
    assert len(kept) < 5


def test_an_end_is_final_until_the_next_start(keeper):
    """What one run has declared does not bind the next."""
    assert not keeper.final()
    declare_final(keeper.fd)
    assert keeper.final()
    keeper.expect_more()
    assert not keeper.final()


def test_the_descriptor_is_taken_out_of_the_environment(keeper):
    """Programs must not find it: they would not have it, or not for what it is."""
    environ = {VARIABLE: str(keeper.fd), "OTHER": "x"}
    os.set_inheritable(keeper.fd, True)
    assert take(environ) == keeper.fd
    assert environ == {"OTHER": "x"}
    assert not os.get_inheritable(keeper.fd)
    assert take(environ) is None


@pytest.mark.parametrize("value", ["", "x", "-1", "0", "99999", "9" * 30, "1e3"])
def test_a_variable_that_means_nothing_is_dropped(value):
    """It is a stranger's: of a reaper whose descriptor has not come this far."""
    environ = {VARIABLE: value}
    assert take(environ) is None
    assert environ == {}


def test_where_there_is_no_memfd_a_file_without_a_name_serves(tmp_path):
    """As in sandboxes that forbid what they do not know."""
    keeper = Keeper(open_unnamed(["/no/such/place", str(tmp_path)]))
    try:
        keeper.put_down(1, 2, 3)
        assert take({VARIABLE: str(keeper.fd)}) == keeper.fd
        assert read_exits(keeper.fd) == {(1, 2): 3}
        assert list(tmp_path.iterdir()) == []
    finally:
        os.close(keeper.fd)
    with pytest.raises(FileNotFoundError):
        open_unnamed(["/no/such/place"])
