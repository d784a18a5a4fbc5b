"""JSON as we read and write it, against the standard library's package, which is the same without our haste."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncolony.core
from ncolony.core.jsontext import Reader, encode_basestring, read, write, writer

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(ncolony.core.__file__).parent.parent.parent
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)
WRONG = ["", " ", "{", "[1,]", "\ufeff1", "1 2", '"\n"', "{'a': 1}", '{"a" 1}', "[1", "nul", "\x0c1", "{}x", "1" * 5000]


@given(VALUES)
def test_values_are_written_as_the_package_writes_them(value: object) -> None:
    """Checksums and other people's readers see these bytes."""
    assert write(value) == json.dumps(value)
    assert writer()(value) == json.dumps(value, separators=(",", ":"))
    assert writer(encode_basestring)(value) == json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert writer(sort_keys=True)(value) == json.dumps(value, separators=(",", ":"), sort_keys=True)


@given(VALUES, st.text(alphabet=" \t\n\r", max_size=3))
def test_texts_are_read_as_the_package_reads_them(value: object, space: str) -> None:
    """With what may stand before and behind a value."""
    text = f"{space}{json.dumps(value, indent=1)}{space}"
    assert read(text) == json.loads(text) == value


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \n', max_size=20))
def test_no_text_is_read_otherwise(text: str) -> None:
    """Nor refused with other words: they are the package's own."""
    assert outcome(read, text) == outcome(json.loads, text)


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_read_is_refused_in_the_words_of_the_package(text: str) -> None:
    """People look those up."""
    assert outcome(read, text) == outcome(json.loads, text)
    assert isinstance(outcome(read, text), tuple)


def test_numbers_that_are_none_are_read_as_everywhere_in_python() -> None:
    """A record of ours that has one is damaged, and is found to be by whoever looks at its fields."""
    found = read("[NaN, Infinity, -Infinity]")
    assert isinstance(found, list)
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


def test_what_a_hook_makes_and_refuses_is_what_comes_out() -> None:
    """A key that is there twice, for one, is told by such a hook."""
    assert Reader(tuple)('{"a": {"b": 1}}') == (("a", (("b", 1),)),)
    assert Reader(integer=lambda digits: f"<{digits}>")("[12, 1.5]") == ["<12>", 1.5]

    def refuse(name: str) -> object:
        raise ValueError(f"not {name}")

    with pytest.raises(ValueError, match="not NaN"):
        Reader(constant=refuse)("[NaN]")


def test_what_json_has_no_word_for_is_not_written() -> None:
    """That would be a mistake of ours."""
    with pytest.raises(TypeError, match="cannot write a set as JSON"):
        write({1})


def test_the_package_is_not_imported_before_something_is_wrong() -> None:
    """With it come the modules of regular expressions and enumerations: a megabyte, and three milliseconds."""
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from ncolony.core.jsontext import read, write\n"
        "assert read(write({'a': [1, None, 'x']})) == {'a': [1, None, 'x']}\n"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"json", "json.decoder", "re", "enum"} & set(ran.stdout.split())


def outcome(call: Callable[[str], object], text: str) -> object:
    """Return what comes of it: the value as text, or the kind of error with its words."""
    try:
        return repr(call(text))
    except (ValueError, RecursionError) as error:
        return type(error).__name__, str(error)
