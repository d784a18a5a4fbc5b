"""The journal: complete, bounded, and never in anybody's way."""

import json
import os
import resource
import signal

import pytest

from ncolony.core.events import InstanceChanged, Slot
from ncolony.core.states import UP, Ended, Exited, Instance, Running, Spawned, Spawning
from ncolony.posix.journal import Journal, backwards, read
from ncolony.testing import VirtualLoop


def started(name="web", run=1):
    """Tell of a start."""
    return InstanceChanged(
        Slot(name), Instance(Spawning(0.0), UP, 0, run), Instance(Running(5, 0.0), UP, 0, run), Spawned(run, 5), 1.0
    )


def ended(name="web", run=1):
    """Tell of an end."""
    before, after = Instance(Running(5, 0.0), UP, 0, run), Instance(Exited(0), UP, 0, run)
    return InstanceChanged(Slot(name), before, after, Ended(run, 0), 2.0)


class Desk:
    """A journal, and what surrounds it."""

    def __init__(self, path, **more):
        self.path = path
        self.loop = VirtualLoop()
        self.said = []
        self.words = b""
        self.journal = Journal(str(path), self.loop, lambda name, number, size: self.words[-size:], self.said.append,
                               **more)  # fmt: skip

    def lines(self):
        """Return the lines of the file."""
        return (self.path / "journal").read_text().splitlines()


