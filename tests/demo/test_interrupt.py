"""Ctrl-C is not forgotten, though whoever was interrupted forgets it."""

import contextlib
import signal

import pytest

from watchkeeper.demo.interrupt import Interrupt


def test_a_lost_interrupt_comes_again_at_each_check() -> None:
    interrupt = Interrupt()
    interrupt.check()
    before = signal.getsignal(signal.SIGINT)
    with interrupt.heard(), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # and a library lost it
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is before


def test_who_started_us_may_have_it_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt = Interrupt()
        with interrupt.heard():
            signal.raise_signal(signal.SIGINT)
            interrupt.check()
    finally:
        signal.signal(signal.SIGINT, before)
