"""Cgroups with real processes, in the hierarchy that this machine has: who is in them, found and killed by them."""

import errno
import os
import select
import signal
import uuid
from pathlib import Path

import pytest

from ncolony.core import events
from ncolony.core.program import GROUP
from ncolony.core.states import Ended, Instance, Running, Spawned, SpawnFailed, Stopped, Swept
from ncolony.posix import inside
from ncolony.posix.cgroups import Cgroup, Cgroups, remove
from ncolony.posix.hierarchy import Hierarchy, NoCgroups, name_of
from ncolony.posix.inside import NotHere, Start
from tests.posix.conftest import DEADLINE, OTHER, PATH, as_root
from tests.posix.groves import Grove, Parent, state

# It has lost its mark, its session, its output and its parent: only its cgroup tells whose it is.
NAMELESS = "env -i setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; {1}' </dev/null >/dev/null 2>&1 &"
SLEEP = "exec sleep 1000"
DEAF = 'trap "" TERM; while :; do sleep 1000; done'


def cgroups_or_skip(colony, way="launched"):
    """Return the cgroups of a colony, or skip the test where there can be none."""
    try:
        made = Cgroups(Hierarchy(), colony, launching=way == "launched")
    except NoCgroups as error:
        pytest.skip(str(error))
    if way == "launched":
        made._inside = None
    return made


@pytest.fixture
def colony():
    """The mark of a colony that no other test has."""
    return uuid.uuid4().hex[:12]


@pytest.fixture(params=["inside", "launched"])
def cgroups(request, colony):
    """Cgroups, with each way to get processes into them."""
    made = cgroups_or_skip(colony, request.param)
    yield made
    made.close()
    assert not Path(made._top).exists()


@pytest.fixture
def grove(tmp_path, file_limit, colony, cgroups):
    """A spawner with trees and cgroups."""
    made = Grove(tmp_path, colony=colony, cgroups=cgroups)
    yield made
    made.close()


@pytest.fixture
def parent():
    """A process that starts others for the test, and adopts: an earlier supervisor and PID 1 in one."""
    made = Parent()
    yield made
    made.close()


def leave(name, what=SLEEP):
    """Return a script that leaves a nameless process behind and waits for it to have come to life."""
    return f"({NAMELESS.format(name, what)}) ; while ! test -e {name}; do sleep 0.01; done"


# Where programs are ---------------------------------------------------------------------------------------------------


def test_a_program_is_in_a_cgroup_of_its_own_and_the_supervisor_is_not(grove, colony):
    """Bug 68: a limit on the service, or whoever ends its cgroup, must not meet the supervisor."""
    run = grove.run("exec sleep 1000").until(Spawned)
    assert name_of(run.pid).endswith(f"/ncolony-{colony}/web:1")
    assert "ncolony-" not in name_of(os.getpid())


@as_root
def test_a_program_that_needs_the_launcher_is_in_its_cgroup_too(grove, colony):
    """The launcher becomes the program, in the place where it was started."""
    run = grove.run("exec sleep 1000", uid=OTHER, gid=OTHER, cwd="/")
    grove.until(lambda: run.facts)
    if run.kinds() == [SpawnFailed]:
        pytest.skip("other users cannot reach this interpreter")
    assert name_of(run.pid).endswith(f"/ncolony-{colony}/web:1")


def test_a_narrower_scope_has_no_cgroup(grove):
    """Who says `group` has something that is to live on, and nobody may count it in."""
    run = grove.run("exec sleep 1000", GROUP).until(Spawned)
    assert name_of(run.pid) == name_of(os.getpid())


def test_a_program_that_is_not_there_is_told_as_ever(grove):
    """The reason is the same sentence with cgroups and without."""
    run = grove.run("", args=("/nosuch/program",)).until(SpawnFailed)
    assert "no such file" in run.facts[0].why


# What they are for ----------------------------------------------------------------------------------------------------


def test_nothing_that_a_run_leaves_behind_is_overlooked(grove):
    """Bugs 5 and 6: even a daemon that has shed all that could tell whose it is."""
    run = grove.run(f"{leave('pid')}; exit 3").until(Spawned, Ended)
    assert run.facts[1] == Ended(1, 3, core=False, left=True)
    left = grove.pid_in("pid")
    run.process.signal(signal.SIGTERM, "tree")
    run.until(Spawned, Ended, Swept)
    assert not state(left)


