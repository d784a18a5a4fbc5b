"""``ncolony top``: how programs stand, live on a whole screen, with a key for what is done most often.

The terminal is blessed's, an extra of the package, and this is the only module that imports it; board.py says what is
shown. The supervisor is asked once a second, and for output only of the rows that are on the screen.
"""

from __future__ import annotations

import sys
import time

from ncolony.cli.board import Board, label, page, slot
from ncolony.cli.options import Option
from ncolony.cli.place import connect
from ncolony.cli.tables import COLOR, wants_color
from ncolony.cli.usage import Meter
from ncolony.cli.verb import DONE, Call, Verb, misused
from ncolony.cli.why import stories
from ncolony.control.client import Denied, Unanswered
from ncolony.core.errors import OSFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blessed import Terminal

    from ncolony.cli.board import Instance, Slot
    from ncolony.control.client import Client

EVERY = 1.0
TIMEOUT = 5.0
LINES = 200
VERBS = {"s": "start", "x": "stop", "r": "restart"}
ASKS = {"stop", "restart"}  # a slip of a finger must not end a service
DELETES = {"KEY_BACKSPACE", "KEY_DELETE"}


def _act(call: Call) -> int:
    if call.given.words:
        raise misused(call.verb, "found a word, wanted none; / filters")
    every, color = _every(call), wants_color(call.given)
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise misused(call.verb, "this is no terminal; `ncolony status` prints a table anywhere")
    try:
        from blessed import Terminal
    except ImportError:
        raise OSFailure("cannot draw on this terminal: pip install 'ncolony[top]' brings what that needs") from None
    client = connect(call.given, TIMEOUT)  # who is not there, or not allowed, is told before the screen is cleared
    terminal = Terminal()
    with terminal.fullscreen(), terminal.cbreak(), terminal.hidden_cursor():
        try:
            _Top(terminal, client, color=color).run(every)
        except KeyboardInterrupt:
            pass
        finally:
            client.close()
    return DONE


def _every(call: Call) -> float:
    text = call.given.last("--every")
    try:
        seconds = EVERY if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds < float("inf"):  # noqa: PLR2004 - more often is faster than anybody reads
        raise misused(call.verb, f"cannot use --every {text}: wanted a number of seconds, 0.1 or more")
    return seconds


