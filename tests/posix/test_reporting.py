"""What processes report themselves: real ones, on a real socket; those that may, and those that only try."""

import json
import os
import socket
import subprocess
import sys
import uuid

import pytest

from ncolony.core.errors import OSFailure
from ncolony.core.probespec import Reports, Signs
from ncolony.core.program import Program, ReadyRule
from ncolony.core.sockets import Socket
from ncolony.loop import Loop
from ncolony.posix import notify
from ncolony.posix.handing import REPORTING
from ncolony.posix.kin import why_no_subreaper
from ncolony.posix.reporting import Reporting
from ncolony.posix.store import MOST
from tests.conftest import descriptors
from tests.posix.conftest import turn_until

NOTIFY = Program("web", ("web",), ready=ReadyRule(by=Signs("notify")), reports=Reports(notify=True))
# SAY MESSAGE...: sends each, with a descriptor where the message asks for one to be kept or closed; then waits.
SAY = """
import os, socket, sys, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
    for word in sys.argv[1:]:
        message = word.encode().decode("unicode_escape").encode()
        if b"BARRIER" in message or b"FDSTORE=" in message:
            read, write = os.pipe()
            socket.send_fds(s, [message], [write])
            os.close(write)
            if b"BARRIER" in message:
                print("closed" if os.read(read, 1) == b"" else "?", flush=True)
        else:
            s.send(message)
print("said", flush=True)
sys.stdin.read()
"""


class Hearing:
    """Notes what it is told."""

    def __init__(self):
        self.told_of = []
        self.ready_of = []

    def told(self, name, number, run, said, main_pid):
        """Note it."""
        self.told_of.append((name, number, run, said, main_pid))

    def ready(self, name, number, run):
        """Note it."""
        self.ready_of.append((name, number, run))

    @property
    def messages(self):
        """What was said."""
        return [said for *_, said, _ in self.told_of]


class Desk:
    """A loop, what takes reports in, and processes that report."""

    def __init__(self, handed_over="", colony=None):
        self.loop = Loop()
        self.hearing = Hearing()
        self.said = []
        self.colony = colony or uuid.uuid4().hex[:12]
        self.reporting = Reporting(self.loop, self.hearing, self.colony, self.said.append, handed_over)
        self.processes = []

    def env(self, mark="web:1/1"):
        """Return the environment of a process that may report."""
        given = dict(self.reporting.outfit(NOTIFY, 1, 1, NOTIFY.reports).env)
        return {"PATH": os.environ["PATH"], **given, **({"NCOLONY_RUN": f"{self.colony}/{mark}"} if mark else {})}

    def start(self, *args, env=None, **more):
        """Start a process as the supervisor does: in a session of its own."""
        process = subprocess.Popen(
            args, env=env or self.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, **more
        )
        self.processes.append(process)
        return process

    def say(self, *messages, env=None):
        """Have a process of run 1 of web say something."""
        process = self.start(sys.executable, "-c", SAY, *messages, env=env)
        if env is None:
            self.reporting.alive(NOTIFY, 1, 1, process.pid)
        return process

    def hears(self, count=1):
        """Wait until so many messages were taken in."""
        turn_until(self.loop, lambda: len(self.hearing.told_of) >= count)
        return self.hearing.messages

    def close(self):
        """End the processes, and give everything back."""
        for process in self.processes:
            process.kill()
            process.communicate()
        self.reporting.close()
        self.loop.close()


@pytest.fixture
def desk():
    """Somebody who listens."""
    made = Desk()
    yield made
    made.close()


# Who may say something ------------------------------------------------------------------------------------------------


def test_the_process_of_a_run_is_heard(desk):
    """Every variable of its message."""
    desk.say("READY=1\\nSTATUS=a=b\\nrubbish\\n")
    assert desk.hears() == [{"READY": "1", "STATUS": "a=b"}]
    assert desk.hearing.told_of[0][:3] == ("web", 1, 1)


@pytest.mark.parametrize("wrapper", [["sh", "-c", '"$@" & wait', "sh"], ["setsid", "-w"]])
def test_its_helpers_are_heard(desk, wrapper):
    """Bug 48: below it, in its session or not."""
    process = desk.start(*wrapper, sys.executable, "-c", SAY, "READY=1")
    desk.reporting.alive(NOTIFY, 1, 1, process.pid)
    desk.hears()


