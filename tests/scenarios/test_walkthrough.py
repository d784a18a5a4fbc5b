"""The README's walkthrough, to the letter, at a terminal: what a newcomer does in the first minute."""

import errno
import fcntl
import os
import pty
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.scenarios.colony import EPOLL, NATIVE, PATIENCE, PYTHON, gone, is_alive, on_both, until

pytestmark = pytest.mark.xdist_group("port 8080")  # the demo web server's own

MAKE = "mkdir messages conf"
ADD_WEB = r"""
python -m ncolony ctl --messages messages --config conf add --name=web --cmd=python --arg=-m --arg=twisted --arg=web
"""
ADD_ECHO = r"""
python -m ncolony ctl --messages messages --config conf add --name=echo --cmd=python --arg=-m --arg=twisted --arg=ncolony-scheduler \
      --arg=--arg=echo --arg=--arg=hello --arg=--frequency=10 --arg=--timeout=5 --arg=--grace=10
"""  # noqa: E501 - as in the README
OFTEN = ADD_ECHO.replace("--frequency=10", "--frequency=1")
RUN = {
    NATIVE.name: "python -m ncolony run --messages messages --config conf",
    EPOLL.name: "python -m twisted ncolony --messages messages --config conf",
}
CTL = "python -m ncolony ctl --messages messages --config conf "
HELLO = r"\becho \| .*\bhello\b"

# Becomes the leader of a session whose terminal is standard input, as a shell's foreground job has it.
AT_A_TERMINAL = (
    PYTHON,
    "-c",
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])",
)


@pytest.fixture(autouse=True)
def _port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", 8080))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                pytest.skip("a stranger has port 8080")
            raise


class Terminal:
    """A terminal that commands are typed at."""

    def __init__(self, colony):
        self._colony = colony
        colony.config.rmdir()
        colony.messages.rmdir()
        self._keyboard, self._screen = pty.openpty()
        fcntl.fcntl(self._keyboard, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def type(self, *commands):
        """Run commands that end, one after the other."""
        for command in commands:
            subprocess.run(
                ["sh", "-c", command], cwd=self._colony.folder, env=self._colony.environment(), check=True,
                timeout=PATIENCE, capture_output=True,
            )  # fmt: skip

    def run(self):
        """Run the colony in the foreground."""
        screen = {"stdin": self._screen, "stdout": self._screen, "stderr": self._screen}
        self._colony.start(
            command=RUN[self._colony.host.name].split(), prefix=AT_A_TERMINAL, source=self._keyboard,
            start_new_session=True, **screen,
        )  # fmt: skip

    def ctrl_c(self):
        """Press it, and return the exit status."""
        os.write(self._keyboard, b"\x03")
        return self._colony.ended()

    def close(self):
        """Close it."""
        os.close(self._screen)
        os.close(self._keyboard)


@pytest.fixture
def terminal(colony):
    """A terminal in the colony's folder, which is empty."""
    made = Terminal(colony)
    yield made
    if colony.process is not None and colony.process.poll() is None:
        colony.stop(signal.SIGINT)
    made.close()


def page():
    """Return the demo web server's page once it answers."""

    def fetched():
        try:
            with urllib.request.urlopen("http://localhost:8080/", timeout=PATIENCE) as answer:
                return answer.read()
        except (urllib.error.URLError, ConnectionError):
            return None

    return until(fetched, "the page on port 8080")


@on_both
def test_the_walkthrough_to_the_letter(colony, terminal):
    """The issue's own words, one after the other."""
    terminal.type(MAKE, ADD_WEB, ADD_ECHO)
    terminal.run()
    assert b"Twisted" in page()
    colony.wait_for(HELLO)

    web, echo = colony.pid_of("web"), colony.pid_of("echo")
    terminal.type(CTL + "restart web")
    web = colony.pid_of("web", web)
    terminal.type(CTL + "restart --name=web")
    web = colony.pid_of("web", web)
    assert colony.pid_of("echo") == echo

    terminal.type(CTL + "restart-all")
    web, echo = colony.pid_of("web", web), colony.pid_of("echo", echo)

    os.kill(web, signal.SIGKILL)
    web = colony.pid_of("web", web)
    os.kill(echo, signal.SIGKILL)
    echo = colony.pid_of("echo", echo)
    here = colony.here()
    assert page()
    colony.wait_for(HELLO, since=here - 1)

    assert terminal.ctrl_c() == colony.host.status(signal.SIGINT)
    assert not is_alive(web)
    assert not is_alive(echo)

    here = colony.here()
    terminal.run()
    assert page()
    colony.wait_for(HELLO, since=here)
    colony.pid_of("web")
    assert terminal.ctrl_c() == colony.host.status(signal.SIGINT)


@on_both
def test_hello_comes_at_once_and_at_every_period(colony, terminal):
    """The period is a second here, so that nobody has to wait for ten."""
    terminal.type(MAKE, OFTEN)
    terminal.run()
    until(lambda: colony.count(HELLO) >= 3, "the third hello")


@on_both
def test_the_order_of_the_commands_does_not_matter(colony, terminal):
    """A message before there is anybody to read it; programs added to a colony that runs already."""
    terminal.type(MAKE, ADD_WEB, CTL + "restart web", CTL + "restart-all")
    terminal.run()
    assert page()
    terminal.type(OFTEN)
    colony.wait_for(HELLO)
    web = colony.pid_of("web")
    terminal.type(CTL + "restart web")
    colony.pid_of("web", web)
    terminal.type(CTL + "remove web", CTL + "remove echo")
    colony.dies("web")
    colony.dies("echo")


@on_both
def test_an_interrupt_of_the_supervisor_alone_stops_everything_too(colony, terminal):
    """Ctrl-C reaches the whole foreground process group; kill -INT, of a script or a test, only the one process."""
    terminal.type(MAKE, ADD_WEB, OFTEN)
    terminal.run()
    colony.wait_for(HELLO)
    web, echo = colony.pid_of("web"), colony.pid_of("echo")
    assert colony.stop(signal.SIGINT) == colony.host.status(signal.SIGINT)
    gone(web, echo)


@on_both
def test_ctl_says_what_is_wrong(colony):
    """Who mistypes a name reads so at once, in one line, and finds it in the exit status."""
    colony.conf("web", {"args": ["sleep", "1000"]})
    colony.start()
    before = colony.pid_of("web")
    said = colony.ctl("restart", "nosuch", status=4)
    assert said == 'ncolony ctl: cannot restart "nosuch": there is no program "nosuch" in "conf"; there is "web"\n'
    assert 'did you mean "web"?' in colony.ctl("restart", "wbe", status=4)
    assert len(colony.ctl("restart", status=2).splitlines()) == 1
    colony.fence()
    assert colony.pids("web") == [before]
