"""Files of variables on a real file system."""

import os

import pytest

from ncolony.core.errors import OSFailure
from ncolony.posix.envfiles import read


def test_later_files_count_over_earlier_ones(tmp_path):
    """And one with a dash may be missing."""
    (tmp_path / "a").write_text("A=1\nB=1\n")
    (tmp_path / "b").write_text("B=2\n")
    assert read((f"{tmp_path}/a", f"-{tmp_path}/missing", f"-{tmp_path}/b")) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "there is no such file"),
        (b"\xff", "bytes that are not UTF-8 at 0"),
        (b"nonsense", "line 1: found 'nonsense', wanted NAME=VALUE"),
        (b"A=" + b"x" * (1 << 20), "found more than 1048576 bytes"),
    ],
)
def test_a_file_of_no_use_is_named(tmp_path, data, words):
    """With what is wrong with it."""
    path = tmp_path / "env"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(OSFailure) as caught:
        read((str(path),))
    assert repr(str(path)) in str(caught.value)
    assert words in str(caught.value)


def test_what_is_no_file_holds_nobody_up(tmp_path):
    """A directory is named; a FIFO that nobody writes to is empty."""
    with pytest.raises(OSFailure, match="Is a directory"):
        read((str(tmp_path),))
    os.mkfifo(tmp_path / "fifo")
    assert read((f"{tmp_path}/fifo",)) == {}
