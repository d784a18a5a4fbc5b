#!/usr/bin/env python3
"""Make the pictures of docs/images/: a real colony, asked in a real terminal, drawn as SVG.

    python scripts/screenshots.py

Needs tmux, and a Python with this checkout and its extra `top`. Each picture is text: what tmux says that is to be
seen, with its colours. They differ in times and pids whenever they are made, so nothing checks that they are fresh.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 108
PATIENCE = 40.0
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SIZE, WIDE, HIGH, MARGIN = 14, 8.4, 19, 14
PAPER, INK = "#1b1f24", "#d5dae0"
COLORS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea"}
SERVE = "echo listening on 127.0.0.1:8000; exec sleep 1000"
WORK = "echo job 4711 done; while :; do :; done"
CRASH = "sleep 2; echo connecting to db:5432; echo 'cannot open the ledger: no such table' >&2; exit 9"
PROGRAMS = {
    "db": {"args": ["sh", "-c", "echo ready to accept connections; exec sleep 1000"]},
    "web": {"args": ["sh", "-c", SERVE], "instances": 2, "group": ["public"]},
    "worker": {"args": ["sh", "-c", WORK], "limits": {"nice": 19}},
    "ledger": {"args": ["sh", "-c", CRASH],
               "restart": {"threshold": "60s", "min_delay": "4s", "max_delay": "60s", "attempts": 8}},
    "backup": {"args": ["sh", "-c", "echo 3 tables written"], "restart": "transient"},
    "mail": {"args": ["sleep", "1000"]},
}  # fmt: skip


def main():
    """Make the pictures; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the pictures of docs/images/.")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images", metavar="DIR", help="where [docs/images]")
    asked = parser.parse_args()
    if shutil.which("tmux") is None:
        print("scripts/screenshots.py: cannot make pictures: tmux is not installed", file=sys.stderr)
        return 1
    asked.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ncolony-screenshots-") as folder:
        for name, text in _taken(Path(folder)):
            (asked.to / f"{name}.svg").write_text(svg(text), encoding="utf-8")
            print(f"wrote {asked.to / name}.svg")
    return 0


def _taken(folder):
    """Run a colony, and return the name and the text of each picture."""
    (folder / "bin").mkdir()
    command = folder / "bin" / "ncolony"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ncolony "$@"\n')
    command.chmod(0o755)
    colony = folder / "colony"
    for name in ("conf", "messages"):
        (colony / name).mkdir(parents=True)
    for name, value in PROGRAMS.items():
        (colony / "conf" / name).write_text(json.dumps(value))
    env = {key: value for key, value in os.environ.items() if not key.startswith(("TMUX", "NCOLONY", "NO_COLOR"))}
    env |= {"PATH": f"{folder / 'bin'}:{env['PATH']}", "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color"}
    supervisor = subprocess.Popen([command, "run", colony], env=env, stderr=subprocess.DEVNULL)
    try:
        return list(_pictures(colony, env))
    finally:
        supervisor.terminate()
        supervisor.wait()


def _pictures(colony, env):
    def status():
        found = subprocess.run(["ncolony", "status"], cwd=colony, env=env, capture_output=True, text=True, check=False)
        return found.stdout

    _until(lambda: "next start" in status() and "exited" in status())
    subprocess.run(["ncolony", "stop", "mail", "--why", "disk swap"], cwd=colony, env=env, check=True,
                   capture_output=True)  # fmt: skip
    _until(
        lambda: (
            re.search(r"ledger +backoff", status())
            and "attempt 4"
            in subprocess.run(
                ["ncolony", "why"], cwd=colony, env=env, capture_output=True, text=True, check=False
            ).stdout
        )
    )
    for name, words, done in (
        ("status", "ncolony status", r"worker +running.*\n\$"),
        ("why", "ncolony why ledger", r"before that:(.*\n)+\$ *$"),
        ("top", "ncolony top", r"worker .*%.*MB.*\n(.*\n)+.*q quit"),
    ):
        screen = _Screen(colony, env, name)
        try:
            screen.prompt()
            screen.type(words, "Enter")
            _until(lambda screen=screen, done=done: re.search(done, screen.text().rstrip()), screen.text)
            yield name, screen.text(colors=True)
        finally:
            screen.close()


