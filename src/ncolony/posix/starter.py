"""A thread that starts processes while the supervisor goes on: it has descriptors, directory and umask of its own.

A process begins with a copy of all descriptors of who starts it, and closes them when it becomes another program. With
a thousand programs the supervisor has three thousand, and that takes longer than all the rest of a start. This thread
has a handful; a program's pipe it opens through /proc, which shows the descriptors of the main thread.

What it starts is also listed by the kernel among *its* children, not the main thread's. Orphans are adopted by the main
thread; so its list stays short, and with it the look for orphans in it.

Handing a start over costs two switches between threads, which is why small colonies do without.
"""

from __future__ import annotations

import _thread
import os

from ncolony.core.bare import deque, partial, signal
from ncolony.posix.plainly import begin, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from ncolony.core.launch import Launch
    from ncolony.ports import Loop
    from ncolony.posix.plainly import Start

    Outcome = int | Exception
    Tell = Callable[[Outcome], object]

STACK = 256 * 1024
CLONE_FS, CLONE_FILES = 0x200, 0x400
HIGHEST = 1 << 30  # above any descriptor


class Starter:
    """Starts what it is given, in that order, and says on the loop what became of it."""

    def __init__(self, loop: Loop) -> None:
        """Begin without a thread: the process may be about to fork (to become a daemon)."""
        self._loop = loop
        self._given: SimpleQueue[tuple[Launch | None, Tell] | None] | None = None
        self._outcomes: deque[tuple[Tell, Outcome]] = deque()
        self._wake = -1
        self._told = False
        self._under_way = 0
        self._works: bool | None = None

    @property
    def works(self) -> bool:
        """Tell whether this system permits such a thread; the first time, start it."""
        if self._works is None:
            self._works = self._start()
        return self._works

    def give(self, launch: Launch, done: Tell) -> None:
        """Have a process started, and ``done`` called in a later turn with its pid, or with why there is none."""
        assert self._given is not None  # noqa: S101 - for the type checker; it works
        self._under_way += 1
        self._given.put((launch, partial(self._post, done)))

    def wait_for(self, launch: Launch) -> int:
        """Have a process started after all that were given, and return its pid. Raises CannotExecute."""
        outcome = self._ask(launch)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def finish(self) -> None:
        """Wait until all that was given is started, and say at once what became of it."""
        while self._under_way:
            self._ask(None)
            self._take()

    def close(self) -> None:
        """End the thread, when it has started what it was given."""
        if self._works:
            self._ask(None)
            assert self._given is not None  # noqa: S101 - for the type checker
            self._given.put(None)
            self._loop.unwatch(self._wake)
            os.close(self._wake)
        self._works = False

    def _ask(self, launch: Launch | None) -> Outcome:
        from _queue import SimpleQueue

        answers: SimpleQueue[Outcome] = SimpleQueue()
        assert self._given is not None  # noqa: S101 - for the type checker
        self._given.put((launch, answers.put))
        return answers.get()

    def _start(self) -> bool:
        try:
            from _queue import SimpleQueue

            from ncolony.posix.libc import function

            self._unshare = function("unshare")
        except (ImportError, OSError):
            return False
        self._given = SimpleQueue()
        begun: SimpleQueue[bool] = SimpleQueue()
        before = _thread.stack_size(STACK)
        try:
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            _thread.start_new_thread(self._run, (begun,))
        except (OSError, RuntimeError):
            works = False  # no room for a thread, or a descriptor
        else:
            works = begun.get()
        finally:
            _thread.stack_size(before)
        if works:
            self._loop.watch(self._wake, self._take)
        elif self._wake >= 0:
            os.close(self._wake)
        return works

    def _take(self) -> None:
        """Say what became of starts."""
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            pass  # finish() was quicker
        self._told = False  # only now: what comes from here on is told again, and what came before is taken below
        outcomes = self._outcomes
        try:
            while outcomes:
                done, outcome = outcomes.popleft()
                self._under_way -= 1
                done(outcome)
        finally:
            if outcomes:
                os.eventfd_write(self._wake, 1)

    # On the thread ----------------------------------------------------------------------------------------------------

    def _post(self, done: Tell, outcome: Outcome) -> None:
        self._outcomes.append((done, outcome))
        if not self._told:
            self._told = True
            os.eventfd_write(self._wake, 1)

    def _run(self, begun: SimpleQueue[bool]) -> None:
        # Every signal is the main thread's, which may be waiting in a system call that it has to interrupt.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            null = self._part()
        except OSError:
            begun.put(False)
            return
        begun.put(True)
        start = _way()
        assert self._given is not None  # noqa: S101 - for the type checker
        while (given := self._given.get()) is not None:
            launch, tell = given
            try:
                outcome: Outcome = 0 if launch is None else begin(launch, null, start)
            except Exception as error:  # noqa: BLE001 - it is raised again where it is told
                outcome = error
            tell(outcome)

    def _part(self) -> int:
        """Have descriptors, directory and umask of our own, and return what there is to read nothing from."""
        self._unshare(CLONE_FILES | CLONE_FS)
        os.closerange(3, self._wake)
        os.closerange(self._wake + 1, HIGHEST)
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _way() -> Start:
    """Return what starts processes while the main thread goes on; where there is no such thing, it waits."""
    try:
        from ncolony.posix.freely import Spawner

        return Spawner()
    except (ImportError, OSError):
        return spawn
