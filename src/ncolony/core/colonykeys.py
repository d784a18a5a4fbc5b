"""The keys of ``conf/.colony``, which says what holds for a whole colony.

It is one JSON object::

    {"readers": "adm",
     "groups": {"web": {"strategy": "one_for_all", "attempts": 5, "window": "1m"}}}

Unlike a program's file it has no room for keys of its author's own: nobody but us reads it. Imported for the first such
file that is read.
"""

from __future__ import annotations

from ncolony.core.colonyspec import ONE_FOR_ALL, ONE_FOR_ONE, REST_FOR_ONE, ColonySpec, GroupRule
from ncolony.core.keyspec import Key, Mismatch, Mismatches, at_name, fields
from ncolony.core.parse import Problem, shown
from ncolony.core.readers import a_duration, an_id, at_least_one, one_of

GROUP_KEYS = (
    Key("strategy", one_of(ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE),
        '"one_for_one", "one_for_all" or "rest_for_one"', '"one_for_one"',
        "Who is restarted when a member ends by itself and is started again: it alone; all members; it and those that "
        "are started after it."),
    Key("attempts", at_least_one, "a whole number from 1 up to 100000", "none: never give up",
        "Give all members up when they were restarted more often than this within the window."),
    Key("window", a_duration, 'a time, like "1m"', '"1m"', "The time over which restarts are counted."),
)  # fmt: skip


def _groups(value: object) -> tuple[tuple[str, GroupRule], ...]:
    if not isinstance(value, dict):
        raise Mismatch
    found: list[Mismatch] = []
    made = []
    for label, rule in sorted(value.items()):
        at = at_name(label)
        if not isinstance(rule, dict):
            found.append(Mismatch('an object, like {"strategy": "one_for_all"}', at, shown(rule)))
        elif (given := fields(rule, GROUP_KEYS, at, found)) is not None:
            made.append((label, GroupRule(**given)))  # type: ignore[arg-type]
    if found:
        raise Mismatches(found)
    return tuple(made)


def a_list_of_hooks(value: object) -> object:
    """Read the hooks. What that takes is imported for the first colony that has any."""
    from ncolony.core.hookkeys import a_list_of_hooks as read

    return read(value)


def a_metrics_file(value: object) -> object:
    """Read where metrics are written to; imported late, as above."""
    from ncolony.core.metrickeys import a_metrics_file as read

    return read(value)


COLONY_KEYS = (
    Key("readers", an_id, "a group of users, by number or name", "nobody but root and the supervisor's own user",
        "Who may ask over the control socket; they may change nothing."),
    Key("groups", _groups, 'an object by label, like {"web": {"strategy": "one_for_all"}}', "{}",
        "What programs that carry a label do together.", inner=GROUP_KEYS),
    Key("hooks", a_list_of_hooks, 'a list of objects, like [{"on": "fatal", "exec": ["page-somebody"]}]', "[]",
        "Commands that run when something happens: see [hooks.md](hooks.md)."),
    Key("metrics", a_metrics_file, 'an object, like {"file": "/var/lib/node_exporter/ncolony.prom"}', "none",
        "A file of metrics that is kept fresh: see [metrics.md](metrics.md)."),
)  # fmt: skip


def check_colony(value: dict[str, object]) -> tuple[ColonySpec | None, tuple[Problem, ...]]:
    """Make the spec of the JSON object ``value``, or tell all that is wrong with it."""
    found: list[Mismatch] = []
    made: dict[str, object] | None = {}
    for name, item in value.items():
        one = fields({name: item}, COLONY_KEYS, "", found)
        if one is not None and made is not None:
            made.update(one)
    if found:
        return None, tuple(Problem(one.at.removeprefix("."), one.found, one.wanted) for one in found)
    return ColonySpec(**made), ()  # type: ignore[arg-type]
