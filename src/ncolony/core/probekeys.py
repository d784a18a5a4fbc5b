"""Reads the ``ready`` and ``health`` keys: how a program shows that it is ready, and that it is well.

    "ready": "notify"                                     it says READY=1 on the socket in NOTIFY_SOCKET
    "ready": {"tcp": 8080, "timeout": "2m"}               something accepts there; "127.0.0.1:8080", or a path
    "health": {"http": "http://127.0.0.1:8080/healthz"}   with `period`, `timeout`, `failures` and more

Each object has one key that says how, and times. What a process has to be started with for it is told apart
(:func:`reports`), as only a change of that costs a restart.
"""

from __future__ import annotations

from re import compile as pattern
from re import error as CannotCompile  # noqa: N812 - a class

from ncolony.core.keyspec import Key, Mismatch, Mismatches, fields
from ncolony.core.parse import shown
from ncolony.core.probespec import FD, LOG, NOTIFY, Beat, Exec, HealthRule, Http, Reports, Signs, Tcp
from ncolony.core.program import ReadyRule
from ncolony.core.readers import Within, a_count, a_duration, a_flag, a_full_text, arguments, at_least_one
from ncolony.core.record import replace
from ncolony.core.sockets import MAX_PATH, MAX_PORT, an_ipv4_host, an_ipv6_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.core.sockets import Socket

LOCAL = "127.0.0.1"
FIRST_FD, LAST_FD = 3, 255
MAX_PATTERN = 1000
MAX_URL = 2000
READY_PERIOD = 1.0
HEALTH_TIMEOUT = 1.0
JITTER = 0.1  # of the period

_NO_NAMES = "no host names but localhost, as looking them up takes time"
_TCP = f'a port, an address like "127.0.0.1:8080" or "[::1]:8080", or the path of a unix socket; {_NO_NAMES}'
_HTTP = f'an URL like "http://127.0.0.1:8080/healthz"; {_NO_NAMES}'
_EXEC = "a list of strings, the executable first"
_TIME = 'a time above 0: seconds, or a string like "500ms" or "1m30s"'
_WAIT = 'a time: seconds, or a string like "500ms" or "1m30s"'

# What a probe does --------------------------------------------------------------------------------------------------


def _a_port(text: str) -> int:
    if not pattern("[0-9]{1,5}").fullmatch(text) or not 0 < int(text) <= MAX_PORT:
        raise Mismatch
    return int(text)


def _a_host(host: str) -> str:
    if host == "localhost":
        return LOCAL
    return an_ipv6_host(host[1:-1]) if host.startswith("[") and host.endswith("]") else an_ipv4_host(host)


def _a_tcp(value: object) -> Tcp:
    if isinstance(value, int):
        return Tcp(LOCAL, a_count(value, 1, MAX_PORT))
    text = a_full_text(value)
    if text.startswith("/"):
        if len(text.encode()) > MAX_PATH:
            raise Mismatch(f"a path of at most {MAX_PATH} bytes, as the system has room for no more")
        return Tcp(text)
    host, _, port = text.rpartition(":")
    return Tcp(_a_host(host), _a_port(port))


def _an_http(value: object) -> Http:
    text = a_full_text(value)
    if len(text) > MAX_URL:
        raise Mismatch(f"at most {MAX_URL} characters", "", f"{len(text)} of them")
    if text.startswith("https:"):
        raise Mismatch("an http:// URL; for https let a command ask, with `exec`")
    parts = pattern(r"http://(\[[^]/?#]*\]|[^:/?#@]*)(?::([0-9]+))?((?:[/?][!-\"$-~]*)?)").fullmatch(text)
    if parts is None:
        raise Mismatch
    host, port, target = parts[1], parts[2], parts[3]
    where = Tcp(_a_host(host), _a_port(port or "80"))
    return Http(where, target if target.startswith("/") else f"/{target}", f"{host}:{port}" if port else host)


def _an_exec(value: object) -> Exec:
    return Exec(arguments(value))


def _a_beat(value: object) -> Beat:
    return Beat(a_full_text(value))


