"""Processes that have lost their parent and were adopted: by us, or by who adopts what an earlier supervisor started.

Found by the kernel's lists of children, watched, and reaped where they are ours to reap. Whose they are, others decide.
"""

from __future__ import annotations

import os

from ncolony.core.program import GROUP
from ncolony.posix.exits import reap
from ncolony.posix.kin import look_at
from ncolony.posix.processes import in_exec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.posix.exits import Register
    from ncolony.posix.kin import Families, Kin
    from ncolony.posix.tree import Tree

UNSURE = -1  # in the place of a start time: to be looked at again


class Strays:
    """All strays that are known, each with its owner or none."""

    def __init__(
        self,
        exits: Register,
        families: Families,
        owner: Callable[[Kin], Tree | None],
        changed: Callable[[Tree | None, Kin | None], None],
        theirs: Callable[[int], bool],
    ) -> None:
        """Ask ``owner`` whose a stray is; tell ``changed`` of each new one, and None when one is gone.

        ``theirs`` tells which children somebody else in this process has started, and reaps.
        """
        self._exits, self._families = exits, families
        self._owner, self._changed, self._theirs = owner, changed, theirs
        self._known: dict[int, Tree | None] = {}
        self._elsewhere: dict[int, dict[int, dict[int, int]]] = {}
        """Other processes that adopt, and when each child in each of their lists that was looked at had started."""

    def close(self) -> None:
        """Let go of them."""
        for pid in self._known:
            self._exits.forget(pid)
        self._known.clear()

    def look_in(self, adopter: int) -> None:
        """Look among the children of another process, too."""
        if adopter != os.getpid():
            self._elsewhere.setdefault(adopter, {})

    def find(self) -> bool:
        """Find those that there are by now; tell whether that is sure to be all, and known whose they are.

        It is not where one has ended since the list was made: what it has left behind may have come too late for that.
        """
        sure = True
        for pid in set(self._families.adopted()).difference(self._exits.known):
            kin = look_at(pid)
            sure = sure and kin is not None and (not kin.ended or self._theirs(pid))
            if kin is not None:
                self.meet(kin, None)
        # Those in a group may leave it; those of nobody may have been in the middle of an exec.
        for pid in [pid for pid, tree in self._known.items() if tree is None or tree.scope == GROUP]:
            sure = self._find_owner(pid) and sure
        for adopter, seen in self._elsewhere.items():
            lists = self._families.lists(adopter)
            self._elsewhere[adopter] = now = {
                number: self._find_in(children, seen.get(number, {})) for number, children in lists.items()
            }
            sure = sure and not any(UNSURE in births.values() for births in now.values())
        return sure

    def _whose(self, kin: Kin) -> tuple[Tree | None, bool]:
        """Return the owner, and whether that is sure.

        Twice where there seems to be none: an exec may have hidden the marks from the first look and be over by now.
        """
        for _ in range(2):
            tree = self._owner(kin)
            if tree is not None:
                return tree, True
            if in_exec(kin.pid):
                return None, False
        return None, True

    def _find_owner(self, pid: int) -> bool:
        kin = look_at(pid)
        if kin is None or kin.ended:
            return False
        tree, sure = self._whose(kin)
        before = self._known[pid]
        if tree is not before:
            if before is not None:
                del before.strays[pid]
                self._known[pid] = None
            self._give(kin, tree)
        return sure

    def _find_in(self, children: list[int], seen: dict[int, int]) -> dict[int, int]:
        """Look at a list of somebody's children, as far as needed; return when each of them had started.

        Who adopted them may never reap them, so most may be dead. What is new stands behind what was there: before one
        that is known to be the same, every pid that was there means the process it did, and needs no other look.
        """
        now = {}
        same = False
        for pid in reversed(children):
            if pid in self._exits.known or pid == os.getpid():
                continue
            before = seen.get(pid)
            if same and before is not None and before != UNSURE:
                now[pid] = before
                continue
            kin = look_at(pid)
            if kin is None:
                if before is None:
                    now[pid] = UNSURE
                continue
            now[pid] = kin.born
            if kin.born == before:
                same = True
            elif kin.ended:
                now[pid] = UNSURE if before is None else kin.born
            else:
                tree, sure = self._whose(kin)
                if tree is not None:
                    self.meet(kin, tree)
                elif not sure:
                    now[pid] = UNSURE
        return now

    def meet(self, kin: Kin, tree: Tree | None) -> None:
        """Watch over a new one, whose owner is ``tree``."""
        ours = kin.parent == os.getpid()
        if tree is None and self._theirs(kin.pid):
            return
        if ours and kin.ended:
            reap(kin.pid)
            return
        watch = self._exits.watch if ours else self._exits.adopt
        try:
            watch(kin.pid, lambda *_: self._gone(kin.pid))
        except OSError:
            return  # no room for it, or gone; the next look finds it if it is there
        self._known[kin.pid] = None
        self._give(kin, tree)

    def _give(self, kin: Kin, tree: Tree | None) -> None:
        if tree is not None:
            self._known[kin.pid] = tree
            tree.meet(kin)
            self._changed(tree, kin)

    def disown(self, tree: Tree) -> None:
        """Have no owner for what a tree has left."""
        for pid in tree.strays:
            self._known[pid] = None

    def _gone(self, pid: int) -> None:
        tree = self._known.pop(pid, None)
        if tree is not None:
            tree.strays.pop(pid, None)
        self._changed(None, None)  # in any case: it may have left others behind
