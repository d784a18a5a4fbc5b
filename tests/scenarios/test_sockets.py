"""Sockets that a program finds open: whoever connects is served, whatever happens to the program or the supervisor."""

import ctypes
import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ncolony.control.client import Client
from ncolony.core.sockets import SOCKET_KEYS
from tests.scenarios.colony import NATIVE, RunningColony, descriptors_of, gone, on_both, on_native, until
from tests.survival.conftest import Mortal

# Answers every connection with its pid and its instance; says first what it was given.
SERVER = """
import json, os, socket, sys, time
names = [name for name in os.environ if name.startswith("LISTEN_")]
print(json.dumps({name: os.environ[name] for name in sorted(names)}), flush=True)
listener = socket.socket(fileno=3)
time.sleep(float(sys.argv[1]))
while True:
    connection, _ = listener.accept()
    connection.sendall(f"{os.getpid()} {os.environ['NCOLONY_INSTANCE']}".encode())
    connection.close()
"""
HOST = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
PORTS = itertools.count(20_000)  # below those that the system gives out


def free_port():
    """Return a port that nobody else has: the address is ours alone."""
    return next(PORTS)


class Web:
    """A program with one TCP socket."""

    def __init__(self, colony):
        self.colony = colony
        self.port = free_port()
        self.path = colony.folder / "server.py"
        self.path.write_text(SERVER)

    def describe(self, name="web", start_time=0, **more):
        """Describe it; ``start_time``: seconds that it takes before it serves."""
        sockets = {"web": f"tcp://{HOST}:{self.port}"}
        args = ["python", str(self.path), str(start_time)]
        self.colony.conf(name, {"args": args, "sockets": sockets, **more})

    def ask(self):
        """Connect, and return which process answers."""
        with socket.create_connection((HOST, self.port), timeout=30) as client:
            answer = client.makefile().read()
        return int(answer.split()[0]) if answer else None

    def refused(self):
        """Tell whether nobody listens."""
        return is_refused(self.port)


def is_refused(port):
    """Tell whether nobody listens there."""
    with socket.socket() as client:
        client.settimeout(30)
        return client.connect_ex((HOST, port)) != 0


class Visitor(threading.Thread):
    """Connects again and again, and counts."""

    def __init__(self, web):
        super().__init__(daemon=True)
        self.web = web
        self.answers = []
        self.failures = []
        self._over = threading.Event()

    def run(self):
        """Visit until told to stop."""
        while not self._over.is_set():
            try:
                answer = self.web.ask()
                if answer is not None:
                    self.answers.append(answer)
            except ConnectionResetError:
                pass  # taken by a process that was ended before it answered: that is the process's affair
            except OSError as error:
                self.failures.append(error)
            time.sleep(0.002)

    def __enter__(self):
        self.start()
        until(lambda: self.answers or self.failures, "a first answer")
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()

    def met(self, pid):
        """Wait until a process has answered."""
        until(lambda: pid in self.answers or self.failures, f"an answer of {pid}")


@pytest.fixture
def web(colony):
    """The program."""
    return Web(colony)


@pytest.fixture
def mortal(tmp_path, host):
    """A colony whose supervisor is killed, or becomes another version of itself."""
    made = Mortal(tmp_path, host)
    yield made
    made.end()


def given(colony, name="web", since=0):
    """Wait for what the program says it was given."""
    return json.loads(colony.wait_for(rf"{name}(?::\d+)? \| (\{{.*\}})$", since=since)[1])


@on_both
def test_a_program_is_told_of_its_socket_with_its_own_pid(colony, web):
    """Bugs 13 and 47: LISTEN_PID is the program's; the descriptors are those declared, and nothing of ours leaks."""
    web.describe()
    colony.conf("other", {"args": ["sh", "-c", "env; exec sleep 1000"]})
    colony.start(env={"LISTEN_PID": "1", "LISTEN_FDS": "7", "LISTEN_FDNAMES": "supervisors:own"})
    pid = colony.pid_of("web")
    assert given(colony) == {"LISTEN_FDNAMES": "web", "LISTEN_FDS": "1", "LISTEN_PID": str(pid)}
    assert web.ask() == pid
    assert sorted(descriptors_of(pid)) == [0, 1, 2, 3]
    colony.wait_for(r"other \| NCOLONY_NAME=other$")
    other = colony.pid_of("other")
    until(lambda: sorted(descriptors_of(other)) == [0, 1, 2], "a child with three descriptors")
    assert "other | LISTEN" not in colony.text


