"""Reads the ``log`` key: where a program's output goes.

A value is one target, or several in a list, or an object by stream::

    "log": "console"                                  the supervisor's own log, each line with the program's name
    "log": {"console": "json", "to": "stdout"}        "prefix", "json" or "plain"; "stderr" or "stdout"
    "log": {"file": "/var/log/{name}.log", "max_bytes": "10MB", "backups": 5, "max_age": "1d", "compress": true}
    "log": "syslog"                                   or {"syslog": "udp:192.0.2.1:514", "facility": "local0"}
    "log": ["console", {"file": "/var/log/web.log"}]
    "log": {"stdout": {"file": "/var/log/web.log"}, "stderr": "console"}
    "log": null                                       nowhere; "none" says the same

A stream that is left out goes to the console. What the path of a file tells about it is checked here; what only the
file system knows is checked by posix/logfiles.py.
"""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, fields
from ncolony.core.logspec import (
    BLOCK,
    DEFAULT_BACKUPS,
    DROP,
    INSTANCE_FIELD,
    JSON,
    NAME_FIELD,
    PLAIN,
    PREFIX,
    RAW,
    RFC3164,
    RFC5424,
    STREAM_FIELD,
    ConsoleLog,
    FileLog,
    LogSpec,
    SyslogLog,
    Target,
    is_device,
)
from ncolony.core.parse import shown
from ncolony.core.readers import Within, a_duration, a_flag, a_full_text, a_size, one_of
from ncolony.core.record import replace

# Readers ----------------------------------------------------------------------------------------------------------

MIN_SIZE = 4096
MIN_AGE = 60.0
MAX_BACKUPS = 1000


def _a_limit(value: object) -> int:
    size = a_size(value)
    if 0 < size < MIN_SIZE:
        raise Mismatch
    return size


def _an_age(value: object) -> float:
    age = a_duration(value)
    if age < MIN_AGE:
        raise Mismatch
    return age


def _a_path(value: object) -> str:
    path = a_full_text(value)
    if not path.startswith("/") or path.endswith(("/", "/.", "/..")):
        raise Mismatch
    for text in path.split("{")[1:]:
        field, brace, _ = text.partition("}")
        if brace and "/" not in field and f"{{{field}}}" not in {NAME_FIELD, INSTANCE_FIELD, STREAM_FIELD}:
            raise Mismatch("a path in which {name}, {instance} and {stream} are all that stands in braces")
    return path


def _an_address(value: object) -> str:
    address = a_full_text(value)
    if address.startswith("/"):
        return address
    from re import compile as pattern  # a rare and costly import

    udp = pattern(r"udp:(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})").fullmatch(address)
    if udp is None or not 0 < int(udp[1]) <= MAX_PORT:
        raise Mismatch
    return address


