"""``ncolony ctl``: change a colony through its directories, whether a supervisor is there or not.

Knows options, wording and exit statuses; :mod:`ncolony.ctllib` does the work.
"""

from __future__ import annotations

import sys

from ncolony import ctllib
from ncolony.cli.options import Given, Option, described, read
from ncolony.core.errors import ConfigError, NColonyError, NoSuch, OSFailure
from ncolony.core.names import nearest, quoted
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DONE = 0
STATUSES: dict[type[NColonyError], int] = {OSFailure: 1, ConfigError: 2, NoSuch: 4}

PLACES = (
    Option("--config", "DIR", "the directory of the programs' files"),
    Option("--messages", "DIR", "the directory of messages to the supervisor"),
)


@record
class Verb:
    """A verb: what it does, and with what."""

    call: Callable[[ctllib.Places, str, Given], int]
    """Given the places, the one word that it takes (or none) and the options, does it and returns the exit status."""
    about: str
    word: str = ""
    """What its one word is called; ``NAME`` may be given as ``--name NAME`` too."""
    options: Callable[[], tuple[Option, ...]] = tuple
    sends: bool = False
    """Whether it needs the directory of messages."""


def _add(places: ctllib.Places, name: str, given: Given) -> int:
    from ncolony.cli import ctl_add

    for warning in ctl_add.add(places, name, given):
        _tell(f"note: {warning}")
    return DONE


def _add_options() -> tuple[Option, ...]:
    from ncolony.cli import ctl_add

    return ctl_add.OPTIONS


def _remove(places: ctllib.Places, name: str, _: Given) -> int:
    ctllib.remove(places, name)
    return DONE


def _restart(places: ctllib.Places, name: str, _: Given) -> int:
    ctllib.restart(places, name)
    return DONE


def _restart_group(places: ctllib.Places, group: str, _: Given) -> int:
    ctllib.restart_group(places, group)
    return DONE


def _restart_all(places: ctllib.Places, _: str, __: Given) -> int:
    ctllib.restart_all(places)
    return DONE


def _upgrade(places: ctllib.Places, _: str, __: Given) -> int:
    ctllib.upgrade(places)
    return DONE


def _show(places: ctllib.Places, name: str, given: Given) -> int:
    from ncolony.cli import ctl_show

    notes, status = ctl_show.show(places, name, raw="--json" in given.values)
    for note in notes:
        _tell(note)
    return status


def _list(places: ctllib.Places, _: str, given: Given) -> int:
    from ncolony.cli import ctl_show

    print(ctl_show.listing(places, as_json="--json" in given.values), end="")
    return DONE


def _raw() -> tuple[Option, ...]:
    return (Option("--json", "", "the file as it is"),)


def _as_json() -> tuple[Option, ...]:
    return (Option("--json", "", "as JSON: a list of objects with name, args, problems and warnings"),)


VERBS = {
    "add": Verb(_add, "describe a program, or describe it anew", "NAME", _add_options),
    "remove": Verb(_remove, "remove a program; the supervisor stops it", "NAME"),
    "restart": Verb(_restart, "restart a program", "NAME", sends=True),
    "restart-group": Verb(_restart_group, "restart the programs that carry a label", "GROUP", sends=True),
    "restart-all": Verb(_restart_all, "restart all programs", sends=True),
    "upgrade": Verb(_upgrade, "have the supervisor become the version that is installed now", sends=True),
    "show": Verb(_show, "show a program's file and what is wrong with it", "NAME", _raw),
    "list": Verb(_list, "list the programs and their commands", options=_as_json),
}


def main(argv: list[str]) -> int:
    """Do what the words after ``ctl`` say; return the exit status. Errors are told in one line on stderr."""
    try:
        return _main(argv)
    except NColonyError as error:
        _tell(str(error))
        return STATUSES[type(error)]


