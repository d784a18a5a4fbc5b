"""``ncolony scale``: how many instances of a program there are. Its file says so; this changes it, and waits."""

from __future__ import annotations

from time import monotonic

from ncolony import ctllib
from ncolony.cli.change import NO_WAIT, WAIT, waiting
from ncolony.cli.place import connect, places_of
from ncolony.cli.status import remark
from ncolony.cli.verb import DONE, FAILED, JSON, Call, Verb, misused, show_json, whole
from ncolony.control.client import Denied, Unanswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ncolony.control.client import Client

    Instance = dict[str, Any]

PATIENCE = 60.0
MOST = 100_000
UP = {"running", "exited"}
FALLEN = {"backoff", "fatal"}
WITHOUT_PROCESS = {"stopped", "exited", "fatal", "backoff", "waiting"}


def _act(call: Call) -> int:
    name, number = _words(call)
    wait = waiting(call).get("wait", PATIENCE)
    places = places_of(call.given)
    try:
        watcher = connect(call.given)
    except Unanswered:
        ctllib.scale(places, name, number)
        call.tell("no supervisor runs; the number counts as soon as one does")
        return DONE
    with watcher, connect(call.given) as asked:
        leaving = {one["number"] for one in _instances(asked, name) if one["number"] > number and one["pid"]}
        since = watcher.ask("events", since="now", follow=False)["next"]
        ctllib.scale(places, name, number)
        if wait is False:
            return DONE
        limit = float(str(wait))
        status = _Wait(name, number, leaving, raw=call.has("--json")).until(watcher, asked, since, monotonic() + limit)
        if status is None:
            call.tell(f"not there after {limit:g} s, and it goes on; `ncolony why {name}` tells how it stands")
        return FAILED if status is None else status


def _words(call: Call) -> tuple[str, int]:
    words = call.given.words
    if len(words) != len(("NAME", "N")):
        raise misused(call.verb, "wanted NAME and N")
    number = whole(words[1])
    if number is None or not 1 <= number <= MOST:
        raise misused(call.verb, f"cannot use N {words[1]}: wanted a whole number from 1 up to {MOST}")
    return words[0], number


def _instances(asked: Client, name: str) -> list[Instance]:
    """Return how the instances stand; none where the supervisor knows no such program (yet)."""
    try:
        answer = asked.ask("status", names=[name])
    except Denied as error:
        if error.kind != "no-such":
            raise
        return []
    return [one for one in answer["instances"] if one["name"] == name]


class _Wait:
    """The wait for as many instances as there should be, and for the end of those that should not."""

    def __init__(self, name: str, number: int, leaving: set[int], *, raw: bool) -> None:
        self._name, self._number, self._leaving, self._raw = name, number, leaving, raw

    def until(self, watcher: Client, asked: Client, since: int, end: float) -> int | None:
        """Wait until then at most; say how things stand, and return the exit status, None where the time was up."""
        status = self._judged(asked)
        events = watcher.parts("events", since=since)
        while status is None and (left := end - monotonic()) > 0:
            watcher.limit(left)
            try:
                event = next(events)
            except Unanswered:
                if monotonic() < end:
                    raise
                return None
            if event.get("program") == self._name:
                if event.get("state") in WITHOUT_PROCESS:
                    self._leaving.discard(event["instance"])
                status = self._judged(asked)
        return status

    def _judged(self, asked: Client) -> int | None:
        found = _instances(asked, self._name)
        if len(found) != self._number or self._leaving:
            return None
        fallen = [one for one in found if one["state"] in FALLEN]
        down = sum(one["want"] == "down" for one in found)
        if not fallen and any(one["state"] not in UP and one["want"] != "down" for one in found):
            return None
        if self._raw:
            show_json({"instances": found})
        elif fallen:
            print("\n".join(f"{self._name}:{one['number']}: {one['state']}: {remark(one)}" for one in fallen))
        else:
            self._tell(down)
        return FAILED if fallen else DONE

    def _tell(self, down: int) -> None:
        stopped = f", {down} stopped; `ncolony start {self._name}` starts them" if down else ""
        print(f"{self._name}: {self._number - down} running{stopped}")


SCALE = Verb(
    "scale", "set how many instances of a program run", _act, "NAME N", (WAIT, NO_WAIT, JSON),
    "Changes `instances` in conf/NAME and nothing else there: files are the truth. Done when that many are ready and\n"
    "no other is left; those with the highest numbers go first. Without a supervisor, only the file is changed.",
    (("ncolony scale web 4", "run four of them"),),
)  # fmt: skip
