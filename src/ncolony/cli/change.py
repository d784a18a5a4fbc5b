"""The verbs that change how programs stand: start, stop, restart, signal, upgrade, shutdown.

Each waits until what it asks for is so, and says what came of it; ``--no-wait`` leaves it at the asking.
"""

from __future__ import annotations

import json
import sys

from ncolony.cli.options import Option
from ncolony.cli.place import connect
from ncolony.cli.verb import DONE, JSON, NAMES, Call, Verb, misused, show_json, status_of, whole
from ncolony.control.client import Denied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TEXT = 4096  # bytes
ALL = Option("--all", "", "all programs")
WAIT = Option("--wait", "SECONDS", "how long to wait for the effect [60, and the programs' own times]")
NO_WAIT = Option("--no-wait", "", "do not wait for the effect")
SCOPE = Option(
    "--scope", "SCOPE", "who gets it: process (if not given), group or tree", among=("process", "group", "tree")
)
WHY = Option("--why", "TEXT", "the reason, for the log and for `ncolony why`")


def arguments(call: Call) -> dict[str, object]:
    """Return what all of these verbs send. Raises ConfigError."""
    given = call.given
    sent: dict[str, object] = {}
    if call.has("--all"):
        sent["all"] = True
    elif given.words:
        sent["names"] = given.words
    else:
        raise misused(call.verb, "name the programs, or say --all")
    if (why := given.last("--why")) is not None:
        sent["why"] = why
    return {**sent, **waiting(call)}


def waiting(call: Call) -> dict[str, object]:
    """Return how long to wait, as a request says it. Raises ConfigError."""
    text = call.given.last("--wait")
    if call.has("--no-wait"):
        return {"wait": False}
    if text is None:
        return {}
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise misused(call.verb, f"cannot use --wait {text}: wanted a number of seconds")
    return {"wait": seconds}


def _change(call: Call, more: dict[str, object] | None = None) -> int:
    """Have instances changed, and say how each of them stands then; ``more``: other arguments."""
    sent = {**arguments(call), **(more or {})}
    with connect(call.given) as colony:
        try:
            answer, status = colony.ask(call.verb.name, **sent), DONE
        except Denied as error:
            answer, status = error.answer, status_of(error)
            if "instances" not in answer:
                raise
            if call.has("--json"):
                call.tell(str(error))
    if call.has("--json"):
        print(json.dumps(answer.get("instances", []), indent=2))
        return status
    for one in answer.get("instances", []):
        if one.get("error"):
            call.tell(f"cannot {call.verb.name}: {_name(one)!r} {one['error']}")
        else:
            print(_outcome(one))
    return status


def _outcome(one: dict[str, Any]) -> str:
    already = " already" if one.get("already") else ""
    process = f", pid {one['pid']}" if one.get("pid") else ""
    return f"{_name(one)}: {one['state']}{already}{process}"


def _name(one: dict[str, Any]) -> str:
    return str(one["name"]) if one["of"] == 1 else f"{one['name']}:{one['number']}"


def _reload(call: Call) -> int:
    text = call.given.last("--max-parallel")
    if text is not None and not text.isdecimal():
        raise misused(call.verb, f"cannot use --max-parallel {text}: wanted a whole number from 1 up")
    return _change(call, {} if text is None else {"max_parallel": int(text)})


def _signal(call: Call) -> int:
    words = list(call.given.words)
    if not words:
        raise misused(call.verb, "SIGNAL is missing")
    number = words.pop(0)
    if not words and not call.has("--all"):
        raise misused(call.verb, "name the programs, or say --all")
    sent: dict[str, object] = {"all": True} if call.has("--all") else {"names": words}
    if (scope := call.given.last("--scope")) is not None:
        sent["scope"] = scope
    with connect(call.given) as colony:
        answer = colony.ask("signal", signal=number if whole(number) is None else whole(number), **sent)
    if call.has("--json"):
        show_json(answer)
        return DONE
    print(f"sent to {answer['sent']} process{'es' * (answer['sent'] != 1)}")
    return DONE


def _send(call: Call) -> int:
    if not call.given.words:
        raise misused(call.verb, "NAME is missing")
    name, *words = call.given.words
    try:
        text = " ".join(words) if words else sys.stdin.read(MAX_TEXT + 1)
    except UnicodeDecodeError:
        raise misused(call.verb, "standard input has bytes that are no text in UTF-8; only text can be sent") from None
    if words and not call.has("--no-newline"):
        text += "\n"
    if not text:
        raise misused(call.verb, "there is nothing to send: give a TEXT, or something on standard input")
    if len(text.encode("utf-8", "surrogateescape")) > MAX_TEXT:
        raise misused(call.verb, f"the text is longer than {MAX_TEXT} bytes, which is what can be sent in one go")
    with connect(call.given) as colony:
        colony.ask("send", names=[name], text=text)
    return DONE


