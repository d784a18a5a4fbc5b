"""A supervisor is killed, and its successor goes on as if nothing had happened."""

import json
import os
import random
import re
import signal
import socket
import subprocess
from time import monotonic

import pytest

from tests.scenarios.colony import (
    PYTHON,
    SLEEP,
    environment_of,
    fill,
    gone,
    is_alive,
    on_both,
    on_native,
    small_disk,
    until,
)


@on_both
def test_programs_outlive_their_supervisor_and_are_taken_over(mortal):
    """Bug 7: the same process goes on, nothing is started twice."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start("--threshold", "0")
    mortal.wait_for(r"web runs, pid \d+")
    pid = mortal.one("web")
    mortal.kill()
    assert is_alive(pid)
    mortal.again("--threshold", "0")
    mortal.wait_for(rf"web runs on, pid {pid}$")
    assert list(mortal.runs("web")) == [pid]
    os.kill(pid, signal.SIGKILL)
    mortal.wait_for(r"web ended \(its exit status is not known\).*; starting again$")
    assert mortal.one("web", pid) != pid


@on_both
def test_what_is_written_without_a_supervisor_is_not_lost(mortal):
    """Bug 10: the pipe holds what nobody reads for the next supervisor; the program never notices."""
    mortal.counter("web")
    mortal.start()
    mortal.wait_for(r"web \| line 20$")
    pid = mortal.one("web")
    mortal.kill()
    seen = mortal.lines("web")
    mortal.again()
    mortal.wait_for(rf"web \| line {seen[-1] + 200}$")
    numbers = mortal.lines("web")
    assert numbers[: len(seen)] == seen
    # What the killed supervisor had read and not yet written may be missing, nothing else may, and nothing is doubled.
    assert numbers == sorted(set(numbers))
    assert mortal.one("web") == pid


@on_native
def test_backoff_goes_on_where_it_was(mortal):
    """A crash loop must not begin anew with every supervisor: attempts and the next start's time are kept."""
    mortal.conf("web", {"args": ["false"], "restart": {"min_delay": 0.05, "max_delay": 600}})
    mortal.start()
    mortal.wait_for(r"web exited .*; next start in 0\.4 s \(attempt 5\)$")
    mortal.kill()
    mortal.again()
    since = len(mortal.text)
    mortal.wait_for(r"web exited .*; next start in 0\.8 s \(attempt 6\)$", since=since)


@on_native
def test_a_program_that_gave_up_stays_so(mortal):
    """Fatal is for a person to look at, and no supervisor's restart looks."""
    mortal.conf("web", {"args": ["false"], "restart": {"attempts": 1}})
    mortal.start()
    mortal.wait_for(r"web exited .*; given up after 1 attempt$")
    mortal.kill()
    mortal.again()
    since = len(mortal.text)
    mortal.conf("fence", {"args": ["sh", "-c", "echo there; exec sleep 1000"]})
    mortal.wait_for(r"fence \| there", since=since)
    assert "web" not in mortal.text[since:]


@on_both
def test_what_died_meanwhile_is_handled_by_its_policy(mortal):
    """An end that nobody saw is an end: permanent programs are started again, and it is said."""
    mortal.conf("web", {"args": SLEEP})
    mortal.conf("job", {"args": SLEEP, "restart": "temporary"})
    mortal.start("--threshold", "0")
    pids = mortal.one("web"), mortal.one("job")
    mortal.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    gone(*pids)
    mortal.again("--threshold", "0")
    mortal.wait_for(r"web ended \(its exit status is not known\).*; starting again$")
    mortal.wait_for(r"job ended \(its exit status is not known\).*; left as it is$")
    mortal.one("web", pids[0])


@on_both
def test_a_program_changed_meanwhile_is_restarted_and_others_are_not(mortal):
    """The directory is the truth, also about what happened while nobody looked."""
    mortal.conf("web", {"args": SLEEP})
    mortal.conf("other", {"args": SLEEP, "stop": {"timeout": 3}})
    mortal.start()
    web, other = mortal.one("web"), mortal.one("other")
    mortal.kill()
    mortal.conf("web", {"args": [*SLEEP, "1"]})
    mortal.conf("other", {"stop": {"timeout": 4}, "args": SLEEP})
    mortal.again()
    assert mortal.one("web", web) != web
    assert mortal.one("other") == other


