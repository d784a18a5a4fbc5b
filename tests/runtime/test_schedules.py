"""Schedules over pretended processes, and a wall clock that can be set."""

import signal
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ncolony.core.cronline import parse
from ncolony.core.errors import OSFailure
from ncolony.core.kept import Kept
from ncolony.core.program import Need, RestartPolicy
from ncolony.core.reloadkeys import ReloadRule
from ncolony.core.schedule import QUEUE, REPLACE, SKIP, Schedule
from ncolony.core.states import UP, Backoff, Exited, Instance, Running, Waiting
from ncolony.posix.moments import Moments
from ncolony.posix.wallclock import WallClock
from ncolony.runtime.dependencies import STEADY, Dependencies
from ncolony.runtime.schedules import Schedules
from ncolony.testing import Act, VirtualLoop
from tests.runtime.conftest import SLOW_STOP, Stage, program

NOON = datetime(2026, 3, 1, 12, tzinfo=ZoneInfo("UTC")).timestamp()
DAY = 86400.0


class Alarm:
    """A call at a moment of the wall clock (the Timer port)."""

    def __init__(self, when, call):
        self.when, self.call, self._timer = when, call, None

    def arm(self, loop, ahead):
        """Wait for the moment, as the clock goes now."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self.when - ahead, self.make)

    def make(self):
        """Make the call, once."""
        call, self.call = self.call, None
        if call is not None:
            call()

    def cancel(self):
        """Do not make it."""
        self.call = None
        self._timer.cancel()


class Wall:
    """A wall clock over virtual time (the WallClock port)."""

    def __init__(self, loop, now=NOON):
        self._loop = loop
        self._ahead = now - loop.now()
        self._timers = []
        self._on_set = []

    def now(self):
        """Return Unix time."""
        return self._loop.now() + self._ahead

    def call_at(self, when, call):
        """Call when the clock shows it."""
        timer = Alarm(when, call)
        self._timers = [one for one in self._timers if one.call is not None]
        self._timers.append(timer)
        timer.arm(self._loop, self._ahead)
        return timer

    def on_set(self, call):
        """Call when the clock was set."""
        self._on_set.append(call)

    def offset(self, zone):
        """Know every zone that there is."""
        if zone == "Nowhere":
            raise OSFailure("cannot use the time zone 'Nowhere': this system does not know it")
        there = ZoneInfo(zone or "UTC")
        return lambda moment: int(datetime.fromtimestamp(moment, there).utcoffset().total_seconds())

    def jump(self, seconds):
        """Set the clock, or sleep: the wall goes on, and the loop's clock does not."""
        self._ahead += seconds
        for timer in self._timers:
            timer.arm(self._loop, self._ahead)
        for call in self._on_set:
            call()
        self._loop.settle()

    def close(self):
        """There is nothing to give back."""


class Timed(Stage):
    """A supervisor with somebody who looks after schedules."""

    def __init__(self, loop=None, now=NOON, moments=None, wall=None):
        super().__init__(loop)
        self.said = []
        self.wall = wall or Wall(self.loop, now)
        self.moments = moments or Moments(None, self.said.append)
        self.schedules = Schedules(self.loop, self.supervisor, self.said.append, self.wall, self.moments, "c")
        self.supervisor.observe(self.schedules)

    @property
    def births(self):
        """How many processes there have been."""
        return len(self.spawner.processes)

    def takes(self, seconds, status=0, name="web"):
        """Have every run of a program take so long, and end with a status."""
        self.spawner.acts[(name,)] = Act(status=status, after=seconds)

    def about(self, name="web"):
        """What a status says of its schedule."""
        return self.schedules.about(name, 1)["schedule"]

    def sleep_until(self, text, zone="UTC"):
        """Let time pass until a moment."""
        self.loop.advance(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() - self.wall.now())


@pytest.fixture
def stage():
    """A supervisor without programs, at noon of 1 March 2026."""
    return Timed()


def every(seconds=60.0, name="web", **rule):
    """Describe a program that runs every so often."""
    return program(name, schedule=Schedule(every=seconds, **rule))


