"""Keeps to what programs need of each other: before their starts, and as long as they run (a Companion, and a Gate).

Of every condition that somebody needs it is known which instances fulfil it, and how often one has ceased to: that is a
loss. A run that began before the last loss is replaced, as its `on_loss` says: at once, and then it waits at the gate,
or once the condition holds again. What counts for a slot is what it is described as itself: in a reload, and after one
that failed, that may be what its program was before.
"""

from __future__ import annotations

from ncolony.core import events, needs
from ncolony.core.program import DONE, IGNORE, READY, RESTART, STARTED, STOP, Need
from ncolony.core.snapshot import view
from ncolony.core.states import Outdated, Running, Spawning, Starting, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.events import Event, InstanceChanged, ProgramsChanged
    from ncolony.core.program import Program
    from ncolony.core.snapshot import InstanceView
    from ncolony.ports import Loop, Timer
    from ncolony.runtime.supervisor import Supervisor

STEADY = 0.25
"""Seconds that a process has to live where it does not say itself that it is ready: one that fails at once never counts
as started."""
MOST_NAMED = 10
PATIENCE = 1.0
"""Seconds in which the file of a program that is needed may follow that of the one that needs it."""


class Condition:
    """What is needed of one program."""

    __slots__ = ("good", "holds", "losses")

    def __init__(self) -> None:
        """Begin with nobody who fulfils it."""
        self.good: set[int] = set()
        """The numbers of the instances that fulfil it."""
        self.holds = False
        """All wanted instances fulfil it."""
        self.losses = 0