@on_native
def test_instances_that_are_too_many_by_now_are_stopped(mortal):
    """The file says how many, and not what the processes were once started with."""
    mortal.conf("web", {"args": SLEEP, "instances": 3})
    mortal.start()
    pid, *others = [int(mortal.wait_for(rf"web:{number} runs, pid (\d+)")[1]) for number in (1, 2, 3)]
    mortal.kill()
    mortal.conf("web", {"args": SLEEP, "instances": 1})
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pid}$")
    gone(*others)
    mortal.fence()
    assert list(mortal.runs("web")) == [pid]
    assert mortal.count("was changed") == 0


@on_both
def test_a_program_removed_meanwhile_is_stopped(mortal):
    """Nothing may run that no file describes."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.kill()
    mortal.remove("web")
    mortal.again()
    mortal.wait_for(r"web was removed while no supervisor ran$")
    gone(pid)


@on_native
def test_a_file_broken_meanwhile_leaves_its_program_running(mortal):
    """Bug 44: a typo is no reason to stop anything, whenever it was made."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.kill()
    mortal.conf("web", '{"args": 3}')
    mortal.again()
    mortal.wait_for(r"cannot use '.*web': args: found 3")
    mortal.wait_for(rf"web runs on, pid {pid}$")
    mortal.conf("web", {"args": SLEEP})
    mortal.fence()
    assert mortal.one("web") == pid
    os.kill(pid, signal.SIGKILL)
    mortal.one("web", pid)


@on_native
def test_a_stop_under_way_is_finished_by_the_successor(mortal):
    """Deadlines go on: what ignores the stop signal is killed when its time is up, whoever began it."""
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    mortal.conf("web", {"args": ["sh", "-c", deaf], "stop": {"timeout": 2}})
    mortal.start()
    mortal.wait_for(r"web \| deaf$")
    pid = mortal.one("web")
    mortal.message({"type": "RESTART", "name": "web"})
    mortal.wait_for(r"web is being stopped")
    mortal.kill()
    mortal.again()
    mortal.wait_for(r"web did not end in time and gets SIGKILL$")
    assert mortal.one("web", pid) != pid


@on_native
def test_killed_at_any_moment_nothing_is_doubled_or_lost(mortal):
    """Bug 7: killed again and again, early and late, while programs start, crash and are changed."""
    chance = random.Random(7)  # noqa: S311 - the same moments every time, not secret ones
    for number in range(8):
        mortal.conf(f"p{number}", {"args": SLEEP})
    mortal.start("--threshold", "0")
    for round_ in range(25):
        moment = monotonic() + chance.random() * 0.25
        victim = f"p{chance.randrange(8)}"
        until(lambda moment=moment: monotonic() >= moment, "a moment chosen by chance")
        for pid in list(mortal.runs(victim)) if round_ % 3 == 0 else []:
            os.kill(pid, signal.SIGKILL)
        if round_ % 5 == 0:
            mortal.conf(victim, {"args": [*SLEEP, str(round_ + 1)]})
        mortal.kill()
        for number in range(8):
            assert len(mortal.runs(f"p{number}")) <= 1
        mortal.again("--threshold", "0")
    for number in range(8):
        mortal.one(f"p{number}")


