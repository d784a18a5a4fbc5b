"""Schedules: a clock on the wall that somebody sets, the moments on disk, and what has to hold of who goes by them.

Cron lines here have a period that divides an hour, so that a multiplication tells when they come.
"""

from __future__ import annotations

import os
from contextlib import suppress
from math import inf

from ncolony.core import events
from ncolony.core.errors import OSFailure
from ncolony.core.schedule import LATE, REPLACE, SKIP
from ncolony.core.states import (
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Outdated,
    Overdue,
    Restart,
    Running,
    SpawnFailed,
    Spawning,
    Start,
    Starting,
    Stop,
    Stopped,
    Unhealthy,
    Waiting,
)
from ncolony.posix.moments import Moments
from ncolony.posix.wallclock import SLEWED
from ncolony.runtime.schedules import NEW, Schedules
from tests.simulation.machine import COLONY, Broken

CRON = {"* * * * *": 60.0, "*/5 * * * *": 300.0, "0 * * * *": 3600.0}
NOWHERE = "Nowhere/At_all"
CAME_TO_NOTHING = (SpawnFailed, Unhealthy, Overdue)
SETTLED = (Stopped, Exited, Fatal)


def make_schedules(life, world):
    """Make what looks after schedules, as hosts/companions.py does."""
    life.wall = SimWallClock(life)
    life.moments = SimMoments(life)
    return Schedules(world.loop, world.supervisor, world.say, life.wall, life.moments, COLONY)


class WallTimer:
    """A call at a moment of the wall clock."""

    __slots__ = ("call", "clock", "when")

    def __init__(self, clock, when: float, call) -> None:
        self.clock, self.when, self.call = clock, when, call

    def cancel(self) -> None:
        self.call = None
        self.clock.timers.pop(self, None)

    def __call__(self) -> None:
        """Make it, if its moment has come; else wait on: the clock was set back."""
        if self not in self.clock.timers or self.clock.life.machine.life is not self.clock.life:
            return
        if self.clock.now() < self.when - SLEWED and not self.clock.life.machine.knows_of_sets:
            self.clock.was_set()
            return
        if self.clock.now() < self.when:
            self.clock.arm(self)
            return
        call = self.call
        self.cancel()
        call()


class SimWallClock:
    """The WallClock port. Where the kernel has no timerfd, it does not know that it was set before the next moment."""

    def __init__(self, life) -> None:
        self.life = life
        self.timers: dict[WallTimer, None] = {}
        self._on_set: list = []

    def now(self) -> float:
        return self.life.machine.wall()

    def call_at(self, when: float, call) -> WallTimer:
        self.life.port()
        timer = WallTimer(self, when, call)
        self.timers[timer] = None
        self.arm(timer)
        return timer

    def arm(self, timer: WallTimer) -> None:
        """Have it called when its moment comes by the clock as it is now."""
        machine = self.life.machine
        machine.push(machine.now + max(0.0, timer.when - machine.wall()), 1, timer)

    def on_set(self, call) -> None:
        self._on_set.append(call)

    def was_set(self) -> None:
        """The kernel tells that it was set."""
        if self.timers is None:
            return
        for call in self._on_set:
            call()
        for timer in list(self.timers):
            self.arm(timer)

    def offset(self, zone: str):
        if zone == NOWHERE:
            raise OSFailure(f"cannot use the time zone {zone!r}: this system does not know it")
        return lambda _: 0

    def close(self) -> None:
        self.timers, self._on_set = {}, []


