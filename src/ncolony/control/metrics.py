"""What a colony counts, as metrics: for the verb ``metrics``, and for a file (hosts/metrics.py).

Everything is read from what is known anyway; nothing is counted for metrics alone but the reasons of restarts.
"""

from __future__ import annotations

import os
import time

from ncolony.control.calls import Text
from ncolony.control.messages import encode
from ncolony.core.openmetrics import CONTENT_TYPE, COUNTER, GAUGE, Family, labels, pieces
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ncolony.control.calls import Call, World
    from ncolony.control.story import Story
    from ncolony.core.openmetrics import Sample
    from ncolony.core.snapshot import InstanceView
    from ncolony.ports import Outputs
    from ncolony.runtime.supervisor import Supervisor

OUTPUT = (
    ("_bytes", "What it has written, since this supervisor began to read it."),
    ("_dropped_bytes", "What its log files could not take of that, and was dropped."),
    ("_dropped_lines", "The lines in that."),
)
PAGE = os.sysconf("SC_PAGE_SIZE")


@record
class Counted:
    """Where numbers come from."""

    supervisor: Supervisor
    story: Story
    outputs: Outputs
    about: Callable[[str, int], Mapping[str, object]]
    """What companions say of a slot."""
    version: str
    now: float
    """On the loop's clock."""
    lag: float
    """By how many seconds the loop was late just now."""


def metrics(world: World, call: Call) -> None:
    """Answer with all metrics as text; how late the loop's next turn is, is one of them."""
    asked = world.loop.now()

    def answer() -> None:
        now = world.loop.now()
        counted = Counted(
            supervisor=world.supervisor,
            story=world.story,
            outputs=world.outputs,
            about=world.about,
            version=str(world.colony()["version"]),
            now=now,
            lag=now - asked,
        )
        call.stream(Text(_answer(call.id, pieces(all_families(counted)))))

    timer = world.loop.call_at(asked, answer)
    call.keep(timer.cancel)


def _answer(identity: str, texts: Iterator[str]) -> Iterator[bytes]:
    yield f'{{"id":{identity},"ok":true,"content_type":"{CONTENT_TYPE}","text":"'.encode("ascii")
    for text in texts:
        yield encode(text)[1:-1].encode("ascii")
    yield b'"}\n'


def all_families(counted: Counted) -> Iterator[Family]:
    """Return everything that is counted."""
    yield from _of_supervisor(counted)
    slots = [(_labels(view), view) for view in counted.supervisor.snapshot() if not view.surplus]
    yield Family("ncolony_programs", GAUGE, "Programs that are described.", [("", len(counted.supervisor.programs))])
    yield Family("ncolony_program_state", GAUGE, "1 for the state that an instance is in.",
                 ((f'{at},state="{view.state}"', 1) for at, view in slots))  # fmt: skip
    yield Family("ncolony_program_wanted", GAUGE, "Whether an instance is wanted up.",
                 ((at, int(view.want == "up")) for at, view in slots))  # fmt: skip
    yield Family("ncolony_program_ready", GAUGE, "Whether an instance is alive and ready.",
                 ((at, int(view.state == "running")) for at, view in slots))  # fmt: skip
    yield Family("ncolony_program_healthy", GAUGE, "What health checks of an instance say, where there are any.",
                 _healthy(slots, counted))  # fmt: skip
    yield Family("ncolony_program_starts", COUNTER, "Processes that an instance has had, over all supervisors.",
                 ((at, view.run) for at, view in slots))  # fmt: skip
    yield Family("ncolony_program_failures_in_a_row", GAUGE, "Latest runs in a row that ended too soon.",
                 ((at, view.attempt) for at, view in slots))  # fmt: skip
    yield from _of_runs(slots, counted.story, counted.now - time.time())
    yield from _of_output(slots, counted.outputs)


def _of_supervisor(counted: Counted) -> Iterator[Family]:
    story = counted.story
    used = os.times()
    with open("/proc/self/statm", "rb") as file:
        resident = int(file.read().split()[1]) * PAGE
    yield Family("ncolony_supervisor_info", GAUGE, "What the supervisor is; always 1.",
                 [(labels(version=counted.version, pid=os.getpid()), 1)])  # fmt: skip
    yield Family("ncolony_supervisor_start_time_seconds", GAUGE, "When it began, since the epoch.", [("", story.began)])
    yield Family("ncolony_supervisor_uptime_seconds", GAUGE, "How long ago that is.",
                 [("", max(0.0, time.time() - story.began))])  # fmt: skip
    yield Family("ncolony_supervisor_cpu_seconds", COUNTER, "Processor time it has used.",
                 [("", used.user + used.system)])  # fmt: skip
    yield Family("ncolony_supervisor_resident_memory_bytes", GAUGE, "Memory it has.", [("", resident)])
    yield Family("ncolony_supervisor_events", COUNTER, "Events since it began.", [("", story.last)])
    yield Family("ncolony_supervisor_loop_lag_seconds", GAUGE, "How late its event loop was just now.",
                 [("", max(0.0, counted.lag))])  # fmt: skip


def _of_runs(slots: list[tuple[str, InstanceView]], story: Story, offset: float) -> Iterator[Family]:
    facts = [(at, view, story.facts(view.program, view.number)) for at, view in slots]
    yield Family("ncolony_program_restarts", COUNTER, "Starts that followed an end, by the reason of that end.",
                 ((f'{at},reason="{reason}"', count) for at, _, one in facts
                  for reason, count in (one.reasons or {}).items()))  # fmt: skip
    yield Family("ncolony_program_start_time_seconds", GAUGE, "When its process came to life, since the epoch.",
                 ((at, one.born - offset) for at, view, one in facts if view.pid is not None))  # fmt: skip
    ends = [(at, one.last_end) for at, _, one in facts if one.last_end is not None]
    yield Family("ncolony_program_last_exit_status", GAUGE,
                 "How its last process ended: its exit status, or a signal as a negative number.",
                 ((at, end[0]) for at, end in ends if end[0] is not None))  # fmt: skip
    yield Family("ncolony_program_last_exit_time_seconds", GAUGE, "When that was, since the epoch.",
                 ((at, end[2]) for at, end in ends))  # fmt: skip


def _of_output(slots: list[tuple[str, InstanceView]], outputs: Outputs) -> Iterator[Family]:
    known = {(view.program, view.number): at for at, view in slots}
    found = sorted(one for one in outputs.written() if (one[0], one[1]) in known)
    rows = [(f'{known[name, number]},stream="{stream}"', counts) for name, number, stream, *counts in found]
    for column, (what, about) in enumerate(OUTPUT):
        yield Family(f"ncolony_program_output{what}", COUNTER, about, ((at, counts[column]) for at, counts in rows))


def _healthy(slots: list[tuple[str, InstanceView]], counted: Counted) -> Iterator[Sample]:
    for at, view in slots:
        health = counted.about(view.program, view.number).get("health")
        if isinstance(health, dict) and health.get("ok") is not None:
            yield at, int(health["ok"])


def _labels(view: InstanceView) -> str:
    return labels(program=view.program, instance=view.number)
