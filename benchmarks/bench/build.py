"""Compiles the child and the yardstick. Knows nothing of what is measured with them."""

import shutil
import subprocess
from pathlib import Path

from bench.errors import BenchError

HERE = Path(__file__).resolve().parent.parent
FLAGS = ("-O2", "-Wall", "-Wextra")


def compiler() -> str:
    """Return the C compiler's path, or fail with the one line that a newcomer needs."""
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return found
    raise BenchError("cannot find a C compiler (cc, gcc or clang): install one to run the benchmark")


def build(target: Path) -> dict[str, Path]:
    """Compile child.c and cloop.c into target; return the programs by name."""
    cc = compiler()
    target.mkdir(parents=True, exist_ok=True)
    # A static child starts in half the time; not every system has the static C library.
    _compile(cc, "child", target, (("-static",), ()))
    _compile(cc, "cloop", target, ((),))
    return {name: target / name for name in ("child", "cloop")}


def _compile(cc: str, name: str, target: Path, attempts: tuple[tuple[str, ...], ...]) -> None:
    source = HERE / f"{name}.c"
    said = ""
    for extra in attempts:
        command = [cc, *FLAGS, *extra, "-o", str(target / name), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        said = done.stderr.strip()
    raise BenchError(f'cannot compile "{source.name}": {said}')
