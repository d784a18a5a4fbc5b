"""Plan and apply on whole colonies, by the command line: what is told, what is done, and what is refused."""

import json

import pytest

from tests.scenarios.colony import SLEEP, is_alive, on_both, on_native, until
from tests.scenarios.test_cli import ncolony, said

OTHER = ["sleep", "1001"]


@pytest.fixture
def candidate(colony):
    """Return a function that writes a file of another directory of programs, beside the colony's."""
    folder = colony.folder / "next"
    folder.mkdir()

    def write(name, value):
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))

    return write


def running(colony, *names):
    """Start the colony with these programs, and return their pids."""
    colony.start()
    pids = {name: colony.pid_of(name) for name in names}
    until((colony.messages / ".ncolony" / "control").exists, "the control socket")
    return pids


def files(colony):
    """Return what is in the colony's directory of programs, hidden files too."""
    return {path.name: path.read_text() for path in colony.config.iterdir()}


def planned(colony):
    """Return the plan as an object."""
    return json.loads(ncolony(colony, "plan", "next", "--json").stdout)


@on_both
def test_what_is_planned_is_what_is_done(colony, candidate):
    """Started, restarted for its own sake and for another's, changed, removed, or left alone; then there is no plan."""
    needs = {"needs": {"db": "ready"}}
    for name, value in {"db": {}, "web": needs, "old": {}, "same": {}, "label": {}}.items():
        colony.conf(name, {"args": SLEEP, **value})
    before = running(colony, "db", "web", "old", "same", "label")
    for name, value in {"db": {"args": OTHER}, "web": needs, "same": {}, "label": {"group": ["x"]}, "new": {}}.items():
        candidate(name, {"args": SLEEP, **value})
    plan = planned(colony)
    assert [(one["act"], one["name"], one["keys"], one["because"]) for one in plan["steps"]] == [
        ("restart", "db", ["args"], None),
        ("change", "label", ["group"], None),
        ("start", "new", [], None),
        ("same", "same", [], None),
        ("restart", "web", [], "db"),
        ("stop", "old", [], None),
    ]
    assert (plan["write"], plan["remove"], plan["colony"]) == (["db", "label", "new"], ["old"], "same")
    lines = said(colony, "plan", "next")
    assert lines[0].startswith(f"plan {plan['plan']}: ")
    assert [line.split()[:2] for line in lines[3:8]] == [
        ["restart", "db"], ["change", "label"], ["start", "new"], ["restart", "web"], ["stop", "old"],
    ]  # fmt: skip
    assert lines[-1] == f"`ncolony apply next --plan {plan['plan']}` does it"
    assert all(map(is_alive, before.values())), "a plan did something"
    done = said(colony, "apply", "next", "--plan", plan["plan"])
    after = {name: colony.pid_of(name) for name in ("db", "web", "same", "label", "new")}
    assert {f"{name}: running, pid {after[name]}" for name in ("db", "web", "new")} | {"old: stopped"} <= set(done)
    assert [name for name in ("db", "web", "same", "label") if after[name] == before[name]] == ["same", "label"]
    assert not is_alive(before["old"])
    assert files(colony) == {path.name: path.read_text() for path in (colony.folder / "next").iterdir()}
    assert "nothing to do" in "\n".join(said(colony, "apply", "next"))


@on_both
def test_a_directory_with_a_mistake_is_not_applied(colony, candidate):
    """Bug 44: everything goes on as it was, every mistake is told, and the exit status says so."""
    colony.conf("web", {"args": SLEEP})
    (pid,) = running(colony, "web").values()
    candidate("web", {"args": OTHER})
    candidate("typo", {"args": SLEEP, "stop": {"signal": "TERMM"}})
    candidate("lost", {"args": SLEEP, "needs": {"nosuch": "ready"}})
    before = files(colony)
    for verb in ("plan", "apply"):
        lines = said(colony, verb, "next", status=2)
        assert len(lines) == 3
        assert "lost: needs.nosuch: found the unknown program" in lines[0]
        assert "(did you mean SIGTERM?)" in lines[1]
        assert "cannot use 'next': 2 errors; nothing was changed" in lines[2]
    assert (files(colony), colony.pid_of("web")) == (before, pid)


