"""What the targets share."""

import json
import os
import unicodedata

from ncolony.core.keys import KEYS
from ncolony.core.keyspec import Key


def words_of(keys=KEYS):
    """Return what a file of these keys is written with, for a fuzzer to put together."""
    for key in keys:
        yield f'"{key.name}":'
        yield from words_of(key.inner)
        yield from getattr(key.read, "words", ())


def dictionary(*words, keys: "tuple[Key, ...]" = ()):
    """Return words as bytes, each once, with those of ``keys``."""
    return tuple(dict.fromkeys(word.encode() for word in (*words, *words_of(keys))))


def is_one_line(text):
    """Tell whether a text can be shown in one line of a terminal, and obeyed by none."""
    return not any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in text)


def in_pieces(data, size):
    """Cut bytes into pieces of a size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def objects(data):
    """Return the JSON object in ``data``, as Python reads it, or none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return [value] if isinstance(value, dict) else []


class Memory:
    """A file that is in no file system, by a path that can be opened."""

    def __init__(self, data):
        self._fd = os.memfd_create("fuzz")
        os.write(self._fd, data)
        self.path = f"/proc/self/fd/{self._fd}"

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        os.close(self._fd)
