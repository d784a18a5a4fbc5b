"""docs/keys.md: what may stand in a program's file and in a message, and what a process finds in its environment."""

import json

from generating.markdown import NOTE, block, code, complete, join, table
from ncolony.core import (
    colonykeys,
    colonyspec,
    hookkeys,
    keys,
    limitkeys,
    logkeys,
    metrickeys,
    names,
    needkeys,
    parse,
    probekeys,
    reloadkeys,
    schedulekeys,
)
from ncolony.core.check import check
from ncolony.core.program import Defaults, Program
from ncolony.directory import messages
from ncolony.runtime.launching import NOT_FOR_CHILDREN, environment, inherited

EXAMPLE = {
    "args": ["python", "-m", "http.server", "8000"],
    "cwd": "/srv/www",
    "env": {"PYTHONUNBUFFERED": "1"},
    "env_inherit": ["PATH", "LANG"],
    "uid": "www-data",
    "umask": "027",
    "group": ["web", "public"],
    "instances": 1,
    "autostart": True,
    "restart": {"policy": "transient", "ok_exits": [0, 3], "min_delay": "500ms", "max_delay": "2m", "attempts": 10},
    "ready": {"tcp": 8000, "timeout": "20s"},
    "health": {"http": "http://127.0.0.1:8000/", "period": "30s"},
    "log": {"file": "/var/log/www.log", "max_bytes": "10MB", "backups": 5},
    "limits": {"nofile": 4096, "core": {"soft": 0}, "nice": 5, "io": "idle"},
    "stop": {"signal": "SIGINT", "timeout": "10s", "scope": "group"},
    "reload": {"min_healthy": "5s"},
    "needs": {"db": "ready", "cache": {"is": "started", "on_loss": "ignore"}},
    "priority": 100,
    "contact": "the web team",
}
MESSAGES = (
    ({"type": "RESTART", "name": "web"}, "Give every instance of a program a new process; start it if it is stopped."),
    ({"type": "RESTART-GROUP", "group": "public"}, "The same for all programs whose `group` has the label."),
    ({"type": "RESTART-ALL"}, "The same for all programs."),
    (
        {"type": "UPGRADE"},
        "Become the version that is installed now; programs go on. Under Twisted: end, and leave them to the next one.",
    ),
)
VARIABLES = {
    "NCOLONY_CONFIG": "the text of the program's file; its own keys are read from here",
    "NCOLONY_NAME": "the program's name",
    "NCOLONY_INSTANCE": "the number of the instance, from 1",
    "NCOLONY_CONF_DIR": "the directory that the file is in; paths of beats are relative to it",
    "NCOLONY_RUN": "a mark that no other run of any program carries, `COLONY/NAME:INSTANCE/RUN`",
}


def page(_root):
    """Return the page."""
    supported = keys.KEYS
    return join(
        "# Files, keys and messages",
        NOTE,
        "## The file of a program",
        f"`conf/NAME` holds one JSON object of at most {parse.MAX_BYTES} bytes in UTF-8. `NAME` is the program's name:"
        f" {names.WANTED}, and no `:` and number at its end: `web:2` is the second instance of `web`"
        " ([why](decisions/0017-names-of-instances.md)). Files whose names begin with `.` or end in"
        f" {', '.join(code(ending) for ending in names.IGNORED_ENDINGS)} are ignored, so a writer makes"
        " `NAME.new` and renames it.",
        block("json", _example()),
        "A file that cannot be used is reported in one line, with every problem in it; the program it names goes on as"
        " it was, and all other files are served. A key twice in one object is an error. So is `NaN`.",
        "## Keys",
        "Only `args` is required. *A change costs*: `restart` replaces the running process, `nothing` leaves it alone."
        " A file whose text changes and whose meaning does not restarts nothing.",
        table(["key", "value", "default", "a change costs", "meaning"], [_row(key) for key in supported]),
        *(part for key in supported if key.inner for part in _inner(key)),
        "### Inside `limits`",
        _inner_table("limits", limitkeys.LIMIT_KEYS),
        *_needs(),
        *_schedule(),
        *_log(),
        *_vitals(),
        "### Times",
        'A time is a number of seconds, or a string of numbers with units, `ms`, `s`, `m`, `h` or `d`: `"1m30s"`.',
        "### Keys of your own",
        "Any other key is the program's own business: the supervisor ignores it, and the program reads it from"
        " `NCOLONY_CONFIG`. One that is within two letters of a key above is warned about. A change of it costs a"
        " `restart`, as the program has read the old text. `ncolony.beatcheck` and `ncolony.httpcheck` are read by"
        " [programs that look after programs](beats.md).",
        *_colony(),
        "## What a process gets",
        "The supervisor's environment, or what `env_inherit` names of it; then `env`; then these:",
        table(["variable", "holds"], [[code(name), VARIABLES[name]] for name in _variables()]),
        "Never passed on, as they are meant for the supervisor alone: "
        + ", ".join(code(name) for name in sorted(NOT_FOR_CHILDREN))
        + ".",
        "Each process is the leader of a session of its own. Its standard input is `/dev/null`, its standard output and"
        " error are pipes to the supervisor, and no other descriptor is open but its [sockets](sockets.md). No"
        " signal is blocked or ignored.",
        "## Messages",
        "`messages/ANY-NAME` holds one JSON object. Messages are taken in the order of their names and deleted when"
        " handled. One that cannot be used is moved to `messages/.rejected/`, with the reason beside it in"
        " `NAME.reason`. The rules for names that are ignored are those of `conf/`.",
        table(["message", "does"], [_message(*row) for row in _messages()]),
    )


