"""Ends a worker within a stated time of SIGTERM, whatever it is waiting for.

A thread of its own hears the signal, also while the event loop stands still or does not run yet. What is not
done when the time is over is left: the next worker goes on at the last checkpoint.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

log = logging.getLogger("watchkeeper.run")

EXIT_STOPPED = 0
EXIT_UNRECOVERABLE = 70
SHUTDOWN_SECONDS = 3.0
"""From the signal to the end of the process at most: on a busy machine that is not yet five."""
LATE = (
    "not everything had ended %.1f s after %s. Nothing is lost: what was not saved is folded again from the "
    "last checkpoint"
)
_FLUSH_SECONDS = 0.3
_SIGNALS = signal.SIGTERM, signal.SIGINT


class Shutdown:
    """The end of this process, once it is asked for; made in the main thread."""

    def __init__(self, deadline_seconds: float = SHUTDOWN_SECONDS) -> None:
        self._deadline_seconds = deadline_seconds
        self._stop: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._heard, self._caught = os.pipe()
        os.set_blocking(self._caught, False)

    def watch(self) -> None:
        """Take SIGTERM and SIGINT over from here on."""
        for each in _SIGNALS:
            signal.signal(each, lambda *_: None)
        self.listen()
        threading.Thread(target=self._wait, name="shutdown", daemon=True).start()

    def listen(self) -> None:
        """Have the names of signals written for our thread, by whichever thread the system interrupts.

        An event loop claims that for itself when it begins to run, so it is told again then.
        """
        signal.set_wakeup_fd(self._caught, warn_on_full_buffer=False)

    def stop_by(self, stop: Callable[[], object]) -> None:
        """Say how to stop in good order, from any thread; before that, the process just ends."""
        with self._lock:
            self._stop = stop

    def _wait(self) -> None:
        while (number := os.read(self._heard, 1)[0]) not in _SIGNALS:
            pass
        name = signal.Signals(number).name
        _briefly(lambda: log.info("%s: stopping", name))
        with self._lock:
            if self._stop is None:
                leave(EXIT_STOPPED)
            threading.excepthook = _quietly  # clients that are cut off while they talk have nothing to tell
            self._stop()
        time.sleep(self._deadline_seconds)
        _briefly(lambda: log.warning(LATE, self._deadline_seconds, name))
        leave(EXIT_STOPPED)


def _quietly(raised: threading.ExceptHookArgs) -> None:
    log.debug("a thread ended with an error while the worker stopped: %r", raised.exc_value)


def give_up(why: str, *given: object, exc_info: bool = False) -> NoReturn:
    """Say in words why the process can't go on, and end it before anything more is acknowledged."""
    log.critical(why + "; stopping before anything is acknowledged", *given, exc_info=exc_info)
    leave(EXIT_UNRECOVERABLE)


def leave(code: int) -> NoReturn:
    """End the process now, with what was logged and printed so far."""
    _briefly(_flush)
    os._exit(code)


def _briefly(work: Callable[[], object]) -> None:
    """Do what may be held up, by a full pipe for example, and do not wait for it long."""
    working = threading.Thread(target=work, daemon=True)
    working.start()
    working.join(_FLUSH_SECONDS)


def _flush() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
