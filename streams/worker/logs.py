"""What a worker logs, without floods: clients of a broker that is away say the same 60 times a second."""

import logging
import sys
import time
from collections.abc import Callable

__all__ = ["Repeats", "start_logging"]

REPEAT_SECONDS = 30.0
KINDS_MAX = 1000
_CLIENTS = "faust", "mode", "aiokafka", "watchkeeper.streams.worker.transport"


class Repeats(logging.Filter):
    """Lets a message pass once in a while, and then says how many like it there were.

    Alike are messages of one logger with one template, whatever is put into it. Critical ones always pass.

    >>> at = [0.0]
    >>> repeats = Repeats(30, lambda: at[0])
    >>> def say(node):
    ...     record = logging.LogRecord("aiokafka", logging.ERROR, "", 1, "no node %s", (node,), None)
    ...     return record.getMessage() if repeats.filter(record) else None
    >>> say(1), say(1), say(2)
    ('no node 1', None, None)
    >>> at[0] = 31
    >>> say(1)
    'no node 1 (and 2 more like it in 31 s)'
    """

    def __init__(
        self, seconds: float = REPEAT_SECONDS, clock_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock_seconds = clock_seconds
        self._told: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record; adds to it how many were not shown."""
        if record.levelno < logging.WARNING or record.levelno >= logging.CRITICAL:
            return True
        kind, now = (record.name, record.levelno, str(record.msg)), self._clock_seconds()
        told_at, hidden = self._told.get(kind, (None, 0))
        if told_at is not None and now - told_at < self._seconds:
            self._told[kind] = (told_at, hidden + 1)
            return False
        if len(self._told) >= KINDS_MAX:
            self._told.clear()
        self._told[kind] = (now, 0)
        if hidden and told_at is not None:
            record.msg = f"{record.getMessage()} (and {hidden} more like it in {now - told_at:.0f} s)"
            record.args = ()
        return True


def start_logging(level: str) -> None:
    """Log to standard error; of Kafka's clients only what is worth a warning, unless all is asked for.

    Where the process logs already, to handlers of its own, it goes on as it does.
    """
    handler = logging.StreamHandler(sys.stderr)
    if level != "DEBUG":
        handler.addFilter(Repeats())
    logging.basicConfig(
        handlers=[handler], level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in _CLIENTS:
        logging.getLogger(noisy).setLevel("WARNING" if level != "DEBUG" else "DEBUG")
