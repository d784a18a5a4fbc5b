"""What a program wrote and nobody has read is kept by the keeper, also when program and supervisor are both dead."""

import json
import os
import random
import re
import signal
from pathlib import Path
from time import monotonic

import pytest

from ncolony.posix.keeping import SHORT
from tests.logs.conftest import joined
from tests.scenarios.colony import (
    EPOLL,
    SLEEP,
    _on,
    descriptors_of,
    gone,
    is_alive,
    keepers,
    on_both,
    on_native,
    status_of,
    until,
)
from tests.survival.test_logs import wait_a_moment

# Says that it is there. When it is told to, it writes its lines, the last without an end, and ends.
LAST_WORDS = """\
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.write(1, b"there\\n")
open(sys.argv[1], "w").close()
signal.sigwait({signal.SIGUSR1})
for number in range(500):
    os.write(1, b"line %d\\n" % number)
    os.write(2, b"error %d\\n" % number)
os.write(1, b"the end")
"""
LINES = ["there", *(f"line {number}" for number in range(500)), "the end"]
ERRORS = [f"error {number}" for number in range(500)]

# Numbers its lines, notes how many it has written, and ends at the end of a line after SIGTERM.
NUMBERS = """\
import os, signal, sys, time
run, ended = os.environ["NCOLONY_RUN"].replace("/", "+"), []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
note = os.open(os.path.join(sys.argv[1], run), os.O_WRONLY | os.O_CREAT, 0o600)
number = 0
while not ended:
    os.write(1, b"%s %d\\n" % (run.encode(), number))
    number += 1
    os.pwrite(note, b"%d" % number, 0)
    time.sleep(0.001)
"""


def the_keeper(mortal, other_than=None):
    """Wait until a colony has one keeper, and not the one that it had."""

    def one():
        found = keepers(mortal.folder)
        return found[0] if len(found) == 1 and found[0] != other_than else None

    return until(one, "one keeper")


def speaks(mortal, *names, **more):
    """Describe programs that have last words, start them, and return their pids when they can be told to say them."""
    for name in names:
        args = ["python", "-c", LAST_WORDS, str(mortal.folder / f"{name}.there")]
        mortal.conf(name, {"args": args, "restart": "temporary", **more.get(name, {})})
    mortal.start()
    until(lambda: all((mortal.folder / f"{name}.there").exists() for name in names), "programs that wait")
    return [mortal.one(name) for name in names]


def dies_speaking(*pids):
    """Have programs say their last words, and return when they are gone."""
    for pid in pids:
        os.kill(pid, signal.SIGUSR1)
    gone(*pids)


def ended(mortal, *names, since=0):
    """Wait until the supervisor has told the ends of programs that ended while there was none."""
    for name in names:
        mortal.wait_for(rf"{name} ended \(its exit status is not known\)", since=since)


FORMS = {
    "raw": lambda text: text.decode().splitlines(),
    "prefix": lambda text: [line.removeprefix("web | ") for line in text.decode().splitlines()],
    "json": lambda text: [json.loads(line)["line"] for line in text.splitlines()],
}


@on_both
@pytest.mark.parametrize("form", FORMS)
def test_last_words_reach_the_file_although_nobody_lived_to_read_them(mortal, form):
    """Every line once, and then the news of the end."""
    log = mortal.folder / "log"
    [pid] = speaks(mortal, "web", web={"log": {"stdout": {"file": str(log), "format": form}, "stderr": None}})
    until(lambda: log.exists() and b"there" in log.read_bytes(), "the first line")
    mortal.kill()
    dies_speaking(pid)
    mortal.again()
    ended(mortal, "web")
    assert FORMS[form](log.read_bytes()) == LINES


@on_both
def test_last_words_reach_the_console_before_the_news_of_the_end(mortal):
    """A reader of the log finds the reason above the end."""
    [pid] = speaks(mortal, "web")
    mortal.wait_for(r"web \| there$")
    mortal.kill()
    dies_speaking(pid)
    mortal.again()
    ended(mortal, "web")
    said = mortal.text[: mortal.text.index("web ended")]
    shown = re.findall(r"web \| ((?:line|error|the) \S+)$", said, re.MULTILINE)
    assert [line for line in shown if not line.startswith("error")] == LINES[1:]
    assert [line for line in shown if line.startswith("error")] == ERRORS


