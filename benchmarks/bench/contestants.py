"""Who is measured, and how each is told what to run. Knows nothing of how it is measured."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

YARDSTICK = "cloop"


@dataclass(frozen=True)
class Tools:
    """What all contestants are made from."""

    python: str
    child: Path
    cloop: Path


@dataclass(frozen=True)
class Job:
    """What one contestant is to run, and the directory that is its own."""

    programs: int
    records: Path
    place: Path


@dataclass(frozen=True)
class Contestant:
    """A supervisor: prepare writes what it reads and returns its command."""

    title: str
    prepare: Callable[[Tools, Job], list[str]]


def _cloop(tools: Tools, job: Job) -> list[str]:
    return [str(tools.cloop), str(tools.child), str(job.records), str(job.programs)]


def _cloop_pipes(tools: Tools, job: Job) -> list[str]:
    return [*_cloop(tools, job), "pipes"]


def _colony(tools: Tools, job: Job) -> list[str]:
    """Write an NColony directory; return the options that name it."""
    conf = job.place / "conf"
    messages = job.place / "messages"
    conf.mkdir()
    messages.mkdir()
    for index in range(job.programs):
        args = [str(tools.child), str(job.records), str(index)]
        (conf / f"program-{index:05}").write_text(json.dumps({"args": args}))
    return ["--config", str(conf), "--messages", str(messages)]


def _ncolony(tools: Tools, job: Job) -> list[str]:
    return [tools.python, "-m", "ncolony", "run", *_colony(tools, job)]


def _twisted(tools: Tools, job: Job) -> list[str]:
    return [tools.python, "-m", "twisted", "ncolony", *_colony(tools, job)]


CONTESTANTS: Mapping[str, Contestant] = {
    YARDSTICK: Contestant("C loop", _cloop),
    "cloop-pipes": Contestant("C loop with pipes", _cloop_pipes),
    "ncolony": Contestant("ncolony run", _ncolony),
    "twisted": Contestant("twisted ncolony", _twisted),
}


def environment() -> dict[str, str]:
    """Return the environment of everything measured: ours, without the variables that change how Python runs.

    PYTHONDONTWRITEBYTECODE above all: with it, every start would compile the supervisor anew.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if path := os.environ.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in path.split(os.pathsep) if part)
    return kept