@on_both
def test_nobody_is_refused_while_a_program_is_restarted(colony, web):
    """Who connects meanwhile waits in the backlog for the next process."""
    web.describe(start_time=0.2)
    colony.start("--threshold", "0")
    pid = colony.pid_of("web")
    with Visitor(web) as visitor:
        for ending in (signal.SIGKILL, None, signal.SIGTERM):
            if ending is None:
                colony.message({"type": "RESTART", "name": "web"})
            else:
                os.kill(pid, ending)
            pid = colony.pid_of("web", other_than=pid)
            visitor.met(pid)
    assert not visitor.failures


@on_native
def test_a_change_that_does_not_touch_a_socket_keeps_it(colony, web):
    """Another command line, another backlog, one socket more: the address is never free."""
    web.describe(start_time=0.1)
    colony.start()
    pid = colony.pid_of("web")
    more = colony.folder / "more.sock"
    sockets = {"web": {"address": f"tcp://{HOST}:{web.port}", "backlog": 50}, "zz": f"unix://{more}"}
    with Visitor(web) as visitor:
        web.describe(start_time=0.15)
        pid = colony.pid_of("web", other_than=pid)
        visitor.met(pid)
        web.describe(sockets=sockets)
        pid = colony.pid_of("web", other_than=pid)
        visitor.met(pid)
    assert not visitor.failures
    assert more.exists()
    web.describe()
    colony.pid_of("web", other_than=pid)
    until(lambda: not more.exists(), "the end of a socket that is described no more")


@on_both
def test_a_removed_program_leaves_no_socket(colony, web):
    """Nobody waits for an answer that will not come, and no file is left."""
    path = colony.folder / "s"
    web.describe(sockets={"a": f"tcp://{HOST}:{web.port}", "b": {"address": f"unix://{path}", "mode": "0640"}})
    colony.start()
    colony.pid_of("web")
    web.ask()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    colony.remove("web")
    colony.dies("web")
    until(web.refused, "a closed socket")
    until(lambda: not path.exists(), "the end of the socket's file")


@on_both
def test_a_stop_closes_everything(colony, web):
    """The next colony finds the addresses free."""
    path = colony.folder / "s"
    web.describe(sockets={"a": f"tcp://{HOST}:{web.port}", "b": f"unix://{path}"})
    colony.start()
    colony.pid_of("web")
    web.ask()
    colony.stop()
    assert web.refused()
    assert not path.exists()


@on_native
def test_instances_share_their_sockets(colony, web):
    """Each has its own pid and number, and any of them answers."""
    web.describe(instances=3)
    colony.start()
    until(lambda: len(colony.pids("web")) == 3, "three processes")
    answers = set()
    until(lambda: answers.add(web.ask()) or len(answers) > 1, "answers of two processes")
    until(lambda: colony.count(r"web:\d \| .*LISTEN_PID") == 3, "three who tell what they were given")
    told = {json.loads(line.split(" | ")[1])["LISTEN_PID"] for line in colony.text.splitlines() if "LISTEN_PID" in line}
    assert told == {str(pid) for pid in colony.pids("web")}


@on_both
def test_an_address_in_use_is_told_once_and_tried_again(colony, web):
    """Bug 32: the reason, once; when the address is free the program comes up by itself."""
    web.describe(restart={"min_delay": 0.05, "max_delay": 0.05})
    with socket.socket() as other:
        other.bind((HOST, web.port))
        other.listen()
        colony.start()
        words = rf"cannot start 'web': cannot listen on tcp://{HOST}:{web.port}: address in use; next start in"
        colony.wait_for(words)
        colony.fence()
    pid = colony.pid_of("web")
    assert web.ask() == pid
    assert colony.count("cannot start 'web'") == 1


