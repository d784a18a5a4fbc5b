"""Listens to a program's output for the line that says it is ready."""

from __future__ import annotations

from re import MULTILINE
from re import compile as pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINE = 4096  # bytes of a line, from its beginning, that are searched


class Ear:
    """One run's. Lines are searched as they grow, so a prompt without an end is found too."""

    __slots__ = ("_found", "_pattern", "_rests")

    def __init__(self, expression: str, found: Callable[[], None]) -> None:
        """Call ``found`` at the first match."""
        self._pattern = pattern(expression, MULTILINE)
        self._found = found
        self._rests: dict[str, bytes] = {}

    def hear(self, stream: str, data: bytes) -> bool:
        """Search what a stream goes on with; tell whether no more is needed."""
        text = self._rests.get(stream, b"") + data
        if self._pattern.search(text.decode("utf-8", "replace")):
            self._found()
            return True
        self._rests[stream] = text[text.rfind(b"\n") + 1 :][:MAX_LINE]
        return False
