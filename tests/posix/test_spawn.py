# ruff: noqa: PTH109, PTH123 - system calls are the subject
"""What a process is given: exactly what was declared, and nothing of the supervisor's own."""

import os
import resource
import signal
import socket
import sys

import pytest

from ncolony.core.sockets import TCP, Socket
from ncolony.core.states import Ended, Spawned
from ncolony.posix.descriptors import FileLimit, keep_private
from ncolony.posix.exits import PidfdExits, SigchldExits, has_pidfds
from tests.posix.conftest import OTHER, PATH, Bench, as_root

GLIBC_OWN = (1 << 31) | (1 << 32)  # signals 32 and 33: glibc keeps them to itself in all that it spawns

FDS = """
import os
for fd in range(1024):
    try: os.fstat(fd)
    except OSError: continue
    print(fd, os.readlink(f'/proc/self/fd/{fd}').split(':')[0])
"""


def python(code):
    """Return the command line of a Python without anything around it."""
    return (sys.executable, "-I", "-S", "-c", code)


def status_of(bench):
    """Return /proc/self/status of a process."""
    return dict(line.split(":\t", 1) for line in bench.says("cat", "/proc/self/status") if ":\t" in line)


@pytest.fixture
def odd_signals():
    """A supervisor that was itself started with signals ignored and blocked, as by nohup, ssh or a careless shell."""
    numbers = (signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2, signal.SIGRTMIN})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_environment_is_exactly_what_was_declared(any_way):
    """Not one variable more: the interpreter between us and the program may add its own (LC_CTYPE)."""
    env = {"PATH": PATH, "A": "1", "EMPTY": "", "LINES": "one\ntwo", "ODD": "\udcff=ü", "PYTHONHOME": "/nowhere"}
    run = any_way.spawn("cat", "/proc/self/environ", env=env).over()
    assert run.status == 0
    any_way.channel.drain()
    text = b"\n".join(any_way.sink.of("it"))
    assert sorted(text.split(b"\0")[:-1]) == sorted(os.fsencode(f"{name}={value}") for name, value in env.items())


def test_empty_environment_stays_empty(any_way):
    """An empty environment is one too; executables are then looked up where the system keeps them."""
    assert any_way.says("cat", "/proc/self/environ", env={}) == []


def test_signal_mask_is_empty(any_way, odd_signals):
    """Bug 15: a program that inherits a blocked SIGTERM cannot be stopped."""
    assert int(status_of(any_way)["SigBlk"], 16) == 0


def test_no_signal_is_ignored(any_way, odd_signals):
    """Bug 16: SIGPIPE is ignored in every Python, SIGINT and SIGHUP under nohup; a program counts on their defaults."""
    assert int(status_of(any_way)["SigIgn"], 16) & ~GLIBC_OWN == 0


def test_descriptors_are_the_standard_three(any_way):
    """Bug 13: a descriptor that the supervisor was itself started with reaches no program."""
    read, write = os.pipe()
    try:
        os.set_inheritable(read, True)
        os.set_inheritable(write, True)
        os.dup2(write, 200, inheritable=True)
        keep_private()
        if any_way.way.get("uid") == OTHER:
            # The shell's own listing of the directory is the fourth.
            names = any_way.says("sh", "-c", "for fd in /proc/self/fd/*; do [ -e $fd ] && echo ${fd##*/}; done")
            assert names == ["0", "1", "2"]
        else:
            assert any_way.says(*python(FDS)) == ["0 /dev/null", "1 pipe", "2 pipe"]
    finally:
        for fd in (read, write, 200):
            os.close(fd)


def test_standard_input_is_dev_null(any_way):
    """A program that reads its input must see its end at once, not wait for the supervisor's terminal."""
    assert any_way.says("sh", "-c", "readlink /proc/$$/fd/0; wc -c") == ["/dev/null", "0"]


