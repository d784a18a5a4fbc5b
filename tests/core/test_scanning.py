"""What is read letter by letter, as regular expressions cost a megabyte, against the expressions that say it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from ncolony.core.keyspec import Mismatch
from ncolony.core.logspec import FileLog, is_device, path_of
from ncolony.core.readers import MAX_DURATION_LENGTH, MAX_SIZE, a_duration, a_size, a_umask
from ncolony.core.sockets import an_ipv4_host, is_port

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
         "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}  # fmt: skip
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
VALUES = {"{name}": "<{stream}>", "{instance}": "7", "{stream}": "stdout"}


def taken(read: Callable[[object], object], value: object) -> object:
    """Return what a reader makes of a value; None where it refuses it."""
    try:
        return read(value)
    except Mismatch:
        return None


def text_of(alphabet: str, size: int = 12) -> st.SearchStrategy[str]:
    """Return texts of few letters, so that many of them mean something."""
    return st.text(alphabet=alphabet, max_size=size)


@given(text_of("01.5msh d٣"))
@example("1m30s")
@example("1.5.2s")
@example("1" * MAX_DURATION_LENGTH + "s")
@example(".5s")
@example("5.s")
def test_a_time(text: str) -> None:
    """Numbers with units, one after the other, and nothing else."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text) if len(text) <= MAX_DURATION_LENGTH else []
    whole = bool(parts) and "".join(number + unit for number, unit in parts) == text
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    assert taken(a_duration, text) == (seconds if whole and seconds <= 100 * 365 * 86400.0 else None)


@given(text_of("019. kKMGTiB"))
@example("10 ")
@example("1.5MiB")
@example("1.1234567MB")
@example("9" * 19)
@example("1  MB")
def test_a_size(text: str) -> None:
    """A number, at most one space, and a unit or none."""
    found = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,6})?) ?([kKMGT]i?B|B|)", text)
    if found is None or found[2] not in SIZES:
        assert taken(a_size, text) is None
        return
    size = float(found[1]) * SIZES[found[2]] if "." in found[1] else int(found[1]) * SIZES[found[2]]
    assert taken(a_size, text) == (int(size) if size <= MAX_SIZE else None)


@given(text_of("078o", 6))
def test_a_mask(text: str) -> None:
    """Octal digits, as people write them."""
    sound = re.fullmatch("(0o?)?[0-7]{1,3}", text)
    assert taken(a_umask, text) == (int(text.removeprefix("0o"), 8) if sound else None)


@given(text_of("0123569.", 15))
@example("255.255.255.255")
@example("1.2.3.256")
@example("1.2.3.04")
def test_an_address(text: str) -> None:
    """Four numbers up to 255, in the one way to write them."""
    sound = re.fullmatch(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}", text)
    small = all(int(part) < 256 for part in text.split(".")) if sound else False
    assert taken(lambda value: an_ipv4_host(str(value)), text) == (text if small else None)


@given(text_of("0123569-+ ٣", 7))
@example("65535")
@example("65536")
def test_a_port(text: str) -> None:
    """From 1 to 65535."""
    assert is_port(text) == (re.fullmatch("[0-9]{1,5}", text) is not None and 0 < int(text) <= 65535)


@given(st.lists(st.sampled_from(["{name}", "{instance}", "{stream}", "{", "}", "/", "a", "{x}", "name}"]), max_size=8))
def test_a_path_with_fields(parts: list[str]) -> None:
    """Each field is filled in once, and what is filled in stays as it is."""
    path = "/" + "".join(parts)
    wanted = re.sub(r"\{(?:name|instance|stream)\}", lambda found: VALUES[found[0]], path)
    assert path_of(FileLog(path), VALUES["{name}"], 7, "stdout") == wanted


@given(st.lists(st.sampled_from(["/", "//", ".", "..", "dev", "proc", "shm", "null"]), max_size=8))
def test_a_path_of_a_device(parts: list[str]) -> None:
    """However it is written."""
    plain = re.sub("/+(?:[.]/+)*", "/", "".join(parts))
    wanted = plain.startswith(("/dev/", "/proc/")) and not plain.startswith("/dev/shm/")
    assert is_device("".join(parts)) == wanted
