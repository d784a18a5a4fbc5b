"""The story of a colony, line by line: each sentence, and each reason once."""

from __future__ import annotations

from signal import SIGINT, SIGKILL, SIGSEGV, SIGTERM
from typing import TYPE_CHECKING

import pytest

from ncolony.core.colonyspec import ColonySpec
from ncolony.core.events import (
    PROGRAM_ADDED,
    PROGRAM_CHANGED,
    PROGRAM_REMOVED,
    AllDescribed,
    ColonyDescribed,
    CommandRefused,
    InstanceChanged,
    InstanceTakenOver,
    ProgramsChanged,
    ReloadEnded,
    Reread,
    Signalled,
    Slot,
    Warned,
)
from ncolony.core.outcome import exit_code, in_words, signal_name
from ncolony.core.program import Program, ReloadRule
from ncolony.core.snapshot import InstanceView, view
from ncolony.core.states import (
    DOWN,
    UP,
    Backoff,
    DeadlinePassed,
    Ended,
    Exited,
    Fatal,
    Instance,
    Killing,
    Outdated,
    Ready,
    Restart,
    Running,
    Spawned,
    SpawnFailed,
    Spawning,
    Start,
    Starting,
    Stop,
    Stopped,
    Stopping,
    Sweeping,
    Swept,
    Unhealthy,
    Waiting,
)
from ncolony.core.words import Narrator, what_next

if TYPE_CHECKING:
    from ncolony.core.states import Input, State

WEB = Slot("web")
NOW = 12.0


