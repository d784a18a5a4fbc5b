"""Sockets are bound once, kept, handed on with the right numbers, and never taken from anybody."""

import errno
import fcntl
import itertools
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from ncolony.core.errors import OSFailure
from ncolony.core.program import Program
from ncolony.core.record import replace
from ncolony.core.sockets import TCP, TCP6, UDP, UDP6, UNIX, Socket
from ncolony.posix.binding import FIRST_HELD
from ncolony.posix.handing import LISTENING
from ncolony.posix.keeping import Copies
from ncolony.posix.listeners import Listeners
from tests.posix.conftest import OTHER, as_root

HOST = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
PORTS = itertools.count(20_000)  # below those that the system gives out


def has_ipv6():
    """Tell whether this machine has the address ::1."""
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


with_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def free_port():
    """Return a port that nobody else has: the address is ours alone."""
    return next(PORTS)


def program(*sockets, name="web", **more):
    """Describe a program with sockets."""
    return Program(name, ("web",), sockets=tuple(sorted(sockets, key=lambda one: one.name)), **more)


def tcp(name="web", **more):
    """Describe a socket."""
    return Socket(name, TCP, HOST, free_port(), **more)


@pytest.fixture
def said():
    """What the listeners have to say."""
    return []


@pytest.fixture
def listeners(said):
    """The sockets of a colony; none may be left."""
    made = Listeners(said.append)
    yield made
    made.close_all()


def answers(one):
    """Tell whether somebody listens on a TCP socket's address."""
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex((one.host, one.port)) == 0


# Binding --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "host", "family", "type_"),
    [
        (TCP, None, socket.AF_INET, socket.SOCK_STREAM),
        (UDP, None, socket.AF_INET, socket.SOCK_DGRAM),
        pytest.param(TCP6, "::1", socket.AF_INET6, socket.SOCK_STREAM, marks=with_ipv6),
        pytest.param(UDP6, "::1", socket.AF_INET6, socket.SOCK_DGRAM, marks=with_ipv6),
    ],
)
def test_each_kind_is_bound_to_its_address(listeners, kind, host, family, type_):
    """What the program gets is what its file says."""
    host = host or HOST
    described = Socket("it", kind, host, free_port())
    (fd,) = listeners.open(program(described))
    with socket.socket(fileno=os.dup(fd)) as opened:
        assert (opened.family, opened.type, opened.getsockname()[:2]) == (family, type_, (host, described.port))
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == (type_ == socket.SOCK_STREAM)
        assert opened.getblocking()
    assert fd >= FIRST_HELD
    assert not os.get_inheritable(fd)


@with_ipv6
@pytest.mark.parametrize("v6only", [True, False])
def test_ipv6_alone_or_both(listeners, v6only):
    """Alone unless the file says otherwise, whatever the machine's own default is."""
    described = Socket("it", TCP6, "::", free_port(), v6only=v6only)
    listeners.open(program(described))
    assert answers(replace(described, host=HOST)) == (not v6only)


def test_a_program_has_its_sockets_again_at_every_start(listeners):
    """Nobody is refused in between: they are bound once."""
    described = program(tcp("b"), tcp("a"))
    first = listeners.open(described)
    assert listeners.open(described) == first
    assert all(map(answers, described.sockets))


def test_order_is_that_of_the_names(listeners):
    """The order in an object means nothing."""
    described = program(tcp("b"), tcp("a"))
    ports = []
    for fd in listeners.open(described):
        with socket.socket(fileno=os.dup(fd)) as opened:
            ports.append(opened.getsockname()[1])
    assert ports == [one.port for one in described.sockets]
    assert [one.name for one in described.sockets] == ["a", "b"]


def test_a_change_touches_only_what_it_is_about(listeners):
    """A new socket beside an old one, another backlog: the old one stays; what is named no more is closed."""
    kept, dropped, new = tcp("kept"), tcp("dropped"), tcp("new")
    first = dict(zip(("dropped", "kept"), listeners.open(program(kept, dropped)), strict=True))
    changed = program(replace(kept, name="renamed", backlog=7), new)
    second = dict(zip(("new", "kept"), listeners.open(changed), strict=True))
    assert first["kept"] == second["kept"]
    assert not answers(dropped)
    assert answers(new)


