"""Starts programs when their time comes (a Companion, and a Gate).

A program with a schedule is wanted up all the time; between its runs it waits at this gate, which opens when a moment
has come, for a retry, or because somebody asked for a run now, and shuts when the run begins. An ``every`` goes by the
loop's clock, a cron line by the wall clock.

What outlives the supervisor is one moment for each slot, up to which all has been judged. It is written when a run
begins, before its process is started, or when a moment is passed over: so a supervisor that is killed leaves no run
that its successor starts again, nor one that nobody starts.
"""

from __future__ import annotations

from ncolony.core import events, schedule
from ncolony.core.errors import OSFailure
from ncolony.core.schedule import QUEUE, REPLACE
from ncolony.core.snapshot import view
from ncolony.core.states import (
    UP,
    Backoff,
    Exited,
    Fatal,
    Outdated,
    Overdue,
    Restart,
    Running,
    Spawning,
    Start,
    Starting,
    Stopped,
    Waiting,
)
from ncolony.runtime.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.events import Event, InstanceChanged, InstanceTakenOver, ProgramsChanged
    from ncolony.core.program import Program
    from ncolony.core.schedule import Schedule
    from ncolony.core.snapshot import InstanceView
    from ncolony.ports import Loop, Moments, WallClock
    from ncolony.runtime.supervisor import Supervisor

    Slot = tuple[str, int]

NEW = "it has a schedule now"
TOO_LONG = "its run took longer than {:g} s"
AGAIN = "its time has come again"


