"""What ends is started again as its policy says, at a pace that hurts nobody, and is talked about once."""

import os
import resource
import signal
import subprocess
from time import monotonic

import pytest

from tests.scenarios.colony import (
    SLEEP,
    descriptors_of,
    gone,
    is_alive,
    on_both,
    on_every_reactor,
    on_native,
    status_of,
    until,
)


@on_every_reactor
def test_what_is_killed_comes_back(colony):
    """The first promise of a supervisor."""
    colony.conf("web", {"args": SLEEP})
    colony.start("--threshold", "0")
    pid = colony.pid_of("web")
    for _ in range(3):
        os.kill(pid, signal.SIGKILL)
        pid = colony.pid_of("web", pid)
    assert colony.count(r"web was killed by SIGKILL after [\d.e-]+ s; starting again$") == 3


@on_both
def test_a_crash_loop_slows_down_and_says_so(colony):
    """Each short run waits twice as long as the one before, up to the longest delay."""
    colony.conf("web", {"args": ["sh", "-c", "exit 3"]})
    colony.start("-m", "0.1", "-M", "0.4")
    for attempt, delay in enumerate(("0.1", "0.2", "0.4", "0.4"), 2):
        colony.wait_for(rf"web exited with status 3 after [\d.e-]+ s; next start in {delay} s \(attempt {attempt}\)$")


@on_both
@pytest.mark.parametrize(
    ("ending", "words"),
    [("exit 3", "exited with status 3"), ("kill -9 $$", "was killed by SIGKILL"), ("exit 0", "exited with status 0")],
    ids=["status", "signal", "zero"],
)
def test_the_end_of_a_run_is_told_as_it_was(colony, ending, words):
    """Bug 60: a signal is no exit status, and the words say which."""
    colony.conf("web", {"args": ["sh", "-c", ending], "restart": "temporary"})
    colony.start()
    colony.wait_for(rf"web {words} after [\d.e-]+ s; left as it is$")
    colony.fence()
    assert colony.count("web runs") == 1


@on_both
def test_a_transient_program_is_left_after_a_normal_end_only(colony):
    """A job that is done is done; one that failed is tried again, and a message runs a finished one once more."""
    flag = colony.folder / "flag"
    colony.conf("job", {"args": ["sh", "-c", f"test -e {flag} || {{ touch {flag}; exit 1; }}"], "restart": "transient"})
    colony.start("-m", "0.05")
    colony.wait_for(r"job exited with status 1 after .*; next start in 0\.05 s")
    done = colony.wait_for(r"job exited with status 0 after .*; left as it is$").end()
    colony.message({"type": "RESTART", "name": "job"})
    colony.wait_for(r"job exited with status 0 after .*; left as it is$", since=done)


@on_both
def test_a_program_that_gives_up_says_so(colony):
    """``attempts`` bounds the noise; after it only a person starts the program again."""
    colony.conf("web", {"args": ["false"], "restart": {"attempts": 3, "min_delay": "10ms"}})
    colony.start()
    there = colony.wait_for(r"web exited with status 1 after .*; given up after 3 attempts$").end()
    colony.fence()
    assert colony.count("web runs") == 3
    colony.message({"type": "RESTART", "name": "web"})
    colony.wait_for("web runs", since=there)


# What cannot start -------------------------------------------------------------------------------------------------


@on_both
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"args": ["nosuch-program"]}, "no such file: 'nosuch-program' is not on its PATH"),
        ({"args": ["/nosuch/program"]}, "no such file: '/nosuch/program'"),
        ({"args": ["./script"]}, "not executable: './script' lacks the permission to be executed"),
        ({"args": ["./bang"]}, "bad interpreter: './bang' wants '/nosuch/sh', which does not exist"),
        ({"args": ["./words"]}, "bad executable format: './words' is neither a program"),
        ({"args": ["/"]}, "not executable: '/' is a directory"),
        ({"args": ["true"], "cwd": "/nosuch"}, "bad cwd: there is no directory '/nosuch'"),
        ({"args": ["true"], "env": {"A": "x" * 200_000}}, "E2BIG: its arguments and environment are too long"),
        ({"args": ["true"], "uid": "nosuch-user"}, "no such user: 'nosuch-user'"),
        ({"args": ["true"], "gid": "nosuch-group"}, "no such group: 'nosuch-group'"),
    ],
    ids=["name", "path", "mode", "shebang", "format", "folder", "cwd", "E2BIG", "user", "group"],
)
def test_a_program_that_cannot_start_says_why_once_and_is_tried_again(colony, value, why):
    """Bugs 31, 32 and 70: what is wrong by its name, never 'exit 1', and not once more at every try."""
    for name, text, mode in (("script", "", 0o644), ("bang", "#!/nosuch/sh\n", 0o755), ("words", "no program", 0o755)):
        (colony.folder / name).write_text(text)
        (colony.folder / name).chmod(mode)
    colony.conf("web", value)
    colony.start("-m", "0.01", "-M", "0.02")
    told = colony.wait_for(rf"cannot start 'web': {why}.*; next start in 0\.01 s \(attempt 2\)$").end()
    colony.fence()
    colony.fence()
    assert colony.count("cannot start|web exited|web runs") == 1
    colony.conf("web", {"args": SLEEP})
    colony.wait_for("web runs", since=told)


@on_native
def test_a_program_whose_file_comes_later_starts_then(colony):
    """An image that is still being unpacked, a mount that is late: no reason to come by and press a button."""
    colony.conf("web", {"args": ["./late"]})
    colony.start("-m", "0.05", "-M", "0.05")
    colony.wait_for("cannot start 'web': no such file: './late'")
    (colony.folder / "late.new").write_text("#!/bin/sh\necho at last\nexec sleep 1000\n")
    (colony.folder / "late.new").chmod(0o755)
    (colony.folder / "late.new").rename(colony.folder / "late")
    colony.wait_for(r"web \| at last$")