class _Screen:
    """A terminal with a shell in it."""

    def __init__(self, folder, env, name):
        self._socket, self._env, self._folder = folder.parent / name, env, folder
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", str(COLUMNS), "-y", "14", "sh")

    def prompt(self):
        """Have the shell wait for a command."""
        self.type("PS1='$ '; clear", "Enter")  # root's would be another one
        _until(lambda: self.text().strip() == "$", self.text)

    def _tmux(self, *words):
        done = subprocess.run(["tmux", "-S", self._socket, *words], cwd=self._folder, env=self._env,
                              capture_output=True, text=True, check=True)  # fmt: skip
        return done.stdout

    def type(self, *keys):
        self._tmux("send-keys", *keys)

    def text(self, *, colors=False):
        return self._tmux("capture-pane", "-p", *(["-e"] if colors else []))

    def close(self):
        self._tmux("kill-server")


def _until(condition, seen=None):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(
                f"scripts/screenshots.py: what was to be seen did not come; {seen() if seen else condition}"
            )
        time.sleep(0.1)


# From the text of a terminal to SVG ---------------------------------------------------------------------------------


def svg(text):
    """Return a picture of what a terminal shows: lines with SGR sequences for colours, bold, faint and reverse."""
    lines = text.rstrip().split("\n")
    if re.fullmatch(r"(\033\[[\d;]*m)*\$ *", lines[-1]):
        lines.pop()  # the prompt that waits for the next command
    wide, high = COLUMNS * WIDE + 2 * MARGIN, len(lines) * HIGH + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:g}" height="{high:g}" viewBox="0 0 {wide:g} {high:g}">',
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        f'<g font-family="{FONT}" font-size="{SIZE}" fill="{INK}" xml:space="preserve">',
    ]
    style = _Style()
    for row, line in enumerate(lines):
        column = 0
        for codes, words in re.findall(r"(?:\033\[([\d;]*)m)?([^\033]*)", line):
            if codes or line.startswith("\033[m"):
                style.change(codes)
            if words:
                parts.append(style.drawn(words, MARGIN + column * WIDE, MARGIN + row * HIGH))
                column += len(words)
    return "\n".join([*parts, "</g>", "</svg>", ""])


class _Style:
    """How the next letters look."""

    def __init__(self):
        self.change("")

    def change(self, codes):
        """Take the numbers of one sequence in."""
        for code in map(int, codes.split(";") if codes else ["0"]):
            if code == 0:
                self.color, self.bold, self.faint, self.reverse = INK, False, False, False
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.faint = True
            elif code in {7, 27}:
                self.reverse = code == 7
            elif code == 22:
                self.bold = self.faint = False
            else:  # 39: the colour of all that has none
                self.color = COLORS.get(code if code < 90 else code - 60, INK)

    def drawn(self, words, left, top):
        """Return the elements for letters in a line."""
        width = len(words) * WIDE
        behind = f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{HIGH}" fill="{self.color}"/>'
        more = ' font-weight="bold"' if self.bold else ""
        more += ' fill-opacity="0.6"' if self.faint else ""
        ink = PAPER if self.reverse else self.color
        more += f' fill="{ink}"' if ink != INK else ""
        text = (
            f'<text x="{left:g}" y="{top + SIZE:g}" textLength="{width:g}" lengthAdjust="spacingAndGlyphs"{more}>'
            f"{escape(words)}</text>"
        )
        if not words.strip():
            text = ""
        return (behind if self.reverse else "") + text


if __name__ == "__main__":
    sys.exit(main())
