"""Every key of a program's file: what is taken, what is refused, and with which words."""

from __future__ import annotations

import contextlib
import json
from signal import SIGHUP, SIGINT, SIGTERM, SIGUSR1
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ncolony.core.check import Checked, check
from ncolony.core.keys import KEYS, RESTART_KEYS, STOP_KEYS
from ncolony.core.limitkeys import LIMIT_KEYS
from ncolony.core.names import WANTED as NAME
from ncolony.core.parse import NotAnObject, parse
from ncolony.core.program import Defaults, Need, Program, RestartPolicy, StopPolicy
from ncolony.core.readers import MAX_SECONDS

if TYPE_CHECKING:
    from ncolony.core.keyspec import Key


def checked(value: dict[str, object], name: str = "web", defaults: Defaults = Defaults()) -> Checked:  # noqa: B008
    """Check an object as if it had been read from a file."""
    return check(name, json.dumps(value), value, defaults)


def made(**keys: object) -> Program:
    """Return the program of these keys; there must be no problem with them."""
    result = checked({"args": ["web"], **keys})
    assert result.problems == ()
    assert result.program is not None
    return result.program


def complaints(**keys: object) -> list[str]:
    """Return what is said of these keys."""
    result = checked({"args": ["web"], **keys})
    assert result.program is None
    return [str(problem) for problem in result.problems]


# Good values ----------------------------------------------------------------------------------------------------------


def test_the_smallest_description_is_a_command_line() -> None:
    """All else has a default."""
    assert made() == Program(name="web", args=("web",), text='{"args": ["web"]}')


