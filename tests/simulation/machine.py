"""A simulated machine: processes, pipes, a clock and a disk that outlive the supervisors which run on it.

It obeys what a supervisor asks for as a real system would, at its worst: pids are few and soon used again, processes
ignore signals, leave children behind, lose their marks, hang on their way to life, and die while nobody looks. Whatever
would be wrong on any system (a signal to a stranger, two processes in one slot) raises :class:`Broken` at once.
"""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from signal import SIGCHLD, SIGCONT, SIGKILL, SIGTERM
from zlib import crc32

TICKS = 100  # a second
PIDS, SPARE_PIDS = range(100, 132), range(132, 200)
REST = 0.03  # seconds before a pid is used again: the kernel goes round all others first
COLONY = "simulated000"
LATENESS = (0.0, 0.0, 0.0, 0.1, 0.4, 0.6, 3.0, None)
EPOCH = 1_699_999_000.0  # the wall clock, when the machine's own shows 0
FAR_BEHIND = 4 * 3600.0  # seconds; from two hours to four it may be either way
BEFORE, AT, AFTER = 0, 1, 2  # where a fact stands among a loop's timers of the same moment


class Dice(Random):
    """Chance, with the choice of one thing made as cheap as it can be: histories draw a thousand times."""

    def choice(self, things):
        """Return one of some things, each as often as the others, but for what rounding does."""
        return things[int(self.random() * len(things))]


class Broken(AssertionError):
    """A rule was broken; ``rule`` is its name."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


class Dead(BaseException):
    """The supervisor was killed in the middle of a call: nothing that it does from now on happens."""


class Process:
    """One process."""

    __slots__ = (
        "alive", "args", "born", "children", "env", "family", "fate", "first", "group", "hidden", "leads", "mark",
        "pid", "pipe", "ready", "run", "scope", "slot", "status", "told", "watchdog", "watcher", "zombie",
    )  # fmt: skip

    def __init__(self, pid: int, born: int, slot: tuple[str, int] | None = None) -> None:
        self.pid, self.born, self.slot = pid, born, slot
        self.alive, self.zombie = True, False
        self.status: int | None = None
        self.run = 0
        self.first = self.leads = self.told = self.hidden = False
        """``first``: of its run. ``told``: it got the stop signal. ``hidden``: it has overwritten its environment."""
        self.mark = ""
        self.env: dict[str, str] = {}
        self.args: tuple[str, ...] = ()
        self.scope = "tree"
        self.group = pid
        self.family: object = None
        """The supervisor's process that it descends from."""
        self.pipe: Pipe | None = None
        self.fate: Fate | None = None
        self.watcher = None
        self.ready: float | None = None
        self.watchdog = 0.0
        """How often it has to call; 0: it need not."""
        self.children: list[Process] = []


class Pipe:
    """What the processes of one slot write into, and who reads it."""

    __slots__ = ("data", "fd", "slot")

    def __init__(self, fd: int, slot: tuple[str, int]) -> None:
        self.fd, self.slot = fd, slot
        self.data: list[int] = []


