"""Readiness and health over pretended processes, probes and time."""

import pytest

from ncolony.core.events import InstanceChanged
from ncolony.core.launch import Outfit
from ncolony.core.probespec import Exec, HealthRule, Reports, Signs, Tcp
from ncolony.core.program import ReadyRule
from ncolony.core.record import replace
from ncolony.core.reloadkeys import ReloadRule
from ncolony.core.states import Unhealthy
from ncolony.runtime.vitals import Vitals
from ncolony.testing import Act
from tests.runtime.conftest import QUICK, SLOW_STOP, program

PORT = Tcp("127.0.0.1", 80)


class FakeTrial:
    """A trial that a test answers."""

    def __init__(self, prober):
        self.prober = prober
        self.done = None

    def begin(self, done):
        """Answer at once where the prober has an answer, or wait for :meth:`answer`."""
        assert self.done is None, "two at a time"
        self.prober.begun.append(self.prober.loop.now())
        if self.prober.answer is None:
            self.done = done
        else:
            done(self.prober.answer)

    def cancel(self):
        """Be given up."""
        self.prober.cancelled += self.done is not None
        self.done = None

    def output(self):
        """Have something to show."""
        return "shown"

    def say(self, why):
        """Answer."""
        done, self.done = self.done, None
        done(why)


class FakeProber:
    """Makes trials that answer as a test says."""

    def __init__(self, loop):
        self.loop = loop
        self.answer = ""
        self.luck = 0.5
        self.begun = []
        self.cancelled = 0
        self.trials = []

    def prepare(self, probe, program, number, run):
        """Make one."""
        self.trials.append(FakeTrial(self))
        return self.trials[-1]

    def chance(self):
        """Be as lucky as a test says."""
        return self.luck


class FakeReporting:
    """Notes what it is asked for."""

    def __init__(self):
        self.calls = []
        self.given = Outfit()

    def outfit(self, program, number, run, reports):
        """Give what a test says."""
        self.calls.append(("outfit", program.name, number, run))
        return self.given

    def __getattr__(self, name):
        """Note any other call."""
        return lambda *args, **more: self.calls.append((name, *[one for one in args if isinstance(one, str | int)]))


@pytest.fixture
def prober(stage):
    """What its trials find."""
    return FakeProber(stage.loop)


@pytest.fixture
def reporting():
    """What it tells."""
    return FakeReporting()


@pytest.fixture
def vitals(stage, prober, reporting):
    """Who looks after the programs of the stage."""
    made = Vitals(stage.loop, stage.supervisor, prober, lambda _: reporting)
    stage.supervisor.observe(made)
    stage.supervisor.outfitter = made
    return made


def web(**more):
    """Describe a program that stops in its own time and comes back soon."""
    return program(restart=QUICK, stop=SLOW_STOP, **more)


NOTIFY = {"ready": ReadyRule(by=Signs("notify"), timeout=30.0), "reports": Reports(notify=True)}
HEALTH = HealthRule(PORT, period=10.0, timeout=1.0, failures=3)


# Readiness ------------------------------------------------------------------------------------------------------------


def test_a_probe_is_tried_until_it_is_good(stage, vitals, prober):
    """Each period, from the start; then no more."""
    prober.answer = "connection refused"
    stage.apply(web(ready=ReadyRule(by=PORT, period=2.0)))
    stage.loop.advance(5.0)
    assert stage.state == "starting"
    assert [at - 1000.0 for at in prober.begun] == [0.0, 2.0, 4.0]
    about = {"ready": {"waiting_for": "tcp 127.0.0.1:80", "last_error": "connection refused"}}
    assert vitals.about("web", 1) == about
    prober.answer = ""
    stage.loop.advance(1.0)
    assert stage.state == "running"
    assert vitals.about("web", 1) == {"ready": {"for": 0.0}}
    stage.loop.advance(60.0)
    assert len(prober.begun) == 4


def test_a_try_that_hangs_is_given_up_and_tried_again(stage, vitals, prober):
    """A port that swallows everything must not hold up the next look."""
    prober.answer = None
    stage.apply(web(ready=ReadyRule(by=PORT)))
    stage.loop.advance(4.9)
    assert len(prober.begun) == 1
    stage.loop.advance(0.2)
    assert len(prober.begun) == 2
    assert prober.cancelled == 1
    prober.trials[0].say("")
    stage.loop.settle()
    assert stage.state == "running"


def test_what_is_not_ready_in_time_is_replaced_and_its_tries_end(stage, vitals, prober):
    """Bug 74: nothing looks at a process that is on its way out."""
    prober.answer = None
    stage.apply(web(ready=ReadyRule(by=PORT, timeout=3.0)))
    stage.loop.advance(3.0)
    assert prober.cancelled == 1
    assert stage.path[:3] == ["spawning", "starting", "stopping"]


