"""The story of a program: from events to entries, and from entries to what people read."""

from __future__ import annotations

from signal import SIGKILL, SIGSEGV, SIGTERM

import pytest

from ncolony.core.chronicle import entry_of
from ncolony.core.events import (
    InstanceChanged,
    Slot,
)
from ncolony.core.spans import ago, seconds
from ncolony.core.states import (
    UP,
    Ended,
    Input,
    Instance,
    Running,
    Spawning,
    State,
    Stopping,
    Unhealthy,
)
from ncolony.core.story import is_wrong, tell

WEB = Slot("web")
NOW = 12.0
Entry = dict[str, object]


def changed(before: State, given: Input, after: State, attempt: int = 0) -> InstanceChanged:
    """Return the event of an instance that went from one state to another."""
    return InstanceChanged(WEB, Instance(before, UP, 0, 4), Instance(after, UP, attempt, 4), given, NOW)


def test_an_end_is_told_of_the_run_that_ended_though_the_next_one_begins_at_once() -> None:
    """The reason for it belongs to that run; with the number of the next one, it would not be found."""
    stop = changed(Running(99, 0.0), Unhealthy(4, "HTTP 500"), Stopping(99, 17.0))
    before, after = Instance(Stopping(99, 17.0), UP, 0, 4), Instance(Spawning(NOW), UP, 0, 5)
    end = InstanceChanged(WEB, before, after, Ended(4, -SIGTERM), NOW)
    entries = [{**found, "t": 999.5} for event in (stop, end) if (found := entry_of(event))]
    lines = tell(status(run=5), entries, 1000.0, str)
    assert lines[1] == "  was killed by SIGTERM: unhealthy: HTTP 500, just now (run 4)"


def status(**more: object) -> Entry:
    """Return the status of an instance that runs, but for what is given."""
    usual: Entry = {
        "name": "web", "number": 1, "of": 1, "state": "running", "pid": 99, "run": 4, "uptime": 3700.0, "attempt": 0,
    }  # fmt: skip
    return {**usual, **more}


def told(entries: list[Entry], attempts: int | None = None, **more: object) -> list[str]:
    """Tell the story at time 1000, with the times as they are."""
    at = [{"p": "web", "n": 1, "r": 4, **one} for one in entries]
    return tell(status(**more), at, 1000.0, lambda when: f"@{when:g}", attempts)


def test_one_that_never_failed_has_a_short_story() -> None:
    """How long it runs, and as what."""
    assert told([{"k": "start", "pid": 99, "t": 990.0}]) == ["web runs for 1 h 1 min, pid 99, run 4"]


def test_a_crash_loop_is_told_with_what_comes_next_and_the_last_words() -> None:
    """What is so, what happened last, what it said, what happened before, the newest first."""
    entries: list[Entry] = [
        {"k": "changed", "fields": ["args", "env"], "restart": True, "t": 980.0, "n": 1},
        {"k": "end", "status": 2, "ran": 0.25, "t": 990.0, "r": 3},
        {"k": "start", "pid": 5, "t": 996.0},
        {"k": "end", "status": 1, "ran": 0.52, "user": 0.02, "system": 0.01, "peak": 31_000_000, "t": 996.9,
         "last": ["Traceback", "Error: no"]},
    ]  # fmt: skip
    lines = told(entries, 8, state="backoff", pid=None, uptime=None, next_start=7.31, attempt=3)
    assert lines == [
        "web waits for its next start: in 7.31 s, attempt 4 of 8",
        "  exited with status 1 after 0.52 s, 3.1 s ago (run 4; CPU 0.03 s; at most 31 MB)",
        "  its last lines:",
        "    | Traceback",
        "    | Error: no",
        "  before that:",
        "    @990  run 3 exited with status 2 after 0.25 s",
        "    @980  described anew: args, env",
    ]


