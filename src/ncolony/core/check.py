"""From a JSON object to a program, or to everything that is wrong with it at once."""

from __future__ import annotations

from ncolony.core.jsontext import writer
from ncolony.core.keys import KEYS
from ncolony.core.keyspec import Key, Mismatch, Mismatches, did_you_mean
from ncolony.core.names import check_name, nearest
from ncolony.core.parse import Problem, shown
from ncolony.core.program import Defaults, Program, RestartPolicy
from ncolony.core.record import record, replace

MAX_COUNTED = 1000  # restarts whose moments are remembered for an instance
MAX_LOOKED_AT = 200  # keys of the author's own that are compared with ours: each takes a quarter of a millisecond

_canonical = writer(sort_keys=True)
_BY_NAME = {key.name: key for key in KEYS}
_INNER = {key.name: {inner.name: inner for inner in key.inner} for key in KEYS if key.inner}


@record
class Checked:
    """What became of a file: a program or problems, and what its author should be warned of."""

    program: Program | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def check(name: str, text: str, value: dict[str, object], defaults: Defaults) -> Checked:
    """Make the program ``name`` of the JSON object ``value``, whose text was ``text``."""
    problems = [problem] if (problem := check_name(name)) else []
    extras = {key: item for key, item in value.items() if key not in _BY_NAME}
    fields = _fields(value, problems, defaults)
    if "args" not in value:
        problems.append(Problem("args", "no such key", _BY_NAME["args"].wanted))
    warnings = tuple(_near_misses(extras))
    if problems:
        return Checked(None, tuple(problems), warnings)
    canonical = _canonical(extras) if extras else "{}"
    program = Program(name=name, extras=canonical, text=text, **fields)  # type: ignore[arg-type]
    return Checked(program, (), warnings)


def _fields(value: dict[str, object], problems: list[Problem], defaults: Defaults) -> dict[str, object]:
    fields: dict[str, object] = {"restart": defaults.restart, "stop": defaults.stop}
    for name, item in value.items():
        key = _BY_NAME.get(name)
        if key is None:
            continue
        if isinstance(item, dict) and key.inner:
            fields[name] = replace(fields[name], **_inner(key, item, problems))
        elif key.short_for:
            fields[name] = replace(fields[name], **_read(key, name, item, problems, field=key.short_for))
        else:
            fields.update(_read(key, name, item, problems))
    _check_restart(fields["restart"], problems)
    if "ready" in fields or "health" in fields:
        _add_reports(fields, problems)
    if "schedule" in value:
        _check_job(value, problems)
    return fields


def _inner(key: Key, value: dict[str, object], problems: list[Problem]) -> dict[str, object]:
    known = _INNER[key.name]
    fields: dict[str, object] = {}
    for name, item in value.items():
        if name in known:
            fields.update(_read(known[name], f"{key.name}.{name}", item, problems))
        else:
            wanted = f"one of {', '.join(known)}{did_you_mean(name, list(known))}"
            problems.append(Problem(key.name, f"the unknown key {shown(name)}", wanted))
    return fields


def _read(key: Key, path: str, value: object, problems: list[Problem], field: str = "") -> dict[str, object]:
    try:
        return {field or key.field or key.name: key.read(value)}
    except Mismatch as mismatch:
        problems += (
            Problem(path + one.at, one.found or shown(value), f"{one.wanted or key.wanted}{one.hint}")
            for one in (mismatch.several if isinstance(mismatch, Mismatches) else [mismatch])
        )
        return {}


def _check_restart(policy: object, problems: list[Problem]) -> None:
    assert isinstance(policy, RestartPolicy)
    if policy.min_delay > policy.max_delay:
        found = f"min_delay {policy.min_delay:g} s above max_delay {policy.max_delay:g} s"
        problems.append(Problem("restart", found, "min_delay not above max_delay"))
    if policy.window is not None and (policy.attempts is None or policy.attempts > MAX_COUNTED):
        found = "no attempts" if policy.attempts is None else f"{policy.attempts} attempts"
        problems.append(Problem("restart.window", found, f"attempts from 1 to {MAX_COUNTED} with it"))


def _check_job(value: dict[str, object], problems: list[Problem]) -> None:
    """Refuse what has no meaning beside a schedule: better an error than an option that does nothing."""
    from ncolony.core.schedulekeys import against_restart

    if "restart" in value:
        at_all = [
            Problem(f"restart.{name}", "a `schedule`", wanted) for name, wanted in against_restart(value["restart"])
        ]
        problems += at_all
    if value.get("reload", False) is not False:
        wanted = "this key to be left out: what has a schedule is new at its next run anyway"
        problems.append(Problem("reload", "it beside a `schedule`", wanted))
    if value.get("critical") is True:
        problems.append(
            Problem("critical", "true with a `schedule`", "false: a program with a schedule never gives up")
        )


def _add_reports(fields: dict[str, object], problems: list[Problem]) -> None:
    from ncolony.core.probekeys import reports

    try:
        fields["reports"] = reports(fields.get("ready"), fields.get("health"), fields.get("sockets", ()))  # type: ignore[arg-type]
    except Mismatch as mismatch:
        problems.append(Problem(f"ready{mismatch.at}", mismatch.found, mismatch.wanted))


def _near_misses(extras: dict[str, object]) -> list[str]:
    known = list(_BY_NAME)
    found = ((name, nearest(name, known)) for name in list(extras)[:MAX_LOOKED_AT])
    return [f"the key {shown(name)} is not one of ours; did you mean {near}?" for name, near in found if near]
