"""Options as data, and their reading: ``--name value``, ``--name=value``, abbreviations, ``--``, as getopt_long(3).

Neither argparse nor getopt: with either, ``ctl list`` takes more than three times as long as Python alone (both import
gettext). Argparse also refuses ``--arg -m``, where an option's value begins with a dash. What an option means is its
verb's business.
"""

from __future__ import annotations

from ncolony.core.errors import ConfigError
from ncolony.core.names import nearest, quoted
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


@record
class Option:
    """A long option: its name with the dashes, what its value is called (empty: it has none), and what it is for."""

    name: str
    metavar: str
    about: str
    repeated: bool = False
    short: str = ""
    """Its other name, one letter with a dash."""
    among: tuple[str, ...] = ()
    """The values that make sense, where those are few words; shells complete them."""


@record
class Given:
    """What a command line holds: the values of the options in it, in order, and the other words."""

    values: dict[str, list[str]]
    words: list[str]
    behind: list[str]
    """Those of the words that stand behind ``--``."""

    def last(self, name: str) -> str | None:
        """Return an option's value, the last where it was given more than once; None without it."""
        return self.values[name][-1] if name in self.values else None

    def all(self, name: str) -> list[str] | None:
        """Return all values of an option that may be repeated; None without it."""
        return self.values.get(name)


HELP = Option("--help", "", "this text", short="-h")


def read(argv: Sequence[str], options: Sequence[Option], *, to_first_word: bool = False) -> Given:
    """Read a command line; with ``to_first_word``, all from the first word that is no option on counts as words.

    Raises :class:`ConfigError` for an option that is not there, that could be several, or that lacks its value.
    """
    known = {option.name: option for option in (*options, HELP)}
    shorts = {option.short: option.name for option in known.values() if option.short}
    given = Given({}, [], [])
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            given.words.extend(rest)
            given.behind.extend(rest)
            break
        if argument == "-" or not argument.startswith("-"):
            given.words.append(argument)
            if to_first_word:
                given.words.extend(rest)
                break
            continue
        if argument[:2] in shorts:
            argument = shorts[argument[:2]] + (f"={argument[2:]}" if argument[2:] else "")
        name, has_value, value = argument.partition("=")
        option = _find(name, known)
        if has_value and not option.metavar:
            raise ConfigError(f"{option.name} takes no value")
        if option.metavar and not has_value:
            if not rest:
                raise ConfigError(f"{option.name} needs a value, {option.metavar}")
            value = rest.pop(0)
        given.values.setdefault(option.name, []).append(value)
    return given


def _find(name: str, known: dict[str, Option]) -> Option:
    if name in known:
        return known[name]
    longer = [candidate for candidate in known if candidate.startswith(name) and len(name) > len("--")]
    if len(longer) == 1:
        return known[longer[0]]
    if longer:
        raise ConfigError(f"{name} could be {', '.join(longer)}; write more of it")
    near = nearest(name, list(known))
    raise ConfigError(f"there is no option {quoted(name)}{f'; did you mean {near}?' if near else ''}")


def described(options: Sequence[Option]) -> str:
    """Return the lines of a help text for ``options``."""
    has_shorts = any(option.short for option in options)
    blank = "    " if has_shorts else ""
    names = [
        f"{f'{option.short}, ' if option.short and has_shorts else blank}{option.name} {option.metavar}".rstrip()
        for option in (*options, HELP)
    ]
    width = max(map(len, names)) + 2
    abouts = [f"{option.about} (repeatable)" if option.repeated else option.about for option in (*options, HELP)]
    return "\n".join(f"  {name:<{width}}{about}" for name, about in zip(names, abouts, strict=True))
