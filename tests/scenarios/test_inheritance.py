"""What programs get of the supervisor, and of whoever started that: what was declared, and nothing else."""

import os
import signal
from pathlib import Path

import pytest

from tests.scenarios.colony import PYTHON, SLEEP, descriptors_of, environment_of, on_both, on_native, runs, status_of

OF_GLIBC = 0b11 << 31  # signals 32 and 33 are the C library's own, and nobody can set them

# Becomes the host in a state that no host should be started in, and some are.
ODD = """import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGXFSZ, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {BLOCKED})
os.umask(0o137)
os.nice(3)
for number in range(40, 50):
    os.dup2(os.open("/dev/null", os.O_RDONLY), number)
os.execvp(sys.argv[1], sys.argv[1:])"""
FOR_ALL = "signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE, signal.SIGHUP"
FOR_NATIVE = f"{FOR_ALL}, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD"


def odd(host):
    """Return the prefix. What Twisted itself needs unblocked to be stopped is left alone there."""
    blocked = FOR_NATIVE if host.native else FOR_ALL
    return PYTHON, "-c", ODD.replace("BLOCKED", blocked)


def masks(pid):
    """Return the masks of blocked and of ignored signals."""
    status = status_of(pid)
    return tuple(int(status[key], 16) & ~OF_GLIBC for key in ("SigBlk", "SigIgn"))


@on_both
def test_signals_and_descriptors_of_the_supervisor_reach_no_program(colony):
    """Bugs 13, 15 and 16: three descriptors, an empty mask, nothing ignored, however oddly the supervisor began."""
    colony.conf("web", {"args": SLEEP})
    colony.conf("user", {"args": SLEEP, "uid": os.getuid(), "gid": os.getgid()})
    colony.start("-t", "0", prefix=odd(colony.host), coverage=False)
    for name in ("web", "user"):
        colony.wait_for(f"{name} runs")
        pid = colony.pid_of(name)
        for _ in range(2):  # and so after a restart
            runs(pid, "sleep")
            assert masks(pid) == (0, 0)
            descriptors = descriptors_of(pid)
            assert set(descriptors) == {0, 1, 2}
            assert descriptors[0] == "/dev/null"
            assert {descriptors[1][:5], descriptors[2][:5]} == {"pipe:"}
            os.kill(pid, signal.SIGKILL)
            pid = colony.pid_of(name, pid)
    assert colony.stop() == colony.host.status(signal.SIGTERM)


