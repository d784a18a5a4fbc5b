"""Completion in the shells themselves: what their users get when they press the key."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

from ncolony.cli.completion import SHELLS
from tests.cli.places import environment, ncolony_process

PATIENCE = 30.0
CASES = [
    ("ncolony shutd", {"shutdown"}),
    ("ncolony sta", {"start", "status"}),
    ("ncolony status ", {"web", "worker"}),
    ("ncolony stop wo", {"worker"}),
    ("ncolony status --color a", {"auto", "always"}),
    ("ncolony logs --stream ", {"stdout", "stderr"}),
    ("ncolony -C other status ", {"elsewhere"}),
    ("ncolony ctl --config other/conf show ", {"elsewhere"}),
    ("ncolony completion ", {"bash", "fish", "zsh"}),
    ("ncolony add x --stop-scope gr", {"group"}),
    ("ncolony run oth", {"other"}),
]


def needs(shell):
    """Skip where a shell is not installed."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed here")


@pytest.fixture
def folder(places):
    """A folder with a colony, another one in it, the scripts, and ``ncolony`` on the path."""
    here = places.config.parent
    for name in ("web", "worker"):
        (places.config / name).write_text('{"args": ["true"]}')
    (here / "other" / "conf").mkdir(parents=True)
    (here / "other" / "messages").mkdir()
    (here / "other" / "conf" / "elsewhere").write_text('{"args": ["true"]}')
    for shell in SHELLS:
        (here / f"script.{shell}").write_text(ncolony_process("completion", shell).stdout)
    (here / "bin").mkdir()
    command = here / "bin" / "ncolony"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ncolony "$@"\n')
    command.chmod(0o755)
    return here


def run(folder, *command):
    """Run a shell, and return what it says."""
    env = environment(PATH=f"{folder / 'bin'}:{os.environ['PATH']}", HOME=str(folder))
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout


@needs("bash")
@pytest.mark.parametrize(("line", "wanted"), CASES)
def test_bash_completes(folder, line, wanted):
    """As its own machinery calls the function."""
    words = " ".join(f"'{word}'" for word in line.split(" "))
    call = f"source ./script.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _ncolony"
    assert set(run(folder, "bash", "-c", f'{call}; printf "%s\\n" "${{COMPREPLY[@]}}"').split()) == wanted


@needs("bash")
def test_bash_completes_a_value_behind_an_equals_sign(folder):
    """Bash takes it apart there, as anybody who writes completions learns."""
    call = "source ./script.bash; COMP_WORDS=(ncolony status --color = al); COMP_CWORD=4; _ncolony"
    assert run(folder, "bash", "-c", f'{call}; echo "${{COMPREPLY[@]}}"') == "always\n"


@needs("fish")
@pytest.mark.parametrize(("line", "wanted"), CASES)
def test_fish_completes(folder, line, wanted):
    """Fish tells what it would offer."""
    said = run(folder, "fish", "-N", "-c", f"source ./script.fish; complete -C '{line}'")
    assert {offered.split("\t")[0].rstrip("/") for offered in said.splitlines()} == wanted


@needs("zsh")
@pytest.mark.parametrize(("line", "wanted"), CASES[1:8])
def test_zsh_completes(folder, line, wanted):
    """At a terminal, with the key: zsh has no other way to say what it would offer."""
    shell, screen = pty.fork()
    if shell == 0:
        os.chdir(folder)
        env = environment(PATH=f"{folder / 'bin'}:{os.environ['PATH']}", TERM="dumb", HOME=str(folder), PS1="> ")
        os.execvpe("zsh", ["zsh", "-f", "-i"], env)  # noqa: S606 - a shell is what is tested
    try:
        setup = "unsetopt zle_bracketed_paste; zstyle ':completion:*' list-grouped no; setopt list_packed no_auto_menu"
        _type(screen, f"autoload -U compinit; compinit -u -D; source ./script.zsh; {setup}; echo rea''dy\n", ["ready"])
        said = _type(screen, f"{line}\t\t", sorted(wanted), before=line)
    finally:
        os.kill(shell, 9)
        os.waitpid(shell, 0)
        os.close(screen)
    for word in wanted:
        assert word in said, said


def _type(screen, text, wanted, before=""):
    """Type, and return what appears, once all that is wanted has."""
    os.write(screen, text.encode())
    said, end = "", time.monotonic() + PATIENCE
    while not all(said.count(word) > before.count(word) for word in wanted):
        if time.monotonic() > end or not select.select([screen], [], [], PATIENCE)[0]:
            break
        said += os.read(screen, 65536).decode("utf-8", "replace").replace("\r", "")
    return said


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_a_shell_that_is_not_known_is_told(words):
    """With those that are."""
    done = ncolony_process("completion", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "wanted" in done.stderr
    assert "bash, zsh, fish" in done.stderr