@on_native
def test_a_plan_is_refused_once_anything_has_changed(colony, candidate):
    """A file of the candidate, a file of the colony, or a program; a plan in a file says which it is."""
    colony.conf("web", {"args": SLEEP})
    (pid,) = running(colony, "web").values()
    candidate("web", {"args": OTHER})
    (colony.folder / "plan.json").write_text(ncolony(colony, "plan", "next", "--json").stdout)
    plan = planned(colony)["plan"]
    candidate("more", {"args": SLEEP})
    for words in (("next", "--plan", plan), ("plan.json",)):
        (line,) = said(colony, "apply", *words, status=1)
        assert f"cannot apply plan {plan}: files or programs have changed since" in line
    (colony.folder / "next" / "more").unlink()
    assert planned(colony)["plan"] == plan
    colony.conf("another", {"args": SLEEP})
    colony.pid_of("another")
    assert "have changed since" in said(colony, "apply", "plan.json", status=1)[0]
    colony.remove("another")
    colony.wait_for("another was removed")
    (colony.config / "broken").write_text("{ no program")
    assert "have changed since" in said(colony, "apply", "plan.json", status=1)[0]
    (colony.config / "broken").unlink()
    assert colony.pid_of("web") == pid
    assert said(colony, "apply", "plan.json")[-1] == f"web: running, pid {colony.pid_of('web', other_than=pid)}"


@on_native
def test_what_does_not_come_up_is_told(colony, candidate):
    """The files are there, and the exit status says that the effect is not."""
    colony.conf("web", {"args": SLEEP})
    colony.conf("good", {"args": SLEEP})
    running(colony, "web", "good")
    candidate("web", {"args": ["sh", "-c", "exit 3"], "ready": {"after": 5}, "restart": {"min_delay": 60}})
    candidate("good", {"args": SLEEP, "instances": 3})
    lines = said(colony, "apply", "next", status=1)
    assert any(line.startswith("web: backoff: next start in ") for line in lines)
    assert any(line.startswith("good: 1 running, pid ") for line in lines)
    assert "1 failed; `ncolony why NAME` tells more" in lines[-1]
    candidate("web", {"args": SLEEP, "ready": {"log": "never", "timeout": 60}})
    lines = said(colony, "apply", "next", "--wait", "0.5", status=1)
    assert "not everything that they bring about: web; that goes on" in lines[-1]
    candidate("web", {"args": OTHER})
    answer = json.loads("\n".join(said(colony, "apply", "next", "--json")))
    assert (answer["ok"], answer["late"]) == (True, [])
    assert answer["came"] == {"web": {"ok": True, "words": f"running, pid {colony.pid_of('web')}"}}


@on_native
def test_a_program_that_can_be_reloaded_is(colony, candidate):
    """Without a gap, and those that need it do not go along; a version that is no good is taken back, and told."""
    rolls = {"reload": {"min_healthy": 0.1}, "ready": {"after": 0.1}, "restart": {"min_delay": 60}}
    colony.conf("web", {"args": SLEEP, **rolls})
    colony.conf("top", {"args": SLEEP, "needs": {"web": "ready"}})
    pids = running(colony, "web", "top")
    candidate("top", {"args": SLEEP, "needs": {"web": "ready"}})
    candidate("web", {"args": ["sh", "-c", "exit 3"], **rolls})
    assert [(one["act"], one["name"]) for one in planned(colony)["steps"]] == [("reload", "web"), ("same", "top")]
    lines = said(colony, "apply", "next", status=1)
    assert any(line.startswith("web: ") and "exited with status 3" in line for line in lines)
    assert (colony.pid_of("web"), colony.pid_of("top")) == (pids["web"], pids["top"])
    candidate("web", {"args": OTHER, **rolls})
    lines = said(colony, "apply", "next")
    assert f"web: running, pid {colony.pid_of('web', other_than=pids['web'])}" in lines
    assert colony.pid_of("top") == pids["top"]


