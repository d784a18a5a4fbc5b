"""Who is measured, and how each is told what to run. Knows nothing of how it is measured."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

YARDSTICK = "cloop"


@dataclass(frozen=True)
class Tools:
    """What all contestants are made from."""

    python: str
    child: Path
    cloop: Path
    homes: Mapping[str, Path] = field(default_factory=dict)
    """Where the executables of other people's supervisors are, by contestant."""


@dataclass(frozen=True)
class Job:
    """What one contestant is to run, and the directory that is its own."""

    programs: int
    records: Path
    place: Path


class Client(NamedTuple):
    """How a supervisor is asked with the commands that come with it; None where it has none for that."""

    status: list[str] | None
    """Shows how all programs stand."""
    restart: Callable[[int], list[str]]
    """Gives one program a new process."""


class Ending(NamedTuple):
    """How a supervisor is told to stop all programs and go, and how it may exit then."""

    signal: signal.Signals
    statuses: frozenset[int]


BY_TERM = Ending(signal.SIGTERM, frozenset({0, -signal.SIGTERM, 128 + signal.SIGTERM}))
"""A clean end: by itself, or (Twisted) by the same signal once all is done."""


@dataclass(frozen=True)
class Contestant:
    """A supervisor: prepare writes what it reads and returns its command."""

    title: str
    prepare: Callable[[Tools, Job], list[str]]
    client: Callable[[Tools, Job], Client] | None = None
    ending: Ending = BY_TERM


def name_of(index: int) -> str:
    """Return what a program is called, where programs have names."""
    return f"program-{index:05}"


def _cloop(tools: Tools, job: Job) -> list[str]:
    return [str(tools.cloop), str(tools.child), str(job.records), str(job.programs)]


def _cloop_pipes(tools: Tools, job: Job) -> list[str]:
    return [*_cloop(tools, job), "pipes"]


def colony(tools: Tools, job: Job) -> list[str]:
    """Write an NColony directory; return the options that name it."""
    conf = job.place / "conf"
    messages = job.place / "messages"
    conf.mkdir()
    messages.mkdir()
    for index in range(job.programs):
        args = [str(tools.child), str(job.records), str(index)]
        (conf / name_of(index)).write_text(json.dumps({"args": args}))
    return ["--config", str(conf), "--messages", str(messages)]


def command_of(python: str) -> list[str]:
    """Return what people type: the command that was installed beside an interpreter; where it was not, the module."""
    beside = Path(python).with_name("ncolony")
    return [str(beside)] if beside.exists() else [python, "-m", "ncolony"]


def _ncolony(tools: Tools, job: Job) -> list[str]:
    return [*command_of(tools.python), "run", *colony(tools, job)]


def _twisted(tools: Tools, job: Job) -> list[str]:
    return [tools.python, "-m", "twisted", "ncolony", *colony(tools, job)]


def _asked(tools: Tools, job: Job) -> Client:
    """`ncolony status` and `ncolony restart`, whatever hosts the colony."""
    ask = [*command_of(tools.python), "-C", str(job.place)]
    return Client([*ask, "status"], lambda index: [*ask, "restart", name_of(index)])


CONTESTANTS: Mapping[str, Contestant] = {
    YARDSTICK: Contestant("C loop", _cloop),
    "cloop-pipes": Contestant("C loop with pipes", _cloop_pipes),
    "ncolony": Contestant("ncolony run", _ncolony, _asked),
    "twisted": Contestant("twisted ncolony", _twisted, _asked),
}


def environment() -> dict[str, str]:
    """Return the environment of everything measured: ours, without the variables that change how Python runs.

    PYTHONDONTWRITEBYTECODE above all: with it, every start would compile the supervisor anew.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if path := os.environ.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in path.split(os.pathsep) if part)
    return kept
