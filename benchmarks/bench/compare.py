"""The command line of the comparison: ours on both hosts, a loop in C, and what other people use, in one session."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import logs, machine, page
from bench.build import build
from bench.carriers import CARRIERS
from bench.contestants import CONTESTANTS, YARDSTICK, Tools
from bench.errors import BenchError
from bench.outcome import Outcome
from bench.peers import ALL, PEERS, environment_of, find, version
from bench.session import FAILURES, attempt, rotated, say, why_unable
from bench.summary import Results
from bench.supervisor import adopt_orphans, end_orphans
from bench.trial import Pace
from bench.verdicts import MOST

OK, SOME_FAILED, UNUSABLE = 0, 1, 2
ROOT = Path(__file__).resolve().parents[2]
OWN = (YARDSTICK, "ncolony", "twisted")
"""Who is measured again and again, as its goals are ratios; the others differ from these by more than noise."""
AGAIN = (1, 1000)
ROTATED_MB = 40  # the last file of any size in use here is neither empty nor full
BACKUPS = 3


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    programs: tuple[int, ...]
    most: int
    """How many for ours and the C loop alone; 0 for none."""
    repeat: int
    pace: Pace
    quiet_s: float
    megabytes: int


FULL = Plan((1, 100, 1000), MOST, 3, Pace(idle_s=10, settle_s=2, timeout_s=180), 5, 400)
QUICK = Plan((100,), 0, 1, Pace(idle_s=1, settle_s=1.5, timeout_s=60, kills=1, questions=1), 0, 20)


def main() -> int:
    """Measure, print; return 0 if every run gave its figures, 1 if some did not, 2 if nothing could be measured."""
    options = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        outcome = Outcome.load(options.load) if options.load else _measured(options)
    except BenchError as error:
        say(str(error))
        return UNUSABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    if options.json:
        options.json.write_text(json.dumps(outcome.data(), indent=1) + "\n")
    sys.stdout.write(page.markdown(outcome))
    if options.write:
        for path in page.write(outcome, options.write):
            say(f"wrote {path}")
    return SOME_FAILED if outcome.failures() else OK


def _measured(options: argparse.Namespace) -> Outcome:
    plan = _plan(options)
    os.environ.pop("PYTHONPATH", None)  # each supervisor is in an environment of its own
    machine.raise_descriptor_limit(machine.descriptors_for(plan.most))
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="ncolony-compare-") as name:
        place = Path(name)
        skipped: dict[str, str] = {}
        python = options.python or str(_ours(place) / "python")
        homes = dict(_homes(options, place, skipped))
        tools = Tools(python, **build(place), homes=homes)
        facts = {**machine.facts(python), **{ALL[each].title: version(each, home) for each, home in homes.items()}}
        able = [each for each in options.contestants if each in CONTESTANTS or each in homes]
        results = Results([], [])
        began = time.monotonic()
        able = [each for each in able if not _note(skipped, each, why_unable(each, tools, plan.pace.timeout_s))]
        for turn in range(plan.repeat):
            if turn and time.monotonic() - began > options.budget * 60:
                say(f"no more turns: they may begin for {options.budget:g} minutes")
                break
            _turn(turn, able, plan, tools, results, skipped)
        carried = dict(_carried(able, plan, tools, skipped)) if plan.megabytes else {}
        facts["load"] += f", {os.getloadavg()[0]:.1f} at the end"
        return Outcome(facts, skipped, results, carried, plan.megabytes)


def _ours(place: Path) -> Path:
    say("installing this checkout")
    return environment_of(place / "ours", str(ROOT))


def _homes(options: argparse.Namespace, place: Path, skipped: dict[str, str]) -> Iterator[tuple[str, Path]]:
    for name in options.contestants:
        if name not in PEERS:
            continue
        if name in options.peer:
            yield name, options.peer[name]
            continue
        try:
            say(f"looking for {PEERS[name].title}")
            yield name, find(name, place, install=options.install)
        except BenchError as error:
            _note(skipped, name, str(error))


def _note(skipped: dict[str, str], name: str, why: str) -> bool:
    """Keep why somebody is left out; return whether there is a reason."""
    if why:
        say(f"skipped: {ALL[name].title if name in ALL else name}: {why}")
        skipped[name] = why
    return bool(why)


def _turn(turn: int, able: list[str], plan: Plan, tools: Tools, results: Results, skipped: dict[str, str]) -> None:
    """Run everybody once; after the first turn, only those whose goals are ratios."""
    results.passes_ms.append(machine.python_pass_ms(tools.python))
    own = [name for name in able if name in OWN]
    for programs in plan.programs:
        if turn and programs not in AGAIN:
            continue
        for name in rotated(own if turn else able, turn):
            machine.await_quiet(plan.quiet_s)
            results.trials.append(attempt(name, programs, tools, plan.pace))
    if turn or not plan.most:
        return
    programs = machine.most_that_fit(plan.most)
    if programs < plan.most:
        _note(skipped, f"{plan.most} programs", f"{machine.why_too_many(plan.most)}; {programs} were taken instead")
    if programs > max(plan.programs):
        for name in own:
            results.trials.append(attempt(name, programs, tools, plan.pace))


def _carried(
    able: list[str], plan: Plan, tools: Tools, skipped: dict[str, str]
) -> Iterator[tuple[str, list[logs.Figures]]]:
    """Carry lines, everybody in turn."""
    options = argparse.Namespace(
        directory=None, programs=1, size=plan.megabytes, max_bytes=ROTATED_MB, backups=BACKUPS, python=tools.python,
        timeout=plan.pace.timeout_s, homes=tools.homes,
        supervisord=str(tools.homes["supervisord"] / "supervisord") if "supervisord" in tools.homes else None,
    )  # fmt: skip
    names = [name for name in CARRIERS if name in able]
    runs: dict[str, list[logs.Figures]] = {name: [] for name in names}
    for turn in range(plan.repeat):
        for name in rotated(names, turn):
            say(f"{ALL[name].title}, log")
            try:
                runs[name].append(logs.measure(name, options, CARRIERS))
            except FAILURES as error:
                say(f"no figures: {error}")
                skipped[f"a log of {ALL[name].title}"] = str(error)
            finally:
                end_orphans()
    yield from runs.items()


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    pace = plan.pace
    if options.idle is not None:
        pace = replace(pace, idle_s=options.idle)
    if options.kills is not None:
        pace = replace(pace, kills=options.kills, questions=options.kills)
    plan = replace(plan, pace=pace)
    given = {name: getattr(options, name) for name in ("programs", "most", "repeat", "megabytes")}
    return replace(plan, **{name: value for name, value in given.items() if value is not None})


# What may be said -----------------------------------------------------------------------------------------------------


def _parse() -> argparse.Namespace:
    names = [name for name in ALL if name != "cloop-pipes"]
    parser = argparse.ArgumentParser(
        prog="benchmarks/compare",
        description="Measure NColony, a C loop, supervisord, Circus, NColony 2024.1, s6 and runit in one session.",
        epilog="Whoever comes from PyPI gets a temporary virtual environment; s6 and runit are used where they are on "
        "PATH. Whoever is not there is skipped, by name. All of it takes less than half an hour.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="100 programs, one run, little output: about 3 minutes")
    add("--python", type=_path, metavar="PATH", help="an interpreter that has ncolony [this checkout, installed]")
    add("--contestants", type=_names, default=names, metavar="NAME,NAME", help=",".join(names))
    add("--peer", type=_peer, action="append", default=[], metavar="NAME=DIR", help="where a peer's executables are")
    add("--no-install", dest="install", action="store_false", help="skip what would have to come from PyPI")
    add("--programs", type=_counts, metavar="N,N", help="how many programs [1,100,1000]")
    add("--most", type=int, metavar="N", help=f"how many for ours and the C loop only; 0: none [{MOST}]")
    add("--repeat", type=int, metavar="N", help="how often for ours and the C loop [3]; others run once")
    add("--budget", type=float, default=22.0, metavar="MINUTES", help="how long further turns may begin [22]")
    add("--idle", type=float, metavar="SECONDS", help="how long to watch each doing nothing [10]")
    add("--kills", type=int, metavar="N", help="how often one is killed, and a client asked [5 and 3]")
    add("--megabytes", type=int, metavar="N", help="how much output to carry; 0: none [400]")
    add("--json", type=Path, metavar="FILE", help="write every single run there")
    add("--load", type=Path, metavar="FILE", help="measure nothing: take what --json wrote")
    add("--write", type=Path, metavar="DIR", help="write docs/compare.md, its charts and README's rows below it")
    options = parser.parse_args()
    options.peer = dict(options.peer)
    return options


def _path(text: str) -> str:
    return str(Path(text).absolute()) if "/" in text else text


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(ALL):
        raise argparse.ArgumentTypeError(f"no such contestant: {', '.join(sorted(unknown))}")
    return names


def _peer(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals or name not in PEERS:
        raise argparse.ArgumentTypeError(f'cannot use "{text}": want NAME=DIR, NAME one of {", ".join(PEERS)}')
    return name, Path(folder).absolute()