@on_both
def test_a_second_supervisor_is_refused_and_told_by_whom(mortal):
    """Bug 9: two supervisors on one colony would start everything twice."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.one("web")
    second = subprocess.run(
        [PYTHON, "-m", "ncolony", "run", *mortal.directories()], cwd=mortal.folder, env=mortal.environment(),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert f"another supervisor has it, pid {mortal.pid}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert len(mortal.runs("web")) == 1


@on_native
def test_of_many_started_at_once_exactly_one_wins(mortal):
    """Bug 9: whoever is quickest has it, and all the others say so."""
    mortal.conf("web", {"args": SLEEP})
    command = [PYTHON, "-m", "ncolony", "run", *mortal.directories()]
    rivals = [
        subprocess.Popen(command, cwd=mortal.folder, env=mortal.environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    try:
        until(lambda: sum(rival.poll() is None for rival in rivals) == 1, "one winner")
        assert sorted(rival.returncode for rival in rivals if rival.returncode is not None) == [2] * 7
        mortal.one("web")
    finally:
        for rival in rivals:
            rival.terminate()
        for rival in rivals:
            rival.communicate(timeout=30)


@on_native
def test_a_lock_left_by_a_dead_supervisor_is_taken(mortal):
    """Bug 46: the file of a lock is no lock."""
    state = mortal.messages / ".ncolony"
    state.mkdir(0o700)
    (state / "lock").write_text("1\n")
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.one("web")
    assert (state / "lock").read_text() == f"{mortal.pid}\n"


@on_native
def test_pid_files_alone_are_enough_to_take_over(mortal, tmp_path):
    """Where no state was kept, pid and mark tell the process; its output goes on through its own pipe."""
    pids = tmp_path / "pids"
    pids.mkdir()
    mortal.counter("web")
    mortal.start("--pid", str(pids))
    mortal.wait_for(r"web \| line 5$")
    pid = mortal.one("web")
    mortal.kill()
    subprocess.run(["rm", "-r", str(mortal.messages / ".ncolony")], check=True)
    mortal.again("--pid", str(pids))
    mortal.wait_for(rf"web runs on, pid {pid}$")
    last = mortal.lines("web")[-1]
    mortal.wait_for(rf"web \| line {last + 50}$")
    assert list(mortal.runs("web")) == [pid]


@on_native
def test_a_pid_file_that_names_a_stranger_is_not_followed(mortal, tmp_path):
    """Bug 1: a pid is no identity; the stranger lives, and it is said. A pipe among them is waited for by nobody."""
    pids = tmp_path / "pids"
    pids.mkdir()
    os.mkfifo(pids / "job")
    with subprocess.Popen(SLEEP) as stranger:
        try:
            (pids / "web").write_text(str(stranger.pid))
            mortal.conf("web", {"args": SLEEP})
            mortal.start("--pid", str(pids))
            mortal.wait_for(rf"'.*web' names process {stranger.pid}, which is not this colony's: it is left alone$")
            assert mortal.one("web") != stranger.pid
            mortal.remove("web")
            mortal.wait_for("web was removed")
            assert stranger.poll() is None
        finally:
            stranger.kill()


@on_native
def test_a_record_that_names_a_stranger_is_not_followed(mortal):
    """Bug 1: the process of a record ended, and its pid is another's by now: that one gets no signal."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.kill()
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    with subprocess.Popen(SLEEP) as stranger:
        try:
            _rewrite(mortal, lambda record: record | {"pid": stranger.pid})
            mortal.again()
            mortal.wait_for(r"web ended \(its exit status is not known\)")
            assert mortal.one("web") != stranger.pid
            assert stranger.poll() is None
        finally:
            stranger.kill()


def _rewrite(mortal, change):
    from ncolony.posix.records import SLOT, decode, encode

    path = mortal.messages / ".ncolony" / "records"
    data = path.read_bytes()
    slots = [data[start : start + SLOT] for start in range(0, len(data), SLOT)]
    for index, slot in enumerate(slots[1:], 1):
        if slot.strip(b" \n\0"):
            slots[index] = encode(change(decode(slot))).ljust(SLOT - 1) + b"\n"
    path.write_bytes(b"".join(slots))


@on_native
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:2048],
        lambda data: data[: len(data) // 2 + 37],
        lambda data: bytes(byte ^ (index % 97 == 5) for index, byte in enumerate(data)),
        lambda data: data.replace(b'"v":1', b'"v":9'),
        lambda _: b"",
        lambda _: os.urandom(5000),
    ],
    ids=["truncated at a record", "truncated", "bits flipped", "another version", "empty", "noise"],
)
def test_damaged_records_are_named_and_processes_found_by_their_mark(mortal, damage):
    """Bug 63: what makes no sense is refused record by record; nothing is started twice for it."""
    for name in ("web", "job"):
        mortal.conf(name, {"args": SLEEP})
    mortal.start()
    pids = mortal.one("web"), mortal.one("job")
    mortal.kill()
    path = mortal.messages / ".ncolony" / "records"
    path.write_bytes(damage(path.read_bytes()))
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pids[0]}$")
    mortal.wait_for(rf"job runs on, pid {pids[1]}$")
    assert (mortal.one("web"), mortal.one("job")) == pids
    assert mortal.count(r"cannot use all of '.*records': ") >= 1


@on_native
@pytest.mark.parametrize("name", ["colony", "journal", "partial", "records"])
def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(mortal, name):
    """Bug 63: opening a pipe waits for whoever opens its other end, which nobody will."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.kill()
    path = mortal.messages / ".ncolony" / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pid}$")


def _bind(path):
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))


@on_both
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (os.mkfifo, "a pipe"),
        (_bind, "a socket"),
        (os.mkdir, "a directory"),
        (lambda path: path.symlink_to(path.with_name("records")), "a symbolic link"),
    ],
    ids=["pipe", "socket", "directory", "link"],
)
def test_what_is_no_lock_is_refused_and_nothing_is_started(mortal, make, found):
    """Bug 9: two supervisors would not see each other's lock."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.kill()
    path = mortal.messages / ".ncolony" / "lock"
    path.unlink()
    make(path)
    since = len(mortal.text)
    mortal.again()
    assert mortal.ended() == 2
    assert re.search(rf"cannot run this colony: '.*/lock' is {found}, and has to be a plain file", mortal.text[since:])
    assert list(mortal.runs("web")) == [pid]
    mortal.process.stdout.close()
    path.rmdir() if found == "a directory" else path.unlink()
    mortal.again()
    mortal.wait_for(rf"web runs on, pid {pid}$", since=since)


