"""Print the memory of `ncolony reaper` beside a bare interpreter's, and beside other reapers that are installed.

All are started first and then measured together, each waiting for a command that sleeps. PSS divides pages among those
who share them, so its figures depend on what else runs; what a process has for itself alone (private dirty) does not.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src"
FIELDS = ("Pss", "Private_Dirty", "Rss")
READY = ["sh", "-c", "echo ready; exec sleep 600"]
BARE = "import os; print('ready', flush=True); os.read(0, 1)"
OTHERS = {"tini": ["tini", "-s", "--"], "dumb-init": ["dumb-init"], "catatonit": ["catatonit", "--"]}


def contestants(python):
    """Return what is measured: {what it is: its command}."""
    reaper = [python, "-m", "ncolony", "reaper"]
    ours = {
        "python, bare": [python, "-c", BARE],
        "python -I -S, bare": [python, "-I", "-S", "-c", BARE],
        "ncolony reaper": [*reaper, *READY],
        "ncolony reaper -s": [*reaper, "-s", *READY],
        "ncolony reaper -s --respawn": [*reaper, "-s", "--respawn", *READY],
    }
    return ours | {name: [*words, *READY] for name, words in OTHERS.items() if shutil.which(words[0])}


def start(command):
    """Start a command in a group of its own, and return it once it or its command is ready."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        command,
        env={**kept, "PYTHONPATH": os.environ.get("PYTHONPATH", str(SOURCES))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout.readline() == b"ready\n", f"{command} does not start"
    return process


def stop(process):
    """End a command; the input's end does it for those that pass on no signal."""
    process.stdin.close()
    process.terminate()
    process.wait()
    process.stdout.close()


def memory(pid):
    """Return a process's figures in kB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return [int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)[1]) for field in FIELDS]


def together(commands):
    """Start all, measure all, stop all."""
    running = {}
    try:
        for name, command in commands.items():
            stop(start(command))  # what is not compiled to bytecode by now will be
            running[name] = start(command)
        return {name: memory(process.pid) for name, process in running.items()}
    finally:
        for process in running.values():
            stop(process)


def alone(commands):
    """Measure one after the other, so that they share nothing with each other."""
    return {name: together({name: command})[name] for name, command in commands.items()}


def show(title, figures):
    """Print one table, with what each has over the bare interpreter."""
    bare = figures["python, bare"]
    print(f"{title}\n{'':<30}{'PSS':>8}{'over bare':>11}{'private':>9}{'over bare':>11}{'RSS':>8}")
    for name, (pss, private, rss) in figures.items():
        numbers = (pss, pss - bare[0], private, private - bare[1], rss)
        print(
            f"{name:<30}"
            + "".join(f"{n / 1024:>{width}.2f}" for n, width in zip(numbers, (8, 11, 9, 11, 8), strict=True))
        )
    print()


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the interpreter, best a plain virtual environment's")
    commands = contestants(parser.parse_args().python)
    print("Megabytes (1024 kB).\n")
    show("One at a time:", alone(commands))
    show("All at the same time:", together(commands))
