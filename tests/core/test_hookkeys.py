"""The keys `hooks` and `metrics` of a colony's file, as they are held."""

from __future__ import annotations

import pytest

from ncolony.core.colonykeys import check_colony
from ncolony.core.hookkeys import MAX_HOOKS, MEANINGS, HookRule
from ncolony.core.metrickeys import MetricsFile


def complaints(**value: object) -> list[str]:
    """Return what is wrong with a colony's file."""
    spec, problems = check_colony(value)
    assert spec is None
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ({"on": "fatal", "exec": ["x", "y"]}, HookRule(("fatal",), ("x", "y"), None, 30.0)),
        (
            {"on": ["fatal", "ended", "fatal"], "exec": ["x"], "programs": ["web-*", "@a"], "timeout": "1m"},
            HookRule(("fatal", "ended"), ("x",), ("web-*", "@a"), 60.0),
        ),
        ({"on": list(MEANINGS), "exec": ["x"], "programs": []}, HookRule(tuple(MEANINGS), ("x",), ())),
    ],
)
def test_a_hook_is_held(value: object, rule: HookRule) -> None:
    """On one event or several, each once."""
    spec, problems = check_colony({"hooks": [value]})
    assert spec is not None, problems
    assert spec.hooks == (rule,)


def test_the_words_for_what_happens_are_those_of_the_reference() -> None:
    """They stand in people's files."""
    assert list(MEANINGS) == [
        "started", "ready", "restarted", "failed", "ended", "exited", "backoff", "fatal", "unhealthy", "killed",
        "stopped", "reloaded", "reload-failed",
    ]  # fmt: skip


def test_there_may_be_a_hundred_hooks() -> None:
    """And no more: each of them is looked at with each event."""
    hooks = [{"on": "fatal", "exec": ["x"]}] * MAX_HOOKS
    spec, _ = check_colony({"hooks": hooks})
    assert spec is not None
    assert len(spec.hooks) == MAX_HOOKS
    assert complaints(hooks=[*hooks, hooks[0]]) == ["hooks: found 101 of them, wanted at most 100 hooks"]


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ({"on": [], "exec": ["x"]}, f"hooks[0].on: found [], wanted one of {', '.join(MEANINGS)}, or a list of them"),
        ({"on": ["fatal", 7], "exec": ["x"]}, f"hooks[0].on[1]: found 7, wanted one of {', '.join(MEANINGS)}"),
        ({"on": "soon", "exec": ["x"]}, f'hooks[0].on: found "soon", wanted one of {", ".join(MEANINGS)}'),
        ({"on": "fatal"}, "hooks[0].exec: found no such key, wanted a list of strings, the executable first"),
        (
            {"on": "fatal", "exec": ["x"], "programs": ["web", 3]},
            "hooks[0].programs[1]: found 3, wanted a name, a pattern or a label",
        ),
        (
            {"on": "fatal", "exec": ["x"], "programs": ["web", ""]},
            'hooks[0].programs[1]: found "", wanted a string that is not empty',
        ),
        (
            {"on": "fatal", "exec": ["x"], "program": "web"},
            (
                'hooks[0]: found the unknown key "program", wanted one of on, programs, exec, timeout'
                " (did you mean programs?)"
            ),
        ),
    ],
)
def test_what_is_no_hook_is_refused(hook: object, words: str) -> None:
    """With the place, what was found and what is wanted."""
    assert complaints(hooks=[hook]) == [words]


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ({"file": "/run/n.prom"}, MetricsFile("/run/n.prom", 15.0)),
        ({"file": "/n", "every": 1}, MetricsFile("/n", 1.0)),
    ],
)
def test_a_file_of_metrics_is_held(value: object, held: MetricsFile) -> None:
    """Every quarter of a minute, where nothing is said."""
    spec, problems = check_colony({"metrics": value})
    assert spec is not None, problems
    assert spec.metrics == held


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"every": 5}, 'metrics: found {"every": 5}, wanted the full path of a file as `file`'),
        ({"file": "n.prom"}, 'metrics.file: found "n.prom", wanted the full path of a file'),
        ({"file": "/run/"}, 'metrics.file: found "/run/", wanted the full path of a file'),
        ({"file": "/n", "every": 0.9}, 'metrics.every: found 0.9, wanted a time from 1 s on, like "30s"'),
        ({"file": "/n", "evry": 1},
         'metrics: found the unknown key "evry", wanted one of file, every (did you mean every?)'),
        (5, 'metrics: found 5, wanted an object, like {"file": "/var/lib/node_exporter/ncolony.prom"}'),
    ],
)  # fmt: skip
def test_what_is_no_file_of_metrics_is_refused(value: object, words: str) -> None:
    """With the place, what was found and what is wanted."""
    assert complaints(metrics=value) == [words]
