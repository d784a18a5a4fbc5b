"""One cgroup (v2) a slot, so that nothing which a program starts can get away from it.

A slot's cgroup is the directory ``ncolony-COLONY/NAME:NUMBER`` below the supervisor's own: the supervisor is in another
than its programs. No controller is switched on, so there may be processes on every level. The directory is made before
a run and removed when the slot rests; a successor finds it by the processes in it. docs/decisions/0012-cgroups.md says
why.
"""

from __future__ import annotations

import os

from ncolony.core.bare import partial
from ncolony.core.events import InstanceChanged
from ncolony.core.states import Exited, Fatal, Stopped
from ncolony.posix.hierarchy import NoCgroups, name_of, open_to_write, read, write
from ncolony.posix.inside import Inside, NotHere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ncolony.core.events import Event
    from ncolony.posix.hierarchy import Hierarchy
    from ncolony.posix.plainly import Files

    Start = Callable[[str, tuple[str, ...], Mapping[str, str], Files], int]

NO_CHILDREN = 2  # links that a directory without subdirectories has


class Cgroup:
    """One of them, and those below it."""

    __slots__ = ("_inside", "path")

    def __init__(self, path: str, inside: Inside | None = None) -> None:
        """Name it by its directory. ``inside`` starts processes in cgroups."""
        self.path, self._inside = path, inside

    @property
    def start(self) -> Start | None:
        """What starts a process in it; None: that takes the launcher, which enters it."""
        return None if self._inside is None else partial(_start_inside, self.path, self._inside)

    def members(self) -> list[int]:
        """Return the processes in it."""
        words = (word for place in _with_all_below(self.path) for word in read(f"{place}/cgroup.procs").split())
        return [int(word) for word in words if word != "0"]  # which stands for who cannot be seen from here

    def kill(self) -> None:
        """Send SIGKILL to all in it at one blow: nobody forks his way out."""
        write(f"{self.path}/cgroup.kill", "1")


class Cgroups:
    """The cgroups of a colony's slots (an Observer: a slot that rests needs none)."""

    def __init__(self, hierarchy: Hierarchy, colony: str, *, launching: bool = False) -> None:
        """Make ready. ``launching``: where the C library cannot start a process in a cgroup, the launcher enters it.

        Raises :class:`NoCgroups`.
        """
        self._hierarchy = hierarchy
        self._folder = f"ncolony-{colony}"
        self._top = f"{hierarchy.own}/{self._folder}"
        try:
            self._inside: Inside | None = Inside()
        except NotHere as error:
            if not launching:
                raise NoCgroups(f"{error}; --cgroups yes has the launcher do it, which takes longer") from None
            self._inside = None
        try:
            self._probe()
        except OSError as error:
            self.close()
            raise NoCgroups(f"{hierarchy.own!r} cannot be used: {error.strerror}") from None
        self.method = "cgroups" if self._inside is not None else "cgroups, entered through the launcher,"
        """How a process gets into its own, for people."""

    def _probe(self) -> None:
        """Raise OSError where a process cannot be put into a new cgroup, or not be killed through it."""
        # To have a process elsewhere takes the right to write where it is, too.
        os.close(open_to_write(f"{self._hierarchy.own}/cgroup.procs"))
        try:
            os.mkdir(self._top)
        except FileExistsError:
            pass
        for name in ("cgroup.procs", "cgroup.kill"):  # the latter from Linux 5.14 on
            os.close(open_to_write(f"{self._top}/{name}"))
        if read(f"{self._top}/cgroup.type") != "domain":
            raise OSError(0, "it is for threads")
        if self._inside is not None:
            try:
                _start_inside(self._top, self._inside, f"{self._top}/none", ("none",), {}, ())
            except FileNotFoundError:
                pass  # as it should be: the process was there, and found no such program

    def place_of(self, pid: int) -> str | None:
        """Return the directory of the slot's cgroup that a process is in, or below; None: in none of this colony's."""
        before, folder, rest = name_of(pid).partition(f"/{self._folder}/")
        return self._hierarchy.directory(before + folder + rest.partition("/")[0]) if rest else None

    def found(self, pid: int) -> Cgroup | None:
        """Return the slot's cgroup that a process is in, wherever the supervisor was that put it there."""
        place = self.place_of(pid)
        return None if place is None else Cgroup(place)

    def make(self, slot: str) -> Cgroup | None:
        """Return the cgroup of a slot ``NAME:NUMBER``, made now if need be; None where that cannot be."""
        if not slot:
            return None
        path = f"{self._top}/{slot}"
        try:
            os.mkdir(path)
        except FileExistsError:
            pass
        except OSError:
            return None  # there may be a limit on how many there are; the run is looked after in other ways
        return Cgroup(path, self._inside)

    def saw(self, event: Event) -> None:
        """Remove the cgroup of a slot that rests."""
        if isinstance(event, InstanceChanged) and isinstance(event.after.state, Stopped | Exited | Fatal):
            remove(f"{self._top}/{event.slot.program}:{event.slot.number}")

    def close(self) -> None:
        """Remove them all, but those that somebody is in."""
        remove(self._top)


def _start_inside(
    cgroup: str, inside: Inside, path: str, args: tuple[str, ...], env: Mapping[str, str], files: Files
) -> int:
    fd = os.open(cgroup, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return inside(fd, path, args, env, files)
    finally:
        os.close(fd)


def remove(cgroup: str) -> None:
    """Remove a cgroup and those below it, but for those that somebody is in."""
    for place in reversed(list(_with_all_below(cgroup))):
        try:
            os.rmdir(place)
        except OSError:
            continue


def _with_all_below(cgroup: str) -> Iterator[str]:
    yield cgroup
    try:
        if os.stat(cgroup).st_nlink == NO_CHILDREN:
            return
        below = [entry.path for entry in os.scandir(cgroup) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return  # gone
    for path in below:
        yield from _with_all_below(path)