@pytest.mark.parametrize(
    ("key", "value", "field", "held"),
    [
        ("args", ["python", "-m", "", "ü🚀"], "args", ("python", "-m", "", "ü🚀")),
        ("env", {}, "env", ()),
        ("env", {"B": "2", "A": "", "C": "a=b\n"}, "env", (("A", ""), ("B", "2"), ("C", "a=b\n"))),
        ("env_inherit", [], "env_inherit", ()),
        ("env_inherit", ["PATH", "HOME", "PATH"], "env_inherit", ("PATH", "HOME")),
        ("uid", 0, "uid", 0),
        ("uid", 2**32 - 2, "uid", 2**32 - 2),
        ("uid", "www-data", "uid", "www-data"),
        ("gid", 1000, "gid", 1000),
        ("gid", "1000", "gid", "1000"),
        ("group", ["a", "b", "a"], "labels", ("a", "b")),
        ("group", [], "labels", ()),
        ("cwd", "/srv", "cwd", "/srv"),
        ("umask", "022", "umask", 0o22),
        ("umask", "0022", "umask", 0o22),
        ("umask", "0o077", "umask", 0o77),
        ("umask", "7", "umask", 0o7),
        ("instances", 1, "instances", 1),
        ("instances", 100_000, "instances", 100_000),
        ("autostart", False, "autostart", False),
        ("autostart", True, "autostart", True),
        ("restart", "transient", "restart", RestartPolicy(policy="transient")),
        ("restart", "temporary", "restart", RestartPolicy(policy="temporary")),
        ("restart", {}, "restart", RestartPolicy()),
        ("restart", {"policy": "permanent", "attempts": 1}, "restart", RestartPolicy(attempts=1)),
        ("restart", {"ok_exits": [3, 0, "TERM", 3]}, "restart", RestartPolicy(ok_exits=(-15, 0, 3))),
        ("restart", {"ok_exits": []}, "restart", RestartPolicy(ok_exits=())),
        ("restart", {"threshold": 0}, "restart", RestartPolicy(threshold=0.0)),
        (
            "restart",
            {"min_delay": "500ms", "max_delay": "1m30s"},
            "restart",
            RestartPolicy(min_delay=0.5, max_delay=90.0),
        ),
        ("restart", {"min_delay": 2, "max_delay": 2}, "restart", RestartPolicy(min_delay=2.0, max_delay=2.0)),
        ("restart", {"attempts": 5, "window": "1m"}, "restart", RestartPolicy(attempts=5, window=60.0)),
        ("restart", {"attempts": 1000, "window": 1}, "restart", RestartPolicy(attempts=1000, window=1.0)),
        ("priority", 1_000_000, "priority", 1_000_000),
        ("priority", -1_000_000, "priority", -1_000_000),
        ("restart", {"jitter": 0}, "restart", RestartPolicy(jitter=0.0)),
        ("env_files", ["/etc/web", "-/run/web"], "env_files", ("/etc/web", "-/run/web")),
        ("restart", {"jitter": 1}, "restart", RestartPolicy(jitter=1.0)),
        ("needs", {}, "needs", ()),
        ("needs", {"db": "ready", "a": "started"}, "needs", (Need("a", "started"), Need("db", "ready"))),
        (
            "needs",
            {f"db{number:03}": "done" for number in range(1000)},
            "needs",
            tuple(Need(f"db{number:03}", "done") for number in range(1000)),
        ),
        ("needs", {"db": {}}, "needs", (Need("db", "ready", "stop"),)),
        ("needs", {"db": {"is": "done", "on_loss": "ignore"}}, "needs", (Need("db", "done", "ignore"),)),
        ("priority", -5, "priority", -5),
        ("critical", True, "critical", True),
        ("stop", {}, "stop", StopPolicy()),
        ("stop", {"signal": "INT"}, "stop", StopPolicy(signal=SIGINT)),
        ("stop", {"signal": "sigusr1"}, "stop", StopPolicy(signal=SIGUSR1)),
        ("stop", {"signal": 1}, "stop", StopPolicy(signal=SIGHUP)),
        ("stop", {"timeout": 0, "scope": "process"}, "stop", StopPolicy(timeout=0.0, scope="process")),
        ("stop", {"scope": "group"}, "stop", StopPolicy(scope="group")),
        ("stop", {"scope": "tree"}, "stop", StopPolicy(scope="tree")),
    ],
)
def test_a_good_value_is_held(key: str, value: object, field: str, held: object) -> None:
    """Each key, in each way that it can be written."""
    assert getattr(made(**{key: value}), field) == held


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0), (1, 1.0), (0.25, 0.25), ("0s", 0.0), ("500ms", 0.5), ("10s", 10.0), ("1.5s", 1.5), ("2m", 120.0),
        ("1h", 3600.0), ("1d", 86400.0), ("1m30s", 90.0), ("1h2m3s4ms", 3723.004), (MAX_SECONDS, MAX_SECONDS),
        ("36500d", MAX_SECONDS), (1e-320, 1e-320), ("0" * 98 + "1s", 1.0), ("1m1ms", 60.001),
    ],
)  # fmt: skip
def test_a_duration_is_seconds_or_text_with_units(written: object, seconds: float) -> None:
    """10 means 10 s everywhere; who writes "500ms" is understood."""
    assert made(stop={"timeout": written}).stop.timeout == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        -1, -0.5, True, None, [], {}, "", "5", "s", "5 s", " 5s", "5s ", "5s\n", "5S", "-5s", "+5s", "1e3s", ".5s",
        "5.s", "5sec", "1m 30s", "٣s", "nan", "infs", 1e300, float("inf"), 10**400, -(10**400), "36501d",
        "9" * 90 + "s", "1s" * 51, "0" * 99 + "1s", "5x", "x5s", "5xs", "1.2.3s", MAX_SECONDS * 1.001,
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: object) -> None:
    """A time that is misread kills too early or never."""
    (complaint,) = complaints(stop={"timeout": written})
    assert complaint.startswith("stop.timeout: found ")
    assert complaint.endswith(', wanted a time: seconds, or a string like "500ms" or "1m30s"')


# Bad values -----------------------------------------------------------------------------------------------------------

