"""Readiness and health: finds out when processes are ready and whether they are well, and tells the supervisor.

What a process says itself comes through the Reporting port, what checks of it say through the Prober port. Both become
facts of its run, so what comes too late counts for nothing. A program that asks for neither is not looked at.
"""

from __future__ import annotations

from ncolony.core import events
from ncolony.core.launch import Outfit
from ncolony.core.probespec import LOG, Signs
from ncolony.core.record import replace
from ncolony.core.states import Exited, Fatal, Running, Spawning, Starting, Stopped, name_of, pid_of
from ncolony.runtime.ear import Ear
from ncolony.runtime.vital import Vital

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.events import Event
    from ncolony.core.program import Program
    from ncolony.core.states import Instance
    from ncolony.ports import Loop, Prober, Reporting
    from ncolony.runtime.supervisor import Supervisor

    Key = tuple[str, int]

STREAMS = ("stdout", "stderr")
TAIL = 65536
STARTING, RUNNING = Starting.__name__.lower(), Running.__name__.lower()


def asked_by(program: Program) -> bool:
    """Tell whether a program needs somebody who looks after it."""
    return program.health is not None or program.ready is not None


class Vitals:
    """All runs that are looked at (a Companion, the Outfitter port, and who hears what processes report)."""

    def __init__(
        self, loop: Loop, supervisor: Supervisor, prober: Prober, reporting: Callable[[Vitals], Reporting]
    ) -> None:
        """Tell ``supervisor``; ``reporting`` is to tell us."""
        self._loop, self._supervisor, self._prober = loop, supervisor, prober
        self._reporting = reporting(self)
        self._programs: dict[str, Program] = {}
        self._vitals: dict[Key, Vital] = {}

    # What happens (the Observer port) ---------------------------------------------------------------------------------

    def saw(self, event: Event) -> None:
        """Begin and end what has to be done for a run."""
        if isinstance(event, events.ProgramsChanged):
            self._described(event.name, event.program)
        elif isinstance(event, events.ReloadEnded):  # slots that go on may be described anew only now
            self._described(event.program, self._supervisor.programs.get(event.program))
        elif isinstance(event, events.InstanceChanged):
            self._moved((event.slot.program, event.slot.number), event.after, event.at)
        elif isinstance(event, events.InstanceTakenOver) and event.slot.program in self._programs:
            key = (event.slot.program, event.slot.number)
            self._take_up(key, event.instance.run, name_of(event.instance.state), pid_of(event.instance.state))

    def _described(self, name: str, program: Program | None) -> None:
        known = name in self._programs
        if program is not None and asked_by(program):
            self._programs[name] = program
        else:
            self._programs.pop(name, None)
        if program is not None and (known or name in self._programs):
            # Later, when the supervisor has the description too.
            self._loop.call_at(self._loop.now(), lambda: self._describe(name, program))

    def _describe(self, name: str, program: Program) -> None:
        for view in self._supervisor.snapshot(name):
            key = (name, view.number)
            if key in self._vitals:
                # In a reload not all of its slots are described anew.
                self._vitals[key].describe(self._supervisor.described(*key) or program)
                if view.state == STARTING:
                    self._listen(key, self._vitals[key])
            elif name in self._programs:
                self._take_up(key, view.run, view.state, view.pid)

    def _is_asked(self, key: Key) -> bool:
        described = self._supervisor.described(*key) if key[0] in self._programs else None
        return described is not None and asked_by(described)

    def _take_up(self, key: Key, run: int, state: str, pid: int | None) -> None:
        """Look after a run that began without us."""
        if pid is None:
            return
        program = self._supervisor.described(*key) or self._programs[key[0]]
        vital = self._begin(program, key[1], run)
        self._reporting.alive(program, key[1], run, pid, taken_over=True)
        if state == STARTING:
            self._listen(key, vital)
            vital.starting(self._loop.now())
        elif state == RUNNING:
            vital.running(self._loop.now())
        else:
            vital.leaving()

    def _listen(self, key: Key, vital: Vital) -> None:
        """Search what it has written so far, and what it writes from now on."""
        hear = self._ear(vital)
        if hear is not None and any(hear(name, self._supervisor.tail(*key, name, TAIL)) for name in STREAMS):
            hear = None
        self._supervisor.listen(*key, hear)

    def _moved(self, key: Key, instance: Instance, at: float) -> None:
        state = instance.state
        if isinstance(state, Stopped | Exited | Fatal):
            self._reporting.forget(*key)
        vital, pid = self._vitals.get(key), pid_of(state)
        if vital is None:
            if isinstance(state, Starting | Running) and self._is_asked(key):  # only while it came to life
                self._take_up(key, instance.run, name_of(state), pid)
            return
        if vital.run != instance.run or (pid is None and not isinstance(state, Spawning)):
            self._vitals.pop(key).leaving()
            self._reporting.ended(*key)
            return
        if isinstance(state, Starting | Running) and pid is not None:
            self._reporting.alive(vital.program, key[1], vital.run, pid)
        if isinstance(state, Starting):
            vital.starting(at)
        elif isinstance(state, Running):
            vital.running(at)
        elif pid is not None:
            vital.leaving()

    def _begin(self, program: Program, number: int, run: int) -> Vital:
        name = program.name
        vital = Vital(
            self._loop, self._prober, lambda fact: self._supervisor.learn(name, number, fact), program, (number, run)
        )
        self._vitals[name, number] = vital
        return vital

    # A start (the Outfitter port) -------------------------------------------------------------------------------------

    def outfit(self, program: Program, number: int, run: int) -> Outfit:
        """See ports.py."""
        if not asked_by(program):
            return Outfit()
        vital = self._begin(program, number, run)
        given = Outfit()
        if program.reports is not None:
            given = self._reporting.outfit(program, number, run, program.reports)
        return replace(given, hear=self._ear(vital))

    def spawned(self, program: Program, number: int) -> None:
        """See ports.py."""
        if program.reports is not None:
            self._reporting.spawned(program.name, number)

    def described(self, name: str) -> None:
        """See ports.py."""
        self._described(name, self._supervisor.programs.get(name))

    def _ear(self, vital: Vital) -> Callable[[str, bytes], bool] | None:
        rule = vital.program.ready
        if rule is None or not isinstance(rule.by, Signs) or rule.by.kind != LOG:
            return None
        return Ear(rule.by.pattern, vital.is_ready).hear

    def hand_over(self) -> None:
        """See ports.py. Commands that check are ended: the next version would not know them."""
        for vital in self._vitals.values():
            vital.pause()
        self._reporting.hand_over()

    def take_back(self) -> None:
        """See ports.py."""
        self._reporting.take_back()
        for vital in self._vitals.values():
            vital.go_on()

    # What processes report --------------------------------------------------------------------------------------------

    def told(self, name: str, number: int, run: int, said: Mapping[str, str], main_pid: int | None) -> None:
        """Take in what a process of a run has said; of a run that is over it is no news."""
        vital = self._vitals.get((name, number))
        if vital is not None and vital.run == run:
            reloading = vital.is_reloading or said.get("RELOADING") == "1"
            vital.told(said, main_pid)
            if reloading and not vital.is_reloading:
                self._supervisor.note_reread(name, number)

    def ready(self, name: str, number: int, run: int) -> None:
        """Take in that a run has said it is ready, in another way."""
        vital = self._vitals.get((name, number))
        if vital is not None and vital.run == run:
            vital.is_ready()

    # For people -------------------------------------------------------------------------------------------------------

    def about(self, name: str, number: int) -> Mapping[str, object]:
        """See ports.py."""
        vital = self._vitals.get((name, number))
        return {} if vital is None else vital.about()

    def close(self) -> None:
        """Check no more, and give everything back."""
        for vital in self._vitals.values():
            vital.leaving()
        self._vitals = {}
        self._reporting.close()