def test_the_stop_signal_reaches_all_in_the_cgroup(grove):
    """Bug 6: also a daemon that went away while the first process lives on."""
    run = grove.run(f"{leave('pid')}; exec sleep 1000").until(Spawned)
    left = grove.pid_in("pid")
    run.process.signal(signal.SIGTERM, "tree")
    grove.until(lambda: not state(left))
    grove.until(lambda: Ended in run.kinds())


def test_sigkill_ends_all_in_the_cgroup_however_fast_they_fork(grove):
    """Each has a session of its own, no mark, and children that outlive it."""
    (grove.folder / "storm").write_text(
        "while :; do env -i setsid sh -c 'sleep 0.02 & sleep 0.01 & :' </dev/null >/dev/null 2>&1 & sleep 0.005; done"
    )
    run = grove.run(f"{leave('pid', DEAF)}; setsid sh storm & wait")
    cgroup = grove.trees._cgroups.make("web:1")
    grove.until(lambda: len(cgroup.members()) > 10)
    run.process.signal(signal.SIGKILL, "tree")
    grove.until(lambda: run.kinds()[-1] in {Ended, Swept} and (not run.facts[1].left or len(run.facts) == 3))
    assert cgroup.members() == []


def test_what_a_program_puts_into_a_cgroup_below_its_own_is_its_own(grove):
    """A program may divide what it is given, as a container's first process does."""
    cgroup = grove.trees._cgroups.make("web:1")
    run = grove.run(f"mkdir {cgroup.path}/in; echo $$ > {cgroup.path}/in/cgroup.procs; {leave('pid')}; exit 0")
    run.until(Spawned, Ended)
    assert run.facts[1].left
    assert grove.pid_in("pid") in cgroup.members()
    run.process.signal(signal.SIGKILL, "tree")
    run.until(Spawned, Ended, Swept)


def test_what_carries_the_mark_of_another_colony_is_left_to_that(grove):
    """A colony may run as a program of another; when its supervisor dies, its programs wait for the next."""
    script = "NCOLONY_RUN=f00/x:1/1 setsid sh -c 'echo $$ > pid.new; mv pid.new pid; exec sleep 1000' & "
    run = grove.run(f"{script} while ! test -e pid; do sleep 0.01; done").until(Spawned, Ended)
    assert not run.facts[1].left
    theirs = grove.pid_in("pid")
    assert state(theirs) in {"S", "R"}
    os.kill(theirs, signal.SIGKILL)
    grove.until(lambda: not state(theirs))


# Over time ------------------------------------------------------------------------------------------------------------


def changed(state_after):
    """Return the event of a slot that has come to a state."""
    return events.InstanceChanged(events.Slot("web"), Instance(Running(1, 0.0)), Instance(state_after), Swept(1), 0.0)


def test_a_slot_keeps_its_cgroup_from_run_to_run_until_it_rests(grove, cgroups):
    """Making one is cheap, a heap of them is not."""
    path = Path(cgroups.make("web:1").path)
    inode = path.stat().st_ino
    grove.run("exit 0", run=1).until(Spawned, Ended)
    grove.run("exit 0", run=2).until(Spawned, Ended)
    assert path.stat().st_ino == inode
    cgroups.saw(changed(Running(1, 0.0)))
    assert path.exists()
    cgroups.saw(changed(Stopped()))
    assert not path.exists()


def test_a_cgroup_in_use_is_never_removed(grove, cgroups):
    """Removing is for what is empty; it must not even try to empty it."""
    run = grove.run("exec sleep 1000").until(Spawned)
    cgroups.saw(changed(Stopped()))
    cgroups.close()
    assert run.pid in cgroups.make("web:1").members()


@pytest.mark.parametrize("lives", [True, False], ids=["lives", "died-meanwhile"])
def test_a_successor_finds_the_cgroup_of_a_run(grove, cgroups, parent, lives):
    """The supervisor was killed, and nothing but its cgroup tells whose the daemon is that its program started."""
    grove.theirs.add(parent.pid)
    cgroup = cgroups.make("web:1")
    enter = f"cd {grove.folder}; echo $$ > {cgroup.path}/cgroup.procs; {leave('pid')}"
    pid = parent.start(f"{enter}; exec sleep 1000" if lives else enter)
    left = grove.pid_in("pid")
    facts = []
    if not lives:
        grove.until(lambda: not state(pid))
    process = grove.adopt(pid if lives else None, facts)
    process.signal(signal.SIGTERM, "tree")
    process.signal(signal.SIGCONT, "tree")
    grove.until(lambda: facts and (not getattr(facts[0], "left", False) or len(facts) == 2))
    assert facts[0].run == 7
    assert not state(left)