def _upgrade(call: Call) -> int:
    with connect(call.given) as colony:
        before = colony.hello
        colony.ask("upgrade", **waiting(call))
        if call.has("--no-wait"):
            return DONE
        if before["host"] == "reactor":
            call.tell(
                "this supervisor runs inside Twisted and ends; every program goes on. Start the next one as this was"
            )
            return DONE
        colony.reconnect()
        after = colony.hello
    if call.has("--json"):
        show_json(after)
        return DONE
    print(f"{after['ncolony']} has taken over from {before['ncolony']}, pid {after['pid']}; every program goes on")
    return DONE


def _shutdown(call: Call) -> int:
    within = call.given.last("--within")
    sent = waiting(call)
    if within is not None:
        try:
            sent["within"] = float(within)
        except ValueError:
            raise misused(call.verb, f"cannot use --within {within}: wanted a number of seconds") from None
    with connect(call.given) as colony:
        answer = colony.ask("shutdown", **sent)
    if call.has("--json"):
        show_json(answer)
    return DONE


_OPTIONS = (ALL, WAIT, NO_WAIT, WHY, JSON)

START = Verb(
    "start", "start programs that are stopped", _change, "NAME ... | --all", _OPTIONS,
    f"{NAMES}\n\nDone when each is ready. Where the first attempt fails, the reason is said; it goes on as\n"
    "the program's restart policy says.",
    (("ncolony start web", "start it, and wait until it is ready"),),
)  # fmt: skip
STOP = Verb(
    "stop", "stop programs, and keep them stopped", _change, "NAME ... | --all", _OPTIONS,
    f"{NAMES}\n\nDone when no process of them is left. They stay stopped, also when their file changes or another\n"
    "supervisor takes over, until `ncolony start`, `restart` or the next start of the colony.",
    (("ncolony stop @batch --why 'disk swap'", "stop all programs with the label batch, with a reason"),),
)  # fmt: skip
RESTART = Verb(
    "restart", "give programs new processes", _change, "NAME ... | --all", _OPTIONS,
    f"{NAMES}\n\nDone when each is ready again, with a process younger than the request. `ncolony reload` does it\n"
    "without a gap.",
    (("ncolony restart web:2", "only the second instance"),),
)  # fmt: skip
RELOAD = Verb(
    "reload", "give programs new processes without a gap", _reload, "NAME ... | --all",
    (*_OPTIONS, Option("--max-parallel", "N", "so many at a time [as the program says, or 1]")),
    f"{NAMES}\n\nNew processes come to life beside the old ones; only when they have stayed ready is an old one\n"
    "stopped. Where a new one fails, the old ones go on. A program whose key `reload` names a signal gets that.",
    (("ncolony reload web", "no request is refused meanwhile, if the supervisor holds the socket"),),
)  # fmt: skip
SIGNAL = Verb(
    "signal", "send a signal to programs", _signal, "SIGNAL NAME ... | SIGNAL --all",
    (ALL, SCOPE, JSON),
    NAMES,
    (("ncolony signal HUP web", "have it read its configuration anew, if that is what it does then"),),
)  # fmt: skip
SEND = Verb(
    "send", "write to the standard input of a program", _send, "NAME [TEXT ...]",
    (Option("--no-newline", "", "do not add a line end to TEXT"),),
    'For programs whose key `stdin` is "pipe". Without TEXT, what comes on standard input is sent, as it is; at most\n'
    "4096 bytes, all of them or none.",
    (("ncolony send game say the server restarts in 5 minutes", "one line for its console"),),
)  # fmt: skip
UPGRADE = Verb(
    "upgrade", "have the supervisor become the version that is installed now", _upgrade, "", (WAIT, NO_WAIT, JSON),
    "Every program goes on. A version that could not take over is not switched to.",
)  # fmt: skip
SHUTDOWN = Verb(
    "shutdown", "stop all programs and end the supervisor", _shutdown, "",
    (Option("--within", "SECONDS", "what still lives by then gets SIGKILL"), WAIT, NO_WAIT, JSON),
    "Done when no process is left. The files stay: the next start of the colony starts the same programs.",
)  # fmt: skip
