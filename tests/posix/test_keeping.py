"""The keeper and the supervisor's side of it: what is given comes back, and nobody waits for the other."""

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from ncolony.core.errors import OSFailure
from ncolony.loop import Loop
from ncolony.posix.exits import PidfdExits
from ncolony.posix.keeper import receive, send
from ncolony.posix.keeping import PIPES, SOCKETS, Keeping
from ncolony.posix.link import at_door, knock
from ncolony.posix.listeners import Listeners
from tests.posix.conftest import turn_until
from tests.posix.test_listeners import answers, program, tcp
from tests.scenarios.colony import descriptors_of

IDLE = 4  # descriptors of a keeper that holds nothing: 0, 1, 2 and its supervisor


class Home:
    """A state directory, and the supervisors that have it one after the other."""

    def __init__(self, folder):
        self.folder = folder
        self.loop = Loop()
        self.exits = PidfdExits(self.loop)
        self.said = []
        self.ends = []
        self.keeping = self.next()

    def next(self, **more):
        """Return the next supervisor's side."""
        return Keeping(self.loop, self.exits, str(self.folder), self.said.append, **more)

    def keeper(self):
        """Return the pid of the keeper that was started last."""
        [pid] = self.exits.known
        return pid

    def turn_until(self, there):
        """Turn the loop until ``there()``."""
        turn_until(self.loop, there)

    def end(self):
        """End the keeper."""
        self.keeping.end(lambda: self.ends.append(True))
        self.turn_until(lambda: self.ends)

    def close(self):
        """Have no keeper left."""
        if not self.ends:
            self.end()
        self.turn_until(lambda: not self.exits.known)
        self.loop.close()


@pytest.fixture
def home(tmp_path):
    """A state directory without a keeper."""
    made = Home(tmp_path)
    yield made
    made.close()


def copy(fd):
    """Return a copy that is to be given away."""
    return os.dup(fd)


@pytest.fixture
def pipe():
    """A pipe: the end to read and the end to write."""
    ends = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    yield ends
    for fd in ends:
        os.close(fd)


def test_what_is_kept_comes_back_under_its_name(home, pipe):
    """Pipes and sockets, with any name that a file can have."""
    read, write = pipe
    with socket.socket() as listening:
        home.keeping.keep(PIPES, "wéb/\udcff:1", {"stdout": copy(read), "stderr": copy(read)}, "a note")
        home.keeping.keep(SOCKETS, "web", {"0": copy(listening.fileno())})
        home.keeping.close()
        home.keeping = home.next()
        kept = home.keeping.recall()
        assert {kind: {key: (one.note, *one.fds) for key, one in found.items()} for kind, found in kept.items()} == {
            PIPES: {"wéb/\udcff:1": ("a note", "stdout", "stderr")},
            SOCKETS: {"web": ("", "0")},
        }
        os.write(write, b"there")
        assert os.read(kept[PIPES]["wéb/\udcff:1"].fds["stdout"], 100) == b"there"
        assert os.path.sameopenfile(kept[SOCKETS]["web"].fds["0"], listening.fileno())
    for found in kept.values():
        for one in found.values():
            for fd in one.fds.values():
                assert not os.get_inheritable(fd)
                os.close(fd)


def test_a_name_is_kept_once_and_not_after_it_was_dropped(home, pipe):
    """What is said later counts."""
    read, write = pipe
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(read), "stderr": copy(read)})
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(write)})
    home.keeping.keep(PIPES, "b:1", {"stdout": copy(read)})
    home.keeping.drop(PIPES, "b:1")
    home.keeping.drop(PIPES, "c:1")
    home.keeping.close()
    home.keeping = home.next()
    kept = home.keeping.recall()[PIPES]
    assert list(kept) == ["a:1"]
    [fd] = kept["a:1"].fds.values()
    assert os.path.sameopenfile(fd, write)
    os.close(fd)


def test_an_address_that_is_given_up_is_closed_also_where_the_next_one_is_in_use(home):
    """Its copy would go on to listen, and whoever connects there would wait for nobody."""
    listeners, old, new = Listeners(home.said.append, home.keeping), tcp("a"), tcp("a")
    listeners.open(program(old))
    with socket.socket() as other:
        other.bind((new.host, new.port))
        other.listen()
        with pytest.raises(OSFailure):
            listeners.open(program(new))
    home.turn_until(lambda: not answers(old))
    listeners.close_all()


