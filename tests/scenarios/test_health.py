"""Readiness and health in whole colonies: who counts as ready, and what becomes of what is not well."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scenarios.colony import (
    NATIVE,
    PYTHON,
    RunningColony,
    descriptors_of,
    environment_of,
    gone,
    is_alive,
    on_both,
    on_native,
    until,
    with_environment,
)
from tests.survival.conftest import Mortal

HOST = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
OTHER = 54321  # a user that nobody has
PORTS = itertools.count(21_000)  # below those that the system gives out
# Says what files in its directory ask for: the name is the order, the text the message. After that it waits for more.
TALKER = """
import os, socket, sys, time
folder = sys.argv[1]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    print("listens", *(f"{n}={os.environ[n]}" for n in sorted(os.environ) if n[:4] in ("LIST", "WATC")), flush=True)
    while True:
        for name in sorted(n for n in os.listdir(folder) if not n.startswith(".")):
            path = f"{folder}/{name}"
            with open(path, "rb") as file:
                message = file.read()
            os.unlink(path)
            try:
                s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
                if b"FDSTORE=1" in message:
                    read, write = os.pipe()
                    os.write(write, b"kept")
                    socket.send_fds(s, [message], [read])
                else:
                    s.send(message)
            except OSError as error:
                print("nobody hears:", error.strerror, flush=True)
        time.sleep(0.01)
"""


class Talker:
    """A program that says what a test tells it to."""

    def __init__(self, colony, name="web", **more):
        self.colony = colony
        self.folder = colony.folder / f"says-{name}"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.script = colony.folder / "talker.py"
        self.script.write_text(TALKER)
        self._number = itertools.count()
        args = [PYTHON, "-S", str(self.script), str(self.folder)]
        colony.conf(name, {"args": args, "ready": "notify", **more})

    def say(self, *lines):
        """Have it say this; returns when it has taken note of it."""
        path = self.folder / f"{next(self._number):09}"
        (self.folder / ".new").write_text("\n".join(lines))
        (self.folder / ".new").rename(path)
        until(lambda: not path.exists(), "a message that was taken")


def send(address, message):
    """Be a stranger who says something."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(message, f"\0{address[1:]}")


def checks():
    """Return the processes that check."""
    return [
        pid
        for pid in with_environment([b"NCOLONY_RUN="])
        if environment_of(pid).get("NCOLONY_RUN", "").endswith("/check")
    ]


def sockets_of(pid):
    """Return the open sockets of a process."""
    return sorted(to for to in descriptors_of(pid).values() if to.startswith("socket:"))


# sd_notify ------------------------------------------------------------------------------------------------------------


@on_both
def test_it_runs_when_it_says_that_it_is_ready(colony):
    """Bug 48: when it does, and not when somebody else does, who is told of."""
    talker = Talker(colony)
    colony.start()
    colony.wait_for(r"web starts, pid")
    colony.wait_for(r"web \| listens$")
    pid = colony.pid_of("web")
    address = environment_of(pid)["NOTIFY_SOCKET"]
    send(address, b"READY=1")
    colony.wait_for(
        rf"ignored a message on the notify socket, the last from process {os.getpid()}, user {os.getuid()}, "
    )
    colony.fence()
    assert colony.count("web is ready") == 0
    talker.say("STATUS=warm", "READY=1")
    colony.wait_for(rf"web is ready, pid {pid}$")


@on_native
def test_no_other_program_is_told_of_the_socket(colony):
    """Bug 47: neither ours nor the supervisor's own."""
    Talker(colony)
    colony.conf("other", {"args": ["sh", "-c", "env; exec sleep 1000"]})
    colony.start(env={"NOTIFY_SOCKET": "@of-the-supervisor", "WATCHDOG_USEC": "5"})
    colony.wait_for(r"other \| NCOLONY_NAME=other$")
    colony.wait_for(r"web \| listens$")
    assert "other | NOTIFY_SOCKET" not in colony.text
    assert environment_of(colony.pid_of("web"))["NOTIFY_SOCKET"].startswith("@ncolony/")