class Schedules:
    """The slots of all programs with a schedule."""

    def __init__(
        self,
        loop: Loop,
        supervisor: Supervisor,
        say: Callable[[str], None],
        clock: WallClock,
        moments: Moments,
        colony: str = "",
    ) -> None:
        """Look after all programs of ``supervisor`` from now on. ``colony`` makes its chances differ from others'."""
        self._loop, self._supervisor, self._say = loop, supervisor, say
        self._clock, self._moments, self._colony = clock, moments, colony
        self._jobs: dict[Slot, Job] = {}
        clock.on_set(self._look_anew)
        supervisor.guard(self)

    # What it is asked -------------------------------------------------------------------------------------------------

    def waits_for(self, program: Program, number: int) -> str:
        """Say what a start still waits for (the Gate port)."""
        if program.schedule is None:
            return ""
        job = self._jobs.get((program.name, number))
        if job is None:
            return "its time"
        if job.due:
            return ""
        return job.wrong or f"its time, {self._stamp(job, self._next_on_the_wall(job))}"

    def about(self, name: str, number: int) -> Mapping[str, object]:
        """Return when a slot runs next, and ran last (the Companion port)."""
        job = self._jobs.get((name, number))
        if job is None:
            return {}
        coming = self._next_on_the_wall(job)
        left = None if coming is None else round(max(0.0, coming - self._clock.now()), 3)
        said: dict[str, object] = {
            "schedule": {
                "next": self._stamp(job, coming),
                "in": left,
                "last": self._stamp(job, job.last),
                "missed": job.missed,
                "skipped": job.skipped,
                "due": job.due,
            }
        }
        return said if left is None else {**said, "next_run": schedule.in_words(left)}

    def close(self) -> None:
        """Look no more."""
        for job in self._jobs.values():
            job.cancel()
        self._jobs = {}
        self._clock.close()
        self._moments.close()

    def _next_on_the_wall(self, job: Job) -> float | None:
        if job.next is None or job.rule.cron is not None:
            return job.next
        return self._clock.now() + job.next - self._loop.now()

    def _stamp(self, job: Job, moment: float | None) -> str | None:
        return None if moment is None else schedule.stamp(moment, job.offset or self._clock.offset(""))

    # What happens -----------------------------------------------------------------------------------------------------

    def saw(self, event: Event) -> None:
        """Note what has changed."""
        if isinstance(event, events.InstanceChanged):
            self._changed(event)
        elif isinstance(event, events.InstanceTakenOver):
            self._taken_over(event)
        elif isinstance(event, events.ProgramsChanged):
            self._described(event)
        elif isinstance(event, events.AllDescribed):
            programs = self._supervisor.programs
            for name in self._moments.names():
                if name not in programs or programs[name].schedule is None:
                    self._moments.forget(name)

    def _taken_over(self, event: InstanceTakenOver) -> None:
        name, number = event.slot.program, event.slot.number
        program, instance = self._supervisor.programs.get(name), event.instance
        if program is None or program.schedule is None or instance.want != UP or event.slot.is_surplus:
            return
        if isinstance(instance.state, Exited | Fatal):
            self._soon(lambda: self._adopt(name))
            return
        job = self._begin((name, number), program.schedule)
        # The start of a run was cut short, or it was to be tried again.
        cut_short = isinstance(instance.state, Backoff) or (
            isinstance(instance.state, Waiting) and instance.attempt > 0
        )
        if cut_short:
            job.due = True
            self._supervisor.reconsider(name)
        seen = view(name, number, instance)
        if seen.pid is not None and seen.since is not None:
            job.last = self._clock.now() + seen.since - self._loop.now()
        self._limit((name, number), job, seen)

    def _described(self, event: ProgramsChanged) -> None:
        name = event.name
        if event.kind != events.PROGRAM_ADDED and (event.program is None or event.program.schedule is None):
            for slot in [slot for slot in self._jobs if slot[0] == name]:
                self._end(slot, for_good=True)
            self._moments.forget(name)
        if event.kind == events.PROGRAM_CHANGED:
            self._soon(lambda: self._adopt(name))  # when the supervisor has finished to describe it

    def _soon(self, call: Callable[[], None]) -> None:
        self._loop.call_at(self._loop.now(), call)

    def _adopt(self, name: str) -> None:
        """Have the slots of a program that was described anew go by what it says now."""
        program = self._supervisor.programs.get(name)
        rule = program.schedule if program is not None else None
        for seen in self._supervisor.snapshot(name) if rule is not None else ():
            job = self._jobs.get((name, seen.number))
            if seen.want != UP or rule is None or (job is not None and job.rule == rule):
                continue
            if job is not None:
                self._go_by(rule, job, seen)
            elif seen.state in ("starting", "running"):
                self._supervisor.learn(name, seen.number, Outdated(seen.run, NEW))
            elif seen.state in ("exited", "fatal"):
                self._supervisor.start(name, seen.number, NEW)
            elif seen.state == "waiting":
                self._begin((name, seen.number), rule)
        self._supervisor.reconsider(name)

    def _go_by(self, rule: Schedule, before: Job, seen: InstanceView) -> None:
        """Have a slot go by another schedule, whose moments count from now on."""
        slot = (seen.program, seen.number)
        before.cancel()
        if rule.cron is not None:
            self._moments.forget(*slot)
        job = self._begin(slot, rule)
        now = self._seen(*slot) or seen  # its first run may have begun by that
        job.due = job.due or (before.due and now.run == seen.run)
        job.missed += before.missed
        job.last = before.last if job.last is None else job.last
        self._limit(slot, job, now)

    def _seen(self, name: str, number: int) -> InstanceView | None:
        return next((one for one in self._supervisor.snapshot(name) if one.number == number), None)

    def _changed(self, event: InstanceChanged) -> None:
        program = self._supervisor.programs.get(event.slot.program)
        slot = (event.slot.program, event.slot.number)
        if program is None or program.schedule is None:
            return
        if event.after.want != UP:
            self._end(slot, for_good=not self._supervisor.closing)
            return
        before, after = event.before.state, event.after.state
        job = self._jobs.get(slot)
        if job is None:
            # What comes to life had its file taken away for a moment. Others had no schedule when their run began.
            if not isinstance(after, Waiting) and not isinstance(before, Spawning):
                return
            job = self._begin(slot, program.schedule)
        if _asks_for_a_run(event) or (isinstance(after, Waiting) and event.after.attempt > 0):
            job.due = True
        if isinstance(after, Spawning) and not isinstance(before, Spawning):
            job.due, job.skipped = False, 0
            job.last = self._clock.now()
            self._moments.keep(*slot, self._judged(slot, job))
        if isinstance(before, Spawning) or not isinstance(after, Starting | Running):
            self._limit(slot, job, view(*slot, event.after))

    def _judged(self, slot: Slot, job: Job) -> float:
        """Return up to when all moments of a slot have been judged, on the wall clock, nothing put off."""
        if job.rule.cron is not None:
            now, kept = self._clock.now() - job.put_off, self._moments.of(*slot)
            return schedule.judged(now if kept is None else kept, now)  # whatever is run by hand meanwhile
        assert job.next is not None and job.rule.every is not None  # noqa: S101, PT018 - an `every` always has a next
        return self._clock.now() + job.next - self._loop.now() - job.rule.every

    def _limit(self, slot: Slot, job: Job, seen: InstanceView) -> None:
        """Bound the time of a run that lives; forget that of one that does not."""
        if job.limit is not None:
            job.limit.cancel()
            job.limit = None
        longest = job.rule.timeout
        if longest is not None and seen.since is not None and seen.pid is not None:
            late = Overdue(seen.run, TOO_LONG.format(longest))
            job.limit = self._loop.call_at(seen.since + longest, lambda: self._supervisor.learn(*slot, late))

    # Moments ----------------------------------------------------------------------------------------------------------

    def _begin(self, slot: Slot, rule: Schedule) -> Job:
        """Put a slot on its schedule: where an earlier supervisor left it, else from now on."""
        job = self._jobs[slot] = Job(rule, schedule.put_off(rule, f"{self._colony}/{slot[0]}:{slot[1]}"))
        kept = self._moments.of(*slot)
        if rule.cron is not None:
            try:
                job.offset = self._clock.offset(rule.zone)
            except OSFailure as failure:
                job.wrong = f"its time, which nobody can tell: {failure}"
                self._say(f"{slot[0]} cannot run at its time: {failure}; it runs when it is started by hand")
                return job
            if kept is None:  # what comes from now on can be missed
                kept = self._clock.now() - job.put_off
                self._moments.keep(*slot, kept)
            self._look(slot, job, kept)
        else:
            self._begin_every(slot, job, kept)
        return job

    def _begin_every(self, slot: Slot, job: Job, kept: float | None) -> None:
        assert job.rule.every is not None  # noqa: S101 - for the type checker
        wait = job.put_off
        if kept is not None:  # a clock that was set meanwhile makes it neither early nor late by more than one period
            wait = min(max(0.0, kept + job.rule.every - self._clock.now()), job.rule.every)
        job.next = self._loop.now() + wait
        if wait:
            job.timer = self._loop.call_at(job.next, lambda: self._next_of_every(slot, job))
        else:
            self._next_of_every(slot, job)

    def _next_of_every(self, slot: Slot, job: Job) -> None:
        assert job.next is not None and job.rule.every is not None  # noqa: S101, PT018 - as above
        passed = int((self._loop.now() - job.next) // job.rule.every)
        job.missed += passed
        job.next += (passed + 1) * job.rule.every
        job.timer = self._loop.call_at(job.next, lambda: self._next_of_every(slot, job))
        self._come(slot, job)

    def _look(self, slot: Slot, job: Job, seen: float) -> None:
        """Judge the moments of a cron line since ``seen``, and wait for the next."""
        assert job.offset is not None  # noqa: S101 - it has been asked for
        now = self._clock.now() - job.put_off
        outlook = schedule.look(job.rule, seen, now, job.offset)
        job.missed += outlook.missed
        if outlook.missed and not outlook.due:
            self._moments.keep(*slot, now)
        if job.timer is not None:
            job.timer.cancel()
        job.next = outlook.next + job.put_off
        job.timer = self._clock.call_at(outlook.again + job.put_off, lambda: self._look(slot, job, outlook.judged))
        if outlook.due:
            self._come(slot, job)

    def _look_anew(self) -> None:
        """The clock was set, or the machine has slept."""
        for slot, job in list(self._jobs.items()):
            if job.offset is not None and self._jobs.get(slot) is job:
                self._look(slot, job, self._moments.of(*slot) or self._clock.now() - job.put_off)

    def _come(self, slot: Slot, job: Job) -> None:
        """A moment has come."""
        name, number = slot
        seen = self._seen(name, number)
        if seen is None or seen.surplus or self._supervisor.closing:
            return
        if seen.state == "waiting":
            job.due = True
            self._supervisor.reconsider(name)
            return
        if job.due or job.rule.overlap not in (QUEUE, REPLACE):
            self._skip(slot, job)
        else:
            job.due = True
        if job.rule.overlap == REPLACE:  # also where it is due: it may have been on its way to life at the last moment
            self._replace(seen)

    def _replace(self, seen: InstanceView) -> None:
        if seen.state == "backoff":
            self._supervisor.start(seen.program, seen.number, AGAIN)
        else:
            self._supervisor.learn(seen.program, seen.number, Outdated(seen.run, AGAIN))

    def _skip(self, slot: Slot, job: Job) -> None:
        job.skipped += 1
        if job.rule.cron is not None:
            self._moments.keep(*slot, self._judged(slot, job))
        if job.skipped == 1:
            program = self._supervisor.programs[slot[0]]
            where = events.Slot(*slot, program.instances)
            self._say(f"{where} is not started at its time: its last run still goes on")

    def _end(self, slot: Slot, *, for_good: bool) -> None:
        job = self._jobs.pop(slot, None)
        if job is not None:
            job.cancel()
            if for_good:
                self._moments.forget(*slot)


def _asks_for_a_run(event: InstanceChanged) -> bool:
    """Tell whether a run is to follow by itself: somebody asked for it, or one was cut short."""
    if isinstance(event.given, Outdated):
        return event.given.why != NEW
    return isinstance(event.given, Start | Restart) and not isinstance(event.before.state, Stopped | Exited | Fatal)