def _a_time(value: object) -> float:
    time = a_duration(value)
    if not time:
        raise Mismatch
    return time


# ready ----------------------------------------------------------------------------------------------------------------


def _true(value: object) -> bool:
    if not a_flag(value):
        raise Mismatch
    return True


def _a_pattern(value: object) -> str:
    text = a_full_text(value)
    if len(text) > MAX_PATTERN:
        raise Mismatch(f"at most {MAX_PATTERN} characters", "", f"{len(text)} of them")
    try:
        pattern(text)
    except (CannotCompile, OverflowError, RecursionError) as error:
        raise Mismatch(f"a regular expression of Python's that can be compiled ({error})") from None
    return text


READY_KEYS = (
    Key("after", a_duration, _WAIT, "", "Ready when it has been alive for this long."),
    Key("notify", _true, "true", "", 'Ready when it says READY=1 on the socket in NOTIFY_SOCKET. `"notify"` alone, in'
        " place of the object, says the same."),
    Key("fd", Within(FIRST_FD, LAST_FD), f"a descriptor from {FIRST_FD} to {LAST_FD}", "",
        "Ready when it writes a newline to this descriptor, as s6 has it."),
    Key("log", _a_pattern, "a regular expression", "", "Ready when a line of its output matches, anywhere in it."),
    Key("tcp", _a_tcp, _TCP, "", "Ready when something accepts a connection there."),
    Key("http", _an_http, _HTTP, "", "Ready when the answer to GET has a status from 200 to 399."),
    Key("exec", _an_exec, _EXEC, "", "Ready when this command, run as the program is, exits with 0."),
    Key("timeout", _a_time, _TIME, "60", "The time that it may take; then it is stopped and started again."),
    Key("period", _a_time, _TIME, f"{READY_PERIOD:g}", "The time between the beginnings of two tries of `tcp`, `http`"
        " or `exec`."),
)  # fmt: skip
_PROBES = ("tcp", "http", "exec")
READY_WAYS = ("after", NOTIFY, FD, LOG, *_PROBES)


def a_ready(value: object) -> ReadyRule:
    """Read the ``ready`` key. Raises Mismatch."""
    if value == NOTIFY:
        value = {NOTIFY: True}
    made, way = _read(value, READY_KEYS, READY_WAYS)
    found: list[Mismatch] = []
    if way == "after":
        _only(made, "timeout", found, "a time to be ready in is for the other ways")
    if way not in _PROBES:
        _only(made, "period", found, f"it is for {', '.join(_PROBES)}")
    if found:
        raise Mismatches(found)
    times: dict[str, float] = {name: made[name] for name in ("timeout", "period") if name in made}  # type: ignore[misc]
    if way == "after":
        return ReadyRule(after=made[way])  # type: ignore[arg-type] # as its key has read it, here and below
    if way in _PROBES:
        return ReadyRule(by=made[way], **times)  # type: ignore[arg-type]
    signs = Signs(way, made.get(FD, 0), made.get(LOG, ""))  # type: ignore[arg-type]
    return ReadyRule(by=signs, **times)


# health ---------------------------------------------------------------------------------------------------------------