@on_native
def test_another_reason_is_told_too(colony):
    """Once per reason, not once for ever."""
    colony.conf("web", {"args": ["./late"]})
    colony.start("-m", "0.02", "-M", "0.02")
    colony.wait_for("cannot start 'web': no such file: './late'")
    (colony.folder / "late").write_text("#!/bin/sh\n")
    colony.wait_for("cannot start 'web': not executable: './late' lacks the permission")


# Many at a time ----------------------------------------------------------------------------------------------------


@on_both
def test_deaths_while_the_supervisor_was_away_are_all_noticed(colony):
    """Bugs 2 and 3: fifty children die behind the back of a stopped supervisor; signals merge, deaths must not."""
    for number in range(50):
        colony.conf(f"p{number}", {"args": SLEEP})
    colony.start("-t", "0")
    before = until(lambda: len(found := colony.pids()) == 50 and set(found), "all fifty")
    colony.send(signal.SIGSTOP)
    until(lambda: status_of(colony.pid)["State"][0] == "T", "the supervisor to stand still")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    gone(*before)
    colony.send(signal.SIGCONT)
    until(lambda: len(found := set(colony.pids())) == 50 and not found & before, "all fifty, born again")


@on_both
def test_a_hundred_requests_to_restart_end_with_one_process(colony):
    """Bug 33: whoever presses a button a hundred times wants one program, not a hundred."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    before = colony.pid_of("web")
    for number in range(100):
        colony.message({"type": "RESTART", "name": "web"}, f"request-{number:03}")
    until(lambda: not colony.left(), "all messages to be taken")
    colony.fence()
    assert colony.pid_of("web", before)


@on_both
def test_many_restarts_cost_no_descriptor(colony):
    """Bug 14: what leaks one descriptor a restart is dead in a month."""

    def restart_much():
        there = colony.here()
        colony.conf("web", {"args": ["true"], "restart": {"threshold": 0}})
        until(lambda: colony.count("web runs", there) > 200, "200 restarts")

    def descriptors():
        """The number of them when no process is being born or buried."""
        there = colony.here()
        colony.conf("web", {"args": ["sh", "-c", "echo steady; exec sleep 1000"]})
        colony.wait_for(r"web \| steady$", there)
        return len(descriptors_of(colony.pid))

    colony.start()
    restart_much()
    before = descriptors()
    restart_much()
    until(lambda: descriptors() == before, f"{before} descriptors, as before")


@on_native
def test_the_end_is_noticed_though_a_child_holds_the_output(colony):
    """Bug 41: a child that a program leaves behind keeps its pipe open; that must not hide the program's end."""
    script = "(trap '' TERM; exec sleep 1000) & echo $!; exit 3"
    colony.conf("web", {"args": ["sh", "-c", script], "restart": "temporary", "stop": {"timeout": "1000s"}})
    colony.start()
    child = int(colony.wait_for(r"web \| (\d+)$").group(1))
    colony.wait_for("web exited with status 3")
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


@on_native
def test_the_last_words_of_a_program_are_heard_before_its_end(colony):
    """Bug 27: even without a line end, once, and in the right order."""
    colony.conf("web", {"args": ["sh", "-c", "printf abc; exit 3"], "restart": "temporary"})
    colony.start()
    colony.wait_for(r"web \| abc\n.*web exited with status 3")
    assert colony.count("abc") == 1


@on_both
def test_two_hundred_programs_fit_under_a_limit_of_256_descriptors(colony):
    """Bug 12: the soft limit is raised as far as it goes; programs get the one that the supervisor had."""
    for number in range(200):
        colony.conf(f"p{number}", {"args": SLEEP})
    colony.start(prefix=("sh", "-c", 'ulimit -S -n 256 && exec "$@"', "sh"))
    pids = until(lambda: len(found := colony.pids()) == 200 and found, "all two hundred")
    assert resource.prlimit(pids[-1], resource.RLIMIT_NOFILE)[0] == 256
    assert colony.count("cannot") == 0


@on_native
def test_programs_beyond_the_hard_limit_wait_for_room_and_the_others_run(colony):
    """Bug 12: with no descriptor left, what runs goes on; what does not fit says so and comes when there is room."""
    for number in range(40):
        colony.conf(f"p{number:02}", {"args": SLEEP})
    colony.start(
        "-m", "0.05", "-M", "0.1", "--frequency", "0.1", prefix=("sh", "-c", 'ulimit -n 80 && exec "$@"', "sh")
    )
    colony.wait_for("Too many open files|EMFILE")
    running = until(lambda: len(found := set(colony.pids())) >= 5 and found, "those that fit")
    assert len(running) < 40
    assert colony.count("cannot start 'p[0-9]*'") < 80  # one or two reasons each, and not one line a try
    for number in range(35):
        colony.remove(f"p{number:02}")  # which takes a descriptor to notice, and one to read the rest
    until(lambda: len(colony.pids()) == 5, "the rest")


@on_native
def test_a_storm_of_crashes_leaves_the_others_alone(colony):
    """Bug 57: forty programs that crash as fast as they may, and one that has to answer."""
    for number in range(40):
        colony.conf(f"crash{number}", {"args": ["false"], "restart": {"threshold": 0}})
    colony.conf("web", {"args": SLEEP})
    colony.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = colony.pid_of("web")
    began = monotonic()
    colony.message({"type": "RESTART", "name": "web"})
    colony.pid_of("web", before)
    assert monotonic() - began < 10
    assert colony.stop() == 0
