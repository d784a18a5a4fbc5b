"""How command lines are read."""

from __future__ import annotations

import pytest

from ncolony.cli.options import Option, described, read
from ncolony.core.errors import ConfigError

OPTIONS = (
    Option("--arg", "ARG", "an argument", repeated=True),
    Option("--env", "NAME=VALUE", "a variable"),
    Option("--env-inherit", "NAME", "another"),
    Option("--json", "", "a switch"),
)


@pytest.mark.parametrize(
    ("argv", "values", "words"),
    [
        ([], {}, []),
        (["web", "-", ""], {}, ["web", "-", ""]),
        (["--arg", "a", "web", "--arg=b"], {"--arg": ["a", "b"]}, ["web"]),
        (["--arg=-m", "--arg=--arg=echo", "--arg="], {"--arg": ["-m", "--arg=echo", ""]}, []),
        (["--arg", "-m", "--arg", "--arg", "--arg", "--"], {"--arg": ["-m", "--arg", "--"]}, []),
        (["--env", "A=B=C", "--env=A=B=C"], {"--env": ["A=B=C", "A=B=C"]}, []),
        (["--json", "x"], {"--json": [""]}, ["x"]),
        (["--js", "--a=1", "--env-", "2"], {"--json": [""], "--arg": ["1"], "--env-inherit": ["2"]}, []),
        (["--json", "--", "--arg", "x"], {"--json": [""]}, ["--arg", "x"]),
        (["-h"], {"--help": [""]}, []),
        (["--he"], {"--help": [""]}, []),
    ],
)
def test_options_and_words_in_any_order(argv, values, words):
    """As with getopt_long(3), which most commands on the system follow; a value may begin with a dash."""
    given = read(argv, OPTIONS)
    assert (given.values, given.words) == (values, words)


@pytest.mark.parametrize("end", [[], ["--"]])
def test_reading_to_the_first_word_leaves_the_rest_alone(end):
    """What follows a verb is the verb's to understand."""
    given = read(["--json", *end, "add", "--no-such", "--"], OPTIONS, to_first_word=True)
    assert (given.values, given.words) == ({"--json": [""]}, ["add", "--no-such", "--"])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--agr", "x"], 'there is no option "--agr"; did you mean --arg?'),
        (["--nothing-near"], 'there is no option "--nothing-near"'),
        (["-x"], 'there is no option "-x"'),
        (["--=x"], 'there is no option "--"'),
        (["--e", "x"], "--e could be --env, --env-inherit; write more of it"),
        (["--arg"], "--arg needs a value, ARG"),
        (["--json=x"], "--json takes no value"),
    ],
)
def test_what_cannot_be_read_is_told(argv, words):
    """By name, and with what to do about it."""
    with pytest.raises(ConfigError) as caught:
        read(argv, OPTIONS)
    assert str(caught.value) == words


def test_the_last_value_counts():
    """A script that adds to somebody's options has the last word."""
    given = read(["--env=A=1", "--env=A=2", "--arg=1", "--arg=2"], OPTIONS)
    assert (given.last("--env"), given.all("--arg")) == ("A=2", ["1", "2"])
    assert (given.last("--env-inherit"), given.all("--env-inherit")) == (None, None)


def test_help_says_what_each_option_is_for():
    """And which may be given more than once."""
    lines = described(OPTIONS).splitlines()
    assert lines[0].split() == ["--arg", "ARG", "an", "argument", "(repeatable)"]
    assert lines[-1].split() == ["--help", "this", "text"]
    abouts = ("an argument", "a variable", "another", "a switch", "this text")
    assert len({line.index(about) for line, about in zip(lines, abouts, strict=True)}) == 1