class SimMoments(Moments):
    """The real moments in a real file, by a supervisor that may be killed."""

    def __init__(self, life) -> None:
        self._life = life
        super().__init__(life.machine.moments, life.machine.tell)

    def _put(self, slot: int, line: bytes) -> None:
        self._life.port()
        super()._put(slot, line)
        self._life.port()

    def drop(self) -> None:
        """Close the file, as the end of its process does."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                os.close(fd)


class Job:
    """What is known of one slot on its schedule, over all supervisors."""

    def __init__(self) -> None:
        self.asked = False
        """A run may begin at any time: somebody has asked, the last one came to nothing, or was cut short."""
        self.first, self.count = None, 0
        """When the first run of an ``every`` began, and how many there have been."""
        self.on_time = None
        """When the latest run began, if that was at its moment."""
        self.waited = False
        """It waited for that moment, and for nothing else before."""
        self.phase = None
        """One of its moments, where it is known which they are."""
        self.latest = None
        """The latest moment of a cron line for which a run has begun."""
        self.rule = None
        """By what the latest run was started."""
        self.described = self.began = -inf
        """When it was last described anew, and when its latest run began."""


class ScheduleRules:
    """What has to hold."""

    def __init__(self, rules) -> None:
        self._rules, self._machine = rules, rules.machine
        self._jobs: dict[tuple[str, int], Job] = {}

    def _of(self, key) -> Job:
        return self._jobs.setdefault(key, Job())

    def recovered(self) -> None:
        """Another supervisor: of an ``every`` it knows the moment by the wall clock, so it may be off by a period."""
        for job in self._jobs.values():
            job.phase = None
            if self._machine.set_at >= job.began:
                job.first = job.on_time = None

    def left(self, key, found, *, unsure: bool) -> None:
        """Take note of how a slot was found: a run that was cut short, or was to be tried again, may be made up."""
        state = found.instance.state
        if unsure or isinstance(state, Spawning | Backoff) or found.instance.attempt > 0:
            self._of(key).asked = True

    def was_set_back(self) -> None:
        """The clock is far behind what it was: moments may come again."""
        for job in self._jobs.values():
            job.latest = None

    def saw(self, event, _) -> None:  # noqa: PLR0912 - one look at each event
        """Take note of what permits a run."""
        if isinstance(event, events.ProgramsChanged):
            for key, job in self._jobs.items():
                if key[0] == event.name:
                    rule = event.program.schedule if event.program is not None else None
                    if job.rule is not None and job.rule != rule:
                        job.first = job.on_time = job.phase = job.latest = None
                    job.described = self._machine.now
                    place = self._rules.life.supervisor._slots.places.get(key)
                    # Its time may have come already, and it waits for what it needs, or for the end of the last run.
                    before = place.program if place is not None else None
                    queued = before is not None and before.schedule is not None and before.schedule.overlap != SKIP
                    job.asked |= queued or (before is not None and bool(before.needs))
        if not isinstance(event, events.InstanceChanged):
            return
        job, given = self._of((event.slot.program, event.slot.number)), event.given
        before = event.before.state
        if isinstance(before, Waiting):
            job.waited = before.since < self._machine.now
        if isinstance(given, Start | Restart):
            if isinstance(before, SETTLED):
                job.first = job.on_time = job.phase = None  # an ``every`` begins anew
            else:
                job.asked = True
        elif isinstance(given, Stop):
            job.asked = False
            if not self._rules.life.supervisor.closing:
                job.latest = None  # it is off its schedule: started again, it begins with what the clock shows then
        elif isinstance(given, CAME_TO_NOTHING) or (isinstance(given, Outdated) and given.why != NEW):
            job.asked = True
        elif isinstance(given, Ended):
            job.asked |= not isinstance(before, Running) or given.status != 0
        elif isinstance(given, DeadlinePassed) and isinstance(before, Starting):
            job.asked = True

    def wished(self, key, before) -> None:
        """Take note of a start that was asked for and changes no state yet."""
        if not isinstance(before.state, SETTLED):
            self._of(key).asked = True

    def started(self, key, launch, program) -> None:
        """See that a run begins only when it may."""
        rule, job = program.schedule, self._of(key)
        job.rule, job.began = rule, self._machine.now
        if rule is None:
            return
        asked, job.asked = job.asked, False
        exact = rule.overlap == SKIP and not program.needs
        if asked:
            return
        if rule.every is not None:
            self._check_every(key, job, rule, exact=exact, needs=bool(program.needs))
        else:
            self._check_cron(key, job, rule, exact=exact)

    def _check_every(self, key, job: Job, rule, *, exact: bool, needs: bool) -> None:
        now, late = self._machine.now, self._machine.now - self._machine.turn
        if job.first is None:
            job.first, job.count = now, 0
        job.count += 1
        if job.count > (now - job.first) / rule.every + 2 + 1e-6:
            raise Broken("schedule", f"{key} has run {job.count} times in {now - job.first} s")
        if job.on_time is not None and now - job.on_time < rule.every - 0.01:
            raise Broken("schedule", f"{key} runs again after {now - job.on_time} s")
        job.on_time = now if (exact or job.waited) and not needs and not late else None
        if exact and job.phase is not None:
            off = (now - job.phase + 1e-6) % rule.every
            if off > late + 1e-3:
                raise Broken("schedule", f"{key} runs {off} s after its moment")
        elif exact and not late:
            job.phase = now

    def _check_cron(self, key, job: Job, rule, *, exact: bool) -> None:
        wall, period = self._machine.wall() + 2e-3, CRON[rule.cron.text]
        moment = wall // period * period
        if job.latest is not None and moment <= job.latest:
            raise Broken("schedule", f"{key} runs twice for the moment {moment}")
        job.latest = moment
        late = LATE + self._machine.now - self._machine.turn
        if exact and not rule.catch_up and wall - moment > late + 3e-3:  # 2 of them are added above
            raise Broken("schedule", f"{key} runs {wall - moment} s after its moment")

    # At rest ----------------------------------------------------------------------------------------------------------

    def check(self, life, places) -> None:
        """See that runs come, and end, when they are to."""
        if life.supervisor.closing:
            return
        for key, place in places.items():
            rule = place.program.schedule
            known = place.program is life.supervisor.programs.get(key[0]) and not place.leaving
            if rule is None or place.instance.want != "up" or not known:
                continue  # of a slot that goes on as it was described before nobody knows when its time comes
            state, job = place.instance.state, self._of(key)
            if isinstance(state, Starting | Running):
                self._check_run(key, job, rule, self._since(job, state.since), state.since)
            elif isinstance(state, Waiting) and not place.program.needs and rule.zone != NOWHERE:
                self._check_wait(key, rule, self._since(job, state.since))

    def _since(self, job: Job, since: float) -> float:
        return max(since, job.described, self._rules.life.began, self._machine.busy_until)

    def _check_run(self, key, job: Job, rule, since: float, began: float) -> None:
        now = self._machine.now
        if job.rule != rule or job.described > began:
            return
        if rule.timeout is not None and now > max(began + rule.timeout, self._rules.life.began) + 1e-6:
            raise Broken("schedule", f"{key} runs for {now - began} s, and may for {rule.timeout}")
        if rule.overlap == REPLACE and rule.every is not None and now > since + rule.every + 1e-6:
            raise Broken("schedule", f"{key} runs for {now - since} s, and is to be replaced every {rule.every}")

    def _check_wait(self, key, rule, since: float) -> None:
        now, machine = self._machine.now, self._machine
        period = rule.every if rule.every is not None else CRON[rule.cron.text]
        if rule.every is None:
            # Up to where the clock has been before nothing comes again: its moments count from there on.
            since = max(since, now - machine.wall() + machine.shown())
            # Where the system does not tell of it, it is found out when the next moment would have been.
            since = max(since, machine.set_at + (0.0 if machine.knows_of_sets else period))
        if now > since + period + 1e-3:
            raise Broken("schedule", f"{key} has waited for {now - since} s, and is to run every {period}")
