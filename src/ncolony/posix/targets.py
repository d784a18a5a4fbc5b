"""Makes the targets of programs' output from what the ``log`` key says.

One file has one :class:`~ncolony.posix.logfiles.LogFile`, however many streams name it. What files and syslog take is
imported when the first program asks for it.
"""

from __future__ import annotations

from time import gmtime, strftime, time

from ncolony.core.logspec import BLOCK, JSON, PREFIX, RAW, ConsoleLog, FileLog, SyslogLog, path_of
from ncolony.posix.console import labelled
from ncolony.posix.lines import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ncolony.core import logspec
    from ncolony.ports import LogSink, Loop
    from ncolony.posix.exits import Register
    from ncolony.posix.filetarget import FileTarget
    from ncolony.posix.logfiles import LogFile
    from ncolony.posix.pump import Target
    from ncolony.posix.rotation import Compressor
    from ncolony.posix.syslog import Syslog


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


class ConsoleTarget(Lines):
    """The supervisor's own log: what programs have that say nothing else, so it is as small as can be."""

    __slots__ = ("_log", "_origin", "_sink", "_stream")
    blocked = False
    raw = None
    dropped = (0, 0)

    def __init__(self, sink: LogSink, log: ConsoleLog, origin: Origin, stream: str) -> None:
        """Pass lines on to ``sink``."""
        super().__init__()
        self._sink, self._log, self._origin, self._stream = sink, log, origin, stream

    @property
    def changed(self) -> Callable[[], None]:
        """What would be called when ``blocked`` has changed, which it never does."""
        return _nothing

    @changed.setter
    def changed(self, call: Callable[[], None]) -> None:
        pass

    def write(self, data: bytes) -> None:
        """Take bytes."""
        if lines := self.feed(data):
            self._pass_on(lines)

    def flush(self) -> None:
        """Pass on the unfinished last line."""
        if lines := self.end():
            self._pass_on(lines)

    def close(self) -> None:
        """Pass on what is left."""
        self.flush()

    def _pass_on(self, lines: list[bytes]) -> None:
        log = self._log
        if log.format == PREFIX and log.to == "stderr":
            self._sink.write(self._origin.label, self._stream, lines)
        else:
            self._sink.put(log.to, formatted(log.format, self._origin, self._stream, lines))


class LineTarget:
    """Cuts a stream into lines and passes them on; ``file``: where they end up in one, it decides who waits."""

    raw = None

    def __init__(self, put: Callable[[list[bytes]], None], file: FileTarget | None = None) -> None:
        """Pass lines on to ``put``."""
        self._lines, self._put, self._file = Lines(), put, file

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

    @property
    def dropped(self) -> tuple[int, int]:
        """Bytes and lines that the file could not take, in the form that they have there."""
        return (0, 0) if self._file is None else self._file.dropped

    def write(self, data: bytes) -> None:
        """Take bytes."""
        if lines := self._lines.feed(data):
            self._put(lines)

    def flush(self) -> None:
        """Pass on the unfinished last line."""
        if lines := self._lines.end():
            self._put(lines)

    def close(self) -> None:
        """Pass on what is left."""
        self.flush()
        if self._file is not None:
            self._file.close()


def formatted(form: str, origin: Origin, stream: str, lines: Sequence[bytes]) -> str:
    """Return lines as text, ready for a console."""
    if form == JSON:
        from ncolony.core.jsonline import json_lines

        return json_lines(timestamp(time()), origin.program, origin.instance, stream, origin.run, lines)
    head = f"{origin.label} | " if form == PREFIX else ""
    return labelled(head, lines)


class Targets:
    """Makes targets for one colony."""

    def __init__(
        self,
        loop: Loop,
        sink: LogSink,
        report: Callable[[str], None] | None = None,
        exits: Register | None = None,
    ) -> None:
        """Have ``sink`` take what goes to a console; tell ``report`` what people should know.

        ``exits`` tells when a file has been compressed; None: nothing ever is.
        """
        self._loop, self._sink, self._exits = loop, sink, exits
        self.report: Callable[[str], None] = report or _ignore
        self._files: dict[str, LogFile] = {}
        self._syslogs: dict[SyslogLog, Syslog] = {}
        self._compressor: Compressor | None = None

    def why_not(self, logs: Sequence[logspec.Target], origin: Origin, stream: str) -> list[str]:
        """Return what stands against these targets, as far as can be told beforehand."""
        files = [log for log in logs if isinstance(log, FileLog)]
        if not files:
            return []
        from ncolony.posix.logfiles import why_not

        reasons = [why_not(path_of(log, origin.program, origin.instance, stream), log) for log in files]
        return [reason for reason in reasons if reason]

    def open(self, logs: Sequence[logspec.Target], origin: Origin, stream: str) -> list[Target]:
        """Make the targets of one stream. Never fails: what cannot be written now is tried again later."""
        return [self._open(log, origin, stream) for log in logs]

    def _open(self, log: logspec.Target, origin: Origin, stream: str) -> Target:
        if isinstance(log, ConsoleLog):
            return ConsoleTarget(self._sink, log, origin, stream)
        if isinstance(log, SyslogLog):
            syslog = self._syslog(log)
            return LineTarget(lambda lines: syslog.send(origin.program, origin.pid, stream, lines))
        from ncolony.posix.filetarget import FileTarget

        path, form = path_of(log, origin.program, origin.instance, stream), log.format
        file = FileTarget(self._loop, self._file(path, log), block=log.full == BLOCK, report=self.report)
        if form == RAW:
            return file
        return LineTarget(lambda lines: file.write(formatted(form, origin, stream, lines).encode()), file)

    def _file(self, path: str, log: FileLog) -> LogFile:
        """Return the file at ``path``. Where several want it to be rotated in different ways, the last one gets it."""
        from ncolony.posix.logfiles import LogFile

        for gone in [known for known, file in self._files.items() if not file.users]:
            del self._files[gone]
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = LogFile(path, log, self.report, self._compress())
            file.settle()
        file.log = log
        return file

    def _compress(self) -> Compressor | None:
        if self._compressor is None and self._exits is not None:
            from ncolony.posix.rotation import Compressor

            self._compressor = Compressor(self._exits, self.report)
        return self._compressor

    def _syslog(self, log: SyslogLog) -> Syslog:
        if log not in self._syslogs:
            from ncolony.posix.syslog import Syslog

            self._syslogs[log] = Syslog(log, self._loop.now, self.report)
        return self._syslogs[log]

    def close(self) -> None:
        """Give back what targets share; they are to be closed before, or go with the whole process."""
        for syslog in self._syslogs.values():
            syslog.close()
        self._syslogs.clear()
        if self._compressor is not None:
            self._compressor.close()


def _ignore(_: str) -> None:
    """Tell nobody: there is nothing that could fail."""


def _nothing() -> None:
    """Do nothing."""