def test_what_happened_after_the_last_end_is_not_told_as_before_it() -> None:
    """And takes its share of the room."""
    earlier: list[Entry] = [{"k": "end", "status": 2, "t": 900.0 + run, "r": run} for run in range(9)]
    later: list[Entry] = [
        {"k": "end", "status": 1, "t": 990.0},
        {"k": "asked", "what": "stop", "why": "asked for by ann", "t": 991.0},
        {"k": "removed", "t": 992.0},
    ]
    lines = told(earlier + later, state="stopped", pid=None, uptime=None)
    assert lines[1:5] == [
        "  exited with status 1, 10 s ago (run 4)",
        "  since then:",
        "    @992  was removed",
        "    @991  stop: asked for by ann",
    ]
    assert lines[5:] == [
        "  before that:",
        *(f"    @{900 + run}  run {run} exited with status 2" for run in range(8, 2, -1)),
    ]


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([{"k": "stop", "cause": "asked", "why": "by ann"}, {"k": "end", "status": -SIGTERM}],
         "was killed by SIGTERM: stopped: by ann"),
        ([{"k": "stop", "cause": "replaced", "why": "args changed"}, {"k": "end", "status": -SIGTERM}],
         "was killed by SIGTERM: restarted: args changed"),
        ([{"k": "stop", "cause": "unhealthy", "why": "HTTP 500"}, {"k": "kill"}, {"k": "end", "status": -SIGKILL}],
         "was killed by SIGKILL: unhealthy: HTTP 500, and did not end in time"),
        ([{"k": "stop", "cause": "outdated", "why": "db is ready no more"}, {"k": "end", "status": -SIGTERM}],
         "was killed by SIGTERM: db is ready no more"),
        ([{"k": "stop", "cause": "not-ready", "why": ""}, {"k": "end", "status": 0, "ran": 60.0, "early": True}],
         "exited with status 0 after 1 min 0 s, before it was ready: it was not ready in time"),
        ([{"k": "signal", "signal": 9, "why": "by ann"}, {"k": "end", "status": -SIGKILL}],
         "was killed by SIGKILL: sent, by ann"),
        ([{"k": "signal", "signal": 9, "why": ""}, {"k": "end", "status": -SIGKILL}],
         "was killed by SIGKILL: sent by an operator"),
        ([{"k": "signal", "signal": 9, "t": 100.0}, {"k": "end", "status": -SIGKILL}], "was killed by SIGKILL"),
        ([{"k": "signal", "signal": 1, "t": 999.0}, {"k": "end", "status": -SIGKILL}], "was killed by SIGKILL"),
        ([{"k": "end", "status": -SIGKILL, "oom": True}], "was killed by SIGKILL (probably out of memory)"),
        ([{"k": "end", "status": -SIGSEGV, "core": True}], "was killed by SIGSEGV (core dumped)"),
        ([{"k": "signal", "signal": 9, "t": 989.4}, {"k": "end", "status": -SIGKILL}], "was killed by SIGKILL"),
        ([{"k": "signal", "signal": 9, "t": 989.5}, {"k": "end", "status": -SIGKILL}],
         "was killed by SIGKILL: sent by an operator"),
        ([{"k": "stop", "cause": "asked", "why": "by ann", "r": 3}, {"k": "end", "status": 1}], "exited with status 1"),
        ([{"k": "stop", "cause": "asked", "why": ""}, {"k": "end", "status": 0}], "exited with status 0: stopped"),
        ([{"k": "stop", "cause": "replaced", "why": ""}, {"k": "end", "status": 0}], "exited with status 0: restarted"),
        ([{"k": "stop", "cause": "asked"}, {"k": "end", "status": 0}], "exited with status 0: stopped"),
        ([{"k": "end", "status": None}], "ended (its exit status is not known)"),
        ([{"k": "fail", "why": "no such file"}], "could not be started: no such file"),
    ],
)  # fmt: skip
def test_an_end_is_laid_to_who_caused_it(entries: list[Entry], line: str) -> None:
    """To an operator, a change, its health checks, a deadline, a signal that was sent, or nobody but itself."""
    lines = told([{"t": 999.5, **one} for one in entries], state="stopped", pid=None, uptime=None)
    assert lines[1] == f"  {line}, just now (run 4)"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"state": "stopped", "held": True}, "web is stopped, by hand: `ncolony start` starts it"),
        ({"state": "waiting", "waits_for": "db to be ready"}, "web waits for db to be ready"),
        ({"state": "stopped", "held": False}, "web is stopped"),
        ({"state": "running", "held": True}, "web runs"),
        ({"state": "running", "next_start": 3.0}, "web runs"),
        ({"state": "backoff", "next_start": None}, "web waits for its next start"),
        ({"state": "waiting"}, "web waits for what it needs"),
        ({"state": "fatal", "why": "exited with status 1"},
         "web was given up: exited with status 1; `ncolony start` tries again"),
        ({"state": "backoff", "next_start": 120.0}, "web waits for its next start: in 2 min 0 s, attempt 1"),
        ({"state": "stopping"}, "web is being stopped"),
        ({"state": "stopping", "uptime": 9.0}, "web is being stopped; alive for 9 s, pid 99, run 4"),
        ({"state": "starting", "uptime": 1.0}, "web is not ready yet; alive for 1 s, pid 99, run 4"),
        ({"state": "spawning"}, "web is being started"),
        ({"state": "sweeping"}, "web has ended; what it left behind is being ended"),
        ({"state": "exited"}, "web has ended, and is left as it is"),
        ({"state": "new to us"}, "web new to us"),
        ({"of": 2, "number": 2, "uptime": 1.0, "state": "running"}, "web:2 runs for 1 s, pid 99, run 4"),
        ({"uptime": 1.0, "state": "running", "health": {"ok": False, "last_error": "HTTP 500"}},
         "web runs for 1 s, pid 99, run 4; unhealthy: HTTP 500"),
        ({"uptime": 1.0, "state": "running", "reload": {"under_way": True}},
         "web runs for 1 s, pid 99, run 4; is being reloaded"),
        ({"uptime": 1.0, "state": "running", "reload": {"under_way": False, "failed": "it was not reloaded"}},
         "web runs for 1 s, pid 99, run 4; it was not reloaded"),
        ({"uptime": 1.0, "state": "running", "health": {"ok": False}},
         "web runs for 1 s, pid 99, run 4; unhealthy: its checks fail"),
    ],
)  # fmt: skip
def test_how_it_stands_is_one_line(more: Entry, line: str) -> None:
    """With what can be done about it."""
    assert told([], **{"uptime": None, **more}) == [line]


