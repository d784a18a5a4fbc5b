"""A thread for one purpose: what it starts is listed by the kernel among *its* children, not the main thread's.

Orphans are adopted by the main thread. So however many programs are started from here, the list of that one's children
stays as long as it was, and so does the time to look for orphans in it. Handing a start over costs two switches between
threads, which a busy machine takes its time for; that is why small colonies do without.
"""

from __future__ import annotations

import _thread

from ncolony.core.bare import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STACK = 256 * 1024


class Elsewhere:
    """Makes calls on its thread, one at a time, while the caller waits."""

    def __init__(self) -> None:
        """Begin without a thread: the process may be about to fork (to become a daemon)."""
        self._go = _thread.allocate_lock()
        self._done = _thread.allocate_lock()
        self._go.acquire()
        self._done.acquire()
        self._call: Callable[[], int] | None = None
        self._result: int | BaseException = 0
        self._started: bool | None = None

    def __call__(self, call: Callable[[], int]) -> int:
        """Return what ``call`` returns, or raise what it raises."""
        if self._started is None:
            self._started = self._start()
        if not self._started:
            return call()
        self._call = call
        self._go.release()
        self._done.acquire()
        result, self._result = self._result, 0
        if isinstance(result, BaseException):
            raise result
        return result

    def _start(self) -> bool:
        before = _thread.stack_size(STACK)
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            return False  # no room for a thread; then the list is as long as it is
        finally:
            _thread.stack_size(before)
        return True

    def _run(self) -> None:
        # Every signal is the main thread's, which may be waiting in a system call that it has to interrupt.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            self._go.acquire()
            if self._call is None:
                return
            try:
                self._result = self._call()
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                self._result = error
            self._call = None
            self._done.release()

    def close(self) -> None:
        """End the thread."""
        if self._started:
            self._started = None
            self._go.release()