ARGS = "a list of strings, the executable first"
VARIABLE = 'the name of a variable, which has no "=" in it'
POLICIES = '"permanent", "transient" or "temporary"'
SIGNAL = 'a signal, by name or number, like "SIGINT"'
CONDITIONS = '"started", "ready" or "done"'
END = "an exit code (0 to 255) or the name of a signal"
ENDS = 'a list of exit codes (0 to 255) and names of signals, like [0, 3, "SIGTERM"]'
INNER_KEYS = "policy, ok_exits, threshold, min_delay, max_delay, attempts, window, jitter"
DURATION = 'a time: seconds, or a string like "500ms" or "1m30s"'
STOP = 'an object, like {"signal": "SIGINT", "timeout": "10s"}'


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("args", "web", f'args: found "web", wanted {ARGS}'),
        ("args", None, f"args: found null, wanted {ARGS}"),
        ("args", [], f"args: found [], wanted {ARGS}"),
        ("args", ["", "x"], f'args: found ["", "x"], wanted {ARGS}'),
        ("args", ["web", "-p", 80], "args[2]: found 80, wanted a string"),
        ("args", ["web", "a\0b"], 'args[1]: found "a\\u0000b", wanted text without NUL'),
        ("args", ["\ud800"], 'args[0]: found "\\ud800", wanted text without halves of surrogate pairs'),
        ("env", ["A=1"], 'env: found ["A=1"], wanted an object of strings'),
        ("env", {"A": "1", "PORT": 80}, 'env["PORT"]: found 80, wanted a string'),
        ("env", {"A": None}, 'env["A"]: found null, wanted a string'),
        ("env", {"A": "\0"}, 'env["A"]: found "\\u0000", wanted text without NUL'),
        ("env", {"A=B": "1"}, f'env: found "A=B", wanted {VARIABLE}'),
        ("env", {"": "1"}, 'env: found "", wanted a string that is not empty'),
        ("env", {"A\0": "1"}, 'env: found "A\\u0000", wanted text without NUL'),
        ("env_inherit", "PATH", 'env_inherit: found "PATH", wanted a list of names of variables'),
        ("env_inherit", ["PATH", 1], f"env_inherit[1]: found 1, wanted {VARIABLE}"),
        ("env_inherit", ["A=1"], f'env_inherit[0]: found "A=1", wanted {VARIABLE}'),
        ("env_inherit", None, "env_inherit: found null, wanted a list of names of variables"),
        ("uid", -1, "uid: found -1, wanted a user, by number or name"),
        ("uid", 2**32 - 1, "uid: found 4294967295, wanted a user, by number or name"),
        ("uid", True, "uid: found true, wanted a user, by number or name"),
        ("uid", 1.0, "uid: found 1.0, wanted a user, by number or name"),
        ("uid", "", 'uid: found "", wanted a string that is not empty'),
        ("gid", [], "gid: found [], wanted a group, by number or name"),
        ("gid", 10**30, "gid: found 1000000000000000000000000000000, wanted a group, by number or name"),
        ("group", "a", 'group: found "a", wanted a list of labels'),
        ("group", ["a", ""], 'group[1]: found "", wanted a string that is not empty'),
        ("group", [1], "group[0]: found 1, wanted a string"),
        ("cwd", 1, "cwd: found 1, wanted the path of a directory"),
        ("cwd", "", 'cwd: found "", wanted a string that is not empty'),
        ("cwd", "/\0", 'cwd: found "/\\u0000", wanted text without NUL'),
        ("umask", 22, 'umask: found 22, wanted a string of up to three octal digits, like "022"'),
        ("umask", "8", 'umask: found "8", wanted a string of up to three octal digits, like "022"'),
        ("umask", "0777777", 'umask: found "0777777", wanted a string of up to three octal digits, like "022"'),
        ("umask", "7x", 'umask: found "7x", wanted a string of up to three octal digits, like "022"'),
        ("umask", "x7", 'umask: found "x7", wanted a string of up to three octal digits, like "022"'),
        ("umask", "22\n", 'umask: found "22\\n", wanted a string of up to three octal digits, like "022"'),
        ("instances", 0, "instances: found 0, wanted a whole number from 1 up to 100000"),
        ("instances", 100_001, "instances: found 100001, wanted a whole number from 1 up to 100000"),
        ("instances", True, "instances: found true, wanted a whole number from 1 up to 100000"),
        ("instances", 2.0, "instances: found 2.0, wanted a whole number from 1 up to 100000"),
        ("instances", "2", 'instances: found "2", wanted a whole number from 1 up to 100000'),
        ("autostart", 1, "autostart: found 1, wanted true or false"),
        ("autostart", "yes", 'autostart: found "yes", wanted true or false'),
        ("autostart", None, "autostart: found null, wanted true or false"),
        ("restart", "always", f'restart: found "always", wanted {POLICIES}, or an object with `policy` and more'),
        ("restart", True, f"restart: found true, wanted {POLICIES}, or an object with `policy` and more"),
        ("restart", {"policy": "always"}, f'restart.policy: found "always", wanted {POLICIES}'),
        ("restart", {"policy": None}, f"restart.policy: found null, wanted {POLICIES}"),
        ("restart", {"attempts": 0}, "restart.attempts: found 0, wanted a whole number from 1 up to 100000"),
        ("restart", {"window": 0}, 'restart.window: found 0, wanted a time above 0, like 60 or "10m"'),
        ("restart", {"window": 60}, "restart.window: found no attempts, wanted attempts from 1 to 1000 with it"),
        (
            "restart",
            {"window": 60, "attempts": 1001},
            "restart.window: found 1001 attempts, wanted attempts from 1 to 1000 with it",
        ),
        ("priority", 1_000_001, "priority: found 1000001, wanted a whole number from -1000000 to 1000000"),
        ("priority", -1_000_001, "priority: found -1000001, wanted a whole number from -1000000 to 1000000"),
        ("restart", {"jitter": 2}, "restart.jitter: found 2, wanted a number from 0 to 1"),
        ("restart", {"jitter": True}, "restart.jitter: found true, wanted a number from 0 to 1"),
        ("needs", ["db"], 'needs: found ["db"], wanted an object by program, like {"db": "ready"}'),
        (
            "needs",
            {"db": "healthy"},
            f'needs.db: found "healthy", wanted {CONDITIONS}, or an object with `is` and `on_loss`',
        ),
        (
            "needs",
            {"db": ["ready"]},
            f'needs.db: found ["ready"], wanted {CONDITIONS}, or an object with `is` and `on_loss`',
        ),
        ("needs", {"db": {"is": True}}, f"needs.db.is: found true, wanted {CONDITIONS}"),
        ("needs", {"db": {"on_loss": "die"}}, 'needs.db.on_loss: found "die", wanted "ignore", "restart" or "stop"'),
        (
            "needs",
            {"db": {"onloss": 1}},
            'needs.db: found the unknown key "onloss", wanted one of is, on_loss (did you mean on_loss?)',
        ),
        (
            "needs",
            {f"p{number}": "ready" for number in range(1001)},
            "needs: found 1001 of them, wanted at most 1000 programs",
        ),
        ("needs", {"a/b": "ready"}, f'needs: found "a/b", wanted {NAME}'),
        ("priority", "first", 'priority: found "first", wanted a whole number from -1000000 to 1000000'),
        ("critical", 1, "critical: found 1, wanted true or false"),
        ("restart", {"min_delay": "x"}, f'restart.min_delay: found "x", wanted {DURATION}'),
        ("restart", {"max_delay": "x"}, f'restart.max_delay: found "x", wanted {DURATION}'),
        ("restart", {"threshold": True}, f"restart.threshold: found true, wanted {DURATION}"),
        (
            "restart",
            {"ok_exits": 0},
            f"restart.ok_exits: found 0, wanted {ENDS}",
        ),
        ("restart", {"ok_exits": [0, 256]}, f"restart.ok_exits[1]: found 256, wanted {END}"),
        ("restart", {"ok_exits": [False]}, f"restart.ok_exits[0]: found false, wanted {END}"),
        ("restart", {"ok_exits": ["TERMINATE"]}, f'restart.ok_exits[0]: found "TERMINATE", wanted {END}'),
        (
            "restart",
            {"min_delay": 10, "max_delay": "5s"},
            "restart: found min_delay 10 s above max_delay 5 s, wanted min_delay not above max_delay",
        ),
        (
            "restart",
            {"max_delay": 0.5},
            "restart: found min_delay 1 s above max_delay 0.5 s, wanted min_delay not above max_delay",
        ),
        (
            "restart",
            {"polcy": "transient"},
            f'restart: found the unknown key "polcy", wanted one of {INNER_KEYS} (did you mean policy?)',
        ),
        ("stop", "INT", f'stop: found "INT", wanted {STOP}'),
        ("stop", None, f"stop: found null, wanted {STOP}"),
        ("stop", {"signal": "BOO"}, f'stop.signal: found "BOO", wanted {SIGNAL}'),
        ("stop", {"signal": ""}, f'stop.signal: found "", wanted {SIGNAL}'),
        ("stop", {"signal": "SIG_DFL"}, f'stop.signal: found "SIG_DFL", wanted {SIGNAL}'),
        ("stop", {"signal": 0}, f"stop.signal: found 0, wanted {SIGNAL}"),
        ("stop", {"signal": 1000}, f"stop.signal: found 1000, wanted {SIGNAL}"),
        ("stop", {"signal": True}, f"stop.signal: found true, wanted {SIGNAL}"),
        ("stop", {"signal": 15.0}, f"stop.signal: found 15.0, wanted {SIGNAL}"),
        (
            "stop",
            {"scope": "all"},
            'stop.scope: found "all", wanted "tree", "group" or "process"',
        ),
        ("stop", {"grace": 1}, 'stop: found the unknown key "grace", wanted one of signal, timeout, scope'),
        (
            "stop",
            {"timeuot": 1},
            'stop: found the unknown key "timeuot", wanted one of signal, timeout, scope (did you mean timeout?)',
        ),
    ],
)
def test_a_bad_value_is_refused_in_words_that_help(key: str, value: object, complaint: str) -> None:
    """Where, what was found, what is wanted: enough to mend the file without the manual."""
    assert complaints(**{key: value}) == [complaint]


