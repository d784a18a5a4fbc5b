"""Whole process trees: what a run has started, wherever it went, is signalled and ended with it.

We are a *subreaper* (or PID 1): whatever loses its parent below us becomes our child, a *stray*. So the tree of a run
is its first process, the strays that are its own, and all their descendants. A stray is known by the mark in its
environment; where that is lost, by its cgroup, its session or group, or the output pipe that it holds. Without cgroups,
what has lost all of them cannot be told: a daemon which cleaned its environment, made a session and closed its output,
and whose parent was gone before anybody signalled the tree. It lives on, and is reaped when it ends.

What it costs. A run's end, or a signal to it, looks at that run's tree, and once in a turn of the loop at the list of
our main thread's children, which stays short: where there are many programs, they are started from another thread
(starter.py) and stand in its list; with 4000 in one it would be 5 ms.

Processes that an earlier supervisor started are not our children. Their strays go to who has adopted them, so *its*
children are looked at, too; what was left behind before that is found by one look at all marks.
"""

from __future__ import annotations

import os

from ncolony.core.bare import SIGCONT, SIGKILL, SIGSTOP, deque
from ncolony.core.launch import CHECK
from ncolony.core.program import GROUP, PROCESS, TREE
from ncolony.posix.kin import Families, ancestors, look_at, pipe, send, why_no_subreaper
from ncolony.posix.owners import Owners
from ncolony.posix.processes import marked
from ncolony.posix.strays import Strays
from ncolony.posix.tree import UNKNOWN, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.ports import Loop
    from ncolony.posix.cgroups import Cgroups
    from ncolony.posix.exits import Register
    from ncolony.posix.kin import Kin

    Tells = Callable[[int], bool]

ROUNDS = 20  # looks at a tree that is being killed before everything else gets a turn
PAUSE = 0.01  # seconds that it gets
MOMENT = 0.001  # seconds to wait where an exec is under way, or something has just ended; see Strays.find
PATIENCE = 200  # of them: an exec may hang on a file system that does not answer


