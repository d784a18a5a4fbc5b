"""What has to hold, whatever happens: told from events and from the machine, apart from how the supervisor does it."""

from __future__ import annotations

from math import inf

from ncolony.core import events, needs
from ncolony.core.program import DONE, PERMANENT, READY, STARTED, STOP, TRANSIENT
from ncolony.core.schedule import REPLACE
from ncolony.core.states import (
    DOWN,
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Killing,
    Outdated,
    Ready,
    Restart,
    Running,
    SpawnFailed,
    Spawning,
    Start,
    Starting,
    Stop,
    Stopped,
    Stopping,
    Sweeping,
    Unhealthy,
    Waiting,
    deadline_of,
    pid_of,
)
from ncolony.runtime.dependencies import STEADY
from tests.simulation.health import HealthRules
from tests.simulation.machine import Broken
from tests.simulation.reloads import ReloadRules
from tests.simulation.schedules import ScheduleRules
from tests.simulation.sockets import SocketRules

ASKS = (Start, Restart)
ALIVE = (Starting, Running)
SERVED = (*ALIVE, Exited)
AT_REST = (Stopped, Backoff, Exited, Fatal)
"""Sets of states and inputs; a union of types would be made anew at every question."""
NO_PROCESS = (*AT_REST, Waiting)
WANTED_DOWN = (Stopped, Stopping, Killing, Sweeping, Spawning)


class Expected:
    """What is known of one slot, over all supervisors."""

    def __init__(self) -> None:
        self.last = None
        """The instance as its supervisor last told of it; None: there is none."""
        self.failures = 0
        self.earliest = -inf
        """When its policy permits the next start."""
        self.settled = False
        """Its policy wants no other run."""
        self.held: bool | None = False
        """An operator has stopped it. None: a supervisor was killed while it was told so."""
        self.failed_so = 0
        """What counts as failures once its process, which is being ended, is gone."""
        self.needs: tuple = ()
        """What its run was started for, with what that meant then."""
        self.known = True
        """It is known what its process was started as."""


