"""What the journal costs when all programs are killed and started again: the supervisor's CPU with it and without it.

Nobody can turn it off, so the supervisor without it is told to keep nothing before it runs.
"""

import time

from bench import procfs
from bench.contestants import CONTESTANTS, Contestant, Job, Tools, colony
from bench.trial import LIVED_S, running

WITHOUT = """\
import sys
from ncolony.cli.main import run
from ncolony.posix.journal import Journal
Journal.saw = lambda journal, event: None
run()
"""


def _without(tools: Tools, job: Job) -> list[str]:
    return [tools.python, "-c", WITHOUT, "run", *colony(tools, job)]


WAYS = {"with": CONTESTANTS["ncolony"], "without": Contestant("ncolony run without a journal", _without)}


def restarts(tools: Tools, programs: int, turns: int, timeout: float) -> dict[str, float]:
    """Return the least CPU seconds that a restart of so many programs took, with the journal and without it."""
    least = dict.fromkeys(WAYS, float("inf"))
    for _ in range(turns):
        for name, contestant in WAYS.items():
            least[name] = min(least[name], _restart(contestant, tools, programs, timeout))
    return least


def _restart(contestant: Contestant, tools: Tools, programs: int, timeout: float) -> float:
    with running(contestant, tools, programs, timeout) as supervisor:
        supervisor.await_starts(dict.fromkeys(range(programs), 0))
        time.sleep(LIVED_S)
        pids = supervisor.pids()
        before = procfs.activity(pids).cpu_s
        supervisor.kill_children(range(programs))
        time.sleep(LIVED_S)
        spent = procfs.activity(pids).cpu_s - before
        supervisor.stop()
        return spent
