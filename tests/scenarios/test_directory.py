"""What happens in conf/ and messages/ happens to the processes, at once, and nothing else does."""

import json
import os
import signal
from time import sleep

import pytest

from tests.scenarios.colony import PYTHON, SLEEP, on_both, on_every_reactor, on_native, until


def says(words):
    """Return the description of a program that says something and stays."""
    return {"args": ["sh", "-c", f"echo {words}; exec sleep 1000"]}


@on_every_reactor
def test_a_file_that_comes_changes_and_goes_is_a_program_that_does(colony):
    """At once, that is: well before the poll, which is set to an hour here."""
    colony.start("--frequency", "3600")
    colony.conf("web", says("one"))
    colony.wait_for(r"web \| one$")
    before = colony.pid_of("web")
    colony.conf("web", says("two"))
    colony.wait_for(r"web \| two$")
    assert colony.pid_of("web") != before
    colony.remove("web")
    colony.wait_for("web was removed")
    colony.dies("web")


@on_both
def test_a_changed_program_is_restarted_and_only_that(colony):
    """A colony that restarts neighbours on every edit is no place for anything that matters."""
    for name in ("a", "b", "c"):
        colony.conf(name, says("one"))
    colony.start()
    before = {name: colony.pid_of(name) for name in ("a", "b", "c")}
    colony.conf("b", says("two"))
    colony.wait_for(r"b was changed \(args\) and is being replaced")
    colony.wait_for(r"b \| two$")
    assert colony.pid_of("b") != before["b"]
    assert (colony.pid_of("a"), colony.pid_of("c")) == (before["a"], before["c"])


@on_both
def test_what_means_the_same_restarts_nothing(colony):
    """White space and the order of keys are the author's taste; so is a touch."""
    value = {"args": SLEEP, "env": {"A": "1", "B": "2"}, "colour": {"x": 1, "y": 2}}
    colony.conf("web", value)
    colony.start()
    before = colony.pid_of("web")
    for text in (
        json.dumps(value, indent=4) + "\n\n",
        '{"colour": {"y": 2, "x": 1}, "env": {"B": "2", "A": "1"}, "args": ["sleep", "1000"]}',
    ):
        colony.conf("web", text)
        colony.fence()
    os.utime(colony.config / "web")
    colony.fence()
    assert colony.pids("web") == [before]


@on_both
@pytest.mark.parametrize(
    ("key", "value"),
    [("stop", {"timeout": "9s"}), ("restart", "transient"), ("group", ["blue"]), ("autostart", False)],
)
def test_what_concerns_only_the_supervisor_restarts_nothing(colony, key, value):
    """How a program will be ended, or restarted, or found, is no reason to end it now."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    before = colony.pid_of("web")
    colony.conf("web", {"args": SLEEP, key: value})
    colony.wait_for(rf"web was changed \({key}\) and goes on running")
    colony.fence()
    assert colony.pids("web") == [before]


@on_native
def test_more_instances_leave_those_there_alone_and_fewer_end_the_last(colony):
    """Scaling up or down is no restart."""
    colony.conf("web", {"args": SLEEP, "instances": 2})
    colony.start()
    before = set(until(lambda: len(found := colony.pids("web")) == 2 and found, "two processes"))
    colony.conf("web", {"args": SLEEP, "instances": 3})
    more = set(until(lambda: len(found := colony.pids("web")) == 3 and found, "three processes"))
    assert before < more
    colony.conf("web", {"args": SLEEP, "instances": 2})
    fewer = set(until(lambda: len(found := colony.pids("web")) == 2 and found, "two processes again"))
    assert fewer == before


@on_both
def test_only_a_complete_version_is_applied_however_slowly_it_is_written(colony):
    """Bug 42: a file written in pieces, each closed on its own, is a program only when the last piece is there."""
    colony.conf("web", says("old"))
    colony.start()
    before = colony.pid_of("web")
    text = json.dumps(says("new") | {"padding": "x" * 300})
    (colony.config / "web").write_text("")
    for letter in text:
        assert colony.pids("web") == [before], "a piece was taken for the whole"
        with (colony.config / "web").open("a") as file:
            file.write(letter)
    colony.wait_for(r"web \| new$")
    assert colony.pid_of("web", other_than=before)
    assert colony.count("cannot use") == 0


@on_native
def test_a_rewrite_that_leaves_size_and_times_alone_is_noticed(colony):
    """Bug 43: the same second, the same size, the same inode, and another meaning."""
    colony.conf("web", says("one"))
    path = colony.config / "web"
    colony.start()
    colony.wait_for(r"web \| one$")
    before = path.stat()
    path.write_text(json.dumps(says("two")))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_ino, after.st_mtime_ns) == (before.st_size, before.st_ino, before.st_mtime_ns)
    colony.wait_for(r"web \| two$")


@on_both
def test_a_typo_leaves_the_program_as_it_was(colony):
    """Bug 44: who makes a mistake in an editor gets a line that says where, and keeps the service."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    before = colony.pid_of("web")
    colony.conf("web", {"args": SLEEP, "cdw": "/", "umask": 22})
    colony.wait_for(r"cannot use '.*/conf/web': umask: found 22, wanted a string .*; what runs of it goes on as it was")
    colony.conf("web", '{"args": ["sleep", "1000"')
    colony.wait_for(r"cannot use '.*/conf/web': found text that is not JSON \(.*line 1 column \d+\)")
    colony.fence()
    assert colony.pids("web") == [before]
    colony.conf("web", {"args": SLEEP})
    colony.fence()
    assert colony.pids("web") == [before]


