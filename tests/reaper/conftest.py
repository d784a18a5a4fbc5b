"""Every test of the reaper ends with nothing left of it."""

import pytest

from tests.reaper import reaping


@pytest.fixture(autouse=True)
def _nothing_left(nothing_left):
    """See tests/conftest.py."""


@pytest.fixture(scope="session")
def pid_one():
    """Return the words before a command that make it PID 1."""
    return reaping.as_pid_one()
