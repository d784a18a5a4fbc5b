"""Cuts what a program writes into lines, however it comes."""

from __future__ import annotations

MAX_LINE = 65536
CONTINUED = b" [line goes on]"


class Lines:
    """Cuts a stream of bytes into lines. A line over 64 KB comes in marked pieces."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        """Begin with nothing."""
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without their line ends."""
        lines = (self.rest + data).split(b"\n")
        rest = lines.pop()
        first = lines[0] if lines else rest  # all others are in `data`
        if len(data) > MAX_LINE or len(first) > MAX_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
            *full, rest = _pieces(rest)
            lines += full
        self.rest = rest
        return lines

    def end(self) -> list[bytes]:
        """Return the unfinished last line, if there is one."""
        rest, self.rest = self.rest, b""
        return [rest] if rest else []


def _pieces(line: bytes) -> list[bytes]:
    """Cut a line so that no piece is too long; all but the last are marked."""
    if len(line) <= MAX_LINE:
        return [line]
    last = (len(line) - 1) // MAX_LINE * MAX_LINE
    return [line[start : start + MAX_LINE] + CONTINUED for start in range(0, last, MAX_LINE)] + [line[last:]]
