"""The sockets that the supervisor listens on for programs, and never accepts from.

They are bound before a program's first start and kept over its restarts, so that who connects meanwhile waits in the
backlog. An upgrade hands them over as open descriptors. When the supervisor was killed the keeper has them, and gives
them to the next one. Where there is no keeper they are got back from the processes that have them (see regain.py).

A socket is known by its address: kind, host and port. Needs the standard library's ``socket``, which is imported when
the first program wants one.
"""

from __future__ import annotations

import os

from ncolony.core.errors import OSFailure
from ncolony.core.sockets import address_of
from ncolony.posix.binding import FIRST_HELD, bind, place_of, place_of_fd, up
from ncolony.posix.handing import LISTENING
from ncolony.posix.held import adjust, check_options, give_up, hold, trim
from ncolony.posix.keeping import SOCKETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ncolony.core.program import Program
    from ncolony.core.sockets import Socket
    from ncolony.posix.binding import Place
    from ncolony.posix.held import Held
    from ncolony.posix.keeping import Copies, Keeping


class Listeners:
    """The open sockets of all programs (the Listeners port)."""

    def __init__(
        self,
        say: Callable[[str], None],
        keeping: Keeping | None = None,
        kept: Mapping[str, Copies] | None = None,
    ) -> None:
        """Begin with what an earlier version of this process has handed over.

        ``say`` hears of what is lost. ``keeping`` has copies of all sockets held, and ``kept`` are those that an
        earlier supervisor had held, by program.
        """
        self._say, self._keeping = say, keeping
        self._held: dict[str, dict[Place, Held]] = {}
        self._spare = _handed_over()
        self._owners: dict[Place, str] = {}
        """Whose a spare socket was, where the keeper has said so."""
        self._kept: dict[str, tuple[Held, ...] | None] = {}
        """What the keeper has by now, by program; None: what an earlier supervisor gave it."""
        for name, one in (kept or {}).items():
            self._kept[name] = None
            for fd in one.fds.values():
                self._take_back(fd, name)
        if keeping is not None:
            keeping.renewed.append(self._keep_anew)

    def open(self, program: Program, besides: Collection[Socket] = ()) -> tuple[int, ...]:
        """Return the descriptors of a program's sockets, bound now where they are not; see ports.py.

        Raises :class:`OSFailure`.
        """
        if not program.sockets and program.name not in self._held:
            return ()
        held = self._held.setdefault(program.name, {})
        wanted = {place_of(socket): socket for socket in program.sockets}
        trim(held, {*wanted, *map(place_of, besides)})
        try:
            for place, socket in wanted.items():
                self._have(held, place, socket, besides)
                if program.instances == 1:  # its predecessor's wish, which others may still rely on
                    os.set_blocking(held[place].fd, True)
        finally:
            self._keep(program.name)  # also where one cannot be bound: the keeper must not listen on where we do not
        return tuple(held[place].fd for place in wanted)

    def _have(self, held: dict[Place, Held], place: Place, socket: Socket, besides: Collection[Socket]) -> None:
        self._claim(held, place, socket)
        if place in held and not adjust(held[place], socket):
            check_options(socket, besides)
            give_up(held.pop(place))
        if place not in held:
            held[place] = hold(bind(socket), socket)

    def trim(self, name: str, wanted: Collection[Socket]) -> None:
        """Give up what a program has beyond ``wanted``."""
        if name in self._held:
            trim(self._held[name], set(map(place_of, wanted)))
            self._keep(name)

    def take_over(self, program: Program, run: str, born: int, pid: int | None) -> None:
        """Get a program's sockets back: handed over, or from its process ``pid`` that an earlier supervisor started.

        ``run`` and ``born``: see is_run.
        """
        held = self._held.setdefault(program.name, {})
        missing = {}
        for socket in program.sockets:
            self._claim(held, place_of(socket), socket)
            if place_of(socket) not in held:
                missing[place_of(socket)] = socket
        if missing and pid is not None:
            self._regain(program, missing, run, born, pid)
        self._keep(program.name)

    def _regain(self, program: Program, missing: dict[Place, Socket], run: str, born: int, pid: int) -> None:
        from ncolony.posix.regain import regain

        found, why = regain(pid, run, born, set(missing))
        for place, fd in found.items():
            try:
                self._held[program.name][place] = hold(up(fd), missing[place])
                del missing[place]
            except OSFailure as failure:
                why = str(failure)
        for socket in missing.values():
            self._say(
                f"cannot get the socket {socket.name} of {program.name} ({address_of(socket)}) back from process {pid}:"
                f" {why}; it serves on, and is listened on anew when that ends"
            )

    def close(self, name: str) -> None:
        """Close the sockets of a program that is no more, and remove their files."""
        for held in self._held.pop(name, {}).values():
            give_up(held)
        self._keep(name)

    def close_all(self) -> None:
        """Close everything."""
        for name in list(self._held):
            self.close(name)
        self.settle()

    def settle(self, programs: Iterable[Program] = ()) -> None:
        """Close what was handed over and is none of ``programs``.

        One that is stopped keeps its own, as under the supervisor before: nothing else may be left of it.
        """
        for program in programs:
            for socket in program.sockets:
                if self._owners.get(place_of(socket), program.name) == program.name:
                    self._claim(self._held.setdefault(program.name, {}), place_of(socket), socket)
        for fd in self._spare.values():
            os.close(fd)
        self._spare, self._owners = {}, {}
        for name in {**self._kept, **self._held}:
            self._keep(name)

    def leave(self) -> None:
        """Let go of all sockets, and leave their files to the processes that still listen on them."""
        for held in self._held.values():
            for one in held.values():
                os.close(one.fd)
        self._held = {}
        self._keeping = None  # what it has is for the next one
        self.settle()

    def hand_over(self) -> None:
        """Have the program that this process executes next get everything."""
        fds = self._all()
        for fd in fds:
            os.set_inheritable(fd, True)
        if fds:
            os.environ[LISTENING] = " ".join(map(str, fds))

    def take_back(self) -> None:
        """Undo that, as nothing was executed."""
        os.environ.pop(LISTENING, None)
        for fd in self._all():
            os.set_inheritable(fd, False)

    def _all(self) -> list[int]:
        return [*self._spare.values(), *(one.fd for held in self._held.values() for one in held.values())]

    def _take_back(self, fd: int, name: str) -> None:
        """Have a socket that was kept ready for its program."""
        place = place_of_fd(fd)
        if place is not None:
            self._owners[place] = name
        if place is None or place in self._spare:
            os.close(fd)
            return
        try:
            self._spare[place] = up(fd)
        except OSFailure as failure:
            self._say(f"{failure}; it is listened on anew")

    def _keep(self, name: str) -> None:
        """Have the keeper hold the sockets of a program, unless it does."""
        held = tuple(self._held.get(name, {}).values())
        if self._keeping is None or held == self._kept.get(name, ()):
            return
        copies: dict[str, int] = {}
        try:
            for one in held:
                copies[str(len(copies))] = os.dup(one.fd)
        except OSError:  # no room for copies
            for fd in copies.values():
                os.close(fd)
            return
        self._kept[name] = held
        if held:
            self._keeping.keep(SOCKETS, name, copies)
        else:
            del self._kept[name]
            self._keeping.drop(SOCKETS, name)

    def _keep_anew(self) -> None:
        self._kept.clear()
        for name in self._held:
            self._keep(name)

    def _claim(self, held: dict[Place, Held], place: Place, socket: Socket) -> None:
        if place not in held and place in self._spare:
            held[place] = hold(self._spare.pop(place), socket)


def _handed_over() -> dict[Place, int]:
    """Return the sockets that this process had as an earlier version of itself."""
    found: dict[Place, int] = {}
    for word in os.environ.pop(LISTENING, "").split():
        fd = int(word) if word.isdigit() else -1
        place = place_of_fd(fd) if fd >= FIRST_HELD else None
        if place is not None:
            os.set_inheritable(fd, False)
            found[place] = fd
    return found
