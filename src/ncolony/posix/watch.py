"""Notices changes in directories at once, through inotify.

It is the C library's, as Python's standard library has no inotify. Some file systems change without this kernel's
knowledge (network and user-space ones): those are not watched, and the door polls them.
"""

from __future__ import annotations

import _thread
import os
from sys import byteorder

from ncolony.posix.libc import function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop

IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO = 0x4, 0x8, 0x40, 0x80
IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF = 0x100, 0x200, 0x400, 0x800
IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED, IN_ONLYDIR = 0x2000, 0x4000, 0x8000, 0x1000000
# Not IN_MODIFY: what is still being written is of no interest until it is closed or renamed into place.
INTERESTING = IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
ITSELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED
HEADER = 16
BLIND_FILE_SYSTEMS = (
    "9p", "afs", "ceph", "cifs", "fuse", "glusterfs", "lustre", "ncpfs", "nfs", "prl_fs", "smb", "vboxsf", "virtiofs",
)  # fmt: skip


class CannotWatch(Exception):
    """Changes of a directory cannot be noticed at once; the message says why."""


class DirectoryWatch:
    """Watches some directories on one loop."""

    def __init__(self, loop: Loop) -> None:
        """Open inotify. Raises :class:`CannotWatch`."""
        try:
            self._add, self._remove = function("inotify_add_watch"), function("inotify_rm_watch")
            self._fd = function("inotify_init1")(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise CannotWatch(error.strerror or str(error)) from None
        self._loop = loop
        self._calls: dict[int, Callable[[frozenset[str] | None], None]] = {}
        loop.watch(self._fd, self._read)

    def add(self, path: str, call: Callable[[frozenset[str] | None], None], changes: int = INTERESTING) -> None:
        """Call with the names that changed in the directory ``path``; ``changes``: those of interest.

        None instead of names: anything may have changed, and the directory may no longer be the one that is watched
        (it was moved or deleted, or the queue overflowed). Raises :class:`CannotWatch`.
        """
        blind = blind_file_system(path)
        if blind:
            raise CannotWatch(f"changes on {blind} file systems are not always told")
        flags = changes | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
        try:
            number = self._add(self._fd, os.fsencode(path), flags)
        except OSError as error:
            raise CannotWatch(error.strerror or str(error)) from None
        self._calls[number] = call

    def close(self) -> None:
        """Watch no more."""
        self._calls.clear()
        self._loop.unwatch(self._fd)
        try:
            # The kernel takes 15 ms to close it, in which the programs of a colony that stops can be on their way.
            _thread.start_new_thread(os.close, (self._fd,))
        except RuntimeError:  # no room for a thread
            os.close(self._fd)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        changed: dict[int, set[str] | None] = {}
        for number, mask, name in _events(data):
            if mask & IN_Q_OVERFLOW:
                changed = dict.fromkeys(self._calls)
                break
            if mask & ITSELF:
                changed[number] = None
            elif (names := changed.setdefault(number, set())) is not None:
                names.add(name)
        for number, names in changed.items():
            call = self._calls.get(number)
            if call is not None:
                call(None if names is None else frozenset(names))

    def forget(self, call: Callable[[frozenset[str] | None], None]) -> None:
        """Stop watching the directory that ``call`` was given for."""
        for number in [number for number, known in self._calls.items() if known == call]:
            del self._calls[number]
            try:
                self._remove(self._fd, number)
            except OSError:
                pass  # the kernel has forgotten it by itself, with the directory


def _events(data: bytes) -> list[tuple[int, int, str]]:
    found = []
    at = 0
    while at < len(data):
        number = int.from_bytes(data[at : at + 4], byteorder, signed=True)
        mask = int.from_bytes(data[at + 4 : at + 8], byteorder)
        length = int.from_bytes(data[at + 12 : at + 16], byteorder)
        name = os.fsdecode(data[at + HEADER : at + HEADER + length].rstrip(b"\0"))
        found.append((number, mask, name))
        at += HEADER + length
    return found


def blind_file_system(path: str) -> str | None:
    """Return the type of the file system of ``path`` if it may change without this kernel's knowledge."""
    kind = _file_system(path)
    return kind if kind is not None and kind.startswith(BLIND_FILE_SYSTEMS) else None


def _file_system(path: str) -> str | None:
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            wanted = f"{os.major(device)}:{os.minor(device)}"
            kinds = [line.split(" - ")[1].split()[0] for line in mounts if line.split()[2] == wanted]
    except (OSError, IndexError):
        return None
    return kinds[-1] if kinds else None
