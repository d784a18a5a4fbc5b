"""Lines as JSON objects."""

import json
import os

from ncolony.core.jsonline import json_lines
from ncolony.core.logspec import JSON, PLAIN, PREFIX
from ncolony.posix.targets import Origin, formatted, timestamp


def test_a_line_is_one_object():
    """Whatever collects logs has to know whose line it is."""
    text = json_lines("2025-01-02T03:04:05.000006Z", "web", 2, "stdout", 7, [b"hello", "größe €".encode()])
    first, second = text.splitlines()
    assert json.loads(first) == {
        "time": "2025-01-02T03:04:05.000006Z", "program": "web", "instance": 2, "stream": "stdout", "run": 7,
        "line": "hello",
    }  # fmt: skip
    assert json.loads(second)["line"] == "größe €"
    assert "größe" in second  # people read it too


def test_whatever_a_program_writes_is_valid_json_in_printable_text():
    """Bug 29: bytes that are not UTF-8 are spelled out, and nothing is left that a terminal obeys."""
    lines = [
        bytes(range(256)).replace(b"\n", b""),
        b"\x1b[2J\xc2\x9b2J\x00\xe2\x80\xa8",
        b'"\\',
        *os.urandom(65536).split(b"\n"),
    ]
    written = json_lines("t", "a\x1b", 1, "stderr", 1, lines).split("\n")
    assert written.pop() == ""
    assert len(written) == len(lines)
    for text, line in zip(written, lines, strict=True):
        assert text.isprintable()
        assert json.loads(text)["line"] == line.decode("utf-8", "backslashreplace")


def test_times_have_microseconds_and_the_year_1970():
    """They sort as text."""
    assert timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert timestamp(1735700645.25) == "2025-01-01T03:04:05.250000Z"


def test_the_other_forms():
    """A terminal is as safe from them."""
    origin = Origin("web", 2, "web:2")
    assert formatted(PREFIX, origin, "stdout", [b"a\x1b", b"b"]) == "web:2 | a\\x1b\nweb:2 | b\n"
    assert formatted(PLAIN, origin, "stdout", [b"a\xff"]) == "a\\xff\n"
    assert json.loads(formatted(JSON, origin, "stdout", [b"a"]))["instance"] == 2
