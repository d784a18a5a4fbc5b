"""JSON Schemas of the files in conf/, for editors, made from the declarations that check.py reads.

A schema tells less than a check: nothing of two keys together, of what no regular expression can say, of the system. It
never refuses what a check takes. No part of a supervisor: ``ncolony check --schema`` and docs/ import it.
"""

from __future__ import annotations

import json

from ncolony.core.colonykeys import COLONY_KEYS, GROUP_KEYS, a_list_of_hooks, a_metrics_file
from ncolony.core.hookkeys import HOOK_KEYS, MAX_HOOKS
from ncolony.core.keys import (
    KEYS,
    a_health,
    a_list_of_needs,
    a_log,
    a_ready,
    a_reload,
    a_schedule,
    a_set_of_limits,
    a_set_of_sockets,
)
from ncolony.core.keyspec import only_an_object
from ncolony.core.limitkeys import IO_KEYS, LIMIT_KEYS, an_io_priority
from ncolony.core.logkeys import CONSOLE_KEYS, FILE_KEYS, SYSLOG_KEYS
from ncolony.core.metrickeys import METRICS_KEYS
from ncolony.core.needkeys import MAX_NEEDS, NEED_KEYS
from ncolony.core.probekeys import HEALTH_KEYS, HEALTH_WAYS, READY_KEYS, READY_WAYS
from ncolony.core.program import DONE, READY, STARTED
from ncolony.core.reloadkeys import RELOAD_KEYS
from ncolony.core.schedulekeys import SCHEDULE_KEYS
from ncolony.core.sockets import MAX_SOCKETS, SOCKET_KEYS
from ncolony.core.valueschemas import (
    ADDRESS,
    DEFINED,
    PERIOD,
    PROGRAM_NAME,
    any_of,
    defined,
    list_of,
    matching,
    of_value,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ncolony.core.keyspec import Key
    from ncolony.core.valueschemas import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def of(key: Key, table: str) -> Schema:
    """Return the schema of a key's value. Raises LookupError for one that has none: valueschemas.py has to."""
    read = key.read
    if read is only_an_object:
        return _object(key.inner, key.name)
    if read in _WHOLE:
        return _WHOLE[read]()
    found = of_value(f"{table}.{key.name}", read)
    if found is None:
        raise LookupError(f"no schema for the key {table}.{key.name}: core/valueschemas.py has to say one")
    return any_of(found, _object(key.inner, key.name)) if key.inner else found


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
    targets = defined("targets")
    streams = {"stdout": targets, "stderr": targets}
    return any_of(targets, {"type": "object", "properties": streams, "additionalProperties": False, "minProperties": 1})


def _of_targets() -> Mapping[str, Schema]:
    target = any_of(
        {"enum": ["console", "syslog"]},
        _object(FILE_KEYS, "file", required=["file"]),
        _object(CONSOLE_KEYS, "console", required=["console"]),
        _object(SYSLOG_KEYS, "syslog", required=["syslog"]),
    )
    one = defined("target")
    return {"target": target, "targets": any_of({"enum": [None, "none"]}, one, list_of(one, uniqueItems=True))}


def _one_way(keys: Sequence[Key], table: str, ways: Sequence[str]) -> Schema:
    return _object(keys, table, oneOf=[{"required": [way]} for way in ways])


def _by_name(names: Schema, value: Schema, most: int) -> Schema:
    return {"type": "object", "propertyNames": names, "additionalProperties": value, "maxProperties": most}


def _ready() -> Schema:
    return any_of({"const": "notify"}, _one_way(READY_KEYS, "ready", READY_WAYS))


def _health() -> Schema:
    return _one_way(HEALTH_KEYS, "health", HEALTH_WAYS)


def _reload() -> Schema:
    return any_of({"type": "boolean"}, _object(RELOAD_KEYS, "reload"))


def _sockets() -> Schema:
    one = any_of(ADDRESS, _object(SOCKET_KEYS, "socket", required=["address"]))
    return _by_name(matching("[!-9;-~]{1,255}"), one, MAX_SOCKETS)


def _needs() -> Schema:
    one = any_of({"enum": [STARTED, READY, DONE]}, _object(NEED_KEYS, "needs"))
    return _by_name({"type": "string", "pattern": PROGRAM_NAME}, one, MAX_NEEDS)


def _schedule() -> Schema:
    return any_of(PERIOD, defined("fullText"), _one_way(SCHEDULE_KEYS, "schedule", ("every", "cron")))


def _metrics() -> Schema:
    return _object(METRICS_KEYS, "metrics", required=["file"])


def _hooks() -> Schema:
    return list_of(_object(HOOK_KEYS, "hook", required=["on", "exec"]), maxItems=MAX_HOOKS)


def _limits() -> Schema:
    return _object(LIMIT_KEYS, "limits")


def _io() -> Schema:
    return any_of(of(IO_KEYS[0], "io"), _object(IO_KEYS, "io", required=["class"]))


_WHOLE: Mapping[Callable[[object], object], Callable[[], Schema]] = {
    a_log: _logs,
    a_ready: _ready,
    a_health: _health,
    a_reload: _reload,
    a_set_of_sockets: _sockets,
    a_list_of_needs: _needs,
    a_schedule: _schedule,
    a_set_of_limits: _limits,
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
