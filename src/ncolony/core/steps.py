"""What a change of files will do to a colony, in order: from what each file changes to what happens to each program."""

from __future__ import annotations

from ncolony.core.needs import start_order
from ncolony.core.program import DONE, IGNORE
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ncolony.core.program import Program

START, RESTART, RELOAD, CHANGE, STOP, SAME = "start", "restart", "reload", "change", "stop", "same"


AT_ITS_TIME = "runs when its time comes"
ADDED, CHANGED, REMOVED, NONE = "add", "change", "remove", "none"


@record
class Act:
    """What a file changes, as a supervisor answers to the verb ``plan``."""

    name: str
    act: str
    up: int = 0
    """How many of its instances are wanted up."""
    keys: tuple[str, ...] = ()
    restart: bool = False


@record
class Step:
    """What happens to one program."""

    name: str
    act: str
    """``start``: it is new, and started; ``restart``: its processes are replaced; ``reload``: so they are, without a
    gap; ``change``: it is described anew, and no process is replaced; ``stop``: it is removed; ``same``: it goes on
    unchanged."""
    keys: tuple[str, ...] = ()
    """Which keys differ; ``extras`` for keys of the author's own."""
    because: str = ""
    """The needed program for whose sake it is restarted; empty: it has changed itself."""
    note: str = ""
    """What else there is to know, in words."""


def steps(acts: Sequence[Act], wanted: Mapping[str, Program]) -> tuple[Step, ...]:
    """Return what happens, in the order in which it starts: needed programs first, removals last.

    ``acts``: one for each program in ``wanted``, and for each that is to go.
    """
    by_name = {act.name: act for act in acts}
    made: dict[str, Step] = {}
    for name in start_order(wanted):
        made[name] = _step(by_name[name], wanted[name], made)
    gone = [Step(name, STOP) for name, act in sorted(by_name.items()) if act.act == REMOVED]
    return (*made.values(), *gone)


def _step(act: Act, program: Program, before: Mapping[str, Step]) -> Step:
    name = program.name
    if act.act == ADDED:
        return _added(program)
    if act.up and not act.restart and (needed := _restarted(program, before)):
        return Step(name, RESTART, act.keys, needed, _note(act, program))
    if act.act == NONE:
        return Step(name, SAME)
    what = CHANGE
    if act.restart and act.up and program.schedule is None:
        what = RESTART if program.reload is None else RELOAD
    return Step(name, what, act.keys, note=_note(act, program))


def _added(program: Program) -> Step:
    if not program.autostart:
        return Step(program.name, CHANGE, note="new, and not started by itself")
    return Step(program.name, START, note="" if program.schedule is None else AT_ITS_TIME)


def _note(act: Act, program: Program) -> str:
    if "instances" in act.keys:
        return f"{program.instances} instances from now on"
    if act.act == CHANGED and not act.keys:
        return "the text alone"
    if program.schedule is not None:
        return AT_ITS_TIME
    return "" if act.up else "it is stopped, and stays so"


def _restarted(program: Program, before: Mapping[str, Step]) -> str:
    """Return a program that it needs, is to be restarted and takes it along; empty: there is none."""
    for need in program.needs if program.schedule is None else ():
        step = before.get(need.program)
        if need.on_loss != IGNORE and need.condition != DONE and step is not None and step.act == RESTART:
            return need.program
    return ""
