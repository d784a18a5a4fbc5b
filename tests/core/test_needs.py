"""The graph of needs: order, cycles, and what can never be."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.core.needs import (
    cycle_through,
    dependents,
    hint,
    in_words,
    problems,
    standing,
    start_order,
    stopped_before,
)
from ncolony.core.program import DONE, READY, STARTED, TRANSIENT, Need, Program, RestartPolicy
from ncolony.core.schedule import Schedule
from ncolony.core.snapshot import view
from ncolony.core.states import Backoff, Exited, Fatal, Instance, Running, Stopped, Waiting

if TYPE_CHECKING:
    from ncolony.core.states import State

NEVER_DONE = (
    'needs.setup: found "done" of "setup", which is permanent: it is started again after every end, '
    'wanted a program whose `restart` is "transient" or "temporary"'
)


def colony(**needs: str) -> dict[str, Program]:
    """Return programs, each with the ones that it needs, in one word of their names."""
    return {name: Program(name, (name,), needs=tuple(map(Need, words.split()))) for name, words in needs.items()}


@pytest.mark.parametrize(
    ("programs", "cycle"),
    [
        pytest.param(colony(a=""), "", id="nothing needed"),
        pytest.param(colony(a="b", b=""), "", id="a chain"),
        pytest.param(colony(a="b c", b="d", c="d", d=""), "", id="a diamond"),
        pytest.param(colony(a="a"), "a -> a", id="itself"),
        pytest.param(colony(a="b", b="a"), "a -> b -> a", id="each other"),
        pytest.param(colony(a="b", b="c", c="d", d="a"), "a -> b -> c -> d -> a", id="in a ring"),
        pytest.param(colony(a="b x", b="c", c="a", x="a"), "a -> x -> a", id="the shortest"),
        pytest.param(colony(a="b", b="c", c="b"), "", id="needs a cycle, and is in none"),
        pytest.param(colony(a="nobody"), "", id="unknown"),
    ],
)
def test_a_cycle_is_written_out(programs: dict[str, Program], cycle: str) -> None:
    """Who has to mend it wants to see the way, not to hear that there is one."""
    assert in_words(cycle_through(programs, "a")) == cycle


def test_those_that_are_needed_start_first() -> None:
    """Where that leaves a choice, priority decides, then the name."""
    programs = colony(web="db cache", db="", cache="", log="")
    assert start_order(programs) == ["cache", "db", "log", "web"]
    programs["db"] = Program("db", ("db",), priority=1)
    programs["log"] = Program("log", ("log",), priority=2000)
    assert start_order(programs) == ["db", "cache", "web", "log"]


def test_a_cycle_stands_at_the_end_and_disturbs_nobody() -> None:
    """What is in it, and what needs it, comes after all others; nobody is missing."""
    assert start_order(colony(a="b", b="a", c="a", d="e", e="", f="nobody")) == ["e", "d", "f", "a", "b", "c"]


def test_it_is_known_who_needs_whom() -> None:
    """Directly; the rest follows."""
    assert dependents(colony(a="b c", b="c", c="")) == {"b": ["a"], "c": ["a", "b"]}


def test_who_needs_it_stops_before_it_and_a_cycle_is_cut() -> None:
    """Else a colony with a cycle could never be stopped in order."""
    assert stopped_before(colony(a="b", b="c", c="")) == {"b": ["a"], "c": ["b"]}
    assert stopped_before(colony(a="b", b="a")) == {"a": ["b"], "b": []}
    assert stopped_before(colony(a="a")) == {"a": []}


@pytest.mark.parametrize(
    ("known", "meant", "words"),
    [
        ("db", "bd", " (did you mean db?)"),
        ("abcd", "abce", " (did you mean abcd?)"),
        ("abcd", "abef", ""),
        ("abcde", "abcfg", " (did you mean abcde?)"),
        ("abcdef", "abcghi", ""),
    ],
)
def test_of_short_names_two_that_differ_in_two_letters_are_not_alike(known: str, meant: str, words: str) -> None:
    """Up to four letters: one; of longer ones two."""
    assert hint(colony(**{known: ""}), meant) == words


def test_the_end_of_what_runs_again_and_again_is_never_there() -> None:
    """A schedule is no program that is done some day."""
    hourly = Program("b", ("b",), schedule=Schedule(every=3600.0))
    programs = {"a": Program("a", ("a",), needs=(Need("b", DONE),)), "b": hourly}
    [problem] = problems(programs)["a"]
    assert problem.wanted == '"started" or "ready", or a program without a schedule'


def test_what_can_never_be_is_a_problem_of_who_needs_it() -> None:
    """Unknown names, cycles, and an end that never comes: all of them, by program."""
    programs = colony(web="bd", db="", a="b", b="a", app="setup", seed="once")
    programs["setup"] = Program("setup", ("setup",))
    programs["app"] = Program("app", ("app",), needs=(Need("setup", DONE),))
    programs["once"] = Program("once", ("once",), restart=RestartPolicy(TRANSIENT))
    programs["seed"] = Program("seed", ("seed",), needs=(Need("once", DONE),))
    assert {name: [str(one) for one in found] for name, found in problems(programs).items()} == {
        "web": ['needs.bd: found the unknown program "bd", wanted the name of a program (did you mean db?)'],
        "a": ["needs: found a cycle, a -> b -> a, wanted programs that do not need each other"],
        "b": ["needs: found a cycle, b -> a -> b, wanted programs that do not need each other"],
        "app": [NEVER_DONE],
    }


def test_a_chain_of_thousands_is_no_deeper_than_any() -> None:
    """A recursion would end in one of Python's own limits."""
    names = [f"p{number:05}" for number in range(5000)]
    programs = colony(**dict(pairwise(names)), p04999="")
    assert start_order(programs) == names[::-1]
    assert cycle_through(programs, names[0]) == ()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_whatever_the_graph_the_orders_hold(edges: list[tuple[int, int]]) -> None:
    """Everybody is in the order once; a need that is in no cycle, and needs none, comes before."""
    programs = colony(**{f"p{one}": " ".join({f"p{need}" for by, need in edges if by == one}) for one in range(10)})
    order = start_order(programs)
    assert sorted(order) == sorted(programs)
    for name, program in programs.items():
        cycle = cycle_through(programs, name)
        assert not cycle or (cycle[0] == cycle[-1] == name)
        for one, other in pairwise(cycle):
            assert other in [need.program for need in programs[one].needs]
        for need in program.needs:
            assert cycle or reaches_a_cycle(programs, name) or order.index(need.program) < order.index(name)