class _Top:
    """The screen and its keys."""

    def __init__(self, terminal: Terminal, client: Client, *, color: bool) -> None:
        self._terminal, self._client, self._color = terminal, client, color
        self._board, self._meter = Board(), Meter()
        self._usage: dict[Slot, tuple[str, str]] = {}
        self._said: dict[Slot, str] = {}
        self._page: Callable[[], tuple[str, list[str]]] | None = None
        """What is read instead of the table."""
        self._confirm: tuple[str, Instance] | None = None
        self._typing = False
        self._lost = False

    def run(self, every: float) -> None:
        """Show, until that is enough."""
        due = 0.0
        while True:
            now = time.monotonic()
            if now >= due:
                self._asking(self._refresh)
                due = now + every
            self._draw()
            key = self._terminal.inkey(timeout=max(0.0, due - time.monotonic()))
            if key and not self._pressed(str(key), key.name or ""):
                return

    # What is asked ----------------------------------------------------------------------------------------------

    def _asking(self, ask: Callable[[], None]) -> None:
        """Ask something; where that fails, say why, and go on: the next supervisor may be there in a moment."""
        try:
            if self._lost:
                self._client.connect()
                self._lost, self._board.note = False, ""
            ask()
        except Denied as error:
            self._board.note = str(error)
        except Unanswered as error:
            self._lost, self._board.note = True, str(error)

    def _refresh(self) -> None:
        self._board.take(self._client.ask("status"))
        shown = self._board.visible(self._terminal.height)
        used = self._meter.read([one["pid"] for one in shown if one["pid"]], time.monotonic())
        self._usage = {slot(one): used[one["pid"]] for one in shown if one["pid"] in used}
        names = [f"{one['name']}:{one['number']}" for one in shown]
        if names:
            for line in self._client.parts("logs", names=names, lines=1):
                if line.get("line"):
                    self._said[line["program"], line["instance"]] = line["line"]

    def _do(self, verb: str, one: Instance) -> None:
        self._client.ask(verb, names=[f"{one['name']}:{one['number']}"], wait=False, why="by a key of ncolony top")
        self._board.note = ""
        self._refresh()

    def _logs(self, one: Instance) -> tuple[str, list[str]]:
        lines = self._client.parts("logs", names=[f"{one['name']}:{one['number']}"], lines=LINES)
        return f"{label(one)}: its last lines", [line["line"] for line in lines if "line" in line]

    def _why(self, one: Instance) -> tuple[str, list[str]]:
        answer = self._client.ask("why", names=[f"{one['name']}:{one['number']}"])
        return f"{label(one)}: why", stories(answer, time.time())

    # What is shown ----------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        terminal, found = self._terminal, None
        if self._page is not None:
            shown = self._page

            def ask() -> None:
                nonlocal found
                found = shown()

            self._asking(ask)
        columns, height = terminal.width, terminal.height
        if found is not None:
            lines = page(*found, columns, height, color=self._color)
        else:
            lines = self._board.lines(columns, height, self._usage, self._said, color=self._color)
        text = "\r\n".join(f"{line}{terminal.clear_eol}" for line in lines[:height])
        sys.stdout.write(f"{terminal.home}{text}{terminal.clear_eos}")
        sys.stdout.flush()

    # What is pressed --------------------------------------------------------------------------------------------

    def _pressed(self, key: str, name: str) -> bool:
        """Do what a key is for; tell whether to go on."""
        if self._page is not None:
            self._page = None
        elif self._typing:
            self._type(key, name)
        elif self._confirm is not None:
            (verb, one), self._confirm, self._board.note = self._confirm, None, ""
            if key in {"y", "Y"}:
                self._asking(lambda: self._do(verb, one))
        elif key == "q":
            return False
        elif key == "/":
            self._typing = True
            self._type("", "")
        else:
            self._choose(key, name)
        return True

    def _choose(self, key: str, name: str) -> None:
        screen = max(1, self._terminal.height - 4)
        moves = {"KEY_UP": -1, "k": -1, "KEY_DOWN": 1, "j": 1, "KEY_PGUP": -screen, "KEY_PGDOWN": screen,
                 "KEY_HOME": -(10**6), "KEY_END": 10**6}  # fmt: skip
        one = self._board.selected
        if by := moves.get(name) or moves.get(key):
            self._board.move(by)
        elif one is None:
            return
        elif key == "l":
            self._page = lambda: self._logs(one)
        elif key == "w":
            self._page = lambda: self._why(one)
        elif (verb := VERBS.get(key)) in ASKS:
            self._confirm = (str(verb), one)
            self._board.note = f"{verb} {label(one)}? y does it, any other key does not"
        elif verb is not None:
            self._asking(lambda: self._do(verb, one))

    def _type(self, key: str, name: str) -> None:
        board = self._board
        if name in {"KEY_ENTER", "KEY_ESCAPE"} or key in {"\n", "\r", "\x1b"}:
            self._typing, board.note = False, ""
            if name == "KEY_ESCAPE" or key == "\x1b":
                board.filter = ""
            return
        if name in DELETES or key in {"\x7f", "\b"}:
            board.filter = board.filter[:-1]
        elif key.isprintable():
            board.filter += key
        board.note = f"only names, states and labels with: {board.filter}_ (Enter keeps it, Escape shows all)"


TOP = Verb(
    "top", "show how programs stand, live on a whole screen", _act, "",
    (Option("--every", "SECONDS", f"how often to ask [{EVERY:g}]"), COLOR),
    "Arrows select, s starts, x stops, r restarts, l shows the last lines, w tells why, / filters, q quits. CPU and\n"
    "memory are of the program's own process, on this machine. Needs the extra: pip install 'ncolony[top]'",
)  # fmt: skip
