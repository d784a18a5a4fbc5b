"""Stopping everything within a time that somebody else has set: a container engine kills without asking."""

import signal
from time import monotonic

import pytest

from tests.scenarios.colony import DEAF, NATIVE, on_both, on_native


@on_both
def test_nothing_outlives_the_stop_budget(colony):
    """Bug 64: ten programs that want half a minute each are gone when the budget is spent, not when they like."""
    for number in range(10):
        colony.conf(f"p{number}", {"args": DEAF, "stop": {"timeout": 30}})
    colony.start("--stop-budget", "0.5")
    for number in range(10):
        colony.wait_for(rf"p{number} \| deaf$")
    began = monotonic()
    assert colony.stop() == colony.host.status(signal.SIGTERM)
    assert monotonic() - began < 20
    assert colony.count("gets SIGKILL") == 10


@on_native
def test_a_program_quicker_than_the_budget_has_its_own_time(colony):
    """The budget shortens, it never lengthens."""
    colony.conf("web", {"args": DEAF, "stop": {"timeout": 0.1}})
    colony.start("--stop-budget", "600")
    colony.wait_for(r"web \| deaf$")
    assert colony.stop() == 0
    assert colony.count("gets SIGKILL") == 1


@on_native
@pytest.mark.parametrize("variable", ["container", "KUBERNETES_SERVICE_HOST"])
def test_a_container_has_a_budget_by_itself(variable, colony):
    """Docker kills ten seconds after its TERM; eight leave room for the rest."""
    from ncolony.hosts.settings import settings

    colony.conf("web", {"args": ["true"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, "yes")
        assert settings({"config": colony.config, "messages": colony.messages}).stop_budget == 8.0
        assert settings({"config": colony.config, "messages": colony.messages, "stop-budget": 3.0}).stop_budget == 3.0
    assert NATIVE.native
