"""``ncolony status``: how programs stand, in a table."""

from __future__ import annotations

from ncolony.cli.place import connect
from ncolony.cli.tables import COLOR, DIM, STATES, table, wants_color
from ncolony.cli.verb import DONE, JSON, NAMES, NOT_RUNNING, Call, Verb, show_json
from ncolony.core.spans import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Instance = dict[str, Any]

HEAD = ("NAME", "STATE", "PID", "UPTIME", "RESTARTS", "")
MAX_TEXT = 60


def _act(call: Call) -> int:
    names = call.given.words
    color = wants_color(call.given)
    with connect(call.given) as colony:
        answer = colony.ask("status", names=names) if names else colony.ask("status")
    found = answer["instances"]
    if call.has("--json"):
        show_json(answer)
    else:
        if found:
            print(table(HEAD, [_row(one) for one in found], [_colors(one) for one in found], color=color))
        if not names:
            _about_colony(answer["colony"], call, anything=bool(found))
    return NOT_RUNNING if names and any(one["state"] != "running" for one in found) else DONE


def _row(one: Instance) -> list[str]:
    name = one["name"] if one["of"] == 1 else f"{one['name']}:{one['number']}"
    uptime = one["uptime"]
    return [
        name,
        one["state"],
        str(one["pid"] or ""),
        "" if uptime is None else seconds(round(uptime) if uptime >= 1 else uptime),
        str(one["restarts"]),
        remark(one),
    ]


def _colors(one: Instance) -> list[str]:
    return ["", STATES.get(one["state"], ""), "", "", "", DIM]


def remark(one: Instance) -> str:
    """Return what else is worth a glance, in few words."""
    said: list[str] = []
    if one.get("next_start") is not None:
        said.append(f"next start in {seconds(one['next_start'])}")
    if one.get("waits_for"):
        said.append(f"waits for {one['waits_for']}")
    if one.get("held"):
        said.append("stopped by hand")
    if one.get("why"):
        said.append(one["why"])
    elif one["state"] in {"backoff", "exited"} and one.get("last_end"):
        said.append(one["last_end"]["words"])
    reload = one.get("reload")
    if isinstance(reload, dict):
        waits = f", waiting for {reload['waiting_for']}" if reload.get("waiting_for") else ""
        said.append(f"is being reloaded{waits}" if reload.get("under_way") else str(reload.get("failed")))
    health = one.get("health")
    if isinstance(health, dict) and health.get("ok") is False:
        said.append(f"unhealthy: {health.get('last_error') or 'its checks fail'}")
    if one.get("status_text"):
        said.append(str(one["status_text"])[:MAX_TEXT])
    if one.get("next_run"):
        said.append(f"next run {one['next_run']}")
    return "; ".join(said)


def _about_colony(colony: Instance, call: Call, *, anything: bool) -> None:
    if not anything:
        call.tell(f"no programs yet; describe one in {colony['config']}, or `ncolony add NAME --cmd CMD`")
    if colony["stopping"]:
        call.tell("the colony is being stopped")


STATUS = Verb(
    "status",
    "show how programs stand",
    _act,
    "[NAME ...]",
    (JSON, COLOR),
    f"{NAMES}\nWithout names all are shown. With names the exit status is 3 where one of them is not running.",
    (
        ("ncolony status", "all programs of the colony in this folder"),
        ("ncolony -C /srv/colony status web @public", "one program, and those with a label"),
        ("ncolony status --json | jq '.instances[] | select(.state != \"running\")'", "for scripts"),
    ),
)
