"""One reload of one program, step by step: surplus processes, then slot after slot, then the surplus goes.

What happens is judged in the loop's next turn: events come in the middle of a change.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.kept import fingerprint
from ncolony.core.states import DOWN, UP, Exited, Fatal, Running
from ncolony.runtime.newcomers import failure, give, is_settled, own, serves
from ncolony.runtime.place import is_outdated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ncolony.core.events import InstanceChanged
    from ncolony.core.program import Program, ReloadRule
    from ncolony.ports import Timer
    from ncolony.runtime.place import Place
    from ncolony.runtime.rolling import Rolls

PATIENCE = 60.0  # seconds a new process may take to be ready, where neither key says so
STEADY = 0.25  # seconds that others wait before they believe a process that does not say itself that it is ready
SURGE, SLOTS, BACK, SETTLE = "surge", "slots", "back", "settle"
AS_IT_WAS = "goes on as it was"


class Roll:
    """One reload of one program."""

    def __init__(self, rolls: Rolls, program: Program, rule: ReloadRule, why: str) -> None:
        """Begin with nothing to do."""
        self._rolls, self._slots, self._loop = rolls, rolls.slots, rolls.slots.loop
        self._program, self._rule, self._why = program, rule, why
        self._phase = SETTLE
        self._todo: list[Place] = []
        self._old: dict[int, int] = {}
        """By number: the latest run when this began; what is younger is new enough."""
        self._surge: dict[int, Place] = {}
        self._trial: dict[int, int] = {}
        """By number: the run that has to be ready, or one after it."""
        self._ready: set[int] = set()
        self._before: dict[int, Program] = {}
        """What those on trial were described as."""
        self._failure: tuple[int, str] | None = None
        self._verdict = ""
        """Why not all of it could be done."""
        self._again = False
        """It was described anew meanwhile."""
        self._timer: Timer | None = None
        self._turn: Timer | None = None

    # What is asked of it ----------------------------------------------------------------------------------------------

    def replace(self, places: Sequence[Place]) -> None:
        """Replace the processes of ``places``, those first that serve nobody."""
        self._todo = sorted((place for place in places if not place.leaving), key=serves)
        self._old = {place.number: place.instance.run for place in self._todo}
        self._phase, self._verdict, self._again = SURGE, "", False
        first = self._program.instances + 1
        wanted = range(first, first + min(self._rule.max_parallel, len(self._todo)))
        # What the program has grown into is no surplus any more.
        self._surge = {number: place for number, place in self._surge.items() if place.leaving}
        for number in [number for number in self._surge if number not in wanted]:
            self._rolls.let_go(self._surge.pop(number), "another reload needs fewer")
        before = self._slots.hold()  # what becomes of them may be told at once, and has to be waited for
        try:
            for number in wanted:
                self._surge[number] = self._rolls.surplus(self._program, number)
            meaning = fingerprint(self._program)
            runs = {number: place.instance.run + (place.meaning != meaning) for number, place in self._surge.items()}
            self._try(runs, 0.0)
        finally:
            self._slots.release(before)

    def settle(self, surplus: Sequence[Place]) -> None:
        """Let go of ``surplus`` as soon as all others serve, or have had their time to."""
        self._surge = {place.number: place for place in surplus}
        others = [place for place in self._own() if place.instance.want == UP and not is_settled(place)]
        self._try({place.number: place.instance.run for place in others}, self._program.stop.timeout)

    def take_in(self, surplus: Sequence[Place]) -> None:
        """Let go of more ``surplus`` at the end of this."""
        for place in surplus:
            self._surge.setdefault(place.number, place)

    def describe(self, program: Program, why: str) -> None:
        """Go on with another description: at once while only surplus is new, else after those that are on trial."""
        self._program, self._why, self._again = program, why, True
        self._rule = program.reload or self._rule
        if self._phase in (SURGE, SETTLE):
            self._trial = {}
            self._soon()

    def leave_off(self) -> None:
        """Do no more, and let go of the surplus."""
        self.rest()
        for place in self._surge.values():
            if place.leaving:
                self._rolls.let_go(place, "the reload is over")

    def rest(self) -> None:
        """Do no more."""
        for timer in (self._timer, self._turn):
            if timer is not None:
                timer.cancel()
        self._timer = self._turn = None

    def tries(self, number: int) -> bool:
        """Tell whether a slot is on trial, or surplus."""
        return number in self._trial or number in self._surge

    def descriptions(self) -> list[Program]:
        """Return what places are described as, and what they are put back to if a new process is no good."""
        return [self._program, *self._before.values(), *(place.program for place in self._own())]

    def waits_for(self) -> str:
        """Say who has to be ready next."""
        names = [str(events.Slot(self._program.name, number, self._program.instances)) for number in self._missing()]
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004

    # What happens -----------------------------------------------------------------------------------------------------

    def saw(self, event: InstanceChanged) -> None:
        """Judge a change of one slot."""
        number = event.slot.number
        if event.after.want == DOWN and number not in self._surge:
            self._soon()
        if number not in self._trial:
            return
        why = failure(event, self._trial[number])
        if event.after.want == DOWN and number not in self._surge:
            self._ready.add(number)  # somebody has stopped it: nothing to wait for
        elif why and self._phase != SETTLE:
            self._failure = self._failure or (number, why)
        elif self._is_ready(number, self._trial[number]):
            self._ready.add(number)
        elif number in self._ready:
            self._ready.discard(number)  # somebody has it restarted: wait for it again
            self._set(self._loop.now() + self._patience() + self._program.stop.timeout, self._be_late)
            return
        self._soon()

    def _soon(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_at(self._loop.now(), self._act)

    def _act(self) -> None:
        """Go on where something has been found out."""
        self._turn = None
        if not self._is_wanted():
            self._finish("was stopped while it was reloaded")
        elif self._failure is not None:
            self._fail(*self._failure)
        elif self._again and self._phase in (SURGE, SETTLE):
            self._start_over()
        elif not self._missing():
            self._set(self._loop.now() + self._hold(), self._proceed)

    def _missing(self) -> list[int]:
        return [number for number in self._trial if number not in self._ready]

    def _is_wanted(self) -> bool:
        return any(place.instance.want == UP for place in self._own())

    def _own(self) -> list[Place]:
        """Return the places of the program that are no surplus."""
        return own(self._slots, self._program)

    def _hold(self) -> float:
        steady = STEADY if self._program.ready is None else 0.0
        return 0.0 if self._phase == SETTLE else max(self._rule.min_healthy, self._rule.drain, steady)

    def _try(self, trial: dict[int, int], more: float) -> None:
        """Wait until slots are ready: as long as they may take, and ``more``."""
        self._trial, self._failure = trial, None
        self._ready = {number for number, run in trial.items() if self._is_ready(number, run)}
        self._set(self._loop.now() + self._patience() + more, self._be_late)
        if not self._missing():
            self._soon()

    def _is_ready(self, number: int, run: int) -> bool:
        place = self._slots.places.get((self._program.name, number))
        if place is None or (self._phase == SETTLE and isinstance(place.instance.state, Exited | Fatal)):
            return True
        return isinstance(place.instance.state, Running) and place.instance.run >= run

    def _patience(self) -> float:
        rule = self._program.ready
        if self._rule.timeout is not None:
            return self._rule.timeout
        return PATIENCE if rule is None else rule.timeout if rule.after is None else rule.after + PATIENCE

    def _set(self, when: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, call)

    def _be_late(self) -> None:
        self._timer = None
        missing = self._missing()
        if self._phase == SETTLE or not missing:
            self._proceed()
        else:
            self._fail(missing[0], f"was not ready within {self._patience():g} s")

    # Steps ------------------------------------------------------------------------------------------------------------

    def _proceed(self) -> None:
        """Take the next step: those on trial have stayed ready."""
        self._timer = None
        self._trial, self._before = {}, {}
        if self._again:
            self._start_over()
        elif self._phase in (SURGE, SLOTS) and self._todo:
            lacking = [place for place in self._surge.values() if place.leaving and not serves(place)]
            if lacking:  # it has ended since: what serves in its place is not to go before it is back
                self._try({place.number: place.instance.run for place in lacking}, 0.0)
                return
            self._phase = SLOTS
            self._replace_some()
        else:
            self._finish(self._verdict)

    def _replace_some(self) -> None:
        trial: dict[int, int] = {}
        told: list[Place] = []
        meaning = fingerprint(self._program)
        while self._todo and len(trial) < self._rule.max_parallel:
            place = self._todo.pop(0)
            if place.leaving:
                continue
            self._before[place.number] = place.program
            give(place, self._program)
            if place.instance.want == UP:
                new = place.instance.run > self._old[place.number] and place.meaning == meaning
                trial[place.number] = place.instance.run + (not new)
                if not new:
                    told.append(place)
        # All of them are known before the first is told: what follows may be told at once.
        self._try(trial, self._program.stop.timeout)
        for place in told:
            self._slots.renew(place, self._why)

    def _fail(self, number: int, why: str) -> None:
        """Leave the old ones as they are: a new process has failed."""
        slot = events.Slot(self._program.name, number, self._program.instances)
        if self._again:
            self._start_over()
        elif self._phase == SURGE:
            self._finish(f"{AS_IT_WAS}: {slot}, new beside it, {why}")
        elif self._phase == SLOTS:
            self._verdict = f"is not reloaded any further: {slot} {why}"
            self._put_back()
        else:
            self._finish(self._verdict)

    def _put_back(self) -> None:
        """Have those that failed run as they did before."""
        places = self._slots.places
        failed = {number: places[self._program.name, number] for number in self._missing()}
        if self._failure is not None and (key := (self._program.name, self._failure[0])) in places:
            failed[key[1]] = places[key]
        self._phase = BACK
        again = {}
        meaning = fingerprint(self._program)
        for number, place in failed.items():
            before = self._before.get(number, self._program)
            if not place.leaving and fingerprint(before) != meaning:
                give(place, before)
                again[number] = place
        if again:
            self._verdict += "; it is put back to what it was"
        self._try({number: place.instance.run + 1 for number, place in again.items()}, self._program.stop.timeout)
        for place in again.values():
            self._slots.renew(place, "its new description failed")

    def _start_over(self) -> None:
        """Begin again, with the description that came meanwhile."""
        meaning = fingerprint(self._program)
        old = []
        for place in self._own():
            if place.instance.want == UP and place.meaning != meaning:
                old.append(place)
            else:
                give(place, self._program)
                self._slots.look_again(place)
        self._before = {}
        if self._slots.outfitter is not None:
            self._slots.outfitter.described(self._program.name)
        if old:
            self.replace(old)
        else:
            self._phase, self._again, self._todo = SETTLE, False, []
            self.settle(list(self._surge.values()))

    def _finish(self, why: str) -> None:
        own = self._own()
        if not why or not self._is_wanted():
            for place in own:
                give(place, self._program)
        refused = any(place.program is not self._program or is_outdated(place, self._program) for place in own)
        self._rolls.over(self._program, why, refused=refused)
        self.leave_off()