@on_native
def test_a_description_with_mistakes_in_it_names_them_all(colony, web):
    """Where, what was found, what is wanted."""
    web.describe(sockets={"a": "tcp://localhost:80", "b": {"address": "unix:///s", "mode": "x"}}, limits={"nice": 99})
    colony.start()
    line = colony.wait_for(r"conf/web.*|.*web.*sockets.*")[0]
    for part in ('sockets["a"].address', 'sockets["b"].mode', "limits.nice"):
        assert part in line


@on_native
def test_a_limit_that_cannot_be_applied_is_told_before_any_restart_loop(colony):
    """Bug 32: never passed over, never a crash of the program."""
    colony.conf("web", {"args": ["true"], "limits": {"cpu_affinity": [8000]}})
    colony.start()
    colony.wait_for(r"cannot start 'web': cannot set cpu_affinity to \[8000\]: no such cpu, or not allowed here: .*;")
    assert colony.count("cannot start") == 1


# The supervisor's own end ---------------------------------------------------------------------------------------------


@on_native
def test_nobody_is_refused_over_an_upgrade(mortal):
    """The open sockets go along as descriptors, also those of a program that is down just then."""
    web, down = Web(mortal), Web(mortal)
    web.describe("web")
    down.describe("down", args=["sleep", "0.1"], restart="temporary")
    mortal.start()
    pid = mortal.one("web")
    mortal.wait_for(r"down exited .*; left as it is$")
    with Visitor(web) as visitor:
        for _ in range(2):
            since = mortal.here()
            mortal.send(signal.SIGUSR2)
            mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
        assert not down.refused()
        os.kill(pid, signal.SIGKILL)
        visitor.met(mortal.one("web", other_than=pid))
    assert not visitor.failures
    mortal.remove("down")
    until(down.refused, "a closed socket")


@on_native
def test_no_descriptor_is_lost_by_upgrades(mortal):
    """Sockets that are handed over are the same afterwards, and no more of them."""
    web = Web(mortal)
    web.describe("web")
    mortal.start()
    pid = mortal.one("web")
    web.ask()
    before = {to for to in descriptors_of(mortal.pid).values() if to.startswith("socket:")}
    # That of the program, the control socket, and the connection to the keeper, which is made anew.
    assert len(before) == 3
    for _ in range(2):
        since = mortal.here()
        mortal.send(signal.SIGUSR2)
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
    after = [to for to in descriptors_of(mortal.pid).values() if to.startswith("socket:")]
    assert len(after) == 3
    assert len(before & {*after}) == 2


def can_regain():
    """Tell whether this user may get a descriptor of another process of its own."""
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as process:
        try:
            pidfd = os.pidfd_open(process.pid)
            fd = ctypes.CDLL(None).syscall(438, pidfd, 0, 0)
            os.close(pidfd)
            if fd >= 0:
                os.close(fd)
            return fd >= 0
        finally:
            process.kill()


def _regaining(kept):
    mark = pytest.mark.skipif(not can_regain(), reason="this user may not copy descriptors of processes (pidfd_getfd)")
    return pytest.param(kept, marks=() if kept else mark, id="by the keeper" if kept else "by the process")


@on_both
@pytest.mark.parametrize("kept", [_regaining(kept=True), _regaining(kept=False)])
def test_nobody_is_refused_when_the_supervisor_was_killed(mortal, kept):
    """The next supervisor gets the sockets back from who has them, and keeps them over the program's restarts."""
    web, path = Web(mortal), mortal.folder / "s"
    web.describe("web", sockets={"a": f"tcp://{HOST}:{web.port}", "b": f"unix://{path}"})
    mortal.start()
    pid = mortal.one("web")
    with Visitor(web) as visitor:
        mortal.kill()
        if not kept:
            mortal.kill_keeper()
        mortal.again()
        mortal.wait_for(rf"web runs on, pid {pid}$")
        os.kill(pid, signal.SIGKILL)
        after = mortal.one("web", other_than=pid)
        visitor.met(after)
        inode = path.stat().st_ino
        mortal.message({"type": "RESTART", "name": "web"})
        visitor.met(mortal.one("web", other_than=after))
    assert not visitor.failures
    assert path.stat().st_ino == inode
    assert "cannot get the socket" not in mortal.text
    mortal.remove("web")
    until(web.refused, "a closed socket")
    until(lambda: not path.exists(), "the end of the socket's file")


