"""Notices that this process stood still for so long that its partitions may be another's."""

import threading
import time
from collections.abc import Callable

from watchkeeper.streams.worker.clock import elapsed_ms

_TURNS = 10
"""In the time that is a pause."""


class Lapses:
    """Counts the pauses of this process that were longer than the group waits for a member.

    A process that was frozen (SIGSTOP, a sleeping machine, a starved container) goes on in the middle of what
    it did, before its first heartbeat is refused. One whose event loop is busy is not frozen: heartbeats have
    a thread of their own, and so has `watch`.

    >>> now = [0]
    >>> lapses = Lapses(3000, lambda: now[0])
    >>> now[0] = 2900
    >>> lapses.count()
    0
    >>> now[0] += 3001
    >>> lapses.count(), lapses.count()
    (1, 1)
    """

    def __init__(self, limit_ms: int, clock_ms: Callable[[], int] = elapsed_ms) -> None:
        self._limit_ms = limit_ms
        self._clock_ms = clock_ms
        self._turned_ms = clock_ms()
        self._count = 0
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Take turns in a thread from now on, so that only what stops all threads is a pause."""
        threading.Thread(target=self._turn_for_ever, name="lapses", daemon=True).start()

    def _turn_for_ever(self) -> None:
        while True:
            time.sleep(self._limit_ms / 1000 / _TURNS)
            self.count()

    def count(self) -> int:
        """Return how many there were; asked in each turn, and before what can not be undone."""
        with self._lock:
            now_ms = self._clock_ms()
            self._count += now_ms - self._turned_ms > self._limit_ms
            self._turned_ms = now_ms
            return self._count
