"""The command line: which contestants, how often, in what order; then the report."""

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from bench import machine, report
from bench.build import build
from bench.contestants import CONTESTANTS, Tools
from bench.errors import BenchError
from bench.session import attempt, rotated, say, why_unable
from bench.summary import Results, Trial
from bench.supervisor import adopt_orphans
from bench.trial import Pace

OK, SOME_FAILED, UNUSABLE = 0, 1, 2


def main() -> int:
    """Measure, print; return 0 if every run gave its figures, 1 if some did not, 2 if nothing could be measured."""
    options = _parse()
    # An end by TERM must pass through every finally, or a thousand children would stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machine.raise_descriptor_limit()
    try:
        adopt_orphans()
        with tempfile.TemporaryDirectory(prefix="ncolony-benchmark-") as place:
            tools = Tools(options.python, **build(Path(place)))
            facts = machine.facts(tools.python)
            results = _session(options, tools)
    except BenchError as error:
        say(str(error))
        return UNUSABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    sys.stdout.write(report.markdown(facts, results))
    if options.json:
        options.json.write_text(json.dumps(report.data(facts, results), indent=1) + "\n")
    return SOME_FAILED if any(trial.failure for trial in results.trials) else OK


def _session(options: argparse.Namespace, tools: Tools) -> Results:
    """Run all contestants in turns, so that what changes on the machine meanwhile falls on all of them."""
    results = Results([], [])
    able = [name for name in options.contestants if _able(name, options, tools, results)]
    pace = Pace(options.idle, options.settle, options.timeout)
    for turn in range(options.repeat):
        results.passes_ms.append(machine.python_pass_ms(tools.python))
        for programs in options.programs:
            for name in rotated(able, turn):
                machine.await_quiet(options.quiet)
                results.trials.append(attempt(name, programs, tools, pace))
    return results


def _able(name: str, options: argparse.Namespace, tools: Tools, results: Results) -> bool:
    why = why_unable(name, tools, options.timeout)
    if why:
        results.trials.append(Trial(name, 1, None, why))
    return not why


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description="Measure NColony beside a C loop around posix_spawn: ratios, all from one session.",
        epilog="Run it from a plain virtual environment with ncolony in it: whatever .pth files and wrappers a bigger "
        "one has, every start of Python pays for them, and `python -c pass`, which is printed too, grows with it.",
    )
    add = parser.add_argument
    add(
        "--python",
        type=_program,
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that runs ncolony [this one]",
    )
    add("--programs", type=_counts, default=[1, 100, 1000], metavar="N,N", help="how many programs [1,100,1000]")
    add("--contestants", type=_names, default=list(CONTESTANTS), metavar="NAME,NAME", help=",".join(CONTESTANTS))
    add("--repeat", type=_count, default=3, metavar="N", help="how often [3]; the report has medians and bests")
    add("--idle", type=float, default=10.0, metavar="SECONDS", help="how long to watch it doing nothing [10]")
    add("--settle", type=float, default=2.0, metavar="SECONDS", help="the pause between starting and that [2]")
    add(
        "--quiet", type=float, default=10.0, metavar="SECONDS", help="wait so long for a busy machine to calm down [10]"
    )
    add("--timeout", type=float, default=120.0, metavar="SECONDS", help="the limit of each phase [120]")
    add("--json", type=Path, metavar="FILE", help="write every single run there, too")
    return parser.parse_args()


def _program(text: str) -> str:
    """Supervisors run elsewhere. The link is kept as it is: it is what makes a virtual environment."""
    return str(Path(text).absolute()) if "/" in text else text


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'cannot use "{text}": want a whole number, 1 or more')
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CONTESTANTS):
        raise argparse.ArgumentTypeError(f"no such contestant: {', '.join(sorted(unknown))}")
    return names
