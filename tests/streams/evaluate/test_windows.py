from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import Pane
from watchkeeper.schemas.times import END_MS
from watchkeeper.streams.evaluate.windows import (
    ALL,
    ClosedWindow,
    OpenWindows,
    Part,
    PassedPane,
    WindowDurations,
)

TUMBLING = WindowDurations(size_ms=30, every_ms=30, pane_ms=10)
ROLLING = WindowDurations(size_ms=30, every_ms=10, pane_ms=10)
UNEVEN = WindowDurations(size_ms=30, every_ms=20, pane_ms=10)
COUNTED = WindowDurations(size_ms=30, every_ms=30, pane_ms=10, rows=100)
ROLLING_COUNTED = WindowDurations(size_ms=30, every_ms=10, pane_ms=10, rows=100)
each_span = pytest.mark.parametrize("spans", [TUMBLING, ROLLING, UNEVEN, COUNTED, ROLLING_COUNTED])


def pane(start_ms, rows=10, segment=None):
    name = f"{start_ms}/{rows}".encode()
    return Pane("m", "1", segment, "predictions", start_ms, start_ms + 10, "l", rows, name)


def closed_by(windows, until_ms, spans, faulty=()):
    """Advance; return the windows that closed."""
    return [step for step in steps_by(windows, until_ms, spans, faulty) if isinstance(step, ClosedWindow)]


def steps_by(windows, until_ms, spans, faulty=()):
    steps = []
    while (step := windows.next(until_ms, spans)) is not None:
        steps.append(step)
        if isinstance(step, ClosedWindow):
            windows.settle(step, set(faulty), spans)
    return steps


def bounds(closed):
    return [(window.start_ms, window.end_ms, window.parts[ALL].rows) for window in closed]


def filled(spans, *panes):
    windows = OpenWindows()
    for each in panes:
        windows.add(each, spans)
    return windows


def test_a_tumbling_window_closes_when_time_has_passed_its_end():
    windows = filled(TUMBLING, pane(0), pane(20, 5), pane(30, 7))
    assert closed_by(windows, 29, TUMBLING) == []
    assert bounds(closed_by(windows, 30, TUMBLING)) == [(0, 30, 15)]
    assert bounds(closed_by(windows, 90, TUMBLING)) == [(30, 60, 7)]
    assert windows.grains == {}


def test_a_rolling_window_holds_what_the_ones_before_held():
    windows = filled(ROLLING, pane(0, 1), pane(10, 2), pane(40, 4))
    assert bounds(closed_by(windows, 100, ROLLING)) == [
        (-20, 10, 1), (-10, 20, 3), (0, 30, 3), (10, 40, 2), (20, 50, 4), (30, 60, 4), (40, 70, 4),
    ]  # fmt: skip
    assert windows.grains == {}


def test_a_window_without_rows_is_none():
    assert closed_by(filled(TUMBLING, pane(0), pane(90)), 120, TUMBLING)[1].start_ms == 90
    assert OpenWindows().next(END_MS, TUMBLING) is None


def test_a_window_closes_at_the_pane_that_fills_it_and_the_rest_at_the_end_of_its_time():
    windows = filled(COUNTED, pane(0, 60), pane(10, 60), pane(20, 30), pane(30, 200))
    assert bounds(closed_by(windows, 60, COUNTED)) == [(0, 20, 120), (20, 30, 30), (30, 40, 200)]


def test_a_rolling_window_that_is_full_closes_early_and_keeps_its_size():
    windows = filled(WindowDurations(30, 20, 10, rows=100), pane(0, 60), pane(10, 10), pane(20, 90))
    spans = WindowDurations(30, 20, 10, rows=100)
    assert bounds(closed_by(windows, 40, spans)) == [(-10, 20, 70), (10, 40, 100)]
    windows = filled(spans, pane(0, 100), pane(10, 1))
    assert bounds(closed_by(windows, 20, spans)) == [(-20, 10, 100), (-10, 20, 101)]


def test_panes_pass_in_order_of_time_and_before_their_window():
    windows = filled(TUMBLING, pane(20, 3), pane(0, 1), pane(0, 2), pane(0, 9, "origin=EWR"))
    steps = steps_by(windows, 30, TUMBLING)
    assert steps[:2] == [PassedPane(10, Part(3, [b"0/1", b"0/2"])), PassedPane(30, Part(3, [b"20/3"]))]
    assert {name: part.rows for name, part in steps[2].parts.items()} == {ALL: 6, "origin=EWR": 9}


def test_a_pane_is_late_when_event_time_has_closed_its_window():
    windows = OpenWindows()
    assert not windows.is_late(pane(20), 29, TUMBLING)
    assert windows.is_late(pane(20), 30, TUMBLING)
    assert not windows.is_late(pane(30), 59, TUMBLING)
    assert windows.is_late(pane(10), 20, ROLLING)


def test_a_pane_is_late_when_its_window_was_full():
    windows = filled(COUNTED, pane(0, 100))
    closed_by(windows, 10, COUNTED)
    assert windows.is_late(pane(0), 10, COUNTED)
    assert not windows.is_late(pane(10), 10, COUNTED)