def _main(argv: list[str]) -> int:
    before = _read(argv, PLACES, "", to_first_word=True)
    if "--help" in before.values:
        print(_help())
        return DONE
    name = before.words[0] if before.words else ""
    if name not in VERBS and (status := _catalogued(name, before)) is not None:
        return status
    verb = _verb(name)
    options = (*verb.options(), *([_word_option(verb)] if verb.word else ()), *PLACES)
    after = _read(before.words[1:], options, name)
    if "--help" in after.values:
        print(_help_on(name, verb, options))
        return DONE
    given = Given({**before.values, **after.values}, after.words, after.behind)
    word = _word(name, verb, given)
    return verb.call(_places(name, verb, given), word, given)


def _catalogued(name: str, before: Given) -> int | None:
    """Do one of the verbs that ``ctl`` does not have of its own, in the same colony; None where there is none."""
    from ncolony.cli import catalog
    from ncolony.cli.verb import run

    if name not in catalog.VERBS or not catalog.verb(name).in_colony:
        return None
    places = [f"{option}={value}" for option, values in before.values.items() for value in values]
    return run(catalog.verb(name), [*places, *before.words[1:]])


def _read(argv: list[str], options: tuple[Option, ...], verb: str, *, to_first_word: bool = False) -> Given:
    try:
        return read(argv, options, to_first_word=to_first_word)
    except ConfigError as error:
        raise _misused(str(error), verb) from None


def _misused(why: str, verb: str = "") -> ConfigError:
    doing = verb or "read the command line"
    return ConfigError(f"cannot {doing}: {why} (see ncolony ctl {verb}{' ' if verb else ''}--help)")


def _verb(name: str) -> Verb:
    if not name:
        raise _misused(f"no verb; give one of {', '.join(VERBS)}")
    if name not in VERBS:
        from ncolony.cli import catalog

        near = nearest(name, [*VERBS, *catalog.VERBS])
        hint = f"did you mean {near}?" if near else f"give one of {', '.join(VERBS)}"
        raise _misused(f"there is no verb {quoted(name)}; {hint}")
    return VERBS[name]


def _word_option(verb: Verb) -> Option:
    return Option(f"--{verb.word.lower()}", verb.word, f"the same as the word {verb.word}")


def _word(name: str, verb: Verb, given: Given) -> str:
    words = given.words
    if not verb.word:
        words = ["", *words]
    elif (named := given.last(_word_option(verb).name)) is not None:
        words = [named, *words]
    if not words:
        raise _misused(f"{verb.word} is missing", name)
    if len(words) > 1:
        raise _misused(f"{quoted(words[1])} is one word too many", name)
    return words[0]


def _places(name: str, verb: Verb, given: Given) -> ctllib.Places:
    for option in PLACES if verb.sends else PLACES[:1]:
        if not given.last(option.name):
            raise _misused(f"{option.name} is missing; name {option.about}, {option.name} {option.metavar}", name)
    return ctllib.Places(given.last("--config") or "", given.last("--messages") or "")


def _help() -> str:
    from ncolony.cli import catalog

    verbs = "\n".join(f"  {f'{name} {verb.word}'.rstrip():<22}{verb.about}" for name, verb in VERBS.items())
    others = ", ".join(name for name in catalog.VERBS if name not in VERBS and catalog.verb(name).in_colony)
    return (
        f"usage: ncolony ctl --config DIR --messages DIR VERB ...\n\n{verbs}\n\n{described(PLACES)}\n\n"
        f"And, as `ncolony VERB` does them: {others}.\n\n"
        "The two directories may stand behind the verb. Exit status: 0 done, 1 failed, 2 the command line or a\n"
        "description cannot be used, 4 no such program."
    )


def _help_on(name: str, verb: Verb, options: tuple[Option, ...]) -> str:
    usage = f"usage: ncolony ctl {name} {verb.word}".rstrip()
    return f"{usage} [OPTION ...]\n\n{verb.about.capitalize()}.\n\n{described(options)}"


def _tell(what: str) -> None:
    print(f"ncolony ctl: {what}", file=sys.stderr)
