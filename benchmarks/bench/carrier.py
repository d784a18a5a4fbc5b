"""What NColony does for programs' output, in a process of its own: ``carrier.py MAX_BYTES BACKUPS FIFO=LOG ...``."""

import os
import sys

from ncolony.core.logspec import FileLog
from ncolony.loop import Loop
from ncolony.posix.filetarget import FileTarget
from ncolony.posix.logfiles import LogFile
from ncolony.posix.pump import Pump


def main(max_bytes: str, backups: str, *pairs: str) -> None:
    """Carry each FIFO's bytes into its file until killed."""
    loop = Loop()
    pumps = []
    for fifo, path in (pair.split("=") for pair in pairs):
        log = FileLog(path, int(max_bytes), int(backups))
        target = FileTarget(loop, LogFile(path, log, print, None), block=False, report=print)
        pumps.append(Pump(loop, os.open(fifo, os.O_RDWR | os.O_NONBLOCK), [target]))
    loop.run()


main(*sys.argv[1:])
