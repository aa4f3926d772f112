"""Notices that this process stood still for so long that its partitions may be another's."""

from collections.abc import Callable

from streams.clock import elapsed_ms


class Lapses:
    """Counts the pauses of the event loop that were longer than the group waits for a member.

    A process that was frozen (SIGSTOP, a sleeping machine, a starved container) goes on in the middle of what
    it did, before its first heartbeat is refused.

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

    def count(self) -> int:
        """Return how many there were; asked in each turn of the loop, and before what can not be undone."""
        now_ms = self._clock_ms()
        self._count += now_ms - self._turned_ms > self._limit_ms
        self._turned_ms = now_ms
        return self._count
