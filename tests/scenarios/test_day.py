"""A day of an operator, from an empty folder to the last shutdown, by the command line alone."""

import json
import re

from tests.scenarios.colony import is_alive, on_both, until
from tests.scenarios.test_cli import ncolony, said

SERVE = "echo serving $NCOLONY_INSTANCE; exec sleep 1000"
CRASH = "echo 'cannot open the ledger' >&2; exit 9"


@on_both
def test_the_day_of_an_operator(colony):
    """What is typed, what it says, and what its exit status is."""
    begin(colony)
    swap_the_disk(colony)
    scale_and_restart(colony)
    live_with_bad_files_and_programs(colony)
    take_a_new_version_on_and_end(colony)


def begin(colony):
    """A new machine in the morning."""
    colony.config.rmdir()
    colony.messages.rmdir()
    assert "made ./conf" in said(colony, "init")
    said(colony, "add", "web", "--group", "public", "--", "sh", "-c", SERVE)
    said(colony, "add", "db", "--stop-signal", "INT", "--", "sleep", "1000")
    assert said(colony, "list")[0] == "db   sleep 1000"
    assert "`ncolony run DIR` starts one" in said(colony, "status", status=3)[0]
    colony.start()
    until(lambda: ncolony(colony, "health").returncode == 0, "a colony that is well")
    assert [line.split()[:2] for line in said(colony, "status")[1:]] == [["db", "running"], ["web", "running"]]
    assert said(colony, "logs", "@public") == ["web | serving 1"]


def swap_the_disk(colony):
    """The one under the database is to be replaced."""
    db = pid(colony, "db")
    assert said(colony, "stop", "db", "--why", "disk swap") == ["db: stopped"]
    assert not is_alive(db)
    story = said(colony, "why", "db")
    assert story[0] == "db is stopped, by hand: `ncolony start` starts it"
    assert "disk swap" in story[1]
    assert said(colony, "why")[0] == "db is stopped by hand"
    assert said(colony, "health") == []
    assert said(colony, "start", "db")[0].startswith("db: running, pid ")


def scale_and_restart(colony):
    """More visitors at noon, and a new version of what serves them."""
    first = pid(colony, "web")
    assert said(colony, "scale", "web", "3") == ["web: 3 running"]
    assert pid(colony, "web", 1) == first
    assert len(said(colony, "restart", "web")) == 3
    assert not is_alive(first)
    assert sorted(said(colony, "logs", "web", "-n", "1")) == [
        f"web:{number} | serving {number}" for number in (1, 2, 3)
    ]
    assert said(colony, "scale", "web", "1") == ["web: 1 running"]


def live_with_bad_files_and_programs(colony):
    """Somebody's editor is not done yet, and somebody's job is no good."""
    serving = pid(colony, "web")
    here = colony.here()
    colony.conf("web", '{"args": ["sh", ')
    colony.wait_for("web", since=here)
    assert any("web" in line and "JSON" in line for line in said(colony, "why"))
    assert said(colony, "status", "web")
    assert "cannot use" in said(colony, "show", "web")[-1]
    said(colony, "add", "web", "--", "sh", "-c", SERVE, "--and", "more")
    until(lambda: pid(colony, "web") not in {None, serving}, "the program as it is described now")
    said(colony, "add", "ledger", "--min-delay", "60", "--max-delay", "60", "--", "sh", "-c", CRASH)
    until(lambda: ncolony(colony, "health").returncode == 1, "the crash")
    until(lambda: "ledger is backoff" in ncolony(colony, "health").stdout, "its wait")
    story = said(colony, "why", "ledger")
    assert re.match(r"ledger waits for its next start: in .*, attempt 2", story[0])
    assert story[1].startswith("  exited with status 9 after ")
    assert "    | cannot open the ledger" in story
    said(colony, "remove", "ledger")
    until(lambda: ncolony(colony, "health").returncode == 0, "a colony that is well again")


def take_a_new_version_on_and_end(colony):
    """In the evening, where a new version can be taken on in place."""
    serving = pid(colony, "web")
    if colony.host.native:
        assert said(colony, "upgrade")[-1].endswith("every program goes on")
        assert pid(colony, "web") == serving
    kinds = {json.loads(line).get("kind") for line in said(colony, "events", "--since", "0", "--json")}
    assert "state" in kinds or "taken-over" in kinds
    assert said(colony, "shutdown") == []
    colony.ended()
    assert not is_alive(serving)
    assert ncolony(colony, "health").returncode == 1


def pid(colony, name, number=1):
    """Return the pid of an instance, as the status has it."""
    instances = json.loads("\n".join(said_any(colony, "status", name, "--json")))["instances"]
    return next(one["pid"] for one in instances if one["number"] == number)


def said_any(colony, *words):
    """Run a command, and return what it prints, whatever its exit status."""
    return ncolony(colony, *words).stdout.splitlines()