def changed(
    before: State, given: Input, after: State, *, want: str = UP, attempt: int = 0, slot: Slot = WEB
) -> InstanceChanged:
    """Return the event of an instance that went from one state to another."""
    return InstanceChanged(slot, Instance(before, UP), Instance(after, want, attempt), given, NOW)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (changed(Spawning(0.0), Spawned(1, 100), Running(100, NOW)), "web runs, pid 100"),
        (changed(Spawning(0.0), Spawned(1, 100), Starting(100, NOW, 60.0)), "web starts, pid 100"),
        (changed(Starting(100, 0.0, 60.0), Ready(1), Running(100, 0.0)), "web is ready, pid 100"),
        (changed(Starting(100, 0.0, 9.0), DeadlinePassed(9.0), Running(100, 0.0)), "web is ready, pid 100"),
        (
            changed(Running(100, 11.5), Ended(1, 1), Backoff(13.0), attempt=1),
            "web exited with status 1 after 0.5 s; next start in 1 s (attempt 2)",
        ),
        (
            changed(Starting(100, 11.5, 60.0), Ended(1, 0), Backoff(16.0), attempt=3),
            "web exited with status 0 after 0.5 s; next start in 4 s (attempt 4)",
        ),
        (
            changed(Running(100, 0.0), Ended(1, -SIGKILL), Spawning(NOW)),
            "web was killed by SIGKILL after 12 s; starting again",
        ),
        (changed(Running(100, 0.0), Ended(1, 0), Exited(0)), "web exited with status 0 after 12 s; left as it is"),
        (
            changed(Stopping(100, 17.0), Ended(1, -SIGTERM), Waiting(NOW)),
            "web was killed by SIGTERM; waiting for its next start",
        ),
        (
            changed(Running(100, 11.0), Ended(1, -SIGSEGV, core=True), Fatal("x"), attempt=3),
            "web was killed by SIGSEGV (core dumped) after 1 s; given up after 3 attempts",
        ),
        (
            changed(Running(100, 11.0), Ended(1, 1), Fatal("x"), attempt=1),
            "web exited with status 1 after 1 s; given up after 1 attempt",
        ),
        (
            InstanceChanged(
                WEB,
                Instance(Running(100, 0.0), UP),
                Instance(Fatal("exited with status 1; had been restarted 1 time within 60 s"), UP, recent=(1.0, NOW)),
                Ended(1, 1),
                NOW,
            ),
            "web exited with status 1 after 12 s; given up: had been restarted 1 time within 60 s",
        ),
        (
            changed(Running(100, 0.0), Outdated(1, "db is ready no more"), Stopping(100, 17.0)),
            "web is being stopped (db is ready no more)",
        ),
        (changed(Stopping(100, 20.0), Ended(1, -SIGTERM), Stopped(), want=DOWN), "web was killed by SIGTERM; stopped"),
        (changed(Stopping(100, 20.0), Ended(1, 0), Spawning(NOW)), "web exited with status 0; starting again"),
        (changed(Running(100, 0.0), Stop(), Stopping(100, 17.0), want=DOWN), "web is being stopped (no longer wanted)"),
        (changed(Running(100, 0.0), Restart(), Stopping(100, 17.0)), "web is being stopped (to be started again)"),
        (
            changed(Running(100, 0.0), Restart("told by ann"), Stopping(100, 17.0)),
            "web is being stopped (to be started again: told by ann)",
        ),
        (
            changed(Running(100, 0.0), Stop(why="told by bob"), Stopping(100, 17.0), want=DOWN),
            "web is being stopped (told by bob)",
        ),
        (
            changed(Spawning(0.0), Spawned(1, 100), Stopping(100, 17.0), want=DOWN),
            "web is being stopped (no longer wanted)",
        ),
        (
            changed(Starting(100, 0.0, 9.0), DeadlinePassed(9.0), Stopping(100, 17.0)),
            "web is being stopped (not ready in time)",
        ),
        (
            changed(Running(100, 0.0), Unhealthy(1, "no answer on port 80"), Stopping(100, 17.0)),
            "web is being stopped (unhealthy: no answer on port 80)",
        ),
        (
            changed(Stopping(100, 9.0), DeadlinePassed(9.0), Killing(100, 17.0)),
            "web did not end in time and gets SIGKILL",
        ),
        (
            changed(Running(100, 0.0), Ended(1, 1, left=True), Sweeping(17.0, None)),
            "web exited with status 1 after 12 s; ending what it left behind first",
        ),
        (
            changed(Sweeping(9.0, None), DeadlinePassed(9.0), Sweeping(17.0, None, killed=True)),
            "web left processes behind that did not end in time and get SIGKILL",
        ),
        (changed(Sweeping(9.0, None), Swept(1), Spawning(NOW)), "web has nothing left; starting again"),
        (InstanceTakenOver(WEB, Instance(Running(100, 0.0), UP), 0, 0), "web runs on, pid 100"),
        (Signalled(WEB, 1, "by ann"), "web gets SIGHUP (by ann)"),
        (Signalled(WEB, 10, ""), "web gets SIGUSR1"),
        (Reread(WEB), "web has read its configuration anew"),
        (ReloadEnded("web"), "web was reloaded"),
        (ReloadEnded("web", "was not reloaded: it was stopped"), "web was not reloaded: it was stopped"),
        (Warned(WEB, "does not die of SIGKILL"), "web does not die of SIGKILL"),
        (CommandRefused(WEB, Stop(), "it is not running"), "cannot stop 'web': it is not running"),
        (CommandRefused(WEB, Start(), "it is running already"), "cannot start 'web': it is running already"),
        (ProgramsChanged(PROGRAM_REMOVED, "web", None), "web was removed"),
        (
            ProgramsChanged(PROGRAM_ADDED, "web", Program("web", ("web",), autostart=False)),
            "web is there; it starts when asked (autostart is false)",
        ),
        (
            ProgramsChanged(PROGRAM_CHANGED, "web", Program("web", ("web",)), ("args", "env"), restart=True),
            "web was changed (args, env) and is being replaced",
        ),
        (
            ProgramsChanged(
                PROGRAM_CHANGED, "web", Program("web", ("web",), reload=ReloadRule()), ("args",), restart=True
            ),
            "web was changed (args) and is being reloaded",
        ),
        (
            ProgramsChanged(PROGRAM_CHANGED, "web", Program("web", ("web",)), ("group",)),
            "web was changed (group) and goes on running",
        ),
    ],
)
def test_what_people_should_hear_is_one_sentence(event: object, line: str) -> None:
    """The log is read at night: who, what, why, and what happens next."""
    assert Narrator().line(event) == line  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "event",
    [
        changed(Stopped(), Start(), Spawning(NOW)),
        changed(Stopped(), Start(), Waiting(NOW)),
        changed(Backoff(9.0), DeadlinePassed(9.0), Spawning(NOW)),
        changed(Backoff(19.0), Stop(), Stopped(), want=DOWN),
        changed(Stopping(100, 20.0), Stop(1.0), Stopping(100, 13.0), want=DOWN),
        changed(Killing(100, 9.0), DeadlinePassed(9.0), Killing(100, 14.0)),
        changed(Sweeping(9.0, None, killed=True), DeadlinePassed(9.0), Sweeping(17.0, None, killed=True)),
        InstanceTakenOver(WEB, Instance(Stopped()), 0, 0),
        changed(Killing(100, 20.0), Stop(), Killing(100, 20.0), want=DOWN),
        ProgramsChanged(PROGRAM_ADDED, "web", Program("web", ("web",))),
        ProgramsChanged(PROGRAM_CHANGED, "web", Program("web", ("web",))),
        ColonyDescribed(ColonySpec()),
        AllDescribed(),
    ],
)
def test_what_is_no_news_is_not_told(event: object) -> None:
    """The next line says it better, or nothing happened to anybody."""
    assert Narrator().line(event) is None  # type: ignore[arg-type]


