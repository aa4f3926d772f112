"""The worker's clock: whatever the machine's is set to, it neither leaps nor goes back."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.streams.worker.clock import SteadyClock, elapsed_ms

HOUR_MS = 3_600_000


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.elapsed_ms = 0
        self.set_by_ms = 1_700_000_000_000

    def passes(self, ms: int) -> None:
        self.elapsed_ms += ms

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.set_by_ms + self.elapsed_ms, lambda: self.elapsed_ms)


@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(-2 * HOUR_MS, 2 * HOUR_MS)), max_size=30))
def test_it_goes_between_half_and_double_speed(steps: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    before_ms = clock()
    for passed_ms, set_by_ms in steps:
        machine.set_by_ms += set_by_ms
        machine.passes(passed_ms)
        now_ms = clock()
        assert passed_ms // 2 - 1 <= now_ms - before_ms <= 2 * passed_ms + 1
        before_ms = now_ms


@pytest.mark.parametrize("set_by_ms", [HOUR_MS, -HOUR_MS, 700])
def test_it_comes_to_agree_and_says_so_once(set_by_ms: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    machine = Machine()
    clock = machine.clock()
    machine.set_by_ms += set_by_ms
    for _ in range(3 * HOUR_MS // 10_000):
        machine.passes(10_000)
        clock()
    assert abs(clock() - machine.set_by_ms - machine.elapsed_ms) <= 1
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (0 if set_by_ms == 700 else 2)


def test_what_measures_does_not_follow_the_clock_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before_ms = elapsed_ms()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert elapsed_ms() >= before_ms