def test_one_that_is_being_stopped_says_why() -> None:
    """By the latest reason."""
    entries: list[Entry] = [{"k": "stop", "cause": "asked", "why": why, "t": 1.0} for why in ("by ann", "by bob")]
    assert told(entries, state="stopping", uptime=None)[0] == "web is being stopped (stopped: by bob)"


def test_what_else_happened_is_told_the_newest_first() -> None:
    """Without ends there is nothing that it was before."""
    entries: list[Entry] = [
        {"k": "taken", "state": "running", "pid": 99, "t": 1.0},
        {"k": "warning", "what": "left processes behind", "t": 2.0},
        {"k": "asked", "what": "start", "why": "asked for by ann", "t": 3.0},
        {"k": "signal", "signal": 1, "why": "", "t": 4.0},
        {"k": "changed", "fields": ["log"], "restart": False, "t": 5.0},
        {"k": "changed", "fields": None, "restart": True, "t": 5.0},
        {"k": "removed", "t": 6.0},
        {"k": "end", "t": 7.0, "n": 2, "status": 0},
        {"k": "ready", "how": "said", "t": 8.0},
    ]
    assert told(entries) == [
        "web runs for 1 h 1 min, pid 99, run 4",
        "  so far:",
        "    @6  was removed",
        "    @5  described anew: ",
        "    @5  described anew: log (it went on running)",
        "    @4  got SIGHUP",
        "    @3  start: asked for by ann",
        "    @2  left processes behind",
        "    @1  run 4 was taken over from an earlier supervisor (running)",
    ]


