"""The story of a program, told from its status and its journal: what is so, why, what happened before, what comes next.

Pure, and shared: the command line tells it to people, and a test reads it whole. Times in the journal are seconds on
the wall clock; ``clock`` turns one into what people read.
"""

from __future__ import annotations

from ncolony.core.chronicle import NOT_READY, OUTDATED, OVERDUE, REPLACED, UNHEALTHY
from ncolony.core.outcome import in_words, signal_name
from ncolony.core.spans import ago, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Entry = Mapping[str, object]
    Status = Mapping[str, object]
    Clock = Callable[[float], str]

SIGNAL_REACH = 10.0  # seconds within which an end by a signal is laid to who had it sent
SHOWN = 8
_STATES = {
    "stopped": "is stopped",
    "waiting": "waits",
    "spawning": "is being started",
    "starting": "is not ready yet",
    "running": "runs",
    "stopping": "is being stopped",
    "killing": "did not end in time, and got SIGKILL",
    "sweeping": "has ended; what it left behind is being ended",
    "backoff": "waits for its next start",
    "exited": "has ended, and is left as it is",
    "fatal": "was given up",
}


def tell(status: Status, entries: Sequence[Entry], now: float, clock: Clock, attempts: int | None = None) -> list[str]:
    """Return the story of one instance, line by line. ``entries``: of its program; ``attempts``: its limit."""
    number = status["number"]
    own = [entry for entry in entries if entry.get("n", number) == number]
    name = str(status["name"]) if status["of"] == 1 else f"{status['name']}:{number}"
    lines = [f"{name} {_now(status, own, attempts)}"]
    ends = [place for place, entry in enumerate(own) if entry["k"] in {"end", "fail"}]
    newer = _dated(own, own[ends[-1] + 1 :] if ends else own, clock)
    if ends:
        last = own[ends[-1]]
        lines.append(f"  {end_in_words(last, own)}, {ago(now - _time(last))}{_details(last)}")
        said = last.get("last")
        if isinstance(said, list) and said:
            lines.append("  its last lines:")
            lines += [f"    | {line}" for line in said]
    older = _dated(own, own[: ends[-1]], clock)[: SHOWN - len(newer)] if ends else []
    for words, found in (("since then" if ends else "so far", newer), ("before that", older)):
        if found:
            lines += [f"  {words}:", *(f"    {line}" for line in found)]
    return lines


def _now(status: Status, own: Sequence[Entry], attempts: int | None) -> str:
    state = str(status["state"])
    words = _STATES.get(state, state)
    if state == "stopped" and status.get("held"):
        words += ", by hand: `ncolony start` starts it"
    elif state == "waiting":
        words += f" for {status.get('waits_for') or 'what it needs'}"
    elif state == "fatal" and status.get("why"):
        words += f": {status['why']}; `ncolony start` tries again"
    elif state == "stopping":
        words += next((f" ({_reason(entry)})" for entry in reversed(own) if entry["k"] == "stop"), "")
    elif state == "backoff" and isinstance(status.get("next_start"), int | float):
        tries = f"attempt {int(str(status['attempt'])) + 1}{f' of {attempts}' if attempts else ''}"
        words += f": in {seconds(float(str(status['next_start'])))}, {tries}"
    if isinstance(status.get("uptime"), int | float):
        lived = " for" if state == "running" else "; alive for"
        words += f"{lived} {seconds(float(str(status['uptime'])))}, pid {status['pid']}, run {status['run']}"
    reload = status.get("reload")
    if isinstance(reload, dict):
        words += "; is being reloaded" if reload.get("under_way") else f"; {reload.get('failed')}"
    health = status.get("health")
    if isinstance(health, dict) and health.get("ok") is False:
        words += f"; unhealthy: {health.get('last_error') or 'its checks fail'}"
    return words


def _dated(own: Sequence[Entry], some: Sequence[Entry], clock: Clock) -> list[str]:
    """Return what some of the entries tell, the newest first."""
    told = [f"{clock(_time(entry))}  {line}" for entry in some if (line := _happened(entry, own))]
    return told[-SHOWN:][::-1]


