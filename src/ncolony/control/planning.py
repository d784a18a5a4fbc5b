"""The verb ``plan``: what files would change, were they those of the colony. Nothing is changed.

A client sends the texts; they are read as the supervisor would read the files, with its version and its options, and
compared with the programs that it has. Made in slices, as reading takes longer than writing.
"""

from __future__ import annotations

from itertools import islice
from zlib import crc32

from ncolony.control.calls import Text, needed
from ncolony.control.messages import encode
from ncolony.core.check import check
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.plan import Add, Change, Remove
from ncolony.core.plan import plan as planned
from ncolony.core.states import UP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ncolony.control.calls import Call, World
    from ncolony.core.program import Program

SLICE = 8  # files between two turns of the loop
ACTS = {Add: "add", Change: "change", Remove: "remove"}


def plan(world: World, call: Call) -> None:
    """Answer what each text would change, by name; null stands for no such file."""
    texts = needed(call, "texts")
    assert isinstance(texts, dict)  # noqa: S101 - its reader has seen to it
    call.stream(Text(_plan(world, call.id, texts)))


def _plan(world: World, identity: str, texts: Mapping[str, str | None]) -> Iterator[bytes]:
    yield f'{{"id":{identity},"ok":true,"acts":['.encode("ascii")
    left, comma = iter(texts.items()), ""
    while some := list(islice(left, SLICE)):
        yield (comma + ",".join(encode(_act(world, name, text)) for name, text in some)).encode("ascii")
        comma = ","
    programs = world.supervisor.programs
    yield f'],"programs":{encode(list(programs))},"current":"{state_of(programs):08x}"}}\n'.encode("ascii")


def _act(world: World, name: str, text: str | None) -> dict[str, object]:
    program: Program | None = None
    if text is not None:
        try:
            as_written, value = parse(text.encode("utf-8", "surrogatepass"))
        except NotAnObject as error:
            return {"name": name, "act": "none", "problems": [str(error.problem)]}
        checked = check(name, as_written, value, world.defaults())
        if checked.program is None:
            return {"name": name, "act": "none", "problems": [str(problem) for problem in checked.problems]}
        program = checked.program
    acts = planned(world.supervisor.programs, {name: program})
    up = sum(one.want == UP for one in world.supervisor.snapshot(name))
    said: dict[str, object] = {"name": name, "act": ACTS[type(acts[0])] if acts else "none", "up": up}
    if acts and isinstance(acts[0], Change):
        said |= {"keys": acts[0].fields, "restart": acts[0].restart}
    return said


def state_of(programs: Mapping[str, Program]) -> int:
    """Return a number for all that is described now: another one as soon as any of it is another."""
    number = 0
    for name, program in sorted(programs.items()):
        number = crc32(f"{name}\0{program.text}\0".encode("utf-8", "surrogatepass"), number)
    return number