@pytest.fixture
def desk(tmp_path, nothing_left):
    """A new journal."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_a_line_of_brackets_in_brackets_is_passed_over(tmp_path):
    """As any other that makes no sense; found by the fuzzer, as a RecursionError in who asks `why`."""
    deep = b'{"p":"web","k":"end","last":' + b"[" * 200_000
    sound = b'{"t":1,"p":"web","k":"start"}'
    (tmp_path / "journal").write_bytes(deep + b"\n" + sound + b"\n")
    path = str(tmp_path / "journal")
    assert [entry["k"] for entry in read(path)] == ["start"]
    assert [line for piece in backwards(path, "web", 10) for line in piece] == [sound]


def test_a_line_whose_program_is_no_name_is_passed_over(tmp_path):
    """As any other that makes no sense; found by the fuzzer, as a TypeError in who reads all of it."""
    odd = b'{"t":1,"k":"wait","p":{"":{}},"n":1,"r":1}'
    sound = b'{"t":1,"p":"web","k":"start"}'
    (tmp_path / "journal").write_bytes(odd + b"\n" + sound + b"\n")
    path = str(tmp_path / "journal")
    assert [entry["k"] for entry in read(path)] == ["start"]


def test_entries_are_in_the_file_when_the_loop_has_turned(desk):
    """All of a turn in one go; and there is nothing to wake up for afterwards."""
    for run in (1, 2, 3):
        desk.journal.saw(started(run=run))
    assert desk.lines() == []
    desk.loop.turn()
    assert [json.loads(line)["r"] for line in desk.lines()] == [1, 2, 3]
    assert desk.loop.timers == []


def test_a_storm_is_written_in_pieces(desk):
    """So that what waits in memory has an end."""
    for run in range(1, 1001):
        desk.journal.saw(started(run=run))
    assert len(desk.lines()) >= 744
    assert [entry["r"] for entry in desk.journal.entries()] == list(range(1, 1001))


def test_an_end_has_the_last_lines_of_its_run(desk):
    """Twenty at most, and none that is only the end of one."""
    desk.words = b"".join(b"line %d\n" % number for number in range(100)) + b"\xff and no end"
    desk.journal.saw(ended())
    (entry,) = desk.journal.entries()
    assert entry["last"] == [*(f"line {number}" for number in range(81, 100)), "\\xff and no end"]
    desk.words = b"x" * 5000 + b"\nlast\n"
    desk.journal.saw(ended())
    assert desk.journal.entries()[-1]["last"] == ["last"]
    desk.words = b"y" * 5000
    desk.journal.saw(ended())
    assert desk.journal.entries()[-1]["last"] == ["y" * 500]


def test_entries_of_one_program_are_told_from_others(desk):
    """Also of those whose names look like JSON."""
    odd = 'a","p":"web'
    for name in ("web", "web2", odd):
        desk.journal.saw(started(name))
    assert [entry["p"] for entry in desk.journal.entries("web")] == ["web"]
    assert [entry["p"] for entry in desk.journal.entries(odd)] == [odd]
    assert len(desk.journal.entries()) == 3


def test_the_journal_is_bounded(tmp_path):
    """Two files, and the second takes the place of the first; the newest entries are always there."""
    desk = Desk(tmp_path, limit=4096)
    for run in range(1, 501):
        desk.journal.saw(started(run=run))
        desk.loop.turn()
    sizes = [(tmp_path / name).stat().st_size for name in ("journal", "journal.1")]
    assert max(sizes) < 4096 + 200
    assert sorted(os.listdir(tmp_path)) == ["journal", "journal.1"]  # noqa: PTH208
    runs = [entry["r"] for entry in desk.journal.entries()]
    assert runs == list(range(runs[0], 501))
    assert len(runs) > 40
    desk.journal.close()


def test_a_successor_goes_on_behind_a_line_that_was_cut(tmp_path):
    """Its predecessor was killed, or the machine lost power, in the middle of a line."""
    one = Desk(tmp_path)
    one.journal.saw(started(run=1))
    one.journal.close()
    with (tmp_path / "journal").open("a") as file:
        file.write('{"t":1,"p":"web","n":1,"k":"sta')
    two = Desk(tmp_path)
    two.journal.saw(started(run=2))
    assert [entry["r"] for entry in two.journal.entries("web")] == [1, 2]
    two.journal.close()


def test_nonsense_in_the_file_is_passed_over(tmp_path):
    """Whoever wrote it."""
    (tmp_path / "journal").write_bytes(b'\n[1]\n\xff\n{"p":"web"}\n{"p":"web","k":1}\n{"p":"web","k":"kill"}\n{}\n')
    assert read(str(tmp_path / "journal"), "web") == [{"p": "web", "k": "kill"}]
    assert read(str(tmp_path / "nowhere")) == []


def test_a_full_disk_is_said_once_and_counted(desk):
    """A limit on the size of files stands for it: the kernel refuses in the same way."""
    desk.journal.saw(started(run=1))
    desk.loop.turn()
    room = (desk.path / "journal").stat().st_size + 30
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        for run in (2, 3, 4):
            desk.journal.saw(started(run=run))
            desk.loop.turn()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(desk.said) == 1
    assert "programs go on" in desk.said[0]
    desk.journal.saw(started(run=5))
    entries = desk.journal.entries()
    assert [entry.get("r", entry.get("entries")) for entry in entries] == [1, 3, 5]
    assert entries[1]["k"] == "lost"


def test_the_newest_entries_of_one_program_are_found_from_the_end(tmp_path):
    """In pieces, over both files, and no more than were asked for."""
    desk = Desk(tmp_path, limit=300_000)
    for run in range(1, 6001):
        desk.journal.saw(started("web" if run % 3 == 0 else "other", run=run))
    pieces = list(desk.journal.backwards("web", 1500))
    assert (tmp_path / "journal.1").exists()
    assert len(pieces) > 3
    runs = [json.loads(line)["r"] for lines in pieces for line in lines]
    assert runs == list(range(6000, 6000 - 3 * 1500, -3))
    assert list(Journal.backwards(desk.journal, "nobody", 10))[-1] == []
    desk.journal.close()


def test_a_link_in_its_place_is_not_followed(tmp_path):
    """Bug 72: nobody else's file is ever written to."""
    (tmp_path / "journal").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        Desk(tmp_path)
    assert not (tmp_path / "victim").exists()


def test_closed_it_keeps_no_more_and_fails_no_more(tmp_path):
    """The last events of a colony may come after."""
    desk = Desk(tmp_path)
    desk.journal.close()
    desk.journal.saw(started())
    desk.journal.close()
    assert desk.lines() == []
