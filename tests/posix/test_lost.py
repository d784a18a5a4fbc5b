"""Who has the lock of a state directory that was deleted: a second supervisor beside that one would start all again."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ncolony.posix.lost import holders, interpreters, owner_of_deleted

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.set_inheritable(fd, True)
os.unlink(sys.argv[1])
if sys.argv[2:]:
    os.execv(sys.argv[2], ["cat"])
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture(name="python")
def _python(tmp_path: Path) -> Iterator[int]:
    """Return a process that runs Python and holds the lock ``lock``, which is gone."""
    words = [sys.executable, "-I", "-S", "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


@pytest.fixture(name="other")
def _other(tmp_path: Path) -> Iterator[int]:
    """Return such a process that runs something else."""
    cat = shutil.which("cat")
    assert cat is not None
    words = [sys.executable, "-I", "-S", "-c", HOLD, str(tmp_path / "lock"), cat]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"here\n")
        process.stdin.flush()
        process.stdout.readline()
        yield process.pid


def test_a_supervisor_is_found_among_the_processes_that_run_python(tmp_path: Path, python: int) -> None:
    """So the kernel's list of locks, for which it takes its time, is not read at each first start."""
    assert python in interpreters()
    assert owner_of_deleted(str(tmp_path / "lock"), interpreters()) == python
    assert owner_of_deleted(str(tmp_path / "another"), interpreters()) is None


def test_any_other_is_found_in_the_list_of_locks(tmp_path: Path, other: int) -> None:
    """An interpreter may have any name; then that list is what is left."""
    assert other not in interpreters()
    assert other in holders()
    assert owner_of_deleted(str(tmp_path / "lock"), holders()) == other


WAIT = """import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
print(flush=True)
fcntl.flock(fd, fcntl.LOCK_EX)
"""


def test_who_waits_for_a_lock_hides_nobody(tmp_path: Path, other: int) -> None:
    """The kernel lists him too, in a line of another form; it made the whole list be taken for unreadable."""
    file = tmp_path / "theirs"
    with file.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        words = [sys.executable, "-I", "-S", "-c", WAIT, str(file)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as waiting:
            try:
                assert waiting.stdout is not None
                waiting.stdout.readline()
                arrow = f" -> FLOCK  ADVISORY  WRITE {waiting.pid} "
                end = time.monotonic() + 20
                while arrow not in Path("/proc/locks").read_text(encoding="ascii") and time.monotonic() < end:
                    time.sleep(0.01)
                assert arrow in Path("/proc/locks").read_text(encoding="ascii")
                found = holders()
                assert {other, os.getpid()} <= found
                assert waiting.pid not in found
            finally:
                waiting.kill()


def test_who_cannot_be_looked_at_has_nothing_open(tmp_path: Path) -> None:
    """A process that ends meanwhile, for one."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert owner_of_deleted(str(tmp_path / "lock"), [process.pid, os.getpid()]) is None
