"""Files that have lost their names, and get them back."""

import os

import pytest

from ncolony.posix.renewing import is_lost, put_back
from tests.scenarios.colony import fill, small_disk


def test_a_file_that_lost_its_name_is_told(tmp_path):
    """Deleted, replaced, or there."""
    path = tmp_path / "file"
    with path.open("w") as file:
        assert not is_lost(file.fileno(), str(path))
        path.unlink()
        assert is_lost(file.fileno(), str(path))
        path.touch()
        assert is_lost(file.fileno(), str(path))


@pytest.mark.parametrize("how", [os.O_RDWR, os.O_WRONLY | os.O_APPEND])
def test_what_is_put_back_is_whole_and_written_on_under_the_same_descriptor(tmp_path, how):
    """Whoever has it open need not know; the descriptor still is no child's business."""
    path = tmp_path / "file"
    fd = os.open(path, how | os.O_CREAT | os.O_CLOEXEC, 0o600)
    data = os.urandom(3 << 20)
    assert os.write(fd, data) == len(data)
    path.unlink()
    put_back(fd, str(path))
    assert path.read_bytes() == data
    if how & os.O_APPEND:
        os.write(fd, b"more")
        assert path.read_bytes() == data + b"more"
    else:
        os.pwrite(fd, b"new", 0)
        assert path.read_bytes() == b"new" + data[3:]
    assert not os.get_inheritable(fd)
    assert path.stat().st_mode & 0o777 == 0o600
    os.close(fd)


def test_what_is_there_is_left_alone(tmp_path):
    """It is asked about more often than it is lost."""
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file:
        file.write(b"there")
        before = path.stat().st_ino
        put_back(file.fileno(), str(path))
        assert path.stat().st_ino == before


def test_on_a_full_disk_nothing_is_left_half_done(tmp_path):
    """The file that was lost goes on, and what there was no room for is removed."""
    with small_disk(tmp_path / "disk") as disk, (disk / "file").open("wb", buffering=0) as file:
        file.write(b"x" * 50_000)
        (disk / "file").unlink()
        fill(disk / "full")
        with pytest.raises(OSError, match="No space left on device"):
            put_back(file.fileno(), str(disk / "file"))
        assert [path.name for path in disk.iterdir()] == ["full"]
        assert os.fstat(file.fileno()).st_nlink == 0
