"""The clocks of a worker: one for intervals, and one for the time of day that never jumps."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("watchkeeper.clock")

LOGGED_MS = 1000
"""Difference to the machine's clock, in milliseconds, from which on a warning is logged. Chosen by hand."""
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", None)
"""The clock that also counts the time in which the machine sleeps, if the system has one."""


def elapsed_ms() -> int:
    """Return milliseconds since an arbitrary moment, for intervals. Setting the clock does not change it.

    If the system can, it includes the time in which the machine sleeps.
    """
    ns = time.monotonic_ns() if _ELAPSED is None else time.clock_gettime_ns(_ELAPSED)
    return ns // 1_000_000


def wall_ms() -> int:
    """Return the machine's time, in milliseconds since 1970. It may jump when the clock is set."""
    return time.time_ns() // 1_000_000


class SteadyClock:
    """Follows the machine's time, but never goes back and never jumps, even if the machine's clock is set.

    While the two differ, it runs at half to double speed until they agree. It logs each difference once.

    Args:
        wall_ms: Returns the machine's time, in milliseconds since 1970.
        elapsed_ms: Returns a monotonic time in milliseconds.

    >>> wall, elapsed = [1_000], [0]
    >>> clock = SteadyClock(lambda: wall[0], lambda: elapsed[0])
    >>> wall[0], elapsed[0] = 3_601_100, 100  # the clock was set forward by an hour
    >>> clock()
    1200
    >>> wall[0], elapsed[0] = -3_000_000, 300  # and back by more than that
    >>> clock()
    1300
    """

    def __init__(
        self, wall_ms: Callable[[], int] = wall_ms, elapsed_ms: Callable[[], int] = elapsed_ms
    ) -> None:
        self._wall_ms = wall_ms
        self._elapsed_ms = elapsed_ms
        self._at_ms = elapsed_ms()
        self._now_ms = float(wall_ms())
        self._differs = False
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the time in milliseconds since 1970."""
        with self._lock:
            at_ms = self._elapsed_ms()
            passed_ms, self._at_ms = at_ms - self._at_ms, at_ms
            ahead_ms = self._wall_ms() - (self._now_ms + passed_ms)
            self._now_ms += passed_ms + min(max(ahead_ms, -passed_ms / 2), passed_ms)
            self._log_difference(ahead_ms)
            return int(self._now_ms)

    def _log_difference(self, ahead_ms: float) -> None:
        if abs(ahead_ms) > LOGGED_MS and not self._differs:
            self._differs = True
            way, pace = ("forward", "faster") if ahead_ms > 0 else ("back", "slower")
            log.warning(
                "the machine's clock was set %s by %.1f s; the worker's clock runs %s until they agree",
                way,
                abs(ahead_ms) / 1000,
                pace,
            )
        elif abs(ahead_ms) <= LOGGED_MS / 2 and self._differs:
            self._differs = False
            log.info("the clocks of the machine and the worker agree again")