class Dependencies:
    """Who needs whom, and whether it is so."""

    def __init__(self, loop: Loop, supervisor: Supervisor, say: Callable[[str], None]) -> None:
        """Look after all programs of ``supervisor`` from now on; what people should know goes to ``say``."""
        self._loop = loop
        self._supervisor = supervisor
        self._say = say
        self._needs: dict[str, tuple[Need, ...]] = {}
        """Of the programs that need any: as they are described, and as slots of theirs still are."""
        self._needed_by: dict[str, dict[str, None]] = {}
        self._conditions: dict[tuple[str, str], Condition] = {}
        self._began: dict[tuple[str, int], dict[tuple[str, str], int]] = {}
        """By slot: how many losses there had been of what it needs when its run began."""
        self._taken_over: dict[tuple[str, int], None] = {}
        self._timers: dict[str, Timer] = {}
        self._said: set[object] = set()
        """Cycles, and pairs of a program and one that there is not."""
        self._in_cycles: dict[str, None] = {}
        """Programs that are not started, or not stopped, as they were found in a cycle; not every cycle is told."""
        self._describing = ""
        """The program that the supervisor is just describing anew."""
        self._later: dict[Callable[[], None], Timer] = {}
        """What is going to be looked at once."""
        supervisor.guard(self)

    # What it is asked -------------------------------------------------------------------------------------------------

    def waits_for(self, program: Program, number: int) -> str:  # noqa: ARG002 - the port has it; ``program`` is its own
        """Say what a start still waits for (the Gate port)."""
        if cycle := self._cycle_through(program):
            return f"the end of a cycle of needs, {needs.in_words(cycle)}"
        return "; ".join(
            f"{need.program} to be {need.condition}: {self._why_not(need)}"
            for need in program.needs
            if not self._conditions[need.program, need.condition].holds
        )

    def about(self, name: str, number: int) -> Mapping[str, object]:
        """Return what a slot needs, and whether that is so (the Companion port)."""
        wanted = self._needs_of(name, number)
        if not wanted:
            return {}
        return {
            "needs": {
                need.program: {
                    "is": need.condition,
                    "on_loss": need.on_loss,
                    "holds": self._conditions[need.program, need.condition].holds,
                }
                for need in wanted
            }
        }

    def close(self) -> None:
        """Look no more."""
        for timer in (*self._timers.values(), *self._later.values()):
            timer.cancel()

    # What happens -----------------------------------------------------------------------------------------------------

    def saw(self, event: Event) -> None:
        """Note what has changed, and whom it concerns."""
        if isinstance(event, events.InstanceChanged):
            seen = view(event.slot.program, event.slot.number, event.after)
            if event.slot.program in self._needs:
                self._note(event, seen)
            self._see(seen)
            if isinstance(event.after.state, Stopped):  # not before: what is removed may come back while it hangs
                self._began.pop((event.slot.program, event.slot.number), None)
        elif isinstance(event, events.InstanceTakenOver):
            if event.slot.program in self._needs:
                self._taken_over[event.slot.program, event.slot.number] = None
                self._begin((event.slot.program, event.slot.number), lambda *_: False)
            self._see(view(event.slot.program, event.slot.number, event.instance))
        elif isinstance(event, events.ProgramsChanged):
            self._describe(event)
        elif isinstance(event, events.ReloadEnded):
            self._enter(event.program, self._supervisor.programs.get(event.program))
            self._reconsider(event.program)
        elif isinstance(event, events.AllDescribed):
            self._warn_of_unknown()
            if self._taken_over:
                self._soon(self._judge_taken_over, 2 * STEADY)

    def _soon(self, call: Callable[[], None], seconds: float) -> None:
        def make() -> None:
            del self._later[call]
            call()

        if call not in self._later:
            self._later[call] = self._loop.call_at(self._loop.now() + seconds, make)

    def _describe(self, event: ProgramsChanged) -> None:
        name = event.name
        self._enter(name, event.program)
        if event.program is not None and event.program.needs:
            new = [need for need in event.program.needs if (need.program, need.condition) not in self._conditions]
            for need in new:  # all of them before the first look, which may be about this very program
                self._conditions[need.program, need.condition] = Condition()
            self._describing = name
            for need in new:
                self._look(need.program)
            self._describing = ""
        self._look(name)
        self._look_for_cycles(name)
        if self._supervisor.all_described and name in self._needs:
            self._soon(self._warn_of_unknown, PATIENCE)
        self._reconsider(name)

    def _enter(self, name: str, program: Program | None) -> None:
        """Note what a program needs; where it is reloaded without a gap, also what slots need that are as before."""
        for need in self._needs.pop(name, ()):
            self._needed_by[need.program].pop(name, None)
        if program is None:
            return
        wanted = dict.fromkeys(program.needs)
        if program.reload is not None:
            for seen in self._supervisor.snapshot(name):
                wanted.update(dict.fromkeys(self._described_needs(name, seen.number)))
        if wanted:
            self._needs[name] = tuple(wanted)
        for need in wanted:
            self._needed_by.setdefault(need.program, {})[name] = None

    def _described_needs(self, name: str, number: int) -> tuple[Need, ...]:
        described = self._supervisor.described(name, number)
        return () if described is None else described.needs

    def _needs_of(self, name: str, number: int) -> tuple[Need, ...]:
        """Return what a slot needs, as it is described itself."""
        return self._described_needs(name, number) if name in self._needs else ()

    def _reconsider(self, described: str) -> None:
        """Look anew at who may start, or has to stop; in the next turn, when the supervisor has described all of it."""
        freed = tuple(self._in_cycles)
        self._in_cycles.clear()

        def call() -> None:
            for name in dict.fromkeys((described, *freed)):
                self._supervisor.reconsider(name)
            for name in freed:
                for seen in self._supervisor.snapshot(name):
                    self._judge(seen)

        self._loop.call_at(self._loop.now(), call)

    def _cycle_through(self, program: Program) -> tuple[str, ...]:
        """Return a cycle that holds a slot back which is described so; looked at anew when that may have ended."""
        if not program.needs:
            return ()
        programs = self._supervisor.programs
        if programs.get(program.name) is not program:
            programs = {**programs, program.name: program}
        cycle = needs.cycle_through(programs, program.name)
        if cycle:
            self._in_cycles[program.name] = None
        return cycle

    def _look_for_cycles(self, name: str) -> None:
        cycle = needs.cycle_through(self._supervisor.programs, name) if name in self._needs else ()
        if cycle and frozenset(cycle) not in self._said:
            self._said.add(frozenset(cycle))
            names = ", ".join(sorted(set(cycle)))
            words = f"cannot start {names}: what is needed goes in a cycle, {needs.in_words(cycle)}"
            self._say(f"{words}; what runs of it goes on, and so do all others")
        for known in [
            one for one in self._said if isinstance(one, frozenset) and name in one and one != frozenset(cycle)
        ]:
            self._said.discard(known)

    def _warn_of_unknown(self) -> None:
        programs = self._supervisor.programs
        for name in self._needs:
            for need in programs[name].needs:
                pair = (name, need.program)
                if need.program in programs:
                    self._said.discard(pair)
                elif pair not in self._said:
                    self._said.add(pair)
                    hint = needs.hint(programs, need.program)
                    self._say(f"{name} waits for {need.program}, and there is no such program{hint}")

    # Conditions -------------------------------------------------------------------------------------------------------

    def _known_of(self, name: str) -> list[tuple[str, Condition]]:
        """Return what is needed of a program."""
        found = ((condition, self._conditions.get((name, condition))) for condition in (STARTED, READY, DONE))
        return [(condition, known) for condition, known in found if known is not None]

    def _see(self, seen: InstanceView) -> None:
        """Note how one instance stands now."""
        program = self._supervisor.programs.get(seen.program)
        for condition, known in self._known_of(seen.program):
            wanted = program is not None and self._counts(program, seen)
            was = seen.number in known.good
            if program is not None and wanted and self._is_good(program, seen, condition):
                known.good.add(seen.number)
            else:
                known.good.discard(seen.number)
            # One that is not wanted any more may have served in the place of another, as a surplus instance.
            missed = wanted or (program is not None and known.holds and len(known.good) < program.instances)
            lost = was and missed and seen.number not in known.good
            self._follow(seen.program, known, lost=lost and not self._is_made_up_for(seen.program, known))
            if program is not None and wanted and seen.number not in known.good:
                self._tell_of_last_end(seen, program, condition)

    def _tell_of_last_end(self, seen: InstanceView, program: Program, condition: str) -> None:
        """Say who cannot start because of an instance that will not come back by itself."""
        if seen.state not in ("fatal", "exited") or self._supervisor.closing:
            return
        names = sorted(
            name
            for name in self._needed_by[seen.program]
            if any((need.program, need.condition) == (seen.program, condition) for need in self._needs[name])
        )
        if names:
            slot = events.Slot(seen.program, seen.number, program.instances)
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            words = f"{', '.join(names[:MOST_NAMED])}{more} cannot start until it is {condition}"
            self._say(f"{slot} {needs.standing(seen, program, condition)}; {words}")

    def _look(self, name: str) -> None:
        """Look at all instances of a program: it was described anew, or time has passed."""
        program = self._supervisor.programs.get(name)
        for condition, known in self._known_of(name):
            before, known.good = known.good, set()
            if program is not None:
                known.good.update(
                    view.number
                    for view in self._supervisor.snapshot(name)
                    if self._counts(program, view) and self._is_good(program, view, condition)
                )
                before = {number for number in before if number <= program.instances}
            lost = not before <= known.good
            self._follow(name, known, lost=lost and not self._is_made_up_for(name, known))

    def _counts(self, program: Program, seen: InstanceView) -> bool:
        """Tell whether an instance is one that serves; those that a reload adds do."""
        return seen.number <= program.instances or self._supervisor.is_reloading(program.name)

    def _is_made_up_for(self, name: str, known: Condition) -> bool:
        """Tell whether others fulfil a condition in place of one that is being replaced."""
        program = self._supervisor.programs.get(name)
        return program is not None and self._supervisor.is_reloading(name) and len(known.good) >= program.instances

    def _follow(self, name: str, known: Condition, *, lost: bool) -> None:
        """Work out whether a condition holds, and tell those that need it of what has changed."""
        program = self._supervisor.programs.get(name)
        before, known.holds = known.holds, program is not None and len(known.good) >= program.instances
        known.losses += lost
        came = known.holds and not before
        if not lost and not came:
            return
        programs = self._supervisor.programs
        concerned = [one for one in self._needed_by.get(name, ()) if one in programs]
        for dependent in sorted(concerned, key=lambda one: programs[one].priority):
            if came and dependent != self._describing:  # that has the old description still; it is looked at later
                self._supervisor.reconsider(dependent)
            for seen in self._supervisor.snapshot(dependent):
                self._judge(seen)

    def _is_good(self, program: Program, seen: InstanceView, condition: str) -> bool:
        if condition == DONE:
            return seen.state == "exited" and seen.status in program.restart.ok_exits
        if seen.state == "running":
            return program.ready is not None or self._is_steady(seen)
        return condition == STARTED and seen.state == "starting" and self._is_steady(seen)

    def _is_steady(self, seen: InstanceView) -> bool:
        steady_at = (seen.since or 0.0) + STEADY
        if steady_at > self._loop.now():
            name = seen.program
            if name in self._timers:
                self._timers[name].cancel()
            self._timers[name] = self._loop.call_at(steady_at, lambda: self._look_again(name))
            return False
        return True

    def _look_again(self, name: str) -> None:
        del self._timers[name]
        self._look(name)

    def _why_not(self, need: Need) -> str:
        program = self._supervisor.programs.get(need.program)
        if program is None:
            return f"there is no such program{needs.hint(self._supervisor.programs, need.program)}"
        good = self._conditions[need.program, need.condition].good
        for seen in self._supervisor.snapshot(need.program):
            if seen.number <= program.instances and seen.number not in good:
                slot = events.Slot(need.program, seen.number, program.instances)
                return f"{slot} {needs.standing(seen, program, need.condition)}"
        return f"{need.program} is not there yet"

    # Runs -------------------------------------------------------------------------------------------------------------

    def _note(self, event: InstanceChanged, seen: InstanceView) -> None:
        slot = (event.slot.program, event.slot.number)
        before, after = event.before.state, event.after.state
        if isinstance(after, Spawning) and not isinstance(before, Spawning):
            self._taken_over.pop(slot, None)
            # What was lost between the opening of the gate and the start counts as lost since.
            self._begin(slot, lambda _, known: not known.holds)
        elif isinstance(after, Starting | Running) and isinstance(before, Spawning):
            self._judge(seen)

    def _begin(self, slot: tuple[str, int], lost: Callable[[Need, Condition], bool]) -> None:
        """Note how often what a slot needs had been lost when its run began; what is ``lost`` since, once less."""
        self._began[slot] = {}
        for need in self._needs_of(*slot):
            known = self._conditions[need.program, need.condition]
            self._began[slot][need.program, need.condition] = known.losses - lost(need, known)

    def _judge_taken_over(self) -> None:
        """What was lost while no supervisor ran is found when everything has been looked at."""
        slots, self._taken_over = self._taken_over, {}
        for slot in slots:
            if all(began == self._conditions[key].losses for key, began in self._began.get(slot, {}).items()):
                self._begin(slot, self._was_lost)
        for name in dict.fromkeys(name for name, _ in slots):
            for seen in self._supervisor.snapshot(name):
                self._judge(seen)

    def _was_lost(self, need: Need, known: Condition) -> bool:
        """Tell whether a condition does not hold, or holds again, by processes that were started by this supervisor."""
        views = self._supervisor.snapshot(need.program) if need.condition != DONE else ()
        return not known.holds or any((seen.since or 0.0) >= self._supervisor.began for seen in views)

    def _judge(self, seen: InstanceView) -> None:
        """Have a run replaced that began before something was lost that it needs."""
        if seen.state not in ("starting", "running") or self._supervisor.closing:
            return
        name = seen.program
        began = self._began.get((name, seen.number), {})
        described = self._supervisor.described(name, seen.number)
        for need in self._needs_of(name, seen.number):
            key = (need.program, need.condition)
            known = self._conditions[key]
            if need.on_loss == IGNORE or began.get(key, known.losses) == known.losses:
                continue
            if need.on_loss == STOP or known.holds:
                if described is not None and self._cycle_through(described):
                    return  # it would not be started again
                state = "again" if need.on_loss == RESTART else "no more"
                why = f"{need.program} is {need.condition} {state}"
                self._supervisor.learn(name, seen.number, Outdated(seen.run, why))
                return