def test_one_that_has_lost_its_parent_is_heard(desk, subreaper):
    """It is our child by then, and its mark says whose it was."""
    if why_no_subreaper():
        pytest.skip("orphans do not come to us here")
    script = 'setsid "$@" < /dev/null > /dev/null 2>&1 & exit 0'
    process = desk.start(
        "sh", "-c", script, "sh", sys.executable, "-c", f"import time; time.sleep(0.2)\n{SAY}", "READY=1", "BARRIER=1"
    )  # one that has ended before it is heard could be anybody's
    process.wait()
    desk.hears()
    assert desk.hearing.told_of[0][:3] == ("web", 1, 1)
    turn_until(desk.loop, lambda: os.waitpid(-1, os.WNOHANG)[0])  # the orphan


@pytest.mark.parametrize("mark", ["", "web:1/1"])
def test_a_stranger_is_ignored_and_told_of_once(desk, mark):
    """Bug 48: whoever it is; a variable in its environment is no proof."""
    env = {**desk.env(""), **({"M": f"{desk.colony}/{mark}"} if mark else {})}
    script = 'NCOLONY_RUN=$M "$@" & wait' if mark else '"$@"'
    desk.say("READY=1", "READY=1", "FDSTORE=1", env=env) if not mark else desk.start(
        "sh", "-c", script, "sh", sys.executable, "-c", SAY, "READY=1", env=env
    )
    turn_until(desk.loop, lambda: desk.said)
    for process in desk.processes:
        assert process.stdout.readline() == b"said\n"
    desk.loop.turn(0.05)
    assert not desk.hearing.told_of
    (line,) = desk.said
    assert line.startswith("ignored a message on the notify socket, the last from process ")
    assert f"user {os.getuid()}, which is no program's" in line


def test_a_process_of_an_earlier_run_speaks_for_that_run(desk):
    """Bug 49: what was left behind has the old mark, and the old session."""
    first = desk.start(sys.executable, "-c", f"import sys; sys.stdin.readline()\n{SAY}", "READY=1")
    desk.reporting.alive(NOTIFY, 1, 1, first.pid)
    desk.reporting.ended("web", 1)
    second = desk.start("sleep", "1000", env=desk.env("web:1/2"))
    desk.reporting.alive(NOTIFY, 1, 2, second.pid)
    first.stdin.write(b"\n")
    first.stdin.flush()
    desk.hears()
    assert desk.hearing.told_of[0][:3] == ("web", 1, 1)


def test_what_it_calls_its_main_process_has_to_be_its_own(desk):
    """A pid of somebody else's is no main process of it."""
    process = desk.say("MAINPID=1", "MAINPID=x", f"MAINPID={os.getpid()}")
    desk.hears(3)
    assert [pid for *_, pid in desk.hearing.told_of] == [None] * 3
    process.kill()
    process = desk.start("sh", "-c", '"$0" -c "$1" MAINPID=$$ BARRIER=1 & wait', sys.executable, SAY)
    desk.reporting.alive(NOTIFY, 1, 1, process.pid)
    desk.hears(4)
    assert desk.hearing.told_of[3][-1] == process.pid
    turn_until(desk.loop, lambda: process.poll() is not None)


# How much -------------------------------------------------------------------------------------------------------------


def test_a_flood_gets_a_bounded_part_of_each_turn(desk):
    """Bug 50: then the socket is left alone for a moment, and the senders wait."""
    flood = """import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])
while True:
    s.send(b'READY=1')"""
    for _ in range(4):
        process = desk.start(sys.executable, "-c", flood)
        desk.reporting.alive(NOTIFY, 1, 1, process.pid)
    desk.hears(1)
    turn_until(desk.loop, lambda: desk.reporting._socket._resting)
    most = 0
    for _ in range(50):
        before = len(desk.hearing.told_of)
        desk.loop.turn(0.1)
        most = max(most, len(desk.hearing.told_of) - before)
    assert 0 < most <= notify.BATCH
    for process in desk.processes:
        process.kill()


def test_what_is_too_long_is_ignored(desk):
    """Bug 50: 8 kB are no message; the next one is heard."""
    desk.say("READY=1" + "x" * 8192, "STATUS=" + "y" * 4000)
    assert desk.hears() == [{"STATUS": "y" * 4000}]


def test_bytes_that_are_no_text_do_no_harm(desk):
    """Nor do empty messages, or lines without a value."""
    desk.say("\\xff\\xfe=\\x00", "", "=", "A=\\n\\n=B")
    assert desk.hears(4)[1:] == [{}, {"": ""}, {"A": "", "": "B"}]


