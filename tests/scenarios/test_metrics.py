"""Metrics of real colonies."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from tests.scenarios.colony import SLEEP, on_both, until


def ready(text, parser):
    """Return the instances that are ready."""
    return {
        one.labels["program"]
        for family in parser(text)
        for one in family.samples
        if one.name == "ncolony_program_ready" and one.value
    }


@on_both
def test_metrics_by_the_command_line_and_in_a_file(colony):
    """The same numbers; the file goes with the colony."""
    path = colony.folder / "colony.prom"
    colony.conf(".colony", {"metrics": {"file": str(path), "every": "1s"}})
    colony.conf("web", {"args": SLEEP})
    colony.start()
    colony.wait_for(r"web runs")
    assert ready(colony.ctl("metrics"), openmetrics) == {"web"}
    until(lambda: path.exists() and ready(path.read_text(), classic) == {"web"}, "a file that says so")
    colony.remove("web")
    until(lambda: not ready(path.read_text(), classic), "a file that says that it is gone")
    colony.stop()
    assert not path.exists()
