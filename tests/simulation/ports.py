"""What one supervisor gets of the simulated machine: the ports, as they are while it lives.

Every call counts, and at any of them the supervisor may be killed: :class:`Dead` goes through its code, and whatever
that does afterwards does not happen any more.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from ncolony.core.states import Ended, Spawned, SpawnFailed, Swept, pid_of
from ncolony.posix.processes import tells_run
from ncolony.posix.records import Records
from tests.simulation.machine import AT, COLONY, Broken, Dead
from tests.simulation.sockets import SimListeners


class Life:
    """One supervisor's time on a machine."""

    def __init__(self, machine, rules) -> None:
        self.machine, self.rules = machine, rules
        self.fuse: int | None = None
        """How many calls are left before it is killed."""
        self.loop = SimLoop(self)
        self.channels = SimChannels(self)
        self.spawner = SimSpawner(self)
        self.listeners = SimListeners(self)
        self.records: SimRecords | None = None
        self.reporting = self.wall = self.moments = None
        """Made when the first program asks for them."""
        self.supervisor = None
        self.companions = None
        self.kept = {}
        """What was found, until it has been written down anew."""
        self.closed = False
        """All was stopped for good."""
        self.began = machine.now

    def port(self) -> None:
        """Count one call; raise where there is nobody any more who could make it."""
        machine = self.machine
        if machine.life is not self:
            raise Dead
        machine.happened += 1
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                self.die()
                raise Dead

    def die(self) -> None:
        """Be killed."""
        self.closed = True
        self.machine.kill_supervisor()
        self.rules.buried(self)
        self.let_go()

    def let_go(self) -> None:
        """Close what is real."""
        for file in (self.records, self.moments):
            if file is not None:
                file.drop()

    def soon(self, call) -> None:
        """Have a fact of the machine reach this supervisor in its next turn, if it lives then."""

        def make() -> None:
            if self.machine.life is self:
                call()

        self.machine.later(0.0, make)


class Timer:
    """A call that a loop is going to make."""

    __slots__ = ("call", "life", "when")

    def __init__(self, life: Life, when: float, call) -> None:
        self.life, self.when, self.call = life, when, call

    def cancel(self) -> None:
        """Do not make it."""
        self.call = None
        self.life.loop.timers.pop(self, None)

    def __call__(self) -> None:
        """Make it, if it is to be made still."""
        call, self.call = self.call, None
        if call is not None and self.life.machine.life is self.life:
            self.life.loop.timers.pop(self, None)
            call()


class SimLoop:
    """The Loop port."""

    def __init__(self, life: Life) -> None:
        self._life, self._machine = life, life.machine
        self.timers: dict[Timer, None] = {}
        self.watched: dict[int, object] = {}
        self._ready: set[int] = set()

    def now(self) -> float:
        return self._machine.now

    def call_at(self, when: float, call) -> Timer:
        self._life.port()
        timer = Timer(self._life, when, call)
        self.timers[timer] = None
        self._machine.push(when, AT, timer)
        return timer

    def watch(self, fd: int, call) -> None:
        self._life.port()
        if fd in self.watched:
            raise Broken("descriptors", f"{fd} is watched twice")
        self.watched[fd] = call

    def unwatch(self, fd: int) -> None:
        self._life.port()
        del self.watched[fd]

    def readable(self, fd: int) -> None:
        """There is something to be read."""
        if fd in self.watched and fd not in self._ready:
            self._ready.add(fd)
            self._life.soon(lambda: self._read(fd))

    def _read(self, fd: int) -> None:
        self._ready.discard(fd)
        call = self.watched.get(fd)
        if call is not None:
            call()


class SimChannel:
    """The Channel port: one pipe for both streams."""

    def __init__(self, life: Life, key, pipe) -> None:
        self._life, self.key, self.pipe = life, key, pipe
        life.loop.watch(pipe.fd, self.drain)
        if pipe.data:
            life.loop.readable(pipe.fd)

    def child_fds(self) -> tuple[int, int]:
        return self.pipe.fd, self.pipe.fd

    def began(self, run: int, pid: int) -> None:
        pass

    def describe(self, slot, log) -> None:
        pass

    def listen(self, hear) -> None:
        pass

    def tail(self, stream: str, size: int) -> bytes:
        return b""

    def drain(self) -> None:
        """Move what is in the pipe to where it belongs."""
        self._life.port()
        log = self._life.machine.log.setdefault(self.key, [])
        for piece in self.pipe.data:
            if piece != len(log) + 1:
                raise Broken("bytes", f"piece {piece} of {self.key} comes after {len(log)}")
            log.append(piece)
        self.pipe.data.clear()

    def close(self) -> None:
        self.drain()
        self._life.loop.unwatch(self.pipe.fd)
        del self._life.channels.open_ones[self.key]