def test_another_option_takes_another_socket(listeners):
    """What cannot be changed in place is bound anew."""
    described = tcp()
    listeners.open(program(described))
    (fd,) = listeners.open(program(replace(described, reuse_port=True)))
    with socket.socket(fileno=os.dup(fd)) as opened:
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((described.host, described.port))
        other.listen()


def test_what_other_slots_need_is_kept_until_nobody_does(listeners):
    """In a reload some are as the program was before, and start again as that; then it is given up, by request."""
    old, new = tcp("old"), tcp("new")
    first = listeners.open(program(old))
    second = listeners.open(program(new), (old, new))
    assert answers(old)
    assert answers(new)
    assert listeners.open(program(old), (old, new)) == first
    listeners.trim("web", (new,))
    listeners.trim("never there", ())
    assert not answers(old)
    assert listeners.open(program(new)) == second


@pytest.mark.parametrize("change", [{"reuse_port": True}, pytest.param({"v6only": False}, marks=with_ipv6)])
def test_one_address_has_one_set_of_options_as_long_as_others_need_it(listeners, change):
    """The old one is not closed for a new one that could not be bound beside it; without them it is."""
    old = Socket("web", TCP6, "::1", free_port()) if "v6only" in change else tcp()
    first = listeners.open(program(old))
    new = replace(old, **change)
    with pytest.raises(OSFailure, match="with another `reuse_port` or `v6only` while processes of the description"):
        listeners.open(program(new), (old, new))
    assert listeners.open(program(old), (old, new)) == first
    inode = os.fstat(first[0]).st_ino
    assert os.fstat(listeners.open(program(new))[0]).st_ino != inode


def test_a_program_that_is_gone_has_no_sockets(listeners):
    """Whoever connects then has to be refused."""
    described = program(tcp())
    listeners.open(described)
    listeners.close("web")
    listeners.close("never there")
    assert not answers(described.sockets[0])


def test_blocking_is_what_a_lone_process_starts_with(listeners):
    """Its predecessor may have asked for something else; beside other instances it is theirs too."""
    lone = program(tcp())
    (fd,) = listeners.open(lone)
    os.set_blocking(fd, False)
    listeners.open(replace(lone, instances=2))
    assert not os.get_blocking(fd)
    listeners.open(lone)
    assert os.get_blocking(fd)


# What cannot be bound -------------------------------------------------------------------------------------------------


def why(listeners, *sockets):
    """Return why the sockets of a program cannot be opened."""
    with pytest.raises(OSFailure) as caught:
        listeners.open(program(*sockets))
    return str(caught.value)


def test_an_address_in_use_says_so(listeners):
    """The most common of all."""
    described = tcp()
    with socket.socket() as other:
        other.bind((described.host, described.port))
        other.listen()
        assert why(listeners, described) == f"cannot listen on tcp://{HOST}:{described.port}: address in use"
    listeners.open(program(described))


def test_an_address_of_another_machine_says_so(listeners):
    """192.0.2.0/24 is for documentation, and nobody's."""
    words = "cannot listen on tcp://192.0.2.1:80: no interface of this machine has the address"
    assert why(listeners, Socket("web", TCP, "192.0.2.1", 80)) == words


def test_what_is_bound_already_is_kept_for_the_next_try(listeners):
    """One of two addresses in use: the other needs no second try."""
    fine, taken = tcp("a"), tcp("b")
    with socket.socket() as other:
        other.bind((taken.host, taken.port))
        other.listen()
        why(listeners, fine, taken)
        assert answers(fine)
    listeners.open(program(fine, taken))


# Unix sockets ---------------------------------------------------------------------------------------------------------


def unix(path, **more):
    """Describe a unix socket."""
    return Socket("it", UNIX, str(path), **more)


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_unix_socket_has_its_mode(listeners, tmp_path, mode):
    """From the first moment on, whatever the umask is."""
    before = os.umask(0o077)
    try:
        listeners.open(program(unix(tmp_path / "s", mode=mode)))
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode
    listeners.open(program(unix(tmp_path / "s", mode=0o640)))
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o640