def nightly(line="30 2 * * *", name="web", **rule):
    """Describe a program that runs at 02:30."""
    return program(name, schedule=Schedule(cron=parse(line), **rule))


# Moments --------------------------------------------------------------------------------------------------------------


def test_every_runs_at_once_and_then_from_start_to_start(stage):
    """The length of a run does not move the next one."""
    stage.takes(20.0)
    stage.apply(every(60.0))
    assert (stage.births, stage.state) == (1, "running")
    stage.loop.advance(59.9)
    assert (stage.births, stage.state) == (1, "waiting")
    stage.loop.advance(600.2)
    assert stage.births == 12


def test_between_runs_a_single_timer_is_all_there_is(stage):
    """No wake-ups between moments: a thousand jobs cost nothing while they wait."""
    for number in range(5):
        stage.takes(1.0, name=f"job{number}")
    stage.apply(*(every(3600.0, f"job{number}") for number in range(5)))
    stage.loop.advance(10.0)
    assert stage.loop.timers == [stage.supervisor.began + 3600.0] * 5


def test_a_cron_line_runs_at_its_moments(stage):
    """And says when the next one is."""
    stage.takes(60.0)
    stage.apply(nightly())
    assert stage.states == {("web", 1): "waiting"}
    assert stage.supervisor.waits_for("web", 1) == "its time, 2026-03-02T02:30:00+00:00"
    assert stage.schedules.about("web", 1) == {
        "schedule": {"next": "2026-03-02T02:30:00+00:00", "in": 52200.0, "last": None, "missed": 0, "skipped": 0,
                     "due": False},
        "next_run": "in 14 h",
    }  # fmt: skip
    stage.sleep_until("2026-03-02T02:29:59")
    assert stage.births == 0
    stage.sleep_until("2026-03-02T02:30:00")
    assert stage.births == 1
    assert stage.about()["last"] == "2026-03-02T02:30:00+00:00"
    stage.sleep_until("2026-03-05T02:30:00")
    assert stage.births == 4