class SimChannels:
    """The Channels port; its pipes are held by the keeper, too."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.open_ones: dict[tuple[str, int], SimChannel] = {}

    def pipes(self) -> list:
        """Return the pipes that are open."""
        return [one.pipe for one in self.open_ones.values()]

    def holds(self, slot) -> bool:
        return (slot.program, slot.number) in self._life.machine.kept

    def open(self, slot, log=None, left=None) -> SimChannel:
        self._life.port()
        machine, key = self._life.machine, (slot.program, slot.number)
        if key in self.open_ones:
            raise Broken("descriptors", f"the pipes of {key} are opened twice")
        pipe = machine.kept.get(key)
        if pipe is None and left is not None and self._is_run(pid := pid_of(left.instance.state), left):
            if machine.table[pid].slot != key:
                raise Broken("stranger", f"the output of pid {pid} is taken for that of {key}")
            pipe = machine.table[pid].pipe
        if pipe is None:
            # For what is taken over there is always room: see hosts/reserving.py.
            if left is None and machine.dice.random() < 0.02 and not machine.friendly:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            pipe = machine.pipe(key)
        made = SimChannel(self._life, key, pipe)
        self.open_ones[key] = made
        machine.kept.pop(key, None)
        return made

    def _is_run(self, pid: int, left) -> bool:
        machine = self._life.machine
        name = f"{left.program}:{left.number}/{left.instance.run}"
        there = pid in machine.table
        return there and tells_run(machine.mark_of(pid), lambda: machine.started(pid), left.born, name)

    def settle(self, described) -> None:
        """Pass on what is left of programs that are not described any more, as posix/channels.py does."""
        for name, number in list(self._life.machine.kept):
            if name not in described:
                self.open(_Slot(name, number)).close()


class _Slot:
    def __init__(self, program: str, number: int) -> None:
        self.program, self.number = program, number


class Handle:
    """The Process port: one run's first process, and all that belongs to it."""

    def __init__(self, life: Life, slot, run: int, mark: str, scope: str, tell) -> None:
        self._life, self._machine = life, life.machine
        self.slot, self.run, self.mark, self.scope, self._tell = slot, run, mark, scope, tell
        self.process = None
        self.alive_told = True
        self.sweeping = False
        self.fails = ""
        self.group = 0

    def hold(self, process) -> None:
        """Watch over the first process."""
        self.process, self.group = process, process.group
        process.watcher = self._died
        if not process.alive:
            self._died(process)

    def signal(self, number: int, scope: str) -> None:
        self._life.port()
        first = self.process
        if first is None:
            scope = self.scope
        others = [] if scope == "process" else self._others(scope)
        for one in (*((first,) if first is not None else ()), *others):
            self._machine.signal(one, number, self.slot)

    def _others(self, scope: str) -> list:
        found = [one for one in self._machine.members(self.mark) if one is not self.process]
        return found if scope == "tree" else [one for one in found if one.group == self.group]

    def _left(self) -> bool:
        return self.scope != "process" and bool(self._others(self.scope))

    def _died(self, _) -> None:
        self._life.soon(self.reap)

    def reap(self) -> None:
        """Take note that the first process is gone; tell of it at the end of the turn."""
        process, self.process = self.process, None
        status = None
        if process is not None:
            if process.zombie:
                status = process.status
                self._machine.free(process)
            process.watcher = None
        if not self.alive_told and self.fails and status == 1:
            self._tell(SpawnFailed(self.run, self.fails))
            return
        if not self.alive_told:  # it was executed, or so it seems, and died before that was reported
            self.alive_told = True
            self._tell(Spawned(self.run, process.pid))
        self._life.loop.call_at(self._machine.now, lambda: self._ended(status))

    def _ended(self, status: int | None) -> None:
        left = self._left()
        self._life.rules.ending(self.slot, self.run)
        self._tell(Ended(self.run, status, left=left))
        if left:
            self.sweep()

    def sweep(self) -> None:
        """Say when nothing is left."""
        self.sweeping = True
        self._life.spawner.sweeping[self] = None
        self.look()

    def look(self) -> None:
        """Look whether anything is left."""
        self._life.loop.call_at(self._machine.now, self._look)

    def _look(self) -> None:
        if self.sweeping and not self._left():
            self.sweeping = False
            del self._life.spawner.sweeping[self]
            self._tell(Swept(self.run))


