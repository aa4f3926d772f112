"""The clocks of a worker: one that only measures, and one that tells the time without ever leaping."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("watchkeeper.clock")

TOLD_MS = 1000
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed_ms() -> int:
    """Return milliseconds since some moment: for intervals. No setting of the clock changes it.

    Where the system tells, a machine that slept has aged meanwhile.
    """
    ns = time.monotonic_ns() if _ELAPSED is None else time.clock_gettime_ns(_ELAPSED)
    return ns // 1_000_000


def wall_ms() -> int:
    """Return the machine's time, which may be set forward and back; in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class SteadyClock:
    """Tells the machine's time, but never goes back and never leaps, whatever the machine's clock is set to.

    When the two differ, it goes at up to twice or down to half its speed until they agree, and says so once.

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
            self._tell(ahead_ms)
            return int(self._now_ms)

    def _tell(self, ahead_ms: float) -> None:
        if abs(ahead_ms) > TOLD_MS and not self._differs:
            self._differs = True
            way, pace = ("forward", "faster") if ahead_ms > 0 else ("back", "slower")
            log.warning(
                "the machine's clock was set %s by %.1f s; the worker's goes %s until they agree",
                way,
                abs(ahead_ms) / 1000,
                pace,
            )
        elif abs(ahead_ms) <= TOLD_MS / 2 and self._differs:
            self._differs = False
            log.info("the machine's clock and the worker's agree again")