HEALTH_KEYS = (
    Key("http", _an_http, _HTTP, "", "Well while the answer to GET has a status from 200 to 399."),
    Key("tcp", _a_tcp, _TCP, "", "Well while something accepts connections there."),
    Key("exec", _an_exec, _EXEC, "", "Well while this command, run as the program is, exits with 0."),
    Key("beat", _a_beat, "the path of a file or directory", "", "Well while this file is touched at least every"
        " `period` plus `grace`. Relative to the directory of programs; in a directory, the file that is named as the"
        " program."),
    Key("watchdog", _a_time, _TIME, "", "Well while it says WATCHDOG=1 on the socket in NOTIFY_SOCKET at least this"
        " often; it is told so in WATCHDOG_USEC."),
    Key("period", _a_time, _TIME, "10", "The time between the beginnings of two checks. The first comes at a random"
        " moment of the first period."),
    Key("timeout", _a_time, _TIME, f"{HEALTH_TIMEOUT:g}, or half the period where that is less",
        "A check that takes longer has failed. Has to be below `period`."),
    Key("failures", at_least_one, "a whole number from 1 up", "3; 1 for `beat`",
        "So many failures in a row, and it is unhealthy: it is stopped, and started again."),
    Key("successes", at_least_one, "a whole number from 1 up", "1",
        "So many successes in a row, and earlier failures are forgotten."),
    Key("grace", a_duration, _WAIT, "0", "The time after it became ready in which nothing is checked; for `beat`, how"
        " much later than `period` a beat may be."),
    Key("jitter", a_duration, _WAIT, "a tenth of `period`", "A check may be so much earlier or later, at random."),
)  # fmt: skip
HEALTH_WAYS = ("http", "tcp", "exec", "beat", "watchdog")
_NEEDLESS = {  # what some ways have no use for, and why
    "watchdog": (("period", "timeout", "failures", "successes", "jitter"), "it is for checks that are made"),
    "beat": (("timeout",), "looking at a file takes no time"),
}


def a_health(value: object) -> HealthRule:
    """Read the ``health`` key. Raises Mismatch."""
    made, way = _read(value, HEALTH_KEYS, HEALTH_WAYS)
    found: list[Mismatch] = []
    names, why = _NEEDLESS.get(way, ((), ""))
    for name in names:
        _only(made, name, found, why)
    times: dict[str, float] = {name: made.pop(name) for name in tuple(made) if name not in HEALTH_WAYS}  # type: ignore[misc]
    if way == "watchdog":
        rule = HealthRule(watchdog=made[way], grace=times.get("grace", 0.0))  # type: ignore[arg-type]
    else:
        period = times.get("period", HealthRule().period)
        defaults = {"timeout": min(HEALTH_TIMEOUT, period / 2), "jitter": period * JITTER}
        if way == "beat":
            defaults |= {"failures": 1}
        rule = replace(HealthRule(probe=made[way]), **{**defaults, **times})  # type: ignore[arg-type]
        found += [
            Mismatch(f"a time below the period, {period:g} s", f".{name}", f"{time:g} s")
            for name, time in (("timeout", rule.timeout), ("jitter", rule.jitter))
            if time >= period
        ]
    if found:
        raise Mismatches(found)
    return rule


# Both -----------------------------------------------------------------------------------------------------------------


def _read(value: object, keys: tuple[Key, ...], ways: tuple[str, ...]) -> tuple[dict[str, object], str]:
    """Read an object key by key; return it, and which of ``ways`` is in it."""
    if not isinstance(value, dict):
        raise Mismatch
    found: list[Mismatch] = []
    made = fields(value, keys, "", found)
    given = [way for way in ways if way in value]
    if len(given) != 1:
        wanted = f"exactly one of {', '.join(ways)}"
        found.append(Mismatch(wanted, "", f"{' and '.join(given)} together" if given else "none of them"))
    if made is None or found:
        raise Mismatches(found)
    return made, given[0]


def _only(made: dict[str, object], name: str, found: list[Mismatch], why: str) -> None:
    if name in made:
        found.append(Mismatch(f"this key to be left out: {why}", f".{name}", shown(made.pop(name))))


def reports(ready: ReadyRule | None, health: HealthRule | None, sockets: tuple[Socket, ...]) -> Reports | None:
    """Return what a process is to be given to report by; None: nothing. Raises Mismatch where that cannot be."""
    signs = ready.by if ready is not None and isinstance(ready.by, Signs) else None
    watchdog = health.watchdog if health is not None else 0.0
    notify = bool(watchdog) or (signs is not None and signs.kind == NOTIFY)
    fd = signs.fd if signs is not None and signs.kind == FD else None
    if fd is not None and fd < FIRST_FD + len(sockets):
        raise Mismatch(f"a descriptor from {FIRST_FD + len(sockets)} on: its sockets come first", ".fd", str(fd))
    return Reports(notify, watchdog, fd) if notify or fd is not None else None
