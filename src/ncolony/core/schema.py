"""JSON Schemas of the files in conf/, for editors, made from the declarations that check.py reads.

A schema tells less than a check: nothing of two keys together, of what no regular expression can say, of the system. It
never refuses what a check takes. No part of a supervisor: ``ncolony check --schema`` and docs/ import it.
"""

from __future__ import annotations

import json

from ncolony.core.colonyspec import COLONY_KEYS, GROUP_KEYS, a_list_of_hooks, a_metrics_file
from ncolony.core.hookkeys import HOOK_KEYS, MAX_HOOKS, MEANINGS
from ncolony.core.keys import KEYS, a_health, a_list_of_needs, a_log, a_ready, a_reload, a_schedule
from ncolony.core.limits import IO_KEYS, MAX_CPU, ALimit, an_io_priority, cpus, microseconds, whole_seconds
from ncolony.core.logkeys import CONSOLE_KEYS, FACILITIES, FILE_KEYS, MIN_AGE, MIN_SIZE, SYSLOG_KEYS
from ncolony.core.metrickeys import METRICS_KEYS, MIN_EVERY
from ncolony.core.needkeys import MAX_NEEDS, NEED_KEYS
from ncolony.core.probekeys import HEALTH_KEYS, HEALTH_WAYS, MAX_PATTERN, READY_KEYS, READY_WAYS
from ncolony.core.program import DONE, READY, STARTED
from ncolony.core.readers import (
    MAX_DURATION_LENGTH,
    MAX_EXIT_CODE,
    MAX_SECONDS,
    MAX_SIZE,
    MOST_PRIORITY,
    OneOf,
    Within,
    a_duration,
    a_flag,
    a_full_text,
    a_priority,
    a_share,
    a_signal,
    a_size,
    a_umask,
    an_id,
    arguments,
    at_least_one,
    ends,
    env_files,
    environment,
    labels,
    names_of_variables,
    only_an_object,
    some_time,
)
from ncolony.core.reloadkeys import RELOAD_KEYS
from ncolony.core.schedulekeys import MAX_ZONE, SCHEDULE_KEYS, SHORTEST, ZONE
from ncolony.core.sockets import MAX_PORT, MAX_SOCKETS, SOCKET_KEYS, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ncolony.core.readers import Key

    Schema = Mapping[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Regular expressions as both ECMA 262 and Python read them: the latter's `$` would also stand before a last line feed.
_END = r"$(?!\n)"
_PORT = "[0-9]{1,5}"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_IPV6 = r"\[[0-9a-fA-F:.]+\]"
_HOST = f"(?:localhost|{_IPV4}|{_IPV6})"
_PATH = r"/[^\u0000]*[^/\u0000]"
_LOG_PATH = rf"^(?![\s\S]*/\.{{0,2}}{_END})(?![\s\S]*\{{(?!(?:name|instance|stream)\}})[^/{{}}]*\}})/[^\u0000]*{_END}"
_NAME = rf"^(?![\s\S]*(?:\.new|~|\.tmp){_END})[^./\-][^/]*{_END}"
_OWNER = rf"^(?:[^:\s\u0000]+(?::[^:\s\u0000]+)?|:[^:\s\u0000]+){_END}"
# Of Linux, whichever of them this Python knows.
_SIGNALS = (
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN",
    "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
)  # fmt: skip
MAX_SIGNAL = 64


def _matching(pattern: str, **more: object) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern}){_END}", **more}


def _number(least: float, most: float, kind: str = "number") -> Schema:
    return {"type": kind, "minimum": least, "maximum": most}


def _any(*of: Schema) -> Schema:
    return {"anyOf": list(of)}


