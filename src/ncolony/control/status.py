"""The verb ``status``: the colony and its instances as JSON, written straight and in slices.

A thousand programs take some milliseconds. A slice is made when the client has room for it, so neither the loop nor the
memory notices how many ask.
"""

from __future__ import annotations

from itertools import islice
from time import time

from ncolony.control.calls import Text
from ncolony.control.messages import encode
from ncolony.control.targets import chosen, numbers
from ncolony.core.errors import NoSuch
from ncolony.posix.targets import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ncolony.control.calls import Call, World
    from ncolony.control.story import Facts
    from ncolony.control.targets import Targets
    from ncolony.core.program import Program
    from ncolony.core.snapshot import InstanceView

SLICE = 64  # programs at a time
_BOOL = {True: "true", False: "false"}
_quoted = encode


def status(world: World, call: Call) -> None:
    """Answer how things stand."""
    call.stream(Text(_status(world, call.id, targets_of(world, call, reading=True))))


def targets_of(world: World, call: Call, *, reading: bool) -> Targets:
    """Return what a call means. Raises as :func:`chosen` does."""
    names = call.arguments.get("names", ())
    assert isinstance(names, tuple)  # noqa: S101 - its reader has seen to it
    try:
        return chosen(world.supervisor.programs, names, every=call.arguments.get("all") is True, reading=reading)
    except NoSuch as error:
        if world.problems():  # it may well be that of a file that is there, with a mistake in it
            raise NoSuch(f"{error}; there are files that cannot be used, `ncolony why` lists them") from None
        raise


def _status(world: World, identity: str, targets: Targets) -> Iterator[bytes]:
    yield f'{{"id":{identity},"ok":true,"instances":['.encode("ascii")
    states: dict[str, int] = {}
    names = iter(targets)
    comma = ""
    while some := list(islice(names, SLICE)):
        made = [row for name in some for row in rows(world, name, targets, states)]
        if made:
            yield (comma + ",".join(made)).encode("ascii")
            comma = ","
    if len(targets) < len(world.supervisor.programs) or any(targets.values()):
        states = {}
        for other in world.supervisor.snapshot():
            states[other.state] = states.get(other.state, 0) + 1
    yield f'],"colony":{_colony(world, states)}}}\n'.encode("ascii")


def _colony(world: World, states: dict[str, int]) -> str:
    began = world.story.began
    said = {
        **world.colony(),
        "started": timestamp(began),
        "uptime": round(max(0.0, time() - began), 3),
        "stopping": world.supervisor.closing,
        "programs": len(world.supervisor.programs),
        "states": states,
    }
    return encode(said)


def rows(world: World, name: str, targets: Targets, states: dict[str, int]) -> list[str]:
    """Return the objects of a program's instances, and count their states; none where it was removed meanwhile."""
    program = world.supervisor.programs.get(name)
    if program is None:
        return []
    wanted = set(numbers(program, targets))
    found = [one for one in world.supervisor.snapshot(name) if one.number in wanted]
    for one in found:
        states[one.state] = states.get(one.state, 0) + 1
    head = f'{{"name":{_quoted(name)},"labels":{encode(program.labels)},"of":{program.instances},"number":'
    return [head + _row(world, program, one) for one in found]


def _row(world: World, program: Program, one: InstanceView) -> str:
    now = world.loop.now()
    facts = world.story.facts(program.name, one.number)
    left = None if one.deadline is None else round(max(0.0, one.deadline - now), 3)
    next_start = left if one.state == "backoff" else None
    waits_for = world.supervisor.waits_for(program.name, one.number) if one.state == "waiting" else ""
    about = world.about(program.name, one.number)
    why = one.why or (facts.trouble if one.state == "backoff" else "")
    more = f",{encode(about)[1:-1]}" if about else ""
    return (
        f'{one.number},"state":"{one.state}","want":"{one.want}","held":{_BOOL[one.held]},'
        f'"pid":{_or_null(one.pid)},"run":{one.run},"attempt":{one.attempt},'
        f'"attempts":{_or_null(program.restart.attempts)},"since":"{timestamp(facts.since)}",'
        f'"uptime":{"null" if one.pid is None else round(max(0.0, now - facts.born), 3)},'
        f'"next_start":{_or_null(next_start)},"deadline":{_or_null(left)},"waits_for":{_text_or_null(waits_for)},'
        f'"why":{_text_or_null(why)},"restarts":{facts.restarts},"last_end":{_end(facts)}{more}}}'
    )


def _or_null(number: float | None) -> str:
    return "null" if number is None else str(number)


def _text_or_null(text: str) -> str:
    return _quoted(text) if text else "null"


def _end(facts: Facts) -> str:
    if facts.last_end is None:
        return "null"
    status, words, at, ran_for = facts.last_end
    return f'{{"status":{_or_null(status)},"words":{_quoted(words)},"at":"{timestamp(at)}","ran_for":{ran_for:.3f}}}'
