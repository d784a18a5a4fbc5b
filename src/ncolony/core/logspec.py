"""Where a program's output goes, as data: the value of the ``log`` key once core/logkeys.py has read it."""

from __future__ import annotations

from ncolony.core.jsontext import read, write
from ncolony.core.record import record

PREFIX, JSON, PLAIN, RAW = "prefix", "json", "plain", "raw"
DROP, BLOCK = "drop", "block"
RFC3164, RFC5424 = "rfc3164", "rfc5424"

NAME_FIELD, INSTANCE_FIELD, STREAM_FIELD = "{name}", "{instance}", "{stream}"

DEFAULT_MAX_BYTES = 50_000_000
DEFAULT_BACKUPS = 10


@record
class ConsoleLog:
    """Lines on the supervisor's own standard error or output."""

    format: str = PREFIX
    """``prefix``: the program's name before each line; ``json``: an object a line; ``plain``: the line alone."""
    to: str = "stderr"


@record
class FileLog:
    """A file that the supervisor writes and rotates."""

    path: str
    """As written: ``{name}``, ``{instance}`` and ``{stream}`` are not filled in yet, see :func:`path_of`."""
    max_bytes: int | None = None
    """Rotate from this size on; 0: never; None: the default, and never where the file turns out to be none."""
    backups: int = DEFAULT_BACKUPS
    max_age: float | None = None
    compress: bool = False
    format: str = RAW
    full: str = DROP
    """What happens while nothing can be written: output is dropped, or the program waits."""

    @property
    def rotates(self) -> bool:
        """Tell whether rotation was asked for."""
        return bool(self.max_bytes) or self.max_age is not None


@record
class SyslogLog:
    """Datagrams to a syslog daemon."""

    address: str = "/dev/log"
    """The path of a Unix socket, or ``udp:ADDRESS:PORT``."""
    format: str = RFC3164
    facility: int = 3


Target = ConsoleLog | FileLog | SyslogLog


@record
class LogSpec:
    """Where each stream goes. No target at all: it is discarded."""

    stdout: tuple[Target, ...] = (ConsoleLog(),)
    stderr: tuple[Target, ...] = (ConsoleLog(),)

    @property
    def joined(self) -> bool:
        """Tell whether both streams go to one file and nowhere else; then the program gets one pipe for both.

        So the file has the lines in the order in which they were written, as with ``2>&1``.
        """
        one = self.stdout[0] if len(self.stdout) == 1 else None
        return isinstance(one, FileLog) and self.stdout == self.stderr and STREAM_FIELD not in one.path


_KINDS: dict[str, type[Target]] = {"console": ConsoleLog, "file": FileLog, "syslog": SyslogLog}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_text(log: LogSpec) -> str:
    """Return what :func:`from_text` makes a log of again; empty for the usual one."""
    if log == LogSpec():
        return ""
    return write([[_plain(target) for target in stream] for stream in (log.stdout, log.stderr)])


def _plain(target: Target) -> list[object]:
    names: tuple[str, ...] = target.__match_args__
    return [_NAMES[type(target)], *(getattr(target, name) for name in names)]


def from_text(text: str) -> LogSpec:
    """Return the log of a text that this version has made; for any other one the usual log."""
    try:
        both = read(text)
        if not isinstance(both, list):
            return LogSpec()
        stdout, stderr = (tuple(_KINDS[kind](*values) for kind, *values in stream) for stream in both)
    except (ValueError, TypeError, KeyError):
        return LogSpec()
    return LogSpec(stdout, stderr)


def path_of(log: FileLog, name: str, instance: int, stream: str) -> str:
    """Return the path of the file of one stream of one instance."""
    values = {NAME_FIELD: name, INSTANCE_FIELD: str(instance), STREAM_FIELD: stream}
    first, *others = log.path.split("{")
    made = first
    for text in others:  # each once from the left, so that what is filled in is not looked at again
        field, brace, rest = f"{{{text}".partition("}")
        made += values[field + brace] + rest if field + brace in values else f"{{{text}"
    return made


def is_device(path: str) -> bool:
    """Tell whether a path names no file that could be renamed, whatever is there: a device, an open descriptor."""
    first, *folders = path.split("/")
    plain = "/".join((first, *(folder for folder in folders[:-1] if folder not in {"", "."}), *folders[-1:]))
    return plain.startswith(("/dev/", "/proc/")) and not plain.startswith("/dev/shm/")  # noqa: S108 - as data
