"""The answer to a supervisor's own HTTP check: any bytes are judged, and however they come the same."""

from fuzz.common import dictionary, in_pieces, is_one_line
from ncolony.posix.probes import MAX_HEAD, Answer

WORDS = dictionary(
    "HTTP/1.1 200 OK\r\n", "HTTP/1.0 503 ", "Content-Length: ", "\r\n", "\r\n\r\n", "99999999999", "HTTP/1.1 "
)


def one_input(data):
    """Take an answer whole, and in pieces."""
    if len(data) > MAX_HEAD:
        return
    verdict = _judge([data])
    assert verdict is not None
    assert is_one_line(verdict), verdict
    for size in (1, 7):
        assert _judge(in_pieces(data, size)) == verdict


def _judge(pieces):
    answer = Answer()
    for piece in (*pieces, b""):
        why = answer.take(piece)
        if why is not None:
            return why
    return None
