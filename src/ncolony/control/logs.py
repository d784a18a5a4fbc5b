"""The verb ``logs``: the last lines of programs, and what they write from now on.

No program waits for a client: a client has room for 64 KB that it has not read, and what comes beyond that is counted
and passed over.
"""

from __future__ import annotations

from time import time

from ncolony.control.calls import a_part
from ncolony.control.messages import done, encode
from ncolony.control.status import targets_of
from ncolony.control.targets import Filter, numbers
from ncolony.core.bare import deque
from ncolony.posix.lines import Lines
from ncolony.posix.pump import RECENT, last_lines
from ncolony.posix.targets import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.control.calls import Call, World
    from ncolony.core.program import Program

    Slot = tuple[str, int]

HELD = 65536  # bytes for a client that has not read what came before
LINES = 10
STREAMS = ("stdout", "stderr")


def logs(world: World, call: Call) -> None:
    """Tell the last lines, and go on if that is asked for."""
    targets = targets_of(world, call, reading=True)
    programs = world.supervisor.programs
    slots = [(name, number) for name in targets for number in numbers(programs[name], targets)]
    reader = Reader(world, call, slots)
    if call.arguments.get("follow", False):
        names = call.arguments.get("names")
        some = Filter(programs, names) if isinstance(names, tuple) and names else None
        reader.go_on(_everything if some is None else some.wants)
    call.stream(reader)


class Reader:
    """One client that reads programs' output (a Source)."""

    def __init__(self, world: World, call: Call, slots: list[Slot]) -> None:
        """Begin with the last lines of ``slots``."""
        self._world, self._call = world, call
        self._slots = deque(slots)
        self._untold = set(slots)
        """Those whose last lines are not told yet; what they write meanwhile will be among them."""
        stream = call.arguments.get("stream")
        self._streams = (stream,) if isinstance(stream, str) else STREAMS
        count = call.arguments.get("lines", LINES)
        self._count = count if isinstance(count, int) else LINES
        since = call.arguments.get("since")
        self._since = since if isinstance(since, float) else None
        self._told = 0
        self._lines: dict[tuple[str, int, str], Lines] = {}
        self._waiting: list[bytes] = []
        self._size = 0
        self._gaps: dict[tuple[str, int, str], int] = {}
        self._end: Callable[[], None] | None = None
        self.done = self.follows = False

    def go_on(self, wants: Callable[[str, int], bool]) -> None:
        """Tell of what is still to come from those that are wanted."""
        self.follows = True
        self._end = self._world.outputs.follow(wants, self.take)

    def pull(self) -> bytes:
        """Return the last lines of the next slot; when all are told, what has come since."""
        while self._slots:
            slot = self._slots.popleft()
            self._untold.discard(slot)
            if piece := self._last_lines(*slot):
                return piece
        if not self.follows:
            self.done = True
            return done(self._call.id, f'"lines":{self._told}')
        pieces, self._waiting, self._size = self._waiting, [], 0
        gaps, self._gaps = self._gaps, {}
        pieces += (self._part(*origin, f'"gap":{size}') for origin, size in gaps.items())
        return b"".join(pieces)

    def take(self, name: str, number: int, stream: str, data: bytes) -> None:
        """Take what a program has written just now."""
        if (name, number) in self._untold or not self._wants(name, stream):
            return
        origin = (name, number, stream)
        lines = self._lines.setdefault(origin, Lines())
        whole = lines.feed(data) if data else lines.end()
        if not whole:
            return
        at = timestamp(time())
        for line in whole:
            if self._size > HELD:
                self._gaps[origin] = self._gaps.get(origin, 0) + len(line) + 1
                continue
            part = self._line(origin, line, f',"at":"{at}"')
            self._waiting.append(part)
            self._size += len(part)
        self._call.wake()

    def close(self) -> None:
        """Listen no more."""
        if self._end is not None:
            self._end()

    def _wants(self, name: str, stream: str) -> bool:
        program = self._world.supervisor.programs.get(name)
        return stream in self._streams or (program is not None and program.log.joined)

    def _last_lines(self, name: str, number: int) -> bytes:
        program = self._world.supervisor.programs.get(name)
        pieces = []
        for stream in () if program is None else self._pipes(program):
            data = self._world.supervisor.tail(name, number, stream, RECENT)
            start = self._start(name, number, stream, data)
            if self.follows:  # a line that goes on is told when it is whole
                end = data.rfind(b"\n") + 1
                self._lines.setdefault((name, number, stream), Lines()).rest = data[end:]
                data = data[:end]
            data = data[start:]
            pieces += [self._line((name, number, stream), line) for line in last_lines(data, self._count)]
        self._told += len(pieces)
        return b"".join(pieces)

    def _start(self, name: str, number: int, stream: str, data: bytes) -> int:
        """Return where in ``data`` the line begins of which something came since the time that is asked for."""
        if self._since is None:
            return 0
        size = self._world.supervisor.since(name, number, stream, self._since)
        return data.rfind(b"\n", 0, max(0, len(data) - size)) + 1 if size else len(data)

    def _pipes(self, program: Program) -> tuple[str, ...]:
        return STREAMS[:1] if program.log.joined else self._streams

    def _line(self, origin: tuple[str, int, str], line: bytes, more: str = "") -> bytes:
        return self._part(*origin, f'"line":{encode(line.decode("utf-8", "backslashreplace"))}{more}')

    def _part(self, name: str, number: int, stream: str, fields: str) -> bytes:
        program = self._world.supervisor.programs.get(name)
        of = number if program is None else program.instances
        return a_part(
            self._call, f'"program":{encode(name)},"instance":{number},"of":{of},"stream":"{stream}",{fields}'
        )


def _everything(_: str, __: int) -> bool:
    return True