def _example():
    """Return the example, after the checker has accepted it."""
    lines = (f'  "{name}": {json.dumps(value)}' for name, value in EXAMPLE.items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    checked = check("web", *parse.parse(text.encode()), Defaults())
    assert checked.program is not None, checked.problems
    assert not checked.warnings, checked.warnings
    return text


def _row(key):
    return [code(key.name), key.wanted, _default(key), key.cost, key.meaning]


def _inner(key):
    yield f"### Inside `{key.name}`"
    if key.short_for:
        yield f"`{key.name}` may also be its `{key.short_for}` alone."
    yield _inner_table(key.name, key.inner)


def _inner_table(name, inner):
    rows = [[code(f"{name}.{key.name}"), key.wanted, _default(key), key.meaning] for key in inner]
    return table(["key", "value", "default", "meaning"], rows)


def _needs():
    yield "### Inside `needs`"
    yield (
        "For each program that is needed, by its name: its `is` alone, or an object. [needs.md](needs.md) tells the"
        " rest."
    )
    rows = [[code(key.name), key.wanted, _default(key), key.meaning] for key in needkeys.NEED_KEYS]
    yield table(["key", "value", "default", "meaning"], rows)


def _schedule():
    yield "### Inside `schedule`"
    yield (
        "One of `every` and `cron`, and what goes with it; a time or a cron line alone is short for the one or the"
        " other. [schedules.md](schedules.md) tells the rest."
    )
    yield _inner_table("schedule", schedulekeys.SCHEDULE_KEYS)


def _log():
    yield "### Inside `log`"
    yield (
        'A target is `"console"`, `"syslog"`, or an object: a file, a console or syslog by the first key below that is'
        ' in it. A list of targets is several; `null` or `"none"` is none. An object with `stdout` and `stderr` has a'
        " value for each; a stream that is left out goes to the console. [logs.md](logs.md) tells the rest."
    )
    for first, inner in (
        ("file", logkeys.FILE_KEYS),
        ("console", logkeys.CONSOLE_KEYS),
        ("syslog", logkeys.SYSLOG_KEYS),
    ):
        yield f"With `{first}`:"
        rows = [[code(key.name), key.wanted, _default(key), key.meaning] for key in inner]
        yield table(["key", "value", "default", "meaning"], rows)
    yield (
        "A size is a number of bytes, or a string with a unit: `kB`, `MB`, `GB`, `TB`, or `KiB`, `MiB`, `GiB`, `TiB`."
    )


def _colony():
    yield "## The file of the colony"
    yield (
        f"`conf/{colonyspec.NAME}`, where there is one, says what holds for the whole colony. It is read anew when it"
        " changes; one that cannot be used is reported, and what it said before goes on to hold. It has no keys of your"
        " own."
    )
    rows = [[code(key.name), key.wanted, _default(key), key.meaning] for key in colonykeys.COLONY_KEYS]
    yield table(["key", "value", "default", "meaning"], rows)
    yield "Inside a group of `groups`:"
    rows = [[code(key.name), key.wanted, _default(key), key.meaning] for key in colonykeys.GROUP_KEYS]
    yield table(["key", "value", "default", "meaning"], rows)
    yield "Inside one of `hooks`:"
    rows = [[code(key.name), key.wanted, _default(key), key.meaning] for key in hookkeys.HOOK_KEYS]
    yield table(["key", "value", "default", "meaning"], rows)
    yield "Inside `metrics`; [metrics.md](metrics.md) tells the rest."
    rows = [[code(key.name), key.wanted, _default(key), key.meaning] for key in metrickeys.METRICS_KEYS]
    yield table(["key", "value", "default", "meaning"], rows)
    yield "A hook runs on these; [hooks.md](hooks.md) tells the rest."
    yield table(["event", "what has happened"], [[code(name), words] for name, words in hookkeys.MEANINGS.items()])


def _vitals():
    for name, inner, words in (
        ("ready", probekeys.READY_KEYS, "One of the keys that say by what, and the times that go with it."),
        ("health", probekeys.HEALTH_KEYS, "The same. A watchdog has no times but `grace`, a beat no `timeout`."),
        ("reload", reloadkeys.RELOAD_KEYS, "`true` is an object with nothing in it, `false` as no key at all."),
    ):
        yield f"### Inside `{name}`"
        page = "reload" if name == "reload" else "health"
        yield f"{words} [{page}.md]({page}.md) tells the rest."
        yield _inner_table(name, inner)


def _default(key):
    """Return the default: as code where it is JSON, else in words."""
    try:
        json.loads(key.default)
    except ValueError:
        return key.default
    return code(key.default)


def _variables():
    found = environment(Program("sample", ("sample",)), 1, "mark", inherited({}, "conf"))
    complete("VARIABLES in docs/generating/keys.py", VARIABLES, found)
    return found


def _messages():
    try:
        messages.request(b"{}")
    except parse.NotAnObject as error:
        known = error.problem.wanted.removeprefix("one of ").split(", ")
        complete("MESSAGES in docs/generating/keys.py", [value["type"] for value, _ in MESSAGES], known)
    return MESSAGES


def _message(value, meaning):
    text = json.dumps(value)
    messages.request(text.encode())
    return [code(text), meaning]
