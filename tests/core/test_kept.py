"""Records as plain data: what is written is read again, and what nobody can have written is refused."""

from __future__ import annotations

import json

import pytest

from ncolony.core.kept import MAX_WHY, Kept, Senseless, fingerprint, from_plain, to_text
from ncolony.core.program import Program, StopPolicy
from ncolony.core.record import replace
from ncolony.core.states import (
    DOWN,
    STATES,
    UP,
    Backoff,
    Exited,
    Fatal,
    Instance,
    Killing,
    Running,
    Spawning,
    Starting,
    State,
    Stopped,
    Stopping,
    Sweeping,
    Waiting,
)

EACH: list[State] = [
    Stopped(),
    Waiting(1.5),
    Spawning(2.0),
    Starting(100, 1.0, 60.5),
    Running(100, 3.25),
    Stopping(100, 5.0),
    Killing(100, 6.0),
    Sweeping(5.0, None),
    Sweeping(5.0, Backoff(9.5), killed=True),
    Sweeping(5.0, Exited(3)),
    Sweeping(5.0, Exited(None)),
    Sweeping(5.0, Fatal("no such file")),
    Backoff(7.5),
    Exited(0),
    Exited(-9),
    Exited(None),
    Fatal("it ended too soon"),
]


def kept(state: State) -> Kept:
    """Return the record of an instance in a state."""
    return Kept("web", 2, Instance(state, UP, 3, 17), 123456, 4711)


def plain(state: State, **changes: object) -> dict[str, object]:
    """Return the plain record of an instance in a state, with some members changed."""
    return {**json.loads(to_text(kept(state))), **changes}


def refusal(value: object) -> str:
    """Return why a value is refused."""
    with pytest.raises(Senseless) as caught:
        from_plain(value)
    return str(caught.value)


def test_one_of_every_state_is_tried() -> None:
    """A state that cannot be kept would be lost with its supervisor."""
    assert {type(state) for state in EACH} == set(STATES)


@pytest.mark.parametrize("state", EACH, ids=repr)
def test_every_state_comes_back_as_it_was(state: State) -> None:
    """Through JSON, as it is on disk."""
    assert from_plain(json.loads(to_text(kept(state)))) == kept(state)


def test_it_is_one_line_of_json_whatever_its_texts_are() -> None:
    """As the standard library writes it, so that every version reads it."""
    odd = Kept('wéb "1"\\', 1, Instance(Sweeping(5.0, Fatal('"\\\r\x00\udcff')), DOWN, 0, 1, held=True), 0)
    text = to_text(odd)
    assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    assert from_plain(json.loads(text)) == odd


def test_whole_numbers_of_seconds_are_times_too() -> None:
    """JSON written by hand, or by another version, has 5 for 5.0."""
    assert from_plain(plain(Backoff(5.0), deadline=5)).instance.state == Backoff(5.0)


def test_a_long_reason_is_cut() -> None:
    """A record has a fixed size."""
    cut = from_plain(plain(Fatal("x" * 1000))).instance.state
    assert cut == Fatal("x" * MAX_WHY)
    assert from_plain(plain(Sweeping(1.0, Fatal("x" * 1000)))).instance.state == Sweeping(1.0, cut)


@pytest.mark.parametrize("value", [None, 1, "text", [], [1]], ids=repr)
def test_what_is_no_object_is_refused(value: object) -> None:
    """The file may be anybody's."""
    assert refusal(value) == "it is not an object"


@pytest.mark.parametrize("version", [0, 2, 99, "1", None], ids=repr)
def test_another_version_is_refused(version: object) -> None:
    """What it means is not known here."""
    assert refusal(plain(Stopped(), v=version)) == f"it is of version {version!r}, and this is version 1"


@pytest.mark.parametrize("state", EACH, ids=repr)
def test_every_member_has_to_be_there(state: State) -> None:
    """A record without one of them is not believed by halves."""
    for name in set(plain(state)) - {"v"}:
        rest = plain(state)
        del rest[name]
        assert refusal(rest) == f"it has no {name!r}"


@pytest.mark.parametrize(
    ("state", "name", "value"),
    [
        (Stopped(), "name", ""),
        (Stopped(), "name", 1),
        (Stopped(), "name", None),
        (Stopped(), "n", 0),
        (Stopped(), "n", "1"),
        (Stopped(), "n", True),
        (Stopped(), "n", 1.5),
        (Stopped(), "want", "sideways"),
        (Stopped(), "want", 1),
        (Stopped(), "attempt", -1),
        (Stopped(), "run", -1),
        (Stopped(), "run", None),
        (Stopped(), "meaning", -1),
        (Stopped(), "born", "soon"),
        (Stopped(), "state", "dancing"),
        (Stopped(), "state", None),
        (Running(100, 1.0), "pid", "100"),
        (Running(100, 1.0), "since", "now"),
        (Running(100, 1.0), "since", None),
        (Running(100, 1.0), "since", True),
        (Backoff(1.0), "deadline", []),
        (Backoff(1.0), "deadline", float("inf")),
        (Backoff(1.0), "deadline", float("nan")),
        (Exited(0), "status", "0"),
        (Fatal("x"), "why", None),
        (Sweeping(1.0, None), "killed", 1),
        (Sweeping(1.0, None), "then", "backoff"),
        (Sweeping(1.0, None), "then", []),
    ],
    ids=repr,
)
def test_senseless_values_are_refused_with_their_name(state: State, name: str, value: object) -> None:
    """One wrong record is told of, and the others are believed."""
    assert refusal({**plain(state), name: value}) == f"its {name!r} is {value!r}"


