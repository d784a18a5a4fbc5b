"""A process that hangs in the kernel, for real: on a file system that does not answer."""

import signal

from tests.scenarios.colony import SLEEP, gone, on_both, status_of, until
from tests.scenarios.hanging import hanging


@on_both
def test_a_process_that_hangs_in_the_kernel_is_named_and_holds_nobody_up(colony):
    """Bug 39: SIGKILL does nothing to it; the others are stopped, and the supervisor ends when it can."""
    there = colony.folder / "there"
    there.mkdir()
    with hanging(there) as asleep:
        colony.conf("stuck", {"args": ["cat", str(there / "file")], "stop": {"timeout": 0.2}})
        colony.conf("web", {"args": SLEEP})
        colony.start()
        stuck, web = colony.pid_of("stuck"), colony.pid_of("web")
        asleep.asked()
        colony.send(signal.SIGTERM)
        gone(web)
        colony.wait_for("web was killed by SIGTERM; stopped")
        colony.wait_for("stuck did not end in time and gets SIGKILL")
        colony.wait_for("stuck does not die of SIGKILL: it hangs in the kernel")
        until(lambda: status_of(stuck)["State"].startswith("D"), "the end of whatever else it does")
        assert colony.process.poll() is None
        asleep.let_go()
        assert colony.ended() == colony.host.status(signal.SIGTERM)


@on_both
def test_a_process_that_hangs_in_the_kernel_is_never_started_a_second_time(colony):
    """Bug 39: two of one slot would fight; and what is asked of other programs is done meanwhile."""
    there = colony.folder / "there"
    there.mkdir()
    with hanging(there) as asleep:
        colony.conf("stuck", {"args": ["cat", str(there / "file")], "stop": {"timeout": 0.2}})
        colony.start()
        stuck = colony.pid_of("stuck")
        asleep.asked()
        colony.conf("stuck", {"args": SLEEP, "stop": {"timeout": 0.2}})
        colony.wait_for("stuck does not die of SIGKILL: it hangs in the kernel")
        colony.fence()
        assert colony.pids("stuck") in ([stuck], [])  # its memory, and so its mark, may be gone already
        asleep.let_go()
        colony.wait_for("stuck was killed by SIG(TERM|KILL); starting again")
        assert colony.pid_of("stuck") != stuck
