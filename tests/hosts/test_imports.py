"""What a supervisor imports: its first program waits for it, and it stays in memory for good."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ncolony

SOURCE = Path(ncolony.__file__).parent.parent
RUN = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\nfrom ncolony.cli.main import run\nrun()"
ALLOWED = {
    "__future__", "genericpath", "os", "posixpath", "stat",
    "binascii", "errno", "fcntl", "gc", "itertools", "math", "resource", "select", "zlib",
}  # fmt: skip
"""The upper ones are written in Python, and all but the first are there in any interpreter that has its site."""
LATE = {
    "ncolony.hosts.guard", "ncolony.posix.watch",  # behind the first programs
    "ncolony.posix.renewing",
    "ncolony.core.sockets", "ncolony.posix.binding", "ncolony.posix.listeners", "ncolony.posix.pidfiles",
    "ncolony.posix.recovery", "ncolony.posix.rotatable", "ncolony.core.logkeys", "ncolony.core.probekeys",
    "ncolony.core.schema", "ncolony.control.server", "ncolony.runtime.vital", "ncolony.runtime.schedules",
}  # fmt: skip


def imported(*command: str, until: str = "") -> set[str]:
    """Return the modules that a command imports, by an interpreter that does nothing else; ``until`` it says that."""
    words = [sys.executable, "-X", "importtime", "-I", "-S", "-c", *command]
    ran = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    said, found, _ = ran.stderr.partition(until) if until else (ran.stderr, "yes", "")
    assert found, ran.stderr
    return set(re.findall(r"^import time: +[0-9]+ \| +[0-9]+ \| +(\S+)$", said, re.MULTILINE))


@pytest.fixture(name="colony")
def _colony(tmp_path: Path) -> Path:
    for folder in ("conf", "messages"):
        (tmp_path / folder).mkdir()
    (tmp_path / "conf" / "one").write_text('{"args": ["/bin/true"], "restart": "temporary", "critical": true}')
    return tmp_path


def test_nothing_is_imported_before_the_first_program_that_it_has_no_use_of(colony: Path) -> None:
    """Python's own modules of enumerations, patterns and JSON alone are seven milliseconds and a megabyte."""
    found = imported(RUN, "run", str(colony), until="one runs, pid") - imported("pass")
    assert {"ncolony.hosts.colony", "ncolony.posix.spawn"} <= found
    theirs = {name for name in found if not name.startswith(("ncolony", "_")) or name == "__future__"}
    assert theirs <= ALLOWED
    assert not found & LATE


def test_nor_later_as_long_as_nobody_asks_for_more(colony: Path) -> None:
    """From the start to the end: a critical program that is done ends its colony, so the directories are watched."""
    found = imported(RUN, "run", str(colony)) - imported("pass")
    theirs = {name for name in found if not name.startswith(("ncolony", "_")) or name == "__future__"}
    assert theirs <= ALLOWED
    assert {"ncolony.posix.doorway", "ncolony.posix.watch"} <= found


def test_the_installed_command_imports_nothing_by_itself() -> None:
    """A script that pip writes for an entry point imports ``re``, for the sake of Windows."""
    script = SOURCE.parent / "scripts" / "ncolony"
    words = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert script.read_text().startswith("#!python\n")
    assert words == ["from ncolony.cli.main import run", "run()"]
