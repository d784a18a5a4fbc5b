"""Ends the colony when a critical program gives up (a Companion)."""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.outcome import exit_code, in_words
from ncolony.core.states import Ended, Exited, Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.events import Event
    from ncolony.core.states import State
    from ncolony.ports import Loop
    from ncolony.runtime.supervisor import Supervisor

UNKNOWN = 1  # the exit status of a colony whose critical program left none, or none that tells of its failure


class Critical:
    """Looks at how critical programs end."""

    def __init__(self, loop: Loop, supervisor: Supervisor, finish: Callable[[int, str], None]) -> None:
        """``finish`` ends the colony with an exit status, and a reason for people."""
        self._loop = loop
        self._supervisor = supervisor
        self._finish = finish
        self._statuses: dict[tuple[str, int], int | None] = {}
        """How the last runs ended."""

    def saw(self, event: Event) -> None:
        """Note ends, and end the colony where one is the last."""
        if not isinstance(event, events.InstanceChanged | events.InstanceTakenOver):
            return
        program = self._supervisor.programs.get(event.slot.program)
        slot = (event.slot.program, event.slot.number)
        if program is None or not program.critical or event.slot.is_surplus or self._supervisor.on_trial(*slot):
            return
        if isinstance(event, events.InstanceTakenOver):
            state: State = event.instance.state
        else:
            state = event.after.state
            if isinstance(event.given, Ended):
                self._statuses[slot] = event.given.status
        if isinstance(state, Exited):
            code = UNKNOWN if state.status is None else exit_code(state.status)
            self._end(code, f"{event.slot} is critical, and {in_words(state.status)}")
        elif isinstance(state, Fatal):
            status = self._statuses.get(slot)
            # To give up is a failure, also where the last run ended with 0.
            code = UNKNOWN if not status else exit_code(status)
            self._end(code, f"{event.slot} is critical, and was given up: {state.why}")

    def _end(self, code: int, why: str) -> None:
        # In the next turn, when whatever is going on has been finished.
        self._loop.call_at(self._loop.now(), lambda: self._finish(code, why))

    def about(self, name: str, number: int) -> Mapping[str, object]:  # noqa: ARG002 - of all its instances
        """Return that a program is critical (the Companion port)."""
        program = self._supervisor.programs.get(name)
        return {"critical": True} if program is not None and program.critical else {}

    def close(self) -> None:
        """There is nothing to give back."""
