"""Where programs' output goes, on whole colonies: every byte in its place, whatever the place does."""

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.logs.conftest import joined, rotated
from tests.scenarios.colony import SLEEP, descriptors_of, is_alive, on_both, on_native, small_disk, until

# Writes numbered lines as fast as it can, then says so on standard error and stays.
NUMBERS = (
    "import sys, time\n"
    "for i in range(int(sys.argv[1])): sys.stdout.write('%d %s\\n' % (i, 'x' * (i * 7 % 90)))\n"
    "sys.stdout.flush(); sys.stderr.write('all written\\n'); sys.stderr.flush(); time.sleep(1000)"
)
# Writes a line every few milliseconds for ever.
TICKS = "import itertools, time\nfor i in itertools.count(): print(i, flush=True); time.sleep(0.005)"


def numbers(last):
    """Return what NUMBERS writes."""
    return b"".join(b"%d %s\n" % (number, b"x" * (number * 7 % 90)) for number in range(last))


def has(path, data):
    """Wait until a file has this in it, whatever is before and behind."""
    until(lambda: path.exists() and data in path.read_bytes(), f"{data[:40]!r} in {path.name}")


def output_of(pid, number):
    """Return what a descriptor of a process leads to."""
    return descriptors_of(pid)[number]


@on_both
def test_a_file_has_the_very_bytes(colony):
    """Bug 29: NUL, escapes, half a character, no line end: as they were written."""
    data = bytes(range(256)) * 3
    code = f"import os, time; os.write(1, {data!r}); time.sleep(1000)"
    colony.conf("web", {"args": ["python", "-c", code], "log": {"file": str(colony.folder / "{name}.log")}})
    colony.start()
    until((colony.folder / "web.log").exists, "a log file")
    until(lambda: (colony.folder / "web.log").read_bytes() == data, "the bytes")
    colony.pid_of("web")


def whole(log):
    """Return what all files of a log have; nothing in the middle of a rotation."""
    try:
        return joined(log)
    except FileNotFoundError:
        return b""


@on_both
def test_rotation_keeps_every_line_whole(colony):
    """All files together are what was written, and each ends at the end of a line."""
    log = colony.folder / "web.log"
    colony.conf("web", {
        "args": ["python", "-c", NUMBERS, "20000"],
        "log": {"stdout": {"file": str(log), "max_bytes": 20_000, "backups": 900}},
    })  # fmt: skip
    colony.start()
    colony.wait_for(r"web \| all written$")
    until(lambda: whole(log) == numbers(20000), "all lines")
    files = rotated(log)
    assert len(files) > 30
    assert all(file.read_bytes().endswith(b"\n") for file in files)


@on_both
def test_streams_go_apart(colony):
    """Each where it is told to go, and nowhere else."""
    code = "echo to out; echo to err >&2; exec sleep 1000"
    files = {stream: {"file": str(colony.folder / "{stream}.log")} for stream in ("stdout", "stderr")}
    colony.conf("web", {"args": ["sh", "-c", code], "log": files})
    colony.start()
    has(colony.folder / "stdout.log", b"to out\n")
    has(colony.folder / "stderr.log", b"to err\n")
    assert (colony.folder / "stdout.log").read_bytes() == b"to out\n"
    assert "to out" not in colony.text


@on_both
def test_streams_in_one_file_keep_their_order(colony):
    """One pipe for both, as with 2>&1."""
    code = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done; echo end; exec sleep 1000"
    colony.conf("web", {"args": ["sh", "-c", code], "log": {"file": str(colony.folder / "log")}})
    colony.start()
    has(colony.folder / "log", b"end\n")
    expected = "".join(f"o{number}\ne{number}\n" for number in range(500)) + "end\n"
    assert (colony.folder / "log").read_text() == expected


@on_both
def test_one_stream_can_go_to_several_targets(colony):
    """To a file as it is, to another one labelled, and to the console."""
    logs = ["console", {"file": str(colony.folder / "raw")}, {"file": str(colony.folder / "json"), "format": "json"}]
    colony.conf(
        "web",
        {"args": ["sh", "-c", "printf 'a\\033b\\nlast'; exit 3"], "restart": "temporary", "log": {"stdout": logs}},
    )
    colony.start()
    colony.wait_for(r"web \| a\\x1bb$")
    colony.wait_for(r"web \| last$")
    colony.wait_for(r"web exited with status 3 ")
    assert (colony.folder / "raw").read_bytes() == b"a\x1bb\nlast"
    lines = [json.loads(line) for line in (colony.folder / "json").read_text().splitlines()]
    assert [line["line"] for line in lines] == ["a\x1bb", "last"]
    assert {(line["program"], line["instance"], line["stream"], line["run"]) for line in lines} == {
        ("web", 1, "stdout", 1)
    }