def test_no_command_line_is_a_problem() -> None:
    """The one key that has to be there."""
    result = checked({})
    assert result.program is None
    assert [str(problem) for problem in result.problems] == [f"args: found no such key, wanted {ARGS}"]


def test_all_problems_are_told_at_once() -> None:
    """Nobody wants to mend a file once for each of its mistakes."""
    result = checked(
        {"uid": -1, "stop": {"signal": "BOO", "grace": 1}, "restart": {"attempts": 0}, "log": {}}, name="a/b"
    )
    assert [problem.key for problem in result.problems] == [
        "name", "uid", "stop.signal", "stop", "restart.attempts", "log", "args",
    ]  # fmt: skip
    assert result.program is None


def test_a_problem_is_one_printable_line_of_bearable_length() -> None:
    """It goes to a log and to a terminal."""
    (complaint,) = complaints(cwd=["\x1b[2J\n" * 1000])
    assert complaint.isprintable()
    assert len(complaint) < 120


# Names, defaults, the author's own keys -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a/b", "..", "a" * 300, "web.new", ""])
def test_an_impossible_name_is_a_problem_like_any_other(name: str) -> None:
    """Bug 69: a file may be called so by accident, or the name may come from another door."""
    result = checked({"args": ["web"]}, name=name)
    assert result.program is None
    assert [problem.key for problem in result.problems] == ["name"]


