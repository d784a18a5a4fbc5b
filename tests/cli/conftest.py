"""Fixtures of the command line's tests."""

from __future__ import annotations

import resource
from contextlib import contextmanager

import pytest

from ncolony import ctllib
from ncolony.cli import ctl
from tests.cli import places as colony


@pytest.fixture
def places(tmp_path):
    """Return an empty colony."""
    return colony.make(tmp_path)


@pytest.fixture
def small_files():
    """Return a context manager in which no file grows beyond a number of bytes, as on a disk that is full."""

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def call(places, capsys):
    """Return a function that calls ``ncolony ctl`` on the colony: exit status, standard output, standard error."""

    def call(*args):
        status = ctl.main(["--messages", str(places.messages), "--config", str(places.config), *args])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def web(places):
    """Add a program."""
    ctllib.add(places, "web", "python", ["-m", "http.server"], group=["front"])