def reachable_python():
    """Return an interpreter that any user can start, or None."""
    for python in (PYTHON, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([python, "-S", "-c", ""], user=OTHER, group=OTHER, extra_groups=[], check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    return None


@on_native
def test_programs_of_other_users_reach_the_socket(colony):
    """No directory is in the way of an abstract address."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it starts a program as another user")
    python = reachable_python()
    if python is None:
        pytest.skip("other users can reach no Python here")
    code = (
        "import os, socket, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.sendto(b'READY=1', chr(0) + os.environ['NOTIFY_SOCKET'][1:])\ntime.sleep(1000)"
    )
    colony.conf("web", {"args": [python, "-S", "-c", code], "cwd": "/", "ready": "notify", "uid": OTHER, "gid": OTHER})
    colony.start()
    colony.wait_for(r"web is ready")


@on_native
def test_what_is_not_ready_in_time_is_started_again_and_more_time_can_be_had(colony):
    """EXTEND_TIMEOUT_USEC counts from when it is said."""
    Talker(colony, "slow", ready={"notify": True, "timeout": "300ms"}, restart={"min_delay": 60})
    patient = Talker(colony, ready={"notify": True, "timeout": "20s"})
    colony.start()
    colony.wait_for(r"slow is being stopped \(not ready in time\)$")
    colony.wait_for(r"web \| listens$")
    patient.say("EXTEND_TIMEOUT_USEC=60000000")
    patient.say("READY=1")
    colony.wait_for(r"web is ready")


@on_native
def test_a_stop_takes_as_long_as_the_program_asks_for(colony):
    """A database that writes everything to disk says how long that takes; then it ends by itself."""
    script = colony.folder / "db.py"
    script.write_text(
        "import os, signal, socket, sys, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
        "def end(*_):\n    s.send(b'STOPPING=1\\nEXTEND_TIMEOUT_USEC=30000000')\n    time.sleep(1.5)\n    sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, end)\ns.send(b'READY=1')\nwhile True: time.sleep(1000)"
    )
    colony.conf("db", {"args": [PYTHON, "-S", str(script)], "ready": "notify", "stop": {"timeout": "700ms"}})
    colony.start()
    colony.wait_for(r"db is ready")
    colony.remove("db")
    colony.wait_for(r"db exited with status 3; stopped$")
    assert colony.count("SIGKILL") == 0


@on_native
def test_a_watchdog_that_is_not_called_bites(colony):
    """It is told how often, and for whom that is meant."""
    talker = Talker(colony, health={"watchdog": "2s"}, restart={"min_delay": 60})
    colony.start()
    pid = colony.pid_of("web")
    colony.wait_for(rf"web \| listens WATCHDOG_PID={pid} WATCHDOG_USEC=2000000$")
    talker.say("READY=1")
    colony.wait_for(r"web is ready")
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        talker.say("WATCHDOG=1")
    assert is_alive(pid)
    colony.wait_for(r"web is being stopped \(unhealthy: no WATCHDOG=1 within 2 s\)$")


@on_both
def test_what_a_process_stores_the_next_one_finds(colony):
    """By LISTEN_FDS, after a crash; once it is stopped for good it is closed."""
    talker = Talker(colony, restart={"min_delay": 0})
    colony.start()
    colony.wait_for(r"web \| listens$")
    talker.say("FDSTORE=1", "FDNAME=data")
    talker.say("READY=1")
    colony.wait_for(r"web is ready")
    pid = colony.pid_of("web")
    os.kill(pid, signal.SIGKILL)
    second = colony.pid_of("web", other_than=pid)
    colony.wait_for(rf"web \| listens LISTEN_FDNAMES=data LISTEN_FDS=1 LISTEN_PID={second}$")
    assert descriptors_of(second)[3].startswith("pipe:")


@on_both
def test_a_flood_starves_nobody(colony):
    """Bug 50: while strangers and a program of ours send as fast as they can, ends are seen and others become ready."""
    flood = colony.folder / "flood.py"
    flood.write_text(
        "import os, socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.connect('\\0' + sys.argv[1][1:])\n"
        "for n in range(100_000): s.send(b'STATUS=' + b'x' * (n % 100) if n % 9 else b'y' * 8192)"
    )
    talker = Talker(colony, restart={"min_delay": 0})
    colony.conf("other", {"args": ["sleep", "1000"], "restart": {"min_delay": 0}})
    colony.start()
    colony.wait_for(r"web \| listens$")
    address = environment_of(colony.pid_of("web"))["NOTIFY_SOCKET"]
    colony.conf("flood", {"args": [PYTHON, "-S", str(flood), address], "ready": {"after": 0}})
    strangers = [subprocess.Popen([sys.executable, "-S", str(flood), address]) for _ in range(2)]
    try:
        colony.wait_for(r"ignored a message on the notify socket")
        for _ in range(3):
            pid, begun = colony.pid_of("other"), time.monotonic()
            os.kill(pid, signal.SIGKILL)
            colony.pid_of("other", other_than=pid)
            assert time.monotonic() - begun < 5.0
        talker.say("READY=1")
        colony.wait_for(r"web is ready")
        assert all(stranger.poll() is None for stranger in strangers), "the flood was over too soon"
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


# Other ways to be ready -----------------------------------------------------------------------------------------------


@on_both
@pytest.mark.parametrize("uid", [None, os.getuid()], ids=["plain", "launched"])
def test_a_newline_on_a_descriptor(colony, uid):
    """As s6 has it; the number is the program's choice, also that which the launcher would take."""
    script = "sleep 0.2; echo >&3; exec 3>&-; exec sleep 1000"
    colony.conf(
        "web",
        {"args": ["sh", "-c", script], "ready": {"fd": 3}, **({} if uid is None else {"uid": uid, "gid": os.getgid()})},
    )
    colony.start()
    colony.wait_for(r"web is ready")
    pid = colony.pid_of("web")
    until(lambda: sorted(descriptors_of(pid)) == [0, 1, 2], "three descriptors")
    until(lambda: not any("/proc/" in to for to in descriptors_of(colony.pid).values()), "none left of ours")


@on_both
@pytest.mark.parametrize("log", ["console", {"file": "{}/web.log"}, None], ids=["console", "file", "nowhere"])
def test_a_line_of_output(colony, log):
    """Wherever the output goes; and every line still goes there."""
    if isinstance(log, dict):
        log = {"file": log["file"].format(colony.folder)}
    script = "echo one; sleep 0.2; echo now serving >&2; sleep 0.2; echo three; exec sleep 1000"
    colony.conf("web", {"args": ["sh", "-c", script], "ready": {"log": "^now s"}, "log": log})
    colony.start()
    colony.wait_for(r"web is ready")
    if isinstance(log, dict):
        until(lambda: Path(log["file"]).read_text() == "one\nnow serving\nthree\n", "three lines")
    elif log:
        colony.wait_for(r"web \| three$")


@on_native
def test_a_command_says_when_it_is_ready(colony):
    """As soon as it succeeds."""
    flag = colony.folder / "flag"
    colony.conf("web", {"args": ["sleep", "1000"], "ready": {"exec": ["test", "-e", str(flag)], "period": "50ms"}})
    colony.start()
    colony.wait_for(r"web starts")
    colony.fence()
    assert colony.count("web is ready") == 0
    flag.touch()
    colony.wait_for(r"web is ready")


# Health ---------------------------------------------------------------------------------------------------------------


@on_both
def test_a_check_that_hangs_is_killed_at_its_time_and_with_its_program(colony):
    """Bug 74: whatever it has started; deaf to every signal that can be ignored."""
    noted = colony.folder / "noted"
    hang = f"trap '' TERM INT HUP; sleep 1000 & a=$!; setsid sleep 1000 & echo $$ $a $! >> {noted}; wait"
    health = {"exec": ["sh", "-c", hang], "period": "2s", "timeout": "1s", "failures": 2}
    args, restart = ["sleep", "1000"], {"min_delay": 0}

    def pids():
        return [int(word) for word in noted.read_text().split()] if noted.exists() else []

    colony.conf("web", {"args": args, "health": health, "restart": restart})
    colony.start()
    pid = colony.pid_of("web")
    until(lambda: len(pids()) >= 3, "a check")
    gone(*pids()[:3])
    assert is_alive(pid)
    colony.wait_for(r"web is being stopped \(unhealthy: sh -c .*: no answer within 1 s; 2 failures in a row\)$")
    gone(*pids())
    colony.pid_of("web", other_than=pid)
    before = len(pids())
    colony.conf("web", {"args": args, "health": {**health, "period": "3s", "timeout": "2900ms", "failures": 99}})
    until(lambda: len(pids()) > before, "another check")
    colony.remove("web")
    colony.dies("web")
    gone(*pids())
    until(lambda: not checks(), "no check without its program")


@on_native
def test_a_thousand_checks_leak_nothing(colony):
    """Bug 75: the descriptors of the supervisor are those of before."""
    port = next(PORTS)
    with socket.socket() as listener:
        listener.bind((HOST, port))
        listener.listen()
        listener.setblocking(False)
        ways = ({"tcp": f"{HOST}:{port}"}, {"tcp": f"{HOST}:1"}, {"exec": ["true"]}, {"exec": ["false"]})

        def check(times):
            """Have checks made, so many of them where we listen, and then none any more."""
            for number, way in enumerate(ways):
                rule = {**way, "period": "20ms", "timeout": "15ms", "failures": 100_000}
                colony.conf(f"p{number}", {"args": ["sleep", "1000"], "health": rule})
            seen, end = 0, time.monotonic() + 60.0
            while seen < times and time.monotonic() < end:
                try:
                    listener.accept()[0].close()
                    seen += 1
                except BlockingIOError:
                    time.sleep(0.005)
            assert seen == times
            for number in range(len(ways)):
                colony.conf(f"p{number}", {"args": ["sleep", "1000"]})
            until(lambda: not checks(), "the end of the checks")

        for number in range(len(ways)):
            colony.conf(f"p{number}", {"args": ["sleep", "1000"]})
        colony.start()
        until(lambda: len(colony.pids()) >= len(ways), "four programs")
        check(5)  # by now all is open that a supervisor opens behind its first programs
        known = len(descriptors_of(colony.pid))
        check(250)
    until(lambda: len(descriptors_of(colony.pid)) <= known, "as many descriptors as before")


@on_both
def test_a_beat_that_stops_is_noticed(colony):
    """The file is named as the program, in a directory beside the descriptions."""
    (colony.folder / "beats").mkdir()
    beat = 'for n in 1 2 3 4 5 6 7 8; do touch "$0"; sleep 0.1; done; exec sleep 1000'
    path = colony.folder / "beats" / "web"
    colony.conf(
        "web", {"args": ["sh", "-c", beat, str(path)], "health": {"beat": "../beats", "period": "300ms", "grace": 0.5}}
    )
    colony.start()
    colony.wait_for(r"web is being stopped \(unhealthy: .*/beats: has not been touched for [\d.]+ s\)$")
    colony.wait_for(r"web runs, pid \d+(?s:.*)web runs, pid")


# The supervisor's own end ---------------------------------------------------------------------------------------------


@pytest.fixture
def mortal(tmp_path, host):
    """A colony on the host of the test, not started yet. It must leave nothing behind."""
    made = Mortal(tmp_path, host)
    yield made
    made.end()


@on_both
def test_after_a_kill_the_socket_works_again(mortal):
    """The same address, of which the running program knows; and its watchdog is watched on."""
    talker = Talker(mortal)
    mortal.start()
    mortal.wait_for(r"web \| listens$")
    pid = mortal.one("web")
    mortal.kill()
    talker.say("READY=1")
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pid}$")
    mortal.wait_for(r"web \| nobody hears: Connection refused$")
    talker.say("READY=1")
    mortal.wait_for(rf"web is ready, pid {pid}$")


@on_native
def test_an_upgrade_loses_no_message_and_keeps_what_is_stored(mortal):
    """What is said meanwhile waits in the socket, which goes along."""
    talker = Talker(mortal, restart={"min_delay": 0})
    mortal.start()
    mortal.wait_for(r"web \| listens$")
    pid = mortal.one("web")
    talker.say("FDSTORE=1", "FDNAME=data")
    mortal.send(signal.SIGUSR2)
    talker.say("READY=1")
    mortal.wait_for(rf"web runs on, pid {pid}$")
    mortal.wait_for(rf"web is ready, pid {pid}$")
    before = sockets_of(mortal.pid)
    for _ in range(2):
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
    until(lambda: len(sockets_of(mortal.pid)) == len(before), "as many sockets as before")
    assert set(before) & set(sockets_of(mortal.pid)), "the notify socket is the same"
    assert not any(name.startswith("NCOLONY_REP") for name in environment_of(pid))
    os.kill(pid, signal.SIGKILL)
    second = mortal.one("web", other_than=pid)
    mortal.wait_for(rf"web \| listens LISTEN_FDNAMES=data LISTEN_FDS=1 LISTEN_PID={second}$")
    assert not any(name.startswith("NCOLONY_REP") for name in environment_of(second))


@on_native
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGUSR2], ids=["kill", "upgrade"])
def test_a_check_does_not_outlive_its_program_when_the_supervisor_dies(mortal, ending):
    """Bug 74: whoever takes the program over ends what is left of the checks with it."""
    health = {"exec": ["sleep", "1000"], "period": "200s", "timeout": "100s", "jitter": 0}
    ready = {"exec": ["sh", "-c", "exec sleep 1000"], "timeout": "100s"}
    mortal.conf("web", {"args": ["sleep", "1000"], "ready": ready, "health": health})
    mortal.start()
    pid = mortal.one("web")
    (check,) = until(lambda: checks() if len(checks()) == 1 else (), "a check, which is no shell any more")
    if ending == signal.SIGKILL:
        mortal.kill()
        mortal.again()
    else:
        mortal.send(ending)
        gone(check)
    mortal.wait_for(rf"web runs on, pid {pid}$")
    mortal.remove("web")
    gone(pid)
    until(lambda: not checks(), "no check without its program")


