"""JSON Schemas of single values: what each reader of a key takes, as far as a schema can say it.

:mod:`ncolony.core.schema` makes those of whole files of them.
"""

from __future__ import annotations

from ncolony.core.hookkeys import MEANINGS
from ncolony.core.limitkeys import MAX_CPU, ALimit, cpus, microseconds, whole_seconds
from ncolony.core.logkeys import FACILITIES, MIN_AGE, MIN_SIZE
from ncolony.core.metrickeys import MIN_EVERY
from ncolony.core.probekeys import MAX_PATTERN
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
    some_time,
)
from ncolony.core.schedulekeys import MAX_ZONE, SHORTEST, ZONE
from ncolony.core.sockets import MAX_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Schema = Mapping[str, object]


# Regular expressions as both ECMA 262 and Python read them: the latter's `$` would also stand before a last line feed.
_END = r"$(?!\n)"
_PORT = "[0-9]{1,5}"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_IPV6 = r"\[[0-9a-fA-F:.]+\]"
_HOST = f"(?:localhost|{_IPV4}|{_IPV6})"
_PATH = r"/[^\u0000]*[^/\u0000]"
_LOG_PATH = rf"^(?![\s\S]*/\.{{0,2}}{_END})(?![\s\S]*\{{(?!(?:name|instance|stream)\}})[^/{{}}]*\}})/[^\u0000]*{_END}"
PROGRAM_NAME = rf"^(?![\s\S]*(?:\.new|~|\.tmp|:[0-9]+){_END})[^./\-][^/]*{_END}"
_OWNER = rf"^(?:[^:\s\u0000]+(?::[^:\s\u0000]+)?|:[^:\s\u0000]+){_END}"
# Of Linux, whichever of them this Python knows.
_SIGNALS = (
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN",
    "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
)  # fmt: skip
MAX_SIGNAL = 64


def matching(pattern: str, **more: object) -> Schema:
    """Return the schema of a string that matches as a whole."""
    return {"type": "string", "pattern": f"^(?:{pattern}){_END}", **more}


def number(least: float, most: float, kind: str = "number") -> Schema:
    """Return the schema of a number within limits."""
    return {"type": kind, "minimum": least, "maximum": most}


def any_of(*of: Schema) -> Schema:
    """Return the schema of what any one of some takes."""
    return {"anyOf": list(of)}


def list_of(items: Schema, **more: object) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, **more}


def defined(name: str) -> Schema:
    """Return a reference to one of :data:`DEFINED`, or of those that a whole file adds."""
    return {"$ref": f"#/$defs/{name}"}


_TIME_TEXT = matching("(?:[0-9]+(?:[.][0-9]+)?(?:ms|s|m|h|d))+", maxLength=MAX_DURATION_LENGTH)
_SIZE_TEXT = matching("[0-9]{1,18}(?:[.][0-9]{1,6})? ?(?:[kKMGT]?B|[KMGT]iB)?")
_TEXT = matching(r"[^\u0000]*")
_FULL_TEXT = matching(r"[^\u0000]+")
_VARIABLE = matching(r"[^=\u0000]+")
_SIGNAL_NAME = any_of(
    {"enum": [f"SIG{name}" for name in _SIGNALS]},
    matching("(?:[sS][iI][gG])?(?:" + "|".join("".join(f"[{x}{x.lower()}]" if x.isalpha() else x for x in name)
                                                for name in _SIGNALS) + ")"),
)  # fmt: skip
DEFINED: Mapping[str, Schema] = {
    "text": _TEXT,
    "fullText": _FULL_TEXT,
    "variable": _VARIABLE,
    "time": any_of(number(0, MAX_SECONDS), _TIME_TEXT),
    "someTime": any_of({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS}, _TIME_TEXT),
    "size": any_of(number(0, MAX_SIZE, "integer"), _SIZE_TEXT),
    "signal": any_of(defined("signalName"), number(1, MAX_SIGNAL, "integer")),
    "signalName": _SIGNAL_NAME,
    "command": list_of(defined("text"), minItems=1, prefixItems=[defined("fullText")]),
}

# Of readers -----------------------------------------------------------------------------------------------------------

