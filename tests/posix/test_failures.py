# ruff: noqa: PTH101, PTH109, PTH116, PTH123 - system calls are the subject
"""A program that cannot be started: each reason by its own name, never as "exit 1", and nothing is left of the try."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from ncolony.core.events import Slot
from ncolony.core.states import Ended, Spawned, SpawnFailed
from ncolony.posix.exits import PidfdExits
from tests.posix.conftest import OTHER, PATH, Bench, as_root


def script(path, text, mode=0o755):
    """Write an executable file."""
    path.write_bytes(text.encode())
    path.chmod(mode)
    return str(path)


def failure(bench, *args, **more):
    """Return why a program cannot be started."""
    return bench.spawn(*args, **more).over().failure


def test_no_such_file(any_way):
    """Bug 31: with a slash the file, without one the PATH that was searched: the program's own."""
    assert failure(any_way, "/no/such") == "no such file: '/no/such'"
    assert failure(any_way, "./no-such", cwd="/") == "no such file: './no-such'"
    assert failure(any_way, "no-such", env={"PATH": "/a:/b"}) == "no such file: 'no-such' is not on its PATH (/a:/b)"
    assert failure(any_way, "no-such", env={}) == "no such file: 'no-such'"


def test_no_such_file_because_its_link_leads_nowhere(any_way, open_path):
    """Bug 31: a dangling link is a missing file."""
    (open_path / "link").symlink_to("/no/such")
    assert failure(any_way, str(open_path / "link")) == f"no such file: {str(open_path / 'link')!r}"


def test_not_executable(any_way, open_path):
    """Bug 31: even root needs the permission bit on somebody."""
    path = script(open_path / "tool", "#!/bin/sh\n", mode=0o644)
    assert failure(any_way, path) == f"not executable: {path!r} lacks the permission to be executed"
    assert failure(any_way, "tool", env={"PATH": str(open_path)}) == (
        f"not executable: {path!r} lacks the permission to be executed"
    )


@as_root
def test_not_executable_for_this_user(bench, open_path):
    """Bug 31: what root may execute another user may not."""
    path = script(open_path / "tool", "#!/bin/sh\n", mode=0o700)
    bench.way = {"uid": OTHER, "gid": OTHER}
    assert failure(bench, path) == f"not executable: {path!r} lacks the permission to be executed"
    (open_path / "closed").mkdir(mode=0o700)
    hidden = script(open_path / "closed" / "tool", "#!/bin/sh\n")
    assert failure(bench, hidden) == f"no permission to reach {hidden!r}"


def test_directory(any_way):
    """Bug 31: by path; on PATH a directory is passed over."""
    assert failure(any_way, "/usr") == "not executable: '/usr' is a directory"
    assert failure(any_way, "bin", env={"PATH": "/usr"}) == "not executable: '/usr/bin' is a directory"


def test_pipe_with_execute_permission_does_not_block_the_supervisor(any_way, open_path):
    """Bug 31: finding out why a FIFO cannot be executed must not open it: that would wait for a writer, forever."""
    path = str(open_path / "fifo")
    os.mkfifo(path)
    os.chmod(path, 0o755)  # noqa: S103
    assert failure(any_way, path) == f"not executable: {path!r} is not a regular file"


def test_bad_interpreter(any_way, open_path):
    """Bug 31: "No such file or directory" about a file that is there is the most confusing message of Unix."""
    path = script(open_path / "tool", "#!/no/such/python3 -x\n")
    assert failure(any_way, path) == f"bad interpreter: {path!r} wants '/no/such/python3', which does not exist"


def test_bad_interpreter_because_of_a_carriage_return(any_way, open_path):
    """Bug 31: a script that was edited on Windows."""
    path = script(open_path / "tool", "#!/bin/sh\r\necho\r\n")
    assert failure(any_way, path) == (
        f"bad interpreter: {path!r} wants '/bin/sh\\r', which does not exist (its first line ends in a carriage return)"
    )


def test_interpreter_that_cannot_be_executed(any_way, open_path):
    """Bug 31: the fault is not the script's."""
    other = script(open_path / "interpreter", "", mode=0o644)
    path = script(open_path / "tool", f"#!{other}\n")
    assert failure(any_way, path) == f"bad interpreter: {path!r} wants {other!r}, which cannot be executed"


def test_bad_format(any_way, open_path):
    """Bug 31: no shell guesses at a file without "#!"; nor is a program for another machine executed."""
    for text in ("echo hello\n", "\x7fELF nonsense", ""):
        path = script(open_path / "tool", text)
        assert failure(any_way, path).startswith(f"bad executable format: {path!r}")


def test_loader_that_is_not_here(any_way, open_path):
    """Bug 31: a program built for another C library (musl on glibc) is there, and yet "no such file"."""
    with open(shutil.which("true"), "rb") as file:
        data = file.read()
    start = data.find(b"/lib")
    end = data.find(b"\0", start)
    if start < 0 or b"ld" not in data[start:end]:
        pytest.skip("true has no loader on this machine")
    path = open_path / "tool"
    path.write_bytes(data[:start] + b"/no/such".ljust(end - start, b"x") + data[end:])
    path.chmod(0o755)
    assert failure(any_way, str(path)) == (
        f"bad interpreter: the loader that {str(path)!r} was built for is not on this system"
    )


