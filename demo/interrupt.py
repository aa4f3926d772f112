"""Remembers Ctrl-C. Libraries in C sometimes lose a KeyboardInterrupt, and the demo would continue."""

import contextlib
import signal
from collections.abc import Iterator

__all__ = ["Interrupt"]


class Interrupt:
    """Raises KeyboardInterrupt on SIGINT, and again at each later `check`."""

    def __init__(self) -> None:
        self._received = False

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle SIGINT inside this context, in the main thread. An ignored SIGINT stays ignored."""
        before = signal.getsignal(signal.SIGINT)
        if before is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def check(self) -> None:
        """Raise KeyboardInterrupt if SIGINT was received."""
        if self._received:
            raise KeyboardInterrupt

    def _handle(self, *_: object) -> None:
        self._received = True
        raise KeyboardInterrupt
