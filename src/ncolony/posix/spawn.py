"""Starts processes: by posix_spawn, which costs the same however large the supervisor is and is safe beside threads.

Each gets a session of its own, an empty signal mask, every signal at its default, and no descriptor but 0, 1 and 2.
Working directory, umask and limit on open files are inherited at the moment of the spawn, so they are set around it.
What a plain spawn cannot give (another user, limits, sockets) goes through launcher.py, whose report says whether the
program came to life.
"""

from __future__ import annotations

import os
import sys

from ncolony.core.bare import partial, signal
from ncolony.core.outcome import UNSEEN
from ncolony.core.program import GROUP, PROCESS
from ncolony.core.record import replace
from ncolony.core.states import Ended, Spawned, SpawnFailed, Swept
from ncolony.posix import handing, inlet
from ncolony.posix.adoption import hold, watches
from ncolony.posix.descriptors import FileLimit
from ncolony.posix.execs import CannotExecute, find, why
from ncolony.posix.oom import Spared
from ncolony.posix.plainly import Ends, Surroundings, attempt, spawn
from ncolony.posix.starter import Starter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.kept import Kept
    from ncolony.core.launch import Launch
    from ncolony.core.outcome import Death
    from ncolony.ports import Fact, Loop, Process
    from ncolony.posix.cgroups import Cgroup
    from ncolony.posix.exits import Exits
    from ncolony.posix.oom import Kills
    from ncolony.posix.tree import Tree
    from ncolony.posix.trees import Trees
    from ncolony.posix.witness import Witness

MANY = 50  # processes, from which on they are started from a thread of their own; see starter.py


class Child:
    """A process that was asked for, and where trees are looked after, its tree."""

    __slots__ = ("_killed", "_kills", "_trees", "pid", "run", "tell", "tree")

    def __init__(
        self,
        run: int,
        tell: Callable[[Fact], None],
        trees: Trees | None = None,
        tree: Tree | None = None,
        kills: Kills | None = None,
    ) -> None:
        """Begin without a process. ``kills`` tells which deaths are the kernel's doing."""
        self.pid: int | None = None
        self.run = run
        self.tell = tell
        """Who hears what becomes of it."""
        self._trees, self._kills = trees, kills
        self.tree = tree
        """What is looked after as its tree."""
        self._killed = False

    def signal(self, number: int, scope: str) -> None:
        """Send a signal to its tree, to its group or to it alone; nothing happens when all that is gone.

        Safe against reused pids: ``pid`` is forgotten in the same call that reaps the process.
        """
        self._killed = self._killed or number == signal.SIGKILL
        if self._trees is not None and self.tree is not None:
            self._trees.signal(self.tree, number, scope)
            return
        if self.pid is None:
            return
        try:
            if scope == PROCESS:
                os.kill(self.pid, number)
            else:
                os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has changed its group, or its user for one that is not ours to signal

    def born(self, pid: int) -> None:
        """Take note that there is a process, which may still have to become the program."""
        if self._trees is not None and self.tree is not None:
            self._trees.born(self.tree, pid)

    @property
    def cgroup(self) -> Cgroup | None:
        """The cgroup that it is to be in; None: it has none of its own."""
        return None if self.tree is None else self.tree.cgroup

    def gone(self, death: Death) -> None:
        """Tell of its end, and of that of what it leaves behind."""
        self.pid = None
        killed = death.status == -signal.SIGKILL and not self._killed
        oom = killed and self._kills is not None and self._kills.took_one()
        tell, run = self.tell, self.run
        ended = Ended(run, death.status, death.core, usage=death.usage, oom=oom)
        if self._trees is None or self.tree is None:
            tell(ended)
            return
        self._trees.ended(
            self.tree, lambda left: tell(replace(ended, left=left) if left else ended), lambda: tell(Swept(run))
        )


