"""Runs the hooks of a colony: commands on chosen events (a Companion).

They run beside everything, few at a time, in the order of their events. What comes while too many wait is dropped, and
that is counted and said. Whatever a hook does, no program waits for it.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from ncolony.core import events, hookkeys
from ncolony.core.bare import deque
from ncolony.core.outcome import in_words
from ncolony.core.states import (
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Killing,
    Restart,
    Running,
    Spawned,
    SpawnFailed,
    Start,
    Starting,
    Stop,
    Stopped,
    Unhealthy,
    pid_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.events import Event, InstanceChanged
    from ncolony.core.hookkeys import HookRule
    from ncolony.ports import Loop, Timer, Trial
    from ncolony.runtime.supervisor import Supervisor

    Prepare = Callable[[int, tuple[str, ...], dict[str, str]], Trial]
    """Makes a command: its number, its command line, and what it has in its environment beside the supervisor's."""

AT_ONCE = 4
MOST_WAITING = 200


class Command:
    """One hook that runs."""

    __slots__ = ("timer", "trial")

    def __init__(self, trial: Trial, timer: Timer) -> None:
        """Keep both."""
        self.trial, self.timer = trial, timer


class Hooks:
    """The hooks of a colony."""

    def __init__(self, loop: Loop, supervisor: Supervisor, prepare: Prepare, say: Callable[[str], None]) -> None:
        """``prepare`` makes commands; what people should know goes to ``say``."""
        self._loop, self._supervisor, self._prepare, self._say = loop, supervisor, prepare, say
        self._rules: tuple[HookRule, ...] = ()
        self._unbidden: set[tuple[str, int]] = set()
        """Slots whose latest process ended by itself, or was found no good."""
        self._waiting: deque[tuple[HookRule, dict[str, str]]] = deque()
        self._running: dict[int, Command] = {}
        self._number = 0
        self.run = self.failed = self.dropped = 0
        """How many were run, how many of those came to nothing, and how many could not be run."""
        self._dropping = 0
        self._turn: Timer | None = None
        self._closed = False

    def saw(self, event: Event) -> None:
        """Note what hooks there are, and what they are to run on."""
        if isinstance(event, events.ColonyDescribed):
            self._rules = event.spec.hooks
        elif isinstance(event, events.ReloadEnded):
            kind = hookkeys.RELOAD_FAILED if event.why else hookkeys.RELOADED
            self._happened(kind, event.program, {"NCOLONY_REASON": event.why})
        elif isinstance(event, events.InstanceChanged) and not event.slot.is_surplus:
            self._changed(event)

    def _changed(self, event: InstanceChanged) -> None:
        kinds = self._kinds(event)
        if not kinds or not self._rules:
            return
        pid = pid_of(event.after.state) or pid_of(event.before.state)
        given = event.given
        said = {
            "NCOLONY_INSTANCE": str(event.slot.number),
            "NCOLONY_PID": str(pid or ""),
            "NCOLONY_STATUS": str(given.status) if isinstance(given, Ended) and given.status is not None else "",
            "NCOLONY_REASON": _reason(event),
        }
        for kind in kinds:
            self._happened(kind, event.slot.program, said)

    def _kinds(self, event: InstanceChanged) -> list[str]:
        """Return what a change is called; it may be several things."""
        given, before, state = event.given, event.before.state, event.after.state
        found = []
        slot = (event.slot.program, event.slot.number)
        if isinstance(given, Spawned):
            found.append(hookkeys.STARTED)
            if slot in self._unbidden:
                found.append(hookkeys.RESTARTED)
                self._unbidden.discard(slot)
        elif isinstance(given, SpawnFailed):
            found.append(hookkeys.FAILED)
        elif isinstance(given, Ended):
            found.append(hookkeys.ENDED)
            if isinstance(before, Starting | Running):
                self._unbidden.add(slot)
        elif isinstance(given, Unhealthy):
            found.append(hookkeys.UNHEALTHY)
            self._unbidden.add(slot)
        elif isinstance(given, DeadlinePassed) and isinstance(before, Starting):
            self._unbidden.add(slot)
        elif isinstance(given, Start | Stop | Restart):
            self._unbidden.discard(slot)
        if type(state) is not type(before):
            found += [kind for kinds, kind in _BY_STATE if isinstance(state, kinds)]
        return found

    def _happened(self, kind: str, name: str, said: Mapping[str, str]) -> None:
        for rule in self._rules:
            if kind in rule.on and self._is_meant(rule, name) and not self._supervisor.closing:
                if len(self._waiting) >= MOST_WAITING:
                    self._drop()
                    continue
                self._waiting.append((rule, {"NCOLONY_EVENT": kind, "NCOLONY_PROGRAM": name, **said}))
                self._soon()

    def _is_meant(self, rule: HookRule, name: str) -> bool:
        if rule.programs is None:
            return True
        program = self._supervisor.programs.get(name)
        labels = () if program is None else program.labels
        return any(fnmatchcase(name, one) or one.removeprefix("@") in labels for one in rule.programs)

    def _drop(self) -> None:
        self.dropped += 1
        self._dropping += 1
        if self._dropping == 1:
            self._say(f"more than {MOST_WAITING} hooks wait; those that come now are not run")

    # Running them -----------------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        if self._turn is None and not self._closed:
            self._turn = self._loop.call_at(self._loop.now(), self._begin)

    def _begin(self) -> None:
        self._turn = None
        while self._waiting and len(self._running) < AT_ONCE:
            self._start(*self._waiting.popleft())
        if self._dropping and not self._waiting:
            self._say(f"{self._dropping} hooks were not run, as too many waited")
            self._dropping = 0

    def _start(self, rule: HookRule, said: dict[str, str]) -> None:
        self._number += 1
        self.run += 1
        number = self._number
        what = f"the hook {rule.exec[0]} on {said['NCOLONY_EVENT']} of {said['NCOLONY_PROGRAM']}"
        trial = self._prepare(number, rule.exec, said)
        late = self._loop.call_at(self._loop.now() + rule.timeout, lambda: self._be_late(number, what, rule.timeout))
        self._running[number] = Command(trial, late)
        trial.begin(lambda why: self._be_over(number, what, why))

    def _be_late(self, number: int, what: str, seconds: float) -> None:
        self._running[number].trial.cancel()
        self._be_over(number, what, f"took longer than {seconds:g} s, and was killed")

    def _be_over(self, number: int, what: str, why: str) -> None:
        self._running.pop(number).timer.cancel()
        if why:
            self.failed += 1
            self._say(f"{what}: {why}")
        self._soon()

    # For people -------------------------------------------------------------------------------------------------------

    def about(self, name: str, number: int) -> Mapping[str, object]:  # noqa: ARG002 - hooks are the colony's
        """Return nothing: a hook is no matter of a slot (the Companion port)."""
        return {}

    def close(self) -> None:
        """Run no more, and kill what runs."""
        self._closed = True
        if self._turn is not None:
            self._turn.cancel()
        for one in self._running.values():
            one.timer.cancel()
            one.trial.cancel()
        self._running = {}
        self._waiting.clear()


_BY_STATE = (
    (Running, hookkeys.READY),
    (Exited, hookkeys.EXITED),
    (Backoff, hookkeys.BACKOFF),
    (Fatal, hookkeys.FATAL),
    (Killing, hookkeys.KILLED),
    (Stopped, hookkeys.STOPPED),
)


def _reason(event: InstanceChanged) -> str:
    given, state = event.given, event.after.state
    if isinstance(state, Fatal):
        return state.why
    if isinstance(given, Ended):
        return in_words(given.status, core=given.core, oom=given.oom)
    return given.why if isinstance(given, SpawnFailed | Unhealthy | Start | Stop | Restart) else ""
