"""The verb ``why``: how things stand, what the journal knows of them, and which files cannot be used."""

from __future__ import annotations

from ncolony.control.calls import Text
from ncolony.control.messages import encode
from ncolony.control.status import rows, targets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ncolony.control.calls import Call, World
    from ncolony.control.targets import Targets

ENTRIES = 200  # of each program
PROGRAMS = 20  # whose history is told


def why(world: World, call: Call) -> None:
    """Answer with instances, their history where they were named, and problems."""
    named = bool(call.arguments.get("names"))
    call.stream(Text(_why(world, call.id, targets_of(world, call, reading=True), named=named)))


def _why(world: World, identity: str, targets: Targets, *, named: bool) -> Iterator[bytes]:
    yield f'{{"id":{identity},"ok":true,"problems":{encode(world.problems())},"instances":['.encode("ascii")
    comma = ""
    for name in targets:
        found = rows(world, name, targets, {})
        yield (comma + ",".join(found)).encode("ascii") or b" "
        comma = "," if found or comma else ""
    yield b'],"history":['
    separator = b""
    for name in list(targets)[:PROGRAMS] if named else ():
        for lines in world.history(name, ENTRIES):
            yield separator + b",".join(lines) if lines else b" "
            separator = b"," if lines else separator
    yield b"]}\n"