@on_native
def test_both_streams_in_one_file_stay_in_the_order_in_which_they_were_written(mortal):
    """One pipe for both is kept as one."""
    log = mortal.folder / "log"
    [pid] = speaks(mortal, "web", web={"log": {"file": str(log)}})
    mortal.kill()
    dies_speaking(pid)
    mortal.again()
    ended(mortal, "web")
    both = [line for pair in zip(LINES[1:-1], ERRORS, strict=True) for line in pair]
    assert log.read_text().splitlines() == ["there", *both, "the end"]


@on_native
def test_what_is_to_be_dropped_is_dropped_and_disturbs_nobody(mortal):
    """Two programs die together, and only one has a log."""
    log = mortal.folder / "log"
    logs = {"web": {"log": {"stdout": {"file": str(log)}, "stderr": None}}, "mute": {"log": None}}
    pids = speaks(mortal, "web", "mute", **logs)
    mortal.kill()
    dies_speaking(*pids)
    mortal.again()
    ended(mortal, "web", "mute")
    assert log.read_text().splitlines() == LINES
    assert mortal.count(r"^mute \|") == 0


@on_native
def test_the_last_words_of_a_program_that_was_removed_go_where_they_were_to_go(mortal):
    """Nothing tells of it any more but the note that the keeper has, which is of the log as it was last."""
    log = mortal.folder / "log"
    [pid] = speaks(mortal, "web", web={"log": {"file": str(mortal.folder / "before")}})
    changed = json.loads((mortal.config / "web").read_text())
    mortal.conf("web", changed | {"log": {"file": str(log)}})
    mortal.fence()
    mortal.kill()
    dies_speaking(pid)
    mortal.remove("web")
    mortal.again()
    mortal.wait_for("web was removed while no supervisor ran$")
    ended(mortal, "web")
    assert log.read_text().splitlines()[-1] == "the end"
    assert log.read_text().count("\n") == 1000


@on_both
def test_no_line_is_lost_when_programs_end_around_kills_of_the_supervisor(mortal):
    """Twenty rounds: the program ends a moment before the kill, at it, or while nobody lives."""
    chance = random.Random(5)  # noqa: S311 - the same moments every time
    notes = mortal.folder / "notes"
    notes.mkdir()
    log = mortal.folder / "web.log"
    restart = {"threshold": 0, "min_delay": 0}
    files = {"file": str(log), "max_bytes": "20kB", "backups": 1000}
    mortal.conf("web", {"args": ["python", "-c", NUMBERS, str(notes)], "restart": restart, "log": files})
    mortal.start()
    for _ in range(20):
        pid = mortal.one("web")
        until(note_of(mortal, pid).exists, "a run that writes")
        wait_a_moment(chance)
        early = chance.random() < 0.5
        if early:
            os.kill(pid, signal.SIGTERM)
        mortal.kill()
        if not early:
            os.kill(pid, signal.SIGTERM)
        gone(pid)
        since = mortal.here()
        mortal.again()
        mortal.wait_for(r"web (runs|runs on), pid \d+$", since=since)
    pid = mortal.one("web")
    until(note_of(mortal, pid).exists, "the last run")
    mortal.stop()
    wanted = []
    for note in sorted(notes.iterdir(), key=lambda one: int(one.name.rpartition("+")[2])):
        wanted += [f"{note.name} {number}" for number in range(int(note.read_text()))]
    assert joined(log).decode().splitlines() == wanted


def note_of(mortal, pid):
    """Return the note of the run that a process is."""
    return mortal.folder / "notes" / mortal.runs("web")[pid].replace("/", "+")


# The keeper itself --------------------------------------------------------------------------------------------------