def test_it_is_ready_when_it_says_so(stage, vitals):
    """READY=1 of this run; nothing else."""
    stage.apply(web(**NOTIFY))
    run = stage.supervisor.snapshot("web")[0].run
    vitals.told("web", 1, run, {"STATUS": "warming \x1b up"}, None)
    vitals.told("web", 1, run + 1, {"READY": "1"}, None)
    vitals.told("web", 2, run, {"READY": "1"}, None)
    vitals.told("other", 1, run, {"READY": "1"}, None)
    vitals.told("web", 1, run, {"READY": "0"}, None)
    assert stage.state == "starting"
    assert vitals.about("web", 1)["says"] == {"status": "warming   up"}
    vitals.told("web", 1, run, {"READY": "1", "MAINPID": "7"}, 7)
    assert stage.state == "running"
    assert vitals.about("web", 1)["says"]["main_pid"] == 7


def test_readiness_of_a_process_that_is_dead_does_not_count_for_its_successor(stage, vitals):
    """Bug 49: late, and of another run."""
    stage.apply(web(**NOTIFY))
    stage.process.end(1)
    stage.loop.advance(1.0)
    assert [view.run for view in stage.supervisor.snapshot()] == [2]
    vitals.told("web", 1, 1, {"READY": "1"}, None)
    vitals.ready("web", 1, 1)
    stage.loop.settle()
    assert stage.state == "starting"
    vitals.told("web", 1, 2, {"READY": "1"}, None)
    assert stage.state == "running"


def test_readiness_that_comes_before_the_news_of_its_birth_counts(stage, vitals):
    """The launcher's report and the program's own word are two descriptors; either may be read first."""
    stage.spawner.acts["web",] = Act(told_after=1.0)
    stage.apply(web(**NOTIFY))
    assert stage.state == "spawning"
    vitals.told("web", 1, 1, {"READY": "1"}, None)
    stage.loop.advance(1.0)
    assert stage.state == "running"


def test_a_line_of_output_makes_it_ready(stage, vitals):
    """In either stream, in pieces, and not what the run before it wrote."""
    stage.apply(web(ready=ReadyRule(by=Signs("log", pattern="^now (serving|ready)"))))
    (channel,) = stage.channels.channels
    channel.says(b"not now serving\nno")
    channel.says(b"now serving\n", "stderr")
    assert stage.state == "running"
    stage.process.end(1)
    stage.loop.advance(1.0)
    assert stage.state == "starting"
    channel.says(b"w\nnow re")
    assert stage.state == "starting"
    channel.says(b"ady")
    assert stage.state == "running"


def test_more_time_is_given_to_become_ready(stage, vitals):
    """EXTEND_TIMEOUT_USEC counts from when it is said."""
    stage.apply(web(**NOTIFY))
    stage.loop.advance(29.0)
    vitals.told("web", 1, 1, {"EXTEND_TIMEOUT_USEC": "20000000"}, None)
    vitals.told("web", 1, 1, {"EXTEND_TIMEOUT_USEC": "-5"}, None)
    vitals.told("web", 1, 1, {"EXTEND_TIMEOUT_USEC": "9" * 30}, None)
    stage.loop.advance(19.0)
    assert stage.state == "starting"
    stage.loop.advance(2.0)
    assert "stopping" in stage.path


# A change of what is described ----------------------------------------------------------------------------------------


def test_another_way_to_be_ready_counts_at_once_and_restarts_nothing(stage, vitals, prober):
    """Whoever mends a wrong port while the program starts need not start it again."""
    prober.answer = "connection refused"
    before = web(ready=ReadyRule(by=PORT))
    stage.apply(before)
    stage.loop.advance(3.0)
    prober.answer = ""
    stage.apply(replace(before, ready=ReadyRule(by=Tcp("127.0.0.1", 81))))
    stage.loop.advance(0.0)
    assert stage.state == "running"
    assert len(stage.spawner.processes) == 1


@pytest.mark.parametrize(("rule", "wait"), [(None, 0.0), (ReadyRule(after=5.0), 2.0)])
def test_no_probe_any_more(stage, vitals, prober, rule, wait):
    """Then it is ready, now or as soon as it has been alive long enough."""
    prober.answer = "connection refused"
    before = web(ready=ReadyRule(by=PORT))
    stage.apply(before)
    stage.loop.advance(3.0)
    stage.apply(replace(before, ready=rule))
    assert (stage.state == "running") == (not wait)
    stage.loop.advance(wait)
    assert stage.state == "running"
    assert len(stage.spawner.processes) == 1


