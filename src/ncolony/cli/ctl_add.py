"""``ncolony ctl add``: from options to the keys of a program's file.

Checks nothing that core/check.py checks: a value that makes no sense goes there as it is and comes back as a problem.
"""

from __future__ import annotations

from ncolony import ctllib
from ncolony.cli.options import Given, Option
from ncolony.core.errors import ConfigError
from ncolony.core.names import quoted
from ncolony.core.parse import MAX_BYTES, NotAnObject, parse

POLICIES = ("permanent", "transient", "temporary")
SCOPES = ("tree", "group", "process")
OPTIONS = (
    Option("--cmd", "CMD", "the executable, looked up on PATH where it has no slash (required)"),
    Option("--arg", "ARG", "an argument", repeated=True),
    Option("--env", "NAME=VALUE", "a variable for the program", repeated=True),
    Option("--env-inherit", "NAME", "pass this of the supervisor's variables, and no others", repeated=True),
    Option("--uid", "USER", "the user to run as, a number or a name"),
    Option("--gid", "GROUP", "the group to run as, a number or a name"),
    Option("--extras", "JSON", "more keys: JSON text, or the path of a file with it"),
    Option("--group", "LABEL", "a label, for restart-group", repeated=True),
    Option("--cwd", "DIR", "the directory to run in"),
    Option("--umask", "OCTAL", "the umask to run with"),
    Option("--instances", "N", "how many processes to keep"),
    Option("--no-autostart", "", "do not start it with the colony"),
    Option("--restart", "POLICY", "permanent, transient or temporary", among=POLICIES),
    Option("--ok-exit", "CODE", "an end that counts as normal, a code or a signal; alone then, 0 too", repeated=True),
    Option("--threshold", "TIME", "a run of at least this long is followed by the next at once"),
    Option("--min-delay", "TIME", "the wait after a shorter one; it doubles"),
    Option("--max-delay", "TIME", "the longest wait"),
    Option("--attempts", "N", "give up after so many short runs in a row"),
    Option("--schedule", "WHEN", "run it at these times: a period, like 10m, or a cron line, like '30 2 * * *'"),
    Option("--stop-signal", "SIGNAL", "the signal that asks it to end"),
    Option("--stop-timeout", "TIME", "the time from there to SIGKILL"),
    Option("--stop-scope", "SCOPE", "who gets the signals: tree, group or process", among=SCOPES),
)


def add(places: ctllib.Places, name: str, given: Given) -> tuple[str, ...]:
    """Write the file of a program; return what its author should be warned of."""
    command = given.last("--cmd")
    if command is None:
        raise ConfigError(f"cannot add {quoted(name)}: --cmd is missing; give the executable, --cmd CMD")
    extras = given.last("--extras")
    return ctllib.add(
        places,
        name,
        command,
        given.all("--arg"),
        env=given.all("--env"),
        uid=_number(given.last("--uid")),  # type: ignore[arg-type] # what is wrong is told by core/check.py
        gid=_number(given.last("--gid")),  # type: ignore[arg-type]
        extras=None if extras is None else _extras(name, extras),
        env_inherit=given.all("--env-inherit"),
        group=given.all("--group"),
        cwd=given.last("--cwd"),
        umask=given.last("--umask"),
        instances=_number(given.last("--instances")),  # type: ignore[arg-type]
        autostart=False if "--no-autostart" in given.values else None,
        restart=_restart(given),
        stop=_stop(given),
        schedule=_number(given.last("--schedule")),
    )


def _restart(given: Given) -> str | dict[str, object] | None:
    ends = given.all("--ok-exit")
    policy = given.last("--restart")
    keys = _present(
        policy=policy,
        ok_exits=None if ends is None else [_number(end) for end in ends],
        threshold=_number(given.last("--threshold")),
        min_delay=_number(given.last("--min-delay")),
        max_delay=_number(given.last("--max-delay")),
        attempts=_number(given.last("--attempts")),
    )
    return policy if keys.keys() == {"policy"} else keys or None


def _stop(given: Given) -> dict[str, object] | None:
    keys = _present(
        signal=_number(given.last("--stop-signal")),
        timeout=_number(given.last("--stop-timeout")),
        scope=given.last("--stop-scope"),
    )
    return keys or None


def _present(**keys: object) -> dict[str, object]:
    return {key: value for key, value in keys.items() if value is not None}


def _number(text: str | None) -> int | float | str | None:
    """Return the number that ``text`` is, or the text: a name, a time with its unit, or something that is refused."""
    if text is None or not text.isascii() or len(text) > MAX_DIGITS:
        return text
    if text.isdigit():
        return int(text)
    return float(text) if text.replace(".", "", 1).isdigit() else text


MAX_DIGITS = 20


def _extras(name: str, text: str) -> dict[str, object]:
    """Read keys from JSON text or from a file of it."""
    where = "the text after --extras"
    data = text.encode("utf-8", "surrogateescape")
    if not text.lstrip().startswith("{"):
        where = quoted(text)
        try:
            with open(text, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            message = f"{where}: {error.strerror}; give JSON text that begins with {{, or the path of a file with it"
            raise ConfigError(f"cannot add {quoted(name)}: --extras: {message}") from None
    try:
        return parse(data)[1]
    except NotAnObject as error:
        raise ConfigError(f"cannot add {quoted(name)}: --extras: {where}: {error}") from None
