"""Whole process trees with real processes: what is found, signalled and reaped, and what is left alone."""

import os
import signal

import pytest

from ncolony.core.states import Ended, Spawned, SpawnFailed, Swept
from ncolony.posix import kin
from ncolony.posix.exits import PidfdExits
from tests.posix.conftest import EXITS, OTHER, as_root
from tests.posix.groves import DAEMON, Grove, Parent, state


@pytest.fixture(params=[*EXITS, pytest.param("thread", id="thread")])
def grove(request, tmp_path, file_limit, monkeypatch):
    """A spawner with trees, with each way to learn of exits, and with starts from another thread."""
    if request.param == "thread":
        monkeypatch.setattr("ncolony.posix.spawn.MANY", 0)
    made = Grove(tmp_path, PidfdExits if request.param == "thread" else request.param)
    yield made
    made.close()


# What is left behind --------------------------------------------------------------------------------------------------


def test_a_run_that_leaves_nothing_ends_in_one_fact(grove):
    """The plain case must not pay for the others."""
    run = grove.run("exit 3").until(Spawned, Ended)
    assert run.facts[1] == Ended(1, 3, core=False, left=False)


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000 & exit 3",
        "setsid sleep 1000 & exit 3",
        "(setsid sleep 1000 &) & wait; exit 3",
        "env -i sleep 1000 & exit 3",
        "env -i setsid sleep 1000 & exit 3",
        "set -m; env -i sleep 1000 >/dev/null 2>&1 & exit 3",
    ],
    ids=["child", "session", "twice", "no-mark", "no-mark-session", "no-mark-group-output"],
)
def test_what_a_run_leaves_behind_is_known_by_mark_session_or_output(grove, script):
    """Bugs 5 and 6: whatever it did to get away, it is told of, gets the signals, and its end is told."""
    run = grove.run(script).until(Spawned, Ended)
    assert run.facts[1] == Ended(1, 3, core=False, left=True)
    run.process.signal(signal.SIGTERM, "tree")
    run.process.signal(signal.SIGCONT, "tree")
    run.until(Spawned, Ended, Swept)
    assert run.facts[2] == Swept(1)


@pytest.mark.parametrize(
    ("scope", "script", "left"),
    [
        ("group", "sleep 1000 & exit 3", True),
        ("group", DAEMON.format("pid") + " while ! test -e pid; do sleep 0.01; done", False),
        ("process", "echo $$; sleep 1000 & echo $! > pid.new; mv pid.new pid", False),
    ],
    ids=["group-inside", "group-outside", "process"],
)
def test_a_narrower_scope_leaves_the_rest_alone(grove, scope, script, left):
    """Who says `group` or `process` has something that is to live on."""
    run = grove.run(script, scope).until(Spawned, Ended)
    assert run.facts[1].left == left
    if left:
        run.process.signal(signal.SIGTERM, scope)
        run.until(Spawned, Ended, Swept)
    else:
        pid = grove.pid_in("pid")
        run.process.signal(signal.SIGKILL, scope)
        assert state(pid) in {"S", "R"}
        os.kill(pid, signal.SIGKILL)
        grove.until(lambda: not state(pid))  # a stranger by now; reaped all the same


def test_two_hundred_are_ended_at_once(grove):
    """A parent with many workers that is killed alone."""
    run = grove.run("i=0; while [ $i -lt 200 ]; do setsid sleep 1000 & i=$((i+1)); done; exit 3").until(Spawned, Ended)
    run.process.signal(signal.SIGTERM, "tree")
    run.process.signal(signal.SIGCONT, "tree")
    run.until(Spawned, Ended, Swept)


def test_those_who_do_not_listen_are_killed(grove):
    """TERM does nothing to it; SIGKILL ends it and what it starts meanwhile."""
    script = "setsid sh -c \"trap '' TERM; echo deaf; while :; do sleep 1000; done\" & wait"
    run = grove.run(script)
    grove.until(lambda: grove.sink.lines)
    run.process.signal(signal.SIGTERM, "tree")
    run.until(Spawned, Ended)
    assert run.facts[1].left
    run.process.signal(signal.SIGTERM, "tree")
    run.process.signal(signal.SIGKILL, "tree")
    run.until(Spawned, Ended, Swept)


