"""A program's line as one JSON object, as it stands in the supervisor's log."""

from __future__ import annotations

from ncolony.core.names import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def json_lines(when: str, program: str, instance: int, stream: str, run: int, lines: Sequence[bytes]) -> str:
    r"""Return an object a line: ``time`` (RFC 3339), ``program``, ``instance``, ``stream``, ``run``, ``line``.

    Bytes that are not UTF-8 become ``\xff`` in the text of the line; what a terminal might obey is escaped.
    """
    head = (
        f'{{"time":"{when}","program":{quoted(program)},"instance":{instance},"stream":"{stream}","run":{run},"line":'
    )
    return "".join(f"{head}{quoted(line.decode('utf-8', 'backslashreplace'))}}}\n" for line in lines)