def test_path_through_a_file(any_way, open_path):
    """Bug 31: ENOTDIR."""
    path = script(open_path / "file", "") + "/tool"
    assert failure(any_way, path) == f"no such file: {path!r} leads through something that is not a directory"


def test_unusual_reasons_keep_the_systems_name(any_way, open_path):
    """Bug 31: what we have no words for is told in the system's."""
    (open_path / "loop").symlink_to("loop")
    assert failure(any_way, str(open_path / "loop")).startswith("ELOOP: ")
    assert failure(any_way, "/" + "x" * 300).startswith("ENAMETOOLONG: ")


def test_open_for_writing(any_way, open_path):
    """Bug 31: a program that is being copied into place; the next try finds it."""
    path = open_path / "tool"
    shutil.copy(shutil.which("true"), path)
    with open(path, "ab"):
        assert failure(any_way, str(path)) == f"{str(path)!r} is open for writing"
    assert any_way.spawn(str(path)).over().status == 0


def test_environment_too_long(any_way):
    """Bug 70: said as what it is; the launcher's own arguments count as well."""
    words = "E2BIG: its arguments and environment are too long for the system"
    assert failure(any_way, "true", env={"PATH": PATH, "HUGE": "x" * (1 << 18)}) == words
    assert failure(any_way, "true", "x" * (1 << 18)) == words
    assert any_way.spawn("true").over().status == 0


def test_what_cannot_be_encoded_is_a_failed_start(any_way):
    """Bug 31: whatever a door lets through, one program must not stop the supervisor."""
    assert failure(any_way, "true", "\0").startswith("cannot be handed to the system: ")
    assert failure(any_way, "true", env={"PATH": PATH, "A=B": "1", "": "x"}).startswith(
        "cannot be handed to the system"
    )


def test_bad_cwd(any_way, open_path):
    """Bug 32: missing and a file, each by name, and the supervisor stays where it is."""
    (open_path / "file").write_text("")
    home = os.getcwd()
    assert failure(any_way, "true", cwd="/no/such") == "bad cwd: there is no directory '/no/such'"
    assert failure(any_way, "true", cwd=str(open_path / "file")) == (
        f"bad cwd: {str(open_path / 'file')!r} is not a directory"
    )
    assert os.getcwd() == home


def test_bad_umask_leaves_no_trace(any_way):
    """Bug 32: a start that fails for another reason puts umask and directory back, too."""
    before = os.umask(0o022)
    try:
        failure(any_way, "/no/such", umask=0o077, cwd="/")
        assert os.umask(0o022) == 0o022
        assert os.getcwd() != "/"
    finally:
        os.umask(before)


@as_root
def test_no_such_user_or_group(bench):
    """Bug 32: by name; a number needs no entry, but then the group has to be given."""
    assert failure(bench, "true", uid="nosuchuser") == "no such user: 'nosuchuser'"
    assert failure(bench, "true", gid="nosuchgroup") == "no such group: 'nosuchgroup'"
    assert failure(bench, "true", uid="nobody", gid="nosuchgroup") == "no such group: 'nosuchgroup'"
    assert failure(bench, "true", uid=OTHER) == f"no such user: '{OTHER}', so its group is unknown: set gid as well"


@as_root
def test_user_named_like_an_option_is_not_root(bench):
    """Bug 32: "-" must not be taken for "no user given": the program would run as root."""
    assert failure(bench, "id", "-u", uid="-") == "no such user: '-'"
    assert failure(bench, "id", "-u", uid=OTHER, gid="-") == "no such group: '-'"


def run_as(uid, code, *words):
    """Run Python code with our modules in a process of its own, as another user where that is given."""
    become = f"import os; os.setgroups([]); os.setgid({uid}); os.setuid({uid})\n" if uid else ""
    head = "import os, resource, sys\nfrom tests.posix.conftest import Bench\nfrom ncolony.posix import exits\n"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", head + become + textwrap.dedent(code), *words],
        capture_output=True, text=True, timeout=30, env=env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@as_root
def test_user_without_the_right_to_become_another(open_path):
    """Bug 32: said at the first try; to become what one is already needs no right."""
    lines = run_as(OTHER, f"""
        bench = Bench()
        print(bench.spawn("true", uid={OTHER + 1}, gid={OTHER + 1}).over().facts[0].why)
        print(bench.spawn("true", uid={OTHER}, gid={OTHER}).over().status)
        bench.close()
    """) if os.access(sys.executable, os.X_OK) and reachable(sys.executable) else []  # fmt: skip
    if not lines:
        pytest.skip("other users cannot reach this interpreter")
    assert lines == [f"cannot become user {OTHER + 1}, group {OTHER + 1}: Operation not permitted", "0"]


def reachable(path):
    """Tell whether every user may come to a file."""
    parts = os.path.realpath(path).split("/")
    return all(os.stat("/".join(parts[:end]) or "/").st_mode & 0o001 for end in range(1, len(parts)))


