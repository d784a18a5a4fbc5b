"""``ncolony health``, ``ping`` and ``metrics``: what machines ask. Quick, for checks of containers."""

from __future__ import annotations

from ncolony.cli.options import Option
from ncolony.cli.place import connect
from ncolony.cli.verb import DONE, FAILED, JSON, NAMES, Call, Verb, misused, show_json
from ncolony.control.client import Unanswered

TIMEOUT = 10.0
WITHIN = Option("--timeout", "SECONDS", f"how long the supervisor may take to answer [{TIMEOUT:g}]")


def _timeout(call: Call) -> float:
    text = call.given.last("--timeout")
    if text is None:
        return TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise misused(call.verb, f"cannot use --timeout {text}: wanted a number of seconds above 0")
    return seconds


def _health(call: Call) -> int:
    names = [*(call.given.all("--program") or ()), *call.given.words]
    try:
        with connect(call.given, _timeout(call)) as colony:
            answer = colony.ask("health", names=names) if names else colony.ask("health")
    except Unanswered as error:
        call.tell(str(error))
        return FAILED  # what a check of a container may say is 0 and 1
    if call.has("--json"):
        show_json(answer)
        return DONE if answer["healthy"] else FAILED
    for line in answer["troubles"]:
        print(line)
    if answer["more"]:
        print(f"and {answer['more']} more")
    return DONE if answer["healthy"] else FAILED


def _ping(call: Call) -> int:
    if call.given.words:
        raise misused(call.verb, "found a word, wanted none")
    with connect(call.given, _timeout(call)) as colony:
        colony.ask("ping")
        hello = colony.hello
    if call.has("--json"):
        show_json(hello)
        return DONE
    print(f"NColony {hello['ncolony']} answers, pid {hello['pid']}, on the {hello['host']} loop")
    return DONE


def _metrics(call: Call) -> int:
    if call.given.words:
        raise misused(call.verb, "found a word, wanted none")
    with connect(call.given, _timeout(call)) as colony:
        print(colony.ask("metrics")["text"], end="")
    return DONE


HEALTH = Verb(
    "health", "tell whether all that should be up is running and well", _health, "[NAME ...]",
    (Option("--program", "NAME", "only this one; the same as the word NAME", repeated=True), WITHIN, JSON),
    f"{NAMES}\n"
    "Says nothing and exits with 0 where all is well; else with 1, and a line each. Without a supervisor that is 1\n"
    "too, as checks of containers know no other number. What somebody has stopped by hand, and what has ended as\n"
    "wanted, is well.",
    (("HEALTHCHECK CMD ncolony -C /colony health", "in a Dockerfile"),),
)  # fmt: skip
PING = Verb("ping", "tell whether the supervisor answers", _ping, "", (WITHIN, JSON))
METRICS = Verb(
    "metrics", "print what the supervisor counts, for Prometheus", _metrics, "", (WITHIN,),
    "OpenMetrics text. docs/metrics.md tells what is in it, and how a file of it is kept fresh for a node exporter.",
    (("ncolony metrics | grep restarts", "how often what was restarted, and why"),),
)  # fmt: skip