@on_native
def test_the_console_can_have_a_json_object_a_line(colony):
    """Valid whatever the program writes; the run number is that of the process that wrote it."""
    code = "import os; os.write(1, bytes(set(range(256)) - {10}) + b'\\n'); os.write(2, b'bye')"
    colony.conf("web", {"args": ["python", "-c", code], "log": {"console": "json", "to": "stdout"}})
    colony.start("--threshold", "0", stderr=subprocess.DEVNULL)
    colony.wait_for(r'"run":2,"line":"bye"')
    lines = [json.loads(line) for line in colony.text.splitlines()]
    assert {(line["program"], line["instance"]) for line in lines} == {("web", 1)}
    runs = [line["run"] for line in lines]
    assert runs == sorted(runs)
    assert {line["stream"] for line in lines} == {"stdout", "stderr"}


@on_both
def test_a_file_moved_away_is_made_again(colony):
    """Bug 24: by mv and by rm; the next line lands in a new file, no signal needed."""
    log = colony.folder / "log"
    colony.conf("web", {"args": ["python", "-c", TICKS], "log": {"stdout": {"file": str(log)}}})
    colony.start()
    has(log, b"20\n")
    log.rename(colony.folder / "old")
    until(log.exists, "a new file")
    until(lambda: (old := (colony.folder / "old").read_bytes() + log.read_bytes()).count(b"\n") > 40 and old, "lines")
    text = (colony.folder / "old").read_text() + log.read_text()
    found = [int(line) for line in text.splitlines()]
    assert found == list(range(len(found)))
    log.unlink()
    until(log.exists, "another new file")


@on_both
def test_instances_have_files_of_their_own(colony):
    """{name} and {instance} stand for what they say; one file for all has whole lines."""
    code = "echo I am $NCOLONY_INSTANCE; exec sleep 1000"
    logs = [{"file": str(colony.folder / "{name}.{instance}")}, {"file": str(colony.folder / "all")}]
    colony.conf("web", {"args": ["sh", "-c", code], "instances": 3, "log": logs})
    colony.start()
    for number in (1, 2, 3):
        has(colony.folder / f"web.{number}", f"I am {number}\n".encode())
        has(colony.folder / "all", f"I am {number}\n".encode())
    assert len((colony.folder / "all").read_text().splitlines()) == 3


@on_both
def test_a_changed_log_counts_at_once_and_restarts_nothing(colony):
    """From the console to a file and back, and the process never notices."""
    program = {"args": ["python", "-c", TICKS]}
    colony.conf("web", program)
    colony.start()
    colony.wait_for(r"web \| 20$")
    pid = colony.pid_of("web")
    colony.conf("web", {**program, "log": {"file": str(colony.folder / "log"), "max_bytes": 0}})
    until((colony.folder / "log").exists, "a file")
    until(lambda: (colony.folder / "log").read_bytes().count(b"\n") > 20, "lines")
    colony.conf("web", program)
    last = [int(line) for line in (colony.folder / "log").read_text().splitlines()][-1]
    colony.wait_for(rf"web \| {last + 20}$")
    colony.here()
    shown = [int(line.split(" | ")[1]) for line in colony.text.splitlines() if "web | " in line]
    logged = [int(line) for line in (colony.folder / "log").read_text().splitlines()]
    assert sorted(shown + logged) == list(range(len(shown + logged)))
    assert colony.pid_of("web") == pid


@on_both
def test_streams_that_are_joined_later_share_a_pipe_from_the_next_start(colony):
    """Until then the file has whole lines of both."""
    code = "echo begin; echo begin >&2; while read line; do :; done; exec sleep 1000"
    program = {"args": ["sh", "-c", code]}
    colony.conf("web", program)
    colony.start("--threshold", "0")
    colony.wait_for(r"web \| begin$")
    pid = colony.pid_of("web")
    assert output_of(pid, 1) != output_of(pid, 2)
    colony.conf("web", {**program, "log": {"file": str(colony.folder / "log")}})
    colony.wait_for(r"web was changed \(log\) and goes on running$")
    os.kill(pid, signal.SIGKILL)
    new = colony.pid_of("web", pid)
    has(colony.folder / "log", b"begin\nbegin\n")
    assert output_of(new, 1) == output_of(new, 2)


@on_both
def test_syslog_gets_a_message_a_line(colony):
    """With the name and pid of the process that wrote it."""
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(f"{place}/log")
        daemon.settimeout(20)
        log = {"syslog": f"{place}/log", "facility": "local0"}
        colony.conf("web", {"args": ["sh", "-c", "echo out; echo err >&2; exec sleep 1000"], "log": log})
        colony.start()
        pid = colony.pid_of("web")
        got = {daemon.recv(1000) for _ in range(2)}
        assert {message[:5] for message in got} == {b"<134>", b"<131>"}
        assert {message.split(b" web")[1] for message in got} == {b"[%d]: out" % pid, b"[%d]: err" % pid}


