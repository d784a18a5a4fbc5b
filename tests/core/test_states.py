"""The vocabulary of the life cycle: what is so where nothing is said, and the words that others keep."""

from __future__ import annotations

from ncolony.core.outcome import Usage
from ncolony.core.states import DOWN, UP, Ended, Instance, Restart, Running, Start, Stop, Stopped, name_of


def test_a_slot_begins_stopped_with_nothing_held_against_it() -> None:
    """As it stands before anybody asks for anything."""
    assert Instance() == Instance(Stopped(), "down", 0, 0, held=False, recent=(), number=1)
    assert (UP, DOWN) == ("up", "down")


def test_commands_say_no_more_than_was_said() -> None:
    """No reason, no haste, and no hold."""
    assert Start() == Start("")
    assert Restart() == Restart("")
    assert Stop() == Stop(None, "", hold=False)


def test_an_end_is_no_worse_than_was_seen() -> None:
    """Neither a core dump, nor others left behind, nor a want of memory."""
    assert Ended(1, 0) == Ended(1, 0, core=False, left=False, usage=None, oom=False)
    assert Ended(1, 0, usage=Usage(1.0, 2.0, 3)) != Ended(1, 0)


def test_a_state_is_called_as_users_see_it() -> None:
    """In small letters."""
    assert name_of(Running(1, 0.0)) == "running"
