"""The supervisor's own descriptors."""

import os
import subprocess
import sys

from ncolony.posix.descriptors import keep_private, open_standard

CODE = """
import os, sys
from ncolony.posix.descriptors import open_standard
open_standard()
with open(sys.argv[1], "w") as file:
    print(*(os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)), sep="\\n", file=file)
"""


def standard_after(tmp_path, closed):
    """Return what the standard descriptors of a process are, some of which were closed when it began."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = f'exec "$0" -c "$1" "$2" {closed}'
    subprocess.run(["sh", "-c", command, sys.executable, CODE, tmp_path / "said"], env=env, check=True)
    return (tmp_path / "said").read_text().splitlines()


def test_closed_standard_descriptors_are_opened(tmp_path):
    """Or the next file that is opened becomes standard error, and gets everybody's messages."""
    assert standard_after(tmp_path, "<&- >&- 2>&-") == ["/dev/null"] * 3
    assert standard_after(tmp_path, ">&-")[1] == "/dev/null"


def test_open_standard_descriptors_are_left_alone():
    """And none is left open beside them."""
    before = [os.fstat(fd).st_ino for fd in range(3)]
    open_standard()
    assert [os.fstat(fd).st_ino for fd in range(3)] == before


def test_descriptors_from_before_are_not_passed_on():
    """Bug 13: whatever we were started with; the standard three stay as they are."""
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.set_inheritable(write, True)
    standard = [os.get_inheritable(fd) for fd in range(3)]
    keep_private()
    assert not os.get_inheritable(read)
    assert not os.get_inheritable(write)
    assert [os.get_inheritable(fd) for fd in range(3)] == standard
    os.close(read)
    os.close(write)