def test_the_colonys_defaults_hold_where_the_file_is_silent() -> None:
    """-t, -k, -m and -M are for all programs that do not say otherwise, key by key."""
    defaults = Defaults(RestartPolicy(threshold=3.0, min_delay=2.0, max_delay=9.0), StopPolicy(timeout=7.0))
    result = checked({"args": ["web"], "restart": {"min_delay": 4}, "stop": {"signal": "INT"}}, defaults=defaults)
    assert result.program is not None
    assert result.program.restart == RestartPolicy(threshold=3.0, min_delay=4.0, max_delay=9.0)
    assert result.program.stop == StopPolicy(signal=SIGINT, timeout=7.0)
    short = checked({"args": ["web"], "restart": "transient"}, defaults=defaults).program
    assert short is not None
    assert short.restart == RestartPolicy("transient", threshold=3.0, min_delay=2.0, max_delay=9.0)


def test_the_defaults_of_keys_and_records_are_the_same() -> None:
    """Two places that say one thing; the reference in docs/ is made of the first."""
    assert {key.name for key in RESTART_KEYS} == set(RestartPolicy.__match_args__)
    assert {key.name for key in STOP_KEYS} == set(StopPolicy.__match_args__)
    assert (RestartPolicy().policy, RestartPolicy().ok_exits, StopPolicy().signal) == ("permanent", (0,), SIGTERM)
    fields = set(Program.__match_args__)
    assert {key.field or key.name for key in KEYS} <= fields


@pytest.mark.parametrize("key", [*KEYS, *RESTART_KEYS, *STOP_KEYS, *LIMIT_KEYS], ids=lambda key: key.name)
def test_every_key_can_be_explained(key: Key) -> None:
    """The reference, the messages and `ctl add` all read these words."""
    assert key.wanted
    assert key.meaning.endswith(".")


