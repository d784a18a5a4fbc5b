"""Changing one key of a file that somebody has laid out by hand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.core.edit import with_key

VALUES = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda some: st.lists(some, max_size=3))
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"args": ["x"], "n" : 1 }\n', '{"args": ["x"], "n" : 7 }\n'),
        ('{"args": ["n", 2]}', '{"args": ["n", 2], "n": 7}'),
        ('{ "args": ["x"] }', '{ "args": ["x"], "n": 7 }'),
        ('{\n  "args": ["x"]\n}\n', '{\n  "args": ["x"],\n  "n": 7\n}\n'),
        ('{\n  "n": {"n": 1},\n  "args": []\n}', '{\n  "n": 7,\n  "args": []\n}'),
        ('{"n":1,"args":[]}', '{"n":7,"args":[]}'),
        ('{"args":[],"n":10}', '{"args":[],"n":7}'),
        ('{"args":[]}', '{"args":[], "n": 7}'),
        ("{}", '{"n": 7}'),
        (" { } ", ' {"n": 7 } '),
    ],
)
def test_the_rest_of_the_text_stays_as_it_is(before, after):
    """Order, blanks and line ends are their author's; a new key is laid out like the first."""
    assert with_key(before, "n", 7) == after


@given(OBJECTS, st.text(max_size=5), st.sampled_from([None, 0, 2]), st.booleans(), st.sampled_from(("", " ")))
def test_whatever_the_object_the_key_has_the_value_and_no_other_key_changes(value, key, indent, ascii_only, blank):
    """For any JSON that Python can write, as whole text."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=(f",{blank}", f":{blank}"))
    assert json.loads(with_key(text, key, 7)) == {**value, key: 7}
