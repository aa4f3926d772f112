"""Ctrl-C is remembered, even if the interrupted code loses it."""

import contextlib
import signal

import pytest

from watchkeeper.demo.interrupt import Interrupt


def test_a_lost_interrupt_is_raised_again_at_each_check() -> None:
    interrupt = Interrupt()
    interrupt.check()
    before = signal.getsignal(signal.SIGINT)
    with interrupt.handled(), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # a library loses it
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_sigint_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt = Interrupt()
        with interrupt.handled():
            signal.raise_signal(signal.SIGINT)
            interrupt.check()
    finally:
        signal.signal(signal.SIGINT, before)