def test_a_keeper_that_was_taken_over_is_gone_when_it_is_said_to_be(home, pipe):
    """Nobody can wait for it: that its connection ends is all there is, so nothing may come after that."""
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    home.keeping.close()
    home.keeping = home.next()
    for fd in home.keeping.recall()[PIPES]["a:1"].fds.values():
        os.close(fd)
    words = Path(f"/proc/{home.keeper()}/cmdline")
    assert b"ncolony.posix.keeper" in words.read_bytes()

    def look():
        with suppress(FileNotFoundError, ProcessLookupError):  # it was reaped
            home.ends.append(words.read_bytes())  # nothing: it has no memory any more

    home.keeping.end(look)
    home.turn_until(lambda: home.keeping._link is None)
    assert set(home.ends) <= {b""}
    home.ends.append(True)


def test_what_is_dropped_in_one_turn_is_dropped_together_and_what_is_kept_after_it_stays(home, pipe):
    """A stop of many programs is a few messages, however long their names; a name that comes again is not lost."""
    names = [f"{number:0200}:1" for number in range(100)]
    for name in (*names, "other:1"):
        home.keeping.keep(PIPES, name, {"stdout": copy(pipe[0])})
    home.turn_until(lambda: len(descriptors_of(home.keeper())) == IDLE + len(names) + 1)
    for name in names:
        home.keeping.drop(PIPES, name)
    home.keeping.keep(PIPES, names[7], {"stdout": copy(pipe[0])})
    home.keeping.drop(PIPES, names[8])
    home.turn_until(lambda: len(descriptors_of(home.keeper())) == IDLE + 2)
    home.keeping.close()
    home.keeping = home.next()
    kept = home.keeping.recall()[PIPES]
    assert kept.keys() == {"other:1", names[7]}
    for one in kept.values():
        os.close(one.fds["stdout"])


@pytest.mark.parametrize("words", [("keep",), ("drop",), ("keep", "pipes/b:1"), ("have", "x"), ("\xff",)])
def test_a_message_that_makes_no_sense_does_not_end_a_keeper(home, pipe, words):
    """It holds what nobody else has; found by the fuzzer, as an IndexError."""
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    keeper = knock(str(home.folder))
    send(keeper, words)
    send(keeper, ("give",))
    while (message := receive(keeper))[0][0] != "all":
        assert message[0] == ["have", "pipes/a:1", "", "stdout"]
        os.close(message[1][0])
    keeper.close()


def test_who_brings_no_connection_is_not_let_in(home, pipe):
    """The keeper goes on as it was; found by the fuzzer, as an OSError."""
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outside:
        at_door(str(home.folder), outside.connect)
        send(outside, ("hello",), (pipe[1],))
        send(outside, ("what",))
    home.keeping.close()
    home.keeping = home.next()
    kept = home.keeping.recall()[PIPES]
    assert list(kept) == ["a:1"]
    os.close(kept["a:1"].fds["stdout"])


def test_a_note_that_is_too_long_for_a_message_is_left_out(home, pipe):
    """What it belongs to is kept all the same."""
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])}, "x" * 100_000)
    home.keeping.close()
    home.keeping = home.next()
    kept = home.keeping.recall()[PIPES]["a:1"]
    assert (kept.note, *kept.fds) == ("", "stdout")
    os.close(kept.fds["stdout"])


def test_a_keeper_that_is_slow_keeps_nobody_waiting(home, pipe):
    """Thousands of messages wait for it, and arrive in their order."""
    home.keeping.keep(PIPES, "first:1", {"stdout": copy(pipe[0])})
    os.kill(home.keeper(), signal.SIGSTOP)
    for number in range(1500):
        home.keeping.keep(PIPES, f"p{number}:1", {"stdout": copy(pipe[0])})
        if number % 2:
            home.keeping.drop(PIPES, f"p{number}:1")
    os.kill(home.keeper(), signal.SIGCONT)
    home.turn_until(lambda: _all_sent(home.keeping))
    home.keeping.close()
    home.keeping = home.next()
    kept = home.keeping.recall()[PIPES]
    assert list(kept) == ["first:1", *(f"p{number}:1" for number in range(0, 1500, 2))]
    for one in kept.values():
        os.close(one.fds["stdout"])


