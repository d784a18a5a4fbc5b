"""A colony at one moment, as plain data: what questions are answered from."""

from __future__ import annotations

from ncolony.core.record import record
from ncolony.core.states import (
    Exited,
    Fatal,
    Instance,
    Running,
    Spawning,
    Starting,
    Waiting,
    deadline_of,
    name_of,
    pid_of,
)


@record
class InstanceView:
    """One slot as an onlooker sees it."""

    program: str
    number: int
    state: str
    want: str
    run: int
    attempt: int
    pid: int | None
    deadline: float | None
    """On the loop's clock: when the state ends by itself."""
    since: float | None = None
    """On the loop's clock: when what it is in began, where that is known."""
    status: int | None = None
    """How it ended, where it is left so."""
    why: str = ""
    """Why it was given up, where it was."""
    held: bool = False
    """An operator wants it down, until an operator wants it up."""
    surplus: bool = False
    """It is one more than there should be, for the time of a reload, or on its way out."""


def view(program: str, number: int, instance: Instance, *, surplus: bool = False) -> InstanceView:
    """Return what is to be seen of an instance."""
    state = instance.state
    return InstanceView(
        program=program,
        number=number,
        state=name_of(state),
        want=instance.want,
        run=instance.run,
        attempt=instance.attempt,
        pid=pid_of(state),
        deadline=deadline_of(state),
        since=state.since if isinstance(state, Waiting | Spawning | Starting | Running) else None,
        status=state.status if isinstance(state, Exited) else None,
        held=instance.held,
        why=state.why if isinstance(state, Fatal) else "",
        surplus=surplus,
    )
