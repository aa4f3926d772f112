"""Logging of a worker, with repeated messages suppressed, and without secrets.

While a broker is away, Kafka clients log the same message 60 times a second. At DEBUG, aiokafka logs each
request as it is sent, also the one that contains the password.
"""

import base64
import logging
import sys
import time
from collections.abc import Callable, Collection

__all__ = ["Repeats", "Secretive", "start_logging"]

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
_TALKATIVE = ("aiokafka.conn", "aiokafka.protocol", "aiohttp.client")
"""Loggers that log requests as they are sent, with logins. At no level do they log more than INFO."""
HIDDEN = "********"
"""What stands in a log in the place of a secret."""


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


class Secretive(logging.Formatter):
    r"""Hides secrets in messages and tracebacks, also where Python escaped them or a login encoded them.

    Args:
        template: The template of a line.
        secrets: The secrets.

    >>> hide = Secretive("%(message)s", ["hunter2"])
    >>> hide.format(logging.LogRecord("aiokafka", logging.DEBUG, "", 1, "%r", (b"\0amy\0hunter2",), None))
    "b'\\x00amy\\x00********'"
    """

    def __init__(self, template: str, secrets: Collection[str]) -> None:
        super().__init__(template)
        written = {form for secret in secrets if secret for form in _forms(secret)}
        self._written = sorted(written, key=lambda form: (-len(form), form))

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record without secrets."""
        text = super().format(record)
        for form in self._written:
            text = text.replace(form, HIDDEN)
        return text


def _forms(secret: str) -> list[str]:
    """Return a secret as it may stand in a text: plain, as Python shows it, and in base64."""
    raw = secret.encode()
    return [secret, repr(secret)[1:-1], repr(raw)[2:-1], base64.b64encode(raw).decode()]


def start_logging(level: str, secrets: Collection[str] = ()) -> None:
    """Log to standard error. If the process already has log handlers, they stay as they are.

    Args:
        level: The lowest level to log. Unless it is DEBUG, Kafka clients log only warnings and errors, and
            repeated messages are suppressed.
        secrets: The secrets that must not be logged.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Secretive("%(asctime)s %(levelname)s %(name)s: %(message)s", secrets))
    if level != "DEBUG":
        handler.addFilter(Repeats())
    logging.basicConfig(handlers=[handler], level=level)
    for noisy in _CLIENTS:
        logging.getLogger(noisy).setLevel("WARNING" if level != "DEBUG" else "DEBUG")
    for talkative in _TALKATIVE:
        logging.getLogger(talkative).setLevel("INFO" if level == "DEBUG" else "NOTSET")