def test_the_file_of_a_unix_socket_goes_with_the_program(listeners, tmp_path):
    """Nothing is left for somebody to connect to in vain."""
    listeners.open(program(unix(tmp_path / "s")))
    listeners.close("web")
    assert not (tmp_path / "s").exists()


def test_the_file_of_another_is_left_alone(listeners, tmp_path):
    """Somebody has put another socket in its place."""
    listeners.open(program(unix(tmp_path / "s")))
    (tmp_path / "s").unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        listeners.close("web")
        assert (tmp_path / "s").exists()


def test_a_file_that_was_removed_is_made_again(listeners, tmp_path):
    """At the next start at the latest, people find the program again."""
    listeners.open(program(unix(tmp_path / "s")))
    (tmp_path / "s").unlink()
    listeners.open(program(unix(tmp_path / "s")))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))


def test_a_stale_file_is_replaced(listeners, tmp_path):
    """Bug 46: nobody answers on it."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
        dead.listen()
    listeners.open(program(unix(tmp_path / "s")))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_that_somebody_answers_on_is_not_touched(listeners, tmp_path, kind):
    """Bug 46: another program's."""
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(str(tmp_path / "s"))
        if kind == socket.SOCK_STREAM:
            other.listen()
        assert why(listeners, unix(tmp_path / "s")) == f"cannot listen on unix://{tmp_path}/s: address in use"
        assert (tmp_path / "s").exists()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_socket_is_never_removed(listeners, tmp_path, make):
    """A mistake in a description must not cost anybody a file."""
    make(tmp_path / "s")
    words = "there is a file of this name that is no socket"
    assert why(listeners, unix(tmp_path / "s")) == f"cannot listen on unix://{tmp_path}/s: {words}"
    assert os.path.lexists(tmp_path / "s")


def test_a_directory_that_is_not_there_says_so(listeners, tmp_path):
    """Its name is in the message."""
    words = f"cannot listen on unix://{tmp_path}/no/s: there is no directory '{tmp_path}/no'"
    assert why(listeners, unix(tmp_path / "no" / "s")) == words


# Handing over ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def handed_over(listeners):
    """Hand sockets over as an upgrade does; nothing is executed here."""

    def hand(described):
        listeners.open(described)
        listeners.hand_over()
        text = os.environ[LISTENING]
        listeners.take_back()
        assert LISTENING not in os.environ
        return text

    return hand


def test_an_upgrade_hands_the_open_sockets_over(listeners, said, monkeypatch, handed_over, tmp_path):
    """The same sockets, found by their addresses: an entry that waits in the backlog is served."""
    described = program(tcp("a"), unix(tmp_path / "s"), Socket("u", UDP, HOST, free_port()))
    given = handed_over(described)
    fds = listeners.open(described)
    copies = [fcntl.fcntl(int(word), fcntl.F_DUPFD_CLOEXEC, FIRST_HELD) for word in given.split()]
    monkeypatch.setenv(LISTENING, " ".join(map(str, copies)))
    after = Listeners(said.append)
    assert LISTENING not in os.environ
    after.take_over(described, "web:1/1", 0, None)
    after.settle()
    assert set(after.open(described)) == set(copies)
    assert not any(map(os.get_inheritable, copies))
    assert [os.fstat(fd).st_ino for fd in after.open(described)] == [os.fstat(fd).st_ino for fd in fds]
    after.leave()
    assert (tmp_path / "s").exists()
    assert not said


def test_what_no_program_has_any_more_is_closed(said, monkeypatch, handed_over):
    """A program that was removed while the new version came up."""
    described = program(tcp())
    copy = fcntl.fcntl(int(handed_over(described)), fcntl.F_DUPFD_CLOEXEC, FIRST_HELD)
    monkeypatch.setenv(LISTENING, str(copy))
    Listeners(said.append).settle()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(copy)


