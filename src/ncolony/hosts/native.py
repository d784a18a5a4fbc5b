"""A colony on our own loop: the standard library and nothing else."""

from __future__ import annotations

import os
import sys

from ncolony.core.bare import signal
from ncolony.core.outcome import signal_name
from ncolony.hosts.colony import Colony, Hosting
from ncolony.hosts.upgrade import HEARD
from ncolony.loop import Loop
from ncolony.posix.console import Console
from ncolony.posix.descriptors import open_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from ncolony.hosts.settings import Settings


class Host:
    """Runs one colony in this process."""

    def __init__(self, settings: Settings) -> None:
        """Make everything ready; nothing is started yet."""
        open_standard()
        self._loop = Loop()
        self._console = Console(self._loop)
        self._output: Console | None = None
        """Standard output, once a program's log goes there."""
        hosting = Hosting(end=lambda: self._stop("a client"), unheard=self._unheard)
        self._colony = Colony(self._loop, settings, self._console.say, self, hosting)
        self._colony.finish = self._finish
        self._colony.be_spared()
        self._caught: list[int] = []
        self._stopping = False
        self._status = 0

    def run(self) -> int:
        """Run until told to stop by SIGTERM or SIGINT, or by the end of a critical program; return the exit status."""
        self._take_signals()
        self._colony.start()
        self._loop.run(self._report_bug)
        self._console.close()
        if self._output is not None:
            self._output.close()
        return self._status

    def _finish(self, status: int) -> None:
        self._stopping = True
        self._status = status
        self._colony.stop(self._loop.stop)

    def write(self, label: str, stream: str, lines: Sequence[bytes]) -> None:
        """Take a program's lines (the LogSink port)."""
        self._console.write(label, stream, lines)

    def put(self, to: str, text: str) -> None:
        """Take lines of text that are ready to be shown (the LogSink port)."""
        if to == "stderr":
            self._console.put(text)
            return
        if self._output is None:  # where both are one, their lines must not be mixed
            self._output = self._console if os.path.sameopenfile(1, 2) else Console(self._loop, 1)
        self._output.put(text)

    def _report_bug(self) -> None:
        """Say what went wrong in the supervisor itself, and go on: the programs have done nothing."""
        try:
            from traceback import format_exc

            lines = format_exc().splitlines()
        except OSError:  # without a descriptor to read that module with
            lines = [repr(sys.exc_info()[1])]
        for line in ("a bug of NColony; it goes on, please report it", *lines):
            self._console.say(line)

    def _take_signals(self) -> None:
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in HEARD:
            signal.signal(number, self._catch)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # an earlier version of this process left them blocked
        self._loop.watch(read, lambda: self._handle(read))

    def _catch(self, number: int, _: FrameType | None) -> None:
        self._caught.append(number)

    def _unheard(self) -> list[int]:
        caught, self._caught = self._caught, []
        return caught

    def _handle(self, read: int) -> None:
        os.read(read, 4096)
        for number in self._unheard():
            if number == signal.SIGHUP:
                self._colony.look_again()
            elif number == signal.SIGUSR2:
                if not self._stopping:
                    self._colony.upgrade()
            elif self._stopping:
                self._console.say(f"{signal_name(number)} once more: killing what has not stopped yet")
                self._colony.hurry()
            else:
                self._stop(signal_name(number))

    def _stop(self, why: str) -> None:
        if not self._stopping:
            self._stopping = True
            self._console.say(f"{why}: stopping all programs")
            self._colony.stop(self._loop.stop)
