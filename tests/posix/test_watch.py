# ruff: noqa: PTH123, PTH208 - system calls are the subject
"""Changes in directories are told at once: by name, or as "anything may have changed"."""

import os
import struct

import pytest

from ncolony.posix import watch
from ncolony.posix.watch import CannotWatch, DirectoryWatch, blind_file_system
from ncolony.testing import VirtualLoop


@pytest.fixture
def loop():
    """A loop that never waits: inotify has its events ready when the system call returns."""
    return VirtualLoop()


@pytest.fixture
def told(loop, tmp_path):
    """What is told about a directory."""
    (tmp_path / "conf").mkdir()
    watching = DirectoryWatch(loop)
    calls = []
    watching.add(str(tmp_path / "conf"), calls.append)
    calls_of = Told(tmp_path / "conf", watching, calls, loop)
    yield calls_of
    if watching._fd in loop.watched:
        watching.close()


class Told:
    """A watched directory."""

    def __init__(self, path, watching, calls, loop):
        self.path, self.watching, self.calls, self.loop = path, watching, calls, loop

    def after(self, change):
        """Return what is told after a change."""
        self.calls.clear()
        change()
        self.loop.settle()
        names = set()
        for told in self.calls:
            if told is None:
                return None
            names |= told
        return names


def test_each_way_to_change_a_file_tells_its_name(told):
    """Written, renamed into place, renamed away, its mode changed, deleted."""
    web, new = told.path / "web", told.path / "web.new"
    assert told.after(lambda: web.write_text("{}")) == {"web"}
    assert told.after(lambda: new.write_text("{}")) == {"web.new"}
    assert told.after(lambda: new.rename(web)) == {"web.new", "web"}
    assert told.after(lambda: web.chmod(0o600)) == {"web"}
    assert told.after(lambda: web.rename(told.path.parent / "elsewhere")) == {"web"}
    assert told.after(lambda: (told.path.parent / "elsewhere").rename(web)) == {"web"}
    assert told.after(web.unlink) == {"web"}
    assert told.after(lambda: (told.path / "link").symlink_to("/etc")) == {"link"}
    assert told.after((told.path / "dir").mkdir) == {"dir"}


def test_name_of_any_bytes_is_told(told):
    """File names are bytes; they come as os.listdir gives them."""
    name = os.fsdecode(b"\xff\xfe x")
    assert told.after(lambda: (told.path / name).write_text("")) == {name}
    assert os.listdir(told.path) == [name]


def test_reading_tells_nothing(told):
    """Or looking at a change would be the next change."""
    (told.path / "web").write_text("{}")
    told.loop.settle()
    assert told.after((told.path / "web").read_text) == set()
    assert told.after(lambda: os.listdir(told.path)) == set()


def test_many_changes_are_one_call(told):
    """A thousand files that are copied in are no thousand looks."""
    told.after(lambda: [(told.path / f"p{number}").write_text("{}") for number in range(100)])
    assert len(told.calls) == 1


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_directory_that_is_no_longer_there_is_told_as_anything(told, how):
    """What comes to its place later is another directory."""
    change = {"moved": lambda: told.path.rename(told.path.parent / "old"), "deleted": told.path.rmdir}[how]
    assert told.after(change) is None


def test_overflow_of_the_queue_is_told_as_anything(told, loop):
    """The kernel gives up beyond max_queued_events: whatever was lost, everything is looked at anew."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    other = []
    told.watching.add(str(told.path.parent), other.append)
    inotify, told.watching._fd = told.watching._fd, read
    os.write(write, struct.pack("iIII", -1, watch.IN_Q_OVERFLOW, 0, 0))
    told.watching._read()
    told.watching._fd = inotify
    os.close(read)
    os.close(write)
    assert told.calls == [None]
    assert other == [None]


def test_events_are_read_as_the_kernel_writes_them():
    """Names are padded with NULs; a name-less event is about the directory itself."""
    data = struct.pack("iIII16s", 3, 0x100, 0, 16, b"web") + struct.pack("iIII", 4, 0x400, 0, 0)
    assert watch._events(data) == [(3, 0x100, "web"), (4, 0x400, "")]


def test_forgotten_directory_is_not_told_any_more(told):
    """Nor are events that were under way, nor the kernel's own word that the watch has ended."""
    (told.path / "web").write_text("{}")
    told.watching.forget(told.calls.append)
    assert told.after(lambda: (told.path / "other").write_text("")) == set()


def test_directory_watched_anew_is_told_again(told):
    """After it was moved and another came to its place."""
    told.path.rename(told.path.parent / "old")
    told.loop.settle()
    told.watching.forget(told.calls.append)
    told.path.mkdir()
    told.watching.add(str(told.path), told.calls.append)
    assert told.after(lambda: (told.path.parent / "old" / "web").write_text("")) == set()
    assert told.after(lambda: (told.path / "web").write_text("")) == {"web"}


def test_two_directories_are_told_apart(told):
    """Each by its own call."""
    other = told.path.parent / "messages"
    other.mkdir()
    calls = []
    told.watching.add(str(other), calls.append)
    assert told.after(lambda: (other / "m1").write_text("")) == set()
    assert calls == [frozenset({"m1"})]


def test_what_cannot_be_watched_says_why(told):
    """So that the door can poll it, and say so."""
    with pytest.raises(CannotWatch, match="No such file or directory"):
        told.watching.add(str(told.path / "missing"), told.calls.append)
    (told.path / "file").write_text("")
    with pytest.raises(CannotWatch, match="Not a directory"):
        told.watching.add(str(told.path / "file"), told.calls.append)


def test_blind_file_systems_are_not_watched(monkeypatch, told):
    """Another machine's writes to NFS are no events here; better to poll than to sleep through them."""
    for kind in ("nfs4", "fuse.sshfs", "9p", "cifs", "smb3", "virtiofs"):
        monkeypatch.setattr(watch, "_file_system", lambda _, kind=kind: kind)
        assert blind_file_system("/") == kind
        with pytest.raises(CannotWatch, match=f"changes on {kind} file systems are not always told"):
            told.watching.add(str(told.path), told.calls.append)
    for kind in ("ext4", "xfs", "btrfs", "tmpfs", "overlay", None):
        monkeypatch.setattr(watch, "_file_system", lambda _, kind=kind: kind)
        assert blind_file_system("/") is None


def test_file_system_of_a_directory_is_found():
    """By the kernel's own list of mounts."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        kinds = {line.split(" - ")[1].split()[0] for line in file}
    assert watch._file_system("/proc") == "proc"
    assert watch._file_system("/proc") in kinds
    assert watch._file_system("/no/such") is None


def test_closing_closes_everything(told, loop):
    """The autouse check would see the descriptor."""
    told.watching.close()
    assert loop.watched == []
