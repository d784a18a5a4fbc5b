"""The hierarchy of cgroups (v2): where it is mounted, where in it processes are, and its files."""

from __future__ import annotations

import os


class NoCgroups(Exception):
    """Cgroups cannot be used here; the message says why."""


class Hierarchy:
    """What is mounted of the hierarchy, and our own place in it."""

    def __init__(self) -> None:
        """Find it. Raises :class:`NoCgroups`."""
        name = name_of(os.getpid())
        if not name or name.startswith("/.."):  # above what is to be seen from here
            raise NoCgroups("there is no cgroup v2 here")
        self._mount, self._root = _mounted(name)
        self.own = self.directory(name)
        """The directory of the cgroup that this process is in."""

    def directory(self, name: str) -> str:
        """Return where the cgroup is that the kernel calls ``name``."""
        return self._mount + name.removeprefix(self._root).rstrip("/")


def _mounted(name: str) -> tuple[str, str]:
    """Return where a part of the hierarchy with the cgroup ``name`` in it is mounted, and what cgroup that is."""
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            root, mount = (_plain(word) for word in fields.split()[3:5])
            root = root.rstrip("/")
            if f"{name}/".startswith(f"{root}/"):
                return mount, root
    raise NoCgroups("no cgroup v2 is mounted that has our own in it")


def _plain(text: str) -> str:
    """Return a path of mountinfo as it is: a blank and the like are written as octal digits there."""
    first, *rest = text.split("\\")
    return first + "".join(chr(int(word[:3], 8)) + word[3:] for word in rest)


def name_of(pid: int) -> str:
    """Return the cgroup of a process as the kernel calls it; empty: it is gone, or in none."""
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    return ""


def read(path: str) -> str:
    """Return the text of a file; empty where it is gone."""
    try:
        with open(path, "rb", buffering=0) as file:
            return os.fsdecode(file.readall()).rstrip("\n")
    except OSError:
        return ""


def open_to_write(path: str) -> int:
    """Open a file of a cgroup. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def write(path: str, text: str) -> None:
    """Write into a file of a cgroup; nothing happens where that, or the process that it is about, is gone."""
    try:
        fd = open_to_write(path)
    except OSError:
        return
    try:
        os.write(fd, text.encode("ascii"))
    except OSError:
        pass
    finally:
        os.close(fd)