def test_output_and_errors_are_kept_apart(any_way):
    """Two pipes, one a stream."""
    run = any_way.spawn("sh", "-c", "echo out; echo err >&2").over()
    any_way.channel.drain()
    assert run.status == 0
    assert sorted(any_way.sink.lines) == [("it", "stderr", b"err"), ("it", "stdout", b"out")]


def test_every_process_leads_a_session_and_a_group_of_its_own(any_way):
    """Bug 17: no controlling terminal, whatever the supervisor has; and stop signals reach the whole group."""
    run = any_way.spawn("cat", "/proc/self/stat").over()
    any_way.channel.drain()
    fields = any_way.sink.of("it")[0].rpartition(b")")[2].split()
    _, parent, group, session, terminal = fields[:5]
    assert (int(parent), int(group), int(session), int(terminal)) == (os.getpid(), run.pid, run.pid, 0)


def test_umask_and_cwd_are_as_declared(any_way, open_path):
    """Bug 17: the declared ones, and the supervisor's own are untouched afterwards."""
    before, home = os.umask(0o077), os.getcwd()
    try:
        assert any_way.says("sh", "-c", "umask; pwd", umask=0o027, cwd=str(open_path)) == ["0027", str(open_path)]
        assert os.getcwd() == home
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


def test_umask_zero_is_declared_too(any_way):
    """Zero is a value, not a missing one."""
    assert any_way.says("sh", "-c", "umask", umask=0) == ["0000"]


def test_cwd_named_like_an_option_is_a_directory(any_way, open_path, monkeypatch):
    """A directory may be called "-"; nothing on the way may take it for "not given"."""
    (open_path / "-").mkdir(mode=0o755)
    monkeypatch.chdir(open_path)
    assert any_way.says("pwd", cwd="-") == [str(open_path / "-")]


def test_umask_and_cwd_not_declared_are_the_supervisors(any_way):
    """Bug 17: what is not declared is inherited, not invented."""
    before = os.umask(0o031)
    try:
        assert any_way.says("sh", "-c", "umask; pwd") == ["0031", os.getcwd()]
    finally:
        os.umask(before)


def test_limits_and_priority_are_untouched(any_way):
    """Bug 17: the supervisor raises nothing for its programs."""
    with open("/proc/self/limits", encoding="ascii") as file:
        outside = [line for line in file.read().splitlines() if "open files" not in line]
    inside = [line for line in any_way.says("cat", "/proc/self/limits") if "open files" not in line]
    assert inside == outside
    assert any_way.says("nice") == [str(os.nice(0))]


def test_file_limit_of_programs_is_the_original_one(file_limit):
    """Bug 17: the supervisor needs many descriptors; programs using select() must not get as many."""
    _, hard = file_limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    bench = Bench()
    try:
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        for way in ({}, {"uid": os.getuid(), "gid": os.getgid()}):
            bench.way = way
            assert bench.says("sh", "-c", "ulimit -Sn; ulimit -Hn") == ["300", str(hard)]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        bench.close()


