"""How the library writes: at once, whole, and with the mode that an administrator expects."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from threading import Event, Thread

import pytest

from ncolony import ctllib
from ncolony.core.errors import OSFailure
from ncolony.core.parse import parse
from tests.cli.places import environment, files, sent, written


def test_a_new_file_can_be_read_by_all_as_far_as_the_umask_goes(places):
    """The supervisor may be another user; whoever has secrets has a umask, or a directory, that says so."""
    before = os.umask(0o027)
    try:
        ctllib.add(places, "web", "true", [])
    finally:
        os.umask(before)
    assert stat.S_IMODE((places.config / "web").stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_replaced_file_keeps_its_mode(places, mode):
    """An administrator who closed a file, for the secrets in its env, does not want it opened by a change."""
    ctllib.add(places, "web", "true", [])
    (places.config / "web").chmod(mode)
    ctllib.add(places, "web", "true", ["more"])
    assert stat.S_IMODE((places.config / "web").stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner_when_root_writes(places):
    """A supervisor that runs as the owner of a closed file has to be able to read the next version."""
    path = places.config / "web"
    ctllib.add(places, "web", "true", [])
    os.chown(path, 12345, 23456)
    ctllib.add(places, "web", "true", ["more"])
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_symbolic_link_is_replaced_and_not_followed(places, tmp_path):
    """Its target may be shared, and to write there in place would show readers half a file."""
    (tmp_path / "shared").write_text('{"args": ["true"]}')
    (places.config / "web").symlink_to(tmp_path / "shared")
    ctllib.add(places, "web", "false", [])
    assert written(places, "web") == {"args": ["false"]}
    assert (tmp_path / "shared").read_text() == '{"args": ["true"]}'


def test_a_failed_write_leaves_the_old_version_and_nothing_else(places, small_files):
    """A disk may be full. Then the old description still holds, and no temporary file stays."""
    ctllib.add(places, "web", "true", [])
    with small_files(10), pytest.raises(OSFailure) as caught:
        ctllib.add(places, "web", "true", ["a" * 100])
    assert os.strerror(errno.EFBIG) in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert files(places) == ["web"]
    assert written(places, "web") == {"args": ["true"]}


def test_a_message_that_cannot_be_written_leaves_nothing(places, small_files):
    """Half a message would be rejected by the supervisor, long after whoever sent it went away."""
    with small_files(10), pytest.raises(OSFailure):
        ctllib.restart_all(places)
    assert list(places.messages.iterdir()) == []


def test_a_directory_in_the_way_is_told(places):
    """It cannot be replaced by a file; what is in it is nobody's to delete."""
    (places.config / "web").mkdir()
    with pytest.raises(OSFailure):
        ctllib.add(places, "web", "true", [])
    with pytest.raises(OSFailure):
        ctllib.remove(places, "web")
    assert files(places) == ["web"]


# Beside others ------------------------------------------------------------------------------------------------------


def test_a_reader_never_sees_half_a_version(places):
    """Supervisors read whenever the kernel tells them to, which is in the middle of a write."""
    ctllib.add(places, "web", "true", [])
    seen, enough = set(), Event()

    def look():
        while not enough.is_set():
            _, value = parse((places.config / "web").read_bytes())
            seen.add(len(value["args"]))

    reader = Thread(target=look)
    reader.start()
    for size in [1, 20_000] * 20:
        ctllib.add(places, "web", "true", ["x" * 9] * size)
    enough.set()
    reader.join()
    assert seen <= {1, 2, 20_001}
    assert seen


ADDER = """
import sys
from ncolony import ctllib
places = ctllib.Places(sys.argv[1], sys.argv[2])
for number in range(50):
    ctllib.add(places, "shared", "true", [sys.argv[3]] * number)
    ctllib.add(places, f"own-{sys.argv[3]}-{number}", "true", [])
    ctllib.restart(places, "shared")
"""


def test_many_writers_do_not_disturb_each_other(places):
    """Deployments run in parallel. Nobody's file is lost or torn, no message lost, and nothing else stays."""
    command = [sys.executable, "-c", ADDER, *map(str, places)]
    writers = [subprocess.Popen([*command, str(number)], env=environment()) for number in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(files(places)) == 1 + 4 * 50
    assert all(ctllib.read(places, name).problems == () for name in files(places))
    assert sent(places) == [{"type": "RESTART", "name": "shared"}] * 200
