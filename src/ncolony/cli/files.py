"""The verbs that work on a colony's files, whether a supervisor is there or not: init, add, remove, show, list."""

from __future__ import annotations

import os
import sys

from ncolony import ctllib
from ncolony.cli import ctl_add
from ncolony.cli.options import Option
from ncolony.cli.place import connect, places_of
from ncolony.cli.verb import DONE, JSON, Call, Verb, misused
from ncolony.core.errors import OSFailure
from ncolony.core.names import quoted

NAME = Option("--name", "NAME", "the same as the word NAME")
FOLDERS = ("conf", "messages")
EXAMPLE = """{
  "args": ["sh", "-c", "while :; do echo hello; sleep 10; done"],
  "group": ["examples"]
}
"""


def _init(call: Call) -> int:
    words = call.given.words
    if len(words) > 1:
        raise misused(call.verb, f"found {len(words)} directories, wanted one, or none for this one")
    folder = words[0] if words else "."
    made = [path for path in (os.path.join(folder, name) for name in FOLDERS) if _make(path)]
    example = os.path.join(folder, FOLDERS[0], "hello")
    if call.has("--example"):
        _write(example, made)
    print("\n".join([*(f"made {path}" for path in made), *_next(folder, made)]))
    return DONE


def _make(path: str) -> bool:
    try:
        os.makedirs(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise OSFailure(f"cannot make {path!r}: there is a file of that name; name another directory") from None
        return False
    except OSError as error:
        raise OSFailure(f"cannot make {path!r}: {error.strerror}; name a directory that you may write to") from None
    return True


def _write(path: str, made: list[str]) -> None:
    try:
        with open(path, "x", encoding="ascii") as file:
            file.write(EXAMPLE)
    except FileExistsError:
        return  # whoever wrote it had better reasons than an example
    except OSError as error:
        raise OSFailure(f"cannot write {path!r}: {error.strerror}; name a directory that you may write to") from None
    made.append(path)


def _next(folder: str, made: list[str]) -> list[str]:
    where = "" if folder == "." else f" -C {_for_shell(folder)}"
    return [
        *([] if made else ["everything is there already"]),
        "next:",
        f"  ncolony{where} add web -- python3 -m http.server 8000",
        f"  ncolony run {_for_shell(folder)}",
        f"  ncolony{where} status",
    ]


def _for_shell(word: str) -> str:
    from ncolony.cli.ctl_show import for_shell

    return for_shell([word])


def _name(call: Call, *, more: bool = False) -> str:
    named, words = call.given.last(NAME.name), call.given.words
    if named is not None:
        words.insert(0, named)
    if not words:
        raise misused(call.verb, "NAME is missing")
    if words[1:] and not more:
        raise misused(call.verb, f"{quoted(words[1])} is one word too many")
    return words[0]


def _add(call: Call) -> int:
    given = call.given
    if given.behind and given.behind == given.words and NAME.name not in given.values:
        raise misused(call.verb, "NAME is missing before --")
    name = _name(call, more=True)
    if command := given.words[1:]:
        if given.values.keys() & {"--cmd", "--arg"}:
            raise misused(call.verb, "the command is there twice: behind NAME, and by --cmd or --arg")
        given.values["--cmd"], given.values["--arg"] = [command[0]], command[1:]
    elif given.last("--cmd") is None:
        raise misused(call.verb, "the command is missing; end with -- CMD [ARG ...]")
    places = places_of(given)
    for warning in ctl_add.add(places, name, given):
        call.tell(f"note: {warning}")
    _note_absence(call)
    return DONE


def _note_absence(call: Call) -> None:
    """Say so on a terminal where no supervisor is there that would take notice: a newcomer waits in vain."""
    if sys.stderr is None or not sys.stderr.isatty():
        return
    from ncolony.control.client import Denied, Unanswered

    try:
        connect(call.given, 5.0).close()
    except Denied:
        return  # there is one, which talks to others than us
    except Unanswered as error:
        call.tell(f"note: written, and nothing runs yet: {error}")


def _remove(call: Call) -> int:
    ctllib.remove(places_of(call.given), _name(call))
    return DONE


def _show(call: Call) -> int:
    from ncolony.cli import ctl_show

    notes, status = ctl_show.show(places_of(call.given), _name(call), raw=call.has("--json"))
    for note in notes:
        call.tell(note)
    return status


def _list(call: Call) -> int:
    from ncolony.cli import ctl_show

    if call.given.words:
        raise misused(call.verb, f"{quoted(call.given.words[0])} is one word too many; `ncolony show NAME` shows one")
    places = places_of(call.given)
    if call.has("--names"):
        print("".join(f"{name}\n" for name in ctllib.names(places) if name.isprintable()), end="")
    else:
        print(ctl_show.listing(places, as_json=call.has("--json")), end="")
    return DONE


INIT = Verb(
    "init", "make the directories of a new colony", _init, "[DIR]",
    (Option("--example", "", "write a first program, conf/hello, too"),),
    "DIR is the current directory if not given. What is there already stays as it is.",
    (("ncolony init /srv/colony", "make /srv/colony/conf and /srv/colony/messages"),),
    in_colony=False,
)  # fmt: skip
ADD = Verb(
    "add", "describe a program, or describe it anew", _add, "NAME -- CMD [ARG ...]",
    (NAME, *ctl_add.OPTIONS),
    "Writes conf/NAME; a supervisor that runs starts the program at once, or restarts it where it has to. Nothing is\n"
    "written where something is wrong.",
    (
        ("ncolony add web -- python3 -m http.server 8000", "a first program"),
        ("ncolony add job --restart transient --group batch -- /srv/job", "with keys of its own, see docs/keys.md"),
    ),
)  # fmt: skip
REMOVE = Verb(
    "remove", "remove a program, which stops it", _remove, "NAME", (NAME,),
    "Deletes conf/NAME. `ncolony stop` stops a program and keeps its file.",
)  # fmt: skip
SHOW = Verb(
    "show", "show a program's file and what is wrong with it", _show, "NAME",
    (NAME, Option("--json", "", "the file as it is")),
)  # fmt: skip
LIST = Verb(
    "list", "list the programs that are described, and their commands", _list, "",
    (Option("--names", "", "names only, a line each"), JSON),
    "Reads the files, so it works without a supervisor. With --json: a list of objects with name, args, problems and\n"
    "warnings. How programs stand is what `ncolony status` tells.",
)  # fmt: skip
