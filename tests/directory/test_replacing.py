"""A directory becomes what it should be, or stays what it was: with real files, and real reasons why it cannot."""

import fcntl
import os
import resource
import signal
import stat
from contextlib import contextmanager

import pytest

from ncolony.core.errors import ConfigError, OSFailure, Refused
from ncolony.directory.replacing import Replacement
from tests.cli.places import NOBODY, unprivileged

BEFORE = {"keep": b"k", "change": b"old", "gone": b"g"}
AFTER = {"keep": b"k", "change": b"new", "added": b"a"}


@pytest.fixture
def folder(tmp_path):
    """Return a directory with the files of BEFORE."""
    for name, data in BEFORE.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@contextmanager
def replacement(folder):
    """Take the directory for a while."""
    made = Replacement(str(folder))
    try:
        yield made
    finally:
        made.close()


def content(folder):
    """Return what is in all files there, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextmanager
def small_files(size):
    """Let no file become larger than this, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_files_are_written_changed_and_removed(folder, nothing_left):
    """What is the same is not touched; nothing is left beside them."""
    kept = (folder / "keep").stat().st_mtime_ns
    with replacement(folder) as made:
        assert made.carry_out(BEFORE, AFTER) == ["added", "change", "gone"]
    assert content(folder) == AFTER
    assert (folder / "keep").stat().st_mtime_ns == kept


def test_who_may_read_a_file_stays_as_it_was(folder):
    """A new one gets the mode of its model, which may hold secrets; never may others write to it."""
    (folder / "change").chmod(0o600)
    with replacement(folder) as made:
        made.carry_out(BEFORE, {**AFTER, "open": b"o"}, {"change": 0o644, "added": 0o600, "open": 0o666})
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in ("change", "added", "open")}
    assert modes == {"change": 0o600, "added": 0o600, "open": 0o644}


def test_a_full_disk_changes_nothing(folder):
    """All is written beside its place before anything is renamed."""
    with replacement(folder) as made, small_files(100), pytest.raises(OSFailure, match="everything is as it was"):
        made.carry_out(BEFORE, {**AFTER, "large": b"x" * 200})
    assert content(folder) == BEFORE


def test_what_fails_in_the_middle_is_undone(folder):
    """A directory stands where the last file should go: those before it are put back."""
    (folder / "zz").mkdir()
    (folder / "zz" / "inside").write_text("")
    with replacement(folder) as made, pytest.raises(Refused, match="was changed meanwhile; everything is as it was"):
        made.carry_out(BEFORE, {**AFTER, "zz": b"z"})
    assert content(folder) == BEFORE


def test_a_file_that_somebody_else_changed_is_not_overwritten(folder):
    """Nor one that somebody else made, or removed; all before it are put back."""
    for name, data in (("gone", b"edited"), ("added", b"mine"), ("change", None)):
        path = folder / name
        before = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True) if data is None else path.write_bytes(data)
        there = content(folder)
        with replacement(folder) as made, pytest.raises(Refused, match="plan again"):
            made.carry_out(BEFORE, AFTER)
        assert content(folder) == there
        path.unlink(missing_ok=True) if before is None else path.write_bytes(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_the_system_refuses_in_the_middle_is_undone(folder):
    """The last file is somebody else's in a sticky directory: the renames before it are taken back."""
    folder.chmod(0o1777)
    for parent in folder.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    for name in ("keep", "change"):
        os.chown(folder / name, NOBODY, NOBODY)
    with unprivileged(), replacement(folder) as made, pytest.raises(ConfigError, match="not permitted; everything is"):
        made.carry_out(BEFORE, AFTER)
    assert content(folder) == BEFORE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a while")
def test_who_may_not_write_there_is_told(folder):
    """Before anything is done."""
    for parent in folder.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    folder.chmod(0o755)
    with unprivileged(), replacement(folder) as made, pytest.raises(ConfigError, match="denied; everything is as it"):
        made.carry_out(BEFORE, AFTER)
    assert content(folder) == BEFORE


def test_two_at_a_time_are_refused(folder, nothing_left):
    """The second is told; when the first is done it may."""
    with replacement(folder), pytest.raises(Refused, match="another apply is at it"):
        Replacement(str(folder))
    with replacement(folder):
        pass
    fd = os.open(folder, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_a_directory_that_is_none_is_told(tmp_path, nothing_left):
    """With what is the matter."""
    with pytest.raises(ConfigError, match="No such file"):
        Replacement(str(tmp_path / "nosuch"))