def test_a_program_that_left_others_behind_says_so() -> None:
    """They were ended before the next run."""
    lines = told([{"k": "end", "status": 0, "left": True, "t": "never"}], state="stopped", uptime=None)
    assert lines[1] == "  exited with status 0, 16 min 40 s ago (run 4; it left processes behind, which were ended)"


def test_a_warning_that_says_nothing_is_passed_over() -> None:
    """As a journal may be damaged."""
    assert len(told([{"k": "warning", "t": 1.0}])) == 1


def test_how_a_reload_went_is_told() -> None:
    """It is over, or says why it is not."""
    entries: list[Entry] = [
        {"k": "reloaded", "why": "", "t": 6.0},
        {"k": "reloaded", "why": "was not reloaded: it was stopped", "t": 7.0},
    ]
    assert told(entries)[2:] == ["    @7  was not reloaded: it was stopped", "    @6  was reloaded"]


def test_failures_to_start_are_told_like_ends() -> None:
    """And no heading stands over nothing."""
    fails: list[Entry] = [{"k": "fail", "why": "no such file", "t": 990.0 + run, "r": run} for run in (3, 4)]
    assert told([*fails, {"k": "end", "status": 1, "t": 999.5, "last": []}], state="stopped", uptime=None) == [
        "web is stopped",
        "  exited with status 1, just now (run 4)",
        "  before that:",
        "    @994  run 4 could not be started: no such file",
        "    @993  run 3 could not be started: no such file",
    ]


@pytest.mark.parametrize(
    ("span", "words"),
    [(0.00123, "0.00123 s"), (1, "1 s"), (1.5, "1.5 s"), (7.3, "7.3 s"), (59.9, "59.9 s"), (60, "1 min 0 s"),
     (725, "12 min 5 s"), (3600, "1 h 0 min"), (11_100, "3 h 5 min"), (187_200, "2 d 4 h")],
)  # fmt: skip
def test_spans_are_said_as_people_say_them(span: float, words: str) -> None:
    """Two units at most."""
    assert seconds(span) == words
    assert ago(span) == (f"{words} ago" if span >= 1 else "just now")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ""),
        ({"state": "stopped"}, ""),
        ({"state": "stopped", "held": True}, "is stopped by hand"),
        ({"state": "backoff", "uptime": None, "next_start": 1.0}, "waits for its next start: in 1 s, attempt 1"),
        ({"state": "backoff", "uptime": None, "next_start": 1.0, "attempts": 5,
          "last_end": {"status": 3, "words": "exited with status 3"}},
         "waits for its next start: in 1 s, attempt 1 of 5; exited with status 3"),
        ({"state": "backoff", "uptime": None, "next_start": 1.0, "why": "could not be started: no such file",
          "last_end": {"status": 3, "words": "exited with status 3"}},
         "waits for its next start: in 1 s, attempt 1; could not be started: no such file"),
        ({"state": "fatal", "uptime": None}, "was given up"),
        ({"state": "killing", "uptime": None}, "did not end in time, and got SIGKILL"),
        ({"state": "waiting", "uptime": None, "waits_for": "db"}, "waits for db"),
        ({"state": "waiting", "uptime": None, "waits_for": ""}, ""),
        ({"state": "waiting", "uptime": None, "waits_for": "its time", "schedule": {"next": "x", "due": False}}, ""),
        ({"state": "waiting", "uptime": None, "waits_for": "db", "schedule": {"next": "x", "due": True}},
         "waits for db"),
        ({"state": "exited", "last_end": {"status": 0, "words": "exited with status 0"}}, ""),
        ({"state": "exited", "last_end": {"status": 3, "words": "exited with status 3"}},
         "exited with status 3, and is left as it is"),
        ({"reload": {"under_way": True}}, ""),
        ({"uptime": None, "reload": {"under_way": False, "failed": "it was not reloaded"}},
         "runs; it was not reloaded"),
        ({"health": {"ok": True}}, ""),
        ({"uptime": None, "health": {"ok": False, "last_error": "HTTP 500"}}, "runs; unhealthy: HTTP 500"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(more: Entry, words: str) -> None:
    """And nothing of what is as it should be."""
    assert is_wrong(status(**more)) == words
