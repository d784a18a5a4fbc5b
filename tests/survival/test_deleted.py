"""Somebody deletes the state directory of a living supervisor: it is noticed at once, and made anew."""

import os
import shutil
import signal
import subprocess

from ncolony.control.client import Client
from tests.scenarios.colony import PYTHON, SLEEP, fill, keepers, on_both, on_native, small_disk, until
from tests.survival.test_keeper import LAST_WORDS, LINES


def delete(folder):
    """Delete it as people do."""
    subprocess.run(["rm", "-r", str(folder)], check=True)


def refused(mortal, *options):
    """Return what a second supervisor says, which has to end at once."""
    second = subprocess.run(
        [PYTHON, "-m", "ncolony", "run", *mortal.directories(), *options], cwd=mortal.folder, env=mortal.environment(),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    return second.stderr


@on_both
def test_everything_works_again_and_a_successor_finds_all(mortal):
    """Bug 7, bug 9: nobody can ask, and no second supervisor is kept out, where this goes unnoticed."""
    state = mortal.messages / ".ncolony"
    mortal.conf("web", {"args": SLEEP})
    mortal.conf("job", {"args": ["true"], "schedule": "1h"})
    mortal.start()
    pid = mortal.one("web")
    mortal.wait_for("job exited with status 0")
    moments = (state / "schedules").read_bytes()
    with Client(str(state)) as connected:
        delete(state)
        mortal.wait_for(r"'.*/messages/\.ncolony' was deleted: it was made anew, and a successor will find everything$")
        assert connected.ask("status", names=["web"])["instances"][0]["pid"] == pid  # who was there still is
    with Client(str(state)) as client:
        assert client.ask("status", names=["web"])["instances"][0]["pid"] == pid
    assert (state / "schedules").read_bytes() == moments
    assert b'"p":"job"' in (state / "journal").read_bytes()
    assert f"another supervisor has it, pid {mortal.pid} " in refused(mortal)
    assert state.stat().st_mode & 0o777 == 0o700
    mortal.conf("new", {"args": SLEEP})
    new = mortal.one("new")
    until(lambda: b'"name":"new"' in mortal.records(), "the record of the new one")
    mortal.kill()
    since = len(mortal.text)
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
    mortal.wait_for(rf"new runs on, pid {new}$", since=since)


@on_both
def test_what_is_written_without_a_supervisor_is_found_all_the_same(mortal):
    """The keeper's door was deleted, too: another keeper holds everything, and has a door."""
    there = mortal.folder / "there"
    mortal.conf("web", {"args": ["python", "-c", LAST_WORDS, str(there)], "restart": "temporary"})
    mortal.start()
    pid = mortal.one("web")
    until(there.exists, "the program")
    delete(mortal.messages / ".ncolony")
    mortal.wait_for("was deleted: it was made anew")
    until(lambda: len(keepers(mortal.folder)) == 1, "one keeper")
    mortal.kill()
    os.kill(pid, signal.SIGUSR1)
    until(lambda: not mortal.runs("web"), "its end")
    mortal.again()
    mortal.wait_for(r"web \| the end$")
    assert [line for line in LINES if f"web | {line}\n" not in mortal.text] == []


@on_native
def test_one_that_is_deleted_before_anybody_watches_is_missed_too(mortal):
    """A large colony is still being started then."""
    mortal.conf("web", {"args": ["rm", "-r", str(mortal.messages / ".ncolony")], "restart": "temporary"})
    for number in range(50):
        mortal.conf(f"z{number}", {"args": SLEEP})
    mortal.start()
    mortal.wait_for(r"web exited with status 0")
    mortal.wait_for("was deleted: it was made anew")
    with Client(str(mortal.messages / ".ncolony")) as client:
        client.ask("ping")


@on_native
def test_it_is_made_anew_as_often_as_it_is_deleted(mortal):
    """Or only a file of it, or another place was given to it."""
    state = mortal.messages / ".ncolony"
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.one("web")
    mortal.wait_for("web runs, pid")
    ways = [
        ("", lambda: shutil.rmtree(state)),
        ("lock in ", (state / "lock").unlink),
        ("control in ", (state / "control").unlink),
        ("journal in ", (state / "journal").unlink),
        ("keeper in ", (state / "keeper").unlink),
        ("colony, records in ", lambda: [(state / name).unlink() for name in ("colony", "records")]),
        ("", lambda: state.rename(mortal.folder / "elsewhere")),
    ]
    for words, way in ways:
        since = len(mortal.text)
        way()
        mortal.wait_for(rf"ncolony: {words}'.*/\.ncolony' was deleted: it was made anew", since=since)
        with Client(str(state)) as client:
            client.ask("ping")
        until(lambda: len(keepers(mortal.folder)) == 1, "one keeper")
    assert b'"name":"web"' in mortal.records()
    assert b'"p":"web"' in (state / "journal").read_bytes()


@on_native
def test_where_it_cannot_be_made_anew_that_is_said_and_programs_go_on(mortal):
    """Bug 7, bug 9: a second supervisor is kept out still, and a successor finds all by their marks."""
    above = mortal.folder / "above"
    above.mkdir()
    options = ("--state", str(above / "state"), "--frequency", "1000")
    mortal.conf("web", {"args": SLEEP})
    mortal.start(*options)
    pid = mortal.one("web")
    delete(above)
    mortal.wait_for(
        r"'.*/state' was deleted, and cannot be made anew: No such file or directory; programs go on; it is tried again"
        r" every 1000 s$"
    )
    assert mortal.one("web") == pid
    mortal.send(signal.SIGUSR2)  # the new version would know nothing of what runs
    mortal.wait_for(r"cannot upgrade: '.*/state' cannot be used: No such file or directory$")
    above.mkdir()
    assert f"another supervisor has it, pid {mortal.pid}, whose " in refused(mortal, *options)
    mortal.kill()
    mortal.again(*options)
    mortal.wait_for(rf"web runs on, pid {pid}$")


@on_native
def test_it_is_tried_again(mortal):
    """What was in the way goes."""
    above = mortal.folder / "above"
    above.mkdir()
    mortal.conf("web", {"args": SLEEP})
    mortal.start("--state", str(above / "state"), "--frequency", "0.2")
    mortal.one("web")
    delete(above)
    mortal.wait_for("cannot be made anew: No such file or directory")
    above.mkdir()
    mortal.wait_for("was deleted: it was made anew, and a successor will find everything")
    assert mortal.count("cannot be made anew") == 1


@on_native
def test_on_a_full_disk_one_can_ask_and_the_rest_follows_when_there_is_room(mortal):
    """What has no room keeps nothing from being made anew that has."""
    with small_disk(mortal.folder / "disk") as disk:
        state = disk / "state"
        mortal.conf("web", {"args": SLEEP})
        mortal.start("--state", str(state), "--frequency", "0.1")
        mortal.one("web")
        mortal.wait_for("web runs, pid")
        until((state / "control").exists, "the control socket")
        fill(disk / "full")
        delete(state)
        mortal.wait_for("cannot be made anew: No space left on device; programs go on; it is tried again every 0.1 s$")
        with Client(str(state)) as client:
            client.ask("ping")
        (disk / "full").unlink()
        mortal.wait_for("was deleted: it was made anew")
        assert b'"name":"web"' in (state / "records").read_bytes()
        assert mortal.count("cannot be made anew") == 1
        assert sorted(path.name for path in state.iterdir() if path.name.endswith(".new")) == []
        mortal.stop()
