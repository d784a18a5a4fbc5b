"""The directory of programs: whatever is in it, the colony serves what can be served and says what cannot."""

import json
import os
import shutil
import socket
import time

import pytest

from ncolony.core.events import ProgramsChanged
from ncolony.directory.conf import SURE
from ncolony.directory.files import read

GOOD = {"args": ["good"]}


def test_programs_run_as_described(colony):
    """Those that are there from the beginning, and those that come later; those that go are stopped."""
    colony.add("one")
    colony.open()
    colony.add("two")
    assert colony.running == {"one": ["one"], "two": ["two"]}
    (colony.conf / "one").unlink()
    colony.loop.settle()
    assert colony.running == {"two": ["two"]}
    assert colony.said == []


def test_changed_program_is_restarted_and_no_other(colony):
    """Only what changed has to be interrupted."""
    colony.open()
    colony.add("one", "two")
    before = colony.pids
    colony.write("one", {"args": ["one", "-v"]})
    assert colony.running == {"one": ["one", "-v"], "two": ["two"]}
    assert colony.pids["two"] == before["two"]
    assert colony.pids["one"] != before["one"]


def test_a_large_directory_is_started_by_priority(colony):
    """It is read in slices, and the one that comes first may lie in the last."""
    for number in range(50):
        colony.write(f"p{number:02}", {"args": [f"p{number:02}"]})
    colony.write("z-first", '{"args": ["z-first"], "priority" : -5}')
    colony.write("a-last", {"args": ["a-last"], "priority": 2000})
    colony.write("b-broken", '{"priority": "soon", "args": ["x"]}')
    (colony.conf / "c-folder").mkdir()
    os.mkfifo(colony.conf / "d-pipe")
    colony.open()
    started = [process.launch.args[0] for process in colony.spawner.processes]
    assert started == ["z-first", *(f"p{number:02}" for number in range(50)), "a-last"]


def test_same_meaning_restarts_nothing(colony):
    """White space, the order of keys, a default spelled out: other bytes, the same program."""
    colony.open()
    colony.write("web", '{"args": ["web"], "env": {"A": "1", "B": "2"}, "mine": [1, 2]}')
    before = colony.pids
    colony.write("web", '{\n  "mine": [1,2],\n  "env": {"B": "2", "A": "1"},\n  "args": ["web"], "instances": 1\n}\n')
    colony.loop.advance(60)
    assert colony.pids == before
    assert len(colony.spawner.processes) == 1


def test_next_run_gets_the_text_as_it_is_by_then(colony):
    """The same meaning, but the program reads its own file: what it gets is what is there."""
    colony.open()
    colony.write("web", '{"args": ["web"]}')
    colony.write("web", '{ "args" : ["web"] }')
    colony.send("1", {"type": "RESTART", "name": "web"})
    assert colony.spawner.living[0].launch.env["NCOLONY_CONFIG"] == '{ "args" : ["web"] }'


# Bad input ------------------------------------------------------------------------------------------------------------


def write(text):
    """Make a file of some text."""
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


def sparse(path):
    """Make a file of 100 MB that takes no room."""
    path.touch()
    os.truncate(path, 100_000_000)


def bound_socket(path):
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