@pytest.mark.parametrize(("month", "day"), [("03", 29), ("10", 25)])
def test_a_job_of_the_night_runs_once_a_day_over_both_changes_of_clocks(month, day):
    """Bug 54: in March at 03:00, in October in the first of both hours, and once on every day around."""
    start = datetime.fromisoformat(f"2026-{month}-{day - 2}T12:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    stage = Timed(now=start.timestamp())
    stage.takes(60.0)
    stage.apply(nightly(zone="Europe/Berlin"))
    lasts = []
    for later in range(-1, 3):
        stage.sleep_until(f"2026-{month}-{day + later}T12:00", "Europe/Berlin")
        lasts.append(stage.about()["last"][8:])
        assert stage.births == len(lasts)
    changed = {"03": "29T03:00:00+02:00", "10": "25T02:30:00+02:00"}[month]
    assert lasts[1] == changed
    assert [last[3:8] for last in lasts] == ["02:30", changed[3:8], "02:30", "02:30"]
    stage.shut_down()


def test_chance_puts_moments_off_by_the_same_every_time(stage):
    """They do not all start together, and a period stays a period."""
    stage.takes(0.5)
    stage.takes(0.5, name="other")
    stage.apply(every(60.0, jitter=60.0), every(60.0, "other", jitter=60.0))
    assert len(set(stage.loop.timers)) == 2
    stage.loop.advance(600.0)
    assert stage.births == 20


def test_instances_run_at_the_same_moments(stage):
    """Each is a slot of its own."""
    stage.takes(1.0)
    stage.apply(program("web", instances=3, schedule=Schedule(every=10.0)))
    stage.loop.advance(10.0)
    assert stage.births == 6


# Overlap --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "births", "told"), [(SKIP, 4, 3), (QUEUE, 4, 4), (REPLACE, 10, 0)])
def test_a_run_that_takes_longer_than_its_period_is_never_joined_by_another(stage, overlap, births, told):
    """Bug 53: skipped, put off or replaced, there is one process at a time."""
    stage.takes(25.0)
    stage.apply(program("web", schedule=Schedule(every=10.0, overlap=overlap), stop=SLOW_STOP))
    for _ in range(95):
        stage.loop.advance(1.0)
        assert len(stage.spawner.living) <= 1
    assert stage.births == births
    assert stage.said.count("web is not started at its time: its last run still goes on") == told


def test_what_is_skipped_is_told_once_a_run_and_counted(stage):
    """A job that hangs for a day must not fill the log."""
    stage.apply(every(10.0))
    stage.loop.advance(1000.0)
    assert len(stage.said) == 1
    assert stage.about()["skipped"] == 100


def test_at_most_one_run_is_put_off(stage):
    """A queue that grows would never be empty again."""
    stage.apply(every(10.0, overlap=QUEUE))
    stage.loop.advance(95.0)
    assert stage.births == 1
    stage.process.end(0)
    stage.loop.settle()
    assert stage.births == 2
    stage.process.end(0)
    stage.loop.settle()
    assert stage.state == "waiting"


def test_a_moment_of_cron_that_finds_it_running_is_over(stage):
    """Also for whoever asks later: it is neither missed nor late."""
    stage.apply(nightly(catch_up=True))
    stage.sleep_until("2026-03-03T02:31")
    assert (stage.births, stage.about()["skipped"], stage.about()["missed"]) == (1, 1, 0)
    stage.process.end(0)
    stage.wall.jump(1.0)
    assert (stage.births, stage.state) == (1, "waiting")


def test_a_moment_replaces_a_retry_that_is_still_to_come(stage):
    """The failures before it are forgotten."""
    stage.takes(1.0, status=1)
    rule = Schedule(every=10.0, overlap=REPLACE, retries=5)
    stage.apply(program("web", schedule=rule, restart=RestartPolicy(min_delay=100.0)))
    stage.loop.advance(9.0)
    assert (stage.births, stage.state) == (1, "backoff")
    stage.loop.advance(1.0)
    assert (stage.births, stage.state) == (2, "running")


def test_a_moment_while_a_run_comes_to_life_replaces_it_at_the_next(stage):
    """There is no process yet that could be stopped; it does not go on for ever."""
    stage.spawner.acts["web",] = Act(told_after=15.0)
    stage.apply(every(10.0, overlap=REPLACE))
    stage.loop.advance(12.0)
    assert stage.state == "spawning"
    stage.spawner.acts["web",] = Act()
    stage.loop.advance(4.0)
    assert (stage.births, stage.state) == (1, "running")
    stage.loop.advance(5.0)
    assert (stage.births, stage.state) == (2, "running")


# Ends -----------------------------------------------------------------------------------------------------------------


def test_a_run_that_fails_is_tried_again_and_then_waits_for_its_time(stage):
    """With the delays of the restart policy; the next moment begins anew."""
    stage.takes(1.0, status=1)
    rule = Schedule(every=60.0, retries=2)
    stage.apply(program("web", schedule=rule, restart=RestartPolicy(min_delay=2.0)))
    stage.loop.advance(1.0)
    assert stage.state == "backoff"
    stage.loop.advance(2.0 + 1.0 + 4.0)
    assert stage.births == 3
    stage.loop.advance(1.0)
    assert stage.state == "waiting"
    stage.loop.advance(50.9)
    assert stage.births == 3
    stage.loop.advance(0.2)
    assert stage.births == 4


def test_a_good_end_is_what_the_restart_policy_calls_so(stage):
    """`ok_exits` counts, the length of the run does not."""
    stage.takes(0.1, status=3)
    stage.apply(program("web", schedule=Schedule(every=60.0, retries=5), restart=RestartPolicy(ok_exits=(3,))))
    stage.loop.advance(30.0)
    assert (stage.births, stage.state) == (1, "waiting")


def test_a_run_that_takes_too_long_is_stopped_and_has_failed(stage):
    """The stop signal, the grace, SIGKILL; then a retry, as after any failure."""
    stage.spawner.acts[("web",)] = Act(ignores=frozenset([signal.SIGTERM]))
    stage.apply(program("web", schedule=Schedule(every=600.0, timeout=30.0, grace=2.0, retries=1), stop=SLOW_STOP))
    stage.loop.advance(29.9)
    assert stage.state == "running"
    stage.loop.advance(0.2)
    assert stage.state == "stopping"
    stage.loop.advance(1.9)
    assert stage.state == "backoff"
    assert [number for number, _ in stage.spawner.processes[0].signals] == [15, 18, 9]
    stage.loop.advance(1.0)
    assert stage.births == 2


def test_a_program_that_cannot_be_started_waits_for_its_next_time(stage):
    """It is tried at every moment, and never given up."""
    stage.spawner.acts[("web",)] = Act(fails="no such file")
    stage.apply(every(10.0))
    stage.loop.advance(100.0)
    assert (stage.births, stage.state) == (11, "waiting")


# By hand --------------------------------------------------------------------------------------------------------------


def test_a_start_puts_it_on_its_schedule_and_another_runs_it_now(stage):
    """Autostart false: nothing is scheduled until somebody starts it."""
    stage.takes(1.0)
    stage.apply(program("web", autostart=False, schedule=Schedule(cron=parse("30 2 * * *"))))
    stage.sleep_until("2026-03-02T12:00")
    assert (stage.births, stage.state) == (0, "stopped")
    stage.supervisor.start("web")
    assert stage.state == "waiting"
    stage.supervisor.start("web")
    stage.loop.advance(2.0)
    assert (stage.births, stage.state) == (1, "waiting")
    stage.sleep_until("2026-03-03T02:30")
    assert stage.births == 2


def test_a_restart_runs_it_now_whether_it_waits_runs_or_is_to_be_tried_again(stage):
    """One that runs is replaced: that is what a restart is."""
    stage.apply(nightly(retries=1))
    stage.supervisor.restart("web")
    stage.loop.settle()
    assert stage.births == 1
    stage.supervisor.restart("web")
    stage.loop.settle()
    assert (stage.births, stage.state) == (2, "running")
    stage.process.end(1)
    assert stage.state == "backoff"
    stage.supervisor.restart("web")
    stage.loop.settle()
    assert (stage.births, stage.state) == (3, "running")


def test_a_hundred_restarts_while_it_waits_are_one_run(stage):
    """Bug 35: nothing is queued behind the first."""
    stage.apply(nightly())
    before = stage.supervisor._slots.hold()
    for _ in range(100):
        stage.supervisor.restart("web")
    stage.supervisor._slots.release(before)
    stage.loop.settle()
    assert len(stage.spawner.living) == 1
    stage.process.end(0)
    stage.loop.settle()
    assert stage.state == "waiting"


def test_a_stop_takes_it_off_its_schedule(stage):
    """Until somebody starts it; then `every` begins anew."""
    stage.takes(1.0)
    stage.apply(every(60.0))
    stage.loop.advance(10.0)
    stage.supervisor.stop("web")
    stage.loop.advance(600.0)
    assert (stage.births, stage.state) == (1, "stopped")
    assert stage.schedules.about("web", 1) == {}
    stage.supervisor.start("web")
    stage.loop.settle()
    assert stage.births == 2


def test_a_restart_of_all_is_none_for_jobs(stage):
    """Nobody means all backups at once by it."""
    stage.apply(nightly(), program("db", labels=("all",)), nightly(name="other"))
    stage.supervisor.restart_all()
    stage.supervisor.restart_group("all")
    stage.loop.settle()
    assert {process.launch.args for process in stage.spawner.processes} == {("db",)}


# Needs ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def needy(stage):
    """The same, with somebody who looks after needs."""
    needs = Dependencies(stage.loop, stage.supervisor, stage.said.append)
    stage.supervisor.observe(needs)
    return stage


def test_when_its_time_has_come_it_waits_for_what_it_needs(needy):
    """Late is better than without a database."""
    needy.takes(1.0)
    needy.apply(nightly(), program("db", autostart=False))
    needy.apply(program("web", schedule=Schedule(cron=parse("30 2 * * *")), needs=(Need("db"),)))
    assert needy.supervisor.waits_for("web", 1) == "its time, 2026-03-02T02:30:00+00:00; db to be ready: db is stopped"
    needy.sleep_until("2026-03-02T05:00")
    assert needy.births == 0
    assert needy.supervisor.waits_for("web", 1) == "db to be ready: db is stopped"
    assert needy.about()["due"] is True
    needy.supervisor.start("db")
    needy.loop.advance(STEADY)
    assert needy.births == 2


def test_a_run_that_loses_what_it_needs_is_repeated_when_that_is_back(needy):
    """It was cut short: its time is not used up."""
    needy.apply(program("db"), program("web", schedule=Schedule(every=600.0), needs=(Need("db"),)))
    needy.loop.advance(STEADY)
    assert needy.states["web", 1] == "running"
    needy.supervisor.restart("db")
    needy.loop.advance(STEADY)
    assert needy.states["web", 1] == "running"
    assert needy.births == 4


# Changes --------------------------------------------------------------------------------------------------------------


def test_a_changed_description_counts_from_the_next_run_on(stage):
    """Neither is a run cut short, nor does an edit run a backup."""
    stage.takes(30.0)
    stage.apply(every(60.0))
    stage.apply(program("web", args=("new",), schedule=Schedule(every=60.0)))
    assert (stage.births, stage.state) == (1, "running")
    stage.loop.advance(40.0)
    stage.apply(program("web", args=("newer",), schedule=Schedule(every=60.0)))
    assert (stage.births, stage.state) == (1, "waiting")
    stage.loop.advance(20.0)
    assert stage.process.launch.args == ("newer",)


def test_a_run_that_another_schedule_begins_at_once_has_its_time(stage):
    """It waited for a night that is far away, and runs as it is described anew; no longer than it may."""
    stage.apply(nightly())
    stage.loop.advance(100.0)
    assert stage.state == "waiting"
    stage.apply(every(100.0, timeout=10.0))
    assert (stage.births, stage.state) == (1, "running")
    stage.loop.advance(11.0)
    assert stage.state == "waiting"


def test_a_run_whose_file_is_gone_for_a_moment_while_it_comes_to_life_has_its_time(stage):
    """It is the run of a job, and ends in time like any."""
    stage.spawner.acts["web",] = Act(told_after=5.0)
    stage.apply(every(100.0, timeout=10.0))
    stage.remove("web")
    stage.apply(every(100.0, timeout=10.0))
    stage.loop.advance(6.0)
    assert stage.state == "running"
    stage.loop.advance(10.0)
    assert stage.state == "waiting"


def test_what_waits_for_its_time_starts_when_a_reload_takes_its_schedule_away(stage):
    """It is described anew when its turn comes, and waits for nothing then."""
    stage.apply(program("web", instances=2, schedule=Schedule(cron=parse("30 2 * * *"))))
    stage.supervisor.start("web", 1)
    stage.loop.advance(5.0)
    assert stage.states == {("web", 1): "running", ("web", 2): "waiting"}
    stage.apply(program("web", args=("new",), instances=2, reload=ReloadRule()))
    stage.loop.advance(60.0)
    assert stage.states == {("web", 1): "running", ("web", 2): "running"}
    assert {one.launch.args for one in stage.spawner.living} == {("new",)}


def test_another_schedule_counts_from_now_on(stage):
    """An `every` goes on from its last moment, a cron line from now."""
    stage.takes(1.0)
    stage.apply(every(600.0))
    stage.loop.advance(60.0)
    stage.apply(every(90.0))
    assert stage.births == 1
    stage.loop.advance(30.0)
    assert stage.births == 2
    stage.apply(nightly())
    stage.loop.advance(600.0)
    assert stage.births == 2
    assert stage.about()["next"] == "2026-03-02T02:30:00+00:00"


def test_a_program_that_gets_a_schedule_stops_running_all_the_time(stage):
    """And one that loses it starts to."""
    stage.apply(program("web"))
    assert stage.state == "running"
    stage.apply(nightly())
    stage.loop.settle()
    assert (stage.births, stage.state) == (1, "waiting")
    stage.apply(program("web"))
    stage.loop.settle()
    assert (stage.births, stage.state) == (2, "running")


def test_a_run_of_a_job_that_is_none_any_more_is_replaced_where_it_is_older(stage):
    """It was described anew twice: as another job, for which no run is cut short, and then as a program that stays."""
    stage.apply(every(60.0))
    (old,) = stage.spawner.living
    stage.apply(program("web", args=("new",), schedule=Schedule(every=60.0)))
    assert stage.process is old
    stage.apply(program("web", args=("new",)))
    assert stage.process.launch.args == ("new",)
    (new,) = stage.spawner.living
    stage.apply(program("web", args=("new",), priority=7))
    assert stage.process is new


def test_one_that_was_left_as_it_ended_is_scheduled_with_its_new_description(stage):
    """A job that ran once, and is to run every night from now on."""
    stage.takes(1.0)
    stage.apply(program("web", restart=RestartPolicy("temporary")))
    stage.loop.advance(2.0)
    assert stage.state == "exited"
    stage.apply(nightly())
    assert stage.state == "waiting"
    stage.sleep_until("2026-03-02T02:30")
    assert stage.births == 2


def test_a_removed_program_is_forgotten(stage):
    """Its moments too: one of the same name begins anew."""
    stage.takes(1.0)
    stage.apply(nightly())
    stage.remove("web")
    assert stage.loop.timers == []
    assert stage.moments.names() == set()


def test_a_zone_that_the_system_does_not_know_is_said_and_stops_nobody_else(stage):
    """A container without tzdata is no reason for anything else to stand still."""
    stage.apply(nightly(zone="Nowhere"), program("db"))
    assert stage.states == {("web", 1): "waiting", ("db", 1): "running"}
    words = "cannot use the time zone 'Nowhere': this system does not know it"
    assert stage.said == [f"web cannot run at its time: {words}; it runs when it is started by hand"]
    assert stage.supervisor.waits_for("web", 1) == f"its time, which nobody can tell: {words}"
    assert stage.about()["next"] is None
    stage.supervisor.start("web")
    stage.loop.settle()
    assert stage.births == 2


def test_what_waited_for_its_needs_alone_waits_for_its_time_from_now_on(needy):
    """And for both, when that has come."""
    needy.apply(program("web", needs=(Need("db"),)))
    needy.apply(program("web", needs=(Need("db"),), schedule=Schedule(cron=parse("30 2 * * *"))))
    needy.apply(program("db"))
    needy.loop.advance(60.0)
    assert needy.states["web", 1] == "waiting"
    needy.sleep_until("2026-03-02T02:30")
    assert needy.states["web", 1] == "running"


def test_closed_it_asks_nothing_of_the_loop_any_more(stage):
    """The programs are left to a successor, and so are the moments."""
    stage.takes(1.0)
    stage.apply(every(60.0, timeout=30.0), nightly(name="other"))
    stage.loop.advance(2.0)
    stage.schedules.close()
    assert stage.loop.timers == []


# Clocks that are set, and sleep ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("catch_up", "births"), [(False, 0), (True, 1)])
def test_what_was_missed_while_the_machine_slept_is_made_up_once_or_not_at_all(stage, catch_up, births):
    """Bug 55: three nights, one run at most."""
    stage.takes(1.0)
    stage.apply(nightly(catch_up=catch_up))
    stage.wall.jump(3 * DAY)
    stage.loop.advance(600.0)
    assert stage.births == births
    assert stage.about()["missed"] == 3 - births
    assert stage.about()["next"] == "2026-03-05T02:30:00+00:00"


def test_every_knows_nothing_of_the_wall_clock(stage):
    """Bug 21: set by a year, ahead or back, its period is the same; and sleep leaves no burst (bug 55)."""
    stage.takes(1.0)
    stage.apply(every(60.0))
    for jump in (365 * DAY, -365 * DAY, 8 * 3600.0):
        births = stage.births
        stage.wall.jump(jump)
        stage.loop.advance(60.0)
        assert stage.births == births + 1


def test_a_clock_that_is_set_back_a_little_runs_nothing_twice(stage):
    """Bug 21: a time server corrects it by an hour, just after the run."""
    stage.takes(1.0)
    stage.apply(nightly())
    stage.sleep_until("2026-03-02T02:31")
    stage.wall.jump(-3600.0)
    stage.sleep_until("2026-03-02T12:00")
    assert stage.births == 1


def test_what_is_not_repeated_is_not_missed(stage):
    """A clock that was set back by an hour has passed over nothing."""
    stage.takes(1.0)
    stage.apply(nightly("* * * * *"))
    stage.loop.advance(60.0)
    stage.wall.jump(-3600.0)
    stage.loop.advance(3600.0)
    assert (stage.births, stage.about()["missed"], stage.about()["in"]) == (1, 0, 60.0)
    stage.loop.advance(60.0)
    assert (stage.births, stage.about()["missed"]) == (2, 0)


def test_a_clock_that_is_put_right_unnoticed_holds_a_job_up_by_a_period():
    """And not for as long as it had been set back: the system has no timerfd, so nobody tells."""
    loop, ahead = VirtualLoop(), NOON
    wall = WallClock(loop, lambda: None)
    wall.now = lambda: loop.now() + ahead
    stage = Timed(loop, wall=wall)
    stage.takes(1.0)
    stage.apply(nightly("* * * * *", zone="UTC"))
    stage.loop.advance(61.0)
    assert stage.births == 1
    ahead -= 3600.0
    stage.loop.advance(120.0)
    assert stage.births == 1
    ahead += 3600.0
    stage.loop.advance(60.0)
    assert stage.births == 2
    stage.loop.advance(60.0)
    assert stage.births == 3


def test_a_clock_that_jumps_a_year_and_back_goes_on_as_before(stage):
    """Bug 21: one run is made up for the year, and the next night is the next night."""
    stage.takes(1.0)
    stage.apply(nightly(catch_up=True))
    stage.wall.jump(365 * DAY)
    stage.loop.advance(60.0)
    assert stage.births == 1
    stage.wall.jump(-365 * DAY)
    stage.loop.advance(60.0)
    assert stage.births == 1
    stage.sleep_until("2026-03-02T02:30")
    assert stage.births == 2


# Over the death of a supervisor ---------------------------------------------------------------------------------------


def successor(stage, state, after, *programs, want=UP, attempt=0):
    """Return another supervisor on what one left behind, so many seconds later."""
    loop = VirtualLoop()
    loop.advance(stage.loop.now() + after - loop.now())
    other = Timed(loop, stage.wall.now() + after, stage.moments)
    other.spawner.survivors = {100}
    other.takes(1.0)
    kept = Kept("web", 1, Instance(state, want, attempt, 1), 0)
    other.supervisor.remember({("web", 1): kept})
    other.apply(*programs)
    other.supervisor.described_all()
    return other


def test_run_by_hand_after_the_clock_was_set_back_it_repeats_nothing(stage):
    """Neither under this supervisor nor under the next."""
    stage.takes(1.0)
    stage.apply(nightly("0 * * * *"))
    stage.loop.advance(3700.0)
    assert stage.births == 1
    stage.wall.jump(-3600.0)
    stage.supervisor.start("web")
    stage.loop.advance(10.0)
    assert stage.births == 2
    other = successor(stage, Waiting(0.0), 10.0, nightly("0 * * * *"))
    other.loop.advance(3600.0)
    assert other.births == 0
    other.loop.advance(3600.0)
    assert other.births == 1


def test_what_an_instance_too_many_was_to_do_again_is_dropped(stage):
    """Its time has come when it is taken over, and it is let go."""
    rule = Schedule(every=10.0, overlap=REPLACE)
    stage.moments.keep("web", 2, stage.wall.now() - 100.0)
    stage.supervisor.remember({("web", 2): Kept("web", 2, Instance(Backoff(1e9), UP, 1, 1), 0)})
    stage.apply(program("web", schedule=rule))
    stage.supervisor.described_all()
    stage.supervisor.let_go_surplus("web")
    stage.loop.settle()
    assert ("web", 2) not in stage.states


def test_a_successor_goes_on_with_the_same_moments(stage):
    """Killed between two runs, it neither runs at once nor a whole period later."""
    stage.takes(1.0)
    stage.apply(every(60.0))
    stage.loop.advance(20.0)
    other = successor(stage, Waiting(1.0), 15.0, every(60.0))
    other.loop.advance(24.9)
    assert other.births == 0
    other.loop.advance(0.2)
    assert other.births == 1


def test_an_overdue_every_runs_at_once_and_once(stage):
    """However many periods have gone by."""
    stage.takes(1.0)
    stage.apply(every(60.0))
    stage.loop.advance(20.0)
    other = successor(stage, Waiting(1.0), 1000.0, every(60.0))
    assert other.births == 1
    other.loop.advance(59.9)
    assert other.births == 1


@pytest.mark.parametrize(("late", "catch_up", "births"), [(5.0, False, 1), (7200.0, False, 0), (7200.0, True, 1)])
def test_a_moment_without_a_supervisor_is_made_up_where_it_is_just_over_or_asked_for(stage, late, catch_up, births):
    """An upgrade at 02:30 costs no run; a night without a supervisor does, unless it is to be made up."""
    stage.takes(1.0)
    stage.apply(nightly(catch_up=catch_up))
    stage.sleep_until("2026-03-02T02:29:59")
    other = successor(stage, Waiting(1.0), 1.0 + late, nightly(catch_up=catch_up))
    assert other.births == births
    assert other.about()["missed"] == 1 - births
    other.loop.advance(600.0)
    assert other.births == births


def test_a_run_that_was_begun_is_not_begun_again(stage):
    """Its process lives on, and is the run of that moment; its time is bounded as before."""
    stage.apply(nightly(timeout=60.0))
    stage.sleep_until("2026-03-02T02:30:01")
    other = successor(stage, Running(100, stage.loop.now() - 1.0), 30.0, nightly(timeout=60.0))
    assert (other.births, other.state) == (1, "running")  # the one that was taken over
    other.loop.advance(28.9)
    assert other.state == "running"
    other.loop.advance(0.2)
    assert other.births == 1
    assert other.state == "waiting"


@pytest.mark.parametrize(("state", "attempt"), [(Backoff(0.0), 0), (Waiting(0.0), 1)])
def test_a_run_that_was_cut_short_at_its_start_is_made_up(stage, state, attempt):
    """Killed after the moment was written down and before the process was there, or before a retry."""
    stage.takes(1.0)
    stage.apply(nightly(retries=1))
    stage.sleep_until("2026-03-02T02:30:00")
    other = successor(stage, state, 5.0, nightly(retries=1), attempt=attempt)
    other.loop.advance(1.0)
    assert other.births == 1


def test_one_that_had_ended_for_good_is_scheduled_by_the_next_supervisor(stage):
    """It was described anew while none ran."""
    stage.apply()
    other = successor(stage, Exited(0), 5.0, nightly())
    assert other.state == "waiting"
    other.sleep_until("2026-03-02T02:30")
    assert other.births == 1


def test_what_is_kept_of_programs_that_are_gone_is_forgotten(stage):
    """The file does not grow with every name that there ever was."""
    stage.moments.keep("gone", 1, 5.0)
    stage.apply(nightly())
    stage.supervisor.described_all()
    assert stage.moments.names() == {"web"}


def test_a_shut_down_keeps_the_moments(stage):
    """The next colony goes on with them, also after the machine was off."""
    stage.takes(1.0)
    stage.apply(every(60.0), nightly(name="other", catch_up=True))
    stage.loop.advance(10.0)
    stage.shut_down()
    stage.loop.settle()
    assert stage.closed
    other = Timed(now=stage.wall.now() + DAY, moments=stage.moments)
    other.apply(every(60.0), nightly(name="other", catch_up=True))
    assert other.births == 2
