"""Ends a worker within a fixed time after SIGTERM, even if it is blocked.

A separate thread receives the signal, even if the event loop is blocked or does not run yet. Work that is not
finished in time is dropped: the next worker continues from the last checkpoint.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from watchkeeper.streams.worker.last_words import LastWords

log = logging.getLogger("watchkeeper.run")

EXIT_STOPPED = 0
"""The exit code after SIGTERM or SIGINT (docs/reference/exit-codes.md)."""
EXIT_UNRECOVERABLE = 70
"""The exit code after an error that a worker can't handle (docs/reference/exit-codes.md)."""
SHUTDOWN_SECONDS = 3.0
"""Seconds from the signal to the end of the process. Chosen by hand: even on a busy machine, the process ends
within five seconds."""
LATE = (
    "some work had not ended %.1f s after %s. Nothing is lost: unsaved records are folded again from the "
    "last checkpoint"
)
_FLUSH_SECONDS = 0.3
"""Seconds to wait for a log line or a flush, which a full pipe can block. Chosen by hand."""
_SIGNALS = signal.SIGTERM, signal.SIGINT


class Shutdown:
    """Handles the signals that end this process. Create it in the main thread.

    Args:
        deadline_seconds: Seconds from the signal to the end of the process.
    """

    def __init__(self, deadline_seconds: float = SHUTDOWN_SECONDS) -> None:
        self._deadline_seconds = deadline_seconds
        self._stop: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._signals, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)

    def watch(self) -> None:
        """Handle SIGTERM and SIGINT from now on, and end the process if a thread is out of memory."""
        _last_words.start()
        threading.excepthook = _end_without_memory
        for each in _SIGNALS:
            signal.signal(each, lambda *_: None)
        self.listen()
        threading.Thread(target=self._wait, name="shutdown", daemon=True).start()

    def listen(self) -> None:
        """Let Python write the numbers of signals to the pipe that our thread reads.

        An event loop replaces this file descriptor by its own when it starts, so call `listen` again then.
        """
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)

    def stop_by(self, stop: Callable[[], object]) -> None:
        """Register a function that starts an orderly stop. Without one, a signal ends the process at once.

        Args:
            stop: It is called from another thread.
        """
        with self._lock:
            self._stop = stop

    def _wait(self) -> None:
        while (number := os.read(self._signals, 1)[0]) not in _SIGNALS:
            pass
        name = signal.Signals(number).name
        _last_words.say(lambda: log.info("%s: stopping", name), _FLUSH_SECONDS)
        with self._lock:
            if self._stop is None:
                leave(EXIT_STOPPED)
            # Client threads that are interrupted now raise errors that mean nothing.
            threading.excepthook = _log_thread_error
            self._stop()
        time.sleep(self._deadline_seconds)
        _last_words.say(lambda: log.warning(LATE, self._deadline_seconds, name), _FLUSH_SECONDS)
        leave(EXIT_STOPPED)


def _log_thread_error(raised: threading.ExceptHookArgs) -> None:
    log.debug("a thread ended with an error while the worker stopped: %r", raised.exc_value)


def _end_without_memory(raised: threading.ExceptHookArgs) -> None:
    """End the process if a thread ran out of memory: without that thread, the worker is not whole."""
    if issubclass(raised.exc_type, MemoryError):
        give_up("a thread is out of memory: %r", raised.exc_value)
    threading.__excepthook__(raised)


def give_up(why: str, *given: object, exc_info: bool = False) -> NoReturn:
    """Log why the process can't continue, and end it before anything more is acknowledged.

    The process ends even if it is out of memory, and nothing can be logged.

    Args:
        why: A template for the log.
        given: The values of the template.
        exc_info: Whether to log the traceback of the current exception.
    """
    try:
        raised = sys.exc_info() if exc_info else None
        text = why + "; stopping before anything is acknowledged"
        _last_words.say(lambda: log.critical(text, *given, exc_info=raised), _FLUSH_SECONDS)
    finally:
        leave(EXIT_UNRECOVERABLE)


def leave(code: int) -> NoReturn:
    """Flush logs and output, and end the process now."""
    try:
        _last_words.say(_flush, _FLUSH_SECONDS)
    finally:
        os._exit(code)


def _flush() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()


_last_words = LastWords()
