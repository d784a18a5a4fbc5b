"""With which status the reaper ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ncolony
from tests.reaper.reaping import SOURCES, run, shell


@pytest.mark.parametrize("status", [0, 1, 3, 125, 128, 255])
def test_an_exit_status_is_handed_on(status):
    """Bug 60: what the orchestrator sees is what CMD said."""
    assert run("-s", *shell(f"exit {status}"))[0] == status


@pytest.mark.parametrize("number", [1, 2, 6, 9, 11, 15, 34, 64])
def test_a_death_by_signal_is_128_and_the_signal(number):
    """Bug 60: 137 for SIGKILL, as a shell has it; PID 1 could not die of the signal itself."""
    assert run("-s", *shell(f"ulimit -c 0; kill -{number} $$"))[0] == 128 + number


def test_a_status_is_handed_on_from_pid_one(pid_one):
    """Bug 60: the kernel gives the namespace's end the status of its PID 1."""
    assert run(*shell("exit 7"), before=pid_one)[0] == 7
    assert run(*shell("kill -9 $$"), before=pid_one)[0] == 137


def test_what_is_not_there_is_127(tmp_path):
    """As shells, env and docker have it."""
    for name in ("no-such-command-anywhere", str(tmp_path / "absent"), str(tmp_path / "absent" / "deeper")):
        status, lines = run("-s", name)
        assert status == 127
        assert len(lines) == 1
        assert lines[0].startswith(f"ncolony reaper: cannot start {name!r}: no such file")


def test_what_cannot_be_executed_is_126(tmp_path):
    """It is there, so looking for a typing error would be a waste of time."""
    plain, foreign, orphaned = (tmp_path / name for name in ("plain", "foreign", "orphaned"))
    plain.write_text("#!/bin/sh\n")
    foreign.write_text("neither script nor program")
    orphaned.write_text("#!/no/such/interpreter\n")
    foreign.chmod(0o755)
    orphaned.chmod(0o755)
    for name, word in ((plain, "permission"), (foreign, "format"), (orphaned, "interpreter"), (tmp_path, "directory")):
        status, lines = run("-s", name)
        assert status == 126
        assert len(lines) == 1
        assert word in lines[0]


def test_what_is_on_the_path_without_permission_is_126(tmp_path):
    """Not 127: it was found."""
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    assert run("-s", "plain", env={"PATH": str(tmp_path)})[0] == 126


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "CMD is missing"),
        (["--"], "CMD is missing"),
        (["--no-such"], "no such option"),
        (["-x", "true"], "no such option"),
        (["--group=yes", "true"], "no such option"),
        (["--grace"], "lacks its value"),
        (["--grace", "soon", "true"], "number of seconds"),
        (["--grace=-1", "true"], "number of seconds"),
        (["--grace=nan", "true"], "number of seconds"),
        (["--grace=inf", "true"], "number of seconds"),
        (["--rewrite", "TERM", "true"], "FROM:TO"),
        (["--rewrite", "TERM:", "true"], "FROM:TO"),
        (["--rewrite", "0:TERM", "true"], "FROM:TO"),
        (["--rewrite", "TERM:99", "true"], "FROM:TO"),
        (["--rewrite", "BLOCK:TERM", "true"], "FROM:TO"),
    ],
)
def test_a_command_line_of_no_use_is_125_and_one_line(words, said):
    """125 says that CMD was not even tried."""
    status, lines = run(*words)
    assert status == 125
    assert len(lines) == 1
    assert lines[0].startswith("ncolony reaper: cannot ")
    assert said in lines[0]


def test_options_end_at_cmd():
    """CMD's own options are CMD's."""
    assert run("-s", "sh", "-c", "exit 9", "-g", "--grace")[0] == 9
    assert run("-s", "--", "sh", "-c", "exit 9")[0] == 9


def test_help_and_version():
    """They go to standard output, and nothing is started."""
    status, lines = run("--help")
    assert status == 0
    assert lines[0] == "usage: ncolony reaper [OPTIONS] [--] CMD ARG..."
    assert run("--version") == (0, [f"ncolony {ncolony.__version__}"])


def test_it_says_so_when_orphans_will_not_come_to_it():
    """Neither PID 1 nor -s: it does less than its name says."""
    status, lines = run(*shell("exit 4"))
    assert status == 4
    assert lines == ["ncolony reaper: not PID 1 and without -s, so orphans will be adopted by somebody else"]


def test_it_starts_from_a_bare_interpreter_as_well():
    """Where a start line is written by hand, there is nothing to leave behind and no second exec."""
    text = f"import sys; sys.path.insert(0, {SOURCES!r}); from ncolony.cli import reaper; reaper.main(sys.argv[1:])"
    command = [sys.executable, "-I", "-S", "-c", text, "-s", "sh", "-c", "tr '\\0' ' ' < /proc/$PPID/cmdline"]
    said = subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True).stdout
    assert said.decode().startswith(f"{sys.executable} -I -S -c import sys; sys.path.insert")
