"""Carries out what groups do together (a Companion): restarts for another's sake, and one budget for all.

Ends are collected until the loop's next turn, so that a group that dies all at once is dealt with once.
"""

from __future__ import annotations

from ncolony.core import events, needs, restarts
from ncolony.core.colonyspec import ONE_FOR_ONE
from ncolony.core.groups import is_restart, restarted_too
from ncolony.core.states import Outdated, Restart, Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.colonyspec import ColonySpec, GroupRule
    from ncolony.core.events import Event, InstanceChanged
    from ncolony.ports import Loop, Timer
    from ncolony.runtime.supervisor import Supervisor

    Slot = tuple[str, int]


class Groups:
    """The groups of a colony that have a rule."""

    def __init__(
        self, loop: Loop, supervisor: Supervisor, say: Callable[[str], None], finish: Callable[[int, str], None]
    ) -> None:
        """Tell people by ``say``; ``finish`` ends the colony with an exit status, and a reason."""
        self._loop = loop
        self._supervisor = supervisor
        self._say = say
        self._finish = finish
        self._rules: dict[str, GroupRule] = {}
        self._recent: dict[str, tuple[float, ...]] = {}
        """By label: when members were restarted, as far as that counts."""
        self._ended: dict[str, dict[Slot, None]] = {}
        """By label: those that ended since the loop's last turn."""
        self._gave_up: dict[Slot, str] = {}
        self._turn: Timer | None = None

    def saw(self, event: Event) -> None:
        """Note the rules, and who has ended."""
        if isinstance(event, events.ColonyDescribed):
            self._describe(event.spec)
        elif isinstance(event, events.ProgramsChanged) and event.program is None:
            self._gave_up = {slot: why for slot, why in self._gave_up.items() if slot[0] != event.name}
        elif isinstance(event, events.InstanceChanged):
            if isinstance(event.given, Start | Restart):
                self._gave_up.pop((event.slot.program, event.slot.number), None)
            if is_restart(event.before, event.after, event.given):
                self._note(event)

    def _describe(self, spec: ColonySpec) -> None:
        self._rules = dict(spec.groups)
        self._recent = {label: recent for label, recent in self._recent.items() if label in self._rules}

    def _note(self, event: InstanceChanged) -> None:
        slot = (event.slot.program, event.slot.number)
        if event.slot.is_surplus or self._supervisor.on_trial(*slot):
            return
        program = self._supervisor.programs.get(event.slot.program)
        if program is None or program.schedule is not None:
            return  # a run that ends at its time concerns nobody else
        for label in program.labels:
            if label in self._rules:
                self._ended.setdefault(label, {})[slot] = None
        if self._ended and self._turn is None:
            self._turn = self._loop.call_at(self._loop.now(), self._act)

    def _act(self) -> None:
        self._turn = None
        ended, self._ended = self._ended, {}
        if self._supervisor.closing:
            return
        for label, slots in ended.items():
            rule = self._rules.get(label)
            if rule is not None:
                self._act_for(label, rule, slots)

    def _act_for(self, label: str, rule: GroupRule, ended: Mapping[Slot, None]) -> None:
        recent = self._recent.get(label, ())
        # Those that end together are restarted one by one, or all at once.
        for _ in ended if rule.strategy == ONE_FOR_ONE else (ended,):
            recent = restarts.spend(rule, recent, self._loop.now())
        self._recent[label] = recent
        if restarts.overspent(rule, recent):
            self._give_up(label, rule)
        elif rule.strategy != ONE_FOR_ONE:
            self._restart_others(label, rule, ended)

    def _members(self, label: str) -> list[str]:
        programs = self._supervisor.programs
        return needs.start_order({name: one for name, one in programs.items() if label in one.labels})

    def _restart_others(self, label: str, rule: GroupRule, ended: Mapping[Slot, None]) -> None:
        views = {
            (one.program, one.number): one for name in self._members(label) for one in self._supervisor.snapshot(name)
        }
        first = next(iter(ended))
        programs = self._supervisor.programs
        slot = events.Slot(*first, programs[first[0]].instances if first[0] in programs else 1)
        for name, number in restarted_too(rule.strategy, list(views), ended):
            if views[name, number].state in ("starting", "running"):
                why = f"{slot} ended, and {label} is {rule.strategy}"
                self._supervisor.learn(name, number, Outdated(views[name, number].run, why))

    def _give_up(self, label: str, rule: GroupRule) -> None:
        times = "time" if rule.attempts == 1 else "times"
        budget = f"{rule.attempts} {times} within {rule.window:g} s"
        why = f"the group {label} gave up: its members had been restarted {budget}"
        names = self._members(label)
        self._say(f"{why}; they are stopped until somebody starts them")
        self._recent.pop(label, None)
        for name in names:
            for one in self._supervisor.snapshot(name):
                self._gave_up[name, one.number] = why
        self._supervisor.stop_in_order([(name, None) for name in names], why, hold=False)
        critical = [name for name in names if self._supervisor.programs[name].critical]
        if critical:
            self._finish(1, f"{critical[0]} is critical: {why}")

    def about(self, name: str, number: int) -> Mapping[str, object]:
        """Return why a slot was given up with its group, if it was (the Companion port)."""
        why = self._gave_up.get((name, number))
        return {} if why is None else {"gave_up": why}

    def close(self) -> None:
        """Look no more."""
        if self._turn is not None:
            self._turn.cancel()