# Descriptors ----------------------------------------------------------------------------------------------------------


def test_a_barrier_is_closed_when_all_before_was_heard(desk):
    """Its sender waits for that."""
    process = desk.say("STATUS=1", "BARRIER=1")
    desk.hears(2)
    assert process.stdout.readline() == b"closed\n"


def test_descriptors_of_strangers_are_closed(desk):
    """Bug 75: else anybody could use up ours."""
    env = desk.env("")
    before = descriptors()
    process = desk.say(*["FDSTORE=1"] * 50, env=env)
    turn_until(desk.loop, lambda: desk.said)
    reader = process.stdout.fileno()
    os.set_blocking(reader, False)
    turn_until(desk.loop, lambda: process.stdout.readline() == b"said\n")
    desk.loop.turn(0.05)
    assert set(descriptors()) - set(before) == {process.stdin.fileno(), reader}


def stored(desk, program=NOTIFY):
    """Return the names of what the next process gets."""
    return [name for name, _ in desk.reporting.outfit(program, 1, 2, program.reports).stored]


def test_descriptors_are_kept_for_the_next_process(desk):
    """With their names; and closed when it is stopped for good."""
    before = descriptors()
    process = desk.say("FDSTORE=1\\nFDNAME=data", "FDSTORE=1", "FDSTORE=1\\nFDNAME=b:d", "FDSTORE=1\\nFDNAME=gone")
    desk.hears(4)
    assert stored(desk) == ["data", "stored", "stored", "gone"]
    for _, fd in desk.reporting.outfit(NOTIFY, 1, 2, NOTIFY.reports).stored:
        assert not os.get_inheritable(fd)
        assert fd > 64
    process.kill()
    desk.say("FDSTOREREMOVE=1\\nFDNAME=gone")
    desk.hears(5)
    assert stored(desk) == ["data", "stored", "stored"]
    desk.reporting.ended("web", 1)
    assert len(stored(desk)) == 3
    desk.reporting.forget("web", 1)
    assert stored(desk) == []
    mine = {fd for one in desk.processes for fd in (one.stdin.fileno(), one.stdout.fileno())}
    mine |= {desk.reporting._socket.fileno()}
    assert set(descriptors()) - set(before) <= mine


def test_not_more_are_kept_than_there_is_room_for(desk):
    """The rest is closed, and told."""
    desk.say(*["FDSTORE=1"] * (MOST + 2))
    desk.hears(MOST + 2)
    assert len(stored(desk)) == MOST
    assert desk.said == ["web wants 1 descriptors more to be kept for it than there is room for: closed"] * 2


def test_the_same_file_is_kept_once(desk, tmp_path):
    """A program stores what it was handed again, at each start."""
    store = desk.reporting._store
    path = tmp_path / "f"
    path.touch()
    fds = [os.open(path, os.O_RDONLY) for _ in range(3)]
    assert store.keep(("web", 1), "a", fds[:2], 5) == 0
    assert store.keep(("web", 1), "b", fds[2:], 5) == 0
    assert [name for name, _ in store.of(("web", 1))] == ["a", "b"]


def test_where_a_newline_has_a_number_nothing_is_kept(desk):
    """It could be in the way of what is kept."""
    both = Program("web", ("web",), ready=ReadyRule(by=Signs("fd", fd=3)), reports=Reports(True, 9.0, 3))
    process = desk.start(sys.executable, "-c", SAY, "FDSTORE=1")
    desk.reporting.outfit(both, 1, 1, both.reports)
    desk.reporting.alive(both, 1, 1, process.pid)
    desk.hears()
    assert stored(desk, both) == []
    assert len(desk.said) == 1
    many = tuple(Socket(f"s{number}", "unix", f"/s{number}") for number in range(64))
    full = Program("web", ("web",), ready=NOTIFY.ready, reports=NOTIFY.reports, sockets=many)
    desk.reporting.alive(full, 1, 1, process.pid)


# A newline ------------------------------------------------------------------------------------------------------------

S6 = Program("web", ("web",), ready=ReadyRule(by=Signs("fd", fd=5)), reports=Reports(fd=5))


