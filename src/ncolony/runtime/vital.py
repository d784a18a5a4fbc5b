"""One run that is looked at: whether it is ready, and whether it is well."""

from __future__ import annotations

from ncolony.core import notices
from ncolony.core.probespec import FD, NOTIFY, Beat, Signs
from ncolony.core.states import Extend, Ready, Unhealthy
from ncolony.runtime.checks import Check, Pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ncolony.core.probespec import HealthRule, Probe
    from ncolony.core.program import Program
    from ncolony.core.states import Input
    from ncolony.ports import Loop, Prober, Timer

TRY = 5.0  # seconds that one try to find a program ready may take
SPAWNING, STARTING, RUNNING, LEAVING = "spawning", "starting", "running", "leaving"
WAITS_FOR = {
    NOTIFY: "READY=1 on its notify socket",
    FD: "a newline on descriptor {0.fd}",
    "log": "{0.pattern!r} in its output",
}


class Vital:
    """What is known of one run, and the checks that find it out."""

    def __init__(
        self, loop: Loop, prober: Prober, learn: Callable[[Input], None], program: Program, slot: tuple[int, int]
    ) -> None:
        """Begin before it lives; ``learn`` takes the facts. ``slot``: the number of the instance, and of the run."""
        self._loop, self._prober, self._learn = loop, prober, learn
        self.program = program
        self._number, self.run = slot
        self._phase = SPAWNING
        self._since = loop.now()
        self._is_ready = False
        self._check: Check | None = None
        self._alarm: Timer | None = None
        self._called = 0.0
        self._watchdog = 0.0
        self._failures = self._successes = 0
        self._checked_at: float | None = None
        self._error = ""
        self._said: dict[str, object] = {}

    # Its life ---------------------------------------------------------------------------------------------------------

    def starting(self, at: float) -> None:
        """It lives, and is to become ready."""
        if self._phase != STARTING:
            self._phase, self._since = STARTING, at
            self._await_readiness()

    def running(self, at: float) -> None:
        """It is ready."""
        if self._phase != RUNNING:
            self._rest()
            self._phase, self._since, self._error = RUNNING, at, ""
            self._watch_health()

    def leaving(self) -> None:
        """It is being stopped: nobody has to know any more how it is."""
        self._rest()
        self._phase = LEAVING

    def describe(self, program: Program) -> None:
        """Look at it as it is described now."""
        before, self.program = self.program, program
        if self._phase == STARTING and before.ready != program.ready:
            self._rest()
            if program.ready is not None:
                self._learn(Extend(self.run, self._since + program.ready.timeout - self._loop.now()))
            self._await_readiness()
        elif self._phase == RUNNING and before.health != program.health:
            self._rest()
            self._failures = self._successes = 0
            self._watch_health()

    def pause(self) -> None:
        """Give up what is under way, until :meth:`go_on`."""
        self._rest()

    def go_on(self) -> None:
        """Go on with it."""
        if self._phase == STARTING:
            self._await_readiness()
        elif self._phase == RUNNING:
            self._watch_health()

    def _rest(self) -> None:
        if self._check is not None:
            self._check.stop()
            self._check = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # Readiness --------------------------------------------------------------------------------------------------------

    def is_ready(self) -> None:
        """Take note that it says so, or was found so."""
        self._is_ready = True
        if self._phase == STARTING:
            self._learn(Ready(self.run))

    def _await_readiness(self) -> None:
        rule = self.program.ready
        if rule is None or self._is_ready:
            self.is_ready()
        elif rule.after is not None:
            self._alarm = self._loop.call_at(self._since + rule.after, self.is_ready)
        elif rule.by is not None and not isinstance(rule.by, Signs):
            self._check = self._checks(rule.by, self._tried, Pace(str(rule.by), rule.period, TRY))
            self._check.start(0.0)

    def _tried(self, why: str) -> None:
        self._error, self._checked_at = notices.in_line(why), self._loop.now()
        if not why:
            self.is_ready()

    def _checks(self, probe: Probe, heard: Callable[[str], None], pace: Pace) -> Check:
        trial = self._prober.prepare(probe, self.program, self._number, self.run)
        return Check(self._loop, trial, heard, pace, self._prober.chance)

    # Health -----------------------------------------------------------------------------------------------------------

    def _watch_health(self) -> None:
        rule = self.program.health
        if rule is None or "stopping" in self._said:
            return
        if rule.probe is None:
            self._watchdog = rule.watchdog
            self._called = self._loop.now() + rule.grace
            self._alarm = self._loop.call_at(self._called + self._watchdog, self._listen)
            return
        # The grace of a beat is how late it may be; nothing is ever late before its first period is over.
        delay = rule.period if isinstance(rule.probe, Beat) else rule.grace
        pace = Pace(str(rule.probe), rule.period, rule.timeout, rule.jitter)
        self._check = self._checks(rule.probe, self._judge, pace)
        self._check.start(delay + self._prober.chance() * rule.period)

    def _judge(self, why: str) -> None:
        why = notices.in_line(why)
        rule = self.program.health
        self._checked_at = self._loop.now()
        if rule is None:
            return
        if not why:
            self._successes += 1
            if self._successes >= rule.successes:
                self._failures = 0
            return
        self._error, self._successes = why, 0
        self._failures += 1
        if self._failures >= rule.failures:
            self._give_up(why if rule.failures == 1 else f"{why}; {self._failures} failures in a row")

    def _give_up(self, why: str) -> None:
        self._rest()
        self._learn(Unhealthy(self.run, why))

    def _listen(self) -> None:
        """See whether it has called in time."""
        self._alarm = None
        due = self._called + self._watchdog
        if due > self._loop.now():
            self._alarm = self._loop.call_at(due, self._listen)
            return
        self._failures, self._error = 1, f"no WATCHDOG=1 within {self._watchdog:g} s"
        self._give_up(self._error)

    # What it says itself ----------------------------------------------------------------------------------------------

    def told(self, said: Mapping[str, str], main_pid: int | None) -> None:
        """Take in a message. ``main_pid``: what it calls its main process, where that is one of its own."""
        if "STATUS" in said:
            self._said["status"] = notices.in_line(said["STATUS"])
        if main_pid is not None:
            self._said["main_pid"] = main_pid
        if (error := notices.number(said.get("ERRNO"))) is not None:
            self._said["errno"] = error
        if said.get("RELOADING") == "1":
            self._said["reloading"] = True
        if (more := notices.seconds(said.get("EXTEND_TIMEOUT_USEC"))) is not None:
            self._learn(Extend(self.run, more))
        self._take_watchdog(said)
        if said.get("READY") == "1":
            self._said.pop("reloading", None)
            if self._waits_for_notify():
                self.is_ready()
        if said.get("STOPPING") == "1":
            self._said["stopping"] = True
            if self._phase == RUNNING:
                self._rest()

    @property
    def is_reloading(self) -> bool:
        """Tell whether it has said that it reads its configuration anew, and not yet that it is ready again."""
        return "reloading" in self._said

    def _waits_for_notify(self) -> bool:
        rule = self.program.ready
        return rule is not None and isinstance(rule.by, Signs) and rule.by.kind == NOTIFY

    def _take_watchdog(self, said: Mapping[str, str]) -> None:
        if not self._watchdog or self._phase != RUNNING:
            return
        word = said.get("WATCHDOG")
        if word == "1":
            self._called, self._checked_at = max(self._called, self._loop.now()), self._loop.now()
        elif word == "trigger":
            self._failures, self._error = 1, "it says so itself (WATCHDOG=trigger)"
            self._give_up(self._error)
            return
        period = notices.seconds(said.get("WATCHDOG_USEC"))
        if period and self._alarm is not None:
            self._watchdog = period
            self._alarm.cancel()
            self._alarm = self._loop.call_at(self._called + period, self._listen)

    # For people -------------------------------------------------------------------------------------------------------

    def about(self) -> Mapping[str, object]:
        """Return what a status should say; docs/health.md has the words. Times are seconds until now."""
        found: dict[str, object] = {}
        if self.program.ready is not None:
            found["ready"] = self._about_readiness()
        if self.program.health is not None and self._phase in (RUNNING, LEAVING):
            found["health"] = self._about_health(self.program.health)
        if self._said:
            found["says"] = dict(self._said)
        return found

    def _about_readiness(self) -> Mapping[str, object]:
        if self._phase == RUNNING:
            return {"for": self._ago(self._since)}
        rule = self.program.ready
        assert rule is not None  # noqa: S101 - for the type checker
        found: dict[str, object] = {
            "waiting_for": _waits_for(rule.by) if rule.after is None else f"{rule.after:g} s alive"
        }
        if self._error:
            found["last_error"] = self._error
        return found

    def _about_health(self, rule: HealthRule) -> Mapping[str, object]:
        found: dict[str, object] = {
            "ok": None if self._checked_at is None and not self._failures else not self._failures,
            "by": "watchdog" if rule.probe is None else f"{type(rule.probe).__name__.lower()} {rule.probe}",
            "failures": self._failures,
            "last_error": self._error or None,
            "last_ago": None if self._checked_at is None else self._ago(self._checked_at),
        }
        if self._check is not None and (output := self._check.output()):
            found["output"] = output
        return found

    def _ago(self, at: float) -> float:
        return round(self._loop.now() - at, 3)


def _waits_for(by: Probe | Signs | None) -> str:
    if isinstance(by, Signs):
        return WAITS_FOR[by.kind].format(by)
    return f"{type(by).__name__.lower()} {by}"
