"""A bug of the supervisor's own is told in full, and does not take the colony down."""

from tests.scenarios.colony import PYTHON, SLEEP, RunningColony, on_native

# The host, whose first look at the messages meets a bug.
FAULTY = """
import sys
from ncolony.directory.messages import Messages
take, faults = Messages.take, iter([True])
def faulty(self, *asked):
    if next(faults, False):
        raise RuntimeError('a fault on purpose')
    return take(self, *asked)
Messages.take = faulty
from ncolony.cli.main import run
run()
"""


@on_native
def test_a_fault_in_a_callback_is_told_and_the_colony_goes_on(colony: RunningColony) -> None:
    """The programs have done nothing, so they must not be orphaned for it."""
    colony.conf("web", {"args": SLEEP})
    colony.start(command=[PYTHON, "-c", FAULTY, "run", *colony.directories()])
    colony.wait_for("ncolony: a bug of NColony; it goes on, please report it$")
    colony.wait_for("ncolony: RuntimeError: a fault on purpose$")
    pid = colony.pid_of("web")
    colony.conf("other", {"args": SLEEP})
    colony.pid_of("other")
    assert colony.pid_of("web") == pid
    colony.text = ""  # the traceback was meant; the fixture would take it for one that was not
