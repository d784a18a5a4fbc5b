"""What the keeper is told: whatever comes on its connection, or through its door, it goes on."""

import _socket
import os
import socket

from fuzz.common import dictionary
from ncolony.posix.keeper import ALL, GIVE, HAVE, MAX_SIZE, UNLABELLED, Keeper, receive, send

WORDS = dictionary("keep", "drop", "give", "end", "hello", "\x00", "keep\x00pipes/web\x00note\x00stdout", "\n")


def one_input(data):
    """Tell it a message a line; those whose first byte is odd bring a descriptor along."""
    door, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    null = os.open(os.devnull, os.O_RDONLY)
    keeper = Keeper(_bare(door))
    keeper._supervisor = _bare(theirs)
    try:
        for line in data.split(b"\n")[:50]:
            _tell(keeper, ours, outside, line[:MAX_SIZE], null)
    except SystemExit:
        pass
    finally:
        for _, fds in keeper._held.values():
            for fd in fds:
                os.close(fd)
        if keeper._supervisor is not None:
            keeper._supervisor.close()
        keeper._door.close()
        for one in (outside, ours):
            one.close()
        os.close(null)


def _tell(keeper, ours, outside, line, null):
    if not line:
        return
    fds = (null,) * (line[0] & 1)
    words = tuple(os.fsdecode(line[1:]).split("\0"))
    if line[0] & 2 or keeper._supervisor is None:
        send(outside, words, fds)
        keeper._let_in()
        return
    try:
        send(ours, words, fds)
    except OSError:
        return
    keeper._obey(keeper._supervisor)
    if words == (GIVE,):
        while (message := receive(ours))[0][0] != ALL:
            assert message[0][0] == HAVE
            assert len(message[1]) == len(message[0]) - UNLABELLED
            for fd in message[1]:
                os.close(fd)


def _bare(whole):
    """Return a socket as the keeper has it."""
    return _socket.socket(fileno=whole.detach())
