"""A file of environment variables: any bytes are variables that a process can have, or a reason in one line."""

import os

from fuzz.common import Memory, dictionary, is_one_line
from ncolony.core.errors import OSFailure
from ncolony.posix.envfiles import read

WORDS = dictionary("A=b", "export ", "=", "'", '"', "#", "\n", "\r\n", "\x00", "\u2003", "\x85")


def one_input(data):
    """Read a file."""
    with Memory(data) as path:
        try:
            found = read((path,))
        except OSFailure as failure:
            assert is_one_line(str(failure)), str(failure)
            return
        for name, value in found.items():
            pair = os.fsencode(f"{name}={value}")
            assert b"\0" not in pair
            assert name
            assert "=" not in name
