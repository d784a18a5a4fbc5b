"""Changes one key of a JSON object in its text, and leaves every other letter of it as its author wrote it."""

from __future__ import annotations

import json

BLANKS = " \t\n\r"


def with_key(text: str, key: str, value: object) -> str:
    """Return the text of an object in which ``key`` has ``value``; a key that is new goes to the end.

    ``text`` has to be one JSON object without a key twice, as :func:`ncolony.core.parse.parse` has seen to.
    """
    decoder = json.JSONDecoder()
    place = end = _after_blanks(text, 0) + 1  # behind the {
    gap = " "  # what stands before the first key stands before a new one
    first = True
    while text[place := _after_blanks(text, place)] != "}":
        if text[place] == ",":
            place = _after_blanks(text, place + 1)
        if first:
            gap, first = text[end:place], False
        name, place = decoder.raw_decode(text, place)
        start = _after_blanks(text, _after_blanks(text, place) + 1)  # behind the colon
        _, end = decoder.raw_decode(text, start)
        if name == key:
            return text[:start] + json.dumps(value) + text[end:]
        place = end
    if first:
        return f"{text[:end]}{json.dumps(key)}: {json.dumps(value)}{text[end:]}"
    return f"{text[:end]},{gap or ' '}{json.dumps(key)}: {json.dumps(value)}{text[end:]}"


def _after_blanks(text: str, place: int) -> int:
    while text[place] in BLANKS:
        place += 1
    return place
