"""A real terminal: a tmux server of its own, typed at and looked at."""

import os
import shutil
import subprocess

import pytest

from tests.scenarios.colony import until

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed here")


class Screen:
    """One terminal of 120 columns and 20 lines with a command in it."""

    def __init__(self, folder, env, *command):
        self._socket = str(folder / "tmux")
        self._env = {key: value for key, value in env.items() if key != "TMUX"} | {"TERM": "xterm-256color"}
        self._folder = folder
        words = " ".join(f"'{word}'" for word in command)
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", "120", "-y", "20", f"{words}; echo ended $?; exec cat")

    def _tmux(self, *words):
        command = ["tmux", "-S", self._socket, *words]
        done = subprocess.run(command, cwd=self._folder, env=self._env, capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, *keys):
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def text(self):
        """Return what is to be seen."""
        return self._tmux("capture-pane", "-p")

    def shows(self, *words):
        """Wait until all of these are to be seen, and return the screen."""
        until(lambda: all(word in self.text() for word in words), f"{words} on the screen:\n{self.text()}")
        return self.text()

    def hides(self, word):
        """Wait until something is not to be seen any more."""
        until(lambda: word not in self.text(), f"the end of {word!r} on the screen")

    def close(self):
        """End the server, and all that is in it."""
        self._tmux("kill-server")
