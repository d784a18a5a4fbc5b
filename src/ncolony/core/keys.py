"""The keys of a program's file: one declaration each, read by check.py and by the reference in docs/."""

from __future__ import annotations

from ncolony.core.keyspec import NOTHING, Key, only_an_object
from ncolony.core.program import GROUP, NULL, PERMANENT, PIPE, PRIORITY, PROCESS, TEMPORARY, TRANSIENT, TREE
from ncolony.core.readers import (
    a_duration,
    a_flag,
    a_full_text,
    a_priority,
    a_share,
    a_signal,
    a_umask,
    an_id,
    arguments,
    at_least_one,
    ends,
    env_files,
    environment,
    labels,
    names_of_variables,
    one_of,
    some_time,
)

WANTED_LOG = (
    '"console", "syslog", null, an object with `file`, `console` or `syslog`, one with `stdout` and `stderr`, or a list'
)
WANTED_READY = '"notify", or an object with one of `after`, `notify`, `fd`, `log`, `tcp`, `http` and `exec`'
WANTED_SCHEDULE = 'a time, like "10m", a cron line, like "30 2 * * *", or an object with `every` or `cron`'
WANTED_HEALTH = 'an object with one of `http`, `tcp`, `exec`, `beat` and `watchdog`, like {"tcp": 8080, "period": "5s"}'


def a_log(value: object) -> object:
    """Read where output goes. What that takes is imported for the first program that says it."""
    from ncolony.core.logkeys import a_log as read

    return read(value)


def a_set_of_limits(value: object) -> object:
    """Read what it may use; imported late, as above."""
    from ncolony.core.limitkeys import a_set_of_limits as read

    return read(value)


def a_ready(value: object) -> object:
    """Read how it shows that it is ready; imported late, as above."""
    from ncolony.core.probekeys import a_ready as read

    return read(value)


def a_health(value: object) -> object:
    """Read how it shows that it is well; imported late, as above."""
    from ncolony.core.probekeys import a_health as read

    return read(value)


def a_list_of_needs(value: object) -> object:
    """Read what a program needs; imported for the first one that says it."""
    from ncolony.core.needkeys import a_list_of_needs as read

    return read(value)


def a_set_of_sockets(value: object) -> object:
    """Read what the supervisor listens on for a program; imported late, as above."""
    from ncolony.core.sockets import sockets as read

    return read(value)


def a_reload(value: object) -> object:
    """Read how its processes are replaced without a gap; imported late, as above."""
    from ncolony.core.reloadkeys import a_reload as read

    return read(value)


def a_schedule(value: object) -> object:
    """Read when a program runs; imported for the first one that says it."""
    from ncolony.core.schedulekeys import a_schedule as read

    return read(value)


_DURATION = 'a time: seconds, or a string like "500ms" or "1m30s"'
_TIMES = "as the colony's option"

RESTART_KEYS = (
    Key("policy", one_of(PERMANENT, TRANSIENT, TEMPORARY), '"permanent", "transient" or "temporary"', '"permanent"',
        "`permanent`: always started again; `transient`: after an abnormal end only; `temporary`: never."),
    Key("ok_exits", ends, 'a list of exit codes (0 to 255) and names of signals, like [0, 3, "SIGTERM"]', "[0]",
        "Ends that count as normal."),
    Key("threshold", a_duration, _DURATION, f"{_TIMES} `--threshold`",
        "A run of at least this long is followed by the next at once."),
    Key("min_delay", a_duration, _DURATION, f"{_TIMES} `--minrestartdelay`",
        "The wait after a shorter run; every further short run in a row doubles it."),
    Key("max_delay", a_duration, _DURATION, f"{_TIMES} `--maxrestartdelay`", "No wait is longer."),
    Key("attempts", at_least_one, "a whole number from 1 up to 100000", "none: never give up",
        "Give up (state `fatal`) after so many short runs in a row; with `window`, after so many restarts within it."),
    Key("window", some_time, 'a time above 0, like 60 or "10m"', "none: attempts in a row count",
        "The time over which `attempts` counts restarts, however long the runs were; those by hand do not count."),
    Key("jitter", a_share, "a number from 0 to 1", "0",
        "The share by which chance may shorten each wait, so that what failed together is not started together."),
)  # fmt: skip

