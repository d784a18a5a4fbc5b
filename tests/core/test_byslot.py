"""What there is of slots, found by program."""

import pytest

from ncolony.core.byslot import BySlot


@pytest.fixture
def things():
    """Two programs, one of them with three slots."""
    made = BySlot()
    for program, number in (("web", 1), ("db", 1), ("web", 3), ("web", 2)):
        made[program, number] = f"{program}{number}"
    return made


def test_one_program_s_are_found_in_order(things):
    """And nobody else's; of a program that nobody knows there are none."""
    assert things.of("web") == {1: "web1", 2: "web2", 3: "web3"}
    assert list(things.of("web")) == [1, 2, 3]
    assert things.of("db") == {1: "db1"}
    assert things.of("we") == {}
    assert things._highest == {"web": 3}, "most programs have one, and need no more"


@pytest.mark.parametrize("gone", [(1,), (2,), (3,), (3, 2), (2, 3), (1, 2), (3, 1)])
def test_what_is_left_is_found_whoever_has_gone(things, gone):
    """Also behind a gap."""
    for number in gone:
        del things["web", number]
    assert list(things.of("web")) == sorted({1, 2, 3} - set(gone))
    assert things.of("db") == {1: "db1"}


def test_nothing_is_remembered_of_who_is_gone(things):
    """In whatever order they went; and who comes back is found."""
    for slot in list(things):
        del things[slot]
    assert things._highest == {}
    things["web", 2] = "again"
    assert things.of("web") == {2: "again"}
    with pytest.raises(KeyError):
        del things["web", 1]
    assert things.of("web") == {2: "again"}


def test_a_thing_that_takes_the_place_of_another_changes_nothing_else(things):
    """A dict like any other."""
    things["web", 1] = "new"
    assert things.of("web") == {1: "new", 2: "web2", 3: "web3"}
    assert len(things) == 4
