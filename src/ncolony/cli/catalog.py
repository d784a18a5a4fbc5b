"""Which module has which verb. The command line imports the one that is called; help and man pages read all of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ncolony.cli.verb import Verb

# In the order of a help text.
VERBS: dict[str, tuple[str, str]] = {
    "init": ("files", "INIT"),
    "add": ("files", "ADD"),
    "remove": ("files", "REMOVE"),
    "show": ("files", "SHOW"),
    "list": ("files", "LIST"),
    "check": ("check", "CHECK"),
    "plan": ("plan", "PLAN"),
    "apply": ("apply", "APPLY"),
    "status": ("status", "STATUS"),
    "why": ("why", "WHY"),
    "top": ("top", "TOP"),
    "logs": ("watch", "LOGS"),
    "events": ("watch", "EVENTS"),
    "start": ("change", "START"),
    "stop": ("change", "STOP"),
    "restart": ("change", "RESTART"),
    "reload": ("change", "RELOAD"),
    "scale": ("scale", "SCALE"),
    "signal": ("change", "SIGNAL"),
    "send": ("change", "SEND"),
    "health": ("health", "HEALTH"),
    "ping": ("health", "PING"),
    "metrics": ("health", "METRICS"),
    "upgrade": ("change", "UPGRADE"),
    "shutdown": ("change", "SHUTDOWN"),
    "completion": ("completion", "COMPLETION"),
}


def verb(name: str) -> Verb:
    """Return a verb of the catalog."""
    from importlib import import_module

    module, constant = VERBS[name]
    found: Verb = vars(import_module(f"ncolony.cli.{module}"))[constant]
    return found