def test_health_may_come_later_and_go(stage, vitals, prober):
    """A running process is looked at from then on, until nobody asks for it any more."""
    before = web()
    stage.apply(before)
    stage.loop.advance(100.0)
    assert not prober.begun
    stage.apply(replace(before, health=HEALTH))
    stage.loop.advance(20.0)
    assert len(prober.begun) == 2
    stage.apply(before)
    stage.loop.advance(100.0)
    assert len(prober.begun) == 2
    assert stage.loop.timers == []


def test_health_may_come_while_it_comes_to_life(stage, vitals, prober):
    """There is no process to be looked at yet; there is one later."""
    stage.spawner.acts["web",] = Act(told_after=5.0)
    before = web()
    stage.apply(before)
    stage.apply(replace(before, health=HEALTH))
    stage.loop.advance(30.0)
    assert len(prober.begun) == 3


def test_health_that_comes_while_it_is_reloaded_counts_when_that_is_over(stage, vitals, prober):
    """Its processes are as they are to be, and go on."""
    before = web(reload=ReloadRule(), ready=ReadyRule(after=5.0))
    stage.apply(before)
    stage.loop.advance(10.0)
    stage.supervisor.reload("web")
    stage.loop.advance(8.0)
    stage.apply(replace(before, health=HEALTH))
    stage.loop.advance(100.0)
    assert stage.state == "running"
    assert len(prober.begun) > 5


def test_health_of_a_slot_that_goes_on_counts_while_others_are_reloaded(stage, vitals, prober):
    """Described back in the middle of a reload, its process is as it should be, and another comes to life for long."""
    stage.apply(web(reload=ReloadRule()))
    stage.loop.advance(5)
    hangs = Act(told_after=100.0)
    stage.spawner.acts.update({("web",): hangs, ("new",): hangs})
    stage.apply(web(args=("new",), reload=ReloadRule()))
    stage.apply(web(instances=2, health=HEALTH, reload=ReloadRule()))
    stage.loop.advance(21.0)
    assert stage.supervisor.is_reloading("web")
    assert len(prober.begun) == 2


# Health ---------------------------------------------------------------------------------------------------------------


def test_failures_in_a_row_replace_it(stage, vitals, prober):
    """With the last error in words, and how often."""
    stage.apply(web(health=HEALTH))
    assert vitals.about("web", 1)["health"]["ok"] is None
    stage.loop.advance(15.0)
    prober.answer = "no"
    stage.loop.advance(20.0)
    about = vitals.about("web", 1)["health"]
    assert about == {
        "ok": False,
        "by": "tcp 127.0.0.1:80",
        "failures": 2,
        "last_error": "no",
        "last_ago": 0.0,
        "output": "shown",
    }
    stage.loop.advance(10.0)
    facts = [event.given for event in stage.observer.events if isinstance(event, InstanceChanged)]
    assert Unhealthy(1, "no; 3 failures in a row") in facts


def test_one_success_forgets_failures(stage, vitals, prober):
    """Unless more are asked for."""
    stage.apply(web(health=replace(HEALTH, successes=2)))
    for answer, failures in [("no", 1), ("no", 2), ("", 2), ("", 0), ("no", 1), ("", 1), ("no", 2)]:
        prober.answer = answer
        stage.loop.advance(10.0)
        assert vitals.about("web", 1)["health"]["failures"] == failures
    assert stage.state == "running"


def test_a_check_that_hangs_has_failed_and_none_overlap(stage, vitals, prober):
    """The fake trial asserts that."""
    prober.answer = None
    stage.apply(web(health=replace(HEALTH, failures=1)))
    stage.loop.advance(6.0)
    assert "stopping" in stage.path
    assert prober.cancelled == 1


@pytest.mark.parametrize(("luck", "first", "second"), [(0.0, 0.0, 9.0), (0.5, 5.0, 15.0), (1.0, 10.0, 21.0)])
def test_checks_are_spread_by_chance(stage, vitals, prober, luck, first, second):
    """A thousand programs that start together must not be looked at together."""
    prober.luck = luck
    stage.apply(web(health=replace(HEALTH, jitter=1.0)))
    stage.loop.advance(22.0)
    assert [at - 1000.0 for at in prober.begun][:2] == [first, second]


def test_checks_begin_after_the_grace_and_when_it_is_ready(stage, vitals, prober):
    """What still starts is not judged."""
    stage.apply(web(health=replace(HEALTH, grace=7.0), **NOTIFY))
    stage.loop.advance(20.0)
    assert not prober.begun
    vitals.told("web", 1, 1, {"READY": "1"}, None)
    stage.loop.advance(11.0)
    assert not prober.begun
    stage.loop.advance(1.0)
    assert prober.begun


