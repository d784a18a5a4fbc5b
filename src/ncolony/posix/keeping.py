"""The supervisor's side of the keeper: starts it, gives it copies of pipes and sockets, and gets them back.

The keeper of an earlier supervisor goes on as ours. One that was killed is replaced, and the new one gets everything
anew. Nothing here waits for a keeper, but for :meth:`Keeping.recall`, which comes before everything else.
"""

from __future__ import annotations

import os
import sys

from ncolony.core.bare import signal
from ncolony.posix.handing import PACKAGE_ROOT
from ncolony.posix.keeper import ALL, DROP, END, GIVE, KEEP, MAX_SIZE, UNLABELLED, close_all, receive, send
from ncolony.posix.link import DOOR, Link, at_door, knock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from ncolony.core.outcome import Death
    from ncolony.ports import Loop, Timer
    from ncolony.posix.exits import Exits
else:
    import _socket as socket  # see keeper.py

PIPES, SOCKETS = "pipes", "sockets"
PROGRAM = f"""import sys
sys.path.insert(0, {PACKAGE_ROOT!r})
from ncolony.posix.keeper import main
main()"""
PATIENCE = 5.0
SHORT = 1.0  # seconds of life after which the next keeper has to wait
MAX_DELAY = 60.0
MAX_NOTE = MAX_SIZE // 2
TOGETHER = 32  # keys in one message: names have at most 200 bytes
LOST = "what a program writes is lost if it ends while no supervisor lives"
_BLOCKED = tuple(sorted(signal.valid_signals() - {signal.SIGTERM}))


class Copies:
    """What was kept of one slot or program."""

    __slots__ = ("fds", "note")

    def __init__(self, note: str, fds: dict[str, int]) -> None:
        """Hold it."""
        self.note, self.fds = note, fds


