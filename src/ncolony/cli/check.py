"""``ncolony check``: what is wrong with the files of a colony, all of it at once, without a supervisor."""

from __future__ import annotations

import json
import os

from ncolony.cli.options import Option
from ncolony.cli.place import config_of
from ncolony.cli.tables import printable
from ncolony.cli.verb import DONE, USAGE, Call, Verb, misused
from ncolony.core.colonyspec import ColonySpec
from ncolony.core.errors import ConfigError
from ncolony.core.parse import Problem
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ncolony.directory.candidate import Candidate, File

ERROR, WARNING = "error", "warning"
SCHEMA = Option("--schema", "", "print the JSON Schema of a program's file, for editors")
COLONY_SCHEMA = Option("--colony-schema", "", "print that of the colony's file, .colony")


@record
class Finding:
    """One thing that is wrong with a file, or may be."""

    file: str
    severity: str
    message: str
    problem: Problem | None = None
    """What the message says, taken apart; None: it is a sentence and no more."""


def findings(candidate: Candidate, *, alone: bool = False) -> Iterator[Finding]:
    """Yield all that is wrong with files, file by file; ``alone``: not what is wrong with them together."""
    from ncolony.core import together
    from ncolony.directory.machine import missing, missing_readers

    programs = candidate.programs
    unknown = [file.name for file in candidate.files if file.made is None]
    wrong = {} if alone else together.problems(programs, unknown)
    for file in candidate.files:
        for problem in (*file.problems, *wrong.get(file.name, ())):
            yield Finding(file.path, ERROR, str(problem), problem)
        for words in file.warnings:
            yield Finding(file.path, WARNING, words)
        for words in missing_readers(file.made) if isinstance(file.made, ColonySpec) else missing(file.made):
            yield Finding(file.path, WARNING, words)


def line(one: Finding) -> str:
    """Return a finding as people read it."""
    return printable(f"{one.file}: {'warning: ' if one.severity == WARNING else ''}{one.message}")


def conf_of(folder: str) -> str:
    """Return the directory of programs that a word means: itself, or ``conf`` in it where it is a colony's folder."""
    inner = os.path.join(folder, "conf")
    return os.path.normpath(inner if os.path.isdir(inner) else folder)


def read_candidate(folder: str) -> Candidate:
    """Read the directory of programs that a word means. Raises :class:`ConfigError`."""
    from ncolony.directory.candidate import read_all

    return read_all(conf_of(folder))


def _act(call: Call) -> int:
    if call.has(SCHEMA.name) or call.has(COLONY_SCHEMA.name):
        return _schema(call)
    words = call.given.words
    found: list[Finding] = []
    count = 0
    for candidate, alone in _candidates(words or [config_of(call.given)]):
        found += findings(candidate, alone=alone)
        count += len(candidate.files)
    if call.has("--strict"):
        found = [Finding(one.file, ERROR, one.message, one.problem) for one in found]
    errors = sum(one.severity == ERROR for one in found)
    if call.has("--json"):
        print(json.dumps({"ok": not errors, "files": count, "findings": [_plain(one) for one in found]}, indent=2))
        return USAGE if errors else DONE
    for one in found:
        print(line(one))
    summary = f"{_counted(count, 'file')}, {_counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}"
    if found:
        call.tell(summary)
    else:
        print(f"{_counted(count, 'file')}, nothing wrong")
    return USAGE if errors else DONE


def _candidates(words: Iterable[str]) -> Iterator[tuple[Candidate, bool]]:
    """Yield what words name: directories with all that is in them, files alone."""
    from ncolony.directory.candidate import Candidate, read_one

    files: list[File] = []
    for word in words:
        if os.path.isdir(word):
            yield read_candidate(word), False
        elif (file := read_one(word)) is not None:
            files.append(file)
        else:
            raise ConfigError(f"cannot read {word!r}: there is no such file or directory")
    if files:
        yield Candidate("", tuple(files)), True


def _plain(one: Finding) -> dict[str, object]:
    problem = one.problem
    parts = {"key": problem.key, "found": problem.found, "wanted": problem.wanted} if problem is not None else {}
    return {"file": one.file, "severity": one.severity, "message": one.message, **parts}


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _schema(call: Call) -> int:
    from ncolony.core import schema

    if call.given.words or (call.has(SCHEMA.name) and call.has(COLONY_SCHEMA.name)):
        raise misused(call.verb, "a schema is printed alone: leave all else out")
    print(schema.as_text(schema.program() if call.has(SCHEMA.name) else schema.colony()), end="")
    return DONE


CHECK = Verb(
    "check", "tell what is wrong with the files of a colony", _act, "[DIR | FILE ...]",
    (
        Option("--strict", "", "take warnings for errors"),
        SCHEMA, COLONY_SCHEMA, Option("--json", "", "print an object with ok, files and findings"),
    ),
    "Needs no supervisor. DIR is a directory of programs' files, or a folder with conf/ in it. Of a directory, what\n"
    "is wrong with its files together is told too: needs that can never be, addresses and log files that two programs\n"
    "have. What this machine does not have (users, executables, directories) is a warning. The exit status is 0, or 2\n"
    "where there are errors.",
    (("ncolony check", "all files of the colony in this folder"),
     ("ncolony check conf/web", "one file alone"),
     ("ncolony check --strict DIR", "for a pipeline that deploys DIR")),
)  # fmt: skip