def test_the_authors_own_keys_are_kept_in_one_form() -> None:
    """Equal text, equal meaning: so that their order and spacing restart nothing."""
    one = made(port=80, options={"b": [1, None], "a": "ü"})
    other = made(options={"a": "ü", "b": [1, None]}, port=80)
    assert one.extras == other.extras == '{"options":{"a":"\\u00fc","b":[1,null]},"port":80}'
    assert made().extras == "{}"


def test_the_text_is_kept_as_it_was_written() -> None:
    """The program reads it from NCOLONY_CONFIG, comments in values and all."""
    text = '{ "args" : ["web"] }\n'
    program = check("web", text, json.loads(text), Defaults()).program
    assert program is not None
    assert program.text == text


@pytest.mark.parametrize(
    ("own", "meant"),
    [("agrs", "args"), ("enviro", None), ("instance", "instances"), ("Umask", "umask"), ("port", None)],
)
def test_a_key_that_looks_like_one_of_ours_is_warned_about(own: str, meant: str | None) -> None:
    """It may be the author's own; more often it is a slip of the fingers."""
    result = checked({"args": ["web"], own: 1})
    assert result.program is not None
    assert result.warnings == ((f'the key "{own}" is not one of ours; did you mean {meant}?',) if meant else ())


def test_a_slip_of_the_fingers_is_hinted_at_beside_the_error_it_led_to() -> None:
    """`arg` for `args` is found as a missing key; the warning is what explains it."""
    result = checked({"arg": ["web"]})
    assert [problem.key for problem in result.problems] == ["args"]
    assert result.warnings == ('the key "arg" is not one of ours; did you mean args?',)


def test_thousands_of_own_keys_hold_nothing_up() -> None:
    """Only the first few hundred are looked at for slips; comparing sixty thousand took ten seconds."""
    value: dict[str, object] = {"args": ["web"], **{f"key{n}": n for n in range(60_000)}}
    began = process_time()
    assert checked(value).program is not None
    assert process_time() - began < 3.0


@pytest.mark.parametrize("written", ["7" * 900_000, "1s" * 450_000, "7" * 900_000 + "s"])
def test_a_huge_duration_holds_nothing_up(written: str) -> None:
    """A search that goes back over a million digits again and again takes minutes."""
    began = process_time()
    assert len(complaints(stop={"timeout": written})) == 1
    assert process_time() - began < 3.0


# Whatever comes -------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES_OF_KEYS = st.sampled_from([key.name for key in KEYS]) | st.text(max_size=8)
INNER = st.dictionaries(
    st.sampled_from([key.name for key in (*RESTART_KEYS, *STOP_KEYS)]) | st.text(max_size=5), JSON, max_size=4
)


@given(st.text(max_size=8), st.dictionaries(NAMES_OF_KEYS, JSON | INNER, max_size=6))
def test_any_object_is_a_program_or_problems(name: str, value: dict[str, object]) -> None:
    """Never an exception, never both, never neither; and all that is said can be printed."""
    result = checked(value, name=name)
    assert (result.program is None) == bool(result.problems)
    assert all(str(problem).isprintable() for problem in result.problems)
    assert all(warning.isprintable() for warning in result.warnings)


@given(st.binary())
@example(b"{}")
def test_any_bytes_are_a_program_or_are_refused(data: bytes) -> None:
    """From the file to the program there is one exception to catch."""
    with contextlib.suppress(NotAnObject):
        text, value = parse(data)
        assert isinstance(check("web", text, value, Defaults()), Checked)


@given(st.dictionaries(NAMES_OF_KEYS, JSON | INNER, max_size=6))
def test_what_was_checked_can_be_handed_to_the_operating_system(value: dict[str, object]) -> None:
    """No NUL, no half letters, no number out of range gets as far as exec."""
    program = checked({**value, "args": ["web"]}).program or made()
    handed = [
        *program.args,
        *(part for pair in program.env for part in pair),
        *(program.env_inherit or ()),
        program.cwd,
    ]
    for item in handed:
        assert "\0" not in (item or "")
        (item or "").encode()
    assert program.umask is None or 0 <= program.umask <= 0o777
    assert 0 <= program.stop.timeout <= MAX_SECONDS