def test_a_colony_is_told_from_another_by_its_mark(cgroups, parent):
    """Two supervisors may be in one cgroup."""
    pid = parent.start("exec sleep 1000")
    assert cgroups.place_of(pid) is None
    other = cgroups_or_skip(uuid.uuid4().hex[:12])
    Path(other.make("web:1").path, "cgroup.procs").write_text(str(pid))
    assert cgroups.place_of(pid) is None
    assert other.found(pid).path == other.make("web:1").path
    pidfd = os.pidfd_open(pid)
    other.found(pid).kill()
    assert select.select([pidfd], [], [], DEADLINE)[0]
    os.close(pidfd)
    other.close()


# Where it cannot be ---------------------------------------------------------------------------------------------------


@as_root
def test_without_the_right_to_write_there_it_is_said(colony):
    """Most containers, and every user whom systemd has delegated nothing to."""
    cgroups_or_skip(colony).close()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(OTHER)
        try:
            Cgroups(Hierarchy(), colony, launching=True)
        except NoCgroups as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode().endswith("cannot be used: Permission denied")
    os.close(read)


def test_a_c_library_without_the_call_is_named(colony, monkeypatch):
    """Nobody is slowed down unasked; who wants it all the same is told how."""
    cgroups_or_skip(colony).close()

    def not_here():
        raise NotHere("this C library cannot")

    monkeypatch.setattr("ncolony.posix.cgroups.Inside", not_here)
    with pytest.raises(NoCgroups, match="this C library cannot; --cgroups yes has the launcher do it"):
        Cgroups(Hierarchy(), colony)


def test_a_cgroup_that_cannot_be_made_is_done_without(cgroups):
    """There may be a limit on their number; the program has to start all the same."""
    assert cgroups.make("a\nb") is None


def test_what_is_gone_is_empty(tmp_path):
    """Somebody else may have removed it."""
    gone = Cgroup(str(tmp_path / "gone"))
    assert gone.members() == []
    gone.kill()
    remove(gone.path)


# The C library's posix_spawn ------------------------------------------------------------------------------------------


@pytest.fixture
def start():
    """What starts processes as os.posix_spawn does."""
    return Start()


def output(start, *args, env=None):
    """Return what a program writes."""
    read, write = os.pipe()
    pid = start("/bin/sh", ("sh", "-c", *args), env or {"PATH": PATH}, [(write, 1)])
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as file:
        text = file.read()
    assert os.waitpid(pid, 0)[1] == 0
    return text


def test_it_hands_over_arguments_and_environment(start):
    """Letters of any kind, in any number."""
    assert output(start, 'echo "$0 $A"', "ä b", env={"A": "ö" * 5000}) == "ä b " + "ö" * 5000 + "\n"


def test_it_makes_a_session_and_hands_no_signals_down(start):
    """As the plain way does: bugs 15 and 16."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    ignored = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        script = "cut -d ' ' -f 1,6 /proc/$$/stat; exec grep -E '^Sig(Blk|Ign)' /proc/self/status"
        lines = output(start, script).splitlines()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGUSR1, ignored)
    blocked, left_alone = (int(line.split()[1], 16) for line in lines[1:])
    assert blocked == 0
    assert not left_alone & 1 << signal.SIGUSR1 - 1
    pid, session = lines[0].split()
    assert pid == session


def test_it_says_why_there_is_no_process(start):
    """With the errors that the plain way raises."""
    with pytest.raises(FileNotFoundError) as caught:
        start("/nosuch/program", ("program",), {}, [])
    assert caught.value.errno == errno.ENOENT
    for path, args, env in [("/bin/tr\0ue", ("",), {}), ("/bin/true", ("a\0b",), {}), ("/bin/true", ("",), {"A=": ""})]:
        with pytest.raises(ValueError, match=r"embedded null byte|illegal environment variable name"):
            start(path, args, env, [])


def test_its_records_have_room():
    """The C library writes into what we made for it; on no system its records are half as large."""
    assert inside.ROOM >= 2 * 336