BAD = {
    "not JSON": (write("nonsense"), "text that is not JSON"),
    "not an object": (write("[1, 2]"), "found [1, 2], wanted one JSON object"),
    "null": (write("null"), "found null, wanted one JSON object"),
    "no args": (write("{}"), "args: found no such key, wanted a list of strings, the executable first"),
    "empty args": (write('{"args": []}'), "args: found [], wanted a list of strings, the executable first"),
    "args of another type": (write('{"args": "web"}'), 'args: found "web", wanted a list of strings'),
    "env of another type": (
        write('{"args": ["x"], "env": ["A=1"]}'),
        'env: found ["A=1"], wanted an object of strings',
    ),
    "umask of another type": (write('{"args": ["x"], "umask": 22}'), "umask: found 22, wanted a string of up to three"),
    "two mistakes": (
        write('{"args": 1, "uid": -1}'),
        "args: found 1, wanted a list of strings, the executable first; uid",
    ),
    "a relative path": (
        write('{"args": ["x"], "env_files": ["env"]}'),
        'env_files[0]: found "env", wanted an absolute path',
    ),
    "a key twice": (write('{"args": ["x"], "args": ["y"]}'), 'found the key "args" twice'),
    "not UTF-8": (write(b'{"args": ["\xff"]}'), "bytes that are not UTF-8"),
    "half-written": (write('{"args": ["x"'), "text that is not JSON"),
    "empty": (write(""), "found an empty file, wanted one JSON object"),
    "nested too deep": (write("[" * 100_000), "nested too deep"),
    "NUL": (write('{"args": ["a\\u0000b"]}'), "wanted text without NUL"),
    "100 MB": (sparse, "found 100000000 bytes, more than 1048576"),
    "a directory": (lambda path: path.mkdir(), "found a directory, wanted a file with one JSON object"),
    "a FIFO": (os.mkfifo, "found something that is not a regular file"),
    "a socket": (bound_socket, "found a file that cannot be opened"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "found something that is not a regular file"),
    "a link to itself": (lambda path: path.symlink_to("web"), "found a file that cannot be opened (Too many levels"),
}


def remove(path):
    """Delete whatever it is."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", BAD)
def test_file_that_cannot_be_used_changes_nothing(colony, kind):
    """Bug 44: said once, with file, key, found and wanted; its program goes on as it was, and so do all others."""
    make, words = BAD[kind]
    colony.open()
    colony.add("web", "other")
    before = colony.pids
    remove(colony.conf / "web")
    make(colony.conf / "web")
    colony.loop.settle()
    colony.add("later")
    colony.loop.advance(100)
    colony.door.look_again()
    colony.loop.settle()
    (said,) = colony.said
    assert said.startswith(f"cannot use {str(colony.conf / 'web')!r}: ")
    assert words in said
    assert said.endswith("what runs of it goes on as it was")
    assert colony.pids == {**before, "later": colony.pids["later"]}


@pytest.mark.parametrize("kind", BAD)
def test_file_that_cannot_be_used_at_the_start_holds_nothing_up(colony, kind):
    """Bug 44: the others are started; this one is as soon as its file is mended."""
    make, words = BAD[kind]
    make(colony.conf / "web")
    colony.add("other")
    colony.open()
    assert colony.running == {"other": ["other"]}
    colony.loop.advance(2)
    (said,) = colony.said
    assert words in said
    remove(colony.conf / "web")
    colony.write("web", {"args": ["web"]})
    assert colony.running == {"other": ["other"], "web": ["web"]}


@pytest.mark.parametrize("name", ["-x", "a\nb", " x", "x" * 201, "\udcff", "a\x1bb"])
def test_impossible_name_is_refused(colony, name):
    """The name goes into log lines, pid files and the shells of people."""
    (colony.conf / name).write_text(json.dumps(GOOD))
    colony.add("other")
    colony.open()
    colony.loop.advance(30)
    (said,) = colony.said
    assert "name: found " in said
    assert "\n" not in said
    assert said.isprintable()
    assert colony.running == {"other": ["other"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(colony):
    """With the system's reason."""
    colony.open()
    colony.add("web")
    (colony.conf / "web").chmod(0)
    colony.loop.settle()
    (said,) = colony.said
    assert "Permission denied" in said
    assert colony.running == {"web": ["web"]}


def test_file_that_vanishes_between_listing_and_reading_was_never_there(colony):
    """A writer's temporary file, or a quick change of mind: nothing to say."""
    colony.add(*(f"p{number}" for number in range(40)))
    colony.door.open()
    for number in range(20, 40):
        (colony.conf / f"p{number}").unlink()
    colony.loop.settle()
    assert set(colony.running) == {f"p{number}" for number in range(20)}
    assert colony.said == []


