"""A supervisor under a reaper: killed inside a container, it is back, and knows how everything ended."""

import os
import signal

from tests.scenarios.colony import PYTHON, SLEEP, on_native, status_of, until


@on_native
def test_a_killed_supervisor_is_back_and_knows_how_its_programs_ended(mortal):
    """Bug 18, bug 7: the reaper starts it again, adopts the programs, and keeps the statuses that it reaps for it."""
    mortal.conf("web", {"args": SLEEP})
    mortal.conf("job", {"args": ["sh", "-c", "trap 'exit 7' TERM; echo there; while :; do sleep 0.05; done"]})
    reaper = [PYTHON, "-m", "ncolony", "reaper", "-s", "--respawn"]
    mortal.start(prefix=reaper)
    mortal.wait_for(r"job \| there$")
    web, job = mortal.one("web"), mortal.one("job")
    supervisor = int(status_of(web)["PPid"])
    os.kill(supervisor, signal.SIGKILL)
    mortal.wait_for(rf"web runs on, pid {web}$")
    mortal.wait_for(rf"job runs on, pid {job}$")
    until(lambda: status_of(web)["PPid"] == str(mortal.pid), "the reaper to have adopted it")
    os.kill(web, signal.SIGKILL)
    mortal.wait_for(r"web was killed by SIGKILL")
    os.kill(job, signal.SIGTERM)
    mortal.wait_for(r"job exited with status 7")
    mortal.one("web", web)
    assert mortal.stop() == 0


@on_native
def test_what_ended_while_no_supervisor_lived_is_known_too(mortal):
    """The status is written down before the process is reaped; the next supervisor reads it."""
    mortal.conf("web", {"args": SLEEP, "restart": "temporary"})
    reaper = [PYTHON, "-m", "ncolony", "reaper", "-s", "--respawn"]
    mortal.start(prefix=reaper)
    web = mortal.one("web")
    supervisor = int(status_of(web)["PPid"])
    os.kill(supervisor, signal.SIGSTOP)  # so that it sees nothing of what follows
    os.kill(supervisor, signal.SIGKILL)
    os.kill(web, signal.SIGUSR1)
    mortal.wait_for(r"web was killed by SIGUSR1.*; left as it is$")
    assert mortal.stop() == 0
