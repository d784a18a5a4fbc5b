"""A file system that never answers (FUSE): whoever asks it something hangs in the kernel and cannot be killed."""

import ctypes
import os
import struct
from contextlib import contextmanager

import pytest

MNT_DETACH = 2
ROOM = 1 << 20
INIT = 26
HEADER = struct.Struct("<IIQQIIIHH")  # of a request: length, operation, number, ...
ANSWER = struct.Struct("<IiQ")
# Version 7.31, and otherwise what costs the least.
CHOSEN = struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, 0, 1, 1, 4096, 1, 1, 0, 0, *[0] * 7)


class Hanging:
    """A directory in which every question hangs, until it is let go."""

    def __init__(self, path, fd):
        self.path, self._fd = path, fd

    def asked(self):
        """Take a question, which nothing can take back any more."""
        os.read(self._fd, ROOM)

    def let_go(self):
        """Have all questions fail."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@contextmanager
def hanging(path):
    """Mount one at ``path``; skip the test where that cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        fd = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no file system can be made to hang here: {error}")
    how = b"fd=%d,rootmode=40000,user_id=%d,group_id=%d" % (fd, os.getuid(), os.getgid())
    if libc.mount(b"ncolony-test", os.fsencode(path), b"fuse", 0, how) != 0:
        os.close(fd)
        pytest.skip(f"no file system can be mounted here: {os.strerror(ctypes.get_errno())}")
    made = Hanging(path, fd)
    try:
        _, operation, number, *_ = HEADER.unpack_from(os.read(fd, ROOM))
        assert operation == INIT
        os.write(fd, ANSWER.pack(ANSWER.size + len(CHOSEN), 0, number) + CHOSEN)
        yield made
    finally:
        made.let_go()
        libc.umount2(os.fsencode(path), MNT_DETACH)
