"""Whole colonies with programs that run at their time."""

import json
import os
import re
import signal
import time
from pathlib import Path

from ncolony.control.client import Client
from tests.scenarios.colony import PYTHON, SLEEP, on_both, on_native, until

ROOT = Path(__file__).resolve().parents[2]
# Says so where another of it is there, and takes longer than its period.
ALONE = "mkdir lock || echo not alone; sleep 1.5; rmdir lock; echo done"


def times_of(colony, pattern):
    """Return how often a line was said."""
    return colony.count(pattern)


@on_both
def test_a_job_runs_again_and_again_and_leaves_nothing_between(colony):
    """From start to start, at the same second of each; a stop of the colony ends one that runs."""
    colony.conf("tick", {"args": ["sh", "-c", "date +%s.%N"], "schedule": "1s"})
    colony.start()
    colony.wait_for(r"(?s)(tick \| [\d.]+\n.*){4}")
    at = [float(one) for one in re.findall(r"tick \| ([\d.]+)", colony.text)]
    assert abs((at[3] - at[0]) - 3.0) < 1.0
    colony.wait_for("tick exited with status 0 after .* s; waiting for its next start$")
    colony.dies("tick")
    assert colony.stop() == colony.host.status(signal.SIGTERM)


@on_both
def test_a_job_longer_than_its_period_is_alone(colony):
    """Bug 53: its moments are skipped while it runs."""
    colony.conf("long", {"args": ["sh", "-c", ALONE], "cwd": str(colony.folder), "schedule": "1s"})
    colony.start()
    colony.wait_for(r"(?s)(long \| done\n.*){3}")
    assert times_of(colony, "not alone") == 0
    assert times_of(colony, "long is not started at its time: its last run still goes on") >= 2


@on_native
def test_a_run_that_hangs_is_stopped_and_tried_again(colony):
    """The timeout, the stop signal, and the retry after its delay."""
    colony.conf("hang", {"args": SLEEP, "schedule": {"every": "1h", "timeout": "300ms", "retries": 1},
                         "restart": {"min_delay": "100ms"}})  # fmt: skip
    colony.start()
    colony.wait_for(r"hang is being stopped \(its run took longer than 0.3 s\)$")
    colony.wait_for(r"hang was killed by SIGTERM; next start in 0.1 s \(attempt 2\)$")
    colony.wait_for("hang was killed by SIGTERM; waiting for its next start$")


@on_native
def test_a_line_of_cron_runs_when_the_minute_comes(colony):
    """Woken by the kernel, at the moment of the wall clock; the one that comes every four years waits."""
    colony.conf("minute", {"args": ["echo", "here"], "schedule": "* * * * *"})
    colony.conf("far", {"args": ["echo", "never"], "schedule": {"cron": "0 0 29 2 *", "zone": "UTC"}})
    began = time.time()
    colony.start()
    colony.wait_for(r"minute \| here$", patience=90)
    assert time.time() // 60 > began // 60
    assert time.time() % 60 < 30
    assert times_of(colony, "never") == 0


@on_native
def test_started_by_hand_it_runs_now(colony):
    """With the verbs that start anything else; `why` and `status` say when it runs by itself."""
    colony.conf("yearly", {"args": ["echo", "happy new year"], "schedule": {"cron": "@yearly", "zone": "UTC"}})
    colony.start()
    colony.fence()
    assert times_of(colony, "happy") == 0
    colony.message({"type": "RESTART", "name": "yearly"})
    colony.wait_for(r"yearly \| happy new year$")
    colony.wait_for("yearly exited with status 0 .*; waiting for its next start$")
    with Client(str(colony.messages / ".ncolony")) as client:
        (one,) = client.ask("status", names=["yearly"])["instances"]
        assert client.ask("start", names=["yearly"])["instances"][0]["run"] == 2
        colony.wait_for(r"(?s)(yearly \| happy new year\n.*){2}")
        client.ask("stop", names=["yearly"])
        assert client.ask("start", names=["yearly"])["instances"][0]["state"] == "waiting"
    assert one["state"] == "waiting"
    assert one["waits_for"].startswith("its time, 20")
    assert one["schedule"]["next"].endswith("-01-01T00:00:00+00:00")
    assert one["next_run"].startswith("in ")


@on_native
def test_a_wall_clock_that_jumps_by_years_moves_no_every(colony):
    """Bug 21: with a clock that is a year ahead and a year behind by turns."""
    jumping = (
        "import itertools, sys, time\n"
        "turns, real = itertools.count(), time.time\n"
        "time.time = lambda: real() + (1 if next(turns) % 2 else -1) * 365 * 86400\n"
        "sys.argv[0] = 'ncolony'\n"
        "from ncolony.cli.main import run\n"
        "run()\n"
    )
    colony.conf("tick", {"args": ["echo", "tock"], "schedule": "1s"})
    colony.conf("daily", {"args": ["true"], "schedule": "@daily"})
    began = time.monotonic()
    colony.start(command=[PYTHON, "-c", jumping, "run", *colony.directories()])
    colony.wait_for(r"(?s)(tick \| tock\n.*){4}")
    assert 3.0 <= time.monotonic() - began < 10.0


@on_native
def test_jobs_that_wait_wake_nobody(colony):
    """A hundred that wait for tomorrow: not one turn of the loop."""
    for number in range(100):
        colony.conf(f"job{number}", {"args": ["true"], "schedule": "@yearly"})
        colony.conf(f"slow{number}", {"args": ["true"], "schedule": {"every": "1d"}})
    colony.start(coverage=False)
    until(lambda: times_of(colony, "slow.* exited with status 0") == 100, "the first runs")
    colony.fence()

    def switches():
        text = Path(f"/proc/{colony.pid}/status").read_text()
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)[1])

    def still():
        before = switches()
        time.sleep(2.0)
        return switches() == before

    until(still, "two seconds in which nobody is woken")


@on_native
def test_an_edit_runs_nothing_and_cuts_nothing_short(colony):
    """It counts from the next run on."""
    colony.conf("job", {"args": ["sh", "-c", "echo one; sleep 1"], "schedule": "2s"})
    colony.start()
    colony.wait_for(r"job \| one$")
    pid = colony.pid_of("job")
    colony.conf("job", {"args": ["echo", "two"], "schedule": "2s"})
    colony.fence()
    assert colony.pids("job") == [pid]
    colony.wait_for(r"job \| two$")
    assert times_of(colony, r"job \| one$") == 1
    assert times_of(colony, "job is being stopped") == 0


@on_native
def test_the_examples_of_the_page_work(colony):
    """docs/schedules.md."""
    page = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
    files = re.findall(r"`conf/(\w+)`[^`]*:\n\n```json\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in files] == ["tick", "backup"]
    for name, text in files:
        colony.conf(name, json.loads(text))
    colony.start()
    colony.wait_for(r"(?s)(tick \| tick\n.*){2}")
    colony.message({"type": "RESTART", "name": "backup"})
    colony.wait_for(r"backup \| all is saved$")
    os.kill(colony.pid, signal.SIGTERM)
    assert colony.ended() == 0
