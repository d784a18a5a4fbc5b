"""What a colony keeps over the death of its supervisor: put together from the state directory, or done without."""

from __future__ import annotations

import os

from ncolony.core.check import check
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.program import TEMPORARY, Defaults, Program, RestartPolicy
from ncolony.core.states import Sweeping, pid_of
from ncolony.posix.journal import Journal
from ncolony.posix.processes import environment_of
from ncolony.posix.records import Records
from ncolony.posix.state import State, Unusable, default_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from ncolony.core.kept import Kept
    from ncolony.core.logspec import LogSpec
    from ncolony.hosts.settings import Settings
    from ncolony.ports import Loop, Observer
    from ncolony.posix.records import Key
    from ncolony.runtime.supervisor import Supervisor

    Say = Callable[[str], None]


PARTIAL = "partial"


class Memory:
    """What was found, and where things are kept from now on."""

    def __init__(
        self, colony: str, kept: Mapping[tuple[str, int], Kept], keepers: Sequence[State | Records] = ()
    ) -> None:
        """Hold it together. ``colony`` marks this colony's processes."""
        self.colony = colony
        self.kept = kept
        self._keepers = keepers
        self.lock = next((keeper.lock for keeper in keepers if isinstance(keeper, State)), None)
        """The descriptor that holds the colony's lock, or None where nothing is kept."""
        self.state = next((keeper.path for keeper in keepers if isinstance(keeper, State)), None)
        """The state directory, or None where nothing is kept."""
        self.partial = None if self.state is None else f"{self.state}/{PARTIAL}"
        """The file for lines that are not finished when a supervisor hands over, or None where nothing is kept."""
        self.journal: Journal | None = None
        """What became of every run; None where nothing is kept."""
        self.renewals: list[Callable[[], None]] = []
        """Each puts back what somebody else keeps in the state directory, if that was deleted. May raise OSError."""
        self.observers: list[Observer] = [keeper for keeper in keepers if isinstance(keeper, Records)]

    def begin_journal(self, loop: Loop, supervisor: Supervisor, say: Say) -> None:
        """Write down from now on what becomes of every run, where anything can be kept."""
        if self.state is None:
            return
        try:
            self.journal = Journal(self.state, loop, supervisor.last_words, say)
        except OSError as error:
            say(f"cannot keep a journal in {self.state!r}: {error.strerror}; programs go on, and `why` knows little")
            return
        supervisor.observe(self.journal)
        self.renewals.append(self.journal.renew)

    def renew(self) -> None:
        """Make anew what was deleted of the state directory. Raises OSError, NColonyError and :class:`Unusable`.

        Without its lock nothing in it is ours; with it, as much as can be is made anew before an error is raised.
        """
        failed: OSError | None = None
        others = []
        for keeper in self._keepers:
            if isinstance(keeper, State):
                keeper.renew()
                others.append(keeper.renew_name)
            else:
                others.append(keeper.renew)
        for renew in (*others, *self.renewals):
            try:
                renew()
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def close(self) -> None:
        """Let go of the files; they stay."""
        if self.journal is not None:
            self.journal.close()
        for keeper in self._keepers:
            keeper.close()


def remember(settings: Settings, now: float, say: Say) -> Memory:
    """Open the state directory and find out what is left from before; do without where it cannot be used.

    Raises :class:`Taken` where another supervisor has this colony, or
    :class:`ConfigError` where it cannot be told.
    """
    try:
        state = State(settings.state or default_state(settings.messages), settings.config)
    except Unusable as error:
        say(f"{error}; programs run, and cannot be taken over by another supervisor when this one is killed")
        kept = _by_pid_files(settings.pid, now, say) if settings.pid is not None else {}
        return Memory(os.urandom(6).hex(), kept)
    kept = {} if state.is_new and not os.path.exists(state.records) else _recovered(state, now, say)
    if not kept and settings.pid is not None:
        kept = _by_pid_files(settings.pid, now, say)
    try:
        records = Records(state.records, {"boot": state.boot, "colony": state.colony}, kept.values(), say)
    except OSError as error:
        words = f"cannot keep records in {state.path!r}: {error.strerror}"
        say(f"{words}; should this supervisor be killed, the next one finds processes by their marks alone")
        return Memory(state.colony, kept, (state,))
    return Memory(state.colony, kept, (records, state))


def _recovered(state: State, now: float, say: Say) -> dict[Key, Kept]:
    from ncolony.posix.recovery import recover

    return recover(state, now, say)


def _by_pid_files(folder: str, now: float, say: Say) -> dict[Key, Kept]:
    from ncolony.posix.recovery import recover_from_pid_files

    return recover_from_pid_files(folder, now, say)


def settle(
    supervisor: Supervisor,
    described: Container[str],
    say: Say,
    log_left: Callable[[str], LogSpec],
    environment: Callable[[int], Mapping[str, str]] = environment_of,
) -> None:
    """Deal with what is left of programs that no usable file describes, and of instances that are too many by now.

    Where the file is gone the program was removed, and is stopped. Where there is a file that cannot be used, the
    program goes on as it was: its description is taken from its own ``environment``, by pid.
    """
    left = supervisor.left_over()
    for name in dict.fromkeys(name for name, _ in left):
        if name in supervisor.programs:
            supervisor.let_go_surplus(name)
            continue
        runs = {
            pid: f"{name}:{number}/{one.instance.run}"
            for (owner, number), one in left.items()
            if owner == name and (pid := pid_of(one.instance.state))
        }
        program = _own_description(name, runs, environment)
        if name not in described:
            say(f"{name} was removed while no supervisor ran")
            supervisor.let_go(program or _unknown(name, log_left(name)))
        elif program is not None:
            supervisor.apply({name: program})
        else:
            say(f"{name} cannot be looked after until its file can be used; it goes on as it is")


def release(supervisor: Supervisor, log_left: Callable[[str], LogSpec]) -> None:
    """Have what lives and could not be looked after be stopped with all the others."""
    left = [(name, one.instance.state) for (name, _), one in supervisor.left_over().items()]
    for name in dict.fromkeys(name for name, state in left if pid_of(state) or isinstance(state, Sweeping)):
        supervisor.let_go(_unknown(name, log_left(name)))


def _own_description(
    name: str, runs: Mapping[int, str], environment: Callable[[int], Mapping[str, str]]
) -> Program | None:
    for pid, run in runs.items():
        found = environment(pid)
        text = found.get("NCOLONY_CONFIG")
        # Where it has ended, its pid may be another one's by now.
        if text is not None and found.get("NCOLONY_RUN", "").partition("/")[2] == run:
            try:
                return check(name, *parse(text.encode("utf-8", "surrogateescape")), Defaults()).program
            except NotAnObject:
                continue
    return None


def _unknown(name: str, log: LogSpec) -> Program:
    return Program(name, (name,), restart=RestartPolicy(TEMPORARY), log=log)
