"""Small pieces of Markdown."""

import inspect

NOTE = "<!-- Written by docs/generate.py from the code; change that, not this. -->"


class Incomplete(Exception):
    """The code has something that the generator has no words for; the message says where they belong."""


def complete(where, ours, found):
    """See to it that prose kept here covers just what the code has. Raises :class:`Incomplete`."""
    missing, surplus = sorted(set(found) - set(ours)), sorted(set(ours) - set(found))
    if missing or surplus:
        raise Incomplete(f"{where}: to be added: {missing}, to be dropped: {surplus}")


def table(head, rows):
    """Return a table; cells are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def code(text):
    """Return text as code, in a line."""
    return f"`{text}`" if text else ""


def promise(thing):
    """Return a docstring as one paragraph of Markdown; a thing without one is an error."""
    text = inspect.getdoc(thing)
    if not text:
        raise Incomplete(f"{thing!r}: has no docstring")
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def block(language, text):
    """Return text as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def join(*parts):
    """Return a page of these paragraphs."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