class SimSpawner:
    """The Spawner port."""

    def __init__(self, life: Life) -> None:
        self._life, self._machine = life, life.machine
        self.sweeping: dict[Handle, None] = {}

    def spawn(self, launch, tell) -> Handle:
        life, machine = self._life, self._machine
        life.port()
        slot = (launch.env["NCOLONY_NAME"], int(launch.env["NCOLONY_INSTANCE"]))
        mark = launch.env["NCOLONY_RUN"]
        life.rules.spawning(slot, launch)
        for one in machine.members(mark):  # left on purpose by a run of this number: see docs/simulation.md
            one.hidden = True
        handle = Handle(life, slot, launch.run, mark, launch.scope, tell)
        fate = machine.fate(slot)
        program = life.supervisor._slots.places[slot].program
        if machine.friendly and program.schedule is not None:
            fate.life = 0.2  # a job that never ends is no good
        process = None if fate.fails and fate.told_after is None else machine.fork(slot, mark)
        if process is None:
            machine.tell(f"{mark.partition('/')[2]} cannot be started")
            tell(SpawnFailed(launch.run, fate.fails or "no number is free"))
            return handle
        process.first = process.leads = True
        process.fate, process.family, process.run, process.scope = fate, machine.family, launch.run, launch.scope
        process.env, process.args = launch.env, launch.args
        process.watchdog = int(launch.env.get("WATCHDOG_USEC", 0)) / 1e6
        process.pipe = next(one.pipe for one in life.channels.open_ones.values() if one.pipe.fd == launch.stdout)
        machine.tell(f"pid {process.pid} is {mark.partition('/')[2]}")
        if fate.told_after is None:
            machine.begin(process)
            life.port()  # killed between the birth of a process and any note of it
            handle.hold(process)
            tell(Spawned(launch.run, process.pid))
        else:
            handle.alive_told, handle.fails = False, fate.fails
            machine.later(fate.told_after, lambda: self._come_to_life(handle, process))
            life.port()
            handle.hold(process)
        return handle

    def _come_to_life(self, handle: Handle, process) -> None:
        if not process.alive:
            return
        if process.fate.fails:
            self._machine.end(process, 1)
            return
        self._machine.begin(process)
        if self._machine.life is self._life and not handle.alive_told:
            handle.alive_told = True
            handle._tell(Spawned(handle.run, process.pid))

    def adopt(self, name: str, kept, pid: int | None, tell, scope: str = "group") -> Handle:
        life, machine = self._life, self._machine
        life.port()
        slot = (kept.program, kept.number)
        handle = Handle(life, slot, kept.instance.run, f"{COLONY}/{name}", scope, tell)
        for one in machine.members(handle.mark):  # from now on it is looked after as its program says now
            if one.scope == "tree" and (scope != "group" or pid is not None):
                one.scope = scope
            elif scope == "process" or pid is None:
                one.scope = "process"
        if pid is None:
            handle.sweep()
            return handle
        handle.group = pid
        there = pid in machine.table
        if there and tells_run(machine.mark_of(pid), lambda: machine.started(pid), kept.born, name):
            process = machine.table[pid]
            if process.slot != slot:
                raise Broken("stranger", f"pid {pid} is taken for {name}, and is {process.mark or 'nobody'}'s")
            if scope == "process" or process.scope == "tree":  # also one that has hidden its mark
                process.scope = scope
            handle.hold(process)
        else:
            handle.reap()
        return handle

    def child_died(self) -> None:
        """Somebody has died who was no first process."""
        for handle in list(self.sweeping):
            handle.look()


class SimRecords(Records):
    """The real records in a real file, on a disk that may be full, by a supervisor that may be killed."""

    def __init__(self, life: Life, path: str, head, kept) -> None:
        self._life = life
        self._fd, self._path = -1, path
        life.records = self
        super().__init__(path, head, kept)

    def ticks(self) -> int:
        return self._life.machine.ticks()

    def started(self, pid: int) -> int | None:
        return self._life.machine.started(pid)

    def _grow(self) -> None:
        if self._life.machine.disk_full and os.path.exists(self._path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._grow()

    def _put(self, slot: int, line: bytes) -> None:
        self._life.port()
        super()._put(slot, line)
        self._life.port()

    def drop(self) -> None:
        """Close the file, as the end of its process does."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):  # it has closed a file itself for which there was no room
                os.close(fd)
