"""A supervisor becomes another version of itself, and nobody notices."""

import os
import signal

from tests.scenarios.colony import EPOLL, SLEEP, _on, fill, gone, on_native, small_disk, until

on_twisted = _on(EPOLL)


@on_native
def test_an_upgrade_keeps_every_process_and_the_supervisors_own_pid(mortal):
    """The same processes, the same parent, twice in a row."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid, supervisor = mortal.one("web"), mortal.pid
    for _ in range(2):
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
    assert mortal.pid == supervisor
    assert mortal.process.poll() is None
    os.kill(pid, signal.SIGTERM)
    mortal.wait_for(r"web was killed by SIGTERM.*; ")  # still our child: how it ended is known


@on_native
def test_no_signal_in_the_middle_of_an_upgrade_ends_the_supervisor(mortal):
    """A new version that does not listen yet is sent the same signal all the time, and answers the last ones."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid, since = mortal.one("web"), mortal.here()
    mortal.send(signal.SIGUSR2)
    mortal.wait_for(r"upgrading: every program goes on$", since=since)

    def runs_on():
        mortal.here()
        assert mortal.process.poll() is None
        mortal.send(signal.SIGUSR2)
        return f"web runs on, pid {pid}\n" in mortal.text[since:]

    until(runs_on, "the new version")
    mortal.send(signal.SIGTERM)
    mortal.wait_for(r"SIGTERM: stopping all programs$")
    assert mortal.ended() == 0


@on_native
def test_a_stop_that_comes_while_the_new_version_is_asked_is_a_stop(mortal):
    """The colony that is being shut down does not come back as another version of itself."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.one("web")
    mortal.send(signal.SIGUSR2)
    mortal.send(signal.SIGTERM)
    mortal.wait_for(r"SIGTERM: stopping all programs$")
    assert mortal.ended() == 0
    assert mortal.count("upgrading") == 0


@on_native
def test_an_upgrade_loses_no_line_and_doubles_none(mortal):
    """Unfinished lines are handed over, and what is written meanwhile waits in the pipe."""
    pieces = (
        "import sys, time\nfor i in range(10**6):\n    for piece in ('li', 'ne ', str(i), '\\n'):\n"
        "        sys.stdout.write(piece); sys.stdout.flush(); time.sleep(0.002)"
    )
    mortal.conf("web", {"args": ["python", "-c", pieces]})
    mortal.start()
    mortal.wait_for(r"web \| line 3$")
    for _ in range(4):
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(r"web runs on", since=since)
        last = mortal.lines("web")[-1]
        mortal.wait_for(rf"web \| line {last + 10}$")
    numbers = mortal.lines("web")
    assert numbers == list(range(len(numbers)))


@on_native
def test_ctl_asks_for_an_upgrade(mortal):
    """A message does what the signal does, and is gone afterwards."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.ctl("upgrade")
    mortal.wait_for(r"upgrading: every program goes on$")
    mortal.wait_for(rf"web runs on, pid {pid}$")
    mortal.fence()
    assert mortal.count("upgrading") == 1
    assert not mortal.left()


@on_native
def test_a_version_that_cannot_take_over_is_not_switched_to(mortal, tmp_path):
    """Bug 62, bug 63: the new version is asked first; a no leaves everything as it was."""
    broken = tmp_path / "broken" / "ncolony"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit('this version is broken')\n")
    link = tmp_path / "current"
    source = mortal.environment()["PYTHONPATH"]
    link.symlink_to(source)
    mortal.conf("web", {"args": SLEEP})
    mortal.start(env={"PYTHONPATH": str(link)})
    pid = mortal.one("web")
    link.unlink()
    link.symlink_to(tmp_path / "broken")
    mortal.send(signal.SIGUSR2)
    mortal.wait_for(r"this version is broken")
    mortal.wait_for(r"cannot upgrade: the version that is installed now cannot take over; this one goes on$")
    link.unlink()
    link.symlink_to(source)
    mortal.send(signal.SIGUSR2)
    mortal.wait_for(rf"web runs on, pid {pid}$")


@on_twisted
def test_under_twisted_an_upgrade_ends_the_supervisor_and_leaves_the_programs(mortal):
    """Whoever starts it again, a service manager or a person, has the next version take over."""
    mortal.counter("web")
    mortal.start()
    mortal.wait_for(r"web \| line 20$")
    pid = mortal.one("web")
    mortal.ctl("upgrade")
    assert mortal.ended() == 0
    mortal.process.stdout.close()
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pid}$")
    last = mortal.lines("web")[-1]
    mortal.wait_for(rf"web \| line {last + 100}$")
    numbers = mortal.lines("web")
    assert numbers == list(range(len(numbers)))
    assert mortal.one("web") == pid
    mortal.stop()
    gone(pid)


@on_native
def test_an_upgrade_with_no_room_left_is_refused_and_touches_nobody(mortal):
    """Bug 62: the version that runs goes on, with every process; with room again, the upgrade is made."""
    with small_disk(mortal.folder / "disk") as disk:
        mortal.conf("web", {"args": SLEEP})
        mortal.start("--state", str(disk / "state"))
        pid = mortal.one("web")
        filler = disk / "filler"
        fill(filler)
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(r"no room for another file of that size", since=since)
        mortal.wait_for(r"cannot upgrade: the version that is installed now cannot take over; this one goes on$")
        assert mortal.one("web") == pid
        filler.unlink()
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
        mortal.stop()
