"""A line on the control socket: any bytes make a request, or a failure that knows whose it is."""

import json

from fuzz.common import dictionary, in_pieces
from ncolony.control.messages import Failure, IdentifiedFailure, Lines, encode, failed, request
from ncolony.control.verbs import VERBS
from ncolony.core.keyspec import fields

WORDS = dictionary(
    '{"id":1,"verb":', *(f'"{verb}"' for verb in VERBS), '"wait":false', '"names":["web:2"]', '"all":true', "}", "\n",
    ",", keys=tuple(key for verb in VERBS.values() for key in verb.takes),
)  # fmt: skip


def one_input(data):
    """Cut bytes into lines, and read each as a request with its arguments."""
    lines = Lines().feed(data)
    reader = Lines()
    assert [line for piece in in_pieces(data, 7) for line in reader.feed(piece)] == lines
    for line in (*lines, data):
        _read(line)


def _read(line):
    try:
        asked = request(line)
    except Failure as failure:
        identity = failure.identity if isinstance(failure, IdentifiedFailure) else None
        answer = failed(identity, failure.kind, str(failure))
        assert answer.isascii()
        assert answer.count(b"\n") == 1
        json.loads(answer)
        return
    assert encode(json.loads(asked.id)) == asked.id
    verb = VERBS.get(asked.verb)
    wrong = []
    made = fields(asked.arguments, verb.takes if verb else (), "", wrong)
    assert (made is None) == bool(wrong)