@on_both
def test_a_program_leads_a_session_of_its_own_without_a_terminal(colony):
    """Bug 17: no key at the supervisor's terminal reaches it, and no hang-up."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    pid = colony.pid_of("web")
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    group, session, terminal = map(int, fields[2:5])
    assert (group, session, terminal) == (pid, pid, 0)


@on_both
def test_what_is_declared_holds_and_what_is_not_is_the_supervisors(colony):
    """Bug 17: working directory and umask are as declared; and declaring them for one changes them for no other."""
    colony.conf("declared", {"args": SLEEP, "cwd": "/usr", "umask": "027"})
    colony.conf("plain", {"args": SLEEP})
    colony.conf("zlast", {"args": SLEEP})
    colony.start(prefix=odd(colony.host))
    there = {name: colony.pid_of(name) for name in ("declared", "plain", "zlast")}
    cwd = {name: str(Path(f"/proc/{pid}/cwd").readlink()) for name, pid in there.items()}
    umask = {name: status_of(pid)["Umask"] for name, pid in there.items()}
    assert cwd == {"declared": "/usr", "plain": str(colony.folder), "zlast": str(colony.folder)}
    assert umask == {"declared": "0027", "plain": "0137", "zlast": "0137"}
    assert status_of(colony.pid)["Umask"] == "0137"


@on_both
def test_the_limit_on_descriptors_is_the_one_that_the_supervisor_was_given(colony):
    """Bug 17: the supervisor raises its own; programs that size their tables by it must not see that."""
    colony.conf("web", {"args": ["sh", "-c", "ulimit -S -n; exec sleep 1000"]})
    colony.start(prefix=("sh", "-c", 'ulimit -S -n 300 && exec "$@"', "sh"))
    colony.wait_for(r"web \| 300$")


SERVICE_MANAGER = {
    "NOTIFY_SOCKET": "/nosuch/socket",
    "LISTEN_FDS": "1",
    "LISTEN_PID": "1",
    "LISTEN_FDNAMES": "http",
    "JOURNAL_STREAM": "1:2",
    "WATCHDOG_USEC": "30000000",
    "WATCHDOG_PID": "1",
}


@on_both
def test_what_a_service_manager_told_the_supervisor_reaches_no_program(colony):
    """Bug 47: a program that speaks in the supervisor's name would say it is ready, or take its sockets."""
    colony.conf("all", {"args": SLEEP})
    colony.conf("asks", {"args": SLEEP, "env_inherit": [*SERVICE_MANAGER, "PATH", "ODD"]})
    colony.conf("own", {"args": SLEEP, "env": {"NOTIFY_SOCKET": "/its/own"}})
    colony.start(env={**SERVICE_MANAGER, "ODD": "kept"})
    for name in ("all", "asks"):
        environment = environment_of(colony.pid_of(name))
        assert SERVICE_MANAGER.keys().isdisjoint(environment)
        assert environment["ODD"] == "kept"
    assert environment_of(colony.pid_of("own"))["NOTIFY_SOCKET"] == "/its/own"


@on_both
def test_the_environment_is_exactly_what_was_declared(colony):
    """With ``env_inherit`` there is nothing that nobody asked for, and the five that every process gets."""
    value = {"args": ["/bin/sleep", "1000"], "env": {"A": "1", "B": "Grüße"}, "env_inherit": ["TZ", "NOT_SET"]}
    colony.conf("web", value)
    colony.start(env={"TZ": "UTC"})
    environment = environment_of(colony.pid_of("web"))
    run = environment.pop("NCOLONY_RUN")
    text = (colony.config / "web").read_text()
    assert environment == {
        "A": "1", "B": "Grüße", "TZ": "UTC", "NCOLONY_NAME": "web", "NCOLONY_INSTANCE": "1", "NCOLONY_CONFIG": text,
        "NCOLONY_CONF_DIR": str(colony.config),
    }  # fmt: skip
    assert "/web:1/" in run


@on_both
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as another user")
def test_a_program_runs_as_another_user_with_that_users_groups_only(colony):
    """And it can still open its own output by name, which scripts do."""
    colony.conf("web", {"args": ["sh", "-c", "echo by name >/dev/stdout; exec sleep 1000"], "cwd": "/",
                        "uid": 65534, "gid": 65534})  # fmt: skip
    colony.start(prefix=odd(colony.host), coverage=False)
    colony.wait_for(r"web \| by name$")
    pid = colony.pid_of("web")
    runs(pid, "sleep")  # until then the shell keeps a descriptor of its own
    status = status_of(pid)
    assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
    assert status["Groups"] in {"65534", ""}
    assert set(descriptors_of(pid)) == {0, 1, 2}
    assert masks(pid) == (0, 0)


@on_native
def test_the_colony_goes_on_though_it_was_started_with_everything_closed(colony):
    """Some daemons close descriptors 0 to 2 and then run things; no file may take those numbers."""
    colony.conf("web", {"args": SLEEP})
    colony.start("-t", "0", prefix=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"))
    pid = colony.pid_of("web")
    assert set(descriptors_of(pid)) == {0, 1, 2}
    own = descriptors_of(colony.pid)
    assert [own[number] for number in (0, 1, 2)] == ["/dev/null"] * 3
    os.kill(pid, signal.SIGKILL)
    colony.pid_of("web", pid)
    assert colony.stop() == 0