def test_a_newline_makes_it_ready(desk):
    """As s6 has it; anything before it is not looked at."""
    outfit = desk.reporting.outfit(S6, 1, 1, S6.reports)
    held, number = outfit.report
    assert number == 5
    assert outfit.env == ()
    script = f"printf xyz >&{held}; echo said; read x; echo >&{held}; read x"
    process = desk.start("bash", "-c", script, pass_fds=[held])
    desk.reporting.spawned("web", 1)
    desk.reporting.alive(S6, 1, 1, process.pid)
    assert process.stdout.readline() == b"said\n"
    desk.loop.turn(0.05)
    assert not desk.hearing.ready_of
    process.stdin.write(b"\n")
    process.stdin.flush()
    turn_until(desk.loop, lambda: desk.hearing.ready_of)
    assert desk.hearing.ready_of == [("web", 1, 1)]


@pytest.mark.parametrize("closed", [True, False])
def test_a_newline_is_waited_for_by_the_next_supervisor(desk, closed):
    """Through the pipe that the process has; where it has closed that, it was ready before."""
    held, _ = desk.reporting.outfit(S6, 1, 1, S6.reports).report
    os.dup2(held, 55)
    close = "exec 55>&-; " if closed else ""
    process = desk.start("bash", "-c", f"{close}echo now; read x; echo >&55; read x", pass_fds=[55])
    os.close(55)
    desk.reporting.ended("web", 1)
    assert process.stdout.readline() == b"now\n"
    next_one = Desk()
    program = Program("web", ("web",), ready=ReadyRule(by=Signs("fd", fd=55)), reports=Reports(fd=55))
    next_one.reporting.alive(program, 1, 1, process.pid, taken_over=True)
    assert bool(next_one.hearing.ready_of) == closed
    process.stdin.write(b"\n")
    process.stdin.flush()
    turn_until(next_one.loop, lambda: next_one.hearing.ready_of)
    next_one.close()


# Over the life of supervisors -----------------------------------------------------------------------------------------


def test_an_upgrade_loses_no_message_and_no_descriptor(desk):
    """The socket goes on, with what is in it; so does what is kept."""
    desk.say("FDSTORE=1\\nFDNAME=data")
    desk.hears()
    process = desk.processes[0]
    before = descriptors()
    desk.reporting.hand_over()
    given = os.environ[REPORTING]
    fds = [json.loads(given)["socket"], json.loads(given)["stored"][0][-1]]
    assert all(map(os.get_inheritable, fds))
    desk.reporting.take_back()
    assert REPORTING not in os.environ
    assert not any(map(os.get_inheritable, fds))
    desk.loop.unwatch(fds[0])
    waits = desk.say("STATUS=in between")
    assert waits.stdout.readline() == b"said\n"
    next_one = Desk(given, desk.colony)
    assert [name for name, _ in next_one.reporting.outfit(NOTIFY, 1, 2, NOTIFY.reports).stored] == ["data"]
    next_one.reporting.alive(NOTIFY, 1, 1, waits.pid, taken_over=True)
    assert next_one.hears() == [{"STATUS": "in between"}]
    next_one.close()
    assert set(before) - set(descriptors()) == set(fds)
    desk.reporting._socket._socket.detach()
    desk.reporting._socket = None
    desk.reporting._store = type(desk.reporting._store)()
    assert process.poll() is None


@pytest.mark.parametrize("socket_fd", [0, 99_999, None])
def test_what_was_handed_over_and_is_not_there_is_passed_over(socket_fd):
    """Whoever sets the variable, no descriptor is taken for what it is not."""
    given = {"name": "ncolony/x", "socket": socket_fd, "stored": [["web", 1, "a", 99_998]]}
    desk = Desk(json.dumps(given))
    assert desk.reporting.outfit(NOTIFY, 1, 1, NOTIFY.reports).stored == ()
    desk.close()


def test_an_address_that_somebody_else_has_is_done_without(desk):
    """Bug 72: nobody can keep programs from starting by taking the name first."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"\0ncolony/{desk.colony}")
        desk.say("READY=1")
        desk.hears()
        assert desk.said[0].startswith(f"somebody else listens on the notify socket @ncolony/{desk.colony}; ")
        assert desk.env()["NOTIFY_SOCKET"].startswith(f"@ncolony/{desk.colony}-")


def test_where_there_is_no_socket_a_start_fails_with_words(desk):
    """And what is taken over runs on."""
    desk.reporting._name = "x" * 200
    with pytest.raises(OSFailure, match="cannot listen on the notify socket @xxx"):
        desk.env()
    desk.reporting.alive(NOTIFY, 1, 1, os.getpid(), taken_over=True)
    assert desk.said[0].endswith("; what programs say there is not heard")
