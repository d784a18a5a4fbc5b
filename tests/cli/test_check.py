"""``ncolony check`` as a process: what it finds, in which words, and what it exits with."""

import json
import os
import sys
from pathlib import Path

import pytest

from ncolony.core import schema
from tests.cli.places import ncolony_process

SLEEP = ["/bin/sleep", "1000"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with an empty conf/."""
    (tmp_path / "conf").mkdir()
    return tmp_path


def put(folder, name, value):
    """Write a file, as text or as an object."""
    (folder / "conf" / name).write_text(value if isinstance(value, str) else json.dumps(value))


def check(folder, *words, status=0):
    """Run the verb in the folder, and return the lines on its standard output."""
    done = ncolony_process("check", *words, cwd=folder)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_good_files_are_fine(folder):
    """Without messages/, without a supervisor; a conf directory says the same as the folder that it is in."""
    put(folder, "web", {"args": SLEEP, "theirs": 1})
    put(folder, ".colony", {"groups": {"all": {"strategy": "one_for_all"}}})
    put(folder, "web.new", "half a fi")
    for words in ((), (".",), ("conf",), (folder,)):
        assert check(folder, *words) == ["2 files, nothing wrong"]
    assert check(folder, "conf/web") == ["1 file, nothing wrong"]


def test_all_that_is_wrong_is_told_at_once(folder):
    """Bug 44: every mistake of every file on a line of its own, with what was probably meant; the status says so."""
    put(folder, "api", {"args": SLEEP, "stop": {"signal": "TERMM", "scope": "three"}})
    put(folder, "broken", '{"args": ["a"],')
    put(folder, "web", {"args": SLEEP, "needs": {"databse": "ready", "broken": "ready"}})
    put(folder, ".colony", {"groups": {"all": {"strategy": "all_for_one"}}})
    lines = check(folder, status=2)
    assert len(lines) == 5
    assert lines[0].startswith('conf/.colony: groups.all.strategy: found "all_for_one", wanted "one_for_one"')
    assert lines[1] == (
        'conf/api: stop.signal: found "TERMM", wanted a signal, by name or number, like "SIGINT"'
        " (did you mean SIGTERM?)"
    )
    assert lines[2].endswith('found "three", wanted "tree", "group" or "process" (did you mean tree?)')
    assert lines[3].startswith("conf/broken: found text that is not JSON (")
    assert lines[4].startswith('conf/web: needs.databse: found the unknown program "databse", wanted the name of a')


def test_cycles_and_shared_addresses_are_told_of_directories_and_not_of_files_alone(folder):
    """One file says nothing of the others."""
    for name, other in (("a", "b"), ("b", "a")):
        put(folder, name, {"args": SLEEP, "needs": {other: "ready"}, "sockets": {"x": "tcp://127.0.0.1:8080"}})
    lines = check(folder, status=2)
    assert lines[0].startswith("conf/a: needs: found a cycle, a -> b -> a, ")
    assert any('which "a" has as well' in line and line.startswith("conf/b: ") for line in lines)
    assert check(folder, "conf/a", "conf/b") == ["2 files, nothing wrong"]


def test_what_this_machine_does_not_have_is_a_warning(folder):
    """Of each kind; --strict takes it for an error."""
    put(folder, "user", {"args": SLEEP, "uid": "nosuchuser"})
    put(folder, "group", {"args": SLEEP, "gid": "nosuchgroup"})
    put(folder, "cwd", {"args": ["./run"], "cwd": "/nosuch"})
    put(folder, "inside", {"args": ["./nosuch"], "cwd": "/"})
    put(folder, "path", {"args": ["nosuch"], "env": {"PATH": "/bin"}})
    put(folder, "plain", {"args": [str(folder / "conf" / "plain")]})
    put(folder, "files", {"args": SLEEP, "log": {"file": "/nosuch/log"}, "sockets": {"a": "unix:///nosuch/socket"}})
    put(folder, "key", {"args": SLEEP, "evn": {}})
    put(folder, "relative", {"args": ["./wherever-the-supervisor-runs"]})
    put(folder, "zone", {"args": SLEEP, "schedule": {"cron": "@daily", "zone": "Mars/Base"}})
    put(folder, ".colony", {"readers": "nosuchgroup"})
    lines = check(folder)
    assert check(folder, "--strict", status=2) == [line.replace("warning: ", "") for line in lines]
    assert lines == [
        "conf/.colony: warning: readers: no such group: 'nosuchgroup'",
        "conf/cwd: warning: cwd: bad cwd: there is no directory '/nosuch'",
        "conf/files: warning: log: there is no directory '/nosuch' for '/nosuch/log'",
        "conf/files: warning: sockets: there is no directory '/nosuch' for '/nosuch/socket'",
        "conf/group: warning: gid: no such group: 'nosuchgroup'",
        "conf/inside: warning: args: no such file: '/nosuch'",
        'conf/key: warning: the key "evn" is not one of ours; did you mean env?',
        "conf/path: warning: args: no such file: 'nosuch' is not on its PATH (/bin)",
        f"conf/plain: warning: args: {lines[8].split('args: ')[1]}",
        "conf/user: warning: uid: no such user: 'nosuchuser'",
        (
            "conf/zone: warning: schedule.zone: cannot use the time zone 'Mars/Base': this system does not know it;"
            " install its tzdata, or the Python package of that name"
        ),
    ]
    assert "not executable" in lines[8]


def test_what_cannot_be_rotated_is_an_error(folder):
    """As the supervisor has it."""
    os.mkfifo(folder / "pipe")
    put(folder, "web", {"args": SLEEP, "log": {"file": str(folder / "pipe"), "max_bytes": "10MB"}})
    (line,) = check(folder, status=2)
    assert "which is no regular file and cannot be rotated" in line


@pytest.mark.parametrize("words", [["nosuch"], ["conf/nosuch"], ["--schema", "conf"], ["--schema", "--colony-schema"]])
def test_what_cannot_be_checked_is_told(folder, words):
    """On one line, with status 2."""
    done = ncolony_process("check", *words, cwd=folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_what_is_no_file_is_told_and_nothing_hangs(folder):
    """A directory, a pipe that nobody writes to, a file that nobody may read, a name that no program can have."""
    (folder / "conf" / "directory").mkdir()
    os.mkfifo(folder / "conf" / "pipe")
    put(folder, "-name", {"args": SLEEP})
    put(folder, "closed", {"args": SLEEP})
    (folder / "conf" / "closed").chmod(0)
    lines = check(folder, status=2)
    assert [line.split(": ")[0] for line in lines if "closed" not in line] == [
        "conf/-name", "conf/directory", "conf/pipe",
    ]  # fmt: skip
    assert "found a directory, wanted one JSON object" in lines[-2]


def test_json_has_all_of_it(folder):
    """For scripts: what, where, how bad."""
    put(folder, "web", {"args": SLEEP, "umask": 22, "evn": {}})
    answer = json.loads("\n".join(check(folder, "--json", status=2)))
    assert answer == {
        "ok": False,
        "files": 1,
        "findings": [
            {
                "file": "conf/web",
                "severity": "error",
                "message": 'umask: found 22, wanted a string of up to three octal digits, like "022"',
                "key": "umask",
                "found": "22",
                "wanted": 'a string of up to three octal digits, like "022"',
            },
            {
                "file": "conf/web",
                "severity": "warning",
                "message": 'the key "evn" is not one of ours; did you mean env?',
            },
        ],
    }


def test_the_example_of_the_page_is_what_is_printed(folder):
    """A reader of docs/check.md sees what happens."""
    put(folder, "api", {"args": SLEEP, "needs": {"databse": "ready"}})
    put(folder, "database", {"args": SLEEP})
    put(folder, "web", {"args": SLEEP, "stop": {"signal": "TERMM"}, "evn": {}})
    done = ncolony_process("check", cwd=folder)
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    shown = page.split("    $ ncolony check\n")[1].split("\n\n")[0]
    assert [f"    {line}" for line in (done.stdout + done.stderr).splitlines()] == shown.splitlines()


def test_the_schemas_are_printed(tmp_path):
    """Also where there is no colony; they are those in docs/."""
    for option, made in (("--schema", schema.program()), ("--colony-schema", schema.colony())):
        done = ncolony_process("check", option, cwd=tmp_path)
        assert (done.returncode, json.loads(done.stdout)) == (0, json.loads(json.dumps(made)))


def test_nothing_that_is_dear_is_imported(folder):
    """A check before every commit has to be quick: no Twisted, nothing of a supervisor's."""
    put(folder, "web", {"args": SLEEP})
    code = (
        "import sys; from ncolony.cli.main import main; status = main(['check', 'conf']);"
        "print([name for name in sys.modules if name.split('.')[0] in ('twisted', 'zope', 'asyncio', 'socket')]); "
        "sys.exit(status)"
    )
    done = ncolony_process(python=(sys.executable, "-c", code, "--"), cwd=folder)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["1 file, nothing wrong", "[]"])
