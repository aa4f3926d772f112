"""Detects that this process paused for so long that another worker may own its partitions."""

import threading
import time
from collections.abc import Callable

from watchkeeper.streams.worker.clock import elapsed_ms

_CHECKS_PER_LIMIT = 10
"""Number of checks during the shortest pause. Chosen by hand: precision against wake-ups."""


class Pauses:
    """Counts the pauses of this process that were longer than the group waits for a member.

    A frozen process (SIGSTOP, a sleeping machine, a starved container) continues where it stopped, before the
    broker refuses its first heartbeat. A process with a busy event loop is not frozen: heartbeats have their
    own thread, and so does `watch`.

    Args:
        limit_ms: The length of the shortest pause.
        clock_ms: Returns a monotonic time in milliseconds.

    >>> now = [0]
    >>> pauses = Pauses(3000, lambda: now[0])
    >>> now[0] = 2900
    >>> pauses.count()
    0
    >>> now[0] += 3001
    >>> pauses.count(), pauses.count()
    (1, 1)
    """

    def __init__(self, limit_ms: int, clock_ms: Callable[[], int] = elapsed_ms) -> None:
        self._limit_ms = limit_ms
        self._clock_ms = clock_ms
        self._checked_ms = clock_ms()
        self._count = 0
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Check regularly in a thread from now on, so that only a stop of all threads counts as a pause."""
        threading.Thread(target=self._check_for_ever, name="pauses", daemon=True).start()

    def _check_for_ever(self) -> None:
        while True:
            time.sleep(self._limit_ms / 1000 / _CHECKS_PER_LIMIT)
            self.count()

    def count(self) -> int:
        """Return the number of pauses so far. Call it before any action that cannot be undone."""
        with self._lock:
            now_ms = self._clock_ms()
            self._count += now_ms - self._checked_ms > self._limit_ms
            self._checked_ms = now_ms
            return self._count
