"""Nothing that a program has started outlives it, wherever it went, on every host."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.colony import SLEEP, SOURCE, gone, is_alive, on_both, on_every_reactor, status_of, until

DEAF = "trap '' TERM; echo $$ > deaf.new; mv deaf.new deaf; while :; do sleep 1000; done"
AWAY = "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000' </dev/null >/dev/null 2>&1 &"


def pid_in(colony, name):
    """Wait for a file with a pid, and return that."""
    path = colony.folder / name
    until(path.exists, f"the file {name}")
    return int(path.read_text())


@on_every_reactor
def test_the_method_is_said_once(colony):
    """Who reads the log knows what a stop is going to do."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.pid_of("web")
    assert colony.count("whole process trees are ended, by subreaper$") == 1


@on_every_reactor
def test_what_a_service_leaves_behind_is_ended_before_its_next_start(colony):
    """Bug 5: two of the old would fight with the new for the port."""
    wait = "while ! test -e first; do sleep 0.01; done; touch second"
    script = f"test -e second && exec sleep 1000; {AWAY.format('first')} {wait}; exit 3"
    colony.conf("web", {"args": ["sh", "-c", script]})
    colony.start("--threshold", "0")
    first = pid_in(colony, "first")
    colony.wait_for(r"web exited with status 3 after .* s; ending what it left behind first$")
    swept = colony.wait_for(r"web has nothing left; starting again$").end()
    gone(first)
    colony.wait_for(r"web runs, pid \d+$", since=swept)


@on_every_reactor
def test_a_daemon_that_forked_twice_is_gone_after_the_stop(colony):
    """Bug 6: a session of its own and another parent are no way out."""
    colony.conf("web", {"args": ["sh", "-c", f"({AWAY.format('away')}) ; exec sleep 1000"]})
    colony.start()
    away = pid_in(colony, "away")
    colony.remove("web")
    colony.wait_for(r"web (was killed by SIGTERM|has nothing left); stopped$")
    gone(away)


@on_both
def test_a_server_gets_its_time_when_the_shell_around_it_ends_first(colony):
    """The shell obeys at once; what matters is the one below it, which has something to write yet."""
    server = "trap 'sleep 0.3; echo written; exit 0' TERM; touch up; while :; do sleep 0.05; done"
    colony.conf("web", {"args": ["sh", "-c", f'sh -c "{server}" & wait'], "stop": {"timeout": "20s"}})
    colony.start()
    until((colony.folder / "up").exists, "the server")
    colony.remove("web")
    colony.wait_for(r"web was killed by SIGTERM; ending what it left behind first$")
    colony.wait_for(r"web \| written$")
    colony.wait_for(r"web has nothing left; stopped$")
    assert not colony.count("SIGKILL")


@on_both
def test_a_grandchild_that_does_not_listen_is_killed_at_the_deadline(colony):
    """The same patience for all of the tree, and then none."""
    deaf = "trap '' TERM; echo $$ > deaf.new; mv deaf.new deaf; while :; do sleep 1000; done"
    colony.conf(
        "web",
        {
            "args": ["sh", "-c", f'setsid sh -c "{deaf.replace("$", chr(92) + "$")}" & wait'],
            "stop": {"timeout": "0.3s"},
        },
    )
    colony.start()
    deaf = pid_in(colony, "deaf")
    colony.remove("web")
    colony.wait_for(r"web left processes behind that did not end in time and get SIGKILL$")
    colony.wait_for(r"web has nothing left; stopped$")
    gone(deaf)


@on_both
@pytest.mark.parametrize("scope", ["group", "process"])
def test_a_narrower_scope_lets_daemons_live(colony, scope):
    """Who wants it says so."""
    colony.conf("web", {"args": ["sh", "-c", f"({AWAY.format('away')}) ; exec sleep 1000"], "stop": {"scope": scope}})
    colony.start()
    away = pid_in(colony, "away")
    colony.remove("web")
    colony.wait_for(r"web was killed by SIGTERM; stopped$")
    assert is_alive(away)
    os.kill(away, signal.SIGKILL)
    gone(away)


