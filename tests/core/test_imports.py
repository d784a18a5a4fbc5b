"""What the core costs to import: nothing but itself and little of the standard library."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import ncolony.core

CORE = Path(ncolony.core.__file__).parent
SOURCE = CORE.parent.parent
MODULES = sorted(f"ncolony.core.{path.stem}" for path in CORE.glob("*.py") if path.stem != "__init__")
DEAR = {"typing", "dataclasses", "inspect", "asyncio", "subprocess", "logging", "socket", "threading", "twisted"}


def test_the_core_imports_nothing_dear() -> None:
    """Each of these costs one to eight megabytes in a process that should have nine, on every machine it runs on."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\nimport {', '.join(MODULES)}\nprint(*sys.modules)"
    # -I and -S: neither the environment nor site-packages, whose .pth files import what they like.
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert set(MODULES) <= imported
    assert not DEAR & imported


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    """Whoever opens it reads that first."""
    assert import_module(module).__doc__


def test_the_core_is_looked_at_whole() -> None:
    """A search that finds no module would find no fault."""
    assert {"ncolony.core.lifecycle", "ncolony.core.check", "ncolony.core.words"} <= set(MODULES)
