"""What has come of the answer of a web server, and what that says of it. Pure: bytes in, a verdict out.

Good is an answer with a status below 500 that comes whole. So is the beginning of one that is too long: nobody reads
it. Redirections are not followed: a server that sends us elsewhere is well.
"""

from __future__ import annotations

from re import compile as pattern

ENOUGH = 65536  # bytes of an answer, head and all
FIRST_BAD_STATUS = 500
WITHOUT_BODY = (204, 304)
START = b"HTTP/1."
LONGEST_END = 4  # bytes
_STATUS = pattern(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r\n]")
_END = pattern(rb"\r?\n\r?\n")
_LENGTH = pattern(rb"(?i)\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r?\n")
_CHUNKED = pattern(rb"(?i)\ntransfer-encoding:[ \t]*chunked[ \t]*\r?\n")
_CHUNK = pattern(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")


class Answer:
    """The answer to one request."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._head = bytearray()
        self._size = 0
        self._status = 0
        self._left: int | None = None
        """Bytes of the body that are still to come; None: nobody has said."""
        self._chunks: Chunks | None = None
        self._garbled = False
        self._whole = False

    def take(self, data: bytes) -> bool:
        """Take what has come; True: that is enough, ask :meth:`why`."""
        self._size += len(data)
        if self._status:
            self._take_body(data)
        else:
            searched = max(0, len(self._head) - LONGEST_END)  # the end of a head may have begun there
            self._head += data
            self._take_heads(searched)
        return self._whole or self._garbled or self._size > ENOUGH or self._status >= FIRST_BAD_STATUS

    def why(self) -> str:
        """Return why it is bad, and nothing where it is good; when there is enough, or no more is going to come."""
        if self._garbled:
            return "the answer is no HTTP"
        if not self._status:
            if self._size > ENOUGH:
                return f"no end of the head in {ENOUGH} bytes"
            return "the answer ends within its head" if self._size else "the connection was closed without an answer"
        if self._status >= FIRST_BAD_STATUS:
            return f"status {self._status}"
        announced = self._chunks is not None or self._left is not None
        return "the answer breaks off" if announced and not self._whole and self._size <= ENOUGH else ""

    def _take_heads(self, searched: int) -> None:
        """Read the head, and those of interim answers before it, as far as they are there."""
        while not self._status:
            self._garbled = self._head[: len(START)] != START[: len(self._head)]
            end = None if self._garbled else _END.search(self._head, searched)
            if end is None:
                return
            head = bytes(self._head[: end.start() + 2])  # its last line with its end
            found = _STATUS.match(head)
            if found is None:
                self._garbled = True
                return
            del self._head[: end.end()]
            searched = 0
            if int(found[1]) >= 200:  # noqa: PLR2004 - below, another one follows
                self._begin_body(int(found[1]), head)

    def _begin_body(self, status: int, head: bytes) -> None:
        self._status = status
        if status >= FIRST_BAD_STATUS:
            return
        chunked = _CHUNKED.search(head) is not None
        length = None if chunked else _LENGTH.search(head)
        if status in WITHOUT_BODY:
            self._left = 0
        elif chunked:
            self._chunks = Chunks()
        elif length is not None:
            self._left = int(length[1])
        self._take_body(bytes(self._head))
        self._head.clear()

    def _take_body(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= len(data)
            self._whole = self._left <= 0
        elif self._chunks is not None:
            self._chunks.take(data)
            self._whole, self._garbled = self._chunks.whole, self._chunks.garbled


class Chunks:
    """A body that comes in chunks, each with its size before it; lines of headers may follow the last one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._line = b""
        self._left = 0
        """Bytes of a chunk that are still to come, with the end of a line after them."""
        self._is_last = False
        self.whole = self.garbled = False

    def take(self, data: bytes) -> None:
        """Take what has come; what comes after the end counts for nothing."""
        while data and not (self.whole or self.garbled):
            if self._left:
                skipped = min(self._left, len(data))
                self._left -= skipped
                data = data[skipped:]
                continue
            line, end, data = data.partition(b"\n")
            self._line += line
            if end:
                line, self._line = self._line.removesuffix(b"\r"), b""
                self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        if self._is_last:
            self.whole = not line
            return
        found = _CHUNK.fullmatch(line)
        if found is None:
            self.garbled = True
            return
        size = int(found[1], 16)
        self._is_last = size == 0
        self._left = size + len(b"\r\n") if size else 0
