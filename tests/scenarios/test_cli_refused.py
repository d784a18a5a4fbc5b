"""What the command line says where something is wrong: every verb, in every trouble; one line, no traceback."""

import os
import signal
import subprocess

import pytest

from ncolony.cli import catalog
from ncolony.cli.every import every
from ncolony.cli.main import main
from tests.cli.places import unprivileged
from tests.scenarios.colony import DEAF, PYTHON, SLEEP, on_both, on_native, until
from tests.scenarios.test_cli import ncolony, said

FAILED, USAGE, NOT_RUNNING, NO_SUCH = 1, 2, 3, 4
# How each verb that asks the supervisor is called, and how it is called wrongly, with the exit status of that.
ASKING = {
    "status": (["web"], ["--color", "blue"], USAGE),
    "why": (["web"], ["wbe"], NO_SUCH),
    "logs": (["web"], ["-n", "many", "web"], USAGE),
    "events": (["--since", "0"], ["--since", "yesterday"], USAGE),
    "start": (["web"], ["web", "--wait", "soon"], USAGE),
    "stop": (["web"], [], USAGE),
    "restart": (["web"], ["web:7"], NO_SUCH),
    "reload": (["web"], ["web", "--max-parallel", "all"], USAGE),
    "send": (["web", "hello"], ["web", "hello"], FAILED),
    "plan": ([], ["nowhere"], USAGE),
    "apply": (["conf"], ["nowhere"], USAGE),
    "scale": (["web", "2"], ["web", "-1"], USAGE),
    "signal": (["HUP", "web"], ["HUPP", "web"], USAGE),
    "health": (["web"], ["nosuch"], NO_SUCH),
    "ping": ([], ["web"], USAGE),
    "metrics": ([], ["web"], USAGE),
    "upgrade": ([], ["--wait", "-1"], USAGE),
    "shutdown": ([], ["--within", "soon"], USAGE),
}


@pytest.fixture
def running(colony):
    """A colony with a program that runs, and its control socket."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.pid_of("web")
    until(lambda: ncolony(colony, "ping").returncode == 0, "an answer")
    return colony


def check(done, status, *words):
    """See that a command ended so, and said why in one line."""
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr.startswith("ncolony")
    assert done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@on_native
def test_wrong_names_words_and_options_are_told(running):
    """Of every verb that asks; and the colony has not been touched."""
    pid = running.pid_of("web")
    for verb, (_, wrong, status) in ASKING.items():
        check(ncolony(running, verb, *wrong), status)
        check(ncolony(running, verb, "--colour"), USAGE, f"ncolony {verb} --help")
        if verb not in {"events", "ping", "metrics", "upgrade", "shutdown", "signal", "scale", "send", "plan", "apply"}:
            check(ncolony(running, verb, "wbe", "nosuch*", "@none"), NO_SUCH, "did you mean 'web'", "'none'")
    assert running.pids("web") == [pid]


@on_native
def test_numbers_that_only_look_like_some_and_names_that_are_no_text_are_told(running):
    """What Python takes for digits is not all that it can make a number of."""
    for words in (["logs", "-n", "\u00b2"], ["events", "--since", "\u00b2"], ["scale", "web", "\u00b2"],
                  ["signal", "\u00b2", "web"], ["logs", "-n", "1" * 5000]):  # fmt: skip
        check(ncolony(running, *words), USAGE)
    for verb in ("status", "why", "logs", "stop", "health"):
        check(ncolony(running, verb, b"w\xffb"), USAGE)


@on_native
def test_without_a_supervisor_every_verb_says_how_to_start_one(colony):
    """Those that only change files do their work."""
    colony.conf("web", {"args": SLEEP})
    for verb, (words, _, _) in ASKING.items():
        if verb != "scale":
            done = ncolony(colony, verb, *words)
            check(done, FAILED if verb == "health" else NOT_RUNNING, "none listens at", "`ncolony run")
    check(ncolony(colony, "-C", "nowhere", "status"), USAGE, "`ncolony init DIR` makes one")


@on_both
def test_while_the_colony_is_stopping_what_cannot_be_is_refused_and_the_rest_answered(running):
    """Nothing is promised that will not be."""
    running.conf("deaf", {"args": DEAF, "stop": {"timeout": "20s"}})
    running.wait_for(r"deaf \| deaf$")
    assert said(running, "shutdown", "--no-wait") == []
    for verb in ("start", "restart"):
        check(ncolony(running, verb, "web"), FAILED, "is being stopped")
    assert "the colony is being stopped" in ncolony(running, "status").stderr
    assert "the colony is being stopped" in said(running, "health", status=FAILED)
    assert said(running, "ping")
    assert said(running, "why", "deaf")
    assert said(running, "logs", "deaf") == ["deaf | deaf"]
    running.send(signal.SIGTERM)  # the second one does not wait any longer
    running.ended()


@on_native
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_who_may_not_is_told_who_may(running, capsys, monkeypatch):
    """By every verb, without a word of the colony's."""
    running.folder.chmod(0o755)
    monkeypatch.chdir(running.folder)
    every()  # all modules: nobody may not be allowed to read them
    import pwd  # noqa: F401 - likewise

    pid = running.pid_of("web")
    for verb, (words, _, _) in ASKING.items():
        with unprivileged():
            status = main([verb, *words])
        out, err = capsys.readouterr()
        assert (status, out, err.count("\n")) == (FAILED, "", 1), err
        assert "permission denied" in err
        assert "only root" in err
    for verb, words in (("add", ["x", "--", "true"]), ("remove", ["web"])):
        with unprivileged():
            assert main([verb, *words]) == FAILED
        assert "do it as a user who may" in capsys.readouterr().err
    assert running.pids("web") == [pid]


