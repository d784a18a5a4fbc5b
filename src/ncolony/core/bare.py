"""Parts of the standard library that are written in C, without what is written in Python around them.

``signal``, ``collections``, ``functools`` and ``heapq`` cost a supervisor 0.7 MB, and 3 ms before its first program
runs, as they import ``enum`` and more; all that is wanted of them is in C. json is in jsontext.py, ctypes in
posix/libc.py. Signals are plain numbers here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections import deque
    from functools import partial
    from heapq import heapify, heappop, heappush
    from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
else:
    import _signal as signal
    from _collections import deque
    from _functools import partial
    from _heapq import heapify, heappop, heappush
    from _signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

__all__ = [
    "SIGCONT", "SIGKILL", "SIGNALS", "SIGNAL_NAMES", "SIGSTOP", "SIGTERM",
    "deque", "heapify", "heappop", "heappush", "partial", "signal",
]  # fmt: skip

SIGNALS: dict[str, int] = {
    name: int(getattr(signal, name)) for name in sorted(dir(signal)) if name[:3] == "SIG" and name[3:].isalnum()
}
"""By name, as the standard library has them."""
SIGNAL_NAMES = {number: name for name, number in reversed(SIGNALS.items())}
"""By number; of several names the first."""
