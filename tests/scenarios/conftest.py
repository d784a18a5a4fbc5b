"""The fixture of all scenarios."""

import pytest

from tests.scenarios.colony import RunningColony


@pytest.fixture
def colony(tmp_path, host):
    """A colony on the host that the test is parametrised with; not started yet. It must leave nothing behind."""
    made = RunningColony(tmp_path, host)
    yield made
    made.end()
