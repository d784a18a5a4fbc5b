"""One supervisor under measurement: started, watched, signalled, and never left behind. Knows no figures."""

import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

from bench import procfs
from bench.contestants import BY_TERM, Client, Ending, environment
from bench.errors import BenchError
from bench.records import Awaited, Record, Records

GLANCE_S = 0.002
"""How often the record file is looked at. What counts is the time in the record; this only costs CPU."""
TAIL = 600
PR_SET_CHILD_SUBREAPER = 36


class Supervisor:
    """The process, the children it starts, and the end of both; use it in a with statement."""

    def __init__(self, command: Sequence[str], records: Records, timeout: float, client: Client | None = None) -> None:
        """Start it; it runs, and its log is, where the records are."""
        self.records = records
        self.client = client
        self._timeout = timeout
        self._log = records.path.with_name("log")
        with self._log.open("wb") as log:
            self.started_ns = time.monotonic_ns()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=records.path.parent,
                env=environment(),
                start_new_session=True,
            )
        self._pidfd = os.pidfd_open(self._process.pid)

    def __enter__(self) -> "Supervisor":
        """Nothing to do: it runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever is left, the supervisor first, lest it start its children again."""
        self._process.kill()
        self._process.wait()
        os.close(self._pidfd)
        end_orphans()

    def pids(self) -> set[int]:
        """Return the supervisor's own processes: it and all below it that are no children of the colony."""
        below = procfs.descendants(self._process.pid)
        self.records.refresh()
        return {self._process.pid} | (below - self.records.pids)

    def await_starts(self, before: Mapping[int, int]) -> list[Record]:
        """Wait until each index has noted a start with another pid than before; return these records as they came."""
        awaited = Awaited(before)
        deadline = time.monotonic() + self._timeout
        while not awaited.take(self.records.refresh()):
            if self._process.poll() is not None:
                self._fail(f"exited with status {self._process.returncode}")
            if time.monotonic() > deadline:
                self._fail(f"had started {len(awaited.came)} of {awaited.total} after {self._timeout:g} s")
            time.sleep(GLANCE_S)
        return awaited.came

    def kill_children(self, indices: Iterable[int]) -> tuple[int, list[Record]]:
        """SIGKILL these children at once; return when, and their replacements' records."""
        before = {index: self.records.latest[index].pid for index in indices}
        now_ns = time.monotonic_ns()
        _kill(before.values())
        return now_ns, self.await_starts(before)

    def asked(self, command: Sequence[str]) -> float:
        """Run a command of its client to the end; return how many seconds it took, or fail if it failed."""
        begin = time.monotonic()
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=self._timeout,
            check=False,
        )
        if done.returncode:
            self._fail(f'"{" ".join(command[:6])}" exited with {done.returncode}: {done.stderr[-TAIL:]!r}')
        return time.monotonic() - begin

    def restarted(self, index: int, command: Sequence[str]) -> float:
        """Have its client restart a program; return the seconds until the new process has noted its start."""
        before = {index: self.records.latest[index].pid}
        began_ns = time.monotonic_ns()
        self.asked(command)
        (start,) = self.await_starts(before)
        return (start.at_ns - began_ns) / 1e9

    def stop(self, ending: Ending = BY_TERM) -> float:
        """Tell it to stop; return how many seconds passed until it and all its children were gone."""
        begin = time.monotonic()
        self._process.send_signal(ending.signal)
        if not select.select([self._pidfd], [], [], self._timeout)[0]:
            self._fail(f"had not exited {self._timeout:g} s after {ending.signal.name}")
        status = self._process.wait()
        deadline = begin + self._timeout
        while left := _orphans():
            if time.monotonic() > deadline:
                self._fail(f"left {len(left)} processes behind after {ending.signal.name}")
            time.sleep(GLANCE_S)
        took = time.monotonic() - begin
        if status not in ending.statuses:
            self._fail(f"exited with status {status} after {ending.signal.name}")
        return took

    def _fail(self, what: str) -> None:
        tail = " ".join(self._log.read_text(errors="replace")[-TAIL:].split())
        raise BenchError(f"{what}; its last words: {tail}" if tail else what)


def adopt_orphans() -> None:
    """Become the parent of whatever loses its own below us: then nothing can be left behind, however deep it was."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise BenchError(f"cannot adopt orphans: {os.strerror(ctypes.get_errno())}")


def end_orphans() -> None:
    """End whatever is left below us. Only for when nothing else runs there."""
    while left := _orphans():
        _kill(left)
        time.sleep(GLANCE_S)


def _orphans() -> set[int]:
    """Reap what has ended and return what has not. Only for when the supervisor has been waited for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return set()
    return procfs.descendants(os.getpid())


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
