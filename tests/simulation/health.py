"""Readiness and health: what processes say and how they answer, and what has to hold of who listens to that."""

from __future__ import annotations

from math import inf

from ncolony.core import events
from ncolony.core.launch import Outfit
from ncolony.core.probespec import NOTIFY, Beat, Signs
from ncolony.core.states import DeadlinePassed, Ready, Running, Starting, Unhealthy
from ncolony.runtime.checks import MOMENTS
from ncolony.runtime.vitals import Vitals
from tests.simulation.machine import Broken

BAD, GOOD = "no answer that is any good", ""


def make_vitals(life, world):
    """Make what looks after readiness and health, as hosts/vitals.py does."""

    def reporting(hearing):
        life.reporting = SimReporting(life, hearing)
        return life.reporting

    vitals = Vitals(world.loop, world.supervisor, SimProber(life), reporting)
    world.supervisor.outfitter = vitals
    return vitals


class SimReporting:
    """The Reporting port: a notify socket. What waits in it outlives an upgrade, and no more."""

    def __init__(self, life, hearing) -> None:
        self._life, self._hearing = life, hearing
        self.senders: dict[tuple[str, int], tuple[int, int]] = {}
        """By slot: pid and run."""
        life.soon(self.read)

    def outfit(self, program, number: int, run: int, reports) -> Outfit:
        self._life.port()
        env = [("NOTIFY_SOCKET", "@simulated")] if reports.notify else []
        if reports.watchdog:
            env.append(("WATCHDOG_USEC", str(round(reports.watchdog * 1e6))))
        return Outfit(tuple(env), watchdog=bool(reports.watchdog))

    def spawned(self, name: str, number: int) -> None:
        pass

    def alive(self, program, number: int, run: int, pid: int, *, taken_over: bool = False) -> None:
        if program.reports is not None:
            self.senders[program.name, number] = (pid, run)

    def ended(self, name: str, number: int) -> None:
        self.senders.pop((name, number), None)

    def forget(self, name: str, number: int) -> None:
        pass

    def close(self) -> None:
        self.senders = {}

    def read(self) -> None:
        """Pass on what processes have said; who is not known is not heard."""
        said, self._life.machine.said[:] = list(self._life.machine.said), []
        for pid, words in said:
            for (name, number), (sender, run) in list(self.senders.items()):
                if sender == pid:
                    self._life.rules.health.said((name, number), run, words)
                    self._hearing.told(name, number, run, words, None)


class SimProber:
    """The Prober port."""

    def __init__(self, life) -> None:
        self._life = life

    def prepare(self, probe, program, number: int, run: int) -> SimTrial:
        self._life.rules.health.prepared((program.name, number), run)
        return SimTrial(self._life, probe, (program.name, number), run)

    def chance(self) -> float:
        return self._life.machine.dice.random()


class SimTrial:
    """The Trial port: asks the process, which answers as its fate has it."""

    def __init__(self, life, probe, key, run: int) -> None:
        self._life, self.probe, self.key, self.run = life, probe, key, run
        self._done = None
        self.begun, self.timeout = 0.0, inf
        """``timeout``: how long an answer may take that tells of health; that of who is not ready yet does not."""

    def begin(self, done) -> None:
        self._life.port()
        if self._done is not None:
            raise Broken("checks", f"{self.key} is checked twice at a time")
        machine = self._life.machine
        self.begun, self._done = machine.now, done
        place = self._life.rules.health.begun(self)
        if isinstance(place.instance.state, Running) and place.program.health is not None:
            self.timeout = place.program.health.timeout
        good, after = True, 0.0
        process = machine.table.get(place.instance.state.pid)
        if process is not None and process.fate is not None and not machine.friendly:
            good, after = process.fate.answer()
        if isinstance(place.instance.state, Starting):
            good = process is not None and process.ready is not None and machine.now >= process.ready
        if after is None:
            return
        why = GOOD if good else BAD
        if after == 0.0 and machine.dice.random() < 0.5:
            self._answer(done, why)
        else:
            machine.later(after, lambda: self._answer(done, why))

    def _answer(self, done, why: str) -> None:
        if self._done is done and self._life.machine.life is self._life:
            self._done = None
            self._life.rules.health.answered(self, why)
            done(why)

    def cancel(self) -> None:
        if self._done is not None:
            self._done = None
            self._life.rules.health.cancelled(self)

    def output(self) -> str:
        return ""


