"""Small pieces of Markdown."""

import inspect

NOTE = "<!-- Written by docs/generate.py from the code; change that, not this. -->"


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
        message = f"{thing!r} has no docstring"
        raise ValueError(message)
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def block(language, text):
    """Return text as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def join(*parts):
    """Return a page of these paragraphs."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
