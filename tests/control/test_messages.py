"""Lines and requests, without any socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.control.messages import MAX_LINE, Failure, IdentifiedFailure, Lines, Request, done, encode, failed, request


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_come_out_however_the_bytes_come_in(lines, data):
    """Every line once, in order; blank ones are nothing."""
    sent = b"".join(line + b"\n" for line in lines)
    reader, found = Lines(), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        found += reader.feed(sent[:size])
        sent = sent[size:]
    assert found == [line for line in lines if line.strip()]


@pytest.mark.parametrize("piece", [1000, 65536, MAX_LINE + 2])
def test_a_line_without_end_is_given_up_at_a_megabyte(piece):
    """Bug 71: what a client can make us keep is bounded."""
    reader = Lines()
    for _ in range(MAX_LINE // piece):
        assert reader.feed(b"x" * piece) == []
    with pytest.raises(Failure, match="more than 1048576 bytes"):
        reader.feed(b"x" * piece)


def outcome(line):
    """Return what comes of a line: a request, or a complaint. Nothing else is raised."""
    try:
        return request(line)
    except Failure as failure:
        return failure


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_comes_is_a_request_or_a_complaint(line):
    """And the complaint has words."""
    came = outcome(line)
    assert isinstance(came, Request) or (came.kind == "usage" and str(came))


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from(["id", "verb", "wait", "names"]), VALUES))
def test_any_object_is_a_request_or_a_complaint(value):
    """The id comes back as it was, where there is one."""
    came = outcome(json.dumps(value).encode())
    expected = encode(value.get("id"))
    assert {Request: "id", IdentifiedFailure: "identity"}.get(type(came)) is None or expected in {
        getattr(came, "id", None), getattr(came, "identity", None)}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "one JSON object"),
        (b'{"verb": 3}', "verb: found 3"),
        (b"{}", "verb: found null"),
        (b'{"verb": "stop", "wait": "long"}', "wait: found"),
        (b'{"verb": "stop", "wait": -1}', "wait: found -1"),
        (b'{"verb": "stop", "wait": 1e400}', "wait: found"),
        (b'{"verb": "stop", "wait": NaN}', "NaN"),
        (b'{"verb": "ping", "id": "' + b"x" * 1000 + b'"}', "id: found 1002 bytes"),
        (b'{"verb": "ping", "verb": "stop"}', "twice"),
        (b"[" * 100_000, "deep"),
        (b"\xff", "UTF-8"),
    ],
)
def test_what_is_wrong_is_said(line, words):
    """What was found, and what is wanted."""
    with pytest.raises(Failure, match=words):
        request(line)


def test_waiting_is_the_default():
    """True: a minute and the programs' own times; a number: as it is; false: not at all."""
    assert (request(b'{"verb": "stop"}').wait, request(b'{"verb": "stop"}').is_patient) == (60.0, True)
    assert request(b'{"verb": "stop", "wait": 3}').wait == 3.0
    assert not request(b'{"verb": "stop", "wait": 3}').is_patient
    assert request(b'{"verb": "stop", "wait": false}').wait is None


def test_answers_are_one_line_of_ascii_whatever_is_in_them():
    """Half surrogates from strange file names too."""
    for line in (done("7", '"text":' + encode("a\nb\u2028\udc80\x1b")), failed(None, "failed", "\udc80\n")):
        assert line.isascii()
        assert line.count(b"\n") == 1
        json.loads(line)
