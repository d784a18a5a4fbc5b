"""Files of environment variables: every form of a line, and every way to get one wrong."""

from __future__ import annotations

import pytest

from ncolony.core.envlines import BadLine, variables


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("\n# A=1\n  # B=2\n\n", {}),
        ("A=1", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("  export A = 1  \r\n", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=''", {"A": ""}),
        ("A=b=c # no comment", {"A": "b=c # no comment"}),
        ('A=\' 1 \'\nB=" 2 "\nC="it\'s"', {"A": " 1 ", "B": " 2 ", "C": "it's"}),
        ("A=$B ${C}", {"A": "$B ${C}"}),
        ("A=ü", {"A": "ü"}),
    ],
)
def test_lines_are_read(text: str, found: dict[str, str]) -> None:
    """The last line for a name counts; nothing is expanded."""
    assert variables(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1\nnonsense", "line 2: found 'nonsense', wanted NAME=VALUE"),
        ("=1", "line 1: found '=1', wanted NAME=VALUE"),
        ("A B=1", "line 1: found 'A B=1', wanted NAME=VALUE"),
        ("A='1", 'line 1: found "\'1", wanted the quote to be closed'),
        ("A='", 'line 1: found "\'", wanted the quote to be closed'),
        ("A=1\0", "line 1: found a NUL"),
    ],
)
def test_a_line_of_no_use_is_named(text: str, words: str) -> None:
    """By its number, with what was found and what is wanted."""
    with pytest.raises(BadLine) as caught:
        variables(text)
    assert words in str(caught.value)
