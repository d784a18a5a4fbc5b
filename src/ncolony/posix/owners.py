"""Whose a process is that has lost its parent: told by its mark, its cgroup, its session or group, or its output."""

from __future__ import annotations

from ncolony.core.launch import CHECK
from ncolony.core.program import GROUP, PROCESS
from ncolony.posix.kin import mark_of, pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.posix.cgroups import Cgroups
    from ncolony.posix.kin import Kin
    from ncolony.posix.tree import Tree


class Owners:
    """The trees of a colony, by what tells them from each other."""

    def __init__(self, cgroups: Cgroups | None) -> None:
        """Begin without any."""
        self._cgroups = cgroups
        self._marks: dict[bytes, Tree] = {}
        self._leaders: dict[int, Tree] = {}
        self._pipes: dict[int, Tree] = {}
        self._places: dict[str, Tree] = {}

    def add(self, tree: Tree) -> None:
        """Let a tree own what is of it."""
        if tree.scope == PROCESS:
            return
        if tree.mark:
            self._marks[tree.mark] = tree
        if tree.leader:
            self._leaders[tree.leader] = tree
        if tree.cgroup is not None:
            self._places[tree.cgroup.path] = tree
        for one in tree.pipes:
            self._pipes[one] = tree

    def remove(self, tree: Tree) -> None:
        """Forget a tree."""
        if self._marks.get(tree.mark) is tree:
            del self._marks[tree.mark]
        if self._leaders.get(tree.leader) is tree:
            del self._leaders[tree.leader]
        if tree.cgroup is not None and self._places.get(tree.cgroup.path) is tree:
            del self._places[tree.cgroup.path]
        for one in tree.pipes:
            if self._pipes.get(one) is tree:
                del self._pipes[one]

    def of(self, kin: Kin) -> Tree | None:
        """Tell whose a stray is."""
        mark = mark_of(kin.pid)
        if mark:
            # None: of a run that is over, or of another colony. What a check left behind is the run's.
            tree = self._marks.get(mark) or self._marks.get(mark.removesuffix(CHECK.encode()))
        else:
            tree = (
                self._by_cgroup(kin.pid)
                or self._leaders.get(kin.session)
                or self._leaders.get(kin.group)
                or self._by_output(kin.pid)
            )
        return None if tree is None or (tree.scope == GROUP and kin.group != tree.leader) else tree

    def _by_cgroup(self, pid: int) -> Tree | None:
        place = None if self._cgroups is None else self._cgroups.place_of(pid)
        return None if place is None else self._places.get(place)

    def _by_output(self, pid: int) -> Tree | None:
        found = (pipe(f"/proc/{pid}/fd/{number}") for number in (1, 2))
        return next((self._pipes[one] for one in found if one is not None and one in self._pipes), None)
