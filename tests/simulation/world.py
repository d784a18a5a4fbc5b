"""One history: a machine, one supervisor after the other, and what operators and the world do to them."""

from __future__ import annotations

import atexit
import json
import os
import tempfile
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from signal import SIGHUP
from typing import NamedTuple

from ncolony.core.check import check
from ncolony.core.colonyspec import ColonySpec, GroupRule
from ncolony.core.errors import NoSuch
from ncolony.core.logspec import LogSpec
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.program import Defaults
from ncolony.core.record import replace
from ncolony.core.states import Extend, Ready, Unhealthy
from ncolony.hosts.companions import CONCERNS, Companions
from ncolony.hosts.companions import World as Ingredients
from ncolony.hosts.memory import release, settle
from ncolony.posix.recovery import Looks, recover
from ncolony.runtime.supervisor import Supervisor
from tests.simulation.health import make_vitals
from tests.simulation.machine import COLONY, Broken, Dead, Machine
from tests.simulation.ports import Life, SimRecords
from tests.simulation.reloads import ASKED
from tests.simulation.rules import Rules
from tests.simulation.schedules import make_schedules

DEFAULTS = Defaults()
MAKERS = {"vitals": make_vitals, "schedules": make_schedules}
"""Of those that ask the system for more than the simulated machine is asked elsewhere."""
CONCERNED = tuple(one for one in CONCERNS if one.name in ("vitals", "needs", "schedules", "critical", "groups"))
BOOT = "one boot"


class Left(NamedTuple):
    """Where a supervisor finds what the one before it left (as posix/state.py)."""

    records: str
    colony: str = COLONY
    boot: str = BOOT
    is_new: bool = False


