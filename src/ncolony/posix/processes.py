"""Facts about processes, read from /proc."""

from __future__ import annotations

import os
from time import CLOCK_BOOTTIME, clock_gettime, sleep

from ncolony.core.bare import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STARTED = 19  # the field that proc(5) counts as the 22nd
MOMENT = 0.001  # seconds to wait for the end of an exec
PATIENCE = 50  # of them


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks after boot: with its pid, its identity. None: there is none.

    A process that has ended and was not reaped yet counts as there.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read(1024)
    except OSError:
        return None
    # The second field is the command in parentheses, and may hold anything; the rest begins after the last one.
    fields = text[text.rfind(b")") + 2 :].split()
    return int(fields[STARTED]) if len(fields) > STARTED else None


TICKS = os.sysconf("SC_CLK_TCK")
WINDOW = 100  # ticks that may lie between a process's start and the moment it was noted


def ticks_now() -> int:
    """Return the time in clock ticks after boot."""
    return int(clock_gettime(CLOCK_BOOTTIME) * TICKS)


def is_run(pid: int, born: int, run: str) -> bool:
    """Tell whether process ``pid`` is the run ``NAME:NUMBER/RUN`` that was noted to be alive at ``born`` (in ticks).

    The mark tells; and it has not started after that moment. Programs that overwrite their environment to show a title
    have lost their mark: for those the time of the start has to agree.
    """
    return tells_run(mark_in(_environ(pid)), partial(start_time, pid), born, run)


def tells_run(mark: bytes | None, started: Callable[[], int | None], born: int, run: str) -> bool:
    """Tell the same from the mark that was found and, where there was none, from when the process ``started``."""
    if mark is not None and os.fsdecode(mark).partition("/")[2] != run:
        return False
    at = started()
    # With a mark only the end of the window counts: another colony may have a run of that name, and this pid by now.
    return at is not None and at <= born + 1 and (mark is not None or born - WINDOW <= at)


def mark_in(environ: bytes) -> bytes | None:
    """Return the NCOLONY_RUN of an environment as it lies in memory, without taking all of it apart."""
    text = b"\0" + environ
    at = text.rfind(_MARK)
    return text[at + len(_MARK) :].partition(b"\0")[0] if at >= 0 else None


_MARK = b"\0NCOLONY_RUN="


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment a process was started with; empty where it cannot be read."""
    entries = os.fsdecode(_environ(pid)).split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _environ(pid: int) -> bytes:
    """Return the environment as it lies in memory; empty where it cannot be read. Waits for the end of an exec."""
    try:
        for _ in range(PATIENCE):
            environ = _look(pid)
            if environ:
                return environ
            if not in_exec(pid):
                return _look(pid)  # once more: its exec may have ended between the two
            os.stat(f"/proc/{pid}/exe")  # which a dead process has not, nor a thread of the kernel
            sleep(MOMENT)
    except OSError:
        pass
    return b""


def _look(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
        return file.readall()


def in_exec(pid: int) -> bool:
    """Tell whether a process is in the middle of an exec: for a moment it has neither environment nor arguments."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return not file.read(1)
    except OSError:
        return False


def marked(colony: str) -> dict[str, list[int]]:
    """Return the processes that carry a mark of this colony, by mark: session leaders first, and the oldest of them.

    Looks at every process of the system, so it is only done when records are missing.
    """
    wanted = os.fsencode(f"{colony}/")
    found: dict[str, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        mark = mark_in(_environ(int(name)))
        if mark is not None and mark.startswith(wanted):
            found.setdefault(os.fsdecode(mark), []).append(int(name))
    for pids in found.values():
        pids.sort(key=_place)
    return found


def _place(pid: int) -> tuple[bool, int]:
    """Return what sorts leaders of sessions first, and of those the oldest: a run's first process, if that lives."""
    return session_of(pid) != pid, start_time(pid) or 0


def session_of(pid: int) -> int:
    """Return the session of a process; 0: it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def boot_id() -> str:
    """Return a text that is another one after every boot; empty where the kernel does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""