@each_span
def test_a_pane_is_late_when_its_window_has_closed_by_the_clock(spans):
    windows = filled(spans, pane(0, 1), pane(20, 2))
    [*_, last] = closed_by(windows, windows.open_until_ms(spans), spans)
    assert last.end_ms > 5
    assert windows.is_late(pane(10, 7), 5, spans)
    assert not windows.is_late(pane(last.end_ms, 7), 5, spans)


@each_span
def test_open_until_gives_every_row_a_window(spans):
    windows = filled(spans, pane(0, 1), pane(50, 2))
    closed = closed_by(windows, windows.open_until_ms(spans), spans)
    assert {name for window in closed for name in window.parts[ALL].profiles} == {b"0/1", b"50/2"}


def test_what_leaves_the_windows_is_handed_over_without_what_was_in_a_fault():
    windows = filled(ROLLING, pane(0), pane(0, 3, "origin=JFK"), pane(10), pane(20), pane(30))
    handed = []
    for faulty in ({"origin=JFK"}, set(), set(), {ALL}, set(), set()):
        step = next(
            step for step in iter(lambda: windows.next(60, ROLLING), None) if isinstance(step, ClosedWindow)
        )
        handed.append([sorted(parts) for parts in windows.settle(step, faulty, ROLLING)])
    # The fault in the window that ends at 40 takes the grains at 10, 20 and 30 with it.
    assert handed == [[], [], [[ALL]], [[]], [[]], [[]]]


def test_spans_are_read_off_the_monitor_and_labels_may_have_their_own_size():
    monitor = Monitor.model_validate(
        {
            "model": "m", "owner": {"team": "t"}, "task": "regression",
            "features": {"x": {"type": "number"}}, "labels": {"window": "PT6H"},
            "windows": {"pane": "PT5M", "size": "PT1H", "every": "PT15M", "lateness": "PT2M", "rows": 9},
        }
    )  # fmt: skip
    minute = 60_000
    assert WindowDurations.of(monitor, "predictions")[:5] == (
        60 * minute,
        15 * minute,
        5 * minute,
        2 * minute,
        9,
    )
    assert WindowDurations.of(monitor, "labels").size_ms == 360 * minute
    assert WindowDurations.of(monitor, "labels").rows is None
    tumbling = monitor.model_copy(update={"windows": monitor.windows.model_copy(update={"every": None})})
    assert WindowDurations.of(tumbling, "labels").every_ms == 360 * minute


streams = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 150)), min_size=8, max_size=30)


@each_span
@example(panes=[(n, 60) for n in range(20)], cuts=[30, 70, 150])
@given(panes=streams, cuts=st.lists(st.integers(0, 350), min_size=2, max_size=8))
def test_it_does_not_matter_in_how_many_steps_time_came_or_in_which_order_panes(spans, panes, cuts):
    made = [pane(10 * at, rows) for at, rows in panes]
    at_once = steps_by(filled(spans, *made), 1000, spans)
    windows, in_steps, left = OpenWindows(), [], sorted(made, key=lambda each: (each.end_ms, each.rows))
    for cut in sorted(cuts):
        for each in [each for each in left if each.end_ms <= cut]:
            assert not windows.is_late(each, min(cut, each.end_ms - 1), spans)
            windows.add(each, spans)
        left = [each for each in left if each.end_ms > cut]
        in_steps += steps_by(windows, cut, spans)
        windows = msgspec.msgpack.decode(msgspec.msgpack.encode(windows), type=OpenWindows)
    for each in left:
        windows.add(each, spans)
    in_steps += steps_by(windows, 1000, spans)
    assert ordered(in_steps) == ordered(at_once)
    assert windows.grains == {}


def ordered(steps):
    """Profiles that are merged have no order."""
    for step in steps:
        for part in [step.part] if isinstance(step, PassedPane) else step.parts.values():
            part.profiles.sort()
    return steps


@given(panes=streams)
def test_every_row_is_in_exactly_one_tumbling_window(panes):
    for spans in (TUMBLING, COUNTED):
        closed = closed_by(filled(spans, *(pane(10 * at, rows) for at, rows in panes)), 1000, spans)
        names = Counter(name for window in closed for name in window.parts[ALL].profiles)
        assert names == Counter(f"{10 * at}/{rows}".encode() for at, rows in panes)
        assert all(a.end_ms <= b.start_ms for a, b in pairwise(closed))


@given(panes=streams)
def test_a_rolling_window_holds_the_panes_that_start_in_it(panes):
    closed = closed_by(filled(ROLLING, *(pane(10 * at, rows) for at, rows in panes)), 1000, ROLLING)
    for window in closed:
        inside = [rows for at, rows in panes if window.start_ms <= 10 * at < window.end_ms]
        assert window.parts[ALL].rows == sum(inside)
    assert len(closed) == len({10 * at + 10 * k for at, _ in panes for k in range(3)})


def test_the_streams_of_the_properties_do_fill_windows_early():
    closed = closed_by(filled(COUNTED, *(pane(10 * n, 60) for n in range(20))), 1000, COUNTED)
    assert any(window.end_ms % 30 for window in closed)