class Keeping:
    """What the keeper of a colony is to hold."""

    def __init__(
        self, loop: Loop, exits: Exits, folder: str, say: Callable[[str], None], patience: float = PATIENCE
    ) -> None:
        """Have the keeper's door in the state directory ``folder``, which is ours; ``say`` hears of trouble.

        There is no keeper before there is something to hold. ``patience``: seconds for one to answer, or to end.
        """
        self._loop, self._exits, self._say, self._patience = loop, exits, say, patience
        self._folder = os.path.abspath(folder)
        self._link: Link | None = None
        self._child: int | None = None  # the keeper, where it is a child of this process
        self._since = self._delay = 0.0
        self._timer: Timer | None = None
        self._ended: Callable[[], None] | None = None
        self._dropped: list[str] = []
        self.renewed: list[Callable[[], None]] = []
        """Called when there is a new keeper, which has to be told everything."""

    @property
    def holds(self) -> bool:
        """Tell whether there is a keeper that has all it was given, as far as is known."""
        return self._link is not None and self._link.idle

    def recall(self) -> dict[str, dict[str, Copies]]:
        """Return what an earlier supervisor left with its keeper, as it was kept; that keeper goes on as ours."""
        found: dict[str, dict[str, Copies]] = {PIPES: {}, SOCKETS: {}}
        try:
            keeper = knock(self._folder)
        except OSError:
            return found  # nobody is there
        try:
            keeper.settimeout(self._patience)
            send(keeper, (GIVE,))
            while (message := receive(keeper))[0][:1] != [ALL]:
                words, fds = message
                if not words:
                    break  # it has ended at this very moment, as it had nothing to wait for
                kind, _, key = words[1].partition("/") if len(words) >= UNLABELLED else ("", "", "")
                if len(fds) == len(words) - UNLABELLED and kind in found:
                    found[kind][key] = Copies(words[2], dict(zip(words[UNLABELLED:], fds, strict=True)))
                else:
                    close_all(fds)  # there is no room for them
            else:
                self._begin(keeper)
                return found
        except OSError as error:
            self._say(f"the keeper of an earlier supervisor does not answer: {error}; another one takes its place")
        keeper.close()
        return found

    def keep(self, kind: str, key: str, fds: Mapping[str, int], note: str = "") -> None:
        """Have copies of descriptors held, by label, instead of what this kind and key had. They are closed here.

        ``note`` comes back with them, unless it is very long.
        """
        if self._link is None and self._timer is None and self._ended is None:
            self._start()
        self._drop_all()
        if self._link is not None:
            note = note if len(os.fsencode(note)) < MAX_NOTE else ""
            self._link.send((KEEP, f"{kind}/{key}", note, *fds), tuple(fds.values()))
        else:
            close_all(fds.values())

    def drop(self, kind: str, key: str) -> None:
        """Have what was held of this kind and key closed, when the loop has turned."""
        if self._link is None:
            return
        if not self._dropped:
            self._loop.call_at(self._loop.now(), self._drop_all)
        self._dropped.append(f"{kind}/{key}")
        if len(self._dropped) >= TOGETHER:
            self._drop_all()

    def end(self, ended: Callable[[], None]) -> None:
        """Have the keeper end, and call ``ended`` when it is gone."""
        self._cancel()
        self._dropped.clear()  # all of it is dropped
        self._ended = ended
        if self._link is not None:
            self._link.send((END,))
            self._timer = self._loop.call_at(self._loop.now() + self._patience, self._kill)
        self._look()

    def close(self) -> None:
        """Let go of the keeper, and leave it to a successor."""
        self._cancel()
        self._drop_all()
        self._let_go()

    def renew(self) -> None:
        """Have another keeper if the door of this one was deleted: no successor would find it."""
        if self._link is None or os.path.lexists(f"{self._folder}/{DOOR}"):
            return
        link, child = self._link, self._child
        self._link = self._child = None
        self._renew()  # before the other one ends, so that there is no moment without
        link.send((END,))
        link.close()
        if child is not None:
            os.kill(child, signal.SIGKILL)  # it may not have heard it

    def _drop_all(self) -> None:
        dropped, self._dropped = self._dropped, []
        if dropped and self._link is not None:
            self._link.send((DROP, *dropped))

    def _start(self) -> None:
        self._timer = None
        try:
            self._begin(self._made())
        except OSError as error:
            if not self._delay:
                self._say(f"cannot start a keeper: {error.strerror or error}; {LOST}; it is tried again")
            self._try_later()

    def _made(self) -> socket.socket:
        """Start a keeper, and return the connection to it. Raises OSError."""
        door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._remove_door()
            at_door(self._folder, door.bind)
            keeper = knock(self._folder)  # it is answered when there is somebody
            try:
                self._watch(_spawn(door.fileno(), self._folder))
            except OSError:
                keeper.close()
                raise
            return keeper
        finally:
            door.close()

    def _watch(self, pid: int) -> None:
        def gone(_: Death) -> None:
            if self._child == pid:
                self._child = None
            self._look()

        try:
            self._exits.watch(pid, gone)
            self._child = pid
        except OSError:
            pass  # no room for it; it is reaped as an orphan is

    def _remove_door(self) -> None:
        try:
            os.unlink(f"{self._folder}/{DOOR}")
        except OSError:
            pass  # it is not there; any other reason is told when it is made

    def _begin(self, keeper: socket.socket) -> None:
        self._link = Link(self._loop, keeper, self._lost)
        self._since = self._loop.now()

    def _lost(self) -> None:
        """Have another keeper, unless this one was told to end."""
        self._let_go()
        if self._ended is not None:
            self._look()
        elif self._loop.now() - self._since >= SHORT:
            self._say("the keeper was killed; another one takes its place")
            self._delay = 0.0
            self._renew()
        else:
            if not self._delay:
                self._say(f"the keeper has ended at once; {LOST}; it is tried again")
            self._try_later()

    def _try_later(self) -> None:
        self._delay = min(2 * self._delay, MAX_DELAY) or SHORT
        self._timer = self._loop.call_at(self._loop.now() + self._delay, self._renew)

    def _renew(self) -> None:
        self._start()
        for call in self.renewed if self._link is not None else ():
            call()

    def _look(self) -> None:
        """Say that the keeper is gone, to who has it end, once it is."""
        if self._ended is not None and self._link is None and self._child is None:
            ended, self._ended = self._ended, _nothing
            self._cancel()
            self._remove_door()
            ended()

    def _kill(self) -> None:
        """End a keeper that does not end when it is told to."""
        self._timer = None
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
        self._let_go()
        self._look()

    def _let_go(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _spawn(door: int, folder: str) -> int:
    """Start a keeper behind an open door, and return its pid. Raises OSError."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    words = (sys.executable, "-I", "-S", "-c", PROGRAM, folder)  # the last is for people who look at it
    library = os.environ.get("LD_LIBRARY_PATH")  # nothing else of our environment is its business
    try:
        return os.posix_spawn(
            words[0],
            words,
            {} if library is None else {"LD_LIBRARY_PATH": library},
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((door, null, null))],
            setsid=True,
            setsigmask=_BLOCKED,
            setsigdef=(signal.SIGTERM, signal.SIGCHLD),
        )
    finally:
        os.close(null)


def _nothing() -> None:
    """Do nothing."""
