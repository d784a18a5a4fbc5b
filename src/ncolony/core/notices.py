"""What a program says of itself on the notify socket: one variable a line, as sd_notify(3) has it."""

from __future__ import annotations

MAX_BYTES = 4096  # of a message, as systemd has it
MAX_TEXT = 512  # characters of a status that are kept
MAX_NAME = 255
MICRO = 1_000_000
MAX_SECONDS = 100 * 365 * 86400.0


def read(message: bytes) -> dict[str, str]:
    """Return the variables of a message; empty where it is none."""
    text = message.decode("utf-8", "replace")
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def seconds(value: str | None) -> float | None:
    """Return the time that a number of microseconds means; None where it is none."""
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > len(str(2**64)):
        return None
    return min(int(value) / MICRO, MAX_SECONDS)


def number(value: str | None) -> int | None:
    """Return a small whole number; None where it is none."""
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > len(str(2**32)):
        return None
    return int(value)


def in_line(value: str, longest: int = MAX_TEXT) -> str:
    """Return a text as one line that can be shown anywhere."""
    return "".join(letter if letter.isprintable() else " " for letter in value[:longest]).strip()


def name_of(value: str | None) -> str:
    """Return the name that a stored descriptor gets."""
    if (
        value is None
        or not 0 < len(value) <= MAX_NAME
        or not all("!" <= letter <= "~" and letter != ":" for letter in value)
    ):
        return "stored"
    return value