def test_a_program_that_is_stopped_keeps_what_the_keeper_has_of_it(listeners, said):
    """Nothing else is left of it, and who connects goes on to wait. What was another's by name is closed, as before."""
    mine, others = tcp("mine"), tcp("others")
    copies = [os.dup(fd) for fd in (*listeners.open(program(mine)), *listeners.open(program(others, name="gone")))]
    inode = os.fstat(copies[0]).st_ino
    kept = {"web": Copies("", {"0": copies[0]}), "gone": Copies("", {"0": copies[1]})}
    after = Listeners(said.append, None, kept)
    listeners.close_all()
    after.settle([program(mine, others)])
    assert answers(mine)
    assert not answers(others)
    assert os.fstat(after.open(program(mine))[0]).st_ino == inode
    after.close_all()
    assert not answers(mine)


@pytest.mark.parametrize("value", ["", "x", "0", "1 2", "-1", "99999999999999999999", "3 ; 4"])
def test_a_variable_that_somebody_else_has_set_means_nothing(said, monkeypatch, value):
    """It is believed as far as the descriptors are listening sockets."""
    monkeypatch.setenv(LISTENING, value)
    made = Listeners(said.append)
    assert LISTENING not in os.environ
    made.close_all()
    os.fstat(1)


# To a process ---------------------------------------------------------------------------------------------------------

SHOW = """
import os
names = "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"
print(os.environ["LISTEN_PID"] == str(os.getpid()), *(os.environ[name] for name in names[1:]))
fds = {}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[int(name)] = os.fstat(int(name)).st_ino
    except OSError:
        pass
print(*sorted(fds))
print(*(fds[number] for number in range(3, 3 + int(os.environ["LISTEN_FDS"]))))
"""


@pytest.mark.parametrize("count", [1, 3, 20])
def test_a_process_finds_its_sockets_from_3_on_and_nothing_else(bench, listeners, count):
    """Bug 13: and the variables of the protocol say so, with the process's own pid."""
    described = program(*(tcp(f"s{number:02}") for number in range(count)))
    fds = listeners.open(described)
    said, numbers, inodes = bench.says(sys.executable, "-c", SHOW, sockets=described.sockets, listening=fds)
    assert said == f"True {count} {':'.join(one.name for one in described.sockets)}"
    assert numbers.split() == [str(number) for number in range(3 + count)]
    assert [int(inode) for inode in inodes.split()] == [os.fstat(fd).st_ino for fd in fds]


def test_sockets_and_limits_together(bench, listeners):
    """Both are the launcher's work."""
    described = program(tcp())
    fds = listeners.open(described)
    line = 'echo $LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID - $$)) "$A"'
    env = {"PATH": "/usr/bin:/bin", "A": "\u00fc", "LISTEN_PID": "1", "LISTEN_FDNAMES": "stale"}
    assert bench.says("sh", "-c", line, sockets=described.sockets, listening=fds, env=env) == ["1 web 0 \u00fc"]


@as_root
@pytest.mark.parametrize(
    ("owner", "uid", "gid"), [(str(OTHER), OTHER, 0), (f"{OTHER}:{OTHER}", OTHER, OTHER), (f":{OTHER}", 0, OTHER)]
)
def test_a_unix_socket_has_its_owner_before_the_program_runs(bench, listeners, open_path, owner, uid, gid):
    """Users are looked up by the launcher, as that may take time."""
    described = program(unix(open_path / "s", owner=owner))
    fds = listeners.open(described)
    said = bench.says("stat", "-c", "%u %g", open_path / "s", sockets=described.sockets, listening=fds)
    assert said == [f"{uid} {gid}"]


@pytest.mark.parametrize("owner", ["nobody-of-this-name", ":nobodies-of-this-name", "0:nobodies-of-this-name"])
def test_an_owner_that_there_is_not_is_a_failed_start(bench, listeners, tmp_path, owner):
    """Bug 32: with a reason of its own."""
    described = program(unix(tmp_path / "s", owner=owner))
    fds = listeners.open(described)
    run = bench.spawn("true", sockets=described.sockets, listening=fds).over()
    assert run.failure in ("no such user: 'nobody-of-this-name'", "no such group: 'nobodies-of-this-name'")