@pytest.mark.parametrize("name", ["n", "attempt", "run", "meaning", "born", "pid", "since"])
def test_numbers_beyond_all_reason_are_refused(name: str) -> None:
    """JSON has whole numbers that no number of ours can hold; found by the fuzzer, as an OverflowError."""
    assert refusal(plain(Running(100, 1.0), **{name: 10**400})) == f"its {name!r} is {10**400}"


@pytest.mark.parametrize("name", ["../web", "a/b", "web\0", "-web", "x" * 300], ids=ascii)
def test_a_name_that_no_program_can_have_is_refused(name: str) -> None:
    """Files are named after programs."""
    assert refusal(plain(Stopped(), name=name)) == f"its 'name' is {name!r}"


@pytest.mark.parametrize("pid", [1, 0, -1, -100, 2**31])
def test_a_pid_that_no_process_of_ours_can_have_is_refused(pid: int) -> None:
    """Signals to 1, 0 or -1 go to init, to ourselves, to all; the system has no number for one that is too large."""
    assert refusal(plain(Running(100, 1.0), pid=pid)) == f"its pid is {pid}"


@pytest.mark.parametrize("state", [state for state in EACH if type(state) not in (Backoff, Exited, Fatal)], ids=repr)
def test_a_sweep_leads_only_where_an_end_can_lead(state: State) -> None:
    """Not to a process that nobody would watch."""
    what = plain(state)
    assert refusal(plain(Sweeping(1.0, None), then=what)) == f"its 'then' is {what['state']!r}"


def test_a_sweep_that_leads_to_nonsense_is_refused() -> None:
    """The inner state is read as strictly as the outer."""
    assert refusal(plain(Sweeping(1.0, None), then={"state": "backoff", "deadline": "x"})) == "its 'deadline' is 'x'"
    assert refusal(plain(Sweeping(1.0, None), then={"state": "backoff"})) == "it has no 'deadline'"


def test_the_fingerprint_changes_with_what_a_process_was_started_with() -> None:
    """A successor has to know whether the file was changed while nobody looked."""
    program = Program("web", ("web", "-v"))
    assert fingerprint(program) == fingerprint(Program("web", ("web", "-v")))
    assert fingerprint(program) != fingerprint(replace(program, args=("web",)))
    assert fingerprint(program) != fingerprint(replace(program, env=(("A", "\udce9"),)))
    assert fingerprint(program) == fingerprint(replace(program, stop=StopPolicy(timeout=1.0)))


def test_a_record_is_80_characters_of_a_reason_and_no_process_by_default() -> None:
    """What fits into the fixed size of one, on disk."""
    fatal = Kept("web", 1, Instance(Fatal("x" * 81), DOWN, 0, 1), 0)
    written = json.loads(to_text(fatal))
    assert (written["why"], written["born"]) == ("x" * 80, 0)


def test_a_hold_is_kept_and_a_record_without_one_has_none() -> None:
    """What somebody stopped by hand stays stopped after the next supervisor's start; older versions know no holds."""
    held = Kept("web", 1, Instance(Stopped(), DOWN, 0, 1, held=True), 0)
    written = json.loads(to_text(held))
    assert written["held"] is True
    assert from_plain(written) == held
    assert not from_plain(plain(Stopped())).instance.held
    assert "held" not in plain(Stopped())
    assert not from_plain(plain(Stopped(), held=1)).instance.held


def test_the_least_and_the_most_that_is_believed() -> None:
    """Whatever a number can be on a machine."""
    assert from_plain(plain(Running(100, 1.0), pid=2)).instance.state == Running(2, 1.0)
    assert from_plain(plain(Running(100, 1.0), pid=2**31 - 1)).instance.state == Running(2**31 - 1, 1.0)
    assert from_plain(plain(Stopped(), run=2**53 - 1)).instance.run == 2**53 - 1
    assert refusal(plain(Stopped(), run=2**53)) == f"its 'run' is {2**53}"
    for wrong in (2.0**53, -(2.0**53)):
        assert refusal(plain(Backoff(1.0), deadline=wrong)) == f"its 'deadline' is {wrong}"
    assert from_plain(plain(Backoff(1.0), deadline=2.0**53 - 1)).instance.state == Backoff(2.0**53 - 1)
    assert from_plain(plain(Backoff(1.0), deadline=1 - 2.0**53)).instance.state == Backoff(1 - 2.0**53)


def test_the_wish_is_kept() -> None:
    """A stop that was under way goes on as one."""
    stopping = Kept("web", 1, Instance(Stopping(100, 5.0), DOWN, 0, 1), 0)
    assert from_plain(json.loads(to_text(stopping))) == stopping
