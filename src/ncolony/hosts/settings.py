"""The options of both hosts: one declaration each, for the command line, for Twisted and for the reference."""

from __future__ import annotations

import os

from ncolony.core.errors import ConfigError
from ncolony.core.program import Defaults, RestartPolicy, StopPolicy
from ncolony.core.record import record
from ncolony.posix.container import is_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = "SECONDS"
CONTAINER_BUDGET = 8.0  # seconds; Docker, Podman and Compose kill after 10
AUTO, YES, NO = CHOICES = ("auto", "yes", "no")
MAX_SECONDS = 100 * 365 * 86400.0
DIRECTORIES = {"config": os.R_OK | os.X_OK, "messages": os.R_OK | os.W_OK | os.X_OK, "pid": os.W_OK | os.X_OK}


@record
class Option:
    """One option with a value."""

    name: str
    short: str
    metavar: str
    default: float | None
    """None: what it means to leave it out stands in the meaning."""
    meaning: str

    @property
    def is_number(self) -> bool:
        """Tell whether its value is a number of seconds, and not a directory or a choice."""
        return self.metavar == SECONDS


OPTIONS = (
    Option("config", "", "DIR", None, "the directory of programs, one JSON file each"),
    Option("messages", "", "DIR", None, "the directory of messages to the supervisor"),
    Option("frequency", "", SECONDS, 10.0, "how often to look at directories that cannot be watched"),
    Option("state", "", "DIR", None, "where to keep what outlives this process; MESSAGES/.ncolony if not given"),
    Option("pid", "", "DIR", None, "write a file with its pid for every program into this directory"),
    Option("threshold", "t", SECONDS, 1.0, "a program that ran for less is started again after a delay"),
    Option("killtime", "k", SECONDS, 5.0, "how long a program may take to stop before it is killed"),
    Option("minrestartdelay", "m", SECONDS, 1.0, "the first delay; every further one in a row is twice as long"),
    Option("maxrestartdelay", "M", SECONDS, 3600.0, "the longest delay"),
    Option(
        "cgroups",
        "",
        "auto|yes|no",
        None,
        "give each program a cgroup: no if not given; auto: where the C library can; yes: or do not run",
    ),
    Option("stop-budget", "", SECONDS, None, "how long stopping may take in all; if not given, 8 in a container"),
)


@record
class Settings:
    """What a host was told."""

    config: str
    messages: str
    frequency: float = 10.0
    pid: str | None = None
    state: str | None = None
    threshold: float = 1.0
    killtime: float = 5.0
    minrestartdelay: float = 1.0
    maxrestartdelay: float = 3600.0
    stop_budget: float | None = None
    """Seconds that stopping everything may take; None: as long as the programs' own times allow."""
    cgroups: str = NO
    """Whether programs get a cgroup each: where it is cheap, or in any case, or not."""

    def defaults(self) -> Defaults:
        """Return what programs get that do not say otherwise."""
        restart = RestartPolicy(
            threshold=self.threshold, min_delay=self.minrestartdelay, max_delay=self.maxrestartdelay
        )
        return Defaults(restart, StopPolicy(timeout=self.killtime))


def seconds(text: str) -> float:
    """Read an option's number of seconds. Raises ValueError with words for people."""
    try:
        value = float(text)
    except ValueError:
        message = f"found {text!r}, wanted a number of seconds"
        raise ValueError(message) from None
    if not 0 <= value <= MAX_SECONDS:
        message = f"found {text!r}, wanted a number of seconds from 0 to {MAX_SECONDS:.0f}"
        raise ValueError(message)
    return value


def settings(values: Mapping[str, object]) -> Settings:
    """Make the settings of option values, and see to it that the directories can be used.

    Directories become absolute, as a host may change its own. Raises :class:`ConfigError`.
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name, wish in DIRECTORIES.items():
        if name in given:
            given[name] = _directory(name, str(given[name]), wish)
        elif name != "pid":
            message = f"cannot run without --{name}: give the directory, --{name} DIR"
            raise ConfigError(message)
    if "state" in given:
        given["state"] = os.path.abspath(str(given["state"]))
    if "stop-budget" in given:
        given["stop_budget"] = given.pop("stop-budget")
    elif is_container(os.environ):
        given["stop_budget"] = CONTAINER_BUDGET
    made = Settings(**given)  # type: ignore[arg-type]
    if made.cgroups not in CHOICES:
        message = f"cannot use --cgroups: found {made.cgroups!r}, wanted auto, yes or no"
        raise ConfigError(message)
    if made.frequency <= 0:
        message = "cannot use --frequency 0: found 0, wanted more than 0 seconds"
        raise ConfigError(message)
    if made.minrestartdelay > made.maxrestartdelay:
        found = f"{made.minrestartdelay:g} above --maxrestartdelay {made.maxrestartdelay:g}"
        message = f"cannot use --minrestartdelay: found {found}, wanted it not above"
        raise ConfigError(message)
    return made


def _directory(name: str, path: str, wish: int) -> str:
    if not os.path.isdir(path):
        missing = f"there is no such directory; mkdir {path!r} first"
        what = "that is not a directory" if os.path.exists(path) else missing
        message = f"cannot use --{name} {path!r}: {what}"
        raise ConfigError(message)
    if not os.access(path, wish):
        needs = "read and written" if wish & os.R_OK and wish & os.W_OK else "written" if wish & os.W_OK else "read"
        message = f"cannot use --{name} {path!r}: permission denied; it has to be {needs} by this user"
        raise ConfigError(message)
    return os.path.abspath(path)