@on_native
def test_a_directory_that_is_swapped_is_read_anew(colony):
    """Container platforms replace mounted configuration by moving a hidden link; so may people, by hand."""
    colony.config.rmdir()
    for version in ("one", "two"):
        (colony.folder / version).mkdir()
        (colony.folder / version / "web").write_text(json.dumps(says(version)))
    colony.config.symlink_to("one")
    colony.start("--frequency", "0.3")
    colony.wait_for(r"web \| one$")
    (colony.folder / "next").symlink_to("two")
    (colony.folder / "next").rename(colony.config)
    (colony.folder / "one" / "web").unlink()  # what makes the swap noticed: the old version is cleared away
    colony.wait_for(r"web \| two$")


@on_native
def test_hangup_reads_the_directories_and_ends_nothing(colony):
    """Bug 65: a closed terminal, or an old habit of asking for a reload, must not cost the colony."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    before = colony.pid_of("web")
    colony.send(signal.SIGHUP)
    colony.fence()
    colony.send(signal.SIGHUP)
    colony.fence()
    assert colony.pids("web") == [before]
    assert colony.stop() == 0


# Messages ----------------------------------------------------------------------------------------------------------


@on_both
def test_messages_restart_one_a_group_and_all(colony):
    """Exactly those asked for get new processes, and the request is deleted when it is done."""
    for name, labels in (("a", ["blue"]), ("b", ["blue", "red"]), ("c", [])):
        colony.conf(name, {"args": SLEEP, "group": labels})
    colony.start()
    before = {name: colony.pid_of(name) for name in "abc"}

    colony.message({"type": "RESTART", "name": "a"})
    after = before | {"a": colony.pid_of("a", before["a"])}
    assert {name: colony.pid_of(name) for name in "abc"} == after

    colony.message({"type": "RESTART-GROUP", "group": "blue"})
    group = after | {name: colony.pid_of(name, after[name]) for name in "ab"}
    assert {name: colony.pid_of(name) for name in "abc"} == group

    colony.message({"type": "RESTART-ALL"})
    for name in "abc":
        colony.pid_of(name, group[name])
    assert not colony.left()


@on_both
def test_a_message_that_lay_there_before_the_start_does_no_harm(colony):
    """It asks for processes that are being started only now: they are new enough."""
    colony.conf("web", says("here"))
    colony.message({"type": "RESTART", "name": "web"})
    colony.message({"type": "RESTART-ALL"}, "another")
    colony.start()
    until(lambda: not colony.left(), "the messages to be taken")
    colony.fence()
    assert colony.count(r"web \| here$") == 1
    assert colony.pid_of("web")


@on_both
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"type": "RESTART", "name": "wed"}', "there is no program 'wed'; did you mean 'web'?"),
        ('{"type": "RESTART-GROUP", "group": "red"}', "no program carries the label 'red'"),
        ('{"type": "RESTRAT", "name": "web"}', 'type: found "RESTRAT", wanted one of RESTART'),
        ('{"name": "web"}', "type: found no such key, wanted one of RESTART"),
        ('{"type": "RESTART"}', "name: found no such key, wanted a name"),
        ('{"type": "RESTART", "name": 7}', "name: found 7, wanted a name"),
        ("[1]", "found [1], wanted one JSON object"),
        ("restart web please", "found text that is not JSON"),
        ('{"type": "RESTART", "na', "found text that is not JSON"),
        ("", "found an empty file, wanted one JSON object"),
    ],
    ids=["program", "group", "type", "no type", "no name", "number", "list", "words", "broken", "empty"],
)
def test_a_message_that_is_no_use_is_put_aside_with_the_reason(colony, text, why):
    """Who sent it finds out; the colony goes on; and it is not looked at again at every start."""
    colony.conf("web", {"args": SLEEP, "group": ["blue"]})
    colony.start()
    before = colony.pid_of("web")
    colony.message(text, "mine")
    aside = colony.messages / ".rejected"
    reason = until(lambda: (aside / "mine.reason").exists() and (aside / "mine.reason").read_text(), "the reason")
    assert why in reason
    assert (aside / "mine").read_text() == text
    colony.wait_for(r"cannot use the message '.*/messages/mine': .*; it is in '.*/messages/\.rejected'")
    assert colony.pids("web") == [before]
    colony.message({"type": "RESTART", "name": "web"})
    colony.pid_of("web", before)


# A colony with everything wrong in it ------------------------------------------------------------------------------


@on_both
def test_one_bad_file_of_each_kind_stops_no_good_one(colony):
    """The issue's list of bad input, all at once, at the start: a line for each, and the good programs run."""
    conf = colony.config
    bad = {
        "not-json": ("args: sleep", "found text that is not JSON"),
        "not-an-object": ('["sleep"]', r'found \["sleep"\], wanted one JSON object'),
        "no-args": ('{"cwd": "/"}', "args: found no such key, wanted a list of strings, the executable first"),
        "wrong-types": ('{"args": "sleep", "uid": []}', r'args: found "sleep", wanted .*; uid: found \[\], wanted'),
        "-name": ('{"args": ["true"]}', 'name: found "-name", wanted'),
        "half": ('{"args": ["sle', "found text that is not JSON"),
        "empty": ("", "found an empty file"),
        "latin": (b'{"args": ["\xe9"]}'.decode("latin-1"), None),
        "twice": ('{"args": ["true"], "args": ["false"]}', 'found the key "args" twice'),
        "no-check": ('{"args": ["true"], "health": {}}', "health: found none of them, wanted exactly one of"),
        "nul": ('{"args": ["a\\u0000b"]}', r"args\[0\]: found .*, wanted text without NUL"),
        "deep": ("[" * 100000, "found brackets nested too deep"),
    }
    for name, (text, _) in bad.items():
        (conf / name).write_bytes(text.encode("latin-1"))
    bad["latin"] = ("", "found bytes that are not UTF-8 at 11")
    (conf / "folder").mkdir()
    (conf / "dangling").symlink_to("nowhere")
    os.mkfifo(conf / "pipe")
    with (conf / "huge").open("wb") as file:
        file.truncate(100 << 20)
    for name in (".hidden", "backup~", "web.new", "web.tmp"):
        (conf / name).write_text("not for the supervisor")
    colony.conf("good", says("all is well"))
    colony.conf("zzz", says("here too"))
    colony.start()
    colony.wait_for(r"good \| all is well$")
    colony.wait_for(r"zzz \| here too$")
    bad |= {
        "folder": ("", "found a directory, wanted a file with one JSON object"),
        "pipe": ("", "found something that is not a regular file"),
        "huge": ("", "found 104857600 bytes, more than 1048576"),
    }
    for name, (_, words) in bad.items():
        colony.wait_for(rf"cannot use '.*/conf/{name}': {words}")
    for name in bad:
        assert colony.count(f"conf/{name}'") == 1, name
    assert colony.count(r"hidden|backup|web\.|dangling") == 0
    assert colony.stop() == colony.host.status(signal.SIGTERM)