STOP_KEYS = (
    Key("signal", a_signal, 'a signal, by name or number, like "SIGINT"', '"SIGTERM"',
        "The signal that asks the program to end; SIGCONT follows it."),
    Key("timeout", a_duration, _DURATION, f"{_TIMES} `--killtime`", "The time from that signal to SIGKILL."),
    Key("scope", one_of(TREE, GROUP, PROCESS), '"tree", "group" or "process"', '"tree"',
        "Who gets the signals, and is ended before the next run: all that the program has started, wherever it went; "
        "its process group; or its first process alone."),
)  # fmt: skip

KEYS = (
    Key("args", arguments, "a list of strings, the executable first", "required",
        "The command line. The executable is looked up on the `PATH` that the program gets."),
    Key("env", environment, "an object of strings", "{}", "Variables set for the program."),
    Key("env_inherit", names_of_variables, "a list of names of variables", "absent: the whole environment",
        "The variables that the program gets from the supervisor's own environment; those not set there are left out."),
    Key("env_files", env_files, 'a list of absolute paths, one that may be missing with "-" before it', "[]",
        "Files of lines NAME=VALUE, read at each start: later ones count over earlier ones, `env` over all of them."),
    Key("uid", an_id, "a user, by number or name", "the supervisor's", "The user to run as, with its groups."),
    Key("gid", an_id, "a group, by number or name", "the group of `uid`", "The group to run as."),
    Key("group", labels, "a list of labels", "[]", "Labels; RESTART-GROUP restarts all programs that carry one.",
        field="labels", cost=NOTHING),
    Key("stdin", one_of(NULL, PIPE), '"null" or "pipe"', '"null"',
        "Its standard input: `/dev/null`, or a pipe that `ncolony send` writes to."),
    Key("cwd", a_full_text, "the path of a directory", "the supervisor's", "The directory to run in."),
    Key("umask", a_umask, 'a string of up to three octal digits, like "022"', "the supervisor's",
        "The mode bits that files which the program makes do not get."),
    Key("instances", at_least_one, "a whole number from 1 up to 100000", "1",
        "How many processes to keep of it; each has its number, from 1, in NCOLONY_INSTANCE.", cost=NOTHING),
    Key("autostart", a_flag, "true or false", "true", "Start it with the colony; else it waits for a restart message.",
        cost=NOTHING),
    Key("restart", one_of(PERMANENT, TRANSIENT, TEMPORARY),
        '"permanent", "transient" or "temporary", or an object with `policy` and more',
        '"permanent"', "What follows an end.", cost=NOTHING, inner=RESTART_KEYS,
        short_for="policy"),
    Key("stop", only_an_object, 'an object, like {"signal": "SIGINT", "timeout": "10s"}', "{}",
        "How it is ended.", cost=NOTHING, inner=STOP_KEYS),
    Key("log", a_log, WANTED_LOG, '"console"', "Where its output goes; see [logs.md](logs.md).", cost=NOTHING),
    Key("limits", a_set_of_limits, 'an object, like {"nofile": 4096, "nice": 5}', "{}",
        "What it may use. One that the system does not allow is why it cannot start."),
    Key("sockets", a_set_of_sockets, 'an object of addresses, like {"web": "tcp://127.0.0.1:8080"}', "{}",
        "What the supervisor listens on for it, also while it is restarted: see [sockets.md](sockets.md)."),
    Key("needs", a_list_of_needs, 'an object by program, like {"db": "ready"}', "{}",
        "What has to be so of other programs before a start, and as long as the run lasts: see [needs.md](needs.md).",
        cost=NOTHING),
    Key("priority", a_priority, "a whole number from -1000000 to 1000000", str(PRIORITY),
        "Of programs that can start at the same time, those with lower numbers start first; they stop last. Nobody "
        "waits for it.", cost=NOTHING),
    Key("critical", a_flag, "true or false", "false",
        "Whether its giving up (`fatal`, or `exited`) ends the colony, with its exit status.", cost=NOTHING),
    Key("reload", a_reload, 'true, or an object like {"max_parallel": 2, "min_healthy": "5s"}',
        "none: a change that needs new processes restarts all at once",
        "How new processes take over without a gap when the file changes, and on `ncolony reload`; see "
        "[reload.md](reload.md).", cost=NOTHING),
    Key("ready", a_ready, WANTED_READY, "none: ready as soon as it is alive",
        "How it shows that it is ready; see [health.md](health.md).", cost=NOTHING),
    Key("health", a_health, WANTED_HEALTH, "none", "How it shows that it is well, and when it is replaced because it"
        " is not; see [health.md](health.md).", cost=NOTHING),
    Key("schedule", a_schedule, WANTED_SCHEDULE, "none: it runs all the time",
        "When it runs, if not all the time; see [schedules.md](schedules.md).", cost=NOTHING),
)  # fmt: skip
