"""Who is run when, so that what changes on the machine meanwhile falls on all of them; a failure is a result too."""

import subprocess
import sys
from collections.abc import Sequence

from bench.contestants import Tools
from bench.errors import BenchError
from bench.peers import ALL
from bench.summary import Trial
from bench.trial import Pace, measure, warm_up

FAILURES = (BenchError, OSError, ValueError, subprocess.SubprocessError)


def rotated(names: Sequence[str], by: int) -> list[str]:
    """No contestant always runs after the same one."""
    return [names[(place + by) % len(names)] for place in range(len(names))]


def why_unable(name: str, tools: Tools, timeout_s: float) -> str:
    """Run it once, which warms up what can be; return why it cannot run, or nothing."""
    try:
        warm_up(ALL[name], tools, timeout_s)
    except FAILURES as error:
        say(f"cannot run {ALL[name].title}: {error}")
        return str(error)
    return ""


def attempt(name: str, programs: int, tools: Tools, pace: Pace) -> Trial:
    """Measure it once, whatever comes of that."""
    say(f"{ALL[name].title}, programs: {programs}")
    try:
        return Trial(name, programs, measure(ALL[name], tools, programs, pace), "")
    except FAILURES as error:
        say(f"no figures: {error}")
        return Trial(name, programs, None, str(error))


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"benchmark: {text}\n")
