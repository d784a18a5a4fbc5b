"""The keys of a program's file: one declaration each, read by check.py, by the reference in docs/ and by ``ctl add``.

A reader takes the JSON value and returns what the program holds; it raises :class:`Mismatch` for a value that it cannot
use. It looks at nothing else, so keys can be checked one by one and all problems told at once.
"""

from __future__ import annotations

from re import compile as pattern
from signal import Signals

from ncolony.core.program import GROUP, PERMANENT, PROCESS, TEMPORARY, TRANSIENT
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RESTART, NOTHING = "restart", "nothing"  # what a change of the key costs a running process


class Mismatch(ValueError):
    """A value is not what its key wants; ``wanted`` says more than the key's own words where set."""

    def __init__(self, wanted: str | None = None) -> None:
        """Keep the wish."""
        super().__init__(wanted)
        self.wanted = wanted


@record
class Key:
    """One key: how it is read, and what people are told about it."""

    name: str
    read: Callable[[object], object]
    wanted: str
    default: str
    meaning: str
    field: str = ""
    """The field of the record it fills; empty: the same name."""
    cost: str = RESTART
    inner: tuple[Key, ...] = ()
    """The keys of the object that is its value."""
    short_for: str = ""
    """The inner key that a value which is no object stands for."""


# Readers ----------------------------------------------------------------------------------------------------------------


def a_text(value: object) -> str:
    """Read a string that can be handed to the operating system."""
    if not isinstance(value, str) or "\0" in value:
        raise Mismatch
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, written as \ud800
        raise Mismatch from None
    return value


def a_full_text(value: object) -> str:
    """Read a string that is not empty."""
    text = a_text(value)
    if not text:
        raise Mismatch
    return text


def texts(value: object) -> tuple[str, ...]:
    """Read a list of strings."""
    if not isinstance(value, list):
        raise Mismatch
    return tuple(a_text(item) for item in value)


def arguments(value: object) -> tuple[str, ...]:
    """Read a command line: at least the executable."""
    read = texts(value)
    if not read or not read[0]:
        raise Mismatch
    return read


def labels(value: object) -> tuple[str, ...]:
    """Read a list of labels."""
    return tuple(dict.fromkeys(a_full_text(item) for item in texts(value)))


def names_of_variables(value: object) -> tuple[str, ...]:
    """Read a list of names of environment variables."""
    read = labels(value)
    if any("=" in name for name in read):
        raise Mismatch
    return read


def environment(value: object) -> tuple[tuple[str, str], ...]:
    """Read an object of variables; sorted, as order means nothing."""
    if not isinstance(value, dict):
        raise Mismatch
    names = names_of_variables(list(value))
    return tuple(sorted((name, a_text(value[name])) for name in names))


def a_count(value: object, least: int = 0, most: int = 2**31 - 1) -> int:
    """Read a whole number between the limits."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Mismatch
    return value


def at_least_one(value: object) -> int:
    """Read a whole number from 1 up."""
    return a_count(value, 1, 100_000)


def an_id(value: object) -> int | str:
    """Read a user or group: its number or its name."""
    if isinstance(value, str):
        return a_full_text(value)
    return a_count(value, 0, 2**32 - 2)


def a_flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Mismatch
    return value


def a_umask(value: object) -> int:
    """Read a mask as people write it: the octal digits in a string."""
    if not isinstance(value, str) or not pattern("(0o?)?[0-7]{1,3}").fullmatch(value):
        raise Mismatch
    return int(value.removeprefix("0o"), 8)


MAX_SECONDS = 100 * 365 * 86400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def a_duration(value: object) -> float:
    """Read a time: seconds, or a string of numbers with units, ``1m30s``."""
    if isinstance(value, str):
        parts = pattern(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)").findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            raise Mismatch
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch
    else:
        seconds = float(value) if abs(value) < MAX_SECONDS * 2 else MAX_SECONDS * 2
    if not 0 <= seconds <= MAX_SECONDS:
        raise Mismatch
    return seconds


def a_signal(value: object) -> int:
    """Read a signal: its number, or its name with or without SIG."""
    if isinstance(value, str):
        name = value.upper() if value.upper().startswith("SIG") else f"SIG{value.upper()}"
        if name not in Signals.__members__:
            raise Mismatch
        return int(Signals[name])
    number = a_count(value, 1)
    if number not in set(Signals):
        raise Mismatch
    return number


MAX_EXIT_CODE = 255


def ends(value: object) -> tuple[int, ...]:
    """Read a list of ends that count as normal: exit codes and names of signals."""
    if not isinstance(value, list):
        raise Mismatch
    read = {-a_signal(item) if isinstance(item, str) else a_count(item, 0, MAX_EXIT_CODE) for item in value}
    return tuple(sorted(read))


def one_of(*words: str) -> Callable[[object], str]:
    """Make a reader of one of ``words``."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise Mismatch
        return value

    return read