@on_native
def test_a_newline_is_heard_by_the_next_supervisor(mortal):
    """It does not get SIGPIPE meanwhile, and what it wrote while there was nobody counts."""
    flag = mortal.folder / "flag"
    script = f"while ! [ -e {flag} ]; do sleep 0.02; done; echo >&5; echo wrote; exec sleep 1000"
    mortal.conf("web", {"args": ["sh", "-c", script], "ready": {"fd": 5}})
    mortal.start()
    pid = mortal.one("web")
    mortal.wait_for(r"web starts")
    mortal.kill()
    flag.touch()
    until(lambda: "sleep" in Path(f"/proc/{pid}/comm").read_text(), "a newline")
    mortal.again()
    mortal.wait_for(rf"web is ready, pid {pid}$")


# The page -------------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "health.md"


@pytest.mark.parametrize("host", [NATIVE], ids=["native"])
def test_the_example_of_the_page_works(tmp_path, host):
    """It is meant to be copied: ready when it answers, replaced when it does not, with the line that the page shows."""
    text = PAGE.read_text(encoding="utf-8")
    port = next(PORTS)
    example = text.split("```json\n")[1].split("```")[0]
    described = json.loads(example.replace("8080", str(port)).replace("127.0.0.1", HOST).replace('"5s"', '"200ms"'))
    line = text.split("```text\n")[1].split("```")[0].strip()
    colony = RunningColony(tmp_path, host)
    try:
        colony.conf("web", described)
        colony.start()
        colony.wait_for(r"web is ready")
        os.kill(colony.pid_of("web"), signal.SIGSTOP)
        words = line.split("(unhealthy: ")[0].removeprefix("ncolony: ")
        colony.wait_for(rf"{words}\(unhealthy: http://{HOST}:{port}/: no answer within 0.1 s; 3 failures in a row\)$")
    finally:
        colony.end()