@on_every_reactor
def test_what_was_adopted_leaves_no_zombie(colony):
    """Bug 18: nobody waits for it but us."""
    colony.conf("web", {"args": ["sh", "-c", f"({AWAY.format('away')}) ; exec sleep 1000"]})
    colony.start()
    away = pid_in(colony, "away")
    until(lambda: int(status_of(away)["PPid"]) == colony.pid, "its adoption")
    os.kill(away, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{away}").exists(), "its reaping")
    assert not colony.count("web (exited|was killed)")


@on_both
def test_a_supervisor_below_us_that_is_killed_comes_back_to_its_programs(colony):
    """Bug 8: they carry its mark and not ours; its successor takes them over, and there are no two of them."""
    inner = colony.folder / "inner"
    for name in ("conf", "messages"):
        (inner / name).mkdir(parents=True)
    (inner / "conf" / "leaf").write_text('{"args": ["sleep", "1000"], "env": {"LEAF": "1"}}')
    command = [
        sys.executable,
        "-m",
        "ncolony",
        "run",
        "--config",
        str(inner / "conf"),
        "--messages",
        str(inner / "messages"),
    ]
    colony.conf("keeper", {"args": command})
    colony.start("--threshold", "0")
    leaf = int(colony.wait_for(r"leaf runs, pid (\d+)$")[1])
    keeper = colony.pid_of("keeper")
    os.kill(keeper, signal.SIGKILL)
    again = colony.pid_of("keeper", keeper)
    colony.wait_for(rf"leaf runs on, pid {leaf}$")
    assert is_alive(leaf)
    assert again != keeper


@on_both
def test_a_supervisor_that_is_killed_while_it_sweeps_has_it_done_by_the_next(colony):
    """The next run has to wait, whoever starts it."""
    (colony.folder / "script").write_text(DEAF)
    wait = "while ! test -e deaf; do sleep 0.01; done"
    script = f"test -e deaf && exec sleep 1000; setsid sh script & {wait}; exit 3"
    colony.conf("web", {"args": ["sh", "-c", script], "stop": {"timeout": "1s"}})
    colony.start("--threshold", "0")
    deaf = pid_in(colony, "deaf")
    colony.wait_for(r"web exited with status 3 after .* s; ending what it left behind first$")
    colony.process.kill()
    colony.ended()
    assert is_alive(deaf)
    colony.process.stdout.close()
    colony.start("--threshold", "0")
    swept = colony.wait_for(r"web has nothing left; starting again$").end()
    gone(deaf)
    colony.wait_for(r"web runs, pid \d+$", since=swept)


REUSE = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from ncolony.posix import kin
child = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {}, setsid=True)
found = kin.look_at(child)
os.kill(child, 9)
os.waitpid(child, 0)
time.sleep(0.02)  # start times count in hundredths of a second
while True:
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write(str(child - 1))
    stranger = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {}, setsid=True)
    if stranger == child:
        break
    os.kill(stranger, 9)
    os.waitpid(stranger, 0)
kin.send(found, signal.SIGKILL)
assert os.waitpid(stranger, os.WNOHANG) == (0, 0)
os.kill(stranger, 9)
assert os.waitpid(stranger, 0) == (stranger, 9)
print("the stranger lived")
"""


def test_a_stranger_with_the_pid_of_one_that_was_found_gets_no_signal():
    """Bug 1: in a pid namespace, where the kernel can be made to give the same number again."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", REUSE, str(SOURCE)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unshare:" in done.stderr or "Permission" in done.stderr or "Read-only" in done.stderr:
        pytest.skip(f"no pid namespaces here: {done.stderr.strip()[-100:]}")
    assert done.stdout == "the stranger lived\n", done.stderr