@on_native
def test_a_colony_whose_name_was_lost_still_knows_its_own(mortal):
    """Bug 63: first the name is damaged, and later the records: processes are still found by their marks."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    for name in ("colony", "records"):
        mortal.kill()
        (mortal.messages / ".ncolony" / name).write_bytes(b"noise")
        since = len(mortal.text)
        mortal.again()
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)


@on_native
def test_records_of_another_boot_are_not_followed(mortal):
    """After a boot every pid means another process."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.one("web")
    assert mortal.stop() == 0
    mortal.process.stdout.close()
    path = mortal.messages / ".ncolony" / "records"
    from ncolony.core.kept import Kept, to_text
    from ncolony.core.states import UP, Instance, Running
    from ncolony.posix.records import SLOT, encode, seal

    kept = Kept("web", 1, Instance(Running(os.getpid(), 1.0), UP, 0, 7), 1, 5)
    head = encode({"v": 1, "boot": "another", "colony": "0123456789ab"})
    path.write_bytes(b"".join(line.ljust(SLOT - 1) + b"\n" for line in (head, seal(to_text(kept)))))
    mortal.again()
    mortal.wait_for(r"web runs, pid", since=len(mortal.text))
    mortal.one("web")


@on_native
def test_a_state_directory_of_somebody_else_is_not_used(mortal, tmp_path):
    """Bug 72: what another user prepared is not to be trusted; programs run all the same."""
    if os.getuid():
        pytest.skip("only root can make a directory for another user")
    theirs = tmp_path / "theirs"
    theirs.mkdir(0o777)
    os.chown(theirs, 12345, 12345)
    mortal.conf("web", {"args": SLEEP})
    mortal.start("--state", str(theirs))
    mortal.wait_for(r"cannot keep anything in '.*theirs': it belongs to user 12345; programs run, and cannot be taken")
    mortal.one("web")
    assert not list(theirs.iterdir())


@on_native
def test_a_state_directory_that_is_deleted_disturbs_nothing(mortal):
    """Somebody tidies up; programs run on, and new ones start."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    subprocess.run(["rm", "-r", str(mortal.messages / ".ncolony")], check=True)
    mortal.conf("job", {"args": SLEEP})
    mortal.one("job")
    assert mortal.one("web") == pid


@on_native
def test_the_mark_and_the_records_agree(mortal):
    """People read these files at three in the morning."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    mortal.wait_for(f"web runs, pid {pid}$")  # it lives some time before that is known and noted
    line = mortal.records().split(b"\n")[1].decode()
    record = json.loads(line.strip().rpartition(" ")[0])
    assert (record["name"], record["n"], record["pid"], record["state"]) == ("web", 1, pid, "running")
    assert environment_of(pid)["NCOLONY_RUN"].endswith(f"/web:1/{record['run']}")


@on_both
def test_on_a_full_disk_programs_are_taken_over_all_the_same(mortal):
    """Bug 62: killed while nothing can be written, the supervisor has a successor that doubles and loses nobody."""
    with small_disk(mortal.folder / "disk") as disk:
        for name in ("web", "db"):
            mortal.conf(name, {"args": SLEEP})
        mortal.start("--state", str(disk / "state"), "--threshold", "0")
        web, db = mortal.one("web"), mortal.one("db")
        fill(disk / "filler")
        os.kill(web, signal.SIGKILL)
        web = mortal.one("web", web)
        mortal.kill()
        mortal.again("--state", str(disk / "state"), "--threshold", "0")
        mortal.wait_for(r"the records that are there are gone on with$")
        assert (mortal.one("web"), mortal.one("db")) == (web, db)
        for number in range(40):  # more than there are slots for
            mortal.conf(f"more{number}", {"args": SLEEP})
        mortal.wait_for(r"the next one finds those processes by their marks$")
        more = [mortal.one(f"more{number}") for number in range(40)]
        mortal.kill()
        mortal.again("--state", str(disk / "state"), "--threshold", "0")
        mortal.wait_for(r"of its records could not be written; its process is found by its mark")
        assert [mortal.one(f"more{number}") for number in range(40)] == more
        assert (mortal.one("web"), mortal.one("db")) == (web, db)
        (disk / "filler").unlink()
        mortal.conf("web", {"args": [*SLEEP, "1"]})
        mortal.one("web", web)
        mortal.stop()