_BY_READER: Mapping[Callable[[object], object], Schema] = {
    a_duration: defined("time"),
    a_flag: {"type": "boolean"},
    a_full_text: defined("fullText"),
    a_priority: number(-MOST_PRIORITY, MOST_PRIORITY, "integer"),
    a_share: number(0, 1),
    a_signal: defined("signal"),
    a_size: defined("size"),
    a_umask: matching("(?:0o?)?[0-7]{1,3}"),
    an_id: any_of(number(0, 2**32 - 2, "integer"), defined("fullText")),
    arguments: defined("command"),
    at_least_one: number(1, 100_000, "integer"),
    cpus: list_of(number(0, MAX_CPU, "integer"), minItems=1),
    ends: list_of(any_of(number(0, MAX_EXIT_CODE, "integer"), defined("signalName"))),
    env_files: list_of(matching(r"-?/[^\u0000]*")),
    environment: {"type": "object", "propertyNames": _VARIABLE, "additionalProperties": defined("text")},
    labels: list_of(defined("fullText")),
    microseconds: defined("time"),
    names_of_variables: list_of(defined("variable")),
    some_time: defined("someTime"),
    whole_seconds: any_of(number(1, MAX_SECONDS, "integer"), _TIME_TEXT),
}

# Of keys whose readers serve them alone, by the name of their table and theirs.
_TCP = any_of(number(1, MAX_PORT, "integer"), matching(rf"{_HOST}:{_PORT}|/[^\u0000]*"))
_HTTP = matching(rf'http://{_HOST}(?::{_PORT})?(?:[/?][!-"$-~]*)?')
PERIOD = any_of(number(SHORTEST, MAX_SECONDS), _TIME_TEXT)
ADDRESS = matching(
    rf"(?:tcp|udp)://{_IPV4}:{_PORT}|(?:tcp6|udp6)://{_IPV6}:{_PORT}|unix://{_PATH}",
    examples=["tcp://127.0.0.1:8080", "tcp6://[::]:80", "udp://0.0.0.0:53", "unix:///run/web.sock"],
)
_BY_NAME: Mapping[str, Schema] = {
    "metrics.file": matching(_PATH),
    "metrics.every": any_of(number(MIN_EVERY, MAX_SECONDS), _TIME_TEXT),
    "hook.on": any_of({"enum": list(MEANINGS)}, list_of({"enum": list(MEANINGS)}, minItems=1)),
    "hook.programs": list_of(defined("fullText")),
    "file.file": {"type": "string", "pattern": _LOG_PATH},
    "file.max_bytes": any_of({"const": 0}, number(MIN_SIZE, MAX_SIZE, "integer"), _SIZE_TEXT),
    "file.max_age": any_of(number(MIN_AGE, MAX_SECONDS), _TIME_TEXT),
    "syslog.syslog": matching(rf"/[^\u0000]*|udp:(?:[0-9]{{1,3}}(?:[.][0-9]{{1,3}}){{3}}|{_IPV6}):{_PORT}"),
    "syslog.facility": {"enum": [name for name in FACILITIES if name]},
    "ready.notify": {"const": True},
    "ready.log": {"type": "string", "minLength": 1, "maxLength": MAX_PATTERN},
    "ready.tcp": _TCP,
    "ready.http": _HTTP,
    "ready.exec": defined("command"),
    "ready.timeout": defined("someTime"),
    "ready.period": defined("someTime"),
    "health.http": _HTTP,
    "health.tcp": _TCP,
    "health.exec": defined("command"),
    "health.beat": defined("fullText"),
    "health.watchdog": defined("someTime"),
    "health.period": defined("someTime"),
    "health.timeout": defined("someTime"),
    "schedule.every": PERIOD,
    "schedule.cron": defined("fullText"),
    "schedule.zone": matching(ZONE, maxLength=MAX_ZONE),
    "socket.address": ADDRESS,
    "socket.mode": matching("(?:0o?)?[0-7]{3}"),
    "socket.owner": {"type": "string", "pattern": _OWNER},
}


def of_value(key: str, read: Callable[[object], object]) -> Schema | None:
    """Return the schema of what a reader takes for a key, named ``table.key``; None where none is said."""
    return _BY_NAME.get(key) or _of_reader(read)


def _of_reader(read: Callable[[object], object]) -> Schema | None:
    if isinstance(read, OneOf):
        return {"enum": list(read.words)}
    if isinstance(read, Within):
        return number(read.least, read.most, "integer")
    if isinstance(read, ALimit):
        one = any_of({"const": "unlimited"}, _of_reader(read.unit) or {})
        both = {"type": "object", "properties": {"soft": one, "hard": one}, "additionalProperties": False}
        return any_of(one, both)
    return _BY_READER.get(read)
