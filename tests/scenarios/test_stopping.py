"""What is told to stop ends: in its own time, then by force, and whatever state it was in."""

import os
import signal
from time import monotonic

from tests.scenarios.colony import (
    DEAF,
    SLEEP,
    gone,
    is_alive,
    on_both,
    on_every_reactor,
    on_native,
    status_of,
    until,
)

LONG = "1000"  # seconds: where a test would wait for them, it has failed


@on_every_reactor
def test_a_stop_ends_every_program_and_then_the_supervisor(colony):
    """In this order: nobody is left alone."""
    for number in range(5):
        colony.conf(f"p{number}", {"args": SLEEP})
    colony.start("-k", LONG)
    pids = until(lambda: len(found := colony.pids()) == 5 and found, "all five")
    assert colony.stop(signal.SIGINT) == colony.host.status(signal.SIGINT)
    assert not any(map(is_alive, pids))
    assert colony.count(r"p\d was killed by SIGTERM; stopped") == 5


@on_every_reactor
def test_an_empty_colony_stops_at_once(colony):
    """There is nothing to wait for."""
    colony.start()
    colony.fence()
    colony.remove("zz-fence-1")
    colony.dies("zz-fence-1")
    assert colony.stop() == colony.host.status(signal.SIGTERM)


@on_every_reactor
def test_a_program_that_is_deaf_to_the_signal_is_killed_after_killtime(colony):
    """Bug 37: it gets its time, and then SIGKILL, with all of its process group."""
    colony.conf("web", {"args": DEAF})
    colony.start("-k", "0.3")
    colony.wait_for(r"web \| deaf$")
    before = colony.pid_of("web")
    began = monotonic()
    colony.message({"type": "RESTART", "name": "web"})
    colony.wait_for("web did not end in time and gets SIGKILL")
    assert monotonic() - began >= 0.3
    colony.wait_for("web was killed by SIGKILL")
    colony.pid_of("web", before)
    until(lambda: colony.count(r"web \| deaf$") == 2, "the next one to be deaf")
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    assert colony.count("web did not end in time and gets SIGKILL") == 2


@on_both
def test_a_program_has_its_own_patience_and_signal(colony):
    """What the file says comes before what the command line says."""
    colony.conf("web", {"args": ["sh", "-c", "trap 'echo bye; exit 0' USR1; echo up; while :; do sleep 0.05; done"],
                        "stop": {"signal": "USR1", "timeout": LONG + "s"}})  # fmt: skip
    colony.start("-k", "0")
    colony.wait_for(r"web \| up$")
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    colony.wait_for(r"web \| bye\n(.*\n)*.*web exited with status 0; stopped")


@on_both
def test_a_paused_program_stops_all_the_same(colony):
    """Bug 38: a process that SIGSTOP holds never sees SIGTERM unless SIGCONT follows."""
    colony.conf("web", {"args": SLEEP})
    colony.start("-k", LONG)
    before = colony.pid_of("web")
    os.kill(before, signal.SIGSTOP)
    until(lambda: status_of(before)["State"][0] == "T", "the program to stand still")
    colony.message({"type": "RESTART", "name": "web"})
    after = colony.pid_of("web", before)
    os.kill(after, signal.SIGSTOP)
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    colony.wait_for("web was killed by SIGTERM; stopped")


@on_every_reactor
def test_a_second_signal_kills_at_once_what_has_not_stopped(colony):
    """Bug 36: whoever presses Ctrl-C twice is in a hurry, on every host alike, and no traceback is the answer."""
    colony.conf("web", {"args": DEAF})
    colony.start("-k", LONG)
    colony.wait_for(r"web \| deaf$")
    colony.send(signal.SIGINT)
    colony.wait_for("web is being stopped")
    assert colony.stop(signal.SIGINT) == colony.host.status(signal.SIGINT)
    colony.wait_for("once more: killing what has not stopped yet")
    colony.wait_for("web was killed by SIGKILL")


@on_both
def test_a_stop_during_backoff_ends_the_waiting(colony):
    """Bug 34: no later start, and nobody waits for the delay to be over."""
    colony.conf("web", {"args": ["false"]})
    colony.conf("job", {"args": ["false"]})
    colony.start("-m", LONG)
    colony.wait_for("web exited with status 1 .*; next start in 1e")
    colony.wait_for("job exited with status 1 .*; next start in 1e")
    colony.remove("web")
    colony.wait_for("web was removed")
    colony.fence()
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    assert colony.count("web runs") == colony.count("job runs") == 1


@on_both
def test_a_restart_during_backoff_starts_at_once(colony):
    """Who has repaired something does not want to wait for an hour."""
    flag = colony.folder / "flag"
    colony.conf("web", {"args": ["sh", "-c", f"test -e {flag} && echo repaired && exec sleep 1000"]})
    colony.start("-m", LONG)
    colony.wait_for("web exited with status 1 .*; next start in 1e")
    flag.touch()
    colony.message({"type": "RESTART", "name": "web"})
    colony.wait_for(r"web \| repaired$")


@on_both
def test_what_is_removed_and_added_again_while_it_stops_comes_back_as_the_file_says(colony):
    """Bug 45: the last word counts, there are never two at a time, and the old one ends first."""
    colony.conf("web", {"args": DEAF})
    colony.start("-k", "0.5")
    colony.wait_for(r"web \| deaf$")
    before = colony.pid_of("web")
    colony.remove("web")
    colony.wait_for("web is being stopped")
    colony.conf("web", {"args": ["sh", "-c", "echo second; exec sleep 1000"]})
    colony.wait_for(r"web was killed by SIGKILL(.*\n)+.*web \| second$")
    gone(before)
    assert colony.pid_of("web", before)


@on_both
def test_what_is_added_and_removed_again_while_it_stops_stays_away(colony):
    """Bug 45, the other way round."""
    colony.conf("web", {"args": DEAF})
    colony.start("-k", "0.5")
    colony.wait_for(r"web \| deaf$")
    colony.remove("web")
    colony.wait_for("web is being stopped")
    colony.conf("web", {"args": SLEEP})
    colony.fence()
    colony.remove("web")
    colony.wait_for("web was killed by SIGKILL")
    colony.dies("web")
    colony.fence()
    assert not colony.pids("web")


@on_both
def test_a_stop_while_everything_starts_leaves_nothing(colony):
    """Bug 34: the signal comes when some programs run, some are being read and some have not been looked at."""
    for number in range(300):
        colony.conf(f"p{number}", {"args": SLEEP})
    colony.start()
    colony.wait_for("p1 runs")
    assert colony.stop() == colony.host.status(signal.SIGTERM)


@on_native
def test_a_stop_while_a_program_becomes_another_user_leaves_nothing(colony):
    """Bug 34: a launcher that has not yet become the program is ended as the program would be."""
    colony.conf("web", {"args": SLEEP, "uid": os.getuid(), "gid": os.getgid()})
    colony.start()
    pid = colony.pid_of("web")
    assert colony.stop() == 0
    assert not is_alive(pid)


@on_both
def test_children_in_the_process_group_end_with_their_program(colony):
    """A shell and what it started are one program to whoever wrote the file."""
    colony.conf("web", {"args": ["sh", "-c", "sleep 1000 & echo child $!; wait"]})
    colony.start("-k", LONG)
    child = int(colony.wait_for(r"web \| child (\d+)$").group(1))
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    gone(child)