def test_mended_file_is_used_and_a_new_mistake_is_told(colony):
    """Each mistake once; the same one again after it was mended is new."""
    colony.open()
    colony.write("web", "[]")
    colony.loop.advance(2)
    colony.write("web", "{}")
    colony.write("web", GOOD)
    colony.write("web", "{}")
    assert [("wanted one JSON" in said, "args" in said) for said in colony.said] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert colony.running == {"web": ["good"]}


def test_bad_file_that_is_deleted_removes_its_program(colony):
    """The file is gone: that is a wish, however bad its last version was."""
    colony.open()
    colony.add("web")
    colony.write("web", "[]")
    (colony.conf / "web").unlink()
    colony.loop.settle()
    assert colony.running == {}


def test_key_that_looks_like_a_mistake_is_warned_of(colony):
    """The author's own keys are allowed; "arg" is more likely a slip."""
    colony.open()
    colony.write("web", {"args": ["web"], "instnaces": 2, "colour": "red"})
    (said,) = colony.said
    assert '"instnaces"' in said
    assert "instances" in said
    assert colony.running == {"web": ["web"]}


@pytest.mark.parametrize("name", [".hidden", "web.new", "web~", "web.tmp", "..data"])
def test_names_of_writers_and_editors_are_ignored(colony, name):
    """What is being written is not there yet."""
    colony.open()
    (colony.conf / name).write_text(json.dumps(GOOD))
    colony.loop.advance(30)
    colony.door.look_again()
    colony.loop.settle()
    assert colony.running == {}
    assert colony.said == []


# Races ----------------------------------------------------------------------------------------------------------------


def test_slow_write_applies_complete_versions_only(colony):
    """Bug 42: a thousand pieces, and a look after each: the old version runs until the new one is complete."""
    colony.open()
    old = {"args": ["old"]}
    colony.write("web", old)
    before = colony.pids
    text = json.dumps({"args": ["new"], "mine": "x" * 1970})
    step = len(text) // 1000
    with (colony.conf / "web").open("w") as file:
        for at in range(0, len(text), step):
            assert colony.pids == before, f"applied after {at} of {len(text)} bytes"
            file.write(text[at : at + step])
            file.flush()
            colony.door.look_again()
            colony.loop.settle()
            colony.loop.advance(0.001)
    colony.loop.settle()
    assert colony.running == {"web": ["new"]}
    assert len(colony.spawner.processes) == 2
    assert colony.said == []


def test_very_slow_write_is_complained_of_and_still_applied_only_when_complete(colony):
    """Bug 42: pieces with minutes between them look like a mistake; said, never applied."""
    colony.open()
    colony.add("web")
    with (colony.conf / "web").open("w") as file:
        for piece in ('{"args"', ': ["new', '"]', "}"):
            assert colony.running == {"web": ["web"]}
            file.write(piece)
            file.flush()
            colony.door.look_again()
            colony.loop.advance(120)
    colony.loop.settle()
    assert colony.running == {"web": ["new"]}
    assert all("text that is not JSON" in said for said in colony.said)


def test_same_size_in_the_same_moment_is_still_another_text(colony):
    """Bug 43: size, inode and times may all be equal; the bytes are not."""
    colony.open()
    path = colony.conf / "web"
    colony.add("web")
    for letter in "abcdefgh":
        with path.open("r+") as file:
            file.write(json.dumps({"args": [f"w{letter}b"]}))
        os.utime(path, (1_600_000_000, 1_600_000_000))
        colony.loop.settle()
        assert colony.running == {"web": [f"w{letter}b"]}


