"""Logging of a worker, with repeated messages suppressed.

While a broker is away, Kafka clients log the same message 60 times a second.
"""

import logging
import sys
import time
from collections.abc import Callable

__all__ = ["Repeats", "start_logging"]

REPEAT_SECONDS = 30.0
"""Minimum seconds between two logged messages of one kind. Chosen by hand: detail against volume."""
KINDS_MAX = 1000
"""Maximum kinds of messages that are remembered. Chosen by hand: it bounds memory."""
_CLIENTS = (
    "faust",
    "mode",
    "aiokafka",
    "watchkeeper.streams.worker.app",  # mode logs a service by the module of its class
    "watchkeeper.streams.worker.transport",
)


class Repeats(logging.Filter):
    """Passes one message of each kind per interval, and adds how many were suppressed since.

    Messages are of one kind if they have the same logger, level and template. Critical messages always pass.

    Args:
        seconds: The interval.
        clock_seconds: Returns a monotonic time in seconds.

    >>> at = [0.0]
    >>> repeats = Repeats(30, lambda: at[0])
    >>> def log(node):
    ...     record = logging.LogRecord("aiokafka", logging.ERROR, "", 1, "no node %s", (node,), None)
    ...     return record.getMessage() if repeats.filter(record) else None
    >>> log(1), log(1), log(2)
    ('no node 1', None, None)
    >>> at[0] = 31
    >>> log(1)
    'no node 1 (and 2 more like it in 31 s)'
    """

    def __init__(
        self, seconds: float = REPEAT_SECONDS, clock_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock_seconds = clock_seconds
        self._shown: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record, and add to it how many were suppressed."""
        if record.levelno < logging.WARNING or record.levelno >= logging.CRITICAL:
            return True
        kind, now = (record.name, record.levelno, str(record.msg)), self._clock_seconds()
        shown_at, hidden = self._shown.get(kind, (None, 0))
        if shown_at is not None and now - shown_at < self._seconds:
            self._shown[kind] = (shown_at, hidden + 1)
            return False
        if len(self._shown) >= KINDS_MAX:
            self._shown.clear()
        self._shown[kind] = (now, 0)
        if hidden and shown_at is not None:
            record.msg = f"{record.getMessage()} (and {hidden} more like it in {now - shown_at:.0f} s)"
            record.args = ()
        return True


def start_logging(level: str) -> None:
    """Log to standard error. If the process already has log handlers, they stay as they are.

    Args:
        level: The lowest level to log. Unless it is DEBUG, Kafka clients log only warnings and errors, and
            repeated messages are suppressed.
    """
    handler = logging.StreamHandler(sys.stderr)
    if level != "DEBUG":
        handler.addFilter(Repeats())
    logging.basicConfig(
        handlers=[handler], level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in _CLIENTS:
        logging.getLogger(noisy).setLevel("WARNING" if level != "DEBUG" else "DEBUG")
