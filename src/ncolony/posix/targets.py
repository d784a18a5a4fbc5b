"""Makes the targets of programs' output from what the ``log`` key says.

One file has one :class:`~ncolony.posix.logfiles.LogFile`, however many streams name it.
"""

from __future__ import annotations

from time import gmtime, strftime, time

from ncolony.core.jsonline import json_lines
from ncolony.core.logspec import BLOCK, JSON, PLAIN, PREFIX, RAW, ConsoleLog, FileLog, SyslogLog, path_of
from ncolony.posix.console import readable
from ncolony.posix.filetarget import FileTarget
from ncolony.posix.logfiles import LogFile, why_not

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from ncolony.core import logspec
    from ncolony.ports import Loop
    from ncolony.posix.pump import Target
    from ncolony.posix.rotation import Compressor
    from ncolony.posix.syslog import Syslog

    class Splitter(Protocol):
        """Cuts bytes into lines."""

        @property
        def rest(self) -> bytes:
            """The beginning of a line."""

        def feed(self, data: bytes) -> list[bytes]:
            """Return the lines that ``data`` completes."""

        def flush(self) -> list[bytes]:
            """Return the unfinished last line, if there is one."""

    class Console(Protocol):
        """Takes text; whole lines only."""

        def put(self, text: str) -> None:
            """Write it when there is room."""


def timestamp(now: float) -> str:
    """Return a time of the wall clock as RFC 3339 writes it, with microseconds."""
    seconds, micro = divmod(int(now * 1_000_000), 1_000_000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{micro:06d}Z"


class Origin:
    """Whose output it is; kept up to date by the owner of the channel."""

    __slots__ = ("instance", "label", "pid", "program", "run")

    def __init__(self, program: str, instance: int, label: str) -> None:
        """Begin before the first run."""
        self.program, self.instance, self.label = program, instance, label
        self.run = 0
        self.pid = 0


class LineTarget:
    """Cuts a stream into lines and passes them on; ``file``: where they end up in one, it decides who waits."""

    def __init__(self, lines: Splitter, put: Callable[[list[bytes]], None], file: FileTarget | None = None) -> None:
        """Pass lines on to ``put``."""
        self._lines, self._put, self._file = lines, put, file

    @property
    def changed(self) -> Callable[[], None]:
        """What is called when ``blocked`` has changed."""
        return self._file.changed if self._file is not None else _nothing

    @changed.setter
    def changed(self, call: Callable[[], None]) -> None:
        if self._file is not None:
            self._file.changed = call

    @property
    def blocked(self) -> bool:
        """Tell whether nothing can be taken now."""
        return self._file is not None and self._file.blocked

    @property
    def rest(self) -> bytes:
        """The beginning of a line that is not passed on yet."""
        return self._lines.rest

    def write(self, data: bytes) -> None:
        """Take bytes."""
        if lines := self._lines.feed(data):
            self._put(lines)

    def flush(self) -> None:
        """Pass on the unfinished last line."""
        if lines := self._lines.flush():
            self._put(lines)

    def close(self) -> None:
        """Pass on what is left."""
        self.flush()
        if self._file is not None:
            self._file.close()


def formatted(form: str, origin: Origin, stream: str, lines: Sequence[bytes]) -> str:
    """Return lines as text, ready for a console."""
    if form == JSON:
        return json_lines(timestamp(time()), origin.program, origin.instance, stream, origin.run, lines)
    head = f"{origin.label} | " if form == PREFIX else ""
    return "".join(f"{head}{readable(line)}\n" for line in lines)


class Targets:
    """Makes targets for one colony."""

    def __init__(
        self,
        loop: Loop,
        consoles: Mapping[str, Console],
        splitter: Callable[[], Splitter],
        report: Callable[[str], None],
        compressor: Compressor | None = None,
    ) -> None:
        """Write to ``consoles`` by name, ``stderr`` and ``stdout``; tell ``report`` what people should know."""
        self._loop, self._consoles, self._splitter = loop, consoles, splitter
        self._report, self._compressor = report, compressor
        self._files: dict[str, LogFile] = {}
        self._syslogs: dict[SyslogLog, Syslog] = {}

    def why_not(self, logs: Sequence[logspec.Target], origin: Origin, stream: str) -> list[str]:
        """Return what stands against these targets, as far as can be told beforehand."""
        files = [log for log in logs if isinstance(log, FileLog)]
        reasons = [why_not(path_of(log, origin.program, origin.instance, stream), log) for log in files]
        return [reason for reason in reasons if reason]

    def open(self, logs: Sequence[logspec.Target], origin: Origin, stream: str) -> list[Target]:
        """Make the targets of one stream. Never fails: what cannot be written now is tried again later."""
        return [self._open(log, origin, stream) for log in logs]

    def _open(self, log: logspec.Target, origin: Origin, stream: str) -> Target:
        if isinstance(log, ConsoleLog):
            console, form = self._consoles[log.to], log.format
            return LineTarget(self._splitter(), lambda lines: console.put(formatted(form, origin, stream, lines)))
        if isinstance(log, SyslogLog):
            syslog = self._syslog(log)
            return LineTarget(self._splitter(), lambda lines: syslog.send(origin.program, origin.pid, stream, lines))
        path = path_of(log, origin.program, origin.instance, stream)
        file = FileTarget(self._loop, self._file(path, log), block=log.full == BLOCK, report=self._report)
        if log.format in (RAW, PLAIN):
            return file
        form = log.format
        return LineTarget(
            self._splitter(), lambda lines: file.write(formatted(form, origin, stream, lines).encode()), file
        )

    def _file(self, path: str, log: FileLog) -> LogFile:
        """Return the file at ``path``. Where several want it to be rotated in different ways, the last one gets it."""
        for gone in [known for known, file in self._files.items() if not file.users]:
            del self._files[gone]
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = LogFile(path, log, self._report, self._compressor)
            file.settle()
        file.log = log
        return file

    def _syslog(self, log: SyslogLog) -> Syslog:
        if log not in self._syslogs:
            from ncolony.posix.syslog import Syslog

            self._syslogs[log] = Syslog(log, self._loop.now, self._report)
        return self._syslogs[log]

    def close(self) -> None:
        """Give back what targets share; they are to be closed before."""
        for syslog in self._syslogs.values():
            syslog.close()
        self._syslogs.clear()


def _nothing() -> None:
    """Do nothing."""
