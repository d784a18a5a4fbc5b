"""What is made of the answers of web servers, whole and piece by piece."""

import pytest

from ncolony.programs.answer import ENOUGH, Answer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def verdict(data, size=None):
    """Feed an answer in pieces, until there is enough or it ends."""
    answer = Answer()
    for start in range(0, len(data), size or len(data) or 1):
        if answer.take(data[start : start + (size or len(data))]):
            return answer.why()
    return answer.why()


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (OK + b"Content-Length: 2\r\n\r\nok", ""),
        (OK + b"content-length:0\r\n\r\n", ""),
        (OK + b"\r\nanything until the end", ""),
        (b"HTTP/1.0 200 OK\n\nold", ""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", ""),
        (b"HTTP/1.1 204 Fine\r\nContent-Length: 5\r\n\r\n", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK + b"\r\n", ""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", ""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "the answer breaks off"),
        (CHUNKED + b"10;name=x\r\n0123456789abcdef\r\n0\r\n\r\n", ""),
        (CHUNKED + b"2\r\nok\r\n0\r\nX-Checksum: 17\r\n\r\n", ""),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\nwhat follows is nobody's", ""),
        (CHUNKED + b"7\r\n0\r\n\r\n", "the answer breaks off"),
        (CHUNKED + b"2\r\nok\r\n0\r\nX-Checksum: 17\r\n", "the answer breaks off"),
        (CHUNKED + b"two\r\nok\r\n", "the answer is no HTTP"),
        (CHUNKED.replace(b"200", b"500") + b"two\r\n", "status 500"),
        (OK + b"Content-Length: 20\r\n\r\nok", "the answer breaks off"),
        (OK + b"X-Content-Length: 20\r\n\r\nok", ""),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 20\r\n\r\n", "status 500"),
        (b"HTTP/1.1 503\r\n\r\n", "status 503"),
        (b"", "the connection was closed without an answer"),
        (OK, "the answer ends within its head"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the answer ends within its head"),
        (b"HTT", "the answer ends within its head"),
        (b"\xff\x00\x1b garbage\r\n\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 099 x\r\n\r\n", "the answer is no HTTP"),
        (b"HTTP/2.0 200 x\r\n\r\n", "the answer is no HTTP"),
    ],
)
def test_verdicts(data, why, size):
    """However the answer is cut."""
    assert verdict(data, size) == why


@pytest.mark.parametrize(
    ("head", "piece", "why"),
    [
        (OK + b"\r\n", b"x" * 4096, ""),
        (OK + b"Content-Length: 9999999\r\n\r\n", b"x" * 4096, ""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", ""),
        (OK, b"A: b\r\n", f"no end of the head in {ENOUGH} bytes"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", f"no end of the head in {ENOUGH} bytes"),
    ],
)
def test_a_flood_is_cut(head, piece, why):
    """No more than a little over the bound is ever taken."""
    answer = Answer()
    taken = len(head)
    enough = answer.take(head)
    while not enough:
        enough = answer.take(piece)
        taken += len(piece)
        assert taken <= ENOUGH + len(piece)
    assert answer.why() == why
