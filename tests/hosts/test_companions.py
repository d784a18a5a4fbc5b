"""Companions come when the first program asks for them, and not before."""

from ncolony.core.colonyspec import ColonySpec, GroupRule
from ncolony.core.events import PROGRAM_ADDED, PROGRAM_REMOVED, ColonyDescribed, ProgramsChanged
from ncolony.core.program import Program
from ncolony.hosts.companions import Companions, Concern


class Recorder:
    """A companion that notes what it is told."""

    def __init__(self):
        self.seen = []
        self.closed = False

    def saw(self, event):
        """Note it."""
        self.seen.append(event)

    def about(self, name, number):
        """Say something of every slot."""
        return {"seen": len(self.seen)}

    def close(self):
        """Note it."""
        self.closed = True


def added(name, critical=False):
    """Tell of a new program."""
    return ProgramsChanged(PROGRAM_ADDED, name, Program(name, (name,), autostart=not critical))


def test_a_companion_is_made_for_the_first_program_that_asks():
    """It hears of that program, and of everything from then on."""
    made = []

    def make(world):
        made.append(world)
        return recorder

    recorder = Recorder()
    companions = Companions("world", (Concern("late", lambda program: not program.autostart, make),))
    companions.saw(added("one"))
    assert not made
    assert companions.about("one", 1) == {}
    companions.saw(added("two", critical=True))
    companions.saw(added("three", critical=True))
    companions.saw(ProgramsChanged(PROGRAM_REMOVED, "one", None))
    assert made == ["world"]
    assert [event.name for event in recorder.seen] == ["two", "three", "one"]
    assert companions.about("one", 1) == {"seen": 3}
    companions.close()
    assert recorder.closed
    assert companions.about("one", 1) == {}


def test_a_companion_can_be_asked_for_by_the_colony_s_own_file():
    """What is said of groups is said there, and of no program."""
    recorder = Recorder()
    concern = Concern("groups", lambda _: False, lambda _: recorder, lambda spec: bool(spec.groups))
    companions = Companions("world", (concern,))
    companions.saw(ColonyDescribed(ColonySpec()))
    assert not companions.made
    companions.saw(ColonyDescribed(ColonySpec(groups=(("web", GroupRule()),))))
    companions.saw(added("one"))
    assert len(recorder.seen) == 2