# Root may read everything; without these two capabilities it is bound by modes, as everyone else is.
WITHOUT_THEM = """import ctypes, os, sys
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])"""
BOUND_BY_MODES = (PYTHON, "-c", WITHOUT_THEM)


@on_both
def test_a_file_that_may_not_be_read_is_named(colony):
    """Permissions are what people get wrong most: say so, serve the rest, and take the file when it is put right."""
    colony.conf("secret", {"args": SLEEP})
    (colony.config / "secret").chmod(0)
    colony.conf("web", says("here"))
    colony.start(prefix=BOUND_BY_MODES)
    colony.wait_for(r"cannot use '.*/conf/secret': found a file that cannot be opened \(Permission denied\)")
    colony.wait_for(r"web \| here$")
    (colony.config / "secret").chmod(0o644)
    colony.pid_of("secret")


@on_both
@pytest.mark.parametrize(
    ("folder", "option", "needs"), [("conf", "config", "read"), ("messages", "messages", "read and written")]
)
def test_a_directory_that_may_not_be_used_is_named_before_anything_starts(colony, folder, option, needs):
    """One line, status 2: the same as for a directory that is not there."""
    colony.conf("web", {"args": SLEEP})
    (colony.folder / folder).chmod(0)
    colony.start(prefix=BOUND_BY_MODES)
    assert colony.ended() == 2
    (colony.folder / folder).chmod(0o755)
    colony.wait_for(
        rf"^ncolony.*: cannot use --{option} '{folder}': permission denied; it has to be {needs} by this user$"
    )
    assert len(colony.text.splitlines()) == 1


@on_native
def test_a_file_that_vanishes_while_it_is_looked_for_is_no_trouble(colony):
    """Between the news of a file and the look at it anything may happen."""
    colony.start()
    for number in range(200):
        colony.conf(f"brief-{number}", {"args": SLEEP})
        colony.remove(f"brief-{number}")
    colony.fence()
    until(lambda: len(colony.pids()) == 1, "all that were too brief to be gone")
    assert colony.count("cannot") == 0


@on_native
def test_a_storm_of_edits_ends_with_the_last_version(colony):
    """A generator may rewrite a file a hundred times a second; what counts is what stands there in the end."""
    colony.start()
    for number in range(100):
        colony.conf("web", says(f"version {number}"))
        if number % 2:
            sleep(0.001)  # some of them together, some apart
    colony.wait_for(r"web \| version 99$")
    colony.fence()
    assert colony.text.rindex("version 99") == colony.text.rindex("version ")
    assert colony.pid_of("web")
