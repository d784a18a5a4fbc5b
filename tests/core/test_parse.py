"""From bytes to an object: whatever is in the file, one clear message and never a crash."""

from __future__ import annotations

import contextlib
import json
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ncolony.core.parse import MAX_BYTES, MAX_DIGITS, SHOWN_LENGTH, NotAnObject, Problem, parse, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=5)


def refusal(data: bytes) -> NotAnObject:
    """Return the error that parse raises for ``data``."""
    with pytest.raises(NotAnObject) as caught:
        parse(data)
    return caught.value


@given(OBJECTS, st.booleans(), st.sampled_from([None, 2]))
def test_an_object_is_read_as_it_was_written(value: dict[str, object], ascii_only: bool, indent: int | None) -> None:
    """And its text is kept: the program gets it as NCOLONY_CONFIG."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parse(text.encode("utf-8", "surrogatepass")) == (text, value)


@pytest.mark.parametrize(
    ("data", "message", "partial"),
    [
        pytest.param(b"", "found an empty file, wanted one JSON object", True, id="empty"),
        pytest.param(b" \n", "found an empty file, wanted one JSON object", True, id="white space"),
        pytest.param(
            b'{"args": ["a"]',
            "found text that is not JSON (Expecting ',' delimiter, line 1 column 15), wanted one JSON object",
            True,
            id="broken off",
        ),
        pytest.param(
            b'{"args":\n ["a"]; }',
            "found text that is not JSON (Expecting ',' delimiter, line 2 column 7), wanted one JSON object",
            True,
            id="wrong mark",
        ),
        pytest.param(
            b"args: [a]",
            "found text that is not JSON (Expecting value, line 1 column 1), wanted one JSON object",
            False,
            id="another language",
        ),
        pytest.param(b"[1]", "found [1], wanted one JSON object", False, id="list"),
        pytest.param(b'"x"', 'found "x", wanted one JSON object', False, id="string"),
        pytest.param(b"null", "found null, wanted one JSON object", False, id="null"),
        pytest.param(b'{"a": NaN}', "found NaN, which is not JSON, wanted one JSON object", False, id="NaN"),
        pytest.param(b"-Infinity", "found -Infinity, which is not JSON, wanted one JSON object", False, id="infinity"),
        pytest.param(b'{"a": 1, "a": 1}', 'found the key "a" twice, wanted each key once', False, id="twice"),
        pytest.param(b'{"x": {"b": 1, "b": 2}}', 'found the key "b" twice, wanted each key once', False, id="twice in"),
        pytest.param(
            b'{"a": ' + b"1" * 5000 + b"}",
            "found a number of 5000 digits, wanted at most 1000",
            False,
            id="huge number",
        ),
        pytest.param(b'{"\xff": 1}', "found bytes that are not UTF-8 at 2, wanted one JSON object", False, id="latin"),
        pytest.param(b'{"\xc3', "found bytes that are not UTF-8 at 2, wanted one JSON object", True, id="half letter"),
        pytest.param(
            b" " * (MAX_BYTES + 1), "found more than 1048576 bytes, wanted one JSON object", False, id="too large"
        ),
    ],
)
def test_what_is_no_object_is_named(data: bytes, message: str, partial: bool) -> None:
    """One line that says what was found and what is wanted; `partial` only where the rest may still come."""
    error = refusal(data)
    assert str(error) == str(error.problem) == message
    assert error.partial is partial


@pytest.mark.parametrize("depth", [99, 100, 101, 985, 1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_brackets_nest_a_hundred_deep_and_no_deeper(depth: int, opening: str, closing: str) -> None:
    """What only just parses would end whoever walks through it later with a RecursionError."""
    data = ('{"x":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}").encode()
    if depth <= 100:
        assert list(parse(data)[1]) == ["x"]
    else:
        assert str(refusal(data)) == "found brackets nested too deep, wanted at most 100 levels"


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    """A long list of lists is no danger."""
    assert parse(json.dumps({"x": [[]] * 1000}).encode())[1] == {"x": [[]] * 1000}


MANY = 60_000


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(("{" + '"a":0,' * MANY + '"a":0}').encode(), id="one key often"),
        pytest.param(
            ("{" + "".join(f'"{n}":0,' for n in range(MANY)) + '"59999":0}').encode(), id="the last key twice"
        ),
        pytest.param(b'{"a":' + b"7" * (MAX_BYTES - 10) + b"}", id="a million digits"),
        pytest.param(b'{"a":' + b"[" * (MAX_BYTES - 10), id="a million brackets"),
    ],
)
def test_no_file_holds_the_colony_up(data: bytes) -> None:
    """Each of these took seconds or minutes by the obvious way; the colony stands still meanwhile."""
    began = process_time()
    refusal(data)
    assert process_time() - began < 3.0


@given(st.binary())
@example(b'{"a": "\xed\xa0\x80"}')
@example(b"\xef\xbb\xbf{}")
@example(b"{}\0")
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    """Crash on input: never."""
    problem = ""
    try:
        assert parse(data)[0].encode() == data
    except NotAnObject as error:
        problem = str(error)
    assert "\n" not in problem


@given(st.text(alphabet='{}[]":,\\utrefalsn0123456789.eE+- \n\x00\ud800', max_size=40))
def test_anything_that_looks_like_json_is_an_object_or_refused(text: str) -> None:
    """Nearer to JSON than random bytes ever come."""
    with contextlib.suppress(NotAnObject):
        assert isinstance(parse(text.encode("utf-8", "surrogatepass"))[1], dict)


@given(OBJECTS, st.booleans(), st.data())
def test_a_beginning_of_an_object_is_never_taken_for_one(
    value: dict[str, object], ascii_only: bool, data: st.DataObject
) -> None:
    """Bug 42: a file that is still being written is recognised wherever it breaks off, inside a letter too."""
    whole = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    error = refusal(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert error.partial


def test_every_beginning_of_a_real_description_is_partial() -> None:
    """Bug 42: and one of each kind of value, cut at every byte."""
    whole = '{"args": ["ä€😀", "\\ud83d\\ude00\\n"], "x": [true, false, null, -1.5e+3, {"y": {}}], "z": ""}'.encode()
    assert all(refusal(whole[:length]).partial for length in range(len(whole)))
    assert parse(whole)[1]["z"] == ""


def test_a_problem_says_where_what_and_what_instead() -> None:
    """Its one line is what the author of a file gets to see."""
    assert str(Problem("stop.signal", '"BOO"', "a signal")) == 'stop.signal: found "BOO", wanted a signal'
    assert str(Problem("", "nothing", "something")) == "found nothing, wanted something"


def test_a_long_value_is_cut_to_fit_a_message() -> None:
    """A message of a megabyte helps nobody."""
    assert shown(["x" * 100]) == '["' + "x" * (SHOWN_LENGTH - 5) + "..."
    assert shown("x" * (SHOWN_LENGTH - 2)) == '"' + "x" * (SHOWN_LENGTH - 2) + '"'


def test_what_a_terminal_would_act_upon_is_shown_escaped() -> None:
    """A file must not be able to paint over the log that complains about it."""
    assert shown("\x1b[2Jé\u202e\n") == '"\\u001b[2J\\u00e9\\u202e\\n"'


def test_what_is_just_small_enough_is_read() -> None:
    """The limits are the largest that there may be."""
    assert parse(b'{"a":1}' + b" " * (MAX_BYTES - 7))[1] == {"a": 1}
    number = "7" * MAX_DIGITS
    assert parse(f'{{"a":{number}}}'.encode())[1] == {"a": int(number)}
    assert refusal(f'{{"a":{number}7}}'.encode()).problem.wanted == f"at most {MAX_DIGITS}"
