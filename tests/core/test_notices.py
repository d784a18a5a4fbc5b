"""What a program says of itself on the notify socket: what is taken from it, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.core import notices


@pytest.mark.parametrize(
    ("message", "variables"),
    [
        (b"READY=1", {"READY": "1"}),
        (b"READY=1\nSTATUS=a=b\n", {"READY": "1", "STATUS": "a=b"}),
        (b"READY=1\nREADY=0", {"READY": "0"}),
        (b"nonsense\n\nX=", {"X": ""}),
        (b"STATUS=\xff\xc3\xbc", {"STATUS": "\ufffdü"}),
        (b"", {}),
    ],
)
def test_a_message_is_one_variable_a_line(message: bytes, variables: dict[str, str]) -> None:
    """As sd_notify(3) has it; lines of no use are passed over, and bytes that are no text are shown as such."""
    assert notices.read(message) == variables


@given(st.binary())
def test_no_message_is_too_odd(message: bytes) -> None:
    """Whoever can write to the socket decides what is in it."""
    notices.read(message)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1500000", 1.5),
        ("0", 0.0),
        ("00000000000001000000", 1.0),
        (str(2**64 - 1), 100 * 365 * 86400.0),
        ("0" * 21, None),
        ("1" * 100_000, None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_microseconds(value: str | None, seconds: float | None) -> None:
    """Forever, as systemd writes it, is a century; no number of a million digits is made."""
    assert notices.seconds(value) == seconds


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("7", 7),
        ("0", 0),
        ("4294967295", 4294967295),
        ("1" * 11, None),
        ("x", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_numbers_are_small(value: str | None, number: int | None) -> None:
    """A pid, an errno: ten digits at most."""
    assert notices.number(value) == number


def test_a_status_is_one_line_that_can_be_shown() -> None:
    """It stands in a table on somebody's terminal."""
    assert notices.in_line(" a\n\x1b[2Jb\t") == "a  [2Jb"
    assert notices.in_line("x" * 600) == "x" * notices.MAX_TEXT
    assert notices.in_line("abc", 2) == "ab"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("web", "web"),
        ("!~", "!~"),
        ("x" * 255, "x" * 255),
        ("x" * 256, "stored"),
        ("x", "x"),
        ("a:b", "stored"),
        ("a b", "stored"),
        ("a\x7f", "stored"),
        ("ü", "stored"),
        ("", "stored"),
        (None, "stored"),
    ],
)
def test_a_stored_descriptor_has_a_name_that_fits_a_list(value: str | None, name: str) -> None:
    """LISTEN_FDNAMES has colons between them; what is no name gets systemd's."""
    assert notices.name_of(value) == name
