"""Runs the last work of a process, such as a flush of its logs, in a thread that exists from the beginning.

Such work may block on a full pipe, so another thread must do it. A thread that is started when memory has run
out may never run, and the start may raise or wait for ever.
"""

import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["LastWords"]

_Work = tuple[Callable[[], object], threading.Event]


class LastWords:
    """The thread, and the queue of its work. Without `start`, the work runs in the thread of the caller.

    >>> words = LastWords()
    >>> words.start()
    >>> words.say(lambda: print("ended"), seconds=60)
    ended
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[_Work] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Call it while there is memory."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="last-words", daemon=True)
            self._thread.start()

    def say(self, work: Callable[[], object], seconds: float) -> None:
        """Run work, and wait for its end for a limited time.

        Args:
            work: It may block.
            seconds: The longest time to wait.
        """
        if self._thread is None or not self._thread.is_alive():
            work()
            return
        done = threading.Event()
        self._work.put((work, done))
        done.wait(seconds)

    def _run(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # the next work must be done in any case
                self._next()

    def _next(self) -> None:
        work, done = self._work.get()
        try:
            work()
        finally:
            done.set()
