"""The file in which every child notes its start. Knows the format and nothing of processes."""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FORMAT = struct.Struct("=qii")


class Record(NamedTuple):
    """One start of one child: when (CLOCK_MONOTONIC, as time.monotonic_ns reads it), its pid, its program."""

    at_ns: int
    pid: int
    program: int


class Records:
    """What the children have noted so far: the latest start of each, and every pid there ever was."""

    def __init__(self, path: Path) -> None:
        """Make the empty file; the children only append to it."""
        self.path = path
        self.latest: dict[int, Record] = {}
        self.pids: set[int] = set()
        self._file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._offset = 0

    def refresh(self) -> list[Record]:
        """Return the records that came since the last call."""
        whole = os.fstat(self._file).st_size // FORMAT.size * FORMAT.size
        if whole == self._offset:
            return []
        text = os.pread(self._file, whole - self._offset, self._offset)
        self._offset += len(text)
        new = [Record(*fields) for fields in FORMAT.iter_unpack(text)]
        for record in new:
            self.latest[record.program] = record
            self.pids.add(record.pid)
        return new

    def close(self) -> None:
        """Give the descriptor back; the file belongs to its directory."""
        os.close(self._file)


class Awaited:
    """The children that are to start: each index with the pid that it had before (0: none)."""

    def __init__(self, before: Mapping[int, int]) -> None:
        """Wait for a first record of each index whose pid is another than before."""
        self._before = dict(before)
        self.total = len(before)
        self.came: list[Record] = []

    def take(self, records: list[Record]) -> bool:
        """Tick off what came; return whether all have come."""
        for record in records:
            if self._before.get(record.program, record.pid) != record.pid:
                del self._before[record.program]
                self.came.append(record)
        return not self._before
