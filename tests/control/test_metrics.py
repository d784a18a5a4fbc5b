"""Metrics, read as Prometheus reads them."""

import json
import os

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from ncolony.core.colonyspec import ColonySpec
from ncolony.core.metrickeys import MetricsFile
from ncolony.core.openmetrics import COUNTER, GAUGE, Family, labels, pieces
from ncolony.core.program import ReadyRule, RestartPolicy
from ncolony.core.states import Outdated, Unhealthy
from ncolony.hosts.companions import World
from ncolony.hosts.metrics import MetricsWriter
from tests.control.conftest import program


def samples(text, parser=openmetrics):
    """Return all samples by name and labels, after the parser has found nothing wrong."""
    return {(one.name, *sorted(one.labels.items())): one.value for family in parser(text) for one in family.samples}


def of(found, name, **more):
    """Return the value of a sample of web, instance 1; None where there is none."""
    return found.get((name, *sorted({"instance": "1", "program": "web", **more}.items())))


def test_the_text_is_openmetrics_and_tells_how_things_stand(house):
    """Every family is well formed; what is not known is left out."""
    house.apply(program(instances=2), program("idle", autostart=False), program('odd"\\name'))
    house.companions["web", 1] = {"health": {"ok": False}}
    house.loop.advance(5)
    answer = house.caller().ask("metrics")
    assert answer["content_type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer["text"].endswith("# EOF\n")
    found = samples(answer["text"])
    assert found["ncolony_programs",] == 3
    assert found["ncolony_supervisor_info", ("pid", str(os.getpid())), ("version", "1")] == 1
    assert of(found, "ncolony_program_state", state="running") == 1
    assert of(found, "ncolony_program_ready") == of(found, "ncolony_program_wanted") == 1
    assert of(found, "ncolony_program_healthy") == 0
    assert of(found, "ncolony_program_healthy", instance="2") is None
    assert of(found, "ncolony_program_starts_total") == 1
    assert of(found, "ncolony_program_restarts_total", reason="ended") is None
    assert of(found, "ncolony_program_ready", program="idle") == 0
    assert of(found, "ncolony_program_start_time_seconds", program="idle") is None
    assert of(found, "ncolony_program_ready", program='odd"\\name') == 1
    assert found["ncolony_supervisor_cpu_seconds_total",] > 0
    assert found["ncolony_supervisor_resident_memory_bytes",] > 1_000_000


def test_output_is_counted_by_stream(house):
    """What has been written, and that nothing of it was dropped."""
    house.apply(program())
    house.loop.advance(5)
    house.channels.channels[0].says(b"a line\n")
    found = samples(house.caller().ask("metrics")["text"])
    assert of(found, "ncolony_program_output_bytes_total", stream="stdout") == 7
    assert of(found, "ncolony_program_output_bytes_total", stream="stderr") == 0
    assert of(found, "ncolony_program_output_dropped_bytes_total", stream="stdout") == 0
    assert of(found, "ncolony_program_output_dropped_lines_total", stream="stdout") == 0


def test_restarts_are_counted_by_their_reasons(house):
    """What somebody stopped and started is none."""
    house.apply(program(restart=RestartPolicy(threshold=1.0)))
    house.loop.advance(5)
    house.process.end(3)
    house.loop.advance(5)
    for fact in (Unhealthy(2, "no answer"), Outdated(3, "db is lost")):
        house.supervisor.learn("web", 1, fact)
        house.loop.advance(5)
    house.supervisor.restart("web")
    house.loop.advance(5)
    house.supervisor.stop("web")
    house.loop.settle()
    house.supervisor.start("web")
    house.loop.settle()
    found = samples(house.caller().ask("metrics")["text"])
    reasons = {key[3][1]: value for key, value in found.items() if key[0] == "ncolony_program_restarts_total"}
    assert reasons == {"ended": 1, "unhealthy": 1, "outdated": 1, "replaced": 1}
    assert of(found, "ncolony_program_last_exit_status") == -15
    assert of(found, "ncolony_program_starts_total") == 6


def test_one_that_is_not_ready_in_time_counts_as_such(house):
    """Until it is ready, it is not."""
    house.apply(program(ready=ReadyRule(timeout=2.0)))
    house.loop.advance(1)
    assert of(samples(house.caller().ask("metrics")["text"]), "ncolony_program_ready") == 0
    house.loop.advance(3)
    found = samples(house.caller().ask("metrics")["text"])
    assert of(found, "ncolony_program_restarts_total", reason="not-ready") == 1


def test_a_thousand_instances_are_told_in_pieces(house):
    """Whole, whatever their number; to a reader too."""
    house.apply(program(instances=1000))
    house.loop.advance(5)
    found = samples(house.caller().ask("metrics")["text"])
    assert sum(key[0] == "ncolony_program_ready" for key in found) == 1000


def test_values_are_written_as_they_are():
    """Large ones, small ones, and what has to be escaped."""
    family = Family("x", GAUGE, "An x.", [(labels(a='"\\\n'), 1764032462.123456), ("", 1e-7), (labels(a="b"), 2.0)])
    text = "".join(pieces([family, Family("y", COUNTER, "A y.", [("", 3)])]))
    assert text == (
        '# HELP x An x.\n# TYPE x gauge\nx{a="\\"\\\\\\n"} 1764032462.123456\nx 9.9999999999999995e-08\nx{a="b"} 2.0\n'
        "# HELP y A y.\n# TYPE y counter\ny_total 3\n# EOF\n"
    )


@pytest.fixture
def writer(house):
    """A companion that writes a file."""
    world = World(
        loop=house.loop, supervisor=house.supervisor, exits=None, say=house.said.append, state=None, config="",
        spawner=house.spawner, colony="c", inherit={}, finish=None, story=house.control.story, about=house.about,
        outputs=house.channels,
    )  # fmt: skip
    made = MetricsWriter(world)
    house.supervisor.observe(made)
    yield made
    made.close()


def test_a_file_is_kept_fresh_for_a_node_exporter(house, writer, tmp_path):
    """Whole at every moment, in the format that it takes; as often as is said."""
    path = tmp_path / "ncolony.prom"
    house.supervisor.describe(ColonySpec(metrics=MetricsFile(str(path), 10.0)))
    house.apply(program())
    house.loop.advance(1)
    before = samples(path.read_text(), classic)
    assert of(before, "ncolony_program_starts_total") == 1
    assert "# TYPE ncolony_program_starts_total counter\n" in path.read_text()
    house.supervisor.restart("web")
    house.loop.advance(8)
    assert samples(path.read_text(), classic) == before
    house.loop.advance(2)
    assert of(samples(path.read_text(), classic), "ncolony_program_starts_total") == 2
    assert sorted(one.name for one in tmp_path.glob("ncolony.prom*")) == ["ncolony.prom"]
    house.supervisor.describe(ColonySpec())
    assert not path.exists()


def test_nobody_wakes_up_for_metrics_that_nobody_asked_for(house, writer):
    """There is no timer."""
    house.supervisor.describe(ColonySpec())
    house.apply(program())
    house.loop.advance(5)
    assert house.loop.timers == []


def test_a_file_that_cannot_be_written_is_told_of_once_and_tried_again(house, writer, tmp_path):
    """It is there as soon as it can be."""
    folder = tmp_path / "later"
    house.supervisor.describe(ColonySpec(metrics=MetricsFile(str(folder / "x.prom"), 10.0)))
    house.loop.advance(35)
    (said,) = [line for line in house.said if "metrics" in line]
    assert said == f"cannot write metrics to '{folder}/x.prom': No such file or directory; it is tried again every 10 s"
    folder.mkdir()
    house.loop.advance(10)
    assert samples((folder / "x.prom").read_text(), classic)


def test_the_answer_is_one_line_of_json(house):
    """As all answers are."""
    house.apply(program())
    caller = house.caller()
    caller.send({"verb": "metrics", "id": [1]})
    (line,) = caller.lines()
    assert line["id"] == [1]
    assert json.dumps(line)
