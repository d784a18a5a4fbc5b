"""The vocabulary of the life cycle: states, inputs and outputs. Data only; lifecycle.py moves between them.

Every state carries what is true in it and nowhere else: a pid only where a process lives, a deadline only where one is
set. Times are seconds on the loop's monotonic clock. Facts carry the number of the run they belong to.
"""

from __future__ import annotations

from ncolony.core.outcome import Usage
from ncolony.core.record import record

# States ---------------------------------------------------------------------------------------------------------


@record
class Stopped:
    """Not running, and not wanted."""


@record
class Waiting:
    """Wanted, and held back until its time has come and what it needs is there."""

    since: float


@record
class Spawning:
    """A process has been asked for; whether it came to life is not known yet."""

    since: float


@record
class Starting:
    """Alive, not ready yet. The deadline ends the patience, or is the moment it counts as ready."""

    pid: int
    since: float
    deadline: float


@record
class Running:
    """Alive and ready."""

    pid: int
    since: float


@record
class Stopping:
    """The stop signal was sent; at the deadline comes SIGKILL."""

    pid: int
    deadline: float
    hurried: bool = False
    """Whoever stops it has no more time than that: it cannot ask for more."""


@record
class Killing:
    """SIGKILL was sent; at the deadline it is sent again, and said so."""

    pid: int
    deadline: float


@record
class Backoff:
    """Between two attempts; the next start is at the deadline."""

    deadline: float


@record
class Exited:
    """Ended as its policy wants it."""

    status: int | None


@record
class Fatal:
    """Given up after too many attempts in a row."""

    why: str


@record
class Sweeping:
    """The process is gone, and left others behind, which are being ended; at the deadline they get SIGKILL."""

    deadline: float
    then: Backoff | Exited | Fatal | None
    """What follows where it is still wanted; None: the next run."""
    killed: bool = False
    """They got SIGKILL."""


State = Stopped | Waiting | Spawning | Starting | Running | Stopping | Killing | Sweeping | Backoff | Exited | Fatal
STATES: tuple[type[State], ...] = State.__args__

# Inputs: commands (may be refused), then facts (happened) --------------------------------------------------------


@record
class Start:
    """Somebody wants it up. ``why``, here and below: in words for people, empty where there is nothing to add."""

    why: str = ""


@record
class Stop:
    """Somebody wants it down; ``within`` shortens the program's own patience before SIGKILL, in seconds."""

    within: float | None = None
    why: str = ""
    hold: bool = False
    """An operator wants it down: it stays so, also under the next supervisor, until somebody starts it."""


@record
class Restart:
    """Somebody wants a new process for it."""

    why: str = ""


@record
class Spawned:
    """The process is alive: its program was executed."""

    run: int
    pid: int


@record
class SpawnFailed:
    """There is no process; ``why`` is for people."""

    run: int
    why: str


@record
class Ready:
    """The process is ready to serve."""

    run: int


@record
class Ended:
    """The process is gone. ``status`` as in outcome.py, None where nobody saw it; ``core``: it left a core dump."""

    run: int
    status: int | None
    core: bool = False
    left: bool = False
    """Others that it started live on; Swept follows when they are gone."""
    usage: Usage | None = None
    """What it has used; None where nobody was told."""
    oom: bool = False
    """The system has probably killed it, for want of memory."""


@record
class Swept:
    """Nothing is left of what the run's process left behind."""

    run: int


@record
class Unhealthy:
    """Its health checks say it has to be replaced."""

    run: int
    why: str


@record
class Outdated:
    """Its run has to be replaced for another's sake: what it needs was lost, or its group starts anew."""

    run: int
    why: str


@record
class Overdue:
    """Its run takes longer than its schedule allows."""

    run: int
    why: str


@record
class Extend:
    """It asks for more time to become ready, or to stop: so many seconds from now."""

    run: int
    seconds: float


@record
class DeadlinePassed:
    """The deadline that the state carried is here."""

    deadline: float


@record
class Unblocked:
    """What it waited for is there. ``run`` is the number of the run before."""

    run: int


Command = Start | Stop | Restart
Fact = (
    Spawned | SpawnFailed | Ready | Ended | Swept | Unhealthy | Outdated | Overdue | Extend | DeadlinePassed | Unblocked
)  # fmt: skip
Input = Command | Fact
COMMANDS: tuple[type[Command], ...] = Command.__args__
INPUTS: tuple[type[Input], ...] = Input.__args__

# Outputs ----------------------------------------------------------------------------------------------------------


@record
class Spawn:
    """Start the process of this run."""

    run: int


@record
class Signal:
    """Send a signal to the process (and to who else belongs to it, by the program's stop scope)."""

    number: int


@record
class Await:
    """Feed Unblocked as soon as the program's time has come and what it needs is there."""


@record
class Refuse:
    """The command cannot be carried out; nothing changed."""

    why: str


@record
class Warn:
    """Something a person should know about."""

    what: str


Output = Spawn | Signal | Await | Refuse | Warn

# One slot of a program ----------------------------------------------------------------------------------------------

UP, DOWN = "up", "down"


@record
class Instance:
    """Where one slot of a program stands, and what was last asked for it."""

    state: State = Stopped()
    want: str = DOWN
    attempt: int = 0
    """Runs in a row that ended too soon."""
    run: int = 0
    """The number of the latest run; facts of earlier runs are stale."""
    held: bool = False
    """An operator wants it down; see :class:`Stop`."""
    recent: tuple[float, ...] = ()
    """When it was restarted by itself, where its policy's window counts that. Forgotten with its supervisor."""
    number: int = 1
    """Which slot of its program it is."""


def deadline_of(state: State) -> float | None:
    """Return the moment at which ``state`` wants to be woken, or None."""
    return getattr(state, "deadline", None)


def pid_of(state: State) -> int | None:
    """Return the pid of the process that lives in ``state``, or None."""
    return getattr(state, "pid", None)


def name_of(state: State) -> str:
    """Return the state's name as users see it: ``running``."""
    return type(state).__name__.lower()