def test_same_size_in_the_same_moment_is_found_by_polling(colony):
    """Bug 43: the same where nothing can be watched, as on a network file system."""
    colony.door._try_to_watch = lambda *_: None
    colony.open()
    path = colony.conf / "web"
    for letter in "abcdefgh":
        path.write_text(json.dumps({"args": [f"w{letter}b"]}))
        os.utime(path, (1_600_000_000, 1_600_000_000))
        colony.loop.advance(10)
        assert colony.running == {"web": [f"w{letter}b"]}


def test_file_with_old_times_is_still_being_written(colony):
    """Bug 43: `cp -p` gives a file that was changed this very moment the time of its original."""
    path = colony.conf / "web"
    path.write_text("{}")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert time.time() - read(str(path)).modified < SURE


def test_typo_stops_nothing(colony):
    """Bug 44: however often it is tried."""
    colony.open()
    colony.add("web")
    before = colony.pids
    for text in ('{"args": ["web"]', '{"args": [web]}', '{"arsg": ["web"]}', ""):
        colony.write("web", text)
        colony.loop.advance(5)
    assert colony.pids == before
    assert len(colony.said) == 4


def test_removed_and_added_again_while_it_stops_runs_at_the_end(colony):
    """Bug 45: the file has the last word, whatever came in between; there is one process at the end."""
    colony.open()
    colony.add("web")
    colony.spawner.living[0].act = colony.spawner.living[0].act.__class__(ignores=frozenset({15}))
    (colony.conf / "web").unlink()
    colony.loop.settle()
    assert colony.supervisor.snapshot()[0].state == "stopping"
    colony.write("web", {"args": ["web", "again"]})
    (colony.conf / "web").unlink()
    colony.loop.settle()
    colony.write("web", {"args": ["web", "at last"]})
    colony.loop.advance(6)
    assert colony.running == {"web": ["web", "at last"]}
    assert len(colony.spawner.living) == 1


def test_added_and_removed_while_it_stops_is_gone_at_the_end(colony):
    """Bug 45: the other way round."""
    colony.open()
    colony.add("web")
    colony.spawner.living[0].act = colony.spawner.living[0].act.__class__(ignores=frozenset({15}))
    (colony.conf / "web").unlink()
    colony.loop.settle()
    colony.add("web")
    (colony.conf / "web").unlink()
    colony.loop.advance(6)
    assert colony.spawner.living == []
    assert colony.supervisor.snapshot() == ()


def test_removed_and_added_between_two_looks_is_a_change(colony):
    """Bug 45: nobody saw it gone: a program of another meaning is restarted, one of the same is left alone."""
    colony.open()
    colony.add("web", "other")
    before = colony.pids
    for name, args in (("web", ["web", "new"]), ("other", ["other"])):
        (colony.conf / name).unlink()
        (colony.conf / name).write_text(json.dumps({"args": args}))
    colony.loop.settle()
    assert colony.running == {"web": ["web", "new"], "other": ["other"]}
    assert colony.pids["other"] == before["other"]


# The directory itself -------------------------------------------------------------------------------------------------


def test_directory_that_is_moved_away_stops_nothing(colony):
    """It says nothing of its files: somebody is rearranging things."""
    colony.open()
    colony.add("web")
    before = colony.pids
    (colony.conf / "web").touch()
    colony.conf.rename(colony.conf.parent / "old")
    colony.loop.advance(30)
    assert colony.pids == before
    assert len(colony.said) == 1
    assert colony.said[0].startswith(f"cannot read {str(colony.conf)!r}: ")


def test_directory_that_is_moved_in_the_middle_of_a_look_stops_nothing(colony):
    """The listing was good, the files are gone, and so is the directory: that is no wish to stop everything."""
    names = [f"p{number}" for number in range(40)]
    colony.open()
    colony.add(*names)
    before = colony.pids
    colony.door.look_again()
    colony.conf.rename(colony.conf.parent / "old")
    colony.loop.advance(1)
    assert colony.pids == before


