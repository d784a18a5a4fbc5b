"""Waits for what commands are to bring about, and tells when it is there, or why it is not going to be.

It looks on only while somebody waits. What a goal is, and what ends the hope for it, is in :func:`_up` and
:func:`_down`; both judge one change of one instance.
"""

from __future__ import annotations

from ncolony.control.messages import encode
from ncolony.control.protocol import FAILED, TIMEOUT
from ncolony.core.events import InstanceChanged, ReloadEnded, Reread, Slot
from ncolony.core.outcome import in_words
from ncolony.core.states import (
    DOWN,
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Running,
    SpawnFailed,
    Starting,
    Stopped,
    Stopping,
    Waiting,
    name_of,
)
from ncolony.core.words import what_next

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ncolony.control.calls import Call, World
    from ncolony.core.events import Event
    from ncolony.core.snapshot import InstanceView
    from ncolony.ports import Timer

THERE = ""  # the verdict on a goal that is reached; another text says why it is not; None: it may still be
TOLD = 5  # instances that an error tells of; the answer has them all


class Goal:
    """What is to become of one instance."""

    __slots__ = ("_judge", "already", "error", "of", "open", "rests", "run", "up", "view")

    def __init__(  # noqa: PLR0913 - they are what a goal is
        self,
        view: InstanceView,
        of: int,
        *,
        up: bool,
        run: int = 0,
        already: bool = False,
        rests: bool = False,
        judge: Callable[[Event], str | None] | None = None,
    ) -> None:
        """Have it running, in run number ``run`` or a later one, or have it down; or what ``judge`` says.

        ``view``: how it stood before; ``already``: the goal is reached, and nothing was asked of it; ``rests``: to wait
        for its time is as good as running.
        """
        self._judge = judge
        self.view, self.of, self.up, self.run = view, of, up, run
        self.already, self.rests = already, rests
        self.open = not already
        self.error = ""

    def judge(self, event: Event) -> str | None:
        """Judge what has happened: see :data:`THERE`."""
        if self._judge is not None:
            return self._judge(event)
        if not isinstance(event, InstanceChanged):
            return None
        if self.rests and isinstance(event.after.state, Waiting):
            return THERE
        return _up(event, self.run) if self.up else _down(event)


class Wait:
    """One call that waits for its goals (an Observer until it is answered)."""

    def __init__(self, world: World, call: Call, goals: Sequence[Goal]) -> None:
        """Begin to look on: to be made before anything is asked of the colony."""
        self._world, self._call = world, call
        self._goals = {(goal.view.program, goal.view.number): goal for goal in goals}
        self._left = sum(goal.open for goal in goals)
        self._settled = False
        self._timer: Timer | None = None
        world.supervisor.observe(self)
        call.keep(self._forget)

    def begin(self, seconds: float) -> None:
        """Answer when the goals are reached, at once where they are by now; or after so many seconds."""
        if not self._left:
            self._settle(FAILED)
        elif not self._settled:
            self._timer = self._world.loop.call_at(self._world.loop.now() + seconds, self._be_late)

    def saw(self, event: Event) -> None:
        """Take note of what concerns its instances."""
        if self._settled:
            return
        if isinstance(event, InstanceChanged | Reread):
            goal = self._goals.get((event.slot.program, event.slot.number))
            concerned = [] if goal is None else [goal]
        elif isinstance(event, ReloadEnded):
            concerned = [goal for goal in self._goals.values() if goal.view.program == event.program]
        else:
            return
        for goal in concerned:
            verdict = goal.judge(event) if goal.open else None
            if verdict is not None:
                goal.open, goal.error = False, verdict
                self._left -= 1
                if not self._left:
                    self._settle(FAILED)

    def _settle(self, kind: str) -> None:
        """Answer; ``kind`` is what it is where a goal is not reached."""
        if self._settled:
            return
        self._forget()
        wrong = [f"{_label(goal)!r} {goal.error}" for goal in self._goals.values() if goal.error]
        fields = f'"instances":{self._instances()}'
        if not wrong:
            self._call.succeed(fields)
            return
        more = f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
        self._call.fail(kind, f"cannot {self._call.verb}: {'; '.join(wrong[:TOLD])}{more}", fields)

    def _be_late(self) -> None:
        """Answer that the time is over."""
        for goal in self._goals.values():
            if goal.open:
                goal.error = self._as_it_stands(goal)
        self._settle(TIMEOUT)

    def _forget(self) -> None:
        self._settled = True
        if self._timer is not None:
            self._timer.cancel()
        self._world.supervisor.ignore(self)

    def _instances(self) -> str:
        """Return how the instances stand, as a JSON list."""
        views = {
            (name, one.number): one
            for name in dict.fromkeys(name for name, _ in self._goals)
            for one in self._world.supervisor.snapshot(name)
        }
        return f"[{','.join(_row(goal, views.get(key)) for key, goal in self._goals.items())}]"

    def _as_it_stands(self, goal: Goal) -> str:
        """Say how an instance stands whose goal was not reached in time."""
        name, number = goal.view.program, goal.view.number
        view = next((one for one in self._world.supervisor.snapshot(name) if one.number == number), None)
        if view is None:
            return "is not there any more"
        waits_for = self._world.supervisor.waits_for(name, number) if view.state == "waiting" else ""
        return f"is still {view.state}" + (f" for {waits_for}" if waits_for else "") + "; that goes on"


def _up(event: InstanceChanged, run: int) -> str | None:
    state, given = event.after.state, event.given
    if event.after.want == DOWN:
        return "was stopped meanwhile"
    counts = event.after.run >= run
    if isinstance(state, Running | Exited) and counts:
        return THERE
    why = ""
    if isinstance(given, SpawnFailed) and counts:
        why = given.why
    elif isinstance(given, Ended) and isinstance(event.before.state, Starting) and counts:
        why = f"{in_words(given.status, core=given.core, oom=given.oom)} before it was ready"
    elif isinstance(given, DeadlinePassed) and isinstance(state, Stopping) and counts:
        return "was not ready in time"
    elif isinstance(state, Backoff | Fatal):
        why = state.why if isinstance(state, Fatal) else "ended too soon"
    return f"{why}; {what_next(event)}" if why else None


def _down(event: InstanceChanged) -> str | None:
    if event.after.want == UP:
        return "was started meanwhile"
    return THERE if isinstance(event.after.state, Stopped) else None


def asked(goal: Goal) -> dict[str, object]:
    """Return what a goal says for whoever does not wait."""
    view = goal.view
    return {"name": view.program, "number": view.number, "of": goal.of, "state": view.state, "pid": view.pid,
            "run": view.run, "already": goal.already, "error": None}  # fmt: skip


def _label(goal: Goal) -> str:
    return str(Slot(goal.view.program, goal.view.number, goal.of))


def _row(goal: Goal, view: InstanceView | None) -> str:
    state, pid, run = (view.state, view.pid, view.run) if view else (name_of(Stopped()), None, goal.view.run)
    said = {"name": goal.view.program, "number": goal.view.number, "of": goal.of, "state": state, "pid": pid,
            "run": run, "already": goal.already, "error": goal.error or None}  # fmt: skip
    return encode(said)