@as_root
def test_no_more_processes_for_the_supervisor_is_a_failed_start():
    """Bug 11: EAGAIN from the spawn itself is told as such, and the next try succeeds when there is room again."""
    lines = run_as(OTHER, """
        bench = Bench()
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))
        print(bench.spawn("true").over().failure)
        resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
        print(bench.spawn("true").over().status)
        bench.close()
    """)  # fmt: skip
    assert lines == ["EAGAIN: no more processes are allowed (a limit of the user, the container or the system)", "0"]


@as_root
def test_no_more_processes_for_the_user_is_a_failed_start(bench):
    """Bug 11: the limit is the other user's, who finds out when its program is executed; it recovers when freed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    bench.way = {"uid": OTHER + 7, "gid": OTHER}
    first = [bench.spawn("sleep", "1000").born() for _ in range(2)]
    resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))
    try:
        assert failure(bench, "true").startswith("EAGAIN: no more processes are allowed")
        for one in first:
            one.process.signal(signal.SIGKILL, "group")
            one.over()
        assert bench.spawn("true").over().status == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


def descriptors():
    """Return the numbers that are in use. Takes no descriptor itself."""
    found = []
    for fd in range(2048):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found


@pytest.fixture
def full(file_limit):
    """A way to have no descriptor free but a few."""
    taken = []

    def fill(free):
        _, hard = file_limit
        highest = max(descriptors()) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 4, hard))
        while True:
            try:
                taken.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            except OSError:
                break
        for _ in range(free):
            os.close(taken.pop())

    def empty():
        for fd in taken:
            os.close(fd)
        taken.clear()
        resource.setrlimit(resource.RLIMIT_NOFILE, file_limit)

    yield fill, empty
    empty()


@pytest.mark.parametrize("free", range(6))
def test_no_more_descriptors_is_a_failed_start(any_way, full, open_path, free):
    """Bug 12: whatever the moment at which they run out: told once, nothing left open, and the next try succeeds."""
    fill, empty = full
    launch = any_way.launch("sleep", "1000", cwd=str(open_path))
    fill(free)
    before = descriptors()
    run = any_way.start(launch)
    any_way.until(lambda: run.facts)
    if run.kinds == [SpawnFailed]:
        assert any(word in run.failure for word in ("EMFILE", "Too many open files"))
        assert descriptors() == before
    else:
        assert free > 0
        run.process.signal(signal.SIGKILL, "group")
        run.over()
    empty()
    assert any_way.spawn("true").over().status == 0
    assert [type(fact) for fact in run.facts] in ([SpawnFailed], [Spawned, Ended])


def test_no_more_descriptors_for_pipes_is_an_error_without_a_leak(bench, full):
    """Bug 12: of the four descriptors of a slot those that could be had are given back."""
    fill, empty = full
    for free in range(4):
        fill(free)
        before = descriptors()
        with pytest.raises(OSError, match="Too many open files"):
            bench.channels.open(Slot("other"))
        assert descriptors() == before
        empty()


class Unwatchable(PidfdExits):
    """Exits on a system that has no room to watch one more process."""

    def watch(self, pid, gone):
        """Find no room."""
        if self.full:
            raise OSError(24, "Too many open files")
        super().watch(pid, gone)

    full = True


@pytest.mark.parametrize("way", [{}, {"uid": os.getuid(), "gid": os.getgid()}], ids=["plain", "launched"])
def test_process_that_cannot_be_watched_over_does_not_live(file_limit, way):
    """Bug 12: it is killed and reaped, its failure told once, and no late report brings it back to life."""
    bench = Bench(Unwatchable)
    bench.way = way
    run = bench.spawn("sleep", "1000")
    assert run.failure == "cannot watch over its process: Too many open files"
    for _ in range(20):
        bench.loop.turn(0.005)
    assert run.kinds == [SpawnFailed]
    assert run.process.pid is None
    bench.exits.full = False
    assert bench.spawn("true").over().status == 0
    bench.close()


@as_root
def test_mounted_noexec(tmp_path):
    """Bug 31: "Permission denied" on a file with all permissions."""
    unshare = shutil.which("unshare")
    mount = "mount -t tmpfs -o noexec none " + str(tmp_path)
    if not unshare or subprocess.run([unshare, "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount namespace of its own, and may not have one")
    code = f"""
        import shutil
        from tests.posix.conftest import Bench
        path = shutil.copy(shutil.which("true"), {str(tmp_path)!r})
        bench = Bench()
        for way in ({{}}, {{"uid": 0, "gid": 0}}):
            print(bench.spawn(path, **way).over().failure)
        bench.close()
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=30, env=env, check=False,
    )  # fmt: skip
    path = str(tmp_path / "true")
    words = f"not executable: {path!r} is on a file system that is mounted noexec"
    assert done.stdout.splitlines() == [words, words], done.stderr


def test_failed_starts_leave_nothing(any_way):
    """Bug 14: a program that is not there is tried again and again, for weeks."""
    any_way.spawn("/no/such").over()
    before = descriptors()
    for _ in range(5):
        any_way.spawn("/no/such").over()
        any_way.spawn("true", cwd="/no/such").over()
    assert descriptors() == before
