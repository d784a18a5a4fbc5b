"""The command line on whole colonies: what a person types, reads, and gets as an exit status."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.scenarios.colony import EPOLL, PYTHON, SLEEP, SOURCE, is_alive, on_both, on_native, until
from tests.scenarios.tmux import Screen, needs_tmux


def ncolony(colony, *words, **more):
    """Run a command in the folder of the colony."""
    options = {"capture_output": True, "text": True, "timeout": 60, "check": False, "cwd": colony.messages.parent}
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "NO_COLOR": "1"}
    return subprocess.run([PYTHON, "-m", "ncolony", *words], env=environment, **(options | more))  # noqa: PLW1510


def said(colony, *words, status=0):
    """Run a command that has to end with ``status``, and return its lines."""
    done = ncolony(colony, *words)
    assert done.returncode == status, done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


@on_both
def test_a_program_is_asked_about_stopped_started_and_restarted(colony):
    """Answers come when the effect is there; exit statuses say what came of it."""
    colony.conf("web", {"args": SLEEP, "group": ["public"]})
    colony.conf("db", {"args": SLEEP, "instances": 2})
    colony.start()
    first = colony.pid_of("web")
    until((colony.messages / ".ncolony" / "control").exists, "the control socket")
    table = said(colony, "status")
    assert table[0].split() == ["NAME", "STATE", "PID", "UPTIME", "RESTARTS"]
    assert {line.split()[0] for line in table[1:]} == {"web", "db:1", "db:2"}
    assert said(colony, "stop", "@public", "--why", "disk swap") == ["web: stopped"]
    assert not is_alive(first)
    assert said(colony, "status", "web", status=3)[1].endswith("stopped by hand")
    (line,) = said(colony, "start", "web")
    assert line.startswith("web: running, pid ")
    assert said(colony, "start", "web")[0].startswith("web: running already")
    assert said(colony, "restart", "db:2")[0].startswith("db:2: running, pid ")
    assert said(colony, "signal", "KILL", "web") == ["sent to 1 process"]
    assert "did you mean 'web'" in said(colony, "stop", "wbe", status=4)[0]
    assert "name the programs, or say --all" in said(colony, "stop", status=2)[0]
    found = json.loads("\n".join(said(colony, "status", "--json")))
    assert found["colony"]["pid"] == colony.pid
    assert said(colony, "shutdown") == []
    colony.ended()
    assert "none listens at" in said(colony, "status", status=3)[0]


@on_native
def test_what_could_not_be_started_is_told_once(colony):
    """On standard error; what could be stands on standard output, and with --json everything does."""
    colony.conf("web", {"args": SLEEP, "autostart": False})
    colony.conf("bad", {"args": ["/no/such/thing"], "autostart": False, "instances": 2})
    colony.start()
    until((colony.messages / ".ncolony" / "control").exists, "the control socket")
    done = ncolony(colony, "start", "web", "bad")
    assert done.returncode == 1
    assert done.stdout.startswith("web: running, pid ")
    assert done.stdout.count("\n") == 1
    told = done.stderr.splitlines()
    assert [line.partition("' ")[0] for line in told] == [
        "ncolony start: cannot start: 'bad:1",
        "ncolony start: cannot start: 'bad:2",
    ]
    assert all("/no/such/thing" in line for line in told)
    done = ncolony(colony, "start", "--json", "bad:1")
    assert done.returncode == 1
    assert done.stderr.startswith("ncolony start: cannot start: 'bad:1' ")
    assert [one["name"] for one in json.loads(done.stdout)] == ["bad"]


@on_native
def test_why_tells_the_story_of_a_program_that_crashes(colony):
    """How it stands, how it ended, what it said, and what comes next; all of it over the supervisor's own death."""
    code = "echo starting; echo 'no database' >&2; exit 7"
    restart = {"min_delay": "30s", "max_delay": "60s", "attempts": 5}
    colony.conf("bad", {"args": ["sh", "-c", code], "restart": restart})
    colony.conf("good", {"args": SLEEP})
    colony.start()
    until(lambda: "next start" in ncolony(colony, "status").stdout, "the crash")
    story = said(colony, "why", "bad")
    assert story[0].startswith("bad waits for its next start: in ")
    assert story[0].endswith("attempt 2 of 5")
    assert story[1].startswith("  exited with status 7 after ")
    assert story[2:4] == ["  its last lines:", "    | no database"]
    assert said(colony, "why", "good")[0].startswith("good runs for ")
    wrong = said(colony, "why")
    assert wrong[0].startswith("bad waits for its next start")
    assert not any(line.startswith("good") for line in wrong)
    colony.stop(signal.SIGKILL)
    colony.process.stdout.close()
    colony.start()
    until(lambda: "bad" in ncolony(colony, "status").stdout, "its successor")
    assert "    | no database" in said(colony, "why", "bad")