class PosixSpawner:
    """Starts processes and watches over their ends."""

    def __init__(self, loop: Loop, exits: Exits, limit: FileLimit, trees: Trees | None = None) -> None:
        """Start processes that are reaped by ``exits``; they get the limit on open files that ``limit`` has kept.

        ``trees`` looks after what they start themselves; None: nobody does, and a tree is no more than a group.
        """
        self._loop = loop
        self._exits = exits
        self._limit = limit
        self._trees = trees
        self._starter = None if trees is None else Starter(loop)
        self._null = os.open(os.devnull, os.O_RDONLY)
        self.spared = Spared(None)
        """Keeps the supervisor from being killed for want of memory, and programs from having that from it."""
        self.kills: Kills | None = None
        """Knows whether the kernel has killed somebody for want of memory."""
        self.witness: Witness | None = None
        """Knows how processes ended that are taken over and no children of ours."""

    def close(self) -> None:
        """Give back what is held open."""
        os.close(self._null)
        self._limit.close()
        self.spared.close()
        if self._starter is not None:
            self._starter.close()

    def spawn(self, launch: Launch, tell: Callable[[Fact], None]) -> Child:
        """Start a process, and ``tell`` what becomes of it: Spawned or SpawnFailed, and after Spawned one Ended."""
        child = self._child(launch, tell)
        try:
            if handing.is_needed(launch) or (child.cgroup is not None and child.cgroup.start is None):
                self._launched(launch, child)
            else:
                self._plain(launch, child)
        except CannotExecute as failure:
            tell(SpawnFailed(launch.run, str(failure)))
        return child

    def adopt(
        self, name: str, kept: Kept, pid: int | None, tell: Callable[[Fact], None], scope: str = GROUP
    ) -> Process:
        """See ports.py. ``name``: the mark of the run, as in is_run."""
        if self.witness is not None and pid is not None:
            tell = self.witness.hear(pid, kept.born, tell)
        exits, trees, run = self._exits, self._trees, kept.instance.run
        if trees is None:
            return hold(exits, name, kept, pid, tell)

        child = Child(run, tell, trees)
        lives = pid is not None and watches(trees.exits, name, kept.born, pid, child.gone)
        child.tree = tree = trees.take_over(name, pid if lives else None, scope, pid or 0)
        if pid is None:
            trees.left(tree, lambda: tell(Swept(run)))
        elif not lives:
            child.gone(UNSEEN)
        return child

    def finish(self) -> None:
        """Wait for the processes that are on their way from another thread, and tell of them."""
        if self._starter is not None:
            self._starter.finish()

    def variables(self, env_files: tuple[str, ...]) -> dict[str, str]:
        """See ports.py."""
        from ncolony.posix.envfiles import read

        return read(env_files)

    def put(self, pid: int, mark: str, data: bytes) -> None:
        """See ports.py."""
        inlet.put(pid, mark, data)

    def _child(self, launch: Launch, tell: Callable[[Fact], None]) -> Child:
        if self._trees is None:
            return Child(launch.run, tell, kills=self.kills)
        mark = launch.env.get("NCOLONY_RUN", "")
        tree = self._trees.begin(mark, launch.scope, (launch.stdout, launch.stderr))
        return Child(launch.run, tell, self._trees, tree, self.kills)

    def _plain(self, launch: Launch, child: Child) -> None:
        report = handing.own_report(launch)
        starter = None if report or child.cgroup is not None else self._crowded()
        if starter is None:
            with Surroundings(launch):
                path = find(launch.args[0], launch.env.get("PATH"))
                pid = self._start(path, launch.args, launch, child, report)
        elif self._limit.raised or self.spared.active:  # which are the whole process's, so the rest of it has to wait
            with self.spared, self._limit:
                pid = starter.wait_for(launch)
        else:
            starter.give(launch, partial(self._begun, child))
            return
        self._live(pid, child)

    def _crowded(self) -> Starter | None:
        """Return who starts processes when there are many."""
        if self._starter is None or self._trees is None or len(self._trees.exits.known) < MANY:
            return None
        return self._starter if self._trees.tells_threads_apart and self._starter.works else None

    def _begun(self, child: Child, outcome: int | Exception) -> None:
        if isinstance(outcome, CannotExecute):
            child.tell(SpawnFailed(child.run, str(outcome)))
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            try:
                self._live(outcome, child)
            except CannotExecute as failure:
                child.tell(SpawnFailed(child.run, str(failure)))

    def _live(self, pid: int, child: Child) -> None:
        self._watch(pid, child)
        child.pid = pid
        child.tell(Spawned(child.run, pid))

    def _start(
        self, path: str, args: tuple[str, ...], launch: Launch, child: Child, more: list[tuple[int, int]]
    ) -> int:
        start = spawn if child.cgroup is None else child.cgroup.start or spawn
        try:
            with Ends(launch, self._null) as ends:
                wanted = [*ends, *more]
                if handing.held(launch):  # too many for stand-ins, so the launcher lowers the limit
                    with self.spared:
                        return attempt(path, lambda: start(path, args, launch.env, wanted))
                low = [(self._limit.stand_in(fd), number) for fd, number in wanted]
                with self.spared, self._limit:
                    return attempt(path, lambda: start(path, args, launch.env, low))
        finally:
            self._limit.give_back(self._null)

    def _watch(self, pid: int, child: Child) -> None:
        try:
            self._exits.watch(pid, child.gone)
            child.born(pid)
        except OSError as error:
            # It cannot be supervised, so it must not live. Waiting is short: nothing survives SIGKILL here.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise CannotExecute(f"cannot watch over its process: {error.strerror}") from None

    def _launched(self, launch: Launch, child: Child) -> None:
        try:
            read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise CannotExecute(why(error, launch.args[0])) from None
        report = _Report(self._loop, read, child)
        child.tell = report.after_report
        try:
            cgroup = "" if child.cgroup is None or child.cgroup.start is not None else child.cgroup.path
            words, files = handing.arguments(launch, self._limit.soft, cgroup), handing.descriptors(launch, write)
            report.pid = self._start(sys.executable, words, launch, child, files)
            self._watch(report.pid, child)
        except CannotExecute:
            report.close()
            raise
        finally:
            os.close(write)


class _Report:
    """Reads a launcher's report: nothing and the end when the program came to life, the reason when it did not.

    A failure is told when the launcher has been reaped, not before: until then there is a process.
    """

    def __init__(self, loop: Loop, fd: int, child: Child) -> None:
        self._loop, self._fd, self._child, self._tell = loop, fd, child, child.tell
        self._open = True
        self._why = ""
        self.pid = 0
        loop.watch(fd, self._ready)

    def _ready(self) -> None:
        self._read(self.pid)

    def _read(self, alive: int | None) -> None:
        self._why = os.read(self._fd, 4096).decode("utf-8", "replace")
        self.close()
        if not self._why:
            self._child.pid = alive
            self._tell(Spawned(self._child.run, self.pid))

    def after_report(self, fact: Fact) -> None:
        """Tell of the process's end: that of the program, or that there never was one."""
        if self._open:
            self._read(None)  # it is reaped already: its pid may be a stranger's
        if not self._why:
            self._tell(fact)
        elif not isinstance(fact, Swept):
            self._tell(SpawnFailed(self._child.run, self._why))

    def close(self) -> None:
        """Read no more."""
        self._open = False
        self._loop.unwatch(self._fd)
        os.close(self._fd)