def failed(why: str, after: State = Backoff(13.0), slot: Slot = WEB) -> InstanceChanged:  # noqa: B008 (frozen)
    """Return the event of a start that came to nothing."""
    return changed(Spawning(0.0), SpawnFailed(1, why), after, attempt=1, slot=slot)


NO_FILE = "no such file: wbe"
CANNOT = "cannot start 'web': no such file: wbe; next start in 1 s (attempt 2)"


def test_a_start_that_fails_says_why_and_when_it_is_tried_again() -> None:
    """Bug 31: the reason, not 'exit 1'."""
    assert Narrator().line(failed(NO_FILE)) == CANNOT


def test_a_reason_is_told_once_and_not_once_a_try() -> None:
    """A thousand tries are one line; another reason is another line."""
    narrator = Narrator()
    assert [narrator.line(failed(NO_FILE)) for _ in range(3)] == [CANNOT, None, None]
    assert narrator.line(failed("permission denied")) == CANNOT.replace(NO_FILE, "permission denied")
    assert narrator.line(failed("permission denied")) is None


def test_giving_up_is_told_though_the_reason_is_known() -> None:
    """It is the one try after which nothing follows."""
    narrator = Narrator()
    narrator.line(failed(NO_FILE))
    assert narrator.line(failed(NO_FILE, Fatal(NO_FILE))) == f"cannot start 'web': {NO_FILE}; given up after 1 attempt"


def test_once_it_lived_the_same_reason_is_news_again() -> None:
    """Somebody mended it, and somebody broke it again."""
    narrator = Narrator()
    narrator.line(failed(NO_FILE))
    narrator.line(changed(Spawning(0.0), Spawned(1, 100), Running(100, NOW)))
    assert narrator.line(failed(NO_FILE)) == CANNOT


@pytest.mark.parametrize("command", [Start(), Restart()])
def test_who_asks_for_a_start_hears_of_its_failure_again(command: Input) -> None:
    """Silence after `ctl restart` would look like success."""
    narrator = Narrator()
    narrator.line(failed(NO_FILE))
    assert narrator.line(changed(Backoff(20.0), command, Spawning(NOW))) is None
    assert narrator.line(failed(NO_FILE)) == CANNOT


def test_a_program_that_was_removed_has_no_past() -> None:
    """Added again under the same name it is another program; others keep what was said of them."""
    narrator, other = Narrator(), Slot("db")
    narrator.line(failed(NO_FILE))
    narrator.line(failed(NO_FILE, slot=other))
    narrator.line(ProgramsChanged(PROGRAM_REMOVED, "web", None))
    assert narrator.line(failed(NO_FILE)) == CANNOT
    assert narrator.line(failed(NO_FILE, slot=other)) is None