class Rules:
    """The rules of one history (an Observer)."""

    def __init__(self, machine) -> None:
        self.machine = machine
        self.life = None
        self.slots: dict[tuple[str, int], Expected] = {}
        self.lost_at: dict[str, float] = {}
        """By program: when an instance of it last ceased to be something that others may need."""
        self.ends: set[tuple[tuple[str, int], int]] = set()
        """Ends that were told, and not decided yet."""
        self.starts = 0
        """Of programs that have no schedule."""
        self.injected = False
        """What is told just now was made up: see World.do_tell."""
        self.health, self.schedules = HealthRules(self), ScheduleRules(self)
        self.sockets = SocketRules(self)
        self.reloads = ReloadRules(self)
        self._parts = (self.health, self.schedules, self.sockets, self.reloads)
        self._checked = -1

    def of(self, key: tuple[str, int]) -> Expected:
        """Return what is known of a slot."""
        if key not in self.slots:
            self.slots[key] = Expected()
        return self.slots[key]

    def is_noted(self, process) -> bool:
        """Tell whether the supervisor that lives has a record of a process."""
        return self.machine.life is not None and self.is_recorded(process)

    def is_recorded(self, process) -> bool:
        """Tell whether the supervisor that lives, or lived last, has a record of a process."""
        last = self.of(process.slot).last
        return last not in (None, ...) and pid_of(last.state) == process.pid

    # A supervisor begins ----------------------------------------------------------------------------------------------

    def buried(self, life) -> None:
        """A supervisor is gone, in whatever it was doing: what it had not told of yet may be so, or not."""
        self.ends.clear()
        for key in life.kept:  # it may have written them down anew, and may not
            if life.supervisor is None:
                self.of(key).last = ...
        if life.supervisor is None:
            return
        missing = getattr(life.records, "_missing", ())
        for key, place in life.supervisor._slots.places.items():
            one = self.of(key)
            if place.instance is not one.last or key in missing:
                one.last, one.held = ..., None
        for key, one in self.slots.items():
            if (
                key not in life.supervisor._slots.places
                and one.last is not None
                and key not in life.supervisor.left_over()
            ):
                one.last = ...

    def recovered(self, life, kept, described) -> None:
        """See that a new supervisor has found what the one before it told of."""
        self.life, life.kept = life, kept
        self.ends.clear()
        for part in self._parts:
            part.recovered()
        for key in {*kept, *self.slots}:
            one, found = self.of(key), kept.get(key)
            self._compare(key, one, found)
            if found is None:
                self.slots[key] = Expected()
                continue
            self.schedules.left(key, found, unsure=one.last is ... or one.last is None)
            if one.last is ... or one.last is None or type(one.last.state) is not type(found.instance.state):
                self._believe(one, found.instance)
            if one.held is None:
                one.held = found.instance.held
            if key[0] not in described:
                one.held = False
            one.known, one.needs = one.known and found.meaning != 0, ()

    def written(self, kept) -> None:
        """What was found has been written down anew."""
        for key, found in kept.items():
            self.of(key).last = found.instance
        self.life.kept = {}

    def took(self, key, before, given, after) -> None:
        """Take note of an input that was dealt with, also where no state changed by it."""
        if after is before:
            asked = isinstance(given, ASKS)
        elif asked := isinstance(given, ASKS):
            one = self.of(key)
            one.failures, one.failed_so, one.earliest, one.settled = 0, 0, -inf, False
            self.schedules.wished(key, before)
        if asked and (after.want != UP or isinstance(after.state, AT_REST)):
            raise Broken("wish", f"{key} was to come up, and is {after!r}")
        if isinstance(given, Stop) and after.want != DOWN:
            raise Broken("wish", f"{key} was to go down, and is {after!r}")
        if after is not before and isinstance(given, Ready) and given.run != before.run:
            raise Broken("stale", f"a report of run {given.run} of {key} counts in run {before.run}")

    def _compare(self, key, one: Expected, found) -> None:
        told = one.last
        if told is ... or told is None or (isinstance(told.state, Stopped) and not told.held):
            return
        if found is None and isinstance(told.state, Spawning) and told.want == DOWN and not told.held:
            return
        if found is None:
            raise Broken("records", f"{key} was {told.state!r}, and nothing was kept of it")
        now = found.instance
        if isinstance(told.state, Spawning) and isinstance(now.state, Running | Backoff | Stopped):
            return
        same = type(told.state) is type(now.state) and pid_of(told.state) == pid_of(now.state)
        if not same or deadline_of(told.state) != deadline_of(now.state):
            raise Broken("records", f"{key} was {told.state!r}, and kept as {now.state!r}")
        if (told.want, told.run, told.attempt, told.held) != (now.want, now.run, now.attempt, now.held):
            raise Broken("records", f"{key} was {told!r}, and kept as {now!r}")

    def _believe(self, one: Expected, instance) -> None:
        if one.last is not ... and one.last is not None and isinstance(one.last.state, Spawning):
            return
        one.failures, one.settled, one.failed_so = instance.attempt, False, instance.attempt
        one.earliest = instance.state.deadline if isinstance(instance.state, Backoff) else -inf

    # Events -----------------------------------------------------------------------------------------------------------

    def saw(self, event) -> None:
        """Keep up with what happens."""
        if isinstance(event, events.InstanceChanged):
            key = (event.slot.program, event.slot.number)
            self._follow(key, self.of(key), event)
        elif isinstance(event, events.InstanceTakenOver):
            self.of((event.slot.program, event.slot.number)).last = event.instance
        elif isinstance(event, events.ProgramsChanged):
            most = event.program.instances if event.program is not None else 0
            for one in self.slots.values():  # what is described anew is not lost by that; needs count from a start on
                one.needs = tuple(pair for pair in one.needs if pair[0].program != event.name)
            for (name, number), one in self.slots.items():
                if name == event.name and number > most:
                    one.held = False
        program = self._described(event.slot) if isinstance(event, events.InstanceChanged) else None
        for part in self._parts:
            part.saw(event, program)

    def _described(self, slot):
        """Return what a slot is described as; while it is reloaded that may be something else than its program is."""
        return self.life.supervisor.described(slot.program, slot.number)

    def _follow(self, key, one: Expected, event) -> None:
        given, before, after = event.given, event.before, event.after
        one.last = after
        if self.machine.story is not None:
            self.machine.tell(f"{key[0]}:{key[1]} {_said(before.state)} -> {_said(after.state)} ({_given(given)})")
        if isinstance(given, Ended):
            if (key, given.run) not in self.ends:
                raise Broken("ends", f"the end of run {given.run} of {key} was decided twice")
            self.ends.discard((key, given.run))
            channel = self.life.channels.open_ones.get(key)
            if channel is not None and channel.pipe.data:
                raise Broken("last words", f"the end of {key} is told before what it said")
        if isinstance(before.state, SERVED) and type(after.state) is not type(before.state):
            self.lost_at[key[0]] = self.machine.now
        if isinstance(given, ASKS):
            one.failures, one.failed_so, one.earliest, one.settled = 0, 0, -inf, False
        program = self._described(event.slot)
        if program is not None and program.schedule is not None:
            self._judge_job(one, event, program)
        elif program is not None:
            self._judge(one, event, program)
        if isinstance(after.state, Fatal) and not after.state.why:
            raise Broken("fatal", f"{key} was given up without a reason")

    def _judge(self, one: Expected, event, program) -> None:
        """Work out when its policy permits the next run."""
        given, before, policy, now = event.given, event.before.state, program.restart, self.machine.now
        if isinstance(given, Ended) and isinstance(before, Running):
            if policy.policy != PERMANENT and (policy.policy != TRANSIENT or given.status in policy.ok_exits):
                one.settled = True
            elif now - before.since >= policy.threshold:
                one.failures, one.earliest = 0, now
            else:
                self._fail(one, policy, now)
        elif (isinstance(given, Ended) and isinstance(before, Starting)) or (
            isinstance(given, SpawnFailed) and event.before.want == UP
        ):
            self._fail(one, policy, now)
        elif isinstance(given, DeadlinePassed) and isinstance(before, Starting):
            if isinstance(event.after.state, Stopping):
                one.failed_so = one.failures = one.failures + 1
        elif isinstance(given, Unhealthy) and isinstance(before, Running):
            short = now - before.since < policy.threshold
            one.failed_so = one.failures = one.failures + 1 if short else 0
        elif isinstance(given, Outdated) and isinstance(before, ALIVE):
            one.failed_so = one.failures = 0
            one.earliest = -inf
        elif isinstance(given, Ended) and isinstance(before, (Stopping, Killing)) and event.after.want == UP:
            one.failures -= one.failures > 0
            if one.failed_so:
                self._fail(one, policy, now)
            one.failed_so = 0

    def _judge_job(self, one: Expected, event, program) -> None:
        """Work out when a run that has failed may be tried again; when its time comes is seen elsewhere."""
        given, policy = event.given, program.restart
        one.settled, one.earliest, one.failed_so = False, -inf, 0
        if not (isinstance(given, Ended) and isinstance(event.before.state, Running)):
            one.failures = event.after.attempt
        elif given.status is None or given.status in policy.ok_exits:
            one.failures = 0
        else:
            one.failures += 1
            if one.failures > program.schedule.retries:
                one.failures = 0  # it waits for its next moment, with nothing held against it
            elif program.schedule.overlap != REPLACE:
                wait = min(policy.min_delay * 2.0 ** (one.failures - 1), policy.max_delay)
                one.earliest = self.machine.now + wait * (1 - policy.jitter)

    def _fail(self, one: Expected, policy, now: float) -> None:
        one.failures += 1
        wait = min(policy.min_delay * 2.0 ** min(one.failures - 1, 60), policy.max_delay)
        one.earliest = now + wait * (1 - policy.jitter)
        if policy.attempts is not None and policy.window is None and one.failures >= policy.attempts:
            one.settled = True

    # A start ----------------------------------------------------------------------------------------------------------

    def spawning(self, key, launch) -> None:
        """See that a process may be started now."""
        one, now = self.of(key), self.machine.now
        there = self.machine.of_slot(key)
        if there:
            raise Broken("two", f"{key} gets a second process while pid {there[0].pid} lives")
        if one.held:
            raise Broken("held", f"{key} is started, and an operator has stopped it")
        if one.settled:
            raise Broken("policy", f"{key} is started after its policy said no")
        if now < one.earliest - 1e-9:
            raise Broken("fast", f"{key} is started {one.earliest - now:.3f} s sooner than its policy permits")
        one.known = True
        supervisor = self.life.supervisor
        described = supervisor.described(*key)
        self.starts += described.schedule is None
        for part in self._parts:
            part.started(key, launch, described)
        one.needs = ()
        if key[0] not in supervisor.programs:
            return
        if self._goes_in_a_cycle(supervisor, described):
            raise Broken("needs", f"{key} is started, and what it needs goes in a cycle")
        for need in described.needs:
            if not self._holds(supervisor, need) and self.lost_at.get(need.program) != now:
                raise Broken("needs", f"{key} is started without {need.program} being {need.condition}")
        one.needs = tuple((need, supervisor.programs.get(need.program)) for need in described.needs)

    def _goes_in_a_cycle(self, supervisor, described) -> bool:
        """Tell so of a slot as it is described itself: in a reload, that may be what its program was."""
        name = described.name
        return bool(described.needs and needs.cycle_through({**supervisor.programs, name: described}, name))

    def _holds(self, supervisor, need) -> bool:
        program = supervisor.programs.get(need.program)
        if program is None:
            return False
        good = sum(self._is_good(program, one, need.condition) for one in _instances(supervisor, need.program))
        return good >= program.instances  # surplus instances of a reload serve in the place of others

    def _is_good(self, program, seen, condition: str) -> bool:
        if condition == DONE:
            return seen.state == "exited" and seen.status in program.restart.ok_exits
        if seen.state == "running" and program.ready is not None:
            return True
        alive = seen.state == "running" or (seen.state == "starting" and condition == STARTED)
        assert condition in (STARTED, READY)
        return alive and self.machine.now >= seen.since + STEADY

    def ending(self, key, run: int) -> None:
        """An end is being told."""
        self.ends.add((key, run))

    # At rest ----------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See that all agrees; nothing is due at this moment."""
        life = self.life
        if life is None or life.machine.life is not life or life.supervisor is None or life.closed:
            return
        if self._checked == self.machine.happened:
            return
        self._checked = self.machine.happened
        if self.ends:
            raise Broken("ends", f"nobody has decided what follows the end of {min(self.ends)}")
        places, live = life.supervisor._slots.places, life.machine.by_slot()
        for key, place in places.items():
            self._check_place(life, key, place, live.get(key, ()))
        self._check_strays(life, places)
        self._check_books(life, places)
        for part in self._parts:
            part.check(life, places)

    def _check_place(self, life, key, place, there) -> None:
        instance, state = place.instance, place.instance.state
        firsts = [one for one in there if one.first]
        pid = pid_of(state)
        if len(firsts) > 1:
            raise Broken("two", f"{key} has two processes, {firsts[0].pid} and {firsts[1].pid}")
        if pid is not None:
            one = life.machine.table.get(pid)
            if one is None or one.slot != key or not one.alive:
                raise Broken("books", f"{key} is {state!r}, and there is no such process of it")
        elif firsts and not isinstance(state, Spawning):
            raise Broken("books", f"{key} is {state!r}, and its process {firsts[0].pid} lives")
        elif there and isinstance(state, NO_PROCESS):
            raise Broken("books", f"{key} is {state!r}, and something of it lives")
        if instance.want == DOWN and not isinstance(state, WANTED_DOWN):
            raise Broken("down", f"{key} is wanted down, and is {state!r}")
        if instance.want == UP and isinstance(state, Stopped):
            raise Broken("up", f"{key} is wanted up, and is stopped")
        if isinstance(state, Waiting) and not place.leaving and not life.supervisor.waits_for(*key):
            raise Broken("waiting", f"{key} waits for nothing")
        deadline = deadline_of(state)
        if deadline is not None and (place.timer not in life.loop.timers or deadline < life.machine.now):
            raise Broken("timers", f"{key} is {state!r}, and no timer will end that")
        if isinstance(state, ALIVE):
            self._check_meaning(life, key, place, firsts)
            self._check_needs(life, key)

    def _check_meaning(self, life, key, place, firsts) -> None:
        program = life.supervisor.programs.get(key[0])
        if program is None or place.leaving or place.instance.want != UP or not firsts or program.schedule is not None:
            return  # a job runs on as it was begun
        if self.reloads.may_differ(key[0]):
            return
        if place.program is not program:
            raise Broken("described", f"{key} is {place.program!r}, and is described as {program!r}")
        if self.of(key).known and firsts[0].args != program.args:
            raise Broken("described", f"{key} runs {firsts[0].args}, and is described as {program.args}")

    def _check_needs(self, life, key) -> None:
        supervisor = life.supervisor
        described = supervisor.described(*key)
        if key[0] not in supervisor.programs or supervisor.closing or not self.of(key).needs:
            return
        one = self.of(key)
        one.needs = tuple(pair for pair in one.needs if pair[0] in described.needs)  # else a loss is none, also later
        if self._goes_in_a_cycle(supervisor, described):
            return
        for need, meant in one.needs:
            same = supervisor.programs.get(need.program) is meant
            if same and need.on_loss == STOP and not self._holds(supervisor, need):
                raise Broken("needs", f"{key} runs on, and {need.program} is not {need.condition} any more")

    def _check_strays(self, life, places) -> None:
        for one in life.machine.table.values():
            if one.slot is None or not one.first or not one.alive or one.slot in places:
                continue
            if one.slot not in life.supervisor.left_over():
                raise Broken("forgotten", f"pid {one.pid} of {one.slot} lives, and nobody looks after it")

    def _check_books(self, life, places) -> None:
        armed = sum(place.timer is not None for place in places.values())
        timers = sum(_is_arm(one) for one in life.loop.timers)
        if armed != timers:
            raise Broken("timers", f"{timers} timers of slots, of which {armed} belong to one")
        have = {key for key, place in places.items() if place.channel is not None}
        if have != set(life.channels.open_ones):
            raise Broken("descriptors", f"pipes are open of {sorted(life.channels.open_ones)}, for {sorted(have)}")
        if {one.pipe.fd for one in life.channels.open_ones.values()} != set(life.loop.watched):
            raise Broken("descriptors", "what is watched is not what is open")
        if getattr(life.records, "_missing", None):
            return
        told = {
            key for key, place in places.items() if not isinstance(place.instance.state, Stopped) or place.instance.held
        }
        if life.supervisor.closing:  # who is held stopped is forgotten by now, and its record is not
            told |= {key for key in life.records._slots if key not in places and self._is_held(key)}
        if {*told, *life.supervisor.left_over()} != set(life.records._slots):
            raise Broken("records", f"there are records of {sorted(life.records._slots)}, for {sorted(told)}")

    def _is_held(self, key) -> bool:
        last = self.of(key).last
        return last is not None and last is not ... and last.held

    def check_closed(self, life) -> None:
        """See that nothing is left of a colony that was stopped for good."""
        left = [
            one for one in life.machine.table.values() if one.slot is not None and one in life.machine.of_slot(one.slot)
        ]
        if left:
            raise Broken("closed: process", f"pid {left[0].pid} of {left[0].slot} lives, and all is said to be stopped")
        left = [one.call for one in life.loop.timers if one.when > life.machine.now]  # the rest is of this very turn
        if left:
            raise Broken("closed: timer", f"a timer is left: {left[0]!r}")
        if life.loop.watched or life.channels.open_ones or life.machine.sockets:
            raise Broken("closed: descriptor", "a descriptor is left")
        if life.wall is not None and life.wall.timers:
            raise Broken("closed: timer", "a timer of the wall clock is left")
        if not getattr(life.records, "_missing", None):
            for key in life.records._slots:
                if key not in life.supervisor.left_over() and not self._is_held(key):
                    raise Broken("closed: record", f"a record of {key} is left")

    def check_bytes(self) -> None:
        """See that all that was written has come out."""
        for key, count in self.machine.written.items():
            waiting = len(self.machine.kept[key].data) if key in self.machine.kept else 0
            if len(self.machine.log.get(key, ())) + waiting != count:
                raise Broken("bytes", f"of {count} pieces of {key}, {len(self.machine.log.get(key, ()))} came out")


def _is_arm(timer) -> bool:
    return timer.call is not None and timer.call.__qualname__.startswith("Slots.arm.")


def _instances(supervisor, name: str) -> list:
    """Return all instances of a program: a snapshot of it alone ends where a number is missing."""
    return [one for one in supervisor.snapshot() if one.program == name]


def _said(state) -> str:
    pid = pid_of(state)
    name = type(state).__name__.lower()
    return name if pid is None else f"{name} {pid}"


def _given(given) -> str:
    return type(given).__name__