@pytest.fixture
def crowded(file_limit):
    """A bench with no number free below the limit that its programs get, which is 100."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, file_limit[1]))
    made = Bench()
    taken = []
    while not taken or taken[-1] < 150:
        taken.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    yield made
    for fd in taken:
        os.close(fd)
    made.close()


def test_descriptors_above_the_limit_of_programs_are_handed_on(crowded):
    """Bug 12: the system hands none on that is above the limit under which programs are started."""
    script = "ulimit -Sn; ls /proc/self/fd"
    listening = socket.socket()
    sockets = {"sockets": (Socket("web", TCP, "127.0.0.1", 0),), "listening": (listening.fileno(),)}
    for way, extra in (({}, []), ({"uid": os.getuid(), "gid": os.getgid()}, []), (sockets, ["3"])):
        crowded.way = way
        limit, *numbers = crowded.says("sh", "-c", script)
        assert limit == "100"
        assert sorted(numbers)[:-1] == ["0", "1", "2", *extra]
        assert crowded.says("sh", "-c", "echo wrong >&2", stream="stderr") == ["wrong"]
    listening.close()


def test_what_stood_in_for_a_descriptor_holds_it_open_no_longer(crowded):
    """A file that everybody else has closed must be closed."""
    read, write = os.pipe()
    low = crowded.limit.stand_in(write)
    assert low < 100 < write
    os.close(write)
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):
        os.read(read, 1)
    crowded.limit.give_back(crowded.spawner._null)
    assert os.read(read, 1) == b""
    os.close(read)


def test_file_limit_that_cannot_be_raised_stays(file_limit):
    """A supervisor whose limit is as high as it goes has nothing to put back."""
    _, hard = file_limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with FileLimit():
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_output_of_a_run_that_made_it_nonblocking_is_blocking_for_the_next(any_way):
    """A pipe lives over all runs of a slot: what one run did to it must not make writes of the next fail (EAGAIN)."""
    code = "import fcntl, os; fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK | os.O_WRONLY)"
    assert any_way.says(*python(code), uid=None, gid=None) == []
    flags = any_way.says("sh", "-c", "while read -r k v; do [ $k = flags: ] && echo $v; done </proc/$$/fdinfo/1")
    assert int(flags[0], 8) & os.O_NONBLOCK == 0


def test_executable_is_looked_up_on_the_path_of_the_program(any_way, open_path):
    """The program's PATH, not the supervisor's; empty entries mean the working directory, as for a shell."""
    tool = open_path / "tool"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    assert any_way.says("tool", env={"PATH": f"/nowhere:{open_path}"}) == ["found"]
    assert any_way.says("tool", env={"PATH": "/nowhere:"}, cwd=str(open_path)) == ["found"]
    assert any_way.says("./tool", cwd=str(open_path)) == ["found"]


def test_lookup_passes_over_what_cannot_be_executed(any_way, open_path):
    """As a shell does: a directory or a file without permission is no reason not to look further."""
    (open_path / "one" / "sh").mkdir(parents=True)
    (open_path / "two").mkdir()
    (open_path / "two" / "sh").write_text("")
    path = f"{open_path}/one:{open_path}/two:{PATH}"
    assert any_way.says("sh", "-c", "echo found", env={"PATH": path}) == ["found"]


@as_root
def test_user_and_group_by_number(bench):
    """Real, effective and saved: there is no way back to root."""
    bench.way = {"uid": OTHER, "gid": OTHER + 1}
    status = status_of(bench)
    assert status["Uid"].split() == [str(OTHER)] * 4
    assert status["Gid"].split() == [str(OTHER + 1)] * 4
    assert status["CapEff"].strip("0") == ""


@as_root
def test_user_without_an_entry_has_its_group_alone(bench):
    """A user that is only a number is usual in containers; the supervisor's groups are not passed on to it."""
    bench.way = {"uid": OTHER, "gid": OTHER}
    before = os.getgroups()
    os.setgroups([0, 4, 27])
    try:
        assert status_of(bench)["Groups"].split() == [str(OTHER)]
    finally:
        os.setgroups(before)


@as_root
def test_user_by_name_brings_its_groups(bench):
    """By name and by number it is the same user with the same groups."""
    import pwd

    entry = pwd.getpwnam("nobody")
    groups = sorted(os.getgrouplist("nobody", entry.pw_gid))
    for uid in ("nobody", entry.pw_uid, str(entry.pw_uid)):
        bench.way = {"uid": uid}
        status = status_of(bench)
        assert status["Uid"].split() == [str(entry.pw_uid)] * 4
        assert status["Gid"].split() == [str(entry.pw_gid)] * 4
        assert sorted(map(int, status["Groups"].split())) == groups