MAX_PORT = 65535
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("", "", "", ""),  # of no use to programs
    *("local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)


def _a_facility(value: object) -> int:
    if not isinstance(value, str) or not value or value not in FACILITIES:
        raise Mismatch
    return FACILITIES.index(value)


_PATH = "an absolute path of a file"
_ADDRESS = 'the path of a socket, like "/dev/log", or "udp:192.0.2.1:514"; no name, as looking it up takes time'

CONSOLE_KEYS = (
    Key("console", one_of(PREFIX, JSON, PLAIN), '"prefix", "json" or "plain"', '"prefix"',
        "What stands on a line: the program's name before it, a JSON object, or what the program wrote and no more.",
        field="format"),
    Key("to", one_of("stderr", "stdout"), '"stderr" or "stdout"', '"stderr"', "Which of the supervisor's own."),
)  # fmt: skip

FILE_KEYS = (
    Key("file", _a_path, _PATH, "required",
        "The file. `{name}`, `{instance}` and `{stream}` stand for the program's. Its directory has to be there.",
        field="path"),
    Key("max_bytes", _a_limit, f'a size, like "10MB", at least {MIN_SIZE} bytes, or 0 for no limit', '"50MB"',
        "A file of this size is rotated at the end of the line."),
    Key("backups", Within(0, MAX_BACKUPS), f"a whole number from 0 to {MAX_BACKUPS}",
        str(DEFAULT_BACKUPS), "Rotated files that are kept, as FILE.1 (the newest), FILE.2 and on."),
    Key("max_age", _an_age, 'a time of at least a minute, like "1h" or "1d"', "none",
        "Rotate at the first output after each full multiple of this time, counted in UTC: `1d` is every midnight."),
    Key("compress", a_flag, "true or false", "false", "Compress rotated files from FILE.2 on, with gzip."),
    Key("format", one_of(RAW, PREFIX, JSON), '"raw", "prefix" or "json"', '"raw"',
        "`raw`: to the byte what the program wrote; the others as for `console`."),
    Key("full", one_of(DROP, BLOCK), '"drop" or "block"', '"drop"',
        "While nothing can be written: all but the newest 64 KB is dropped and counted, or the program waits."),
)  # fmt: skip

SYSLOG_KEYS = (
    Key("syslog", _an_address, _ADDRESS, '"/dev/log"', "Where the daemon listens.", field="address"),
    Key("format", one_of(RFC3164, RFC5424), '"rfc3164" or "rfc5424"', '"rfc3164"', "How messages are written."),
    Key("facility", _a_facility, 'a facility, like "daemon" or "local0"', '"daemon"', "What kind of program it is."),
)  # fmt: skip

_KINDS: tuple[tuple[str, tuple[Key, ...], Target], ...] = (
    ("file", FILE_KEYS, FileLog("")), ("console", CONSOLE_KEYS, ConsoleLog()), ("syslog", SYSLOG_KEYS, SyslogLog()),
)  # fmt: skip
_STREAMS = ("stdout", "stderr")


def a_log(value: object) -> LogSpec:
    """Read the whole key. Raises :class:`Mismatches` with all that is wrong in it."""
    found: list[Mismatch] = []
    if isinstance(value, dict) and not set(value).isdisjoint(_STREAMS):
        others = [name for name in value if name not in _STREAMS]
        found += [Mismatch("stdout and stderr alone", "", f"the key {shown(name)} beside them") for name in others]
        streams = {name: _targets(value[name], f".{name}", found) for name in _STREAMS if name in value}
        spec = LogSpec(**streams)
    else:
        targets = _targets(value, "", found)
        spec = LogSpec(targets, targets)
    if found:
        raise Mismatches(found)
    return spec


def _targets(value: object, at: str, found: list[Mismatch]) -> tuple[Target, ...]:
    if value is None or value == "none":
        return ()
    if not isinstance(value, list):
        target = _target(value, at, found)
        return () if target is None else (target,)
    made: list[Target] = []
    for place, item in enumerate(value):
        target = _target(item, f"{at}[{place}]", found)
        if target in made:
            found.append(Mismatch("each target once", f"{at}[{place}]", shown(item)))
        elif target is not None:
            made.append(target)
    return tuple(made)


def _target(value: object, at: str, found: list[Mismatch]) -> Target | None:
    if value == "console":
        return ConsoleLog()
    if value == "syslog":
        return SyslogLog()
    if isinstance(value, dict):
        for name, keys, default in _KINDS:
            if name in value:
                made = fields(value, keys, at, found)
                return None if made is None else _settled(replace(default, **made), value, at, found)
    found.append(Mismatch(at=at, found=shown(value)))
    return None


def _settled(target: Target, value: dict[str, object], at: str, found: list[Mismatch]) -> Target:
    """Return the console for a file that is one, and refuse to rotate what has no name of its own."""
    if not isinstance(target, FileLog) or not is_device(target.path):
        return target
    given = [name for name in ("max_bytes", "max_age", "backups", "compress") if value.get(name)]
    if given:
        wanted = f"no rotation for {shown(target.path)}, which cannot be renamed; leave out {', '.join(given)}"
        found.append(Mismatch(wanted, f"{at}.{given[0]}", shown(value[given[0]])))
    descriptor = target.path.removeprefix("/proc/self/fd/").removeprefix("/dev/").removeprefix("fd/")
    name = {"1": "stdout", "2": "stderr"}.get(descriptor, descriptor)
    if name in _STREAMS:
        return ConsoleLog(PLAIN if target.format == RAW else target.format, name)
    if descriptor.isdigit():
        wanted = "a file, or the descriptor 1 or 2: the others are the supervisor's own"
        found.append(Mismatch(wanted, f"{at}.file", shown(target.path)))
    return target
