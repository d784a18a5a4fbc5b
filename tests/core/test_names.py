"""Names of programs: what is refused, what is ignored, and what was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.core.names import MAX_NAME_BYTES, check_name, distance, is_ignored, nearest


@pytest.mark.parametrize(
    "name",
    [
        "web",
        "Web",
        "a",
        "web-1",
        "web_1",
        "web.conf",
        "xyz",
        "web:a1",
        "web:",
        "web:1.5",
        "1:web",
        "2",
        "two words",
        "ümlaut",
        "🚀",
        "'\"$`\\%*",
        "a" * 200,
        "con",
    ],
)
def test_names_that_file_systems_and_terminals_bear_are_good(name: str) -> None:
    """Bug 69: odd is not wrong. `Web` and `web` are two programs, as they are two files."""
    assert check_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "a/b", "/", "..", ".", ".hidden", "-rf", "a" * 201, "a" * 300, "🚀" * 51, "a\nb", "a\0b", "a\tb", "\x1b[2J",
        "a\u202eb", "a\u00a0b", "a\u200bb", " web", "web ", "\ud800", ".x.new",
    ],
)  # fmt: skip
def test_names_that_break_paths_options_or_terminals_are_refused(name: str) -> None:
    """Bug 69: a/b, .., 300 characters: refused where they come in, so that nothing further in has to quote them."""
    problem = check_name(name)
    assert problem is not None
    assert problem.key == "name"
    assert f"1 to {MAX_NAME_BYTES} bytes of printable text" in problem.wanted
    assert str(problem).isprintable()


def test_no_name_is_no_name() -> None:
    """`ctl add --name=` is a mistake, not a program."""
    assert str(check_name("")).startswith("name: found nothing, wanted 1 to 200 bytes")


@pytest.mark.parametrize("name", ["web.new", "web~", "web.tmp"])
def test_a_name_that_would_be_ignored_as_a_file_is_refused_and_says_why(name: str) -> None:
    """Its file would lie in conf/ and never be looked at."""
    assert str(check_name(name)) == f'name: found "{name}", wanted a name that does not end in .new, ~, .tmp'


@pytest.mark.parametrize("name", ["web:1", "web:2", "redis:6379", "web:007", "a:b:3", ":2", "web:100001"])
def test_a_name_that_an_instance_has_is_refused(name: str) -> None:
    """`web:2` is the second instance of `web`: in pid files, in the log, and to whoever stops it."""
    words = "a name that does not end in ':' and a number, as a program's instances are called so"
    assert str(check_name(name)) == f'name: found "{name}", wanted {words}'


def test_other_digits_than_ours_make_no_instance() -> None:
    """No instance is called so, however much it looks like it."""
    assert check_name("web:٣") is None


@pytest.mark.parametrize("name", [".hidden", ".", "..", "web.new", "web~", "web.tmp", ".x.new"])
def test_hidden_and_unfinished_files_are_ignored(name: str) -> None:
    """Editors and writers leave them for a moment."""
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["web", "new", "web.new.1", "tmp", "~web", ""])
def test_other_files_are_not_ignored(name: str) -> None:
    """Ignoring too much is a program that silently does not run."""
    assert not is_ignored(name)


@given(st.text())
def test_every_text_is_a_good_name_or_a_problem_in_one_printable_line(name: str) -> None:
    """Bug 69: whatever the file is called."""
    problem = check_name(name)
    assert problem is None or str(problem).isprintable()


@pytest.mark.parametrize(
    ("one", "other", "letters"),
    [("", "", 0), ("a", "", 1), ("env", "env", 0), ("evn", "env", 1), ("args", "arg", 1), ("kitten", "sitting", 3)],
)
def test_distance_counts_letters_added_dropped_replaced_or_swapped(one: str, other: str, letters: int) -> None:
    """Swapped neighbours are one slip of the fingers, not two."""
    assert distance(one, other) == distance(other, one) == letters


def apart(one: str, other: str) -> int:
    """Return the distance by its definition, the slow way."""
    if not one or not other:
        return len(one) + len(other)
    ways = [
        apart(one[:-1], other) + 1,
        apart(one, other[:-1]) + 1,
        apart(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    ]
    if one[-2:] == other[-2:][::-1] and len(one) > 1:
        ways.append(apart(one[:-2], other[:-2]) + 1)
    return min(ways)


@given(st.text("ab", max_size=5), st.text("abc", max_size=5))
def test_distance_is_what_its_definition_says(one: str, other: str) -> None:
    """For every two words."""
    assert distance(one, other) == apart(one, other)


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.integers(1, 4))
def test_stopping_early_is_the_same_answer(one: str, other: str, limit: int) -> None:
    """The limit saves time and changes nothing below it."""
    assert min(distance(one, other, limit), limit) == min(distance(one, other), limit)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("agrs", "args"),
        ("arg", "args"),
        ("ENV", None),
        ("umaks", "umask"),
        ("argument", None),
        ("", None),
        ("env", "env"),
    ],
)
def test_nearest_is_at_most_two_letters_away(name: str, near: str | None) -> None:
    """Further away it would be guessing."""
    assert nearest(name, ["args", "env", "umask", "autostart"]) == near


def test_of_several_the_closest_is_nearest() -> None:
    """Not the first that is near enough."""
    assert nearest("pots", ["pits", "post", "spot", "pots!"], within=2) == "pits"
    assert nearest("pots", ["abcd", "pottts", "pots"], within=2) == "pots"
