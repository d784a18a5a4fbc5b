"""What CMD is given to start with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reaper.reaping import SOURCES, Reaper, run, script, shell

GLIBC_OWN = 0b11 << 31  # signals 32 and 33: ignored in every process that glibc's posix_spawn starts


@pytest.mark.parametrize("options", [[], ["--respawn"]])
def test_no_signal_is_blocked_or_ignored(options):
    """The reaper blocks all of them, and Python ignores some: CMD must not notice."""
    _, lines = run("-s", *options, "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
    masks = {line.split(":")[0]: int(line.split()[1], 16) for line in lines}
    assert masks["SigBlk"] == 0
    assert masks["SigIgn"] & ~GLIBC_OWN == 0


def test_there_are_three_descriptors_and_no_more():
    """What the reaper was started with beyond these is somebody's mistake, or its own."""
    read, write = os.pipe()
    list_them = script("import os; print(*sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")
    try:
        assert run("-s", *list_them, pass_fds=(read, write)) == (0, ["0 1 2"])
        status, lines = run("-s", "--respawn", *list_them, pass_fds=(read, write))
        assert status == 0
        assert len(lines[0].split()) == 4
    finally:
        os.close(read)
        os.close(write)


def test_closed_standard_descriptors_are_opened():
    """Else the next file that is opened would be CMD's standard input."""
    _, lines = run("-s", "ls", "-l", "/proc/self/fd", before=shell('exec <&-; exec "$@"'))
    assert any(line.endswith(" 0 -> /dev/null") for line in lines)


def test_the_environment_is_exactly_what_was_given():
    """The interpreter adds LC_CTYPE to its own copy in the C locale, and a reaper above has its own NCOLONY_EXITS."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCES, "LC_ALL": "C", "ODD": "a=b\udcff", "EMPTY": ""}
    command = [sys.executable, "-m", "ncolony", "reaper", "-s", "env", "-0"]
    shown = subprocess.run(command, env={**given, "NCOLONY_EXITS": "0"}, capture_output=True, check=True, timeout=60)
    assert set(shown.stdout.split(b"\0")) == {os.fsencode(f"{name}={value}") for name, value in given.items()} | {b""}


def test_its_name_and_arguments_are_as_given():
    """Looked up on PATH, but argv[0] stays what was written; bytes that are no text pass through."""
    _, lines = run("-s", "sh", "-c", 'cat -v /proc/$$/cmdline; echo; : "$1"', "odd\udcff", "", "two words")
    assert lines == ['sh^@-c^@cat -v /proc/$$/cmdline; echo; : "$1"^@oddM-^?^@^@two words^@']


def test_it_leads_a_group_of_its_own_in_the_same_session():
    """The terminal's signals come once: to the group in the foreground."""
    with Reaper("-s", *shell("echo $$; exec sleep 60")) as reaper:
        pid = int(reaper.line())
        assert os.getpgid(pid) == pid
        assert os.getsid(pid) == os.getsid(reaper.pid)


def test_the_reaper_stays_the_same_process():
    """It makes itself lean by an exec: who has started it still has its pid, and nothing of its start is left."""
    with Reaper("-s", *shell("echo $PPID; exec sleep 60")) as reaper:
        assert int(reaper.line()) == reaper.process.pid
        words = Path(f"/proc/{reaper.pid}/cmdline").read_bytes().split(b"\0")
        assert words[1:3] == [b"-I", b"-S"]
