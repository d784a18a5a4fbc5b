"""The file of records: whatever is in it, what makes sense is believed, and the rest is told of."""

import json
from binascii import crc32

from fuzz.common import Memory, dictionary, objects
from ncolony.core.kept import Kept, Senseless, from_plain, to_text
from ncolony.core.names import check_name
from ncolony.core.states import STATES, pid_of
from ncolony.posix.records import SLOT, decode, read, seal

WORDS = dictionary(
    '{"v":1,"slots":16}', '"name":"web"', '"n":1', '"want":"up"', '"held":true', '"attempt":0', '"run":7',
    '"meaning":5', '"born":9', '"pid":100', '"since":1.5', '"deadline":2', '"status":-9', '"why":"no"',
    '"then":null', '"killed":true',
    "Infinity", "NaN", "1e999", "9" * 400, ",", "}", *(f'"state":"{state.__name__.lower()}"' for state in STATES),
)  # fmt: skip


def one_input(data):
    """Read bytes as a file, as a line that is sound, and as what is in one."""
    with Memory(data[:SLOT].ljust(SLOT) + _sound(data) + data[SLOT:]) as path:
        head, records, wrong = read(path)
        assert isinstance(head, dict)
        assert all(isinstance(line, str) for line in wrong)
        for one in records:
            _believed(one)
    try:
        decode(data)
    except Senseless:
        pass
    for value in objects(data):
        try:
            _believed(from_plain(value))
        except Senseless:
            pass


def _sound(data):
    line = data[: SLOT - 20].replace(b"\n", b" ")
    return (line + b" %08x" % crc32(line)).ljust(SLOT - 1) + b"\n"


def _believed(kept):
    """See that nobody who takes it over can be harmed."""
    assert isinstance(kept, Kept)
    assert check_name(kept.program) is None
    pid = pid_of(kept.instance.state)
    assert pid is None or 1 < pid < 2**31
    text = to_text(kept)
    once = json.loads(text)
    assert from_plain(json.loads(json.dumps(once))) == from_plain(once)
    if "\ud800" not in text:
        assert decode(seal(text)) == once
