"""Waits until what was applied is so: each description taken in, each process replaced, ready or gone."""

from __future__ import annotations

from time import monotonic

from ncolony.cli.status import remark
from ncolony.control.client import Denied, Unanswered
from ncolony.core.colonyspec import ColonySpec
from ncolony.core.reloadkeys import own_time
from ncolony.core.steps import CHANGE, RELOAD, RESTART, SAME, STOP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ncolony.cli.plan import Plan
    from ncolony.control.client import Client
    from ncolony.core.program import Program

    Instance = dict[str, Any]

UP = {"running", "exited"}
FALLEN = {"backoff", "fatal"}
WITHOUT_PROCESS = {"stopped", "exited", "fatal", "backoff", "waiting"}
DESCRIBED = {"added", "changed", "removed"}
COLONY = ""  # stands among names of programs for the colony's own file


class Effect:
    """What has to become so after one plan, and what has come of it."""

    def __init__(self, plan: Plan, before: list[Instance]) -> None:
        """Know how instances stood before."""
        self._programs = plan.candidate.programs
        self._runs = {(one["name"], one["number"]): int(one["run"]) for one in before}
        self._described = set(plan.described) | ({COLONY} if plan.colony != "same" else set())
        moved = {step.name: step for step in plan.steps if step.act not in {SAME, STOP}
                 and self._programs[step.name].schedule is None
                 and (step.act != CHANGE or "instances" in step.keys)}  # fmt: skip
        self._pending = [name for name, step in moved.items() if not step.because]
        self._along = [name for name, step in moved.items() if step.because]
        self._anew = {name for name, step in moved.items() if step.act in {RESTART, RELOAD} and not step.because}
        stopped = {step.name for step in plan.steps if step.act == STOP}
        self._leaving = {(one["name"], one["number"]) for one in before if one["pid"] and (
            one["name"] in stopped or (one["name"] in moved and one["number"] > self._programs[one["name"]].instances)
        )}  # fmt: skip
        self._order = [step.name for step in plan.steps]
        self._came: dict[str, str] = dict.fromkeys(stopped, "stopped")
        self.failed: set[str] = set()

    @property
    def is_there(self) -> bool:
        """Tell whether nothing is left to wait for."""
        return not (self._described or self._pending or self._along or self._leaving)

    def left(self) -> list[str]:
        """Return the names of what is not there yet."""
        return sorted({*self._described, *self._pending, *self._along, *(name for name, _ in self._leaving)} - {COLONY})

    def came(self) -> dict[str, str]:
        """Return how programs stand of which nothing more is to be expected, in words, in the order of the plan."""
        late = self.left()
        return {name: self._came[name] for name in self._order if name in self._came and name not in late}

    def wait(self, watcher: Client, asked: Client, since: int, end: float) -> None:
        """Wait until it is there, or until then."""
        events = watcher.parts("events", since=since)
        while not self.is_there and (left := end - monotonic()) > 0:
            watcher.limit(left)
            try:
                event = next(events)
            except Unanswered:
                if monotonic() < end:
                    raise
                return
            self._take(event, asked)

    def _take(self, event: dict[str, Any], asked: Client) -> None:
        name, kind = event.get("program", COLONY), event.get("kind")
        if "gap" in event:  # what was missed cannot be known; how things stand can
            self._described.clear()
            self._leaving.clear()
        elif kind in DESCRIBED or kind == "colony":
            self._described.discard(name)
        elif event.get("state") in WITHOUT_PROCESS:
            self._leaving.discard((name, event["instance"]))
        if self._described:
            return
        if "gap" in event or kind in DESCRIBED or kind == "colony":
            self._settle(self._pending, asked)  # the last description was taken in: some may have been there before
        elif kind != "reloaded" and event.get("state") not in UP | FALLEN:
            return
        elif name in self._pending:
            self._settle(self._pending, asked, name)
        if not self._pending:  # those that go along with others do so before the others are there
            self._settle(self._along, asked)

    def _settle(self, names: list[str], asked: Client, only: str | None = None) -> None:
        """Drop from ``names`` those of which nothing more is to be expected."""
        for name in [*names] if only is None else [only]:
            if self._judge(name, asked):
                names.remove(name)

    def _judge(self, name: str, asked: Client) -> bool:
        """Tell whether nothing more is to be expected of a program, and take note of how it stands."""
        count = self._programs[name].instances
        found = [one for one in _instances(asked, name) if one["number"] <= count]
        reload: dict[str, Any] = next((one["reload"] for one in found if "reload" in one), {})
        if len(found) != count or reload.get("under_way"):
            return False
        if reload:
            self._came[name] = str(reload["failed"])
            self.failed.add(name)
            return True
        said, failed = [], False
        for one in found:
            before = self._runs.get((name, one["number"]), 0) if name in self._anew else -1
            if one["state"] in FALLEN and one["run"] > before:
                failed = True
                said.append(f"{_label(one)}{one['state']}: {remark(one)}")
            elif one["want"] == "down":
                said.append(f"{_label(one)}stopped, as it was")
            elif one["state"] in UP and one["run"] > before:
                said.append(f"{_label(one)}{one['state']}" + (f", pid {one['pid']}" if one["pid"] else ""))
            else:
                return False
        self._came[name] = "; ".join(said)
        if failed:
            self.failed.add(name)
        return True


def patience(plan: Plan) -> float:
    """Return how long the slowest of the programs may take by its own account, to stop and to become ready."""
    programs = [file.made for file in plan.candidate.files if file.made and not isinstance(file.made, ColonySpec)]
    return max((_patience(one) for one in programs), default=0.0)


def _patience(program: Program) -> float:
    if program.reload is not None:
        return own_time(program, program.reload)
    return program.stop.timeout + (program.ready.timeout if program.ready else 0.0)


def _label(one: Instance) -> str:
    return "" if one["of"] == 1 else f"{one['number']} "


def _instances(asked: Client, name: str) -> list[Instance]:
    try:
        return [one for one in asked.ask("status", names=[name])["instances"] if one["name"] == name]
    except Denied as error:
        if error.kind != "no-such":
            raise
        return []
