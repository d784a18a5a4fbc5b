"""Which program needs which: order, cycles, and what is wrong with that. A graph over programs; pure.

A program in a cycle is not started, and is the only thing that a cycle stops: all here deal with the rest as if the
edges that close one were not there.
"""

from __future__ import annotations

from ncolony.core import outcome
from ncolony.core.bare import heapify, heappop, heappush
from ncolony.core.names import nearest
from ncolony.core.parse import Problem, shown
from ncolony.core.program import DONE, PERMANENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ncolony.core.program import Program
    from ncolony.core.snapshot import InstanceView


SHORT = 4  # letters; of such names, two that differ in two are not like each other


def cycle_through(programs: Mapping[str, Program], name: str) -> tuple[str, ...]:
    """Return a shortest way from a program over its needs back to itself, both ends named; empty: none."""
    came_from: dict[str, str] = {}
    edge = [name]
    for here in edge:  # grows while it is walked
        for need in programs[here].needs if here in programs else ():
            if need.program == name:
                return _way(came_from, name, here)
            if need.program not in came_from:
                came_from[need.program] = here
                edge.append(need.program)
    return ()


def _way(came_from: Mapping[str, str], name: str, last: str) -> tuple[str, ...]:
    way = [name, last]
    while way[-1] != name:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))


def in_words(cycle: Collection[str]) -> str:
    """Return a cycle as people read it: ``a -> b -> a``."""
    return " -> ".join(cycle)


def dependents(programs: Mapping[str, Program]) -> dict[str, list[str]]:
    """Return, by name, the programs that need it directly."""
    found: dict[str, list[str]] = {}
    for program in programs.values():
        for need in program.needs:
            found.setdefault(need.program, []).append(program.name)
    return found


def start_order(programs: Mapping[str, Program]) -> list[str]:
    """Return all names, each after those that it needs; by priority and name where that leaves a choice.

    Backwards it is the order of stopping. What is in a cycle, or needs it, comes last.
    """
    open_needs = {name: sum(need.program in programs for need in one.needs) for name, one in programs.items()}
    waiting = dependents(programs)
    free = [(programs[name].priority, name) for name, count in open_needs.items() if not count]
    heapify(free)
    order = []
    while free:
        _, name = heappop(free)
        order.append(name)
        for other in waiting.get(name, ()):
            open_needs[other] -= 1
            if not open_needs[other]:
                heappush(free, (programs[other].priority, other))
    placed = set(order)
    return order + sorted(
        (name for name in programs if name not in placed), key=lambda one: (programs[one].priority, one)
    )


def stopped_before(programs: Mapping[str, Program]) -> dict[str, list[str]]:
    """Return, by name, who has to be gone before it is stopped: the programs that need it, cycles left aside."""
    place = {name: number for number, name in enumerate(start_order(programs))}
    return {
        name: [other for other in others if place[other] > place[name]]
        for name, others in dependents(programs).items()
        if name in place
    }


def problems(programs: Mapping[str, Program]) -> dict[str, list[Problem]]:
    """Return, by program, what of its needs can never be: unknown names, cycles, and an end that never comes."""
    found: dict[str, list[Problem]] = {}
    for name, program in programs.items():
        wrong = [problem for need in program.needs if (problem := _problem(programs, need.program, need.condition))]
        if cycle := cycle_through(programs, name):
            wrong.append(Problem("needs", f"a cycle, {in_words(cycle)}", "programs that do not need each other"))
        if wrong:
            found[name] = wrong
    return found


def _problem(programs: Mapping[str, Program], name: str, condition: str) -> Problem | None:
    if name not in programs:
        return Problem(
            f"needs.{name}", f"the unknown program {shown(name)}", f"the name of a program{hint(programs, name)}"
        )
    if condition == DONE and programs[name].schedule is not None:
        found = f'"done" of {shown(name)}, which has a schedule: it runs again and again'
        return Problem(f"needs.{name}", found, '"started" or "ready", or a program without a schedule')
    if condition == DONE and programs[name].restart.policy == PERMANENT:
        found = f'"done" of {shown(name)}, which is permanent: it is started again after every end'
        return Problem(f"needs.{name}", found, 'a program whose `restart` is "transient" or "temporary"')
    return None


def hint(programs: Mapping[str, Program], name: str) -> str:
    """Return the name that was probably meant, as an addition to a sentence; empty where there is none like it."""
    near = nearest(name, list(programs), 2 if len(name) > SHORT else 1)
    return f" (did you mean {near}?)" if near else ""


def standing(seen: InstanceView, program: Program, condition: str) -> str:
    """Say how an instance stands that does not fulfil a condition."""
    if seen.state == "fatal":
        return f"is fatal: {seen.why}"
    if seen.state == "exited":
        return f"{outcome.in_words(seen.status)}, and is left so"
    if condition == DONE and program.schedule is not None:
        return "has a schedule, and is never done"
    if condition == DONE and program.restart.policy == PERMANENT:
        return "is permanent, and never done"
    if condition != DONE and seen.state == "running":
        return "has only just been started"
    return f"is {seen.state}"
