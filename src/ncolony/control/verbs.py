"""The verbs of the control socket: who may use them, what they take, and where they are served.

A verb is one line in :data:`VERBS`. What serves it is a function of the world and a call (see calls.py), imported when
it is first asked for; it answers the call, keeps it, or raises :class:`~ncolony.control.messages.Failure` or one of
core/errors.py, which becomes the answer.
"""

from __future__ import annotations

from ncolony.control.messages import Failure
from ncolony.control.protocol import REFUSED
from ncolony.core.keyspec import Key, Mismatch, each
from ncolony.core.parse import shown
from ncolony.core.program import GROUP, PROCESS, TREE
from ncolony.core.readers import a_count, a_duration, a_flag, a_full_text, a_signal, a_text, at_least_one, one_of
from ncolony.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ncolony.control.calls import Call, World

    Serve = Callable[[World, Call], None]

MAX_NAMES = 1000
MAX_NAME = 500
MAX_WHY = 200
MAX_LINES = 10_000
MAX_MOMENT = 2**32  # seconds since the epoch
MAX_TEXT = 4096  # bytes: what a pipe takes as a whole


@record
class Verb:
    """One verb."""

    serve: Serve
    takes: tuple[Key, ...] = ()
    reads: bool = False
    """It changes nothing, so readers may use it."""


# Arguments --------------------------------------------------------------------------------------------------------


def _a_name(value: object) -> str:
    text = a_full_text(value)
    if len(text) > MAX_NAME:
        raise Mismatch(f"at most {MAX_NAME} characters", found=f"{len(text)} characters")
    return text


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and len(value) > MAX_NAMES:
        raise Mismatch(f"at most {MAX_NAMES} names", found=f"{len(value)} names")
    return tuple(each(_a_name, value, "the name of a program"))


def _a_reason(value: object) -> str:
    text = a_text(value)
    if len(text) > MAX_WHY or not text.isprintable():
        raise Mismatch
    return text


def _a_message(value: object) -> str:
    text = a_text(value)
    if not 0 < len(text.encode()) <= MAX_TEXT:
        raise Mismatch
    return text


def _a_number_of_lines(value: object) -> int:
    return a_count(value, 0, MAX_LINES)


def _since(value: object) -> int | None:
    return None if value == "now" else a_count(value, 0, 2**53)


def _a_moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_MOMENT:
        raise Mismatch
    return float(value)


def _texts(value: object) -> dict[str, str | None]:
    if not isinstance(value, dict):
        raise Mismatch
    if len(value) > MAX_NAMES:
        raise Mismatch(f"at most {MAX_NAMES} names", found=f"{len(value)} names")
    for name, text in value.items():
        if text is not None and not isinstance(text, str):
            raise Mismatch("text or null", f".{name}", shown(text))
    return value


def _anything(value: object) -> object:
    return value


WHAT = (
    Key("names", _names, 'a list of names, like ["web", "db:2", "@public"]', "none", "What is meant."),
    Key("all", a_flag, "true or false", "false", "Every program is meant."),
)
WHY = Key("why", _a_reason, f"at most {MAX_WHY} printable characters", "none", "A reason, for the log.")
HOLD = Key("hold", a_flag, "true or false", "true", "It stays stopped until it is started by hand.")
SIGNAL = Key("signal", a_signal, 'a signal, like "HUP" or 1', "none: it has to be given", "What to send.")
SCOPE = Key("scope", one_of(TREE, GROUP, PROCESS), '"process", "group" or "tree"', PROCESS, "Who gets it.")
FOLLOW = Key("follow", a_flag, "true or false", "as the verb has it", "Go on with what comes.")
LINES = Key("lines", _a_number_of_lines, f"a whole number up to {MAX_LINES}", "10", "How many of the last lines.")
MOMENT = Key("since", _a_moment, "seconds since the epoch", "none", "Only what came since then.")
STREAM = Key("stream", one_of("stdout", "stderr"), '"stdout" or "stderr"', "both", "Which output.")
SINCE = Key("since", _since, 'the number of an event, or "now"', "now", "The last event that is known already.")
TEXTS = Key("texts", _texts, "an object of texts by name", "none: it has to be given", "What files would say.")
REQUEST = Key("request", _anything, "the id of a request", "null", "Which request is called off.")
WITHIN = Key("within", a_duration, "a time in seconds", "none", "After this, SIGKILL.")
TEXT = Key("text", _a_message, f"text of at most {MAX_TEXT} bytes", "none: it has to be given", "What it reads.")
MAX_PARALLEL = Key(
    "max_parallel", at_least_one, "a whole number from 1 up", "as the program says, or 1", "So many at a time."
)
INSTANCES = Key("instances", _anything, "a whole number", "none", "How many there should be.")

