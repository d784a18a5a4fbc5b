"""Cgroups with a limit on memory, of whichever version this machine has for that."""

import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from ncolony.posix.hierarchy import Hierarchy, NoCgroups

LIMIT = 64 * 1024 * 1024
HOG = "b = bytearray(500000000); b[::4096] = bytes(len(b[::4096]))"


@contextmanager
def limited(name):
    """Make one below our own for a while; skip the test where that cannot be."""
    try:
        path = _made(name)
    except (OSError, NoCgroups) as error:
        pytest.skip(f"no cgroup with a limit on memory can be made here: {error}")
    yield path
    end = time.monotonic() + 10.0
    while path.exists():
        try:
            path.rmdir()
        except OSError:  # the kernel may need a moment after its last process
            assert time.monotonic() < end, f"{path} is still in use"
            time.sleep(0.01)


def _made(name):
    parent, file = _version_1() or (Path(Hierarchy().own), "memory.max")
    path = parent / name
    path.mkdir()
    try:
        (path / file).write_text(str(LIMIT))
    except OSError:
        path.rmdir()
        raise
    return path


def _version_1():
    """Return our own cgroup in the first version's hierarchy for memory, and the file of its limit, if there is one."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if "memory" in controllers.split(","):
            root = Path("/sys/fs/cgroup/memory")
            own = root / name.lstrip("/")
            return (own if own.is_dir() else root), "memory.limit_in_bytes"
    return None
