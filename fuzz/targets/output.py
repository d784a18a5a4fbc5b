"""What a program writes: whatever it is and however it comes, it is told line by line, and no terminal obeys it."""

import json
import re

from fuzz.common import dictionary, in_pieces
from ncolony.core.jsonline import json_lines
from ncolony.posix.console import labelled, readable
from ncolony.posix.lines import CONTINUED, MAX_LINE, Lines
from ncolony.posix.pump import last_lines

WORDS = dictionary("\n", "\r\n", "\x1b[2J", "\x9b", "\u2028", "\u202e", "\t", '"', "\\", "\x7f", "\x00")

CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def one_input(data):
    """Cut bytes into lines, and make text of them in both formats."""
    if not data:
        return
    repeated = data[1:] * (1 + 70_000 // len(data)) if data[0] > 250 else data[1:]
    size = 1 + data[0] * len(repeated) // 200
    reader = Lines()
    lines = [line for piece in in_pieces(repeated, size) for line in reader.feed(piece)] + reader.end()
    assert all(len(line) <= MAX_LINE + len(CONTINUED) for line in lines)
    if max(map(len, lines), default=0) < MAX_LINE:
        assert lines == last_lines(repeated, len(repeated) + 1)
    _in_words(lines[:30])


def _in_words(lines):
    text = json_lines("now", "web", 1, "stdout", 3, lines)
    told = [json.loads(line) for line in text.splitlines()]
    assert [one["line"] for one in told] == [line.decode("utf-8", "backslashreplace") for line in lines]
    for line in lines:
        assert not CONTROL.search(readable(line))
    if lines:
        shown = labelled("web | ", lines)
        assert shown.count("\n") == len(lines)
        assert all(one.startswith("web | ") for one in shown.split("\n")[:-1])
        assert shown == "".join(f"web | {readable(line)}\n" for line in lines)
