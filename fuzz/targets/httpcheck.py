"""The answer to ncolony-httpcheck: any bytes are judged, and however they come the same."""

from fuzz.common import dictionary, in_pieces, is_one_line
from ncolony.programs.answer import ENOUGH, Answer

WORDS = dictionary(
    "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 503 ", "Content-Length: 5\r\n", "\r\n\r\n",
    "\n\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "5\r\nhello\r\n", "HTTP/1.1 204 ",
)  # fmt: skip


def one_input(data):
    """Take an answer whole, and in pieces."""
    if len(data) > ENOUGH:
        return
    verdict = _judge([data])
    assert is_one_line(verdict), verdict
    for size in (1, 7):
        assert _judge(in_pieces(data, size)) == verdict


def _judge(pieces):
    answer = Answer()
    for piece in pieces:
        if answer.take(piece):
            break
    return answer.why()
