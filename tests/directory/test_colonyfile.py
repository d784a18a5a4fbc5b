"""The file of the colony: read before any program is started, and whenever it changes."""

from ncolony.core.colonyspec import ColonySpec
from ncolony.core.events import ColonyDescribed, ProgramsChanged


def specs(colony):
    """Return what the colony was described as, in order."""
    return [event.spec for event in colony.events.events if isinstance(event, ColonyDescribed)]


def test_without_a_file_everything_is_as_by_default(colony):
    """And it is said once, before any program."""
    colony.add("web")
    colony.open()
    assert specs(colony) == [ColonySpec()]
    assert isinstance(colony.events.events[0], ColonyDescribed)
    assert isinstance(colony.events.events[1], ProgramsChanged)


def test_a_file_counts_from_the_start_and_when_it_changes(colony):
    """When it goes, the default is back."""
    colony.write(".colony", {"readers": 5})
    colony.open()
    colony.write(".colony", {"readers": 6})
    (colony.conf / ".colony").unlink()
    colony.loop.settle()
    assert specs(colony) == [ColonySpec(5), ColonySpec(6), ColonySpec()]
    assert colony.said == []


def test_a_file_of_no_use_changes_nothing(colony):
    """It is reported once, with what goes on to hold; mended, it counts."""
    colony.write(".colony", {"readers": 5})
    colony.open()
    colony.write(".colony", {"reader": 5})
    colony.door.look_again()
    colony.loop.settle()
    assert len(colony.said) == 1
    assert "did you mean readers?); what it said before goes on to hold" in colony.said[0]
    colony.write(".colony", "nonsense")
    assert "text that is not JSON" in colony.said[1]
    colony.write(".colony", {"readers": 6})
    assert specs(colony) == [ColonySpec(5), ColonySpec(6)]


def test_a_file_that_is_written_in_pieces_counts_when_it_is_complete(colony):
    """Bug 42 of this file: nothing is said of what is not finished."""
    colony.open()
    path = colony.conf / ".colony"
    with path.open("w") as file:
        for piece in ('{"rea', 'ders"', ": 7", "}"):
            file.write(piece)
            file.flush()
            colony.loop.settle()
    colony.loop.advance(5)
    assert specs(colony) == [ColonySpec(), ColonySpec(7)]
    assert colony.said == []


def test_what_is_no_file_is_reported(colony):
    """A directory of that name, say."""
    (colony.conf / ".colony").mkdir()
    colony.open()
    assert "found a directory, wanted a file with one JSON object" in colony.said[0]
    assert specs(colony) == []
