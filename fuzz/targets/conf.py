"""A program's file: any bytes make a program, or problems in words."""

import os

from fuzz.common import dictionary, is_one_line
from ncolony.client.beats import beats_of, health_beats_of
from ncolony.core.check import check
from ncolony.core.errors import ConfigError
from ncolony.core.kept import fingerprint
from ncolony.core.keys import KEYS
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.program import Defaults
from ncolony.directory.conf import _glimpsed
from ncolony.programs.httprules import http_wish_of

WORDS = dictionary(
    '{"args":["a"],', '["a"]', "true", "null", "-1", "1e999", '"1m30s"', '"10MB"', '"SIGTERM"', '"-HUP"', "[", "]",
    "{}", '"127.0.0.1:80"', '"unix:/a"', '"http://localhost:80/"', '"\\ud800"', '"\\u0000"', '"\\u001b"',
    '"/a/b"', '"0o22"',
    '"ncolony.beatcheck":', '"ncolony.httpcheck":', '"status":', '"url":', '"maxBad":', "}", ",",
    keys=KEYS,
)  # fmt: skip


def one_input(data):
    """Judge a file. What may be wrong is said; what is right can be handed to the operating system."""
    _glimpsed(data)
    try:
        text, value = parse(data)
    except NotAnObject as error:
        assert is_one_line(str(error.problem)), str(error.problem)
        return
    checked = check("web", text, value, Defaults())
    assert (checked.program is None) == bool(checked.problems)
    for line in (*map(str, checked.problems), *checked.warnings):
        assert is_one_line(line), line
    if checked.program is not None:
        _usable(checked.program)
    _beside(value)


def _usable(program):
    fingerprint(program)
    assert check("web", program.text, parse(program.text.encode())[1], Defaults()).program == program
    for text in (*program.args, *(part for pair in program.env for part in pair), *program.labels):
        assert b"\0" not in os.fsencode(text)


def _beside(value):
    """Read it as the programs around the colony do."""
    for read in (beats_of, http_wish_of, health_beats_of):
        try:
            read(value)
        except ConfigError as error:
            assert is_one_line(str(error)), str(error)