def _list(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def _defined(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_TIME_TEXT = _matching("(?:[0-9]+(?:[.][0-9]+)?(?:ms|s|m|h|d))+", maxLength=MAX_DURATION_LENGTH)
_SIZE_TEXT = _matching("[0-9]{1,18}(?:[.][0-9]{1,6})? ?(?:[kKMGT]?B|[KMGT]iB)?")
_TEXT = _matching(r"[^\u0000]*")
_FULL_TEXT = _matching(r"[^\u0000]+")
_VARIABLE = _matching(r"[^=\u0000]+")
_SIGNAL_NAME = _any(
    {"enum": [f"SIG{name}" for name in _SIGNALS]},
    _matching("(?:[sS][iI][gG])?(?:" + "|".join("".join(f"[{x}{x.lower()}]" if x.isalpha() else x for x in name)
                                                for name in _SIGNALS) + ")"),
)  # fmt: skip
DEFINED: Mapping[str, Schema] = {
    "text": _TEXT,
    "fullText": _FULL_TEXT,
    "variable": _VARIABLE,
    "time": _any(_number(0, MAX_SECONDS), _TIME_TEXT),
    "someTime": _any({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS}, _TIME_TEXT),
    "size": _any(_number(0, MAX_SIZE, "integer"), _SIZE_TEXT),
    "signal": _any(_defined("signalName"), _number(1, MAX_SIGNAL, "integer")),
    "signalName": _SIGNAL_NAME,
    "command": _list(_defined("text"), minItems=1, prefixItems=[_defined("fullText")]),
}

# Of readers -----------------------------------------------------------------------------------------------------------

_BY_READER: Mapping[Callable[[object], object], Schema] = {
    a_duration: _defined("time"),
    a_flag: {"type": "boolean"},
    a_full_text: _defined("fullText"),
    a_priority: _number(-MOST_PRIORITY, MOST_PRIORITY, "integer"),
    a_share: _number(0, 1),
    a_signal: _defined("signal"),
    a_size: _defined("size"),
    a_umask: _matching("(?:0o?)?[0-7]{1,3}"),
    an_id: _any(_number(0, 2**32 - 2, "integer"), _defined("fullText")),
    arguments: _defined("command"),
    at_least_one: _number(1, 100_000, "integer"),
    cpus: _list(_number(0, MAX_CPU, "integer"), minItems=1),
    ends: _list(_any(_number(0, MAX_EXIT_CODE, "integer"), _defined("signalName"))),
    env_files: _list(_matching(r"-?/[^\u0000]*")),
    environment: {"type": "object", "propertyNames": _VARIABLE, "additionalProperties": _defined("text")},
    labels: _list(_defined("fullText")),
    microseconds: _defined("time"),
    names_of_variables: _list(_defined("variable")),
    some_time: _defined("someTime"),
    whole_seconds: _any(_number(1, MAX_SECONDS, "integer"), _TIME_TEXT),
}

# Of keys whose readers serve them alone, by the name of their table and theirs.
_TCP = _any(_number(1, MAX_PORT, "integer"), _matching(rf"{_HOST}:{_PORT}|/[^\u0000]*"))
_HTTP = _matching(rf'http://{_HOST}(?::{_PORT})?(?:[/?][!-"$-~]*)?')
_PERIOD = _any(_number(SHORTEST, MAX_SECONDS), _TIME_TEXT)
_ADDRESS = _matching(
    rf"(?:tcp|udp)://{_IPV4}:{_PORT}|(?:tcp6|udp6)://{_IPV6}:{_PORT}|unix://{_PATH}",
    examples=["tcp://127.0.0.1:8080", "tcp6://[::]:80", "udp://0.0.0.0:53", "unix:///run/web.sock"],
)
_BY_NAME: Mapping[str, Schema] = {
    "metrics.file": _matching(_PATH),
    "metrics.every": _any(_number(MIN_EVERY, MAX_SECONDS), _TIME_TEXT),
    "hook.on": _any({"enum": list(MEANINGS)}, _list({"enum": list(MEANINGS)}, minItems=1)),
    "hook.programs": _list(_defined("fullText")),
    "file.file": {"type": "string", "pattern": _LOG_PATH},
    "file.max_bytes": _any({"const": 0}, _number(MIN_SIZE, MAX_SIZE, "integer"), _SIZE_TEXT),
    "file.max_age": _any(_number(MIN_AGE, MAX_SECONDS), _TIME_TEXT),
    "syslog.syslog": _matching(rf"/[^\u0000]*|udp:(?:[0-9]{{1,3}}(?:[.][0-9]{{1,3}}){{3}}|{_IPV6}):{_PORT}"),
    "syslog.facility": {"enum": [name for name in FACILITIES if name]},
    "ready.notify": {"const": True},
    "ready.log": {"type": "string", "minLength": 1, "maxLength": MAX_PATTERN},
    "ready.tcp": _TCP,
    "ready.http": _HTTP,
    "ready.exec": _defined("command"),
    "ready.timeout": _defined("someTime"),
    "ready.period": _defined("someTime"),
    "health.http": _HTTP,
    "health.tcp": _TCP,
    "health.exec": _defined("command"),
    "health.beat": _defined("fullText"),
    "health.watchdog": _defined("someTime"),
    "health.period": _defined("someTime"),
    "health.timeout": _defined("someTime"),
    "schedule.every": _PERIOD,
    "schedule.cron": _defined("fullText"),
    "schedule.zone": _matching(ZONE, maxLength=MAX_ZONE),
    "socket.address": _ADDRESS,
    "socket.mode": _matching("(?:0o?)?[0-7]{3}"),
    "socket.owner": {"type": "string", "pattern": _OWNER},
}


def of(key: Key, table: str) -> Schema:
    """Return the schema of a key's value. Raises LookupError for one that has none: add it above."""
    read = key.read
    if read is only_an_object:
        return _object(key.inner, key.name)
    if read in _WHOLE:
        return _WHOLE[read]()
    found = _BY_NAME.get(f"{table}.{key.name}") or _of_reader(read)
    if found is None:
        raise LookupError(f"no schema for the key {table}.{key.name}: core/schema.py has to say one")
    return _any(found, _object(key.inner, key.name)) if key.inner else found


def _of_reader(read: Callable[[object], object]) -> Schema | None:
    if isinstance(read, OneOf):
        return {"enum": list(read.words)}
    if isinstance(read, Within):
        return _number(read.least, read.most, "integer")
    if isinstance(read, ALimit):
        one = _any({"const": "unlimited"}, _of_reader(read.unit) or {})
        both = {"type": "object", "properties": {"soft": one, "hard": one}, "additionalProperties": False}
        return _any(one, both)
    return _BY_READER.get(read)


def _described(key: Key, table: str) -> Schema:
    said: dict[str, object] = {"description": key.meaning.replace("`", "")} if key.meaning else {}
    try:
        said["default"] = json.loads(key.default)
    except ValueError:
        pass  # it is said in words
    return {**said, **of(key, table)}


def _object(keys: Sequence[Key], table: str, **more: object) -> Schema:
    properties = {key.name: _described(key, table) for key in keys}
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


# Of whole values ------------------------------------------------------------------------------------------------------


def _logs() -> Schema:
    targets = _defined("targets")
    streams = {"stdout": targets, "stderr": targets}
    return _any(targets, {"type": "object", "properties": streams, "additionalProperties": False, "minProperties": 1})


def _of_targets() -> Mapping[str, Schema]:
    target = _any(
        {"enum": ["console", "syslog"]},
        _object(FILE_KEYS, "file", required=["file"]),
        _object(CONSOLE_KEYS, "console", required=["console"]),
        _object(SYSLOG_KEYS, "syslog", required=["syslog"]),
    )
    one = _defined("target")
    return {"target": target, "targets": _any({"enum": [None, "none"]}, one, _list(one, uniqueItems=True))}


def _one_way(keys: Sequence[Key], table: str, ways: Sequence[str]) -> Schema:
    return _object(keys, table, oneOf=[{"required": [way]} for way in ways])


def _by_name(names: Schema, value: Schema, most: int) -> Schema:
    return {"type": "object", "propertyNames": names, "additionalProperties": value, "maxProperties": most}


def _ready() -> Schema:
    return _any({"const": "notify"}, _one_way(READY_KEYS, "ready", READY_WAYS))


def _health() -> Schema:
    return _one_way(HEALTH_KEYS, "health", HEALTH_WAYS)


def _reload() -> Schema:
    return _any({"type": "boolean"}, _object(RELOAD_KEYS, "reload"))


def _sockets() -> Schema:
    one = _any(_ADDRESS, _object(SOCKET_KEYS, "socket", required=["address"]))
    return _by_name(_matching("[!-9;-~]{1,255}"), one, MAX_SOCKETS)


def _needs() -> Schema:
    one = _any({"enum": [STARTED, READY, DONE]}, _object(NEED_KEYS, "needs"))
    return _by_name({"type": "string", "pattern": _NAME}, one, MAX_NEEDS)


def _schedule() -> Schema:
    return _any(_PERIOD, _defined("fullText"), _one_way(SCHEDULE_KEYS, "schedule", ("every", "cron")))


def _metrics() -> Schema:
    return _object(METRICS_KEYS, "metrics", required=["file"])


def _hooks() -> Schema:
    return _list(_object(HOOK_KEYS, "hook", required=["on", "exec"]), maxItems=MAX_HOOKS)


def _io() -> Schema:
    return _any(of(IO_KEYS[0], "io"), _object(IO_KEYS, "io", required=["class"]))


_WHOLE: Mapping[Callable[[object], object], Callable[[], Schema]] = {
    a_log: _logs,
    a_ready: _ready,
    a_health: _health,
    a_reload: _reload,
    sockets: _sockets,
    a_list_of_needs: _needs,
    a_schedule: _schedule,
    an_io_priority: _io,
    a_list_of_hooks: _hooks,
    a_metrics_file: _metrics,
}


def program() -> dict[str, object]:
    """Return the schema of ``conf/NAME``, where keys of the author's own may stand too."""
    made = _object(KEYS, "", required=["args"])
    return {
        "$schema": DIALECT,
        "title": "A program of an NColony colony: conf/NAME",
        **made,
        "additionalProperties": True,
        "$defs": {**DEFINED, **_of_targets()},
    }


def colony() -> dict[str, object]:
    """Return the schema of ``conf/.colony``."""
    readers, groups, *later = COLONY_KEYS
    properties = {key.name: _described(key, "colony") for key in (readers, *later)}
    properties[groups.name] = {
        "description": groups.meaning,
        "type": "object",
        "additionalProperties": _object(GROUP_KEYS, "group"),
    }
    return {
        "$schema": DIALECT,
        "title": "What holds for a whole NColony colony: conf/.colony",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": DEFINED,
    }


def as_text(schema: Mapping[str, object]) -> str:
    """Return a schema as it stands in a file."""
    return json.dumps(schema, indent=2) + "\n"
