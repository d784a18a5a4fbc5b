"""What processes use, read from /proc by whoever asks: no cost to the supervisor, and true of this machine only."""

from __future__ import annotations

import os

CPU_FIELDS = slice(11, 13)  # of /proc/PID/stat, behind the name: time in the program, and in the kernel for it
MEGABYTE = 1e6


class Meter:
    """Measures the CPU of processes between two looks, and their memory at the second."""

    def __init__(self) -> None:
        """Begin; the first look at a process tells no CPU yet."""
        self._before: dict[int, tuple[float, float]] = {}
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    def read(self, pids: list[int], now: float) -> dict[int, tuple[str, str]]:
        """Return CPU and memory of each process that there is, in words; forget all others."""
        before, self._before = self._before, {}
        found = {}
        for pid in pids:
            used, resident = self._look(pid)
            if used is None:
                continue
            self._before[pid] = (used, now)
            spent, when = before.get(pid, (used, now))
            share = f"{max(0.0, used - spent) / (now - when):.0%}" if now > when else ""
            found[pid] = (share, _size(resident))
        return found

    def _look(self, pid: int) -> tuple[float | None, int]:
        try:
            with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
                text = file.read(1024)
            with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
                pages = file.read(256).split()
        except OSError:
            return None, 0
        # The name in parentheses may hold anything; the fields begin after the last one.
        fields = text[text.rfind(b")") + 2 :].split()
        if len(fields) < CPU_FIELDS.stop or len(pages) < 2:  # noqa: PLR2004 - cut short: it is going at this moment
            return None, 0
        return sum(map(int, fields[CPU_FIELDS])) / self._ticks, int(pages[1]) * self._page


def _size(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB" if size < 1000 * MEGABYTE else f"{size / MEGABYTE / 1000:.1f} GB"
