"""docs/man/: a manual page for ncolony, one for each verb, and one for the files of a colony, in man's macros."""

import re

from generating.cli import NAMING, PLACES
from ncolony import __version__
from ncolony.cli.every import every
from ncolony.cli.options import HELP
from ncolony.cli.place import PLACE
from ncolony.cli.verb import STATUSES, options_of
from ncolony.core import keys, limitkeys, names

DATE = "-".join([*(part.zfill(2) for part in __version__.split(".")[:2]), "01"])  # versions are year, month, number


def pages():
    """Return the pages: their paths below docs/, each with what writes it."""
    found = {"man/man1/ncolony.1": lambda _: _overview(), "man/man5/ncolony-conf.5": lambda _: _conf()}
    for name, verb in every().items():
        found[f"man/man1/ncolony-{name}.1"] = lambda _, verb=verb: _verb(verb)
    return found


def _overview():
    verbs = every()
    lines = [
        *_head("ncolony", 1, "keep programs running"),
        *_synopsis(r"\fBncolony\fR [\fB-C\fR \fIDIR\fR] \fIVERB\fR ..."),
        ".SH DESCRIPTION",
        *_text("A colony is a directory with conf/ and messages/ in it. conf/ has a file for each program, as in"
               " ncolony-conf(5). A supervisor runs them, `ncolony run`; all other verbs change the files, or ask the"
               " supervisor over its socket."),
        ".SH VERBS",
    ]  # fmt: skip
    for name, verb in verbs.items():
        lines += [".TP", rf"\fBncolony-{_roff(name)}\fR(1)", _roff(_sentence(verb.about))]
    lines += [".SH FINDING THE COLONY", *_text(PLACES), *_options(PLACE), ".SH NAMING PROGRAMS", *_text(NAMING)]
    return _page([*lines, *_exits(), *_see_also("ncolony-conf(5)", *(f"ncolony-{name}(1)" for name in verbs))])


def _verb(verb):
    name = f"ncolony-{verb.name}"
    lines = [
        *_head(name, 1, verb.about),
        *_synopsis(rf"\fBncolony {_roff(verb.name)}\fR [\fIOPTION\fR ...] {_roff(verb.words)}".rstrip()),
        ".SH DESCRIPTION",
        *_text(verb.text or _sentence(verb.about)),
        ".SH OPTIONS",
        *_options((*options_of(verb), HELP)),
    ]
    if verb.examples:
        lines.append(".SH EXAMPLES")
        for command, what in verb.examples:
            lines += [".TP", rf"\fB{_roff(command)}\fR", _roff(what)]
    return _page([*lines, *([] if verb.name == "reaper" else _exits()), *_see_also("ncolony(1)", "ncolony-conf(5)")])


def _conf():
    lines = [
        *_head("ncolony-conf", 5, "the files of a colony's programs"),
        ".SH DESCRIPTION",
        *_text(f"conf/NAME holds one JSON object. NAME is the program's name: {names.WANTED},"
               " and no ':' and number at its end. Files whose names begin with . or end in"
               f" {', '.join(names.IGNORED_ENDINGS)} are ignored; a writer makes NAME.new and renames it. Only"
               " `args` is required. Any other key is the program's own."),
        ".SH KEYS",
    ]  # fmt: skip
    for key in keys.KEYS:
        lines += _key(key.name, key)
        for inner in limitkeys.LIMIT_KEYS if key.name == "limits" else key.inner:
            lines += _key(f"{key.name}.{inner.name}", inner)
    return _page([*lines, *_see_also("ncolony(1)", "ncolony-run(1)", "ncolony-add(1)")])


def _key(name, key):
    default = f" Default: {_plain(key.default)}." if key.default else ""
    return [".TP", rf"\fB{_roff(name)}\fR: {_marked(_plain(key.wanted))}", _marked(f"{_plain(key.meaning)}{default}")]


def _plain(text):
    """Return Markdown as words: links become what they say."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", str(text))


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def _page(lines):
    return "\n".join(line for line in lines if line) + "\n"


def _head(name, section, about):
    note = r".\" Written by docs/generate.py from the code; change that, not this."
    title = f'.TH {name.upper().replace("-", chr(92) + "-")} {section} "{DATE}" "NColony {__version__}" "NColony"'
    return [note, title, ".SH NAME", rf"{_roff(name)} \- {_roff(about)}"]


def _synopsis(text):
    return [".SH SYNOPSIS", text]


def _options(options):
    lines = []
    for option in options:
        names_of = ", ".join(rf"\fB{_roff(name)}\fR" for name in (option.short, option.name) if name)
        value = rf" \fI{_roff(option.metavar)}\fR" if option.metavar else ""
        repeated = " May be given more than once." if option.repeated else ""
        lines += [".TP", f"{names_of}{value}", _marked(_sentence(option.about) + repeated)]
    return lines


def _exits():
    lines = [".SH EXIT STATUS"]
    for status, meaning in STATUSES.items():
        lines += [".TP", rf"\fB{status}\fR", _roff(_sentence(meaning))]
    return lines


def _see_also(*others):
    return [".SH SEE ALSO", ",\n".join(rf"\fB{_roff(name.partition('(')[0])}\fR({name[-2]})" for name in others)]


def _text(text):
    """Return paragraphs; a line that begins with a word and a colon stays a line of its own."""
    lines = []
    for place, paragraph in enumerate(text.split("\n\n")):
        lines += [".PP"] if place else []
        for number, line in enumerate(paragraph.split("\n")):
            lines += [".br"] if number and re.match(r"[a-z-]+( [A-Z]+)?: ", line) else []
            lines.append(_marked(line))
    return lines


def _marked(text):
    """Return a line of text, with what stands in backquotes in bold."""
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _roff(text))


def _roff(text):
    """Return text so that roff takes it as text."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text