@on_native
def test_what_a_restart_ended_is_told_with_who_asked_for_it(colony):
    """The next run begins at once, and takes nothing of the story of the one before."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    until(lambda: "running" in ncolony(colony, "status").stdout, "the program")
    said(colony, "restart", "web", "--why", "disk swap")
    story = said(colony, "why", "web")
    assert story[0].endswith("run 2")
    assert "was killed by SIGTERM" in story[1]
    assert ": restarted: disk swap (asked for by " in story[1]
    assert "(run 1; " in story[1]


@on_native
def test_standard_streams_may_be_closed(colony):
    """As by a cron job or a daemon that did so; the exit status tells what came of it."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    until(lambda: "running" in ncolony(colony, "status").stdout, "the program")
    for words in (["status"], ["why"], ["logs"], ["status", "--json"], ["add", "db", "--", *SLEEP]):
        script = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        command = [PYTHON, "-c", script, "-m", "ncolony", *words]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        done = subprocess.run(command, env=environment, cwd=colony.messages.parent, timeout=60, check=False)
        assert done.returncode == 0, words
    said(colony, "status", "web")


@on_native
def test_logs_and_events_are_shown(colony):
    """The last lines, filtered; events by their numbers, and as JSON."""
    colony.conf("web", {"args": ["sh", "-c", "for i in 1 2 3; do echo line $i; done; exec sleep 1000"]})
    colony.start()
    colony.pid_of("web")
    until(lambda: len(said(colony, "logs", "web")) == 3, "its lines")
    assert said(colony, "logs", "web", "-n", "1") == ["web | line 3"]
    assert said(colony, "logs", "--grep", "[12]$") == ["web | line 1", "web | line 2"]
    assert "no regular expression" in said(colony, "logs", "--grep", "[", status=2)[0]
    assert any("web runs, pid" in line for line in said(colony, "events", "--since", "0"))
    events = [json.loads(line) for line in said(colony, "events", "--since", "0", "--json")]
    assert {event.get("kind") for event in events} >= {"added", "state"}


@on_both
def test_scale_changes_the_file_and_waits_until_so_many_run(colony):
    """Up, down, and no further than the file; a program that cannot run is told at once."""
    colony.conf("web", '{"args": ["sleep", "1000"],  "note": "by hand"}')
    colony.conf("bad", {"args": ["sh", "-c", "exit 3"], "restart": {"min_delay": "60s", "max_delay": "60s"}})
    colony.start()
    first = colony.pid_of("web")
    until((colony.messages / ".ncolony" / "control").exists, "the control socket")
    assert said(colony, "scale", "web", "3") == ["web: 3 running"]
    assert (colony.config / "web").read_text() == '{"args": ["sleep", "1000"],  "note": "by hand", "instances": 3}'
    assert len(colony.pids("web")) == 3
    assert said(colony, "scale", "web", "3") == ["web: 3 running"]
    assert said(colony, "scale", "web", "1") == ["web: 1 running"]
    assert colony.pids("web") == [first]
    until(lambda: "backoff" in ncolony(colony, "status", "bad").stdout, "the crash")
    (line, *_) = said(colony, "scale", "bad", "2", status=1)
    assert line.startswith("bad:")
    assert "exited with status 3" in line
    said(colony, "stop", "web")
    assert said(colony, "scale", "web", "2") == ["web: 1 running, 1 stopped; `ncolony start web` starts them"]


@on_native
def test_logs_can_be_asked_for_since_a_time(colony):
    """How long ago, or when; of a console and of a file."""
    code = "echo early; read line; echo late $line; exec sleep 1000"
    file = {"file": str(colony.folder / "{name}.log")}
    for name, log in (("console", "console"), ("file", file)):
        colony.conf(name, {"args": ["sh", "-c", code], "log": log, "stdin": "pipe"})
    colony.start()
    until((colony.messages / ".ncolony" / "control").exists, "the control socket")
    for name in ("console", "file"):
        until(lambda name=name: said(colony, "logs", name) == [f"{name} | early"], "the first line")
    began = time.time()
    until(lambda: time.time() > began + 1.5, "another second")
    moment = int(time.time())
    for name in ("console", "file"):
        said(colony, "send", name, "one")
        late = [f"{name} | late one"]
        until(lambda name=name: said(colony, "logs", name)[-1:] == [f"{name} | late one"], "the last line")
        utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        local = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
        for words in (utc, local):
            assert said(colony, "logs", name, "--since", words) == late
        assert said(colony, "logs", name, "--since", "1h30m") == [f"{name} | early", *late]
        assert said(colony, "logs", name, "--since", "2100-01-01T00:00:00+01:00") == []


