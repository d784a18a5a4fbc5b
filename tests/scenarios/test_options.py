"""The command line, on all hosts: options, abbreviations, pid files, and mistakes told in one line."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.colony import (
    DEAF,
    EPOLL,
    NATIVE,
    PATIENCE,
    PYTHON,
    SLEEP,
    gone,
    is_alive,
    on_both,
    on_every_reactor,
    on_native,
    until,
)

TWISTD = Path(sys.executable).with_name("twistd")
both_and_twistd = pytest.mark.parametrize(
    "command",
    [NATIVE.command, EPOLL.command, [str(TWISTD), "--nodaemon", "--pidfile=", "ncolony"]],
    ids=["native", "twist", "twistd"],
)


@on_every_reactor
def test_pid_files_hold_the_pid_and_go_with_the_process(colony):
    """For tools that look for nothing else: the number, no line end, and no file where there is no process."""
    pids = colony.folder / "pids"
    pids.mkdir()
    colony.conf("web", {"args": SLEEP})
    colony.conf("two", {"args": SLEEP, "instances": 2})
    colony.start("--pid", "pids")
    until(lambda: {path.name for path in pids.iterdir()} == {"web", "two:1", "two:2"}, "three pid files")
    assert (pids / "web").read_text() == str(colony.pid_of("web"))
    assert {(pids / f"two:{number}").read_text() for number in (1, 2)} == set(map(str, colony.pids("two")))
    before = colony.pid_of("web")
    colony.message({"type": "RESTART", "name": "web"})
    after = colony.pid_of("web", before)
    until(lambda: (pids / "web").exists() and (pids / "web").read_text() == str(after), "the new pid")
    colony.remove("two")
    until(lambda: [path.name for path in pids.iterdir()] == ["web"], "the pid files of what was removed to go")
    colony.stop()
    assert list(pids.iterdir()) == []


@on_native
def test_a_colony_is_a_folder(colony):
    """``ncolony run DIR`` for who keeps the two directories together."""
    colony.conf("web", {"args": SLEEP})
    colony.start(command=[*colony.host.command, "."])
    colony.wait_for("web runs")


@on_both
def test_long_options_may_be_abbreviated(colony):
    """As Twisted users expect; seen in what they do: no minute of backoff, no patience with the deaf."""
    colony.conf("crash", {"args": ["false"]})
    colony.conf("deaf", {"args": DEAF})
    begin = [*colony.host.command, "--conf", "conf", "--mess=messages"]
    colony.start("--freq", "1", "--thr", "0.5", "--kill=0.2", "--min", "0.01", "--max", "0.03", command=begin)
    for delay in ("0.01", "0.02", "0.03", "0.03"):
        colony.wait_for(rf"crash exited with status 1 after .*; next start in {delay} s")
    colony.wait_for(r"deaf \| deaf$")
    colony.stop()
    colony.wait_for("deaf did not end in time and gets SIGKILL")


@on_both
def test_short_options_do_the_same(colony):
    """-t, -k, -m and -M, apart or together with their values."""
    colony.conf("crash", {"args": ["false"]})
    colony.conf("short", {"args": ["sh", "-c", "exit 4"]})
    colony.conf("deaf", {"args": DEAF})
    colony.start("-t", "0.5", "-k0.2", "-m", "0.01", "-M0.03")
    colony.wait_for(r"crash exited with status 1 after .*; next start in 0\.03 s")
    colony.wait_for(r"deaf \| deaf$")
    colony.stop()
    colony.wait_for("deaf did not end in time and gets SIGKILL")


@on_both
def test_a_run_of_the_threshold_is_followed_by_another_at_once(colony):
    """``--threshold 0``: every run was long enough."""
    colony.conf("web", {"args": ["sh", "-c", "exit 4"], "restart": {"policy": "permanent", "attempts": 3}})
    colony.start("--threshold", "0", "--minrestartdelay", "1000")
    until(lambda: colony.count("web exited with status 4 after .*; starting again") > 5, "more runs than attempts")


# Mistakes ----------------------------------------------------------------------------------------------------------


@both_and_twistd
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--messages", "messages"], "cannot run without --config: give the directory, --config DIR"),
        (["--config", "conf"], "cannot run without --messages: give the directory, --messages DIR"),
        (["--config", "nosuch", "--messages", "messages"],
         "cannot use --config 'nosuch': there is no such directory; mkdir 'nosuch' first"),
        (["--config", "conf", "--messages", "file"], "cannot use --messages 'file': that is not a directory"),
        (["--config", "conf", "--messages", "messages", "--pid", "nosuch"],
         "cannot use --pid 'nosuch': there is no such directory; mkdir 'nosuch' first"),
        (["--config", "conf", "--messages", "messages", "--killtime", "soon"],
         "found 'soon', wanted a number of seconds"),
        (["--config", "conf", "--messages", "messages", "-t", "-1"], "found '-1', wanted a number of seconds from 0"),
        (["--config", "conf", "--messages", "messages", "--frequency", "0"],
         "cannot use --frequency 0: found 0, wanted more than 0 seconds"),
        (["--config", "conf", "--messages", "messages", "-m", "9", "-M", "3"],
         "cannot use --minrestartdelay: found 9 above --maxrestartdelay 3, wanted it not above"),
        (["--config", "conf", "--messages", "messages", "--m", "1"], "--m "),
        (["--config", "conf", "--messages", "messages", "--nosuch", "1"], "--nosuch"),
        (["--config", "conf", "--messages"], "--messages "),
    ],
    ids=["no conf", "no messages", "no such conf", "a file", "no such pid", "no number", "negative", "zero", "min",
         "ambiguous", "unknown", "no value"],
)  # fmt: skip
def test_a_mistake_is_one_line_and_status_2(tmp_path, command, options, complaint):
    """On standard error, beginning with who says so; no traceback, and no page of usage that hides the line."""
    if command[0] == str(TWISTD) and not TWISTD.exists():
        pytest.skip("there is no twistd script beside this Python")
    for folder in ("conf", "messages"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").touch()
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ncolony")
    assert complaint in line


def test_without_a_colony_it_says_how_to_name_one_or_make_one(tmp_path):
    """In a folder that is none; in one that is, that one is run."""
    done = subprocess.run(
        NATIVE.command, cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert "found no conf/ and messages/ in '.', wanted a colony; name one, `ncolony run DIR`" in done.stderr


@on_native
@pytest.mark.parametrize("how", ["folder", "variable", "option"])
def test_the_colony_can_be_named_in_three_ways(colony, how):
    """By where one stands, by the environment, or by -C, which may also stand before the verb."""
    colony.conf("web", {"args": SLEEP})
    folder = str(colony.folder)
    command = {"option": [PYTHON, "-m", "ncolony", "-C", folder, "run"]}.get(how, NATIVE.command)
    env = {"NCOLONY_COLONY": folder} if how == "variable" else {}
    colony.start(command=command, env=env, prefix=[] if how == "folder" else ["env", "-C", "/"])
    assert colony.pid_of("web")


def _environment():
    return os.environ | {"PYTHONPATH": str(Path(sys.modules["ncolony"].__file__).parents[1])}


@pytest.mark.parametrize("command", [NATIVE.command, EPOLL.command], ids=["native", "twist"])
def test_help_names_every_option_with_its_default(tmp_path, command):
    """The first thing that a newcomer types."""
    done = subprocess.run(
        [*command, "--help"], cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    for option in ("config", "messages", "frequency", "pid", "threshold", "killtime"):
        assert f"--{option}" in words
    for short in ("-t", "-k", "-m", "-M"):
        assert f"{short}, " in words
    for default in ("10", "3600"):
        assert default in words


# twistd ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not TWISTD.exists(), reason="there is no twistd script beside this Python")
@pytest.mark.parametrize("host", [EPOLL], ids=["twistd"])
def test_twistd_runs_a_colony_in_the_foreground(colony):
    """The older of Twisted's two commands, which many service files name."""
    colony.conf("web", {"args": SLEEP})
    colony.start(command=[str(TWISTD), "--nodaemon", "--pidfile=", "ncolony", *colony.directories()])
    colony.wait_for("web runs")
    colony.send(signal.SIGTERM)
    colony.ended()
    colony.wait_for("web was killed by SIGTERM; stopped")


@pytest.mark.skipif(not TWISTD.exists(), reason="there is no twistd script beside this Python")
@pytest.mark.parametrize("host", [EPOLL], ids=["twistd"])
def test_twistd_runs_a_colony_as_a_daemon(colony):
    """It detaches, writes its pid and its log, and stops with all programs when told by that pid."""
    pidfile, log = colony.folder / "the.pid", colony.folder / "the.log"
    colony.conf("web", {"args": ["sh", "-c", "echo here; exec sleep 1000"]})
    daemon = [str(TWISTD), f"--pidfile={pidfile}", f"--logfile={log}", "ncolony", *colony.directories()]
    colony.start(command=daemon)
    assert colony.ended() == 0
    supervisor = int(until(lambda: pidfile.exists() and pidfile.read_text(), "the pid file of twistd"))
    until(lambda: log.exists() and "web | here" in log.read_text(), "the program's line in the log")
    web = int(re.search(r"web runs, pid (\d+)", log.read_text()).group(1))
    assert is_alive(web)
    os.kill(supervisor, signal.SIGTERM)
    gone(supervisor, web)
    assert not pidfile.exists()