@on_native
def test_a_file_that_cannot_be_used_is_put_right_without_a_restart(colony, candidate):
    """What runs of it went on as it was; and fewer instances are gone when the answer comes."""
    colony.conf("web", {"args": SLEEP})
    colony.conf("many", {"args": SLEEP, "instances": 3})
    (web,) = running(colony, "web").values()
    colony.wait_for("many:3 runs")
    many = [one["pid"] for one in json.loads(ncolony(colony, "status", "many", "--json").stdout)["instances"]]
    (colony.config / "web").write_text("{ no program any more")
    colony.wait_for("cannot use .*web")
    candidate("web", {"args": SLEEP})
    candidate("many", {"args": SLEEP, "instances": 1})
    lines = said(colony, "apply", "next")
    assert f"many: running, pid {many[0]}" in lines
    assert not is_alive(many[2])
    assert json.loads(files(colony)["web"]) == {"args": SLEEP}
    assert is_alive(web)


@on_native
def test_a_file_that_never_was_a_program_is_not_removed_without_a_word(colony, candidate):
    """Its author may be about to put it right."""
    colony.conf("web", {"args": SLEEP})
    colony.conf("old", {"args": SLEEP})
    running(colony, "web", "old")
    (colony.config / "draft").write_text("{ no program yet")
    colony.wait_for("cannot use .*draft")
    candidate("web", {"args": SLEEP})
    wanted = "removed too, files of no program that runs: draft"
    assert wanted in said(colony, "plan", "next")
    assert wanted in said(colony, "apply", "next")
    assert list(files(colony)) == ["web"]


@on_native
def test_the_colonys_own_file_goes_along(colony, candidate):
    """And is removed where the candidate has none; what is stopped by hand stays so."""
    colony.conf("web", {"args": SLEEP})
    running(colony, "web")
    said(colony, "stop", "web")
    candidate("web", {"args": OTHER})
    candidate(".colony", {"groups": {"all": {"strategy": "one_for_all"}}})
    lines = said(colony, "apply", "next")
    assert ".colony is written: what holds for the whole colony changes" in lines
    assert any("it is stopped, and stays so" in line for line in lines)
    assert said(colony, "status", "web", status=3)[1].endswith("stopped by hand")
    (colony.folder / "next" / ".colony").unlink()
    assert ".colony is removed: what holds for the whole colony changes" in said(colony, "apply", "next")
    assert set(files(colony)) == {"web"}


@on_native
def test_without_waiting_the_answer_comes_at_once(colony, candidate):
    """The plan is told, and what comes of it is left to `ncolony status`."""
    colony.conf("web", {"args": SLEEP})
    (pid,) = running(colony, "web").values()
    candidate("web", {"args": OTHER})
    candidate("nightly", {"args": SLEEP, "schedule": "30 2 * * *"})
    lines = said(colony, "apply", "next", "--no-wait")
    assert lines[0].startswith("plan ")
    assert "running" not in "".join(lines)
    colony.pid_of("web", other_than=pid)
    candidate("nightly", {"args": OTHER, "schedule": "30 2 * * *"})
    assert any("runs when its time comes" in line for line in said(colony, "apply", "next"))


@on_native
def test_what_makes_no_sense_is_told(colony, candidate):
    """Each with its status, and nothing is changed."""
    candidate("web", {"args": SLEEP})
    assert "none listens at" in said(colony, "plan", "next", status=3)[-1]
    assert "none listens at" in said(colony, "apply", "next", status=3)[-1]
    running(colony)
    (colony.folder / "junk").write_text("[]")
    for words, status, told in (
        (["apply"], 2, "wanted one directory, or one file"),
        (["apply", "next", "next"], 2, "wanted one directory, or one file"),
        (["plan", "next", "next"], 2, "found 2 directories, wanted one"),
        (["apply", "nosuch"], 2, "cannot read 'nosuch': No such file"),
        (["apply", "junk"], 2, "it is no plan that `ncolony plan --json` has written"),
        (["apply", "next", "--wait", "long"], 2, "cannot use --wait long"),
        (["apply", "next", "--plan", "0"], 1, "cannot apply plan 0: files or programs have changed"),
    ):
        assert told in said(colony, *words, status=status)[-1]
    assert files(colony) == {}
