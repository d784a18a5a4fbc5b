"""What happens to programs when files change, and in which order: acts of files in, steps out."""

import pytest

from ncolony.core.program import Need, Program, ReloadRule
from ncolony.core.schedule import Schedule
from ncolony.core.steps import ADDED, CHANGED, NONE, REMOVED, Act, steps


def made(*programs, acts):
    """Return the steps as (act, name), and those records by name."""
    found = steps(acts, {one.name: one for one in programs})
    return [(step.act, step.name) for step in found], {step.name: step for step in found}


def program(name, **more):
    """Return a program."""
    return Program(name, (name,), **more)


def test_needed_programs_come_first_and_removals_last():
    """As files are written, and as the supervisor starts them; by priority where that leaves a choice."""
    order, _ = made(
        program("a", needs=(Need("z"),)), program("z"), program("b", priority=1),
        acts=[Act("a", ADDED), Act("z", ADDED), Act("b", NONE, 1), Act("m", REMOVED, 1)],
    )  # fmt: skip
    assert order == [("same", "b"), ("start", "z"), ("start", "a"), ("stop", "m")]


@pytest.mark.parametrize(
    ("act", "more", "step", "note"),
    [
        (Act("web", ADDED), {}, "start", ""),
        (Act("web", ADDED), {"autostart": False}, "change", "new, and not started by itself"),
        (Act("web", CHANGED, 1, ("args",), restart=True), {}, "restart", ""),
        (Act("web", CHANGED, 1, ("args",), restart=True), {"reload": ReloadRule()}, "reload", ""),
        (Act("web", CHANGED, 0, ("args",), restart=True), {}, "change", "it is stopped, and stays so"),
        (Act("web", CHANGED, 1, ("group",)), {}, "change", ""),
        (Act("web", CHANGED, 1), {}, "change", "the text alone"),
        (Act("web", CHANGED, 1, ("instances",)), {"instances": 3}, "change", "3 instances from now on"),
        (Act("web", NONE, 1), {}, "same", ""),
        (Act("web", ADDED), {"schedule": Schedule(every=60.0)}, "start", "runs when its time comes"),
        (
            Act("web", CHANGED, 1, ("args",), restart=True),
            {"schedule": Schedule(every=60.0)},
            "change",
            "runs when its time comes",
        ),
        (Act("web", NONE, 1), {"schedule": Schedule(every=60.0)}, "same", ""),
    ],
)
def test_what_becomes_of_one(act, more, step, note):
    """By what its file changes, and how it stands."""
    _, found = made(program("web", **more), acts=[act])
    assert (found["web"].act, found["web"].note) == (step, note)


@pytest.mark.parametrize(
    ("need", "goes_along"),
    [
        (Need("db"), True),
        (Need("db", on_loss="restart"), True),
        (Need("db", on_loss="ignore"), False),
        (Need("db", "started"), True),
        (Need("db", "done"), False),
        (Need("other"), False),
    ],
)
def test_who_needs_what_is_restarted_goes_along(need, goes_along):
    """Unless it says that it does not care; and so on, from need to need."""
    order, found = made(
        program("db"), program("other"), program("web", needs=(need,)), program("top", needs=(Need("web"),)),
        acts=[
            Act("db", CHANGED, 1, ("args",), restart=True),
            *(Act(name, NONE, 1) for name in ("other", "web", "top")),
        ],
    )  # fmt: skip
    assert [act for act, name in order if name in {"web", "top"}] == (["restart"] * 2 if goes_along else ["same"] * 2)
    assert (found["web"].because, found["top"].because) == (("db", "web") if goes_along else ("", ""))


def test_what_is_stopped_does_not_go_along():
    """There is nothing to restart."""
    order, _ = made(
        program("db"), program("web", needs=(Need("db"),)),
        acts=[Act("db", CHANGED, 1, ("args",), restart=True), Act("web", NONE, 0)],
    )  # fmt: skip
    assert order == [("restart", "db"), ("same", "web")]


def test_acts_are_called_as_the_control_socket_has_them():
    """docs/control.md says so to clients."""
    assert (ADDED, CHANGED, REMOVED, NONE) == ("add", "change", "remove", "none")
    assert Act("web", ADDED) == Act("web", "add", 0)
