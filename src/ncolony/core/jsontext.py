"""JSON by the standard library's own C functions, without the package ``json`` around them.

That package imports ``re``: 3 ms and 1 MB for a supervisor. What is read here is the same, and what cannot be read is
left to the package, which says why.
"""

from __future__ import annotations

from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Reader", "encode_basestring", "encode_basestring_ascii", "read", "write", "writer"]

_SPACE = " \t\n\r"


class Reader:
    """Reads texts with these in place of what the standard library makes of objects, whole numbers and NaN."""

    strict = True
    object_hook = None
    parse_float = float

    def __init__(
        self,
        pairs: Callable[[list[tuple[str, object]]], object] | None = None,
        integer: Callable[[str], object] = int,
        constant: Callable[[str], object] = float,
    ) -> None:
        """Make a scanner of them; it looks at the names that ``json.JSONDecoder`` has."""
        self.object_pairs_hook, self.parse_int, self.parse_constant = pairs, integer, constant
        self._scan = make_scanner(self)  # type: ignore[arg-type] # which takes whatever has these names

    def __call__(self, text: str) -> object:
        """Return the value in a text. Raises ``json.JSONDecodeError``, which is a ValueError, and RecursionError."""
        try:
            value: object
            value, end = self._scan(text, len(text) - len(text.lstrip(_SPACE)))
            if not text[end:].strip(_SPACE):
                return value
        except (StopIteration, ValueError, SystemError):  # the last from Python 3.10, which looks for json.decoder
            pass
        from json import loads

        hooks = self.object_pairs_hook, self.parse_int, self.parse_constant
        return loads(text, object_pairs_hook=hooks[0], parse_int=hooks[1], parse_constant=hooks[2])


def _cannot(value: object) -> object:
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


def writer(
    quote: Callable[[str], str] = encode_basestring_ascii,
    *,
    items: str = ",",
    keys: str = ":",
    sort_keys: bool = False,
) -> Callable[[object], str]:
    """Return what writes a value: with ``quote`` around texts, and these between items and behind keys."""
    encode = make_encoder(None, _cannot, quote, None, keys, items, sort_keys, False, True)

    def written(value: object) -> str:
        return "".join(encode(value, 0))

    return written


read = Reader()
write = writer(items=", ", keys=": ")
"""As ``json.dumps`` writes."""