def reaches_a_cycle(programs: dict[str, Program], name: str) -> bool:
    """Tell whether what a program needs, or what that needs, is in a cycle."""
    seen = [name]
    for here in seen:
        seen += [need.program for need in programs[here].needs if need.program not in seen]
    return any(cycle_through(programs, one) for one in seen)


@pytest.mark.parametrize(
    ("state", "condition", "words"),
    [
        (Fatal("no such file"), READY, "is fatal: no such file"),
        (Exited(3), DONE, "exited with status 3, and is left so"),
        (Exited(None), READY, "ended (its exit status is not known), and is left so"),
        (Running(2, 0.0), DONE, "is permanent, and never done"),
        (Running(2, 0.0), READY, "has only just been started"),
        (Backoff(1.0), STARTED, "is backoff"),
        (Stopped(), READY, "is stopped"),
    ],
)
def test_why_it_is_not_so_is_said(state: State, condition: str, words: str) -> None:
    """Whoever asks why a program does not start hears of the one that has to be mended."""
    assert standing(view("db", 1, Instance(state)), Program("db", ("db",)), condition) == words


def test_what_has_a_schedule_is_never_done() -> None:
    """It runs again and again; whoever needs it done would wait for ever."""
    job = Program("job", ("job",), schedule=Schedule(every=60.0))
    web = Program("web", ("web",), needs=(Need("job", DONE),))
    (problem,) = problems({"job": job, "web": web})["web"]
    assert str(problem).startswith('needs.job: found "done" of "job", which has a schedule: it runs again and again')
    assert standing(view("job", 1, Instance(Waiting(0.0))), job, DONE) == "has a schedule, and is never done"