@on_both
def test_who_connects_while_program_and_supervisor_are_dead_is_served_in_the_end(mortal):
    """The keeper has the socket, and with it the backlog: only as long as it has to wait for something."""
    web = Web(mortal)
    web.describe("web")
    mortal.conf("other", {"args": ["sleep", "1000"]})
    mortal.start()
    pid = mortal.one("web")
    mortal.wait_for("other runs")
    mortal.kill()
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    with socket.socket() as client:
        client.settimeout(30)
        client.connect((HOST, web.port))
        mortal.again()
        assert int(client.makefile().readline().split()[0]) == mortal.one("web", other_than=pid)


@on_native
def test_who_connects_to_a_stopped_program_is_served_by_a_start_under_the_next_supervisor(mortal):
    """There is neither a process of it nor a record: the keeper alone says that it had a socket."""
    web = Web(mortal)
    web.describe("web", autostart=False)
    mortal.conf("other", {"args": ["sleep", "1000"]})
    mortal.start()
    mortal.wait_for("other runs")
    mortal.ctl("start", "web")
    with Client(str(mortal.messages / ".ncolony")) as client:
        client.ask("stop", names=["web"], hold=False)
    with socket.socket() as visitor:
        visitor.settimeout(30)
        visitor.connect((HOST, web.port))
        mortal.kill()
        since = mortal.here()
        mortal.again()
        mortal.wait_for("other runs on", since=since)
        mortal.ctl("start", "web")
        assert int(visitor.makefile().readline().split()[0]) == mortal.one("web")


@on_native
def test_a_socket_that_cannot_be_got_back_is_told_and_bound_anew(mortal):
    """The process has closed it, and the keeper is dead as well: at the next start it is listened on again."""
    web = Web(mortal)
    web.describe(
        "web", args=["python", "-c", "import os, time; os.close(3); print('closed', flush=True); time.sleep(1000)"]
    )
    mortal.start()
    mortal.wait_for(r"web \| closed$")
    pid = mortal.one("web")
    mortal.kill()
    mortal.kill_keeper()
    mortal.again()
    words = rf"cannot get the socket web of web \(tcp://{HOST}:{web.port}\) back from process {pid}: it has closed it; "
    mortal.wait_for(words)
    assert web.refused()
    os.kill(pid, signal.SIGKILL)
    mortal.one("web", other_than=pid)
    until(lambda: not web.refused(), "a socket that is listened on")


@on_native
def test_a_stale_socket_file_of_a_killed_colony_is_replaced(mortal):
    """Bug 46: everything was killed at once; nobody answers on the file."""
    path = mortal.folder / "s"
    web = Web(mortal)
    web.describe("web", sockets={"web": f"unix://{path}"})
    mortal.start()
    pid = mortal.one("web")
    until(path.exists, "the socket's file")
    mortal.kill()
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    assert path.exists()
    mortal.again()
    mortal.one("web", other_than=pid)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        assert client.recv(100)


# The page -------------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sockets.md"


def test_the_page_has_every_key_of_a_socket():
    """With the default that the code has."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for key in SOCKET_KEYS:
        assert [row for row in rows if row.startswith(f"| `{key.name}` |") and key.default in row]


@pytest.mark.parametrize("host", [NATIVE], ids=["native"])
def test_the_example_of_the_page_works(tmp_path, host):
    """It is meant to be copied."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = {kind: text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "json")}
    colony = RunningColony(tmp_path, host)
    try:
        described = json.loads(blocks["json"])
        web = Web(colony)
        address = described["sockets"]["web"]
        described["sockets"]["web"] = f"tcp://{HOST}:{web.port}"
        (tmp_path / "serve.py").write_text(blocks["python"])
        assert described["args"][-1].endswith("/serve.py")
        described["args"][-1] = str(tmp_path / "serve.py")
        assert address.startswith("tcp://")
        colony.conf("web", described)
        colony.start()
        pid = colony.pid_of("web")
        with socket.create_connection((HOST, web.port), timeout=30) as client:
            assert client.makefile().read() == f"hello from {pid}\n"
    finally:
        colony.end()