def _happened(entry: Entry, own: Sequence[Entry]) -> str:
    """Say what an entry tells besides the last end; empty for what goes without saying."""
    kind = entry["k"]
    if kind in {"end", "fail"}:
        return f"run {entry.get('r')} {end_in_words(entry, own)}{_details(entry, short=True)}"
    if kind == "changed":
        names = entry.get("fields")
        changed = ", ".join(map(str, names)) if isinstance(names, list) else ""
        return f"described anew: {changed}{'' if entry.get('restart') else ' (it went on running)'}"
    if kind == "taken":
        return f"run {entry.get('r')} was taken over from an earlier supervisor ({entry.get('state')})"
    if kind == "asked":
        return f"{entry.get('what')}: {entry.get('why') or 'asked for'}"
    if kind == "signal":
        return f"got {signal_name(int(str(entry.get('signal'))))}{_by(entry)}"
    reloaded = str(entry.get("why") or "was reloaded")
    others = {"warning": str(entry.get("what", "")), "removed": "was removed", "reloaded": reloaded}
    return others.get(str(kind), "")


def end_in_words(entry: Entry, own: Sequence[Entry]) -> str:
    """Say how a run ended and whose doing it was: by itself, by an operator, by its health checks, by a signal."""
    if entry["k"] == "fail":
        return f"could not be started: {entry.get('why')}"
    status = entry.get("status")
    known = status if isinstance(status, int) else None
    words = in_words(known, core=bool(entry.get("core")), oom=bool(entry.get("oom")))
    ran = entry.get("ran")
    if isinstance(ran, int | float):
        words += f" after {seconds(float(ran))}"
    if entry.get("early"):
        words += ", before it was ready"
    of_run = [one for one in own if one.get("r") == entry.get("r") and _time(one) <= _time(entry)]
    stops = [one for one in of_run if one["k"] == "stop"]
    if stops:
        late = ", and did not end in time" if any(one["k"] == "kill" for one in of_run) else ""
        return f"{words}: {_reason(stops[-1])}{late}"
    for one in of_run:
        soon = _time(entry) - _time(one) <= SIGNAL_REACH
        if soon and one["k"] == "signal" and -int(str(one.get("signal"))) == status:
            return f"{words}: sent{_by(one) or ' by an operator'}"
    return words


def _reason(stop: Entry) -> str:
    cause, why = stop.get("cause"), str(stop.get("why") or "")
    if cause == UNHEALTHY:
        return f"unhealthy: {why}"
    if cause == NOT_READY:
        return "it was not ready in time"
    if cause in (OUTDATED, OVERDUE):
        return why
    if cause == REPLACED:
        return f"restarted{f': {why}' if why else ''}"
    return f"stopped{f': {why}' if why else ''}"


def _by(entry: Entry) -> str:
    return f", {entry['why']}" if entry.get("why") else ""


def _details(entry: Entry, *, short: bool = False) -> str:
    parts = [] if short else [f"run {entry.get('r')}"]
    user, system, peak = entry.get("user"), entry.get("system"), entry.get("peak")
    if isinstance(user, int | float) and isinstance(system, int | float) and not short:
        parts.append(f"CPU {user + system:.2f} s")
    if isinstance(peak, int) and not short:
        parts.append(f"at most {peak / 1e6:.0f} MB")
    if entry.get("left"):
        parts.append("it left processes behind, which were ended")
    return f" ({'; '.join(parts)})" if parts else ""


def _time(entry: Entry) -> float:
    found = entry.get("t")
    return float(found) if isinstance(found, int | float) else 0.0


def _attempts(status: Status) -> int | None:
    found = status.get("attempts")
    return found if isinstance(found, int) else None


def _rests(status: Status) -> bool:
    """Tell whether it waits for nothing but its time."""
    schedule = status.get("schedule")
    return isinstance(schedule, dict) and schedule.get("next") is not None and not schedule.get("due")


def is_wrong(status: Status) -> str:
    """Say what is wrong with an instance, or nothing: what ``why`` without a name lists."""
    state = status["state"]
    waits = state == "waiting" and status.get("waits_for") and not _rests(status)
    last = status.get("last_end")
    if state in {"backoff", "fatal", "killing"} or waits:
        ended = last.get("words") if isinstance(last, dict) else None
        cause = status.get("why") or ended if state == "backoff" else None
        return _now(status, (), _attempts(status)) + (f"; {cause}" if cause else "")
    if state == "exited" and isinstance(last, dict) and last.get("status") != 0:
        return f"{last.get('words')}, and is left as it is"
    if state == "stopped" and status.get("held"):
        return "is stopped by hand"
    health, reload = status.get("health"), status.get("reload")
    unhealthy = isinstance(health, dict) and health.get("ok") is False
    if unhealthy or (isinstance(reload, dict) and not reload.get("under_way")):
        return _now(status, (), None)
    return ""