@on_both
def test_the_keeper_holds_pipes_and_nothing_else_of_anybodys(mortal):
    """No terminal, no lock, no folder, no environment: it keeps nobody from going away."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.wait_for(r"web runs")
    keeper = the_keeper(mortal)
    until(lambda: len(descriptors_of(keeper)) == 6, "both pipes")
    kinds = sorted(target.partition(":")[0] for target in descriptors_of(keeper).values())
    assert kinds == ["/dev/null", "/dev/null", "pipe", "pipe", "socket", "socket"]
    process = Path(f"/proc/{keeper}")
    assert (process / "cwd").readlink() == Path("/")
    assert (process / "environ").read_bytes() == b""
    assert (process / "comm").read_text() == "ncolony-keeper\n"
    assert os.getsid(keeper) == keeper


@on_both
def test_a_clean_stop_ends_the_keeper(mortal):
    """Before the supervisor itself has ended, and without a trace."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.wait_for(r"web runs")
    keeper = the_keeper(mortal)
    assert mortal.stop() == mortal.host.status(signal.SIGTERM)
    gone(keeper)
    assert not (mortal.messages / ".ncolony" / "keeper").exists()


@on_native
def test_a_colony_without_programs_has_no_keeper(mortal):
    """What is not used costs nothing."""
    mortal.start()
    mortal.wait_for("whole process trees")
    mortal.stop()
    assert not keepers(mortal.folder)


@on_native
def test_without_a_supervisor_the_keeper_ends_when_all_is_gone_and_read(mortal):
    """Nobody has to look for it."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    mortal.wait_for(r"web runs")
    keeper, pid = the_keeper(mortal), mortal.one("web")
    mortal.kill()
    assert is_alive(keeper)
    os.kill(pid, signal.SIGKILL)
    gone(pid, keeper)


@on_native
def test_a_keeper_with_something_unread_waits_until_it_is_told_to_end(mortal):
    """That is what it is for. SIGTERM ends it then, and before that means nothing to it."""
    [pid] = speaks(mortal, "web")
    mortal.wait_for(r"web \| there$")
    keeper = the_keeper(mortal)
    os.kill(keeper, signal.SIGTERM)
    mortal.kill()
    dies_speaking(pid)
    until(lambda: status_of(keeper)["State"][0] == "S", "a keeper that sleeps")
    assert is_alive(keeper)
    os.kill(keeper, signal.SIGTERM)
    gone(keeper)


@on_both
def test_a_killed_keeper_is_replaced_and_the_new_one_has_everything(mortal):
    """Bug 8: nobody is started twice, left alone or robbed of output for it; and it is said once."""
    log = mortal.folder / "log"
    [pid] = speaks(mortal, "web", web={"log": {"stdout": {"file": str(log)}, "stderr": None}})
    keeper = the_keeper(mortal)
    mortal.conf("other", {"args": SLEEP})
    mortal.wait_for(r"other runs")
    began = monotonic()
    until(lambda: monotonic() > began + SHORT, "a keeper that has not just begun")
    os.kill(keeper, signal.SIGKILL)
    mortal.wait_for(r"the keeper was killed; another one takes its place$")
    after = the_keeper(mortal, keeper)
    until(lambda: len(descriptors_of(after)) == 8, "all pipes")
    mortal.kill()
    dies_speaking(pid)
    mortal.again()
    ended(mortal, "web")
    assert log.read_text().splitlines() == LINES
    assert mortal.count("the keeper") == 1
    assert len(mortal.runs("other")) == 1


@on_native
def test_an_upgrade_goes_on_with_the_same_keeper(mortal):
    """It is the same over SIGUSR2 and over SIGKILL."""
    mortal.conf("web", {"args": SLEEP})
    mortal.start()
    pid = mortal.one("web")
    keeper = the_keeper(mortal)
    for turn in (lambda: mortal.send(signal.SIGUSR2), lambda: (mortal.kill(), mortal.again())):
        since = mortal.here()
        turn()
        mortal.wait_for(rf"web runs on, pid {pid}$", since=since)
        assert the_keeper(mortal) == keeper


@_on(EPOLL)
def test_a_supervisor_that_leaves_leaves_the_keeper_to_the_next(mortal):
    """An upgrade under Twisted."""
    log = mortal.folder / "log"
    [pid] = speaks(mortal, "web", web={"log": {"stdout": {"file": str(log)}, "stderr": None}})
    keeper = the_keeper(mortal)
    mortal.send(signal.SIGUSR2)
    mortal.ended()
    mortal.process.stdout.close()
    dies_speaking(pid)
    mortal.again()
    ended(mortal, "web")
    assert log.read_text().splitlines() == LINES
    assert the_keeper(mortal) == keeper