@on_both
def test_health_is_a_check_for_containers(colony):
    """Nothing and 0 where all is well; a line each and 1 where not; what was stopped by hand is well."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.pid_of("web")
    until(lambda: ncolony(colony, "ping").returncode == 0, "an answer")
    assert said(colony, "ping")[0].endswith(
        f"pid {colony.pid}, on the {'native' if colony.host.native else 'reactor'} loop"
    )
    until(lambda: ncolony(colony, "health").returncode == 0, "health")
    assert said(colony, "health", "web") == []
    colony.conf("bad", {"args": ["sh", "-c", "exit 3"], "restart": {"min_delay": "60s", "max_delay": "60s"}})
    until(lambda: "backoff" in ncolony(colony, "status").stdout, "the crash")
    assert said(colony, "health", status=1) == ["bad is backoff"]
    assert said(colony, "health", "--program", "web") == []
    assert "there is no program or label 'wbe'" in said(colony, "health", "wbe", status=4)[0]
    said(colony, "stop", "bad")
    assert said(colony, "health") == []


@on_both
def test_a_program_reads_what_is_sent_to_it(colony):
    """One line by words, more by a pipe; it never sees an end, and the next supervisor can send as well."""
    colony.conf("game", {"args": ["sh", "-c", 'while read line; do echo "got $line"; done; echo end'], "stdin": "pipe"})
    colony.conf("deaf", {"args": SLEEP, "stdin": "pipe"})
    colony.conf("none", {"args": SLEEP})
    colony.start()
    game = colony.pid_of("game")
    until((colony.messages / ".ncolony" / "control").exists, "the control socket")
    assert said(colony, "send", "game", "hello", "there") == []
    colony.wait_for(r"game \| got hello there$")
    assert ncolony(colony, "send", "game", input="one\ntwo\n").returncode == 0
    colony.wait_for(r"game \| got two$")
    assert "is /dev/null; set" in said(colony, "send", "none", "x", status=1)[0]
    assert "nothing to send" in ncolony(colony, "send", "game", input="").stderr
    for _ in range(16):
        assert ncolony(colony, "send", "deaf", input="x" * 4096).returncode == 0
    assert "does not read what it got before" in said(colony, "send", "deaf", "x", status=1)[0]
    colony.stop(signal.SIGKILL)
    colony.process.stdout.close()
    colony.start()
    until(lambda: "game" in ncolony(colony, "status").stdout, "its successor")
    assert said(colony, "send", "game", "again") == []
    colony.wait_for(r"game \| got again$")
    assert is_alive(game)
    assert "got end" not in colony.text


@on_native
def test_everything_that_answers_does_so_as_json_too(colony):
    """For scripts: objects with the fields of the protocol, and the same exit status."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.pid_of("web")
    until(lambda: ncolony(colony, "ping").returncode == 0, "an answer")

    def answer(*words):
        return json.loads("\n".join(said(colony, *words, "--json")))

    assert answer("ping")["pid"] == colony.pid
    assert answer("health") == {"healthy": True, "troubles": [], "more": 0}
    assert [one["state"] for one in answer("scale", "web", "2")["instances"]] == ["running", "running"]
    assert answer("signal", "CONT", "web") == {"sent": 2}
    assert answer("why")["problems"] == []
    assert {one["state"] for one in answer("restart", "web")} == {"running"}
    assert answer("upgrade")["pid"] == colony.pid
    assert answer("shutdown") == {"pid": colony.pid}
    colony.ended()


@pytest.mark.parametrize("host", [EPOLL], ids=["epoll"])
def test_an_upgrade_under_twisted_says_that_the_supervisor_ends(colony):
    """Nobody waits there for a successor that the command cannot start."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    pid = colony.pid_of("web")
    until(lambda: ncolony(colony, "ping").returncode == 0, "an answer")
    (line,) = said(colony, "upgrade")
    assert line.endswith("ends; every program goes on. Start the next one as this was")
    colony.ended()
    assert is_alive(pid)
    colony.process.stdout.close()
    colony.start()
    until(lambda: ncolony(colony, "ping").returncode == 0, "its successor")
    assert said(colony, "status", "web")[1].split()[2] == str(pid)


@needs_tmux
@on_native
def test_who_adds_a_program_where_nothing_runs_is_told_so_at_a_terminal(colony):
    """A newcomer would wait in vain; a script, which has no terminal, knows what it does."""
    screen = Screen(colony.folder, colony.environment(), PYTHON, "-m", "ncolony", "add", "web", "--", "true")
    screen.shows("note: written, and nothing runs yet", "`ncolony run DIR` starts one", "ended 0")
    screen.close()
    assert said(colony, "add", "web", "--", "true") == []
