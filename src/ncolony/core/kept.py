"""What a supervisor leaves for its successor about one instance, as plain data.

Pure: posix/records.py puts it on disk and takes it back. Whatever cannot be what this module wrote is refused with a
reason, and never half believed.
"""

from __future__ import annotations

from binascii import crc32

from ncolony.core.jsontext import encode_basestring
from ncolony.core.names import check_name
from ncolony.core.plan import restarting_fields
from ncolony.core.program import Program
from ncolony.core.record import defaults_of, record
from ncolony.core.states import DOWN, STATES, UP, Backoff, Exited, Fatal, Instance, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.states import State

VERSION = 1
_STATES: dict[str, type[State]] = {state.__name__.lower(): state for state in STATES}
_KINDS = {"pid": int, "status": int, "since": float, "deadline": float, "why": str, "killed": bool, "hurried": bool}
_SILENT = defaults_of(Program)
_MEANING = tuple((field, _SILENT.get(field)) for field in sorted(restarting_fields()))
MOST = 2**53  # below it is any number in a record
MOST_PID = 2**31
_HELD = ',"held":true'
MAX_WHY = 80  # characters of a reason that are kept: a record has a fixed size


class Senseless(ValueError):
    """A record that this module cannot have written."""


@record
class Kept:
    """One instance as its supervisor last left it."""

    program: str
    number: int
    instance: Instance
    meaning: int
    """Tells whether the program means something else by now; see :func:`fingerprint`."""
    born: int = 0
    """When its process started, as the kernel counts (clock ticks after boot); 0 where there is none."""


def fingerprint(program: Program) -> int:
    """Return a number for all that a process was started with: another number, another process."""
    # A field that says nothing counts for nothing: so a version that knows more keys takes processes over as they are.
    told = [(field, value) for field, silent in _MEANING if (value := getattr(program, field)) != silent]
    return crc32(repr(told).encode("utf-8", "surrogatepass"))


def to_text(kept: Kept) -> str:
    """Return ``kept`` as an object of JSON, on one line.

    Written by hand: that takes a quarter of the time that the standard library does, and every start waits for two.
    """
    instance = kept.instance
    return (
        f'{{"v":{VERSION},"name":{_text_of(kept.program)},"n":{kept.number},{_state_text(instance.state)}'
        f',"want":"{instance.want}"{_HELD if instance.held else ""},"attempt":{instance.attempt}'
        f',"run":{instance.run},"meaning":{kept.meaning},"born":{kept.born}}}'
    )


def _state_text(state: State) -> str:
    text = f'"state":"{name_of(state)}"'
    names: tuple[str, ...] = state.__match_args__
    for name in names:
        value = getattr(state, name)
        text += f',"{name}":{_text_of(value[:MAX_WHY] if name == "why" else value)}'
    return text


def _text_of(value: str | float | State | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return encode_basestring(value) if isinstance(value, str) else f"{{{_state_text(value)}}}"


def from_plain(value: object) -> Kept:
    """Return what an object says. Raises :class:`Senseless`."""
    if not isinstance(value, dict):
        raise Senseless("it is not an object")
    if value.get("v") != VERSION:
        raise Senseless(f"it is of version {value.get('v')!r}, and this is version {VERSION}")
    try:
        return Kept(
            program=_name(value),
            number=_count(value, "n", 1),
            instance=Instance(
                state=_state(value),
                want=_word(value, "want", (UP, DOWN)),
                attempt=_count(value, "attempt"),
                run=_count(value, "run"),
                held=value.get("held") is True,  # a version before this one does not write it
            ),
            meaning=_count(value, "meaning"),
            born=_count(value, "born"),
        )
    except KeyError as error:
        raise Senseless(f"it has no {error.args[0]!r}") from None


def _state(value: dict[str, object]) -> State:
    kind = _STATES[_word(value, "state", tuple(_STATES))]
    fields: dict[str, object] = {}
    names: tuple[str, ...] = kind.__match_args__
    for name in names:
        found = value[name]
        if name == "then":
            fields[name] = _following(found)
            continue
        wanted = _KINDS[name]
        endless = isinstance(found, int | float) and not -MOST < found < MOST  # JSON, as Python reads it, has no bounds
        if wanted is float and isinstance(found, int) and not isinstance(found, bool) and not endless:
            found = float(found)
        if endless or (not isinstance(found, wanted) and not (name == "status" and found is None)):
            raise Senseless(f"its {name!r} is {found!r}")
        if name == "pid" and isinstance(found, int) and not 1 < found < MOST_PID:
            raise Senseless(f"its pid is {found}")
        fields[name] = found
    return kind(**fields)  # type: ignore[arg-type]


def _following(value: object) -> State | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Senseless(f"its 'then' is {value!r}")
    state = _state(value)
    if not isinstance(state, Backoff | Exited | Fatal):
        raise Senseless(f"its 'then' is {name_of(state)!r}")
    return state


def _name(value: dict[str, object]) -> str:
    found = _text(value, "name")
    if check_name(found) is not None:
        raise Senseless(f"its 'name' is {found!r}")
    return found


def _text(value: dict[str, object], key: str) -> str:
    found = value[key]
    if not isinstance(found, str) or not found:
        raise Senseless(f"its {key!r} is {found!r}")
    return found


def _word(value: dict[str, object], key: str, words: tuple[str, ...]) -> str:
    found = _text(value, key)
    if found not in words:
        raise Senseless(f"its {key!r} is {found!r}")
    return found


def _count(value: dict[str, object], key: str, least: int = 0) -> int:
    found = value[key]
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found < MOST:
        raise Senseless(f"its {key!r} is {found!r}")
    return found
