"""A colony at one moment, as plain data: what questions are answered from."""

from __future__ import annotations

from ncolony.core.record import record
from ncolony.core.states import Instance, deadline_of, name_of, pid_of


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


def view(program: str, number: int, instance: Instance) -> InstanceView:
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
    )