def _all_sent(keeping):
    return not keeping._link._waiting


def test_a_keeper_that_does_not_answer_is_done_without(home, pipe):
    """It is said, and another one is started for what is to be kept."""
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    stuck = home.keeper()
    os.kill(stuck, signal.SIGSTOP)
    home.keeping.close()
    home.keeping = home.next(patience=0.1)
    assert home.keeping.recall() == {PIPES: {}, SOCKETS: {}}
    assert home.said == ["the keeper of an earlier supervisor does not answer: timed out; another one takes its place"]
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    assert len(home.exits.known) == 2
    os.kill(stuck, signal.SIGKILL)


def test_a_keeper_that_does_not_end_is_killed(home, pipe):
    """A stop waits for nobody for long."""
    home.keeping = home.next(patience=0.1)
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    os.kill(home.keeper(), signal.SIGSTOP)
    home.end()
    assert not home.exits.known


def test_without_a_keeper_there_is_nothing_to_end(home):
    """Whoever asks is answered at once."""
    home.keeping.end(lambda: home.ends.append(True))
    assert home.ends


def test_a_keeper_that_cannot_be_started_is_told_once_and_tried_again(home, pipe, tmp_path):
    """Programs run all the same, and what is to be kept is told when there is somebody."""
    home.folder = tmp_path / "later"
    home.keeping = home.next()
    again = []
    home.keeping.renewed.append(lambda: again.append(True))
    for _ in range(3):
        home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    [line] = home.said
    assert line == (
        "cannot start a keeper: No such file or directory; what a program writes is lost if it ends while no supervisor"
        " lives; it is tried again"
    )
    home.folder.mkdir()
    home.turn_until(lambda: again)
    assert len(home.exits.known) == 1
    assert len(home.said) == 1


def test_a_keeper_that_ends_at_once_is_not_started_again_and_again(home, pipe):
    """The next one has to wait, and it is said once."""
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    first = home.keeper()
    os.kill(first, signal.SIGKILL)
    home.turn_until(lambda: not home.exits.known)
    home.turn_until(lambda: home.exits.known)
    assert home.keeper() != first
    assert len(home.said) == 1
    assert home.said[0].startswith("the keeper has ended at once; what a program writes is lost")


def test_a_long_path_is_no_hindrance(home, pipe, tmp_path):
    """The address of a socket has room for 107 bytes; the path of a state directory may have any length."""
    home.folder = tmp_path.joinpath("x" * 100, "y" * 100)
    home.folder.mkdir(parents=True)
    home.keeping = home.next()
    home.keeping.keep(PIPES, "a:1", {"stdout": copy(pipe[0])})
    home.keeping.close()
    home.keeping = home.next()
    kept = home.keeping.recall()
    os.close(kept[PIPES]["a:1"].fds["stdout"])
    assert not home.said


def test_a_pipe_that_nobody_has_and_that_is_empty_is_not_given_back(home, pipe):
    """Its slot has had another one since, under a supervisor that knew no keeper."""
    read, write = os.pipe2(os.O_CLOEXEC)
    home.keeping.keep(PIPES, "a:1", {"stdout": read})
    home.keeping.keep(PIPES, "b:1", {"stdout": copy(pipe[0])})
    home.turn_until(lambda: len(descriptors_of(home.keeper())) == 6)
    home.keeping.close()
    os.close(write)
    home.turn_until(lambda: len(descriptors_of(home.keeper())) == 4)
    home.keeping = home.next()
    kept = home.keeping.recall()[PIPES]
    assert list(kept) == ["b:1"]
    os.close(kept["b:1"].fds["stdout"])


def test_a_keeper_whose_last_pipe_is_gone_is_no_keeper(home):
    """Its door may be found, and nobody is behind it: nothing is lost, as there was nothing."""
    read, write = os.pipe2(os.O_CLOEXEC)
    home.keeping.keep(PIPES, "a:1", {"stdout": read})
    os.close(write)
    home.keeping.close()
    home.turn_until(lambda: not home.exits.known)
    home.keeping = home.next()
    assert home.keeping.recall() == {PIPES: {}, SOCKETS: {}}
    assert not home.said