def test_a_storm_of_forks_is_ended(grove):
    """Each has a session of its own and children that outlive it: they are halted until no new one appears."""
    (grove.folder / "storm").write_text("while :; do setsid sh -c 'sleep 0.02 & sleep 0.01 & :' & sleep 0.005; done")
    run = grove.run("setsid sh -c 'setsid sh storm' & wait")
    grove.until(lambda: run.kinds() == [Spawned] and len(grove.trees._families.below({run.pid: 0})) > 1)
    run.process.signal(signal.SIGKILL, "tree")
    grove.until(lambda: run.kinds()[-1] in {Ended, Swept} and (not run.facts[1].left or len(run.facts) == 3))
    assert grove.trees._families.adopted() == []


# While it lives -------------------------------------------------------------------------------------------------------


def test_a_signal_reaches_the_whole_tree(grove):
    """Bug 6: a daemon that went away while the first process lives gets the stop signal, too."""
    run = grove.run(f"({DAEMON.format('pid')}) ; exec sleep 1000")
    pid = grove.pid_in("pid")
    run.process.signal(signal.SIGTERM, "tree")
    grove.until(lambda: not state(pid))
    grove.until(lambda: Ended in run.kinds())


def test_a_stray_that_ends_while_the_first_process_lives_is_reaped(grove):
    """Bug 18: nobody else is going to, and a zombie a minute fills the table."""
    os.mkfifo(grove.folder / "go")
    run = grove.run("(setsid sh -c 'echo $$ > pid.new; mv pid.new pid; read x < go' &) ; exec sleep 1000")
    pid = grove.pid_in("pid")
    assert state(pid) in {"S", "R"}
    (grove.folder / "go").write_text("")
    grove.until(lambda: not state(pid))
    assert run.kinds() == [Spawned]


def test_an_adopted_stranger_is_left_alone_and_reaped(grove):
    """Bug 20: whoever it is that becomes our child, it gets no signal of a run's, and its end is no event."""
    run = grove.run("exec sleep 1000").until(Spawned)
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.close(read)
        child = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {}, setsid=True)
        os.write(write, str(child).encode())
        os._exit(0)
    os.close(write)
    stranger = int(os.read(read, 32))
    os.close(read)
    os.waitpid(middle, 0)
    grove.trees.look_soon()
    grove.until(lambda: stranger in grove.exits.known)
    run.process.signal(signal.SIGKILL, "tree")
    run.until(Spawned, Ended)
    assert not run.facts[1].left
    assert state(stranger) == "S"
    os.kill(stranger, signal.SIGKILL)
    grove.until(lambda: not state(stranger))


def test_children_of_other_code_are_left_to_it(tmp_path, file_limit):
    """Under Twisted there may be processes that Twisted waits for."""
    grove = Grove(tmp_path)
    theirs = os.posix_spawn("/bin/true", ["true"], {})
    grove.theirs.add(theirs)
    grove.run("exit 0").until(Spawned, Ended)
    grove.until(lambda: state(theirs) == "Z")
    grove.trees.look_soon()
    grove.loop.turn()
    assert os.waitpid(theirs, 0) == (theirs, 0)
    grove.close()


@as_root
def test_programs_of_other_users_are_found_too(grove):
    """Through the launcher, and with an environment that not everyone may read."""
    run = grove.run("setsid sleep 1000 & exit 3", uid=OTHER, gid=OTHER, cwd="/")
    grove.until(lambda: run.facts)
    if run.kinds() == [SpawnFailed]:
        pytest.skip("other users cannot reach this interpreter")
    run.until(Spawned, Ended)
    assert run.facts[1].left
    run.process.signal(signal.SIGTERM, "tree")
    run.until(Spawned, Ended, Swept)


# Taken over -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def parent():
    """A process that starts others for the test, and adopts: an earlier supervisor and PID 1 in one."""
    made = Parent()
    yield made
    made.close()


@pytest.fixture
def second(tmp_path, file_limit):
    """A spawner with trees that takes over what it has not started."""
    made = Grove(tmp_path)
    yield made
    made.close()


def test_the_tree_of_a_run_that_was_taken_over_is_found(second, parent):
    """Its strays go elsewhere than to us; a stop ends them all the same."""
    second.theirs.add(parent.pid)
    os.mkfifo(second.folder / "go")
    before, after = DAEMON.format("before"), DAEMON.format("after")
    pid = parent.start(f"cd {second.folder}; ({before}) ; read x < go; ({after}) ; read x < go")
    before = second.pid_in("before")
    facts = []
    process = second.adopt(pid, facts)
    (second.folder / "go").write_text("")
    after = second.pid_in("after")
    process.signal(signal.SIGTERM, "tree")
    process.signal(signal.SIGCONT, "tree")
    second.until(lambda: facts and (not facts[0].left or len(facts) == 2))
    assert facts[0].run == 7
    assert not state(before)
    assert not state(after)