@on_native
def test_ctrl_c_and_the_end_of_the_reader_end_what_follows_without_a_word(running):
    """``logs -f`` and ``events`` end by both all day long."""
    running.conf("first", {"args": ["sh", "-c", "echo first; exec sleep 1000"]})
    running.wait_for(r"first \| first$")
    for words in (["logs", "-f"], ["events", "-f", "--since", "0"], ["events", "-f", "--since", "0", "--json"]):
        process = follow(running, words)
        assert process.stdout.readline() != ""
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
        assert process.returncode == 0
        process = follow(running, words)
        process.stdout.readline()
        process.stdout.close()
        running.conf("chatty", {"args": ["sh", "-c", "echo chatty; exec sleep 1000"]})
        assert process.stderr.read() == ""
        assert process.wait(30) == FAILED
        process.stderr.close()
        running.remove("chatty")
        running.dies("chatty")


def follow(colony, words):
    """Start a command that goes on."""
    return subprocess.Popen(
        [PYTHON, "-m", "ncolony", *words], cwd=colony.folder, env=colony.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@on_native
def test_a_supervisor_that_is_killed_in_the_middle_is_told(running):
    """Whoever waits for an effect learns that nobody works on it any more."""
    running.conf("deaf", {"args": DEAF, "stop": {"timeout": "20s"}})
    running.wait_for(r"deaf \| deaf$")
    deaf = running.pid_of("deaf")
    process = follow(running, ["stop", "deaf"])
    running.wait_for("deaf is being stopped")
    running.stop(signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.count("\n")) == (NOT_RUNNING, "", 1)
    assert "is it being replaced?" in err
    running.process.stdout.close()
    running.start()
    until(lambda: ncolony(running, "ping").returncode == 0, "its successor")
    os.kill(deaf, signal.SIGKILL)
    assert said(running, "stop", "deaf")[0].startswith("deaf: stopped")


def test_every_verb_is_called_here():
    """A new one is to be added above, or to those that work on files or ask in ways of their own."""
    others = {"init", "add", "remove", "show", "list", "check", "top", "completion"}
    assert set(catalog.VERBS) - others == set(ASKING)
