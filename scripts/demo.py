"""The walkthrough of README.md, step by step, for someone who has never seen NColony. Started by scripts/demo.

Waits for events (a line in the log, a page, an end), each with a deadline, and ends only what it started: every process
of the demo carries a mark in its environment, and is looked for by it.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

PORT = 8080
WIDTH = 100
PATIENCE = 30.0  # seconds for anything to happen; it takes one or two
MARK = f"NCOLONY_DEMO={os.getpid()}.{time.time_ns()}"
# The walkthrough as README.md has it; a test compares them.
CTL = ["python", "-m", "ncolony", "ctl", "--messages", "messages", "--config", "conf"]
TIMES = ["--arg=--frequency=10", "--arg=--timeout=5", "--arg=--grace=10"]
MAKE = ["mkdir", "messages", "conf"]
ADD_WEB = [*CTL, "add", "--name=web", "--cmd=python", "--arg=-m", "--arg=twisted", "--arg=web"]
ADD_ECHO = [
    *CTL, "add", "--name=echo", "--cmd=python", "--arg=-m", "--arg=twisted", "--arg=ncolony-scheduler",
    "--arg=--arg=echo", "--arg=--arg=hello", *TIMES,
]  # fmt: skip
RUN = ["python", "-m", "twisted", "ncolony", "--messages", "messages", "--config", "conf"]
WALKTHROUGH = [MAKE, ADD_WEB, ADD_ECHO, RUN]


class Failed(Exception):
    """A step did not go as it should; the message says which and how."""


def main() -> int:
    """Run the demo; return the exit status."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    with tempfile.TemporaryDirectory(prefix="ncolony-demo-") as folder:
        demo = Demo(folder)
        try:
            walk(demo)
        except Failed as failure:
            print(f"\nscripts/demo: {failure}", file=sys.stderr)
            demo.show_log()
            return 1
        except KeyboardInterrupt:
            print("\nscripts/demo: interrupted; ending what it started", file=sys.stderr)
            return 130
        finally:
            demo.clean_up()
    print(f"\nall done in {time.monotonic() - began:.0f} s")
    return 0


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def walk(demo: Demo) -> None:
    """Go through the walkthrough."""
    port = free_port()
    say("A colony is two directories: one of programs, one of messages to the supervisor.")
    demo.run(MAKE)

    say("Describe a web server. Each --arg is one word of its command line.")
    elsewhere = [] if port == PORT else [f"--arg=--listen=tcp:{port}"]
    if elsewhere:
        print(f"  (Port {PORT} is taken on this machine, so it listens on {port} instead.)")
    demo.run([*ADD_WEB, *elsewhere])

    say("Describe a second program, a scheduler that says hello every 10 seconds.")
    demo.run(ADD_ECHO)

    say("Run the colony. This is the supervisor; it starts both programs.")
    demo.start(RUN)
    first = demo.pid_of("web")
    demo.expect(r"echo.*\bhello\b", "hello from echo")
    print(f"  It runs. The web server has pid {first}.")

    say("Fetch a page from the web server.")
    print(f"  $ curl http://localhost:{port}/\n  > {demo.fetch(port)}")

    demo.until_it_ran_a_second("web")
    say("Kill the web server with SIGKILL, as a crash would.")
    print(f"  $ kill -9 {first}")
    os.kill(first, signal.SIGKILL)
    second = demo.pid_of("web", not_in={first})
    demo.fetch(port)
    print(f"  It is back, with pid {second}, and serves the page again.")

    say("Restart it on purpose.")
    demo.run([*CTL, "restart", "web"])
    third = demo.pid_of("web", not_in={first, second})
    demo.fetch(port)
    print(f"  The web server now has pid {third}.")

    say("Stop everything, as Ctrl-C does.")
    demo.interrupt()
    left = demo.left_behind()
    if left:
        raise Failed(f"processes were left behind: {left}")
    print("  Both programs have ended, and no process is left.")


def say(words: str) -> None:
    """Begin a step."""
    print(f"\n{words}", flush=True)


