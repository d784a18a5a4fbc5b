"""Looks whether a program is well by running a command, as the program itself is run.

The command's mark is that of the run with ``/check`` behind it: so it is told from the program, and what is left of it
when the supervisor dies is ended with the program (see trees.py). It is killed, with all that it has started, when it
takes too long or the program is stopped; and there is no other one before that is over.
"""

from __future__ import annotations

import os

from ncolony.core.bare import SIGKILL
from ncolony.core.launch import Launch
from ncolony.core.notices import in_line
from ncolony.core.outcome import in_words
from ncolony.core.program import TREE
from ncolony.core.states import Ended, Spawned, SpawnFailed
from ncolony.posix.pump import last_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.core.probespec import Exec
    from ncolony.core.program import Program
    from ncolony.ports import Fact, Loop, Process, Spawner

    Done = Callable[[str], None]
    Environment = Callable[[Program, int, int], dict[str, str]]

KEPT = 4096  # bytes of its output
CHUNK = 65536
MOST = 1 << 20  # bytes that are read; who writes more waits, and takes too long
MAX_SHOWN = 200


class Commands:
    """Makes the trials of commands."""

    def __init__(self, loop: Loop, spawner: Spawner, environment: Environment) -> None:
        """Start them with ``spawner``; ``environment`` is that of the program, by instance and run."""
        self._loop, self._spawner, self._environment = loop, spawner, environment

    def __call__(self, program: Program, number: int, run: int, probe: Exec) -> CommandTrial:
        """Return the trial of a run."""
        return CommandTrial(
            self._loop, self._spawner, lambda: (program, probe.args, self._environment(program, number, run))
        )


class CommandTrial:
    """Good when the command exits with 0."""

    __slots__ = (
        "_describe",
        "_done",
        "_loop",
        "_number",
        "_output",
        "_process",
        "_read",
        "_size",
        "_spawner",
        "_watched",
    )

    def __init__(
        self, loop: Loop, spawner: Spawner, describe: Callable[[], tuple[Program, tuple[str, ...], dict[str, str]]]
    ) -> None:
        """Run what ``describe`` returns: as which program, the command line, the environment."""
        self._loop, self._spawner, self._describe = loop, spawner, describe
        self._done: Done | None = None
        self._process: Process | None = None
        self._read = -1
        self._watched = False
        self._number = self._size = 0
        self._output = b""

    def begin(self, done: Done) -> None:
        """See ports.py."""
        if self._process is not None:
            done("the last command still lives, though it was killed")
            return
        try:
            self._read, write = os.pipe2(os.O_CLOEXEC)
        except OSError as error:
            done(f"cannot make a pipe for its output: {error.strerror}")
            return
        os.set_blocking(self._read, False)
        self._done, self._output, self._size = done, b"", 0
        self._watched = True
        self._loop.watch(self._read, self._take)
        self._number += 1
        number = self._number
        held = [write]  # until it is known what became of the process, which may be started from another thread

        def learn(fact: Fact) -> None:
            while held:
                os.close(held.pop())
            self._learn(number, fact)

        process = self._spawner.spawn(self._launch(write), learn)
        if self._done is not None:  # else it could not be started
            self._process = process

    def _launch(self, write: int) -> Launch:
        program, args, env = self._describe()
        return Launch(
            run=self._number,
            args=args,
            env=env,
            stdout=write,
            stderr=write,
            cwd=program.cwd,
            umask=program.umask,
            uid=program.uid,
            gid=program.gid,
            scope=TREE,
            limits=program.limits,
        )

    def cancel(self) -> None:
        """See ports.py."""
        self._done = None
        self._close()
        self._kill()

    def output(self) -> str:
        """See ports.py."""
        return self._output.decode("utf-8", "replace")

    def _kill(self) -> None:
        if self._process is not None:
            self._process.signal(SIGKILL, TREE)

    def _learn(self, number: int, fact: Fact) -> None:
        if number != self._number:
            return
        if isinstance(fact, Spawned):
            if self._done is None:
                self._kill()  # it was given up before it lived
            return
        if isinstance(fact, Ended):
            self._finish(fact)
            if fact.left:
                self._kill()
                return
        elif isinstance(fact, SpawnFailed):
            self._answer(f"cannot be run: {fact.why}")
        self._process = None

    def _finish(self, ended: Ended) -> None:
        while self._watched and self._take():
            pass
        if ended.status == 0:
            self._answer("")
            return
        last = b"".join(last_lines(self._output, 1)).decode("utf-8", "replace")
        said = in_line(last, MAX_SHOWN)
        self._answer(in_words(ended.status, core=ended.core, oom=ended.oom) + (f", and said: {said}" if said else ""))

    def _answer(self, why: str) -> None:
        self._close()
        done, self._done = self._done, None
        if done is not None:
            command = self._describe()[1][0]
            done(f"{command} {why}" if why else "")

    def _take(self) -> int:
        try:
            data = os.read(self._read, CHUNK)
        except BlockingIOError:
            return 0
        self._output = (self._output + data)[-KEPT:]
        self._size += len(data)
        if not data or self._size > MOST:
            self._unwatch()
        return len(data)

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.unwatch(self._read)

    def _close(self) -> None:
        self._unwatch()
        if self._read >= 0:
            os.close(self._read)
            self._read = -1
