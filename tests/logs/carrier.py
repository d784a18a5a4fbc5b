"""What a supervisor does for one stream, and nothing else: carry a FIFO's bytes into a rotated file until killed.

``carrier.py FIFO LOG MAX_BYTES BACKUPS [BASIN]``; says so on standard output once it is at work. At SIGTERM it takes
what is in the pipe and ends. BASIN: a FIFO to be the second pipe, which somebody else holds open.
"""

import os
import signal
import sys
from functools import partial

from ncolony.core.logspec import FileLog
from ncolony.loop import Loop
from ncolony.posix.basin import Basin
from ncolony.posix.filetarget import FileTarget
from ncolony.posix.logfiles import LogFile
from ncolony.posix.pump import Pump


def main(fifo, path, max_bytes, backups, second=None):
    """Carry."""
    loop = Loop()
    report = partial(print, file=sys.stderr)
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    file = LogFile(path, FileLog(path, int(max_bytes), int(backups), full="block"), report, None)
    file.settle()
    basin = None if second is None else Basin(os.open(second, os.O_RDWR | os.O_NONBLOCK), lambda: True)
    pump = Pump(loop, pipe, [FileTarget(loop, file, block=True, report=report)], basin)
    woken, wake = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGTERM, lambda *_: None)
    loop.watch(woken, loop.stop)
    os.write(1, b"!")
    loop.run()
    pump.close()


main(*sys.argv[1:])