class Demo:
    """What the demo has started, and where."""

    def __init__(self, folder: str) -> None:
        """Begin with nothing, in an empty folder."""
        name, _, value = MARK.partition("=")
        self.folder = folder
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        self.env = {**os.environ, name: value, "PATH": path, "PYTHONUNBUFFERED": "1"}
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.screen = -1
        self.log = ""
        self.read_to = 0
        self.started = {}

    def run(self, words: list[str]) -> None:
        """Show a command, and run it to its end."""
        print(f"  $ {shlex.join(words)}", flush=True)
        done = subprocess.run(
            words, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False
        )
        if done.returncode != 0:
            raise Failed(f"`{shlex.join(words)}` ended with status {done.returncode}")

    def start(self, words: list[str]) -> None:
        """Show the supervisor's command, and start it on a terminal of its own, as its reader would."""
        print(f"  $ {shlex.join(words)}", flush=True)
        self.screen, inner = pty.openpty()
        self.supervisor = subprocess.Popen(
            words, cwd=self.folder, env=self.env, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
        )
        os.close(inner)

    def expect(self, pattern: str, what: str) -> re.Match[str]:
        """Wait for the next line of the log that has ``pattern``, and show it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while "\n" in self.log[self.read_to :]:
                end = self.log.index("\n", self.read_to)
                line, self.read_to = self.log[self.read_to : end].strip(), end + 1
                if found := re.search(pattern, line):
                    print(f"  > {line if len(line) <= WIDTH else line[:WIDTH] + ' ...'}", flush=True)
                    return found
            if not self._read_log(deadline - time.monotonic()):
                assert self.supervisor is not None
                if self.supervisor.poll() is not None:
                    raise Failed(f"the supervisor has ended with status {self.supervisor.returncode}")
                if time.monotonic() > deadline:
                    raise Failed(f"waited {PATIENCE:.0f} s for {what} in the supervisor's log, and it did not come")

    def pid_of(self, name: str, not_in: frozenset[int] | set[int] = frozenset()) -> int:
        """Wait for the log to tell the pid of a new process of a program."""
        while True:
            found = self.expect(rf"\b{name} runs, pid (\d+)", f"a new process of {name}")
            if (pid := int(found[1])) not in not_in:
                self.started[name] = time.monotonic()
                return pid

    def until_it_ran_a_second(self, name: str) -> None:
        """Let a program reach the age from which on it is started again at once, and not after a delay."""
        left = self.started[name] + 1.2 - time.monotonic()
        while left > 0:
            self._read_log(left)
            left = self.started[name] + 1.2 - time.monotonic()

    def fetch(self, port: int) -> str:
        """Fetch the web server's page as soon as it listens; return its title."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with _NO_PROXY.open(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    page = answer.read().decode("utf-8", "replace")
                break
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline:
                    raise Failed(f"the web server does not answer on port {port}: {error}") from None
                self._read_log(0.05)
        title = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
        if title is None or "Twisted" not in page:
            raise Failed(f"port {port} answers with another page than that of the demo")
        return " ".join(title[1].split())

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait for the supervisor to end by itself."""
        assert self.supervisor is not None
        self.supervisor.send_signal(signal.SIGINT)
        deadline = time.monotonic() + PATIENCE
        while self.supervisor.poll() is None:
            if time.monotonic() > deadline:
                raise Failed(f"the supervisor still runs {PATIENCE:.0f} s after SIGINT")
            self._read_log(0.05)

    def left_behind(self) -> list[int]:
        """Return the pids of all processes that carry the mark; the supervisor's programs inherit it."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    if MARK.encode() in (process / "environ").read_bytes().split(b"\0"):
                        found.append(int(process.name))
                except OSError:
                    continue  # it has ended, or is somebody else's
        return found

    def clean_up(self) -> None:
        """End what is still there: politely, then not."""
        if self.supervisor is not None:
            if self.supervisor.poll() is None:
                self.supervisor.send_signal(signal.SIGTERM)
                deadline = time.monotonic() + 10
                while self.supervisor.poll() is None and time.monotonic() < deadline:
                    self._read_log(0.05)
            for pid in self.left_behind():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.supervisor.wait()
        if self.screen >= 0:
            os.close(self.screen)
            self.screen = -1

    def show_log(self) -> None:
        """Show the end of the supervisor's log, for whoever has to find out what went wrong."""
        if self.log:
            print("the end of the supervisor's log:", file=sys.stderr)
            print("\n".join(f"  > {line.rstrip()}" for line in self.log.splitlines()[-20:]), file=sys.stderr)

    def _read_log(self, patience: float) -> bool:
        """Wait for more of the log. False: none came, or the supervisor has ended."""
        ready, _, _ = select.select([self.screen], [], [], max(patience, 0.0))
        if not ready:
            return False
        try:
            data = os.read(self.screen, 65536)
        except OSError:  # nobody has the terminal open any more
            time.sleep(0.01)
            return False
        self.log += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return True


_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """Return 8080, or a free port where that is taken."""
    for port in (PORT, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("", port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise Failed("no port is free")


if __name__ == "__main__":
    sys.exit(main())