class Watched:
    """What is known of one run."""

    def __init__(self) -> None:
        self.rule = None
        """What it was ready by when it was started."""
        self.since = self.described = -inf
        """When the supervisor that lives began to look at it as running, and when it was last described anew."""
        self.begun = self.heard = -inf
        self.bad = self.surely_bad = self.good = 0
        """Bad answers in a row, at most and at least; good ones."""
        self.ready = self.stopping = self.trigger = False
        self.trial: SimTrial | None = None


class HealthRules:
    """What has to hold."""

    def __init__(self, rules) -> None:
        self._rules, self._machine = rules, rules.machine
        self._runs: dict[tuple, Watched] = {}

    def _of(self, key, run: int) -> Watched:
        return self._runs.setdefault((key, run), Watched())

    def started(self, key, launch, program) -> None:
        """Take note of how a run is going to be ready."""
        one = self._runs[key, launch.run] = Watched()  # a slot that is forgotten and made anew begins with run 1
        one.rule = program.ready

    def recovered(self) -> None:
        """A new supervisor counts anew."""
        for one in self._runs.values():
            one.bad = one.surely_bad = one.good = 0
            one.since = one.begun = one.heard = -inf
            one.trial, one.trigger, one.stopping = None, False, False

    def said(self, key, run: int, words) -> None:
        """Take note of a message that has arrived."""
        one = self._of(key, run)
        one.ready |= words.get("READY") == "1"
        one.stopping |= words.get("STOPPING") == "1"
        place = self._rules.life.supervisor._slots.places[key]
        watched = place.program.health is not None and place.program.health.watchdog
        if watched and isinstance(place.instance.state, Running):
            one.trigger |= words.get("WATCHDOG") == "trigger"
        if words.get("WATCHDOG") == "1":
            one.heard = self._machine.now

    # Checks -----------------------------------------------------------------------------------------------------------

    def prepared(self, key, run: int) -> None:
        """Another check is to be made from now on: failures of the one before may count, and may not."""
        self._of(key, run).surely_bad = 0

    def begun(self, trial):
        """See that a check may be made; return the place it is of."""
        place = self._rules.life.supervisor._slots.places.get(trial.key)
        if place is None or place.instance.run != trial.run or not isinstance(place.instance.state, Starting | Running):
            raise Broken("checks", f"{trial.key} is checked, and its run {trial.run} is over")
        one, rule = self._of(trial.key, trial.run), place.program.health
        if isinstance(place.instance.state, Running) and rule is not None and one.begun == -inf:
            early = rule.period if isinstance(rule.probe, Beat) else rule.grace
            if one.described < one.since and trial.begun < one.since + early - rule.period / MOMENTS:
                raise Broken("checks", f"{trial.key} is checked {trial.begun - one.since} s after it is ready")
        one.begun, one.trial = trial.begun, trial
        return place

    def answered(self, trial, why: str) -> None:
        """Count an answer."""
        one = self._of(trial.key, trial.run)
        place = self._rules.life.supervisor._slots.places[trial.key]
        one.trial = None
        if isinstance(place.instance.state, Starting):
            one.ready |= not why
        elif why:
            one.bad, one.surely_bad, one.good = one.bad + 1, one.surely_bad + 1, 0
        else:
            one.good += 1
            rule = place.program.health
            if rule is None or one.good >= rule.successes:
                one.bad = one.surely_bad = 0

    def cancelled(self, trial) -> None:
        """Count one that is given up because there was no answer in time; others are given up as nobody wants them."""
        one = self._of(trial.key, trial.run)
        one.trial = None
        place = self._rules.life.supervisor._slots.places.get(trial.key)
        late = self._machine.now - trial.begun >= trial.timeout - 1e-9
        if late and place is not None and isinstance(place.instance.state, Running):
            one.bad, one.surely_bad, one.good = one.bad + 1, one.surely_bad + 1, 0

    # Events -----------------------------------------------------------------------------------------------------------

    def saw(self, event, program) -> None:
        """See that facts of a run are true."""
        if isinstance(event, events.InstanceTakenOver):
            self._of((event.slot.program, event.slot.number), event.instance.run).since = self._machine.now
        elif isinstance(event, events.ProgramsChanged | events.ReloadEnded):
            name = event.name if isinstance(event, events.ProgramsChanged) else event.program
            for (key, _), one in self._runs.items():
                if key[0] == name:
                    one.described, one.surely_bad = self._machine.now, 0
        if not isinstance(event, events.InstanceChanged):
            return
        key, given = (event.slot.program, event.slot.number), event.given
        one = self._of(key, event.after.run)
        before, after = event.before.state, event.after.state
        if isinstance(after, Running) and not isinstance(before, Running):
            one.since, one.begun, one.heard = self._machine.now, -inf, -inf
            one.bad = one.surely_bad = one.good = 0
            if isinstance(before, Starting) and not self._rules.injected and program is not None:
                self._check_ready(key, one, program.ready, before, given)
        elif isinstance(given, Unhealthy) and not self._rules.injected and program is not None:
            self._check_unhealthy(key, one, program.health)

    def _check_ready(self, key, one: Watched, rule, before, given) -> None:
        if rule is None or rule != one.rule or one.described > before.since:
            return
        if rule.after is not None:
            if self._machine.now < before.since + rule.after - 1e-9:
                raise Broken("ready", f"{key} counts as ready {before.since + rule.after - self._machine.now} s early")
        elif isinstance(given, Ready) and not one.ready:
            raise Broken("ready", f"{key} counts as ready, and is not")
        elif isinstance(given, DeadlinePassed):
            raise Broken("ready", f"{key} counts as ready as nobody says so")

    def _check_unhealthy(self, key, one: Watched, rule) -> None:
        if rule is None or one.described >= one.since:
            return
        if rule.probe is not None and one.bad < rule.failures:
            raise Broken("health", f"{key} is given up after {one.bad} failures of {rule.failures}")
        silent = self._machine.now - max(one.heard, one.since + rule.grace)
        if rule.probe is None and not one.trigger and silent < rule.watchdog - 1e-9:
            raise Broken("health", f"{key} is given up, and has called {silent} s ago")

    # At rest ----------------------------------------------------------------------------------------------------------

    def check(self, life, places) -> None:
        """See that nobody is forgotten, and nothing goes on for what is over."""
        if life.reporting is not None:
            for key, (_, run) in life.reporting.senders.items():
                if key not in places or places[key].instance.run != run:
                    raise Broken("reports", f"run {run} of {key} is listened to, and is over")
        for key, place in places.items():
            rule = place.program.health
            if rule is None or not isinstance(place.instance.state, Running):
                continue
            one = self._of(key, place.instance.run)
            if one.stopping or one.since == -inf:
                continue
            since, now = max(one.since, one.described, self._machine.busy_until), self._machine.now
            if rule.probe is None:
                if one.trigger or now > max(one.heard, since + rule.grace) + rule.watchdog + 1e-6:
                    raise Broken("health", f"{key} does not call, and runs on")
            elif one.surely_bad >= rule.failures:
                raise Broken("health", f"{key} runs on after {one.surely_bad} failures")
            elif one.trial is None or now > one.trial.begun + rule.timeout + 1e-6:
                first = rule.period if isinstance(rule.probe, Beat) else rule.grace
                due = max(since + first, one.begun) + rule.period + rule.jitter + rule.period / MOMENTS
                if now > due + 1e-6:
                    raise Broken("checks", f"nobody has looked at {key} for {now - max(since, one.begun)} s")


def waits_for_word(program) -> bool:
    """Tell whether a program is ready when it says so."""
    rule = program.ready
    return rule is not None and isinstance(rule.by, Signs) and rule.by.kind == NOTIFY
