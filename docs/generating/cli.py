"""docs/cli.md: the reference of the command line, from the records of its verbs."""

from generating.markdown import NOTE, block, code, complete, join, table
from ncolony.cli import catalog
from ncolony.cli.place import VARIABLE
from ncolony.cli.verb import JSON, STATUSES, help_on

PLACES = (
    "The colony is the one that `-C DIR` names, or `--config DIR` and `--messages DIR`; else the one in"
    f" {VARIABLE}; else the one in the current directory. These options may stand before or behind the verb."
)
NAMING = (
    "`web` is the program of that name; where there is none, all programs that carry the label `web`. `web:2` is one"
    " instance of a program, `@public` all programs that carry a label, `web-*` all whose names match, with `*`, `?`"
    " and `[abc]` as in a shell; quote those. All names are looked up before anything is done: where one is wrong,"
    " nothing is."
)
# What --json prints, by verb. A verb with --json that is not here fails the generator.
SHAPES = {
    "status": "the answer of [`status`](control.md#status-read): `instances` and `colony`",
    "why": "the answer of [`why`](control.md#why-read): `instances`, `problems`, `history`",
    "logs": "a part of [`logs`](control.md#logs-read) a line",
    "events": "a part of [`events`](control.md#events-read) a line",
    "start": "`instances` of [the answer](control.md#start-stop-restart)",
    "stop": "the same",
    "restart": "the same",
    "reload": "the same",
    "scale": "`instances` of the program as in a status",
    "signal": "`sent`, to how many processes",
    "upgrade": "[the first line](control.md#lines) of the new supervisor",
    "shutdown": "`pid`, of the supervisor that has ended",
    "health": "the answer of [`health`](control.md#health-read)",
    "ping": "[the first line](control.md#lines) of the supervisor",
    "show": "the file as it is",
    "check": "`ok`, `files` and `findings`, see [check.md](check.md#check)",
    "plan": "the plan, see [check.md](check.md#plan)",
    "apply": "the plan, and what came of it, see [check.md](check.md#apply)",
    "list": "a list of objects with `name`, `args` (null where the file cannot be used), `problems` and `warnings`",
}


def page(_root):
    """Return the page."""
    verbs = {name: catalog.verb(name) for name in catalog.VERBS}
    complete("SHAPES in docs/generating/cli.py", SHAPES, [name for name, verb in verbs.items() if _has_json(verb)])
    return join(
        "# The command line",
        NOTE,
        "What one types all day. `ncolony run`, `ctl` and `reaper` are in [options.md](options.md). The supervisor is"
        " asked over its [control socket](control.md); `init`, `add`, `remove`, `show`, `list` and `scale` work on"
        " files, so they need none. Manual pages (`man ncolony`, where the package is installed; [man/](man/)) and"
        " [completions](#completion) are made from the same records as this page.",
        "## Which colony",
        PLACES,
        "## Naming programs",
        NAMING,
        "## Exit statuses",
        table(["status", "meaning"], [[str(status), meaning] for status, meaning in STATUSES.items()]),
        "`ncolony health` ends with 0 or 1, as health checks of containers do; 130 is an end by Ctrl-C. Errors are one"
        " line on standard error, which says what to do.",
        "## How it looks",
        "![ncolony status](images/status.svg)",
        "![ncolony why ledger](images/why.svg)",
        "![ncolony top](images/top.svg)",
        "`scripts/screenshots.py` makes these pictures, of a colony that runs.",
        "## Tables, colours, JSON",
        "On a terminal there are colours, unless `NO_COLOR` is set or `--color never` is given; letters that a terminal"
        " might obey are spelled out. `--json` prints, without colours:",
        table(["verb", "JSON"], [[code(name), shape] for name, shape in SHAPES.items()]),
        "## Verbs",
        *(part for name, verb in verbs.items() for part in (f"### {name}", block("text", help_on(verb)))),
    )


def _has_json(verb):
    return any(option.name == JSON.name for option in verb.options)
