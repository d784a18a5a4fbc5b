"""The file of the colony: what may stand in it, and every mistake told at once."""

from __future__ import annotations

import pytest

from ncolony.core.colonykeys import check_colony
from ncolony.core.colonyspec import ONE_FOR_ALL, ONE_FOR_ONE, ColonySpec, GroupRule
from ncolony.core.hookkeys import MEANINGS


def test_nothing_said_is_the_default() -> None:
    """An empty object is as good as no file."""
    assert check_colony({}) == (ColonySpec(), ())


def test_everything_said_is_held() -> None:
    """Groups are sorted, so that their order in the file means nothing."""
    value: dict[str, object] = {
        "readers": "adm",
        "groups": {"b": {}, "a": {"strategy": "one_for_all", "attempts": 5, "window": "2m"}},
    }
    groups = (("a", GroupRule(ONE_FOR_ALL, 5, 120.0)), ("b", GroupRule(ONE_FOR_ONE, None, 60.0)))
    assert check_colony(value) == (ColonySpec("adm", groups), ())


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"readers": []}, ["readers: found [], wanted a group of users, by number or name"]),
        ({"hooks": 1}, ['hooks: found 1, wanted a list of objects, like [{"on": "fatal", "exec": ["page-somebody"]}]']),
        (
            {"hooks": [{"on": "fatl", "exec": []}, 5, {"exec": ["x"], "timeout": 0}]},
            [
                f'hooks[0].on: found "fatl", wanted one of {", ".join(MEANINGS)} (did you mean fatal?)',
                "hooks[0].exec: found [], wanted a list of strings, the executable first",
                'hooks[1]: found 5, wanted an object, like {"on": "fatal", "exec": ["page-somebody"]}',
                f"hooks[2].on: found no such key, wanted one of {', '.join(MEANINGS)}, or a list of them",
                'hooks[2].timeout: found 0, wanted a time above 0, like 10 or "1m"',
            ],
        ),
        ({"groups": []}, ['groups: found [], wanted an object by label, like {"web": {"strategy": "one_for_all"}}']),
        ({"groups": {"a\nb": 1}}, ['groups["a\\nb"]: found 1, wanted an object, like {"strategy": "one_for_all"}']),
        ({"groups": {"a": 1}}, ['groups.a: found 1, wanted an object, like {"strategy": "one_for_all"}']),
        (
            {"groups": {"a": {"strategy": "all", "attempts": 0}, "b": {"windows": 1}}, "reader": 1},
            [
                'groups.a.strategy: found "all", wanted "one_for_one", "one_for_all" or "rest_for_one"',
                "groups.a.attempts: found 0, wanted a whole number from 1 up to 100000",
                (
                    'groups.b: found the unknown key "windows", wanted one of strategy, attempts, window'
                    " (did you mean window?)"
                ),
                'found the unknown key "reader", wanted one of readers, groups, hooks, metrics (did you mean readers?)',
            ],
        ),
    ],
)
def test_every_mistake_is_told(value: dict[str, object], problems: list[str]) -> None:
    """With its place, what was found and what is wanted; a key nobody knows is a mistake here."""
    spec, found = check_colony(value)
    assert spec is None
    assert [str(problem) for problem in found] == problems


@pytest.mark.parametrize("value", [{"metrics": 1}, {"hooks": [{}] * 1000}], ids=["metrics", "hooks"])
def test_what_is_no_object_and_what_is_too_much_is_refused(value: dict[str, object]) -> None:
    """With the key that it is about."""
    spec, (problem, *_) = check_colony(value)
    assert spec is None
    assert problem.key in value