class Trees:
    """The trees of a colony's runs."""

    def __init__(
        self, loop: Loop, exits: Register, colony: str = "", theirs: Tells | None = None, cgroups: Cgroups | None = None
    ) -> None:
        """Become a subreaper.

        ``colony``: as in the marks of its runs; ``theirs`` tells which of our children somebody else reaps;
        ``cgroups``: where runs have one each that are looked after as trees.
        """
        self._loop, self._colony, self._cgroups = loop, colony, cgroups
        self.exits = exits
        self._families = Families()
        self._owners = Owners(cgroups)
        self.strays = Strays(exits, self._families, self._owners.of, self._changed, theirs or (lambda _: False))
        self._left: dict[str, list[int]] | None = None
        self._ended: deque[Tree] = deque()
        self._sweeping: set[Tree] = set()
        self._grown: set[Tree] = set()
        self._last = _NOBODY
        self._told: dict[Tree, list[int]] = {}  # to trees that may have a member more
        self._due = self._fresh = False
        self._sure, self._unsure = True, 0
        why_not = why_no_subreaper()
        method = f"their marks ({why_not})" if why_not else "subreaper"
        self.method = method if cgroups is None else f"{cgroups.method} and {method}"
        """How whole trees are found, for people."""
        for pid in ancestors() if why_not else ():
            self.strays.look_in(pid)
        self.tells_threads_apart = self._families.listed
        """What another thread of ours starts is not taken for a stray before we hear of it."""

    # Runs ---------------------------------------------------------------------------------------------------------

    def begin(self, mark: str, scope: str, outputs: tuple[int, ...] = ()) -> Tree:
        """Make the tree of a run that has no process yet. ``outputs``: the pipes that it will write to."""
        tree = Tree(mark, scope)
        tree.pipes = tuple(found for fd in outputs if (found := pipe(fd)) is not None)
        if self._cgroups is not None and scope == TREE and not mark.endswith(CHECK):
            tree.cgroup = self._cgroups.make(mark.partition("/")[2].rpartition("/")[0])
        return tree

    def born(self, tree: Tree, pid: int, born: int = UNKNOWN) -> None:
        """Take note of the first process of a run; ``born``: its start time, where it is not our child."""
        tree.pid = tree.leader = pid
        tree.born = born
        self._owners.add(tree)

    def take_over(self, run: str, pid: int | None, scope: str, leader: int = 0) -> Tree:
        """Make the tree of a run ``NAME:NUMBER/RUN`` of an earlier supervisor; ``pid``: its process if it lives.

        ``leader``: the number of its group, where that is known.
        """
        tree = self.begin(f"{self._colony}/{run}" if self._colony else "", scope)
        kin = None if pid is None else look_at(pid)
        if kin is not None:
            tree.pipes = tuple(one for fd in (1, 2) if (one := pipe(f"/proc/{pid}/fd/{fd}")) is not None)
            if self._cgroups is not None and scope == TREE:
                tree.cgroup = self._cgroups.found(kin.pid)  # where an earlier supervisor had it
            self.strays.look_in(kin.parent)
            self.born(tree, kin.pid, kin.born)
        self._owners.add(tree)
        tree.leader = tree.leader or leader  # only now: without a mark, that number tells nothing of who has it
        if scope != PROCESS:
            self._find_left(tree)
        return tree

    def _find_left(self, tree: Tree) -> None:
        if self._left is None:
            self._left = marked(self._colony) if self._colony else {}
        mark = os.fsdecode(tree.mark)
        ours = {*self._left.pop(mark, ()), *self._left.pop(f"{mark}{CHECK}", ()), *tree.in_cgroup()}
        for pid in ours - {tree.pid}:
            kin = look_at(pid)
            if kin is not None and kin.parent not in ours and self._owners.of(kin) is tree:
                self.strays.look_in(kin.parent)
                self.strays.meet(kin, tree)

    def ended(self, tree: Tree, tell: Callable[[bool], None], swept: Callable[[], None]) -> None:
        """Take note that the first process of a run is gone, and ``tell`` soon whether it has left some behind.

        At the end of the turn, so that one look does for all that end in it. ``swept`` follows when those are gone.
        """
        tree.pid = None
        tree.ended, tree.swept = tell, swept
        self._ended.append(tree)
        self.look_soon()

    def left(self, tree: Tree, swept: Callable[[], None]) -> None:
        """Say ``swept`` when nothing is left of a run whose first process had ended before we came."""
        tree.swept = swept
        self._sweeping.add(tree)
        self.look_soon()

    def _forget(self, tree: Tree) -> None:
        self._sweeping.discard(tree)
        self.strays.disown(tree)
        self._owners.remove(tree)

    # Looking --------------------------------------------------------------------------------------------------------

    def look_soon(self) -> None:
        """Look at the strays, and at what ended, at the end of this turn."""
        if not self._due:
            self._due = True
            self._loop.call_at(self._loop.now(), self._look)

    def _look(self) -> None:
        sure = self.strays.find()
        self._unsure = 0 if sure or not (self._ended or self._told or self._sweeping) else self._unsure + 1
        if 0 < self._unsure < PATIENCE:
            self._loop.call_at(self._loop.now() + MOMENT, self._look)
            return
        self._told.clear()
        self._due = False  # not before: what find() has changed is dealt with here
        try:
            while self._ended:
                self._tell_end(self._ended.popleft())
            for tree in [tree for tree in self._sweeping if not self._has_left(tree)]:
                self._forget(tree)
                assert tree.swept is not None  # noqa: S101 - for the type checker
                tree.swept()
            while self._grown:
                self._kill(self._grown.pop())
        finally:
            if self._ended:
                self.look_soon()

    def _tell_end(self, tree: Tree) -> None:
        assert tree.ended is not None  # noqa: S101 - for the type checker
        left = self._has_left(tree)
        if left:
            self._sweeping.add(tree)
        else:
            self._forget(tree)
        tree.ended(left)

    def _has_left(self, tree: Tree) -> bool:
        """Tell whether anything is left of a tree; who is known by its cgroup alone is met first."""
        for pid in () if tree.strays else tree.in_cgroup():
            kin = None if pid in self.exits.known else look_at(pid)
            if kin is not None and not kin.ended and self._owners.of(kin) is tree:
                self.strays.meet(kin, tree)
        return bool(tree.strays)

    def _changed(self, tree: Tree | None, kin: Kin | None) -> None:
        if tree is not None and kin is not None:
            for number in self._told.get(tree, ()):
                send(kin, number)
            if tree.killed:
                self._grown.add(tree)
        self.look_soon()

    # Signals --------------------------------------------------------------------------------------------------------

    def signal(self, tree: Tree, number: int, scope: str) -> None:
        """Send a signal to all of a tree, to its process group, or to its first process alone."""
        if tree.pid is None:
            scope = tree.scope  # as its members are counted; the program may be described otherwise by now
        if scope == PROCESS:
            self._send_first(tree, number)
            return
        if scope == GROUP:
            if not self._send_group(tree, number):  # an earlier supervisor's, and its first process is gone
                members = self._members(tree).values()
                self._deliver(tree, {kin.pid: kin for kin in members if kin.group == tree.leader}, number)
            self.look_soon()  # for those who have left the group
            return
        self._refresh()
        if not self._sure:
            self._told.setdefault(tree, []).append(number)
        if number == SIGKILL:
            self._kill(tree)
            return
        if number != SIGCONT or self._last[0] is not tree:  # it follows the stop signal, to the same processes
            self._last = tree, self._members(tree)
        self._deliver(tree, self._last[1], number)

    def _refresh(self) -> None:
        """Know the strays there are, as of this turn."""
        if not self._fresh:
            self._fresh = True
            self._sure = self.strays.find()
            self._loop.call_at(self._loop.now(), self._turned)
            if not self._sure:
                self.look_soon()

    def _turned(self) -> None:
        self._fresh = False
        self._last = _NOBODY

    def _members(self, tree: Tree) -> dict[int, Kin]:
        """Return what lives of a tree, but for its first process."""
        roots = {kin.pid: kin.born for kin in tree.strays.values()}
        if self._lives(tree) and tree.pid is not None:
            roots.update(dict.fromkeys(self._families.children(tree.pid), UNKNOWN))
        found = self._families.below(roots) if roots else {}
        for pid in tree.in_cgroup():
            kin = None if pid in found or pid == tree.pid else look_at(pid)
            if kin is not None and self._owners.of(kin) is tree:
                found[pid] = kin
        return found

    def _lives(self, tree: Tree) -> bool:
        """Tell whether the number of the first process is known to mean it and no other."""
        if tree.pid is None or tree.born == UNKNOWN:
            return tree.pid is not None
        kin = look_at(tree.pid)
        return kin is not None and kin.born == tree.born

    def _kill(self, tree: Tree) -> None:
        """Send SIGKILL to all. They are halted first, so that none has a child that nobody sees."""
        tree.killed = True
        if tree.cgroup is not None:
            tree.cgroup.kill()
        seen: dict[int, Kin] = {}
        for _ in range(ROUNDS):
            found = self._members(tree).values()
            new = [kin for kin in found if not kin.ended and (kin.pid not in seen or seen[kin.pid].born != kin.born)]
            if not new:
                break
            if not seen:
                self._send_group(tree, SIGSTOP)
            for kin in new:
                seen[kin.pid] = kin
                send(kin, SIGSTOP)
            self.strays.find()  # one may have ended before it was halted, and left a child
        else:
            self._loop.call_at(self._loop.now() + PAUSE, lambda: self._kill(tree))
        self._deliver(tree, seen, SIGKILL)

    def _deliver(self, tree: Tree, members: dict[int, Kin], number: int) -> None:
        """Send a signal to the group, at one blow, and one by one to those outside."""
        group = tree.leader if self._send_group(tree, number) else None
        for kin in members.values():
            if not kin.ended:
                send(kin, number, group)

    def _send_group(self, tree: Tree, number: int) -> bool:
        """Send a signal to a tree's group; tell whether its number was known to be its own still."""
        # It is, as long as one of the group is not reaped; and only we reap our children.
        if not self._lives(tree) and not tree.holds_its_group():
            return False
        try:
            os.killpg(tree.leader, number)
        except (ProcessLookupError, PermissionError):
            pass  # of a user that is not ours to signal
        return True

    def _send_first(self, tree: Tree, number: int) -> None:
        if tree.pid is None or not self._lives(tree):
            return
        try:
            os.kill(tree.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


_NOBODY: tuple[Tree | None, dict[int, Kin]] = (None, {})
