"""What the tests of the command line share: a colony's directories, and ``ncolony`` as people call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import ncolony
from ncolony.ctllib import Places

NOBODY = 65534
SOURCES = str(Path(ncolony.__file__).parents[1])


def make(tmp_path):
    """Make an empty colony."""
    places = Places(config=tmp_path / "conf", messages=tmp_path / "messages")
    places.config.mkdir()
    places.messages.mkdir()
    return places


def written(places, name):
    """Return the object in a program's file."""
    return json.loads((places.config / name).read_text())


def files(places):
    """Return the names of all files in the directory of programs, hidden ones too."""
    return sorted(path.name for path in places.config.iterdir())


def sent(places):
    """Return the messages that wait, in the order in which a supervisor takes them."""
    return [json.loads(path.read_text()) for path in sorted(places.messages.iterdir())]


def environment(**more):
    """Return an environment in which ``ncolony`` can be imported from where we have it."""
    return {**os.environ, "PYTHONPATH": SOURCES, **more}


def ncolony_process(*args, python=(sys.executable,), **options):
    """Run ``python -m ncolony`` to its end."""
    command = [*python, "-m", "ncolony", *map(str, args)]
    defaults = {"capture_output": True, "text": True, "env": environment(), "check": False, "timeout": 60}
    return subprocess.run(command, **(defaults | options))  # noqa: PLW1510 - "check" is among them


@contextmanager
def unprivileged():
    """Be nobody for a while, as permissions do not hold root."""
    root = os.geteuid() == 0
    for late in ("core.check", "core.program", "directory.files", "cli.ctl_add"):
        import_module(f"ncolony.{late}")  # nobody may not be allowed to
    if root:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
