"""Verbs as data, and what all of them have in common: options, help, errors, exit statuses.

A verb's module holds its :class:`Verb`; catalog.py says which module that is. Help texts, man pages and completions are
made from it, so each thing is said once.
"""

from __future__ import annotations

import sys

from ncolony.cli.options import Given, Option, described, read
from ncolony.core.errors import ConfigError, NColonyError, NoSuch, OSFailure
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DIGITS = 18
DONE, FAILED, USAGE, NOT_RUNNING, NO_SUCH = 0, 1, 2, 3, 4
STATUSES = {
    DONE: "done",
    FAILED: "failed: it was tried and came to nothing, or not in time, or is not allowed",
    USAGE: "the command line, a file or a directory cannot be used",
    NOT_RUNNING: "not running: a program that was asked about, or the supervisor",
    NO_SUCH: "no such program, instance or label",
}
KINDS = {"usage": USAGE, "no-such": NO_SUCH}  # of errors that a supervisor answers; all others are FAILED

NAMES = (
    "A NAME is a program, `web:2` one of its instances, `@public` all programs with a label, `web-*` all that match."
)

JSON = Option("--json", "", "print what the supervisor answers, as JSON")


@record
class Verb:
    """What a verb is called, takes and does."""

    name: str
    about: str
    """One line, beginning with a small letter, without a full stop."""
    act: Callable[[Call], int]
    """Does it, and returns the exit status."""
    words: str = ""
    """What may follow, as in a usage line: ``[NAME ...]``."""
    options: tuple[Option, ...] = ()
    text: str = ""
    """Paragraphs that say more, with empty lines between them."""
    examples: tuple[tuple[str, str], ...] = ()
    """Commands, and what they do."""
    in_colony: bool = True
    """Whether it is about a colony, and takes the options that name one."""


@record
class Call:
    """One call of a verb."""

    verb: Verb
    given: Given

    def has(self, option: str) -> bool:
        """Tell whether an option was given."""
        return option in self.given.values

    def tell(self, what: str) -> None:
        """Say something to whoever called, beside the result."""
        tell(self.verb.name, what)


def options_of(verb: Verb) -> tuple[Option, ...]:
    """Return all options that a verb takes."""
    from ncolony.cli.place import PLACE

    return (*verb.options, *PLACE) if verb.in_colony else verb.options


def run(verb: Verb, argv: list[str]) -> int:
    """Do what the words after a verb say; errors are told in one line each on standard error."""
    try:
        given = _read(verb, argv)
        if "--help" in given.values:
            print(help_on(verb))
            return DONE
        return verb.act(Call(verb, given))
    except NColonyError as error:
        tell(verb.name, str(error))
        return status_of(error)


def status_of(error: NColonyError) -> int:
    """Return the exit status for an error."""
    if isinstance(error, NoSuch):
        return NO_SUCH
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, OSFailure):
        from ncolony.control.client import Unanswered

        return NOT_RUNNING if isinstance(error, Unanswered) else FAILED
    return KINDS.get(str(getattr(error, "kind", "")), FAILED)


def whole(text: str) -> int | None:
    """Return the whole number that ``text`` is, None where it is none, or one of absurd length."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def show_json(answer: Mapping[str, object]) -> None:
    """Print what a supervisor has answered, without what only its client needs."""
    import json

    print(json.dumps({key: value for key, value in answer.items() if key not in {"id", "ok"}}, indent=2))


def misused(verb: Verb, why: str) -> ConfigError:
    """Return the error for a command line that cannot be used."""
    return ConfigError(f"{why} (see `ncolony {verb.name} --help`)")


def tell(name: str, what: str) -> None:
    """Say something on standard error."""
    print(f"ncolony {name}: {what}" if name else f"ncolony: {what}", file=sys.stderr)


def help_on(verb: Verb) -> str:
    """Return the text of ``--help``."""
    parts = [
        f"usage: ncolony {verb.name} [OPTION ...] {verb.words}".rstrip(),
        f"{verb.about[0].upper()}{verb.about[1:]}.",
    ]
    if verb.text:
        parts.append(verb.text)
    parts.append(described(options_of(verb)))
    if verb.examples:
        parts.append("\n".join(f"  {command}\n      {what}" for command, what in verb.examples))
    return "\n\n".join(parts)


def _read(verb: Verb, argv: list[str]) -> Given:
    try:
        return read(argv, options_of(verb))
    except ConfigError as error:
        raise misused(verb, str(error)) from None