def test_directory_that_comes_back_is_served_again(colony):
    """By polling first, then by watching it: another directory under the same name."""
    colony.open()
    colony.add("web", "gone")
    before = colony.pids
    colony.conf.rename(colony.conf.parent / "old")
    colony.loop.advance(1)
    colony.conf.mkdir()
    colony.write("web", {"args": ["web"]})
    colony.write("new", {"args": ["new"]})
    colony.loop.advance(10)
    assert colony.running == {"web": ["web"], "new": ["new"]}
    assert colony.pids["web"] == before["web"]
    colony.write("at-once", {"args": ["at-once"]})
    assert "at-once" in colony.running
    assert colony.loop.timers == []


def test_directory_that_is_deleted_and_made_again_is_served_again(colony):
    """What counts is what is in it then, not what happened on the way."""
    colony.open()
    colony.add("web", "gone")
    shutil.rmtree(colony.conf)
    colony.loop.advance(1)
    colony.conf.mkdir()
    colony.add("web")
    colony.loop.advance(10)
    assert colony.running == {"web": ["web"]}


def test_linked_directory_that_is_swapped_applies_all_changes(colony):
    """Kubernetes changes a ConfigMap by renaming one hidden link: no file that we look at is touched itself."""

    def version(number, programs):
        made = colony.conf / f"..{number}"
        made.mkdir()
        for name, value in programs.items():
            (made / name).write_text(json.dumps(value))
        (colony.conf / "..data_tmp").symlink_to(f"..{number}")
        (colony.conf / "..data_tmp").rename(colony.conf / "..data")

    version(1, {"web": {"args": ["v1"]}, "other": {"args": ["same"]}})
    for name in ("web", "other"):
        (colony.conf / name).symlink_to(f"..data/{name}")
    colony.open()
    assert colony.running == {"web": ["v1"], "other": ["same"]}
    before = colony.pids
    version(2, {"web": {"args": ["v2"]}, "other": {"args": ["same"]}})
    colony.loop.settle()
    assert colony.running == {"web": ["v2"], "other": ["same"]}
    assert colony.pids["other"] == before["other"]
    assert colony.said == []


def test_watched_directories_cost_no_timer(colony):
    """Nothing is polled that can be watched: an idle colony never wakes up."""
    colony.add("web")
    colony.open()
    colony.loop.advance(60)
    assert colony.loop.timers == []


def test_thousand_files_are_read_in_slices(colony):
    """The first programs run while the rest is being read, and signals are heard meanwhile."""
    colony.add(*(f"p{number}" for number in range(100)))
    colony.door.open()
    colony.loop.turn()
    assert 0 < len(colony.spawner.processes) < 100
    colony.loop.settle()
    assert len(colony.spawner.processes) == 100


def test_nothing_is_done_after_closing(colony):
    """Bug 34: a SIGHUP that arrives while everything stops must not take messages, nor start anything."""
    colony.open()
    colony.add("web")
    colony.door.close()
    stopped = []
    colony.supervisor.shut_down(lambda: stopped.append(True))
    colony.add("late")
    (colony.messages / "m").write_text('{"type": "RESTART", "name": "web"}')
    colony.door.look_again()
    colony.loop.advance(30)
    assert stopped == [True]
    assert colony.spawner.living == []
    assert colony.waiting() == ["m"]
    assert colony.loop.watched == []


def test_onlookers_hear_of_each_change_once(colony):
    """Added, changed with the keys that differ, removed."""
    colony.open()
    colony.add("web")
    colony.write("web", {"args": ["web"], "group": ["a"]})
    (colony.conf / "web").unlink()
    colony.loop.settle()
    seen = [event for event in colony.events.events if isinstance(event, ProgramsChanged)]
    assert [(event.kind, event.fields, event.restart) for event in seen] == [
        ("added", (), False),
        ("changed", ("group",), False),
        ("removed", (), False),
    ]
