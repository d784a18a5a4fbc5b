"""What processes report themselves: on the notify socket, or by a newline on a descriptor (the Reporting port)."""

from __future__ import annotations

import json
import os
from errno import EADDRINUSE

from ncolony.core import notices
from ncolony.core.errors import OSFailure
from ncolony.core.launch import Outfit
from ncolony.core.probespec import FD, Signs
from ncolony.core.sockets import MAX_SOCKETS
from ncolony.posix.handing import REPORTING
from ncolony.posix.newlines import Newlines
from ncolony.posix.senders import Senders
from ncolony.posix.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from ncolony.core.probespec import Reports
    from ncolony.core.program import Program
    from ncolony.ports import Loop
    from ncolony.posix.notify import NotifySocket
    from ncolony.posix.senders import Run

    class Hearing(Protocol):
        """Who is told."""

        def told(self, name: str, number: int, run: int, said: Mapping[str, str], main_pid: int | None) -> None:
            """Take in what a process of a run has said."""

        def ready(self, name: str, number: int, run: int) -> None:
            """Take in that a run has written its newline."""


MICRO = 1_000_000
QUIET = 60.0  # seconds between two lines about strangers


class Reporting:
    """Takes reports in. The socket is opened for the first program that wants it."""

    def __init__(
        self, loop: Loop, hearing: Hearing, colony: str, say: Callable[[str], None], handed_over: str = ""
    ) -> None:
        """Tell ``hearing``. ``colony``: as in the marks of its runs; ``handed_over``: what REPORTING said."""
        self._loop, self._hearing, self._say = loop, hearing, say
        self._name = f"ncolony/{colony}"
        self._senders = Senders(colony)
        self._newlines = Newlines(loop)
        self._store = Store()
        self._programs: dict[tuple[str, int], Program] = {}
        self._socket: NotifySocket | None = None
        self._strangers = 0
        self._quiet_until = float("-inf")
        if handed_over:
            self._go_on_with(handed_over)

    def _go_on_with(self, handed_over: str) -> None:
        from ncolony.posix.notify import handed_on

        given = json.loads(handed_over)
        fd = given["socket"]
        if fd is not None and handed_on(fd, given["name"]):
            self._name = given["name"]
            os.set_inheritable(fd, False)
            self._open(fd)
        for name, number, kept, stored in given["stored"]:
            try:
                self._store.take_back((name, number), kept, stored)
            except OSError:
                continue  # it was closed on the way

    def _open(self, fd: int = -1) -> NotifySocket:
        """Open the socket where it is not. Raises OSFailure."""
        if self._socket is None:
            from ncolony.posix.notify import NotifySocket

            try:
                try:
                    self._socket = NotifySocket(self._loop, self._name, self._heard, fd)
                except OSError as error:
                    if error.errno != EADDRINUSE:
                        raise
                    self._say(
                        f"somebody else listens on the notify socket @{self._name}; programs that know no other address"
                        " are not heard until they are started again"
                    )
                    self._name = f"{self._name}-{os.urandom(4).hex()}"
                    self._socket = NotifySocket(self._loop, self._name, self._heard)
            except OSError as error:
                why = error.strerror or error
                raise OSFailure(f"cannot listen on the notify socket @{self._name}: {why}") from None
        return self._socket

    # Runs -----------------------------------------------------------------------------------------------------------

    def outfit(self, program: Program, number: int, run: int, reports: Reports) -> Outfit:
        """See ports.py."""
        slot = (program.name, number)
        self._programs[slot] = program
        env = []
        if reports.notify:
            env.append(("NOTIFY_SOCKET", f"@{self._open().name}"))
        if reports.watchdog:
            env.append(("WATCHDOG_USEC", str(round(reports.watchdog * MICRO))))
        report = None
        if reports.fd is not None:
            held = self._newlines.make(slot, lambda: self._hearing.ready(*slot, run))
            report = (held, reports.fd)
        return Outfit(tuple(env), self._store.of(slot), report, bool(reports.watchdog))

    def spawned(self, name: str, number: int) -> None:
        """See ports.py."""
        self._newlines.spawned((name, number))

    def alive(self, program: Program, number: int, run: int, pid: int, *, taken_over: bool = False) -> None:
        """See ports.py."""
        reports, slot = program.reports, (program.name, number)
        if reports is None:
            return
        self._programs[slot] = program
        self._senders.add(pid, (*slot, run))
        if not taken_over:
            return
        if reports.notify:
            try:
                self._open()
            except OSFailure as failure:
                self._say(f"{failure}; what programs say there is not heard")
        rule = program.ready
        if rule is not None and isinstance(rule.by, Signs) and rule.by.kind == FD:
            self._newlines.take_over(slot, pid, rule.by.fd, lambda: self._hearing.ready(*slot, run))

    def ended(self, name: str, number: int) -> None:
        """See ports.py."""
        self._programs.pop((name, number), None)
        self._senders.remove((name, number))
        self._newlines.drop((name, number))

    def forget(self, name: str, number: int) -> None:
        """See ports.py."""
        self._store.drop((name, number))

    def hand_over(self) -> None:
        """See ports.py."""
        socket = None if self._socket is None else self._socket.fileno()
        stored = [[*slot, name, fd] for slot, name, fd in self._store.all()]
        for fd in self._fds():
            os.set_inheritable(fd, True)
        if socket is not None or stored:
            os.environ[REPORTING] = json.dumps({"name": self._name, "socket": socket, "stored": stored})

    def take_back(self) -> None:
        """See ports.py."""
        os.environ.pop(REPORTING, None)
        for fd in self._fds():
            os.set_inheritable(fd, False)

    def _fds(self) -> list[int]:
        return [*([] if self._socket is None else [self._socket.fileno()]), *(fd for _, _, fd in self._store.all())]

    def close(self) -> None:
        """See ports.py."""
        self._newlines.close()
        self._store.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # Messages -------------------------------------------------------------------------------------------------------

    def _heard(self, pid: int, uid: int, message: bytes, fds: list[int]) -> None:
        said = notices.read(message)
        run = self._senders.run_of(pid)
        if run is None:
            self._meet_stranger(pid, uid)
        if run is not None and said.get("FDSTORE") == "1":
            self._keep(run, said, fds)
        else:
            for fd in fds:  # of BARRIER=1: its sender waits for just that
                os.close(fd)
        if run is None:
            return
        if said.get("FDSTOREREMOVE") == "1":
            self._store.remove(run[:2], notices.name_of(said.get("FDNAME")))
        main = notices.number(said.get("MAINPID"))
        self._hearing.told(*run, said, main if main is not None and self._senders.run_of(main) == run else None)

    def _keep(self, run: Run, said: Mapping[str, str], fds: Sequence[int]) -> None:
        program = self._programs.get(run[:2])
        numbered = program is None or program.reports is None or program.reports.fd is not None
        room = 0 if numbered or program is None else MAX_SOCKETS - len(program.sockets)
        refused = self._store.keep(run[:2], notices.name_of(said.get("FDNAME")), fds, room)
        if refused:
            self._say(f"{run[0]} wants {refused} descriptors more to be kept for it than there is room for: closed")

    def _meet_stranger(self, pid: int, uid: int) -> None:
        self._strangers += 1
        if self._loop.now() < self._quiet_until:
            return
        self._quiet_until = self._loop.now() + QUIET
        number = "a message" if self._strangers == 1 else f"{self._strangers} messages"
        self._strangers = 0
        who = f"process {pid}, user {uid}, which is no program's that may say anything there"
        self._say(f"ignored {number} on the notify socket, the last from {who}")