# Verbs ------------------------------------------------------------------------------------------------------------


def _ping(_: World, call: Call) -> None:
    call.succeed()


def _status(world: World, call: Call) -> None:
    from ncolony.control.status import status

    status(world, call)


def _start(world: World, call: Call) -> None:
    from ncolony.control.commands import start

    start(world, call)


def _stop(world: World, call: Call) -> None:
    from ncolony.control.commands import stop

    stop(world, call)


def _restart(world: World, call: Call) -> None:
    from ncolony.control.commands import restart

    restart(world, call)


def _reload(world: World, call: Call) -> None:
    from ncolony.control.reloading import reload

    reload(world, call)


def _signal(world: World, call: Call) -> None:
    from ncolony.control.commands import signal

    signal(world, call)


def _send(world: World, call: Call) -> None:
    from ncolony.control.commands import send

    send(world, call)


def _logs(world: World, call: Call) -> None:
    from ncolony.control.logs import logs

    logs(world, call)


def _events(world: World, call: Call) -> None:
    from ncolony.control.following import follow

    follow(world, call)


def _why(world: World, call: Call) -> None:
    from ncolony.control.telling import why

    why(world, call)


def _plan(world: World, call: Call) -> None:
    from ncolony.control.planning import plan

    plan(world, call)


def _metrics(world: World, call: Call) -> None:
    from ncolony.control.metrics import metrics

    metrics(world, call)


def _cancel(_: World, call: Call) -> None:
    from ncolony.control.messages import encode

    others = call.others(encode(call.arguments.get("request")))
    for other in others:
        other.cancel()
    call.succeed(cancelled=len(others))


def _upgrade(world: World, call: Call) -> None:
    from ncolony.control.commands import upgrade

    upgrade(world, call)


def _shutdown(world: World, call: Call) -> None:
    from ncolony.control.commands import shut_down

    shut_down(world, call)


def _scale(_: World, call: Call) -> None:
    names = call.arguments.get("names")
    name = names[0] if isinstance(names, tuple) and names else "NAME"
    wanted = f'set "instances" in conf/{name}, or use `ncolony scale`, which does'
    raise Failure(REFUSED, f"cannot scale over the control socket: the files say how many there are; {wanted}")


def _health(world: World, call: Call) -> None:
    from ncolony.control.health import health

    health(world, call)


def _check(_: World, call: Call) -> None:
    raise Failure(REFUSED, f"cannot {call.verb} over the control socket: `ncolony check` reads the files itself")


def _apply(_: World, call: Call) -> None:
    wanted = "files are the truth, and `ncolony apply` writes them"
    raise Failure(REFUSED, f"cannot {call.verb} over the control socket: {wanted}")


VERBS: dict[str, Verb] = {
    "ping": Verb(_ping, reads=True),
    "status": Verb(_status, WHAT, reads=True),
    "start": Verb(_start, (*WHAT, WHY)),
    "stop": Verb(_stop, (*WHAT, WHY, HOLD)),
    "restart": Verb(_restart, (*WHAT, WHY)),
    "reload": Verb(_reload, (*WHAT, WHY, MAX_PARALLEL)),
    "signal": Verb(_signal, (*WHAT, SIGNAL, SCOPE)),
    "scale": Verb(_scale, (*WHAT, INSTANCES)),
    "send": Verb(_send, (*WHAT, TEXT)),
    "logs": Verb(_logs, (*WHAT, LINES, MOMENT, STREAM, FOLLOW), reads=True),
    "events": Verb(_events, (*WHAT, SINCE, FOLLOW), reads=True),
    "why": Verb(_why, WHAT, reads=True),
    "check": Verb(_check, reads=True),
    "plan": Verb(_plan, (TEXTS,), reads=True),
    "apply": Verb(_apply),
    "health": Verb(_health, WHAT, reads=True),
    "metrics": Verb(_metrics, reads=True),
    "cancel": Verb(_cancel, (REQUEST,), reads=True),
    "upgrade": Verb(_upgrade),
    "shutdown": Verb(_shutdown, (WITHIN,)),
}
