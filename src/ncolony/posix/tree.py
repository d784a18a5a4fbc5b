"""What one run has started, as far as it is known. trees.py looks for it and deals with it."""

from __future__ import annotations

import os

from ncolony.posix.kin import look_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ncolony.posix.cgroups import Cgroup
    from ncolony.posix.kin import Kin

_NONE: dict[int, Kin] = {}
UNKNOWN = 0  # a start time that need not be compared, as the process is our child and not reaped


class Tree:
    """What one run has started."""

    __slots__ = ("born", "cgroup", "ended", "killed", "leader", "mark", "pid", "pipes", "scope", "strays", "swept")

    def __init__(self, mark: str, scope: str) -> None:
        """Begin with nothing. ``scope``: as in a program's ``stop``, what of the tree is looked after."""
        self.mark = os.fsencode(mark)
        self.scope = scope
        self.pid: int | None = None
        """Its first process, as long as that is not gone."""
        self.born = UNKNOWN
        """When that started, in clock ticks after boot."""
        self.leader = 0
        """The number of its session and group: that of its first process, even when that is gone."""
        self.pipes: tuple[int, ...] = ()
        self.cgroup: Cgroup | None = None
        """What all of it is in."""
        self.strays = _NONE
        """Those of it whose parent is not of it: adopted, by us or by another. See :meth:`meet`."""
        self.killed = False
        self.ended: Callable[[bool], None] | None = None
        self.swept: Callable[[], None] | None = None

    def meet(self, kin: Kin) -> None:
        """Have one more stray."""
        if not self.strays:
            self.strays = {}  # one of its own only now: hardly any tree has strays
        self.strays[kin.pid] = kin

    def holds_its_group(self) -> bool:
        """Tell whether a child of ours is in its group: only we can reap that, so no other group has got the number."""
        for kin in self.strays.values():
            now = look_at(kin.pid) if kin.parent == os.getpid() else None
            if now is not None and now.group == self.leader:
                return True
        return False

    def in_cgroup(self) -> Sequence[int]:
        """Return the processes in its cgroup."""
        return () if self.cgroup is None else self.cgroup.members()
