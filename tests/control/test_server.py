"""Who may come in, and what clients that are slow, hostile or many can do: nothing to anybody else."""

import errno
import json
import os
import resource
import socket
import stat
import time
import tracemalloc

import pytest

from ncolony.control.server import MOST
from ncolony.core.colonyspec import ColonySpec
from ncolony.hosts.control import Control
from ncolony.posix.doorway import Doorway, Peer
from ncolony.testing import Act, VirtualLoop
from tests.control.conftest import House, program

ME = Peer(1, os.geteuid(), (os.getegid(),))
READER = Peer(2, 54321, (11, 7777))
STRANGER = Peer(3, 54322, (12,))


class Entry:
    """A doorway through which a test lets in whom it likes."""

    def __init__(self):
        self.waiting = []
        self.refuse = None

    def accept(self):
        """Return the next, or raise."""
        if self.refuse is not None and self.waiting:
            raise self.refuse
        return self.waiting.pop(0) if self.waiting else None

    def come(self, server, loop, peer):
        """Let somebody in; return the client's end."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.waiting.append((ours.detach(), peer))
        server.let_in()
        loop.settle()
        return theirs


def heard(client, loop):
    """Return the lines that a client has got, and None after them where it was hung up on."""
    loop.settle()
    data = b""
    over = []
    while True:
        try:
            piece = client.recv(1 << 16)
        except BlockingIOError:
            break
        if not piece:
            over = [None]
            break
        data += piece
        loop.settle()
    return [json.loads(line) for line in data.splitlines()] + over


@pytest.fixture
def entry(house):
    """A server that lets in whom a test likes; the colony has a program."""
    house.apply(program())
    made = Entry()
    made.house = house
    made.clients = []
    made.server = house.control._make(made)
    made.server.readers = 7777

    def come(peer):
        client = Entry.come(made, made.server, house.loop, peer)
        made.clients.append(client)
        return client

    made.let_in = come
    yield made
    made.server.end()
    for client in made.clients:
        client.close()


def asked(entry, client, **request):
    """Ask something and return all that is heard."""
    client.sendall(json.dumps(request).encode() + b"\n")
    return heard(client, entry.house.loop)


@pytest.mark.parametrize("peer", [ME, Peer(4, 0, (0,))])
def test_root_and_the_owner_may_change_things(entry, peer):
    """The system tells who they are."""
    client = entry.let_in(peer)
    assert heard(client, entry.house.loop)[0]["may"] == "change"
    assert asked(entry, client, verb="stop", all=True)[-1]["ok"]
    assert entry.house.state == "stopped"


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "signal", "scale", "reload", "apply", "upgrade",
                                  "shutdown", "send"])  # fmt: skip
def test_readers_may_read_only(entry, verb):
    """They get told so, and nothing happens."""
    client = entry.let_in(READER)
    assert heard(client, entry.house.loop)[0]["may"] == "read"
    assert asked(entry, client, verb=verb)[-1]["error"]["kind"] == "forbidden"
    assert asked(entry, client, verb="status")[-1]["ok"]
    assert entry.house.state == "running"
    assert entry.house.asked == []


@pytest.mark.parametrize(
    "request_",
    [{"verb": spelled} for spelled in ("STOP", " stop", "stop ", "stop\0", "./stop", "status/../stop", "\uff53top")]
    + [{"verb": "stop", "uid": 0}, {"verb": "stop", "may": "change"}, {"verb": "status", "verb ": "stop"}],
)
def test_no_other_spelling_gets_a_reader_further(entry, request_):
    """Bug 73: who somebody is the kernel says, not the request; a verb has one spelling, and there is no password."""
    client = entry.let_in(READER)
    heard(client, entry.house.loop)
    answer = asked(entry, client, all=True, **request_)[-1]
    assert answer["ok"] is False
    assert answer["error"]["kind"] in {"forbidden", "usage"}
    assert entry.house.state == "running"


def test_nobody_else_gets_anything(entry):
    """One line that says why, and the end."""
    said = heard(entry.let_in(STRANGER), entry.house.loop)
    assert said[0]["error"]["kind"] == "forbidden"
    assert "user 54322" in said[0]["error"]["message"]
    assert said[1:] == [None]


def test_when_the_readers_change_those_before_are_hung_up_on(entry):
    """Who may change things stays."""
    owner, reader = entry.let_in(ME), entry.let_in(READER)
    heard(owner, entry.house.loop)
    entry.server.dismiss(8888)
    assert heard(reader, entry.house.loop)[-1] is None
    assert asked(entry, owner, verb="ping")[-1]["ok"]
    assert heard(entry.let_in(READER), entry.house.loop)[0]["error"]["kind"] == "forbidden"


def test_one_too_many_gets_the_place_of_who_waits_for_nothing(entry):
    """A reader never gets the place of who may change things."""
    entry.server._most = 4
    owners = [entry.let_in(ME) for _ in range(3)]
    reader = entry.let_in(READER)
    late = entry.let_in(READER)
    assert heard(reader, entry.house.loop)[-1] is None
    assert heard(late, entry.house.loop)[0]["may"] == "read"
    asked(entry, owners[0], verb="ping")  # of use just now
    entry.let_in(ME)
    assert heard(owners[1], entry.house.loop)[-1] is None
    assert asked(entry, owners[0], verb="ping")[-1]["ok"]
    for client in entry.clients:
        if client.fileno() >= 0:
            try:
                asked(entry, client, verb="events")
            except OSError:
                continue
    said = heard(entry.let_in(READER), entry.house.loop)
    assert said[0]["error"]["kind"] == "refused"
    assert "try again" in said[0]["error"]["message"]


def test_without_descriptors_nobody_is_let_in_and_nothing_spins(entry):
    """Bug 12: the one who is of no use makes room; else it is tried again after a second."""
    idle = entry.let_in(ME)
    entry.refuse = OSError(errno.EMFILE, "too many")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    entry.clients.append(theirs)
    entry.waiting.append((ours.detach(), ME))
    assert entry.server.let_in() == entry.house.loop.now() + 1.0
    assert heard(idle, entry.house.loop)[-1] is None
    entry.refuse = None
    assert entry.server.let_in() is None


def test_out_of_descriptors_the_socket_is_left_alone_for_a_second(house):
    """Bug 12: it answers as soon as there are some again."""
    caller = house.caller()
    caller.send({"verb": "events"})  # not to be hung up on
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours = socket.socket(socket.AF_UNIX)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        ours.connect(f"/proc/self/fd/{house.folder}/control")
        house.loop.settle(10)
        assert house.loop.timers == [house.loop.now() + 1.0]
        assert caller.ask("ping")["ok"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)
    house.loop.advance(1)
    assert ours.recv(100).startswith(b'{"protocol":1')
    ours.close()


def test_a_request_of_ten_megabytes_is_refused_and_costs_two(house):
    """Bug 71: the memory for it is bounded, and others are served."""
    other = house.caller()
    caller = house.caller()
    tracemalloc.start()
    try:
        caller.send(b'{"verb": "' + b"x" * (10 << 20))
        peak = tracemalloc.get_traced_memory()[1] - (10 << 20)
    finally:
        tracemalloc.stop()
    assert caller.lines()[-1]["error"]["kind"] == "usage"
    assert caller.over
    assert peak < 25 << 20  # what the test itself slices included
    assert other.ask("ping")["ok"]


def test_a_client_that_never_reads_stops_being_read(house):
    """Bug 51: what waits for it is bounded, and nothing more is made for it."""
    for number in range(50):
        house.supervisor.apply({f"p{number}": program(f"p{number}")})
    caller = house.caller()
    line = b'{"verb": "status"}\n'
    caller.socket.setblocking(False)
    sent = 0
    for _ in range(3000):
        try:
            sent += caller.socket.send(line)
        except BlockingIOError:
            break
        house.loop.settle()
    (connection,) = house.control._server.connections
    assert len(connection._out) < 200_000
    assert len(connection._pending) <= 65536 // len(line) + 1
    assert house.caller().ask("ping")["ok"]
    answers = caller.lines()
    assert answers
    assert all(answer["ok"] for answer in answers)


class RealTime(VirtualLoop):
    """A loop whose time passes by itself, which bounds what is done in a turn."""

    def now(self):
        """Return the real time."""
        self._now = time.monotonic()
        return self._now

    def turn(self):
        """Turn once."""
        self.now()
        super().turn()


def test_a_thousand_clients_that_never_read_slow_nobody_down(tmp_path, nothing_left):
    """Bug 51: a new client is answered at once, and the loop never does more than a few milliseconds at a time."""
    house = House(tmp_path, RealTime())
    house.supervisor.apply({f"p{number}": program(f"p{number}") for number in range(200)})
    longest, clients = 0.0, []
    turn = house.loop.turn

    def timed():
        nonlocal longest
        begin = time.process_time()
        turn()
        longest = max(longest, time.process_time() - begin)

    house.loop.turn = timed
    for number in range(1000):
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"/proc/self/fd/{house.folder}/control")
        client.send(b'{"verb": "status"}\n' * 5 if number % 2 else b'{"verb": "events", "since": 0}\n')
        clients.append(client)
        if number % 100 == 0:
            house.loop.settle(100_000)
    house.loop.settle(100_000)
    assert len(house.control._server.connections) <= MOST
    assert house.caller().ask("ping")["ok"]
    for client in clients:
        client.close()
    house.end()
    assert longest < 2.0  # 6 ms where the machine does nothing else; without slices it would be many seconds


def test_a_follower_that_stands_still_holds_up_nobody(house):
    """Bug 52: others hear of everything at once; it hears of a gap when it reads again."""
    house.apply(program())
    stuck, other = house.caller(), house.caller()
    for caller in (stuck, other):
        caller.send({"verb": "events"})
    heard_by_other = 0
    for _ in range(2500):
        house.supervisor.restart("web")
        house.loop.settle()
        heard_by_other += len(other.lines())
    (first, *_) = house.control._server.connections
    assert len(first._out) < 200_000
    events = stuck.lines()
    gaps = [one["gap"] for one in events if "gap" in one]
    told = sum("event" in one for one in events)
    assert len(gaps) == 1
    missed = gaps[0][1] - gaps[0][0] + 1
    assert missed > 0
    assert told + missed == heard_by_other
    assert events[-1]["event"] == house.control.story.last


GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    os.urandom(5000) + b"\n",
    b"\0" * 70_000 + b"\n",
    b'{"verb": "ping"',
    b"\n\n\n",
    b"{}\n" * 5000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=["http", "random", "zeros", "half", "nothing", "many"])
def test_garbage_is_answered_and_hurts_nobody(house, garbage):
    """Half a request too, whose client then dies."""
    other, caller = house.caller(), house.caller()
    caller.send(garbage)
    assert all(line["error"]["kind"] == "usage" for line in caller.lines())
    caller.close()
    assert other.ask("ping")["ok"]
    assert len(house.control._server.connections) == 1


def test_a_client_that_dies_while_it_waits_is_forgotten(house):
    """What it asked for comes all the same."""
    house.apply(program(autostart=False))
    caller = house.caller()
    caller.send({"verb": "stop", "names": ["web"], "wait": 1000})
    caller.send({"verb": "events"})
    observers = len(house.supervisor._slots.observers)
    house.spawner.acts["web",] = Act(told_after=50.0)
    caller.send({"verb": "start", "names": ["web"], "wait": 1000})
    assert len(house.supervisor._slots.observers) == observers + 1
    caller.close()
    assert len(house.supervisor._slots.observers) == observers
    assert house.control.story.followers == {}
    assert house.loop.timers == [house.loop.now() + 50.0]
    house.loop.advance(60)
    assert house.state == "running"


def test_who_has_said_the_last_word_is_still_answered(house):
    """As `echo … | nc -U` does; then the connection ends."""
    house.spawner.acts["web",] = Act(told_after=5.0)
    house.apply(program(autostart=False))
    caller = house.caller()
    caller.send({"verb": "start", "names": ["web"], "id": 1})
    caller.send({"verb": "events", "id": 2})
    caller.socket.shutdown(socket.SHUT_WR)
    said = caller.lines()
    assert said[-1] == {"id": 2, "ok": True}
    assert not caller.over
    house.loop.advance(6)
    assert [line["id"] for line in caller.lines()] == [1]
    assert caller.over


def test_requests_beyond_those_that_may_be_under_way_wait(house):
    """They are looked at as others are answered."""
    house.spawner.acts["web",] = Act(told_after=5.0)
    house.apply(program(autostart=False))
    caller = house.caller()
    caller.send(b'{"verb": "start", "names": ["web"]}\n' * 100)
    (connection,) = house.control._server.connections
    assert len(connection.calls) == 64
    house.loop.advance(6)
    assert len(caller.lines()) == 100


def test_idle_clients_cost_no_turn(house):
    """Connected, following, waiting for an effect: nothing is done until something happens."""
    house.apply(program())
    callers = [house.caller() for _ in range(3)]
    callers[0].send({"verb": "events"})
    callers[1].send({"verb": "logs", "follow": True})
    for caller in callers:
        caller.lines()
    assert house.loop.timers == []
    house.loop.settle(1)


# The socket itself ----------------------------------------------------------------------------------------------------


def mode(path):
    """Return who may do what with a path."""
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_only_the_owner_reaches_the_socket(house, tmp_path):
    """Until readers are named, and after they are named no more."""
    assert (mode(tmp_path), mode(tmp_path / "control")) == (0o700, 0o600)
    gid = os.getegid()
    house.supervisor.describe(ColonySpec(readers=gid))
    assert (mode(tmp_path), mode(tmp_path / "control")) == (0o710, 0o660)
    assert (tmp_path / "control").stat().st_gid == gid
    house.supervisor.describe(ColonySpec())
    assert (mode(tmp_path), mode(tmp_path / "control")) == (0o700, 0o600)


def test_a_group_that_is_not_there_is_told(house):
    """Nobody gets in by it."""
    house.supervisor.describe(ColonySpec(readers="no-such-group-here"))
    assert "no such group" in house.said[0]


@pytest.mark.parametrize("old", ["socket", "file", "link", "half"])
def test_what_a_dead_supervisor_left_is_taken_over(tmp_path, nothing_left, old):
    """Bug 46, and bug 72: whatever is at the path is replaced, and nothing that a link leads to is touched."""
    target = tmp_path / "precious"
    target.write_text("precious")
    state = tmp_path / "state"
    state.mkdir()
    path = state / "control"
    if old == "socket":
        left = socket.socket(socket.AF_UNIX)
        left.bind(f"/proc/self/fd/{(fd := os.open(state, os.O_PATH))}/control")
        left.close()
        os.close(fd)
    elif old == "file":
        path.write_text("x")
    elif old == "link":
        path.symlink_to(target)
    else:
        (state / "control.new").symlink_to(target)
    doorway = Doorway(str(state), "control")
    assert stat.S_ISSOCK(os.lstat(path).st_mode)
    doorway.close()
    assert list(state.iterdir()) == []
    assert target.read_text() == "precious"


def test_where_no_socket_can_be_made_the_colony_runs_without(tmp_path, nothing_left):
    """It says so, and what that means."""
    (tmp_path / "control").mkdir()
    said = []
    control = Control(VirtualLoop(), str(tmp_path), said.append)
    control.open()
    control.close()
    assert "nobody can ask about them" in said[0]


def test_a_long_path_is_no_trouble(tmp_path, nothing_left):
    """The address of a socket has room for 107 bytes."""
    state = tmp_path / ("x" * 200)
    state.mkdir()
    doorway = Doorway(str(state), "control")
    doorway.close()