def test_a_check_ends_with_its_program(stage, vitals, prober):
    """Bug 74: it is given up as soon as the program is being stopped, or has ended."""
    prober.answer = None
    stage.apply(web(health=replace(HEALTH, probe=Exec(("check",)))))
    stage.loop.advance(5.0)
    stage.supervisor.stop("web")
    assert prober.cancelled == 1
    stage.loop.advance(60.0)
    assert len(prober.begun) == 1
    stage.supervisor.start("web")
    stage.loop.advance(5.0)
    stage.process.end(1)
    assert prober.cancelled == 2


def test_while_it_is_handed_over_nothing_is_checked(stage, vitals, prober, reporting):
    """A command that checks would be a stranger to the next version; if nothing comes of it, all goes on."""
    prober.answer = None
    stage.apply(web(health=HEALTH))
    stage.loop.advance(5.0)
    vitals.hand_over()
    assert prober.cancelled == 1
    stage.loop.advance(100.0)
    assert len(prober.begun) == 1
    vitals.take_back()
    stage.loop.advance(5.0)
    assert len(prober.begun) == 2
    assert [call[0] for call in reporting.calls if "_" in call[0]] == ["hand_over", "take_back"]


# The watchdog ---------------------------------------------------------------------------------------------------------

WATCHED = {"health": HealthRule(watchdog=10.0), "reports": Reports(notify=True, watchdog=10.0)}


def test_it_has_to_call_in_time(stage, vitals):
    """And is replaced where it does not."""
    stage.apply(web(**WATCHED))
    for _ in range(5):
        stage.loop.advance(9.0)
        vitals.told("web", 1, 1, {"WATCHDOG": "1"}, None)
    assert stage.state == "running"
    assert vitals.about("web", 1)["health"]["ok"]
    stage.loop.advance(9.9)
    assert stage.state == "running"
    stage.loop.advance(0.2)
    assert "stopping" in stage.path


def test_it_may_say_itself_that_it_is_not_well(stage, vitals):
    """WATCHDOG=trigger."""
    stage.apply(web(**WATCHED))
    vitals.told("web", 1, 1, {"WATCHDOG": "trigger"}, None)
    assert "stopping" in stage.path


def test_it_may_ask_for_another_interval(stage, vitals):
    """WATCHDOG_USEC, as systemd has it."""
    stage.apply(web(**WATCHED))
    vitals.told("web", 1, 1, {"WATCHDOG_USEC": "60000000"}, None)
    stage.loop.advance(59.0)
    assert stage.state == "running"
    stage.loop.advance(2.0)
    assert "stopping" in stage.path


def test_what_stops_by_itself_is_not_looked_at(stage, vitals, prober):
    """STOPPING=1: it would only be found to be what it has said."""
    stage.apply(web(**WATCHED))
    vitals.told("web", 1, 1, {"STOPPING": "1"}, None)
    stage.loop.advance(100.0)
    assert stage.state == "running"


def test_reloading_is_shown_until_it_is_over(stage, vitals):
    """RELOADING=1, and then READY=1."""
    stage.apply(web(**NOTIFY))
    vitals.told("web", 1, 1, {"READY": "1"}, None)
    vitals.told("web", 1, 1, {"RELOADING": "1", "ERRNO": "2"}, None)
    assert vitals.about("web", 1)["says"] == {"reloading": True, "errno": 2}
    vitals.told("web", 1, 1, {"READY": "1"}, None)
    assert "reloading" not in vitals.about("web", 1)["says"]


# What processes get ---------------------------------------------------------------------------------------------------


def test_only_programs_that_ask_are_outfitted(stage, vitals, reporting):
    """No NOTIFY_SOCKET for the others; and what was kept for a slot is closed when it is stopped."""
    reporting.given = Outfit(env=(("NOTIFY_SOCKET", "@x"),), stored=(("a", 99),), report=(98, 5), watchdog=True)
    stage.apply(web(**NOTIFY), program("plain"))
    first, second = (process.launch for process in stage.spawner.processes)
    assert first.env["NOTIFY_SOCKET"] == "@x"
    assert (first.stored, first.report, first.watchdog) == ((("a", 99),), (98, 5), True)
    assert "NOTIFY_SOCKET" not in second.env
    assert ("spawned", "web", 1) in reporting.calls
    stage.supervisor.stop("web")
    stage.loop.advance(10.0)
    assert reporting.calls[-2:] == [("forget", "web", 1), ("ended", "web", 1)]


def test_nothing_is_left_when_all_is_given_back(stage, vitals, prober, reporting):
    """No timer, no check."""
    prober.answer = None
    stage.apply(web(health=HEALTH))
    stage.loop.advance(5.0)
    vitals.close()
    assert prober.cancelled == 1
    assert vitals.about("web", 1) == {}
    assert reporting.calls[-1] == ("close",)
    assert stage.loop.timers == []
