"""One file a program with its pid."""

import pytest

from ncolony.core.events import InstanceChanged, Slot, Warned
from ncolony.core.states import Ended, Instance, Running, Spawned, Spawning, Stop, Stopped, Stopping
from ncolony.posix.pidfiles import PidFiles


@pytest.fixture
def files(tmp_path):
    """The observer of a directory."""
    said = []
    made = PidFiles(str(tmp_path), said.append)
    made.said = said
    made.path = tmp_path
    return made


def changed(slot, before, after, given):
    """Make the event of a change."""
    return InstanceChanged(slot, Instance(before), Instance(after), given, 0.0)


def begins(files, slot, pid):
    """Tell of a process that came to life."""
    files.saw(changed(slot, Spawning(0.0), Running(pid, 0.0), Spawned(1, pid)))


def ends(files, slot, pid):
    """Tell of a process that ended."""
    files.saw(changed(slot, Running(pid, 0.0), Stopped(), Ended(1, 0)))


def there(files):
    """Return what is in the directory."""
    return {path.name: path.read_text() for path in files.path.iterdir()}


def test_file_is_there_while_the_process_is(files):
    """The pid and nothing else: scripts use it as it is."""
    begins(files, Slot("web"), 17)
    assert there(files) == {"web": "17"}
    files.saw(changed(Slot("web"), Running(17, 0.0), Stopping(17, 5.0), Stop()))
    assert there(files) == {"web": "17"}
    ends(files, Slot("web"), 17)
    assert there(files) == {}


def test_instances_have_one_each(files):
    """By the name that people use for them."""
    begins(files, Slot("web", 1, 2), 17)
    begins(files, Slot("web", 2, 2), 18)
    assert there(files) == {"web:1": "17", "web:2": "18"}


def test_program_that_was_renamed_by_scaling_leaves_no_stale_file(files):
    """A process that was "web" is "web:1" once there is a second; its file must not outlive it."""
    begins(files, Slot("web"), 17)
    begins(files, Slot("web", 2, 2), 18)
    ends(files, Slot("web", 1, 2), 17)
    ends(files, Slot("web", 2, 2), 18)
    assert there(files) == {}
    assert files.said == []


def test_file_that_somebody_deleted_is_no_trouble(files):
    """It was to go anyway."""
    begins(files, Slot("web"), 17)
    (files.path / "web").unlink()
    ends(files, Slot("web"), 17)
    assert files.said == []


def test_other_events_are_passed_over(files):
    """A warning has no pid."""
    files.saw(Warned(Slot("web"), "x"))
    assert there(files) == {}


def test_directory_that_cannot_be_written_is_said_once(files):
    """The program runs all the same; a line at every restart would help nobody."""
    files.path.rmdir()
    begins(files, Slot("web"), 17)
    begins(files, Slot("other"), 18)
    ends(files, Slot("web"), 17)
    (said,) = files.said
    assert "cannot write the pid file" in said
    files.path.mkdir()