@pytest.mark.parametrize("known", [True, False], ids=["died-meanwhile", "was-being-swept"])
def test_what_is_left_of_a_run_that_died_meanwhile_is_found(second, parent, known):
    """The supervisor was killed, and then the program, but not what it had started."""
    second.theirs.add(parent.pid)
    pid = parent.start(f"cd {second.folder}; {DAEMON.format('pid')}")
    left = second.pid_in("pid")
    second.until(lambda: not state(pid))
    facts = []
    process = second.adopt(pid if known else None, facts)
    if known:
        second.until(lambda: facts)
        assert facts == [Ended(7, None, core=False, left=True)]
    process.signal(signal.SIGTERM, "tree")
    second.until(lambda: facts and facts[-1] == Swept(7))
    assert not state(left)


def test_nothing_left_of_a_run_is_told_as_well(second):
    """Else the next run would wait for ever."""
    facts = []
    second.adopt(None, facts)
    second.until(lambda: facts)
    assert facts == [Swept(7)]


@pytest.fixture
def unaided(tmp_path, file_limit, monkeypatch, parent):
    """A spawner with trees in a process that cannot be a subreaper, below one that is."""
    monkeypatch.setattr("ncolony.posix.trees.why_no_subreaper", lambda: "no such thing")
    monkeypatch.setattr("ncolony.posix.trees.ancestors", lambda: [parent.pid])
    made = Grove(tmp_path)
    made.theirs.add(parent.pid)
    yield made
    made.close()


def test_without_a_subreaper_the_marks_are_enough(unaided, parent):
    """A Python without ctypes, or a sandbox: strays go to somebody above us, and are found there."""
    assert unaided.trees.method == "their marks (no such thing)"
    left = parent.start("exec sleep 1000")
    run = unaided.run("exit 3", run=7).until(Spawned, Ended)
    assert run.facts[1].left
    run.process.signal(signal.SIGTERM, "tree")
    run.until(Spawned, Ended, Swept)
    unaided.until(lambda: not state(left))


# Strangers ------------------------------------------------------------------------------------------------------------


def test_a_process_that_is_not_the_one_that_was_found_gets_no_signal(grove):
    """Bug 1: the same pid, another start time: the system has given the number to a stranger."""
    run = grove.run("exec sleep 1000").until(Spawned)
    found = kin.look_at(run.pid)
    kin.send(kin.Kin(found.pid, False, found.parent, found.group, found.session, found.born - 1), signal.SIGKILL)
    assert state(run.pid) in {"S", "R"}
    kin.send(found, signal.SIGKILL)
    run.until(Spawned, Ended)
    kin.send(found, signal.SIGKILL)  # gone: nothing happens
    run.process.signal(signal.SIGTERM, "process")


def test_kernels_without_lists_of_children_are_looked_through(grove, monkeypatch):
    """CONFIG_PROC_CHILDREN may be missing."""
    grove.trees._families._listed = False
    run = grove.run("sh -c 'setsid sleep 1000 & wait' & exec sleep 1000").until(Spawned)
    grove.until(lambda: len(grove.trees._families.below({run.pid: 0})) == 3)
    run.process.signal(signal.SIGTERM, "tree")
    grove.until(lambda: run.kinds()[-1] in {Ended, Swept} and (not run.facts[1].left or len(run.facts) == 3))


def test_what_is_left_gets_signals_though_its_program_asks_for_less_by_now(grove):
    """It was counted as of its run's scope, so by that it is ended: else nobody would ever say that it is swept."""
    run = grove.run("sleep 1000 & exit 0", "tree").until(Spawned, Ended)
    assert run.facts[-1].left
    run.process.signal(signal.SIGTERM, "process")
    run.until(Spawned, Ended, Swept)


def test_the_group_of_a_run_that_died_meanwhile_is_found(second, parent):
    """Its number is known from the record, and its members by their marks."""
    second.theirs.add(parent.pid)
    pid = parent.start("sleep 1000 & exit 0")
    second.until(lambda: not state(pid))
    facts = []
    process = second.adopt(pid, facts, "group")
    second.until(lambda: facts)
    assert facts == [Ended(7, None, left=True)]
    process.signal(signal.SIGTERM, "group")
    second.until(lambda: facts[-1] == Swept(7))
