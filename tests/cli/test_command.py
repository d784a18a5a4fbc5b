"""``python -m ncolony`` as a process: what only shows where a shell would see it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import ncolony
from ncolony import ctllib
from tests.cli.places import environment, files, ncolony_process, sent, written


def run_ctl(places, *args, **options):
    """Run ``ncolony ctl`` on a colony."""
    return ncolony_process("ctl", "--messages", places.messages, "--config", places.config, *args, **options)


def test_the_walkthrough(places):
    """The commands of the README, to the letter, and then some; success is silent."""
    add_echo = (
        "add --name=echo --cmd=python --arg=-m --arg=twisted --arg=ncolony-scheduler --arg=--arg=echo --arg=--arg=hello"
        " --arg=--frequency=10 --arg=--timeout=5 --arg=--grace=10"
    )
    add_web = "add --name=web --cmd=python --arg=-m --arg=twisted --arg=web"
    for line in (add_web, add_echo, "restart web", "restart --name=web", "restart-all", "remove echo"):
        done = run_ctl(places, *line.split())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert written(places, "web") == {"args": ["python", "-m", "twisted", "web"]}
    assert files(places) == ["web"]
    assert [message["type"] for message in sent(places)] == ["RESTART", "RESTART", "RESTART-ALL"]


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["ctl", "--config", "missing", "list"], 2, 'there is no directory "missing"; make it, or name another'),
        (["ctl", "list"], 2, "cannot list: --config is missing; name the directory of the programs' files"),
        (["ctl", "--config", ".", "--messages", "missing", "restart-all"], 2, 'there is no directory "missing"'),
        (["ctl", "--config", ".", "--messages", ".", "restart", "nosuch"], 4, 'there is no program "nosuch" in "."'),
        (["clt", "list"], 2, 'cannot do "clt": there is no such verb; did you mean ctl?'),
        (["statsu"], 2, 'cannot do "statsu": there is no such verb; did you mean status?'),
        (["frobnicate"], 2, 'cannot do "frobnicate": there is no such verb; `ncolony --help` lists them'),
        (["status"], 2, "cannot find a colony: there is no './conf' here; name one by -C DIR"),
        (["-C", "missing", "status"], 2, "there is no directory 'missing/conf'"),
        (["logs", "--since", "yesterday"], 2, "cannot use --since yesterday: wanted how long ago, like 90s or 5m, or"),
        (["run", "--nope"], 2, 'there is no option "--nope" (see `ncolony run --help`)'),
        (["--conf"], 2, "--config needs a value, DIR"),
    ],
)
def test_a_mistake_is_one_line_and_a_status(tmp_path, args, status, words):
    """No traceback, whatever is on the line."""
    done = ncolony_process(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("ncolony")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_help_and_version():
    """On stdout where asked for; on stderr, with status 2, where a verb is missing."""
    assert ncolony_process("--version").stdout == f"ncolony {ncolony.__version__}\n"
    wanted, missing = ncolony_process("--help"), ncolony_process()
    assert (wanted.returncode, wanted.stderr, missing.returncode, missing.stdout) == (0, "", 2, "")
    for text in (wanted.stdout, missing.stderr):
        assert "\n  run " in text
        assert "\n  ctl " in text
    assert ncolony_process("help").stdout == wanted.stdout
    assert ncolony_process("help", "stop").stdout == ncolony_process("stop", "--help").stdout


def test_output_that_nobody_reads_to_its_end_is_no_error_to_talk_about(places):
    """``ncolony ctl list | head`` is an everyday thing."""
    for number in range(3):
        ctllib.add(places, f"p{number}", "true", ["x" * 100_000])
    read, write = os.pipe()
    os.close(read)
    done = run_ctl(places, "list", capture_output=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110 - no fixture yet
def test_output_that_cannot_be_written_is_a_failure(places):
    """A list that is cut short must not look whole."""
    ctllib.add(places, "web", "true", [])
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = run_ctl(places, "list", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "ncolony: cannot write to standard output: No space left on device\n")


def test_an_ascii_terminal_gets_what_it_can_show(places):
    """Names are Unicode; a locale may not be. That is no reason to fail."""
    ctllib.add(places, "wéb", "true", [])
    done = run_ctl(places, "list", env=environment(PYTHONIOENCODING="ascii"))
    assert (done.returncode, done.stdout) == (0, "w\\xe9b  true\n")


def test_it_works_without_streams(places):
    """As under a supervisor that closed them."""
    script = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [sys.executable, "-c", script, "-m", "ncolony", "ctl", "--config", str(places.config)]
    subprocess.run([*command, "add", "web", "--cmd", "x"], env=environment(), check=True)
    subprocess.run([*command, "list"], env=environment(), check=True)
    assert files(places) == ["web"]


HEAVY = {
    "argparse", "asyncio", "dataclasses", "getopt", "gettext", "inspect", "logging", "pathlib", "shlex", "shutil",
    "subprocess", "tempfile", "twisted", "typing", "uuid", "zope",
}  # fmt: skip


@pytest.mark.parametrize("args", [["restart", "web"], ["add", "web", "--cmd", "x"], ["list"]], ids=lambda args: args[0])
def test_a_command_imports_nothing_heavy(places, args):
    """A command has three times the time of a Python that does nothing; and Twisted need not even be there.

    Without site-packages, so that nothing installed there comes first.
    """
    ctllib.add(places, "web", "true", [])
    script = "import sys; from ncolony.cli import main; status = main.main(sys.argv[1:])\nprint(*sys.modules, status)"
    command = ["ctl", "--config", str(places.config), "--messages", str(places.messages), *args]
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, *command], env=environment(), capture_output=True, text=True, check=True
    )
    *modules, status = done.stdout.splitlines()[-1].split()
    assert status == "0"
    assert "json" in modules
    assert HEAVY.isdisjoint(modules)