@as_root
def test_supplementary_groups_come_from_the_group_database(bench):
    """A user that is listed in further groups gets them."""
    import grp
    import pwd

    named = [(group.gr_gid, user) for group in grp.getgrall() for user in group.gr_mem]
    known = {entry.pw_name for entry in pwd.getpwall()}
    usable = [(gid, user) for gid, user in named if user in known and user != "root"]
    if not usable:
        pytest.skip("no user on this machine is a member of a further group")
    gid, user = usable[0]
    bench.way = {"uid": user}
    assert str(gid) in status_of(bench)["Groups"].split()


@as_root
def test_group_alone_changes_the_group_alone(bench):
    """By number and by name."""
    import grp

    for gid in (grp.getgrnam("nogroup").gr_gid, "nogroup"):
        bench.way = {"gid": gid}
        status = status_of(bench)
        assert status["Uid"].split() == ["0"] * 4
        assert status["Gid"].split() == [str(grp.getgrnam("nogroup").gr_gid)] * 4


@as_root
def test_other_user_can_open_its_own_output(bench):
    """Many programs log to /dev/stdout; in a pipe that belongs to root, opening it fails."""
    bench.way = {"uid": OTHER, "gid": OTHER}
    code = "echo one >/dev/stdout; echo two >/dev/stderr"
    run = bench.spawn("sh", "-c", code).over()
    assert run.status == 0
    bench.channel.drain()
    assert sorted(bench.sink.lines) == [("it", "stderr", b"two"), ("it", "stdout", b"one")]


@as_root
def test_other_user_needs_permission_where_it_is_and_not_where_root_is(bench, open_path):
    """The directory is entered as the user, so that what only root may enter is refused in time, by name."""
    closed = open_path / "closed"
    closed.mkdir(mode=0o700)
    bench.way = {"uid": OTHER, "gid": OTHER}
    assert bench.spawn("true", cwd=str(closed)).over().failure == f"bad cwd: {str(closed)!r}: Permission denied"


def test_facts_carry_their_run(any_way):
    """Facts of one run must not be taken for those of another."""
    run = any_way.spawn("true", run=7).over()
    assert [fact.run for fact in run.facts] == [7, 7]
    assert any_way.spawn("/no/such/file", run=8).over().facts[0].run == 8


def test_signal_reaches_the_whole_group(any_way):
    """Scope group: a shell's children get it as well."""
    run = any_way.spawn("sh", "-c", "sleep 1000 & echo $!; wait").born()
    any_way.until(lambda: any_way.sink.lines)
    child = int(any_way.sink.lines[0][2])
    run.process.signal(signal.SIGTERM, "group")
    run.over()
    assert run.status == -signal.SIGTERM
    any_way.until(lambda: not alive(child))


def test_signal_reaches_the_process_alone(any_way):
    """Scope process: what it started is its own business."""
    run = any_way.spawn("sh", "-c", "sleep 1000 & echo $!; wait").born()
    any_way.until(lambda: any_way.sink.lines)
    child = int(any_way.sink.lines[0][2])
    run.process.signal(signal.SIGTERM, "process")
    run.over()
    assert run.status == -signal.SIGTERM
    assert alive(child)
    os.kill(child, signal.SIGKILL)


def alive(pid):
    """Tell whether a process lives; one that is dead and not reaped does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_signal_after_the_end_goes_nowhere(any_way):
    """The pid may be somebody else's by then."""
    run = any_way.spawn("true").over()
    assert run.process.pid is None
    run.process.signal(signal.SIGKILL, "group")
    run.process.signal(signal.SIGKILL, "process")
    assert run.kinds == [Spawned, Ended]


def test_sigchld_ignored_by_whoever_started_us_changes_nothing(file_limit):
    """A supervisor that inherits SIGCHLD ignored would have its children reaped by the kernel: no status is left.

    Worse, their pids could be reused while it still signals them.
    """
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        for kind in [PidfdExits, SigchldExits] if has_pidfds() else [SigchldExits]:
            bench = Bench(kind)
            assert bench.spawn("sh", "-c", "exit 3").over().status == 3
            bench.close()
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGCHLD, before)