def test_each_slot_has_its_own_story() -> None:
    """web:1 and web:2 may fail for the same reason; both are told, by their names."""
    narrator = Narrator()
    lines = [narrator.line(failed(NO_FILE, slot=Slot("web", number, 2))) for number in (1, 2, 1)]
    assert lines == [CANNOT.replace("web", "web:1"), CANNOT.replace("web", "web:2"), None]


def test_a_start_that_fails_when_nobody_wants_it_any_more_ends_stopped() -> None:
    """The reason is still worth a line."""
    assert Narrator().line(failed(NO_FILE, Stopped())) == f"cannot start 'web': {NO_FILE}; stopped"


def test_a_slot_is_called_by_its_program_where_there_is_one() -> None:
    """Nobody says web:1 of the only web there is."""
    assert [str(slot) for slot in (Slot("web"), Slot("web", 1, 3), Slot("web", 3, 3))] == ["web", "web:1", "web:3"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (0, 0, "exited with status 0"),
        (3, 3, "exited with status 3"),
        (255, 255, "exited with status 255"),
        (-SIGKILL, 137, "was killed by SIGKILL"),
        (-SIGTERM, 143, "was killed by SIGTERM"),
        (-SIGINT, 130, "was killed by SIGINT"),
        (-40, 168, "was killed by signal 40"),
    ],
)
def test_an_end_is_a_code_and_words(status: int, code: int, words: str) -> None:
    """Bug 60: signal 9 gives 137, 15 gives 143, exit 3 gives 3."""
    assert exit_code(status) == code
    assert in_words(status) == words


def test_an_end_that_nobody_saw_has_no_status() -> None:
    """It came, say, while one supervisor was dead and the next not there yet; to guess 0 would be a lie."""
    assert in_words(None) == "ended (its exit status is not known)"


def test_a_core_dump_is_mentioned_where_a_signal_left_one() -> None:
    """Bug 60: an exit cannot dump core."""
    assert in_words(-SIGSEGV, core=True) == "was killed by SIGSEGV (core dumped)"
    assert in_words(1, core=True) == "exited with status 1"
    assert signal_name(SIGTERM) == "SIGTERM"


@pytest.mark.parametrize(
    ("state", "name", "pid", "deadline"),
    [
        (Stopped(), "stopped", None, None),
        (Waiting(1.0), "waiting", None, None),
        (Spawning(1.0), "spawning", None, None),
        (Starting(100, 1.0, 9.0), "starting", 100, 9.0),
        (Running(100, 1.0), "running", 100, None),
        (Stopping(100, 9.0), "stopping", 100, 9.0),
        (Killing(100, 9.0), "killing", 100, 9.0),
        (Sweeping(9.0, None), "sweeping", None, 9.0),
        (Backoff(9.0), "backoff", None, 9.0),
        (Exited(3), "exited", None, None),
        (Fatal("because"), "fatal", None, None),
    ],
)
def test_a_view_shows_a_pid_only_where_a_process_lives(
    state: State, name: str, pid: int | None, deadline: float | None
) -> None:
    """Somebody will signal the pid that a status shows."""
    seen = view("web", 2, Instance(state, UP, 4, 7))
    more = {field: getattr(state, field) for field in ("since", "status", "why") if hasattr(state, field)}
    assert seen == InstanceView("web", 2, name, UP, run=7, attempt=4, pid=pid, deadline=deadline, **more)


@pytest.mark.parametrize(
    ("state", "want", "words"),
    [
        (Spawning(NOW), UP, "starting again"),
        (Stopped(), DOWN, "stopped"),
        (Sweeping(9.0, None), DOWN, "ending what it left behind first"),
    ],
)
def test_what_follows_is_as_it_is_wanted(state: State, want: str, words: str) -> None:
    """Every sentence of an end ends with what comes next."""
    before, after = Instance(Running(100, 0.0), want), Instance(state, want)
    assert what_next(InstanceChanged(WEB, before, after, Ended(0, 1), NOW)) == words
