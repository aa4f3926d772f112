"""Ctrl-C, remembered: libraries in C lose the KeyboardInterrupt now and then, and the demo would run on."""

import contextlib
import signal
from collections.abc import Iterator

__all__ = ["Interrupt"]


class Interrupt:
    """Raises KeyboardInterrupt on SIGINT, and again at each `check` after it."""

    def __init__(self) -> None:
        self._came = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Hear SIGINT in here, unless whoever started us has it ignored; in the main thread."""
        before = signal.getsignal(signal.SIGINT)
        if before is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def check(self) -> None:
        """Raise KeyboardInterrupt if SIGINT has come."""
        if self._came:
            raise KeyboardInterrupt

    def _hear(self, *_: object) -> None:
        self._came = True
        raise KeyboardInterrupt
