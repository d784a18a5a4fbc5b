"""The key `hooks` of a colony: commands that run when something happens to a program.

    "hooks": [{"on": ["fatal", "unhealthy"], "programs": ["@public"], "exec": ["page-somebody"], "timeout": "30s"}]

Imported for the first colony that says it.
"""

from __future__ import annotations

from ncolony.core.keyspec import Key, Mismatch, Mismatches, each, fields
from ncolony.core.names import nearest
from ncolony.core.parse import shown
from ncolony.core.readers import a_full_text, arguments, some_time
from ncolony.core.record import record

STARTED, READY, RESTARTED, FAILED = "started", "ready", "restarted", "failed"
ENDED, EXITED, BACKOFF, FATAL = "ended", "exited", "backoff", "fatal"
UNHEALTHY, KILLED, STOPPED = "unhealthy", "killed", "stopped"
RELOADED, RELOAD_FAILED = "reloaded", "reload-failed"
MEANINGS = {
    STARTED: "a process came to life",
    READY: "it is ready (at once where the key `ready` is not given)",
    RESTARTED: "a process came to life because the one before it had ended by itself, or was not well",
    FAILED: "a process could not be started",
    ENDED: "a process is gone, for whatever reason",
    EXITED: "it ended as its restart policy wants it, and is left so",
    BACKOFF: "it ended too soon, and waits for its next start",
    FATAL: "it was given up",
    UNHEALTHY: "its health checks say that it has to be replaced",
    KILLED: "it did not end in time, and got SIGKILL",
    STOPPED: "it is stopped, as somebody wanted",
    RELOADED: "all of its processes are new, after a reload",
    RELOAD_FAILED: "a reload did not come to its end",
}
WANTED_EVENTS = f"one of {', '.join(MEANINGS)}, or a list of them"
MAX_HOOKS = 100


@record
class HookRule:
    """One hook."""

    on: tuple[str, ...]
    exec: tuple[str, ...]
    programs: tuple[str, ...] | None = None
    """Names, patterns and labels as on the command line; None: all programs."""
    timeout: float = 30.0
    """Seconds it may take."""


def _an_event(value: object) -> str:
    if not isinstance(value, str) or value not in MEANINGS:
        near = nearest(value, list(MEANINGS)) if isinstance(value, str) else None
        raise Mismatch(f"one of {', '.join(MEANINGS)}" + (f" (did you mean {near}?)" if near else ""))
    return value


def _events(value: object) -> tuple[str, ...]:
    found = [_an_event(value)] if isinstance(value, str) else each(_an_event, value, "")
    if not found:
        raise Mismatch
    return tuple(dict.fromkeys(found))


def _programs(value: object) -> tuple[str, ...]:
    return tuple(each(a_full_text, value, "a name, a pattern or a label"))


HOOK_KEYS = (
    Key("on", _events, WANTED_EVENTS, "required", "What it runs on."),
    Key("programs", _programs, 'a list of names, patterns and labels, like ["web-*", "@public"]', "all programs",
        "Whose events it runs on."),
    Key("exec", arguments, "a list of strings, the executable first", "required",
        "The command; it is looked up on the supervisor's `PATH`, and runs as the supervisor does."),
    Key("timeout", some_time, 'a time above 0, like 10 or "1m"', "30",
        "The time it may take; then it is killed, with all that it has started."),
)  # fmt: skip
_REQUIRED = ("on", "exec")


def a_list_of_hooks(value: object) -> tuple[HookRule, ...]:
    """Read the `hooks` key. Raises Mismatch."""
    if not isinstance(value, list):
        raise Mismatch
    if len(value) > MAX_HOOKS:
        raise Mismatch(f"at most {MAX_HOOKS} hooks", "", f"{len(value)} of them")
    found: list[Mismatch] = []
    made = []
    for place, rule in enumerate(value):
        at = f"[{place}]"
        if not isinstance(rule, dict):
            found.append(Mismatch('an object, like {"on": "fatal", "exec": ["page-somebody"]}', at, shown(rule)))
            continue
        found += [Mismatch("", f"{at}.{name}", "no such key") for name in _REQUIRED if name not in rule]
        if (given := fields(rule, HOOK_KEYS, at, found)) is not None and all(name in rule for name in _REQUIRED):
            made.append(HookRule(**given))  # type: ignore[arg-type]
    if found:
        wanted = {name: key.wanted for key in HOOK_KEYS for name in [key.name]}
        raise Mismatches([one if one.wanted else Mismatch(wanted[one.at.rpartition(".")[2]], one.at, one.found)
                          for one in found])  # fmt: skip
    return tuple(made)
