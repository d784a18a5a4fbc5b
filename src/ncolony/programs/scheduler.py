"""``twist ncolony-scheduler``: runs one command again and again, as a program of a colony or by itself.

    python -m twisted ncolony-scheduler --arg=echo --arg=hello --frequency=10 --timeout=5 --grace=10

When it starts and ends runs, schedule.py says. The command gets the scheduler's environment, NCOLONY_… included, as it
belongs to the same program; but not what a service manager told the scheduler alone (NOTIFY_SOCKET, LISTEN_FDS and
their like). Its standard input is /dev/null; its output goes on as this program's own, whole lines
at a time.

Told to stop, the scheduler gives a running command the grace, but 3 seconds at most, before SIGKILL, and ends when it
is gone. Killed with SIGKILL, it can do nothing, and its command lives on: so a colony's ``--killtime``, 5 seconds by
default, has to be above 3 where commands may be slow to end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.python.usage import Options as UsageOptions

from ncolony.client import heart
from ncolony.core.errors import ConfigError
from ncolony.loop import Loop
from ncolony.posix.channels import PipeChannels
from ncolony.posix.console import readable
from ncolony.posix.descriptors import FileLimit, keep_private
from ncolony.posix.exits import SigchldExits, has_pidfds
from ncolony.posix.spawn import PosixSpawner
from ncolony.posix.targets import Targets
from ncolony.programs.bridge import Bridge, installed_reactor
from ncolony.programs.runner import Runner
from ncolony.programs.schedule import INFO, Job
from ncolony.programs.sessions import SessionExits, SessionSpawner
from ncolony.programs.usage import SHORTEST, bad_options_end, seconds
from ncolony.programs.voice import write
from ncolony.runtime.launching import inherited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.application.service import IService

    from ncolony.programs.bridge import Reactor
    from ncolony.programs.schedule import Say

NAME = "ncolony-scheduler"
DEFAULT_GRACE = 5.0


class Options(UsageOptions):
    """The command line of ``twist ncolony-scheduler``."""

    synopsis = "--arg=COMMAND [--arg=ARGUMENT ...] --frequency=SECONDS [--timeout=SECONDS] [--grace=SECONDS]"
    longdesc = "Runs a command at once and then at every period, never twice at a time. Seconds may have fractions."
    optParameters = [  # noqa: RUF012 - as Twisted wants it
        ["frequency", None, None, "The period: seconds from one start to the next."],
        ["timeout", None, None, "How long a run may take before it gets SIGTERM (default: as long as it likes)."],
        ["grace", None, None, f"How long after SIGTERM it gets SIGKILL (default: {DEFAULT_GRACE:g})."],
    ]

    job: Job

    def __init__(self) -> None:
        """Begin with no words."""
        super().__init__()
        self._words: list[str] = []

    def opt_arg(self, word: str) -> None:
        """The command, then its arguments: one --arg for each word."""
        self._words.append(word)

    def parseArgs(self, *words: str) -> None:
        """Refuse words that belong to no option."""
        if words:
            raise ConfigError(f"cannot use {words[0]!r}: each word of the command has to be given as --arg=WORD")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line. One that is no use ends the process: one line on standard error, status 2."""
        with bad_options_end(NAME):
            super().parseOptions(options)
            self.job = _job(self._words, self)


def _job(words: Sequence[str], given: dict[str, str | None]) -> Job:
    """Make the job of a command line. Raises :class:`ConfigError` with all that is wrong with it."""
    wrong: list[str] = []
    if not words or not words[0]:
        wrong.append("cannot run without a command: give it, --arg=COMMAND, and each argument, --arg=ARGUMENT")
    every = seconds("frequency", given["frequency"], SHORTEST, wrong)
    if given["frequency"] is None:
        wrong.append("cannot run without --frequency: give the period, --frequency=SECONDS")
    timeout = seconds("timeout", given["timeout"], SHORTEST, wrong)
    grace = seconds("grace", given["grace"], 0.0, wrong)
    if wrong or every is None:
        raise ConfigError("; ".join(wrong))
    return Job(tuple(words), every, timeout, DEFAULT_GRACE if grace is None else grace)


def makeService(options: Options) -> IService:
    """Make the service that runs the job of a command line, and beats where the program's file asks for it."""
    return heart.wrapHeart(SchedulerService(options.job))


class SchedulerService(Service):
    """Runs a job while it is running itself."""

    def __init__(self, job: Job, reactor: Reactor | None = None) -> None:
        """Run on ``reactor``; None: on the one that Twisted has installed by the time the service starts."""
        self._job = job
        self._reactor = reactor
        self._open: _Open | None = None

    def startService(self) -> None:
        """Start the first run as soon as the reactor runs."""
        super().startService()
        reactor = self._reactor = self._reactor or installed_reactor()
        if has_pidfds():
            self._start(reactor)
        else:  # ends are learned from SIGCHLD, whose handler the reactor sets after it has begun to run
            reactor.callWhenRunning(lambda: reactor.callLater(0, lambda: self._start(reactor)))

    def _start(self, reactor: Reactor) -> None:
        if self.running:
            self._open = _Open(self._job, reactor)

    def stopService(self) -> Deferred[None]:
        """End the running command; the result comes when it is gone."""
        super().stopService()
        stopped: Deferred[None] = Deferred()
        was_open, self._open = self._open, None
        if was_open is None:
            stopped.callback(None)
        else:
            was_open.close(stopped)
        return stopped


class _Open:
    """What a running service holds."""

    def __init__(self, job: Job, reactor: Reactor) -> None:
        keep_private()
        loop = Loop()
        self._bridge = Bridge(loop, reactor)
        self._sigchld = None if has_pidfds() else SigchldExits(loop)
        self._spawner = PosixSpawner(loop, self._sigchld or SessionExits(loop), FileLimit())
        spawn = self._spawner.spawn if self._sigchld else SessionSpawner(self._spawner).spawn
        self._runner = Runner(loop, spawn, PipeChannels(loop, Targets(loop, Output())), job, _tell)
        self._runner.start(inherited(os.environ))
        self._bridge.open()

    def close(self, stopped: Deferred[None]) -> None:
        def close() -> None:
            self._spawner.close()
            if self._sigchld is not None:
                self._sigchld.close()
            self._bridge.close()
            stopped.callback(None)

        self._runner.stop(close)
        self._bridge.rearm()


class Output:
    """Takes the command's output (the LogSink port)."""

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:  # noqa: ARG002 - the port's signature
        """Write whole lines as they are."""
        self.put(stream, "".join(f"{readable(line)}\n" for line in lines))

    def put(self, to: str, text: str) -> None:
        """Write lines of text that are ready to be shown."""
        write(to, text)


def _tell(said: Say) -> None:
    write("stdout" if said.level == INFO else "stderr", f"{NAME}: {said.line}\n")