class Fate:
    """What a process will do, drawn by lot from the seed, its slot and how many there were before it."""

    def __init__(self, dice: Random, *, friendly: bool, may_hide: bool) -> None:
        roll, choice = dice.random(), dice.choice
        self.told_after, self.fails = None, ""
        if not friendly and roll < 0.38:
            self.told_after = choice((0.0, 0.1, 0.5, 3.0)) if roll < 0.26 else None
            self.fails = "no such file" if roll < 0.14 else ""
            if 0.26 <= roll < 0.28:
                self.told_after = 45.0  # it hangs: a file system that does not answer
            elif 0.28 <= roll < 0.34:
                self.fails = "no room for one more process"
        self.life, self.status = None, 0
        if not friendly and dice.random() < 0.5:
            self.life = choice((0.0, 0.0, 0.05, 0.3, 0.75, 1.0, 3.0, 30.0))
            self.status = choice((0, 0, 1, 3, -11))
        self.term = choice((0.0, 0.0, 0.1, 0.25, 3.0, 3.0, None)) if not friendly else 0.0
        self.kill = choice((0.0, 0.0, 0.0, 0.1, 7.0)) if not friendly else 0.0
        self.ready = choice((0.0, 0.1, 0.25, 1.0, 9.0, None)) if not friendly else 0.1
        self.writes = tuple(sorted(choice((0.0, 0.0, 0.1, 0.3, 1.0, 4.0)) for _ in range(choice((0, 1, 2, 3)))))
        self.last_words = dice.random() < 0.5
        self.hides = 0.5 if may_hide and not friendly and dice.random() < 0.2 else None
        self.children: tuple[str, ...] = ()
        if not friendly and dice.random() < 0.3:
            self.children = tuple(choice(("stays", "stays", "leaves", "lost")) for _ in range(choice((1, 1, 2))))
        self._answers, self._asked = ((True, 0.0),), 0
        self.calls: int | None = None
        """How often it calls before it hangs; None: always."""
        self.says: tuple = ()
        """What it says beside that, and when."""
        if not friendly:
            self._fall_ill(dice)

    def _fall_ill(self, dice: Dice) -> None:
        """Draw how it answers, and what it says of itself."""
        choice, roll = dice.choice, dice.random()
        if roll < 0.6:
            self._answers = tuple((choice((True, True, False)), choice(LATENESS)) for _ in range(5))
        elif roll < 0.7:
            self._answers = ((False, 0.0),)
        elif roll < 0.8:
            self._answers = ((True, 0.0),) * choice((1, 3)) + ((False, 0.1),) * 4
        if dice.random() < 0.4:
            self.calls = choice((0, 1, 3))
        if dice.random() < 0.3:
            words = choice(({"EXTEND_TIMEOUT_USEC": "3000000"}, {"WATCHDOG": "trigger"}, {"STOPPING": "1"},
                            {"RELOADING": "1"}, {"STATUS": "busy"}))  # fmt: skip
            self.says = ((choice((0.0, 0.1, 1.0, 4.0)), words),)

    def answer(self) -> tuple[bool, float | None]:
        """Return whether the next answer to a check is good, and after how long it comes; None: never."""
        self._asked += 1
        return self._answers[self._asked % len(self._answers)]