def only_an_object(_: object) -> object:
    """Refuse what is not an object; check.py reads objects key by key."""
    raise Mismatch


def not_yet(_: object) -> object:
    """Refuse a key whose time has not come: better an error than an option that does nothing."""
    raise Mismatch(NOT_YET)


NOT_YET = "this key to be left out: it is not supported yet"

# The keys ---------------------------------------------------------------------------------------------------------------

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
    Key("attempts", at_least_one, "a whole number from 1 up", "none: never give up",
        "Give up (state `fatal`) after so many short runs in a row."),
)  # fmt: skip

STOP_KEYS = (
    Key("signal", a_signal, 'a signal, by name or number, like "SIGINT"', '"SIGTERM"',
        "The signal that asks the program to end; SIGCONT follows it."),
    Key("timeout", a_duration, _DURATION, f"{_TIMES} `--killtime`", "The time from that signal to SIGKILL."),
    Key("scope", one_of(GROUP, PROCESS), '"group" or "process" ("tree" is not supported yet)', '"group"',
        "Who gets the signals: the program's whole process group, or its first process alone."),
)  # fmt: skip

KEYS = (
    Key("args", arguments, "a list of strings, the executable first", "required",
        "The command line. The executable is looked up on the `PATH` that the program gets."),
    Key("env", environment, "an object of strings", "{}", "Variables set for the program."),
    Key("env_inherit", names_of_variables, "a list of names of variables", "absent: the whole environment",
        "The variables that the program gets from the supervisor's own environment; those not set there are left out."),
    Key("uid", an_id, "a user, by number or name", "the supervisor's", "The user to run as, with its groups."),
    Key("gid", an_id, "a group, by number or name", "the group of `uid`", "The group to run as."),
    Key("group", labels, "a list of labels", "[]", "Labels; RESTART-GROUP restarts all programs that carry one.",
        field="labels", cost=NOTHING),
    Key("cwd", a_full_text, "the path of a directory", "the supervisor's", "The directory to run in."),
    Key("umask", a_umask, 'a string of up to three octal digits, like "022"', "the supervisor's",
        "The mode bits that files which the program makes do not get."),
    Key("instances", at_least_one, "a whole number from 1 up", "1",
        "How many processes to keep of it; each has its number, from 1, in NCOLONY_INSTANCE.", cost=NOTHING),
    Key("autostart", a_flag, "true or false", "true", "Start it with the colony; else it waits for a restart message.",
        cost=NOTHING),
    Key("restart", one_of(PERMANENT, TRANSIENT, TEMPORARY), "a policy, or an object with `policy` and more",
        '"permanent"', "What follows an end.", cost=NOTHING, inner=RESTART_KEYS,
        short_for="policy"),
    Key("stop", only_an_object, "an object", "{}", "How it is ended.", cost=NOTHING, inner=STOP_KEYS),
    *(Key(name, not_yet, NOT_YET, "", "Not supported yet; an error.") for name in (
        "env_files", "ready", "health", "needs", "critical", "schedule", "sockets", "limits", "log", "priority")),
)  # fmt: skip
