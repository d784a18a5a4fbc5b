"""A command line: any words are options and words, or an error that says which."""

import os

from fuzz.common import dictionary, is_one_line
from ncolony.cli.every import every
from ncolony.cli.options import read
from ncolony.core.errors import ConfigError

VERBS = tuple(every().values())
WORDS = dictionary("\n", "--", "-", "=", *(option.name for verb in VERBS for option in verb.options), "-C", "-h")


def one_input(data):
    """Read a word a line, as the verb that the first byte says."""
    if not data:
        return
    verb = VERBS[data[0] % len(VERBS)]
    argv = [os.fsdecode(word) for word in data[1:].replace(b"\0", b"").split(b"\n")]
    for to_first_word in (False, True):
        try:
            given = read(argv, verb.options, to_first_word=to_first_word)
        except ConfigError as error:
            assert is_one_line(str(error)), str(error)
            continue
        assert all(word in argv for word in given.words)
        assert set(given.values) <= {option.name for option in verb.options} | {"--help"}