class Machine:
    """Everything but the supervisor."""

    def __init__(self, seed: int, *, may_hide: bool) -> None:
        self.seed, self.may_hide = seed, may_hide
        self.dice = Dice(seed * 2 + 1)
        self.now = 1000.0
        self.table: dict[int, Process] = {}
        self.kept: dict[tuple[str, int], Pipe] = {}
        """Pipes that only the keeper has, by slot."""
        self.log: dict[tuple[str, int], list[int]] = {}
        """What came out, by slot."""
        self.written: dict[tuple[str, int], int] = {}
        self.family: object = None
        """The process of the supervisor that lives, or None."""
        self.life = None
        """The supervisor itself; see ports.py."""
        self.friendly = False
        self.disk_full = False
        self.is_noted = self.is_recorded = lambda _: True
        self.births: dict[tuple[str, int], int] = {}
        self.story: list[str] | None = None
        self._last_run: dict[int, str] = {}
        self._rested: dict[int, float] = {}
        self._last_pid = PIDS[0] - 1
        self._fd = 1000
        self._serial = 0
        self.said: list[tuple[int, dict]] = []
        """What waits in the notify socket, by pid."""
        self.sockets: set[int] = set()
        """Those that are open."""
        self.kept_sockets: dict[tuple, int] = {}
        """Those that only the keeper has, by what they listen on."""
        self.moments = ""
        """The path of the moments of schedules."""
        self.offset = 0.0
        self.highest = self.peak = self.seen = EPOCH
        self.set_at = -1.0
        """When the wall clock was last set."""
        self.turn = 0.0
        """When the supervisor was last known to have done all that was due."""
        self.busy_until = 0.0
        """When the supervisor last came to what it should have done before."""
        self.knows_of_sets = True
        """The system tells when its clock is set."""
        self._coming: list[tuple[float, int, int, object]] = []
        self.happened = 0
        """How much has happened; where it is the same as before, nothing has."""

    # Time -------------------------------------------------------------------------------------------------------------

    def ticks(self) -> int:
        """Return the time in clock ticks after boot."""
        return int(self.now * TICKS)

    def wall(self) -> float:
        """Return the time of day."""
        return EPOCH + self.now + self.offset

    def set_clock(self, seconds: float) -> bool:
        """Set it; tell whether it is far behind by now."""
        self.highest, self.peak = max(self.highest, self.wall()), max(self.peak, self.wall())
        if self.life is not None:
            self.seen = max(self.seen, self.wall())
        self.offset += seconds
        self.set_at = self.now
        if self.life is not None and self.life.wall is not None and self.knows_of_sets:
            self.life.soon(self.life.wall.was_set)
        behind = self.highest - self.wall()
        if behind > FAR_BEHIND:
            self.highest = self.wall()
        if self.life is not None and self.seen - self.wall() > FAR_BEHIND:
            self.seen = self.wall()
        return behind > 2 * 3600.0

    def shown(self) -> float:
        """Return up to where the clock has been before, unless that is too far away to count."""
        # What was kept at its peak counts again where it was set far back and forward since, and nothing ran meanwhile.
        # And what the clock has shown while no supervisor lived is not known to the next one.
        found = (self.peak, self.seen, self.highest)
        return next(one for one in found if one - self.wall() <= FAR_BEHIND or one is self.highest)

    def push(self, when: float, order: int, call) -> None:
        """Have ``call`` made at ``when``."""
        self._serial += 1
        heappush(self._coming, (max(when, self.now), order, self._serial, call))

    def later(self, after: float, call) -> None:
        """Have a fact happen, before or after what a loop does at that moment, as chance has it."""
        self.push(self.now + after, BEFORE if self.dice.random() < 0.5 else AFTER, call)

    def advance(self, seconds: float, *, late: bool = False) -> None:
        """Let time pass, and all happen that falls due; ``late``: only when it has passed, as if all had been busy."""
        end, self.turn = self.now + seconds, self.now
        if late:
            self.now = self.busy_until = end
        coming, turns = self._coming, 0
        while coming and coming[0][0] <= end:
            when, _, _, call = heappop(coming)
            if when > self.now:
                self.now = self.turn = when
                turns = 0
            else:
                turns += 1
                if turns > 5000:
                    raise Broken("busy", "the loop never comes to rest")
            try:  # noqa: SIM105 - it happens a hundred times in a history
                call()
            except Dead:
                pass
            self.happened += 1
        self.now = self.turn = max(self.now, end)

    def tell(self, text: str) -> None:
        """Put a line into the story of this history, if anybody reads it."""
        if self.story is not None:
            self.story.append(f"{self.now - 1000.0:9.2f}  {text}")

    # Processes --------------------------------------------------------------------------------------------------------

    def free_pid(self) -> int | None:
        """Return the next free pid; None: there is none."""
        groups = {one.group for one in self.table.values()}  # a session that has lost its leader keeps its number
        for step in range(1, len(PIDS) + 1):
            pid = PIDS[(self._last_pid - PIDS[0] + step) % len(PIDS)]
            if pid not in self.table and pid not in groups and self._rested.get(pid, -1.0) <= self.now:
                self._last_pid = pid
                return pid
        # In the end there is room again, though what programs have left on purpose may have all the others for good.
        spare = (pid for pid in SPARE_PIDS if pid not in self.table and pid not in groups)
        return next(spare, None) if self.friendly else None

    def fate(self, slot: tuple[str, int]) -> Fate:
        """Draw the fate of a slot's next process."""
        number = self.births[slot] = self.births.get(slot, 0) + 1
        dice = Dice(crc32(f"{self.seed}/{slot}/{number}".encode()))
        return Fate(dice, friendly=self.friendly, may_hide=self.may_hide)

    def fork(self, slot: tuple[str, int] | None, mark: str) -> Process | None:
        """Make a process; None where there is no number left for it."""
        pid = self.free_pid()
        if pid is None:
            return None
        self.happened += 1
        made = self.table[pid] = Process(pid, self.ticks(), slot)
        made.mark = mark
        if slot is not None:
            self._last_run[pid] = mark.partition("/")[2]
        return made

    def begin(self, process: Process) -> None:
        """Let the first process of a run, which has become its program, live its life."""
        fate = process.fate
        for after in fate.writes:
            self.later(after, lambda: self.write(process))
        if fate.life is not None:
            self.later(fate.life, lambda: self.end(process, fate.status))
        if fate.ready is not None:
            process.ready = self.now + fate.ready
            self.later(fate.ready, lambda: self._notify(process))
        for after, words in fate.says:
            self.later(after, lambda words=words: self._say(process, words))
        if process.watchdog:
            self.later(0.0, lambda: self._call(process, 0))
        if fate.hides is not None:
            self.later(fate.hides, lambda: self._hide(process))
        for kind in fate.children:
            self.later(self.dice.choice((0.0, 0.2, 1.0)), lambda kind=kind: self._bear(process, kind))

    def _hide(self, process: Process) -> None:
        """Let it overwrite its environment; one of which nobody has a record yet could never be found again."""
        process.hidden = self.is_noted(process)

    def _bear(self, parent: Process, kind: str) -> None:
        if not parent.alive or self.friendly:
            return
        child = self.fork(parent.slot, "" if kind == "lost" else parent.mark)
        if child is None:
            return
        child.fate = self.fate((f"{parent.slot[0]}/child", parent.slot[1]))
        child.run, child.scope, child.family, child.args = parent.run, parent.scope, parent.family, parent.args
        child.hidden, child.leads = kind == "lost", kind != "stays"
        child.group = parent.group if kind == "stays" else child.pid
        parent.children.append(child)
        self.tell(f"pid {parent.pid} has a child that {kind}: pid {child.pid}")
        life = child.fate.life if child.fate.life is not None else (5.0 if kind == "lost" else None)
        if life is not None:
            self.later(life, lambda: self.end(child, 0))

    def stranger(self, mark: str, seconds: float) -> None:
        """Let a process be born that is none of ours."""
        made = self.fork(None, mark)
        if made is not None:
            made.leads = True
            if mark.endswith("/"):  # the same run of another colony
                made.mark = mark + self._last_run.get(made.pid, "a:1/1")
            self.later(seconds, lambda: self.end(made, 0))

    def end(self, process: Process, status: int) -> None:
        """Let a process die. A child of the supervisor stays as a zombie until that has reaped it."""
        if not process.alive:
            return
        if process.first and process.fate is not None and process.fate.last_words and process.pipe is not None:
            self.write(process)
        process.alive, process.status = False, status
        if process.first and not self.is_recorded(process):  # they would be taken for it: see docs/simulation.md
            for child in process.children:
                if child.leads:
                    self.end(child, 0)
        self.happened += 1
        if process.slot is not None:
            self.tell(f"pid {process.pid} ({process.mark.partition('/')[2] or 'lost'}) ends with {status}")
        if process.first and process.family is not None and process.family is self.family:
            process.zombie = True
        else:
            self.free(process)
        if process.watcher is not None:
            process.watcher(process)
        elif not process.first and self.life is not None:
            self.life.soon(self.life.spawner.child_died)

    def free(self, process: Process) -> None:
        """Give a pid back."""
        process.zombie = False
        if self.table.get(process.pid) is process:
            del self.table[process.pid]
            self._rested[process.pid] = self.now + REST

    def signal(self, process: Process, number: int, slot: tuple[str, int]) -> None:
        """Deliver a signal that was meant for a process of ``slot``."""
        if process.slot != slot:
            whose = f"{process.slot}" if process.slot else "nobody of ours"
            raise Broken("stranger", f"signal {number}, meant for {slot}, reaches pid {process.pid} of {whose}")
        if not process.alive or number in (SIGCHLD, SIGCONT, 0):
            return
        fate = process.fate
        if number == SIGKILL:
            after = fate.kill
        elif number == SIGTERM and fate is not None:
            after = fate.term
        else:
            after = 0.0
        if self.friendly:
            after = 0.0
        if after is not None:
            self.later(after, lambda: self.end(process, -number))

    def members(self, mark: str) -> list[Process]:
        """Return the live processes that carry a mark."""
        return [one for one in self.table.values() if one.alive and one.mark == mark and not one.hidden]

    def of_slot(self, slot: tuple[str, int]) -> list[Process]:
        """Return the live processes of a slot that its supervisor has to know of."""
        return [
            one
            for one in self.table.values()
            if one.slot == slot and one.alive and (one.first or (not one.hidden and self._is_looked_after(one)))
        ]

    def by_slot(self) -> dict[tuple[str, int], list[Process]]:
        """Return :meth:`of_slot` of all slots that have any."""
        found: dict[tuple[str, int], list[Process]] = {}
        for one in self.table.values():
            if one.slot is not None and one.alive and (one.first or (not one.hidden and self._is_looked_after(one))):
                found.setdefault(one.slot, []).append(one)
        return found

    def _is_looked_after(self, one: Process) -> bool:
        return one.scope == "tree" or (one.scope == "group" and not one.leads)

    # What a supervisor sees of them -----------------------------------------------------------------------------------

    def mark_of(self, pid: int) -> bytes | None:
        """Return the mark in a process's environment; None where there is none to be seen."""
        process = self.table.get(pid)
        if process is None or process.hidden or process.zombie or not process.mark:
            return None
        return process.mark.encode()

    def started(self, pid: int) -> int | None:
        """Return when a process started."""
        process = self.table.get(pid)
        return None if process is None else process.born

    def marked(self, colony: str) -> dict[str, list[int]]:
        """Return all processes that carry a mark of a colony, as posix/processes.py does."""
        found: dict[str, list[int]] = {}
        for pid in self.table:
            mark = self.mark_of(pid)
            if mark is not None and mark.startswith(colony.encode() + b"/"):
                found.setdefault(mark.decode(), []).append(pid)
        for pids in found.values():
            pids.sort(key=lambda pid: (not self.table[pid].leads, self.table[pid].born))
        return found

    def session(self, pid: int) -> int:
        """Return the session of a process; 0: it is gone."""
        process = self.table.get(pid)
        return 0 if process is None else process.group  # who makes a session here makes a group with it

    def environment(self, pid: int) -> dict[str, str]:
        """Return the environment of a process; empty where it cannot be seen."""
        return {} if self.mark_of(pid) is None else self.table[pid].env

    # Output and reports -----------------------------------------------------------------------------------------------

    def pipe(self, slot: tuple[str, int]) -> Pipe:
        """Make a pipe."""
        self._fd += 1
        return Pipe(self._fd, slot)

    def write(self, process: Process) -> None:
        """Let a process write one more piece: they are numbered by slot."""
        if process.alive and process.pipe is not None:
            number = self.written[process.slot] = self.written.get(process.slot, 0) + 1
            process.pipe.data.append(number)
            if self.life is not None:
                self.life.loop.readable(process.pipe.fd)

    def socket(self) -> int:
        """Open a socket."""
        self._fd += 1
        self.sockets.add(self._fd)
        return self._fd

    def _notify(self, process: Process) -> None:
        self._say(process, {"READY": "1"})

    def _call(self, process: Process, count: int) -> None:
        """Let a process say that it is well, time and again, until it hangs."""
        silent = process.fate.calls is not None and count >= process.fate.calls
        if process.alive and not silent:
            self._say(process, {"WATCHDOG": "1"})
            self.later(process.watchdog * 0.4, lambda: self._call(process, count + 1))

    def _say(self, process: Process, words: dict) -> None:
        """Let a process write to the notify socket; nobody listens where no supervisor lives."""
        if process.alive and process.first and self.life is not None and self.life.reporting is not None:
            self.said.append((process.pid, words))
            self.life.soon(self.life.reporting.read)

    # Supervisors ------------------------------------------------------------------------------------------------------

    def kill_supervisor(self) -> None:
        """Let the supervisor be gone at this very moment: its children go to init, which reaps."""
        life, self.life, self.family = self.life, None, None
        if life is None:
            return
        self.tell("the supervisor is killed")
        self.said.clear()
        self._leave(life)
        for process in list(self.table.values()):
            if process.zombie:
                self.free(process)

    def hand_over(self) -> None:
        """Let the supervisor become another version of itself: its children stay its own."""
        life, self.life = self.life, None
        self._leave(life)

    def _leave(self, life) -> None:
        for pipe in life.channels.pipes():
            self.kept[pipe.slot] = pipe
        life.listeners.leave()
        for process in self.table.values():
            process.watcher = None
