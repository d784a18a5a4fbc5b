"""A program's line as one JSON object, as it stands in the supervisor's log."""

from __future__ import annotations

from json.encoder import encode_basestring, encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def json_lines(when: str, program: str, instance: int, stream: str, run: int, lines: Sequence[bytes]) -> str:
    r"""Return an object a line: ``time`` (RFC 3339), ``program``, ``instance``, ``stream``, ``run``, ``line``.

    Bytes that are not UTF-8 become ``\xff`` in the text of the line; what a terminal might obey is escaped.
    """
    head = (
        f'{{"time":"{when}","program":{_quoted(program)},"instance":{instance},"stream":"{stream}","run":{run},"line":'
    )
    return "".join(f"{head}{_quoted(line.decode('utf-8', 'backslashreplace'))}}}\n" for line in lines)


def _quoted(text: str) -> str:
    quoted: str = encode_basestring(text) if text.isprintable() else encode_basestring_ascii(text)
    return quoted