class Files:
    """Programs by their text, read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], object] = {}

    def read(self, name: str, text: str):
        """Return the program that a file describes; None where it cannot be used."""
        key = (name, text)
        if key not in self._read:
            if len(self._read) > 5000:
                self._read.clear()
            try:
                self._read[key] = check(name, *parse(text.encode()), DEFAULTS).program
            except NotAnObject:
                self._read[key] = None
        return self._read[key]


FILES = Files()


class World:
    """The state of one history."""

    def __init__(self, seed: int, conf_pool, *, may_hide: bool, story: list[str] | None = None) -> None:
        self.machine = Machine(seed, may_hide=may_hide)
        self.machine.story = story
        self.rules = Rules(self.machine)
        self.machine.is_noted, self.machine.is_recorded = self.rules.is_noted, self.rules.is_recorded
        self.pool = conf_pool
        self.conf: dict[str, str] = {}
        self.groups = ()
        self.path = f"{_folder()}/records"
        self.machine.moments = f"{_folder()}/moments"
        for name in (self.path, f"{self.path}.new", self.machine.moments):
            if os.path.exists(name):
                os.unlink(name)
        self.is_new = True
        self.ended_by_itself = False
        """A critical program has ended the colony."""

    # Supervisors ------------------------------------------------------------------------------------------------------

    @property
    def life(self) -> Life | None:
        """The supervisor that lives."""
        return self.machine.life

    def guarded(self, call) -> bool:
        """Make a call into the supervisor; tell whether it has survived that."""
        life = self.life
        self.machine.happened += 1
        with suppress(Dead):
            call()
        return life is self.life

    def boot(self, fuse: int | None = None, slices: int = 1) -> None:
        """Start a supervisor, if none lives; it may be killed after ``fuse`` calls."""
        if self.life is not None:
            return
        if self.machine.family is None:
            self.machine.family = object()
        life = Life(self.machine, self.rules)
        self.machine.life = life
        life.fuse = fuse
        self.machine.tell("a supervisor begins")
        self.guarded(lambda: self._begin(life, slices))

    def _begin(self, life: Life, slices: int) -> None:
        machine = self.machine
        kept = recover(
            Left(self.path, is_new=self.is_new),
            machine.now,
            machine.tell,
            Looks(machine.marked, machine.session, machine.started),
        )
        self.is_new = False
        self.rules.recovered(life, kept, self.conf)
        SimRecords(life, self.path, {"boot": BOOT, "colony": COLONY}, kept.values())
        self.rules.written(kept)
        supervisor = Supervisor(
            life.loop, life.spawner, life.channels, colony=COLONY, inherit={}, observers=[life.records, self.rules]
        )
        life.supervisor = supervisor
        self._overhear(supervisor._slots)
        supervisor.remember(kept)
        supervisor.listeners = life.listeners
        concerns = tuple(
            replace(one, make=partial(MAKERS[one.name], life)) if one.name in MAKERS else one for one in CONCERNED
        )
        life.companions = Companions(self._ingredients(life), concerns)
        supervisor.observe(life.companions)
        if self.groups:
            supervisor.describe(ColonySpec(groups=self.groups))
        names = list(self.conf)
        self._read(life, [names[at::slices] for at in range(slices)])

    def _overhear(self, slots) -> None:
        """Have the rules hear of every input: some change what is wanted, and no state."""
        take = slots._take

        def overheard(place, given) -> None:
            before = place.instance
            take(place, given)
            self.rules.took((place.program.name, place.number), before, given, place.instance)

        slots._take = overheard

    def _read(self, life: Life, slices: list[list[str]]) -> None:
        """Describe the programs, a slice in each turn, and then what is left over."""
        if slices:
            names = slices.pop(0)
            self._describe(life, names)
            if slices:
                life.loop.call_at(self.machine.now, lambda: self._read(life, slices))
                return
        described = frozenset(self.conf)
        settle(life.supervisor, described, self.machine.tell, lambda _: LogSpec(), self.machine.environment)
        life.channels.settle(described)
        life.listeners.settle(life.supervisor.programs.values())
        life.supervisor.described_all()

    def _describe(self, life: Life, names) -> None:
        wanted = {}
        for name in names:
            text = self.conf.get(name)
            program = None if text is None else FILES.read(name, text)
            if text is None or program is not None:
                wanted[name] = program
        life.supervisor.apply(wanted)

    def _ingredients(self, life: Life) -> Ingredients:
        return Ingredients(
            loop=life.loop,
            supervisor=life.supervisor,
            exits=None,
            say=self.machine.tell,
            state=None,
            config="conf",
            spawner=life.spawner,
            colony=COLONY,
            inherit={},
            story=lambda *_: iter(()),
            about=life.supervisor.about,
            finish=lambda code, why: self._finish(life, why),
            outputs=life.channels,
        )

    def _finish(self, life: Life, why: str) -> None:
        """End the colony because a critical program has ended."""
        if not life.supervisor.closing:
            self.machine.tell(f"the colony ends: {why}")
            self.ended_by_itself = True
            self._shut_down(life, None)

    def _shut_down(self, life: Life, within: float | None) -> None:
        def closed() -> None:
            life.companions.close()
            life.listeners.close_all()
            self.machine.later(0.0, lambda: self._exit(life))

        self.machine.tell("all is to be stopped")
        for one in self.rules.slots.values():
            one.held = False  # stopped with the colony, everything starts with the next one
        release(life.supervisor, lambda _: LogSpec())
        life.supervisor.shut_down(closed, within)

    def _exit(self, life: Life) -> None:
        """All was stopped for good: the supervisor's process ends."""
        if self.life is life:
            life.closed = True
            self.rules.check_closed(life)
            self.machine.tell("the supervisor ends")
            life.die()

    # What happens -----------------------------------------------------------------------------------------------------

    def move(self, move: tuple) -> None:
        """Do one thing of a history, and let time pass."""
        what, *arguments, seconds, late = move
        if self.machine.story is not None:
            self.machine.tell(f"* {what} {' '.join(map(str, arguments))}")
        getattr(self, f"do_{what}")(*arguments)
        self.machine.advance(seconds, late=late)
        self.rules.check()

    def do_nothing(self) -> None:
        """Let time pass."""

    def do_boot(self, fuse, slices) -> None:
        """Start a supervisor."""
        self.boot(fuse, slices)

    def do_kill(self, fuse) -> None:
        """Kill the supervisor, now or in the middle of what it does next."""
        if self.life is None:
            return
        if fuse is None:
            self.life.die()
        else:
            self.life.fuse = fuse

    def do_upgrade(self, fuse) -> None:
        """Let the supervisor become another version of itself."""
        life = self.life
        if life is None or life.supervisor is None or life.supervisor.closing:
            return
        if self.guarded(life.companions.close):
            life.closed = True
            self.rules.buried(life)
            self.machine.hand_over()
            life.let_go()
            self.boot(fuse)

    def do_conf(self, names: tuple[str, ...], variant: int) -> None:
        """Write files, or remove them."""
        for name in names:
            texts = self.pool[name]
            text = texts[variant % len(texts)]
            if text is None:
                self.conf.pop(name, None)
            else:
                self.conf[name] = text
        life = self.life
        if life is not None and life.supervisor is not None:
            self.guarded(lambda: self._describe(life, names))

    def do_groups(self, strategy: str, attempts) -> None:
        """Describe the colony."""
        self.groups = (("g", GroupRule(strategy, attempts, 5.0)),)
        life = self.life
        if life is not None and life.supervisor is not None:
            self.guarded(lambda: life.supervisor.describe(ColonySpec(groups=self.groups)))

    def do_ask(self, verb: str, name: str, number) -> None:
        """Have an operator ask for something."""
        life = self.life
        if life is None or life.supervisor is None or name not in life.supervisor.programs:
            return
        supervisor = life.supervisor
        if number is not None and number > supervisor.programs[name].instances:
            return
        calls = {
            "start": supervisor.start,
            "stop": supervisor.stop,
            "restart": lambda name, number: supervisor.restart(name, None, number),
            "order": lambda name, number: supervisor.stop_in_order([(name, number)]),
            "all": lambda name, number: supervisor.restart_all(),
            "hup": lambda name, number: supervisor.signal(name, SIGHUP, "tree", number),
            "reload": lambda name, number: supervisor.reload(name, None if number is None else {number}, ASKED),
            "old": lambda name, number: supervisor.restart(name, self.machine.now - 1.0, number),
        }
        if verb == "reload" and supervisor.programs[name].schedule is not None:
            return
        most = supervisor.programs[name].instances
        slots = [(name, one) for one in range(1, most + 1) if number in (None, one)]
        before = life.supervisor.closing
        if before:
            with suppress(NoSuch):  # whatever is stopped for good takes no more commands
                self.guarded(lambda: calls[verb](name, number))
            return
        if verb == "all":
            slots = [key for key in self.rules.slots if key[0] in supervisor.programs]
        known = {key: self.rules.of(key).held for key in slots}
        if verb in ("start", "restart", "all", "old"):
            for key in slots:
                self.rules.of(key).held = False
        survived = self.guarded(lambda: calls[verb](name, number))
        for key in slots:
            one = self.rules.of(key)
            if verb in ("stop", "order"):
                one.held = True if survived else None
            elif not survived:
                one.held = None
            elif verb == "old" and known[key]:
                one.held = one.last is not None and one.last.held

    def do_tell(self, fact: str, name: str, number: int) -> None:
        """Have a companion find something out of a run, perhaps of an earlier one."""
        life = self.life
        if life is None or life.supervisor is None:
            return
        place = life.supervisor._slots.places.get((name, number))
        if place is None:
            return
        run = place.instance.run - (fact == "stale")
        program = life.supervisor.programs.get(name)
        if fact == "ready" and (program is None or program.ready is None or program.ready.after is not None):
            return
        given = {
            "ready": Ready(run),
            "stale": Ready(run),
            "unhealthy": Unhealthy(run, "no answer"),
            "extend": Extend(run, 5.0),
        }[fact]
        self.rules.injected = True
        self.guarded(lambda: life.supervisor.learn(name, number, given))
        self.rules.injected = False

    def do_clock(self, seconds: float) -> None:
        """Let somebody set the clock on the wall."""
        if self.machine.set_clock(seconds):
            self.rules.schedules.was_set_back()

    def do_die(self, name: str, number: int, status: int) -> None:
        """Let the process of a slot die."""
        for one in list(self.machine.table.values()):
            if one.first and one.alive and one.slot == (name, number):
                self.machine.end(one, status)

    def do_strangers(self, count: int, kind: int, seconds: float) -> None:
        """Let others take pids."""
        for _ in range(count):
            self.machine.stranger(("", "othercolony1/", f"{COLONY[:-1]}1/a:1/1")[kind], seconds)

    def do_disk(self, full: bool) -> None:
        """Let the disk fill, or have room again."""
        self.machine.disk_full = full

    def do_shut_down(self, within) -> None:
        """Have everything stopped."""
        life = self.life
        if life is not None and life.supervisor is not None and not life.supervisor.closing:
            self.guarded(lambda: self._shut_down(life, within))

    def do_hurry(self, within: float) -> None:
        """Have it stopped sooner."""
        life = self.life
        if life is not None and life.supervisor is not None and life.supervisor.closing:
            self.guarded(lambda: life.supervisor.hurry(within))

    # The end ----------------------------------------------------------------------------------------------------------

    def finish(self, jump: float) -> None:
        """Let all be well: see that everything comes up by itself, stays up, and goes when it is to go."""
        machine = self.machine
        machine.disk_full = False
        if self.life is not None:
            self.life.fuse = None
        machine.friendly = True
        machine.tell("* all is well from now on")
        self._pass(60.0)
        if self.life is not None and self.life.supervisor is not None and self.life.supervisor.closing:
            raise Broken("closed", "all was to be stopped, and a minute was not enough")
        self.ended_by_itself = False
        self.boot()
        self._pass(100.0)
        if self.ended_by_itself:
            self.rules.check_bytes()
            return
        self._check_up()
        started = self.rules.starts
        if jump:
            self.do_clock(jump)
        self._pass(300.0)
        self._check_up()
        if self.rules.starts > started + self._may_start_late():
            raise Broken("peace", f"{self.rules.starts - started} starts while all is well")
        self._down()

    def _may_start_late(self) -> int:
        """Count what had failed so often before that its wait was long."""
        return 0

    def _pass(self, seconds: float) -> None:
        self.machine.advance(seconds)
        self.rules.check()

    def _check_up(self) -> None:
        supervisor = self.life.supervisor if self.life is not None else None
        if supervisor is None:
            raise Broken("up", "the supervisor is gone, and nobody has killed it")
        for seen in supervisor.snapshot():
            if seen.want == "down" and seen.state != "stopped":
                raise Broken("down", f"{seen.program}:{seen.number} is wanted down, and is {seen.state} for ever")
            if supervisor.programs[seen.program].schedule is not None:
                continue
            if seen.want == "up" and seen.state not in ("running", "waiting", "exited", "fatal"):
                raise Broken("up", f"{seen.program}:{seen.number} is wanted up, and is {seen.state} for ever")

    def _down(self) -> None:
        life = self.life
        self.do_shut_down(None)
        self._pass(60.0)
        if self.life is life:
            raise Broken("closed", "all was to be stopped, and a minute was not enough")
        self.rules.check_bytes()


def new_folder(parent: str | None = None) -> tempfile.TemporaryDirectory:
    """Make where the disk is: in memory, where that can be, and nothing else is wanted."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="simulation", dir=parent or (memory if memory.is_dir() else None))


@cache
def _made(parent: str | None) -> str:
    made = new_folder(parent)
    atexit.register(made.cleanup)
    return made.name


def keep_in(parent: str) -> None:
    """Have the disk of this process in a folder that somebody else removes."""
    FOLDERS.append(parent)


def _folder() -> str:
    return _made(FOLDERS[-1] if FOLDERS else None)


FOLDERS: list[str] = []


def as_text(value: dict) -> str:
    """Return a file's text."""
    return json.dumps(value)