@on_native
def test_a_stuck_reader_of_the_supervisor_holds_up_no_file(colony):
    """Bug 22: nobody reads our standard error, a program floods it, and files go on."""
    read, write = os.pipe()
    colony.conf("flood", {"args": ["python", "-c", "while True: print('y' * 99)"]})
    colony.conf("web", {"args": ["python", "-c", TICKS], "log": {"file": str(colony.folder / "log")}})
    colony.start(stdout=write, stderr=write)
    has(colony.folder / "log", b"\n300\n")
    assert len(select.select([read], [], [], 0)[0]) == 1
    os.close(write)
    os.close(read)


@on_native
def test_a_bad_log_is_told_with_all_its_mistakes(colony):
    """Which file, which key, what was found, what is wanted; other programs are served."""
    colony.conf("web", {"args": SLEEP, "log": [{"file": "log", "backups": -1}, {"consol": "json"}]})
    colony.conf("other", {"args": SLEEP})
    colony.start()
    match = colony.wait_for(r"cannot use '.*conf/web': (.*)$")
    for words in ('log[0].file: found "log", wanted an absolute path', "log[0].backups: found -1", "log[1]: found {"):
        assert words in match[1]
    colony.pid_of("other")


@on_native
def test_rotation_of_what_cannot_be_rotated_is_refused_at_load(colony):
    """Bug 25: /dev/stdout by its name, a pipe by a look at it; the program goes on as it was."""
    colony.conf("web", {"args": SLEEP})
    colony.start()
    pid = colony.pid_of("web")
    os.mkfifo(colony.folder / "fifo")
    for path in ("/dev/stdout", str(colony.folder / "fifo")):
        since = colony.here()
        colony.conf("web", {"args": SLEEP, "log": {"file": path, "max_bytes": "1MB"}})
        colony.wait_for(rf"cannot use '.*web': log.*{path}.*cannot be (renamed|rotated)", since=since)
    assert colony.pid_of("web") == pid


@on_native
def test_a_missing_directory_is_told_and_the_program_runs(colony):
    """What fits into 64 KB waits, and is there once the directory is."""
    log = colony.folder / "logs" / "log"
    colony.conf("web", {"args": ["sh", "-c", "echo early; exec sleep 1000"], "log": {"file": str(log)}})
    colony.start()
    colony.wait_for(r"cannot log to '.*log': there is no directory '.*logs'$")
    colony.wait_for(r"cannot write to '.*log': there is no directory .*; what does not fit into 64 KB is dropped$")
    colony.pid_of("web")
    log.parent.mkdir()
    colony.wait_for(r"can write to '.*log' again; nothing was dropped$")
    assert log.read_bytes() == b"early\n"


@on_native
@pytest.mark.parametrize("policy", ["drop", "block"])
def test_a_full_disk_holds_up_its_own_program_at_most(colony, policy):
    """Bug 23: it is told, counted, and goes on when there is room; another program never notices."""
    with small_disk(colony.folder / "disk") as disk:
        (disk / "filler").write_bytes(b"x" * 200_000)
        logs = {"stdout": {"file": str(disk / "log"), "max_bytes": 0, "full": policy}}
        colony.conf("web", {"args": ["python", "-c", NUMBERS, "20000"], "log": logs})
        colony.conf("other", {"args": ["python", "-c", TICKS], "log": {"file": str(colony.folder / "other")}})
        colony.start()
        then = {"drop": "what does not fit into 64 KB is dropped", "block": "the program waits for it"}[policy]
        colony.wait_for(rf"cannot write to '.*disk/log': No space left on device; {then}$")
        if policy == "drop":
            colony.wait_for(r"web \| all written$")
        until((colony.folder / "other").exists, "the other one's file")
        before = len((colony.folder / "other").read_bytes())
        until(lambda: len((colony.folder / "other").read_bytes()) > before + 200, "the other one's lines")
        (disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        match = colony.wait_for(r"can write to '.*disk/log' again; (.*)$")
        assert is_alive(colony.pid_of("web"))
        if policy == "block":
            colony.wait_for(r"web \| all written$")
            until(lambda: (disk / "log").read_bytes() == numbers(20000), "all lines")
            assert match[1] == "nothing was dropped"
        else:
            has(disk / "log", numbers(20000)[-1000:])
            assert b" bytes in " in (disk / "log").read_bytes()
            assert "were dropped so far" in match[1]
        colony.stop()


@on_native
def test_old_files_are_compressed(colony):
    """By another process, which is none of the colony's programs and outlives nothing."""
    log = colony.folder / "log"
    settings = {"file": str(log), "max_bytes": 20_000, "backups": 900, "compress": True}
    colony.conf("web", {"args": ["python", "-c", NUMBERS, "5000"], "log": {"stdout": settings}})
    colony.start()
    colony.wait_for(r"web \| all written$")

    def compressed():
        names = {path.name for path in Path(colony.folder).glob("log.*")} - {"log.1"}
        return names and all(name.endswith(".gz") for name in names)

    until(compressed, "all but the newest to be compressed")
